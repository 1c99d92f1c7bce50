//! Outcomes that end: a refusal is forgotten some time after it was decided, and an order that was confirmed is not.

use crate::shop::{Shop, texts};
use holdfast_model::timesale::{self, REFUSED, Settings};
use holdfast_topologies::timesale::{topology_with, view};
use std::ops::ControlFlow;

const HOUR_MS: i64 = 3_600_000;

/// Rows of refused orders that are stored in the place of sale 1, ended or not.
fn stored(shop: &Shop) -> usize {
    let mut rows = 0;
    let visit = &mut |_, _| {
        rows += 1;
        ControlFlow::Continue(())
    };
    shop.task("1").scan(REFUSED.stored(), &[], visit).unwrap();
    rows
}

fn status(shop: &Shop, unique: &str) -> Option<&'static str> {
    view::order(&shop.task("1"), &Shop::order_id(unique)).unwrap().map(|order| order.status)
}

#[test]
fn a_refusal_ends_and_a_confirmed_order_stays() {
    let mut shop = Shop::of(&topology_with(&Settings { outcome_retention_ms: HOUR_MS }));
    shop.order("mine", "u", 5);
    for n in 0..9 {
        shop.order(&format!("too-much-{n}"), "u", 1);
    }
    shop.driver.settle();
    assert_eq!(
        (status(&shop, "mine"), status(&shop, "too-much-3"), stored(&shop)),
        (Some("CONFIRMED"), Some("FAILED"), 9)
    );

    shop.driver.advance_ms(50 * 60_000);
    shop.order("too-much-3", "u", 1);
    shop.driver.settle();
    assert_eq!(shop.read(timesale::FAILURES).len(), 9, "a retry");

    shop.driver.advance_ms(12 * 60_000);
    // Any record moves the time of the place; the one after it is decided without what has ended.
    assert_eq!(shop.cancel("c", &Shop::order_id("mine"), "u"), ("SUCCESS", None));
    assert_eq!((status(&shop, "mine"), status(&shop, "too-much-3")), (Some("CANCELLED"), None));
    shop.order("mine", "u", 5);
    shop.order("too-much-3", "u", 1);
    shop.driver.settle();
    // A confirmed order keeps its identity; a refused one is another order by now, and there is room for it.
    assert_eq!(texts(&shop.read(timesale::SUCCESS), "status"), ["SUCCESS", "CANCELLED", "SUCCESS"]);
    assert_eq!((status(&shop, "too-much-3"), shop.stock()), (Some("CONFIRMED"), (1, 99)));
    assert!(stored(&shop) < 9, "what has ended is deleted");
    shop.check();

    shop.driver.lose_disk();
    assert_eq!((status(&shop, "mine"), status(&shop, "too-much-4"), shop.stock()), (Some("CANCELLED"), None, (1, 99)));
    shop.check();
}
