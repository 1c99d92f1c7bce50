//! Outcomes that end: a request is forgotten some time after it was decided, and what it has got is not.

use crate::shop::{Shop, texts};
use holdfast_model::coupon::message::{AdjustStock, Command};
use holdfast_model::coupon::{self, COMMANDS, REQUESTS, Settings};
use holdfast_topologies::coupon::{topology_with, view};
use std::ops::ControlFlow;

const HOUR_MS: i64 = 3_600_000;

fn open() -> Shop {
    Shop::of(&topology_with(&Settings { outcome_retention_ms: HOUR_MS }))
}

/// Rows of requests and commands that are stored in the place of policy 1, ended or not.
fn stored(shop: &Shop) -> (usize, usize) {
    let (mut requests, mut commands) = (0, 0);
    let task = shop.task("1");
    task.scan(REQUESTS.stored(), &[], &mut |_, _| {
        requests += 1;
        ControlFlow::Continue(())
    })
    .unwrap();
    task.scan(COMMANDS.stored(), &[], &mut |_, _| {
        commands += 1;
        ControlFlow::Continue(())
    })
    .unwrap();
    (requests, commands)
}

fn status(shop: &Shop, id: &str) -> Option<&'static str> {
    view::request(&shop.task("1"), id).unwrap().map(|request| request.status)
}

#[test]
fn an_outcome_ends_and_the_coupon_stays() {
    let mut shop = open();
    for n in 0..20 {
        shop.ask(&format!("r-{n}"), &format!("user-{n}"));
    }
    shop.driver.settle();
    assert_eq!((status(&shop, "r-3"), stored(&shop)), (Some("SUCCESS"), (20, 1)));
    let sent = shop.read(coupon::SUCCESS).len();

    shop.driver.advance_ms(50 * 60_000);
    shop.ask("r-3", "user-3");
    shop.driver.settle();
    assert_eq!((status(&shop, "r-3"), shop.read(coupon::SUCCESS).len()), (Some("SUCCESS"), sent), "a retry");
    shop.check();

    shop.driver.advance_ms(12 * 60_000);
    // Any record moves the time of the place; the one after it is decided without what has ended.
    shop.ask("late", "user-99");
    shop.ask("r-3", "user-3");
    shop.driver.settle();
    assert_eq!((status(&shop, "r-4"), status(&shop, "late")), (None, Some("SUCCESS")));
    // It is another request by now: of a user who has a coupon.
    assert_eq!(status(&shop, "r-3"), Some("DUPLICATE_REQUEST"));
    assert_eq!((shop.read(coupon::SUCCESS).len(), shop.policy().issued), (sent + 1, 21));
    assert_eq!(texts(&shop.read(coupon::FAILURES), "requestId"), ["r-3"]);
    shop.check();

    // Another commit cleans up behind it.
    shop.ask("later", "user-98");
    shop.driver.settle();
    assert_eq!(stored(&shop), (3, 0));
    shop.driver.lose_disk();
    assert_eq!((stored(&shop), status(&shop, "r-4"), status(&shop, "r-3")), ((3, 0), None, Some("DUPLICATE_REQUEST")));
    assert_eq!(view::coupons_of_user(&shop.task("1"), "user-4").unwrap().len(), 1);
    shop.check();
}

#[test]
fn a_command_is_forgotten_after_its_retention_and_not_before() {
    let mut shop = open();
    let adjust = Command::AdjustStock(AdjustStock {
        policy_id: "1".to_owned(),
        by: 5,
        request_id: Some("a".to_owned()),
        ..AdjustStock::default()
    });
    shop.command("1", &adjust);
    shop.driver.advance_ms(55 * 60_000);
    shop.command("1", &adjust);
    assert_eq!((shop.policy().total_quantity, shop.command_status("a").0), (105, "SUCCESS"));
    shop.driver.advance_ms(10 * 60_000);
    shop.ask("r", "u");
    shop.driver.settle();
    assert_eq!(view::command(&shop.task("1"), "a").unwrap(), None);
    shop.command("1", &adjust);
    assert_eq!((shop.policy().total_quantity, shop.command_status("a").0), (110, "SUCCESS"));
    shop.check();
}
