//! Orders that are cancelled: their units are for sale again, once.

use crate::shop::{PLACES, Shop, texts};
use holdfast_model::timesale;
use serde_json::json;

#[test]
fn a_cancelled_order_gives_its_units_back_once() {
    let mut shop = Shop::open();
    let id = Shop::order_id("a");
    shop.order("a", "u", 5);
    shop.order("b", "u", 1);
    shop.driver.settle();
    assert_eq!(shop.stock(), (5, 95));
    assert_eq!(shop.order_view(&Shop::order_id("b")).code, Some("LIMIT_EXCEEDED"));

    assert_eq!(shop.cancel("c1", &id, "u"), ("SUCCESS", None));
    assert_eq!(shop.stock(), (0, 100));
    // The same command, another command, and the order itself again: nothing more happens.
    assert_eq!(shop.cancel("c1", &id, "u"), ("SUCCESS", None));
    assert_eq!(shop.cancel("c2", &id, "u"), ("SUCCESS", None));
    shop.order("a", "u", 5);
    shop.driver.settle();
    assert_eq!(shop.stock(), (0, 100));
    let told = shop.read(timesale::SUCCESS);
    assert_eq!(texts(&told, "status"), ["SUCCESS", "CANCELLED"]);
    let out = &shop.driver.read(timesale::SUCCESS)[1];
    let order = shop.order_view(&id);
    let (ordered_at, cancelled_at) = (order.ordered_at.clone().unwrap(), order.cancelled_at.clone().unwrap());
    assert_eq!(
        out.text(),
        format!(
            r#"{{"eventId":"{id}.cancelled","requestId":"c1","orderId":"{id}","timeSaleId":"1","userId":"u","quantity":5,"status":"CANCELLED","unitPrice":9900,"amount":49500,"orderedAt":"{ordered_at}","cancelledAt":"{cancelled_at}","remaining":100}}"#
        )
    );
    assert_eq!((out.key().as_str(), out.partition), ("1", Shop::place("1")));
    assert_eq!(out.header("ce_type").as_deref(), Some("timesale.order.cancelled"));
    assert_eq!(out.header("ce_id"), Some(format!("{id}.cancelled")));
    assert_eq!(order.status, "CANCELLED");
    // No notice of the buyer's own deed: one success, one refusal.
    assert_eq!(shop.read(timesale::NOTIFICATIONS).len(), 2);

    // The buyer may order again, up to the limit.
    shop.order("d", "u", 5);
    shop.driver.settle();
    assert_eq!((shop.order_view(&Shop::order_id("d")).status, shop.stock()), ("CONFIRMED", (5, 95)));
    shop.check();
}

#[test]
fn only_the_buyer_cancels_and_only_what_is_confirmed() {
    let mut shop = Shop::open();
    let id = Shop::order_id("a");
    shop.order("a", "u", 2);
    shop.order("b", "u", 9);
    shop.driver.settle();
    assert_eq!(shop.cancel("c1", &id, "v"), ("NOT_FOUND", Some("ORDER_NOT_FOUND")));
    assert_eq!(shop.cancel("c2", &Shop::order_id("x"), "u"), ("NOT_FOUND", Some("ORDER_NOT_FOUND")));
    assert_eq!(shop.cancel("c3", &Shop::order_id("b"), "u"), ("CONFLICT", Some("ORDER_NOT_CONFIRMED")));
    assert_eq!(shop.cancel("c4", &Shop::order_id("b"), "v"), ("NOT_FOUND", Some("ORDER_NOT_FOUND")));
    assert_eq!(shop.cancel("c5", "no-order-id", "u"), ("NOT_FOUND", Some("ORDER_NOT_FOUND")));
    assert_eq!(shop.stock(), (2, 98));
    // A command that was refused stays refused, whatever has changed since.
    shop.pipe(Some("1"), r#"{"requestId":"x","timeSaleId":"1","userId":"u","quantity":1}"#);
    shop.driver.settle();
    assert_eq!(shop.cancel("c2", &Shop::order_id("x"), "u"), ("NOT_FOUND", Some("ORDER_NOT_FOUND")));
    assert_eq!(shop.cancel("c6", &Shop::order_id("x"), "u"), ("SUCCESS", None), "a foreign id has become an order id");
    assert_eq!(shop.stock(), (2, 98));
    shop.check();
}

#[test]
fn a_cancel_finds_the_place_of_its_order() {
    let mut shop = Shop::open();
    shop.order("a", "u", 2);
    shop.driver.settle();
    let id = Shop::order_id("a");
    let away = (Shop::place("1") + 1) % PLACES;
    let json = json!({"type": "cancel-order", "requestId": "c", "orderId": id, "userId": "u"}).to_string();
    shop.pipe_bytes(away, None, Some(json.as_bytes()), &[]);
    // A place that does not exist is a made-up id, unknown wherever it turns up.
    let json = json!({"type": "cancel-order", "requestId": "d", "orderId": "ord_77_a", "userId": "u"}).to_string();
    shop.pipe_bytes(Shop::place("1"), None, Some(json.as_bytes()), &[]);
    shop.driver.settle();
    assert_eq!(shop.command_status("c"), ("SUCCESS", None));
    assert_eq!(shop.command_status("d"), ("NOT_FOUND", Some("ORDER_NOT_FOUND")));
    assert_eq!((shop.order_view(&id).status, shop.stock()), ("CANCELLED", (0, 100)));
    assert!(shop.dead_letters().is_empty());
    shop.check();
}

#[test]
fn units_that_came_back_go_to_the_next_order_and_not_to_an_earlier_one() {
    let mut shop = Shop::open();
    for user in 1..=20 {
        shop.order(&format!("fill-{user}"), &format!("filler-{user}"), 5);
    }
    shop.order("early", "u", 5);
    shop.driver.settle();
    assert_eq!(shop.cancel("c", &Shop::order_id("fill-7"), "filler-7"), ("SUCCESS", None));
    shop.order("next", "v", 5);
    shop.driver.settle();
    assert_eq!(shop.order_view(&Shop::order_id("early")).status, "FAILED");
    assert_eq!(shop.order_view(&Shop::order_id("next")).status, "CONFIRMED");
    assert_eq!(shop.stock(), (100, 0));
    shop.check();
}
