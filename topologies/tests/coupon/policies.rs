//! Policies and their stock.

use crate::shop::{Shop, texts};
use holdfast_engine::inspect::header;
use holdfast_model::coupon::message::{AdjustStock, Command, CreatePolicy};
use holdfast_model::coupon::{self, sample};
use holdfast_topologies::coupon::view;

#[test]
fn the_same_policy_may_be_created_again_and_another_may_not() {
    let mut shop = Shop::open();
    shop.ask("a", "u");
    let again = CreatePolicy { request_id: Some("again".to_owned()), ..sample::policy() };
    let other = CreatePolicy { request_id: Some("other".to_owned()), total_quantity: 5, ..sample::policy() };
    let bad = CreatePolicy { request_id: Some("bad".to_owned()), total_quantity: -5, ..sample::policy() };
    for command in [again, other.clone(), bad] {
        shop.command("1", &Command::CreatePolicy(command));
    }
    assert_eq!(shop.command_status("sample-coupon-policy-1"), ("SUCCESS", None));
    assert_eq!(shop.command_status("again"), ("SUCCESS", None));
    assert_eq!(shop.command_status("other"), ("CONFLICT", Some("POLICY_ALREADY_EXISTS")));
    assert_eq!(shop.command_status("bad"), ("VALIDATION_FAILED", Some("INVALID_QUANTITY")));
    assert_eq!((shop.policy().total_quantity, shop.policy().issued), (100, 1));

    // An id that said something else before.
    shop.command("1", &Command::CreatePolicy(CreatePolicy { title: "다른".to_owned(), ..other }));
    assert_eq!(shop.dead_letters()[0].header(header::CLASS).as_deref(), Some("RequestIdReused"));
    assert_eq!(view::policies(&shop.task("1")).unwrap(), vec![shop.policy()]);
}

#[test]
fn stock_is_adjusted_in_log_order() {
    let mut shop = Shop::open();
    let adjust = |id: &str, by| {
        Command::AdjustStock(AdjustStock {
            request_id: Some(id.to_owned()),
            policy_id: "1".to_owned(),
            by,
            ..AdjustStock::default()
        })
    };
    shop.ask("a", "1");
    shop.ask("b", "2");
    shop.command("1", &adjust("down", -98));
    shop.command("1", &adjust("too-far", -1));
    shop.ask("c", "3");
    shop.command("1", &adjust("up", 1));
    shop.command("1", &adjust("up", 1));
    // A retry of the refused one stays refused; a new request gets the new coupon.
    shop.ask("c", "3");
    shop.ask("d", "3");
    shop.driver.settle();
    assert_eq!(shop.command_status("down"), ("SUCCESS", None));
    assert_eq!(shop.command_status("too-far"), ("CONFLICT", Some("STOCK_BELOW_ISSUED")));
    assert_eq!(shop.command_status("up"), ("SUCCESS", None));
    assert_eq!(texts(&shop.read(coupon::SUCCESS), "requestId"), ["a", "b", "d"]);
    assert_eq!(texts(&shop.read(coupon::FAILURES), "requestId"), ["c"]);
    let policy = shop.policy();
    assert_eq!((policy.total_quantity, policy.issued, policy.remaining), (3, 3, 0));
    shop.check();
}
