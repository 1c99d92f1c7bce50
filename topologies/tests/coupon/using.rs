//! A coupon is used.

use crate::shop::{PLACES, Shop};
use holdfast_model::coupon::message::{Command, UseCoupon};
use holdfast_topologies::coupon::view;

#[test]
fn a_coupon_is_used_once() {
    let mut shop = Shop::open();
    shop.ask("a", "u");
    shop.driver.settle();
    let place = Shop::place("1");
    let id = format!("cpn_{place}_1_1");
    let with = |command_id: &str, coupon_id: &str, user_id: &str, order_id: &str| {
        Command::UseCoupon(UseCoupon {
            request_id: Some(command_id.to_owned()),
            coupon_id: coupon_id.to_owned(),
            user_id: user_id.to_owned(),
            order_id: order_id.to_owned(),
            ..UseCoupon::default()
        })
    };
    shop.command("1", &with("stranger", &id, "v", "o1"));
    shop.command("1", &with("use", &id, "u", "o1"));
    shop.command("1", &with("same", &id, "u", "o1"));
    shop.command("1", &with("other", &id, "u", "o2"));
    shop.command("1", &with("none", &format!("cpn_{place}_1_9"), "u", "o1"));
    shop.command("1", &with("shapeless", "coupon 1", "u", "o1"));
    shop.command("1", &with("made-up", &format!("cpn_{}_1_1", (place + 1) % PLACES), "u", "o1"));
    for (command_id, expected) in [
        ("stranger", ("NOT_FOUND", Some("COUPON_NOT_FOUND"))),
        ("use", ("SUCCESS", None)),
        ("same", ("SUCCESS", None)),
        ("other", ("CONFLICT", Some("COUPON_NOT_USABLE"))),
        ("none", ("NOT_FOUND", Some("COUPON_NOT_FOUND"))),
        ("shapeless", ("NOT_FOUND", Some("COUPON_NOT_FOUND"))),
        ("made-up", ("NOT_FOUND", Some("COUPON_NOT_FOUND"))),
    ] {
        assert_eq!(shop.command_status(command_id), expected, "{command_id}");
    }
    let coupon = view::coupon(&shop.task("1"), &id).unwrap().unwrap();
    assert_eq!((coupon.status, coupon.order_id.as_deref()), ("USED", Some("o1")));

    // In a foreign place the id brings it home.
    let json = with("astray", &id, "u", "o1").to_json();
    shop.pipe_bytes((place + 1) % PLACES, None, Some(&json), &[]);
    shop.driver.settle();
    assert_eq!(shop.command_status("astray"), ("SUCCESS", None));
    assert!(shop.dead_letters().is_empty());
    shop.check();
}
