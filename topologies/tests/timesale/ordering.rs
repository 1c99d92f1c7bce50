//! Which orders are confirmed, which are refused, and how it is said.

use crate::shop::{PLACES, Shop, texts};
use holdfast_engine::prelude::place_of;
use holdfast_model::rfc3339;
use holdfast_model::timesale;
use holdfast_model::timesale::message::{Command, CreateSale, OrderRequest};
use holdfast_model::wire::When;
use holdfast_sim::driver::Out;
use serde_json::{Value, json};

#[test]
fn the_seeds_order_leaves_ninety_nine() {
    let mut shop = Shop::open();
    shop.pipe(Some("1"), r#"{"timeSaleId":"1","userId":"1001","quantity":1}"#);
    shop.driver.settle();
    assert_eq!(shop.stock(), (1, 99));
    let confirmed = shop.read(timesale::SUCCESS);
    assert_eq!((confirmed.len(), &confirmed[0]["remaining"], &confirmed[0]["quantity"]), (1, &json!(99), &json!(1)));
    assert!(shop.read(timesale::FAILURES).is_empty() && shop.dead_letters().is_empty());
    shop.check();
}

#[test]
fn an_outcome_reads_as_promised() {
    let mut shop = Shop::open();
    let trace = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let place = Shop::place("1");
    let id = Shop::order_id("a");
    let json = format!(
        r#"{{"eventId":"e","requestId":"{id}","timeSaleId":"1","userId":"1001","quantity":3,"requestedAt":"just now"}}"#
    );
    shop.pipe_bytes(place, Some(b"1"), Some(json.as_bytes()), &[("traceparent", trace)]);
    shop.driver.settle();
    let order = shop.order_view(&id);
    let ordered_at = order.ordered_at.clone().unwrap();
    assert!(rfc3339::parse(&ordered_at).is_some());

    let out = &shop.driver.read(timesale::SUCCESS)[0];
    assert_eq!(
        out.text(),
        format!(
            r#"{{"eventId":"e","requestId":"{id}","orderId":"{id}","timeSaleId":"1","userId":"1001","quantity":3,"status":"SUCCESS","unitPrice":9900,"amount":29700,"orderedAt":"{ordered_at}","requestedAt":"just now","remaining":97}}"#
        )
    );
    assert_eq!((out.key().as_str(), out.partition), ("1", place));
    for (name, value) in [
        ("ce_specversion", "1.0"),
        ("ce_id", &*format!("{id}.outcome")),
        ("ce_source", &format!("/timesale/{place}")),
        ("ce_type", "timesale.order.confirmed"),
        ("ce_time", &ordered_at),
        ("content-type", "application/json"),
        ("traceparent", std::str::from_utf8(trace).unwrap()),
    ] {
        assert_eq!(out.header(name).as_deref(), Some(value), "{name}");
    }

    let notified = &shop.driver.read(timesale::NOTIFICATIONS)[0];
    assert_eq!((notified.key().as_str(), notified.partition), ("1001", place_of(b"1001", PLACES)));
    let expected = json!({
        "eventId": format!("{id}.confirmed"), "eventType": "notification.request", "eventTime": ordered_at,
        "payload": {
            "userId": "1001", "type": "TIMESALE_SUCCESS", "priority": "MEDIUM", "title": "타임세일 주문 완료",
            "message": "오늘의 타임세일 3개 주문이 완료되었습니다.",
            "data": {"orderId": id, "timeSaleId": "1", "timeSaleTitle": "오늘의 타임세일", "quantity": "3"}
        }
    });
    assert_eq!(serde_json::from_str::<Value>(&notified.text()).unwrap(), expected);
    assert_eq!((order.status, order.amount, order.quantity), ("CONFIRMED", Some(29_700), Some(3)));
}

#[test]
fn the_last_units_go_to_the_first_order_that_they_suffice_for() {
    let mut shop = Shop::open();
    // 19 orders of 5 leave 5 units.
    for user in 1..=19 {
        shop.order(&format!("fill-{user}"), &format!("filler-{user}"), 5);
    }
    for (unique, user, quantity) in [("a", "u1", 3), ("b", "u2", 3), ("c", "u3", 2), ("d", "u4", 1)] {
        shop.order(unique, user, quantity);
    }
    shop.driver.settle();
    assert_eq!(shop.stock(), (100, 0));
    let refused = shop.read(timesale::FAILURES);
    assert_eq!(texts(&refused, "orderId"), [Shop::order_id("b"), Shop::order_id("d")]);
    assert_eq!(texts(&refused, "status"), ["OUT_OF_STOCK"; 2]);
    assert_eq!((&refused[0]["remaining"], &refused[1]["remaining"]), (&json!(2), &json!(0)));
    assert_eq!(shop.order_view(&Shop::order_id("c")).status, "CONFIRMED");
    let failed = shop.order_view(&Shop::order_id("b"));
    assert_eq!(
        (failed.status, failed.code, failed.reason),
        ("FAILED", Some("INSUFFICIENT_STOCK"), Some("재고가 부족합니다"))
    );
    let notices = shop.read(timesale::NOTIFICATIONS);
    let failed: Vec<&Value> = notices.iter().filter(|n| n["payload"]["type"] == "TIMESALE_FAILED").collect();
    assert_eq!((notices.len(), failed.len()), (23, 2));
    assert_eq!(failed[0]["payload"]["message"], "오늘의 타임세일 주문이 실패했습니다: 재고가 부족합니다");
    shop.check();
}

#[test]
fn equal_orders_without_a_common_identity_are_two_up_to_the_limit() {
    let mut shop = Shop::open();
    for _ in 0..3 {
        shop.pipe(Some("1"), r#"{"timeSaleId":1,"userId":1001,"quantity":"2"}"#);
    }
    shop.driver.settle();
    assert_eq!(shop.stock(), (4, 96));
    let refused = shop.read(timesale::FAILURES);
    assert_eq!((texts(&refused, "status"), texts(&refused, "code")), (vec!["BUSINESS_ERROR"], vec!["LIMIT_EXCEEDED"]));
    // Each has an id that leads to its place, made of where its record entered the log.
    let place = Shop::place("1");
    let prefix = format!("ord_{place}_{}-{place}-", timesale::INBOX);
    for id in texts(&shop.read(timesale::SUCCESS), "orderId").into_iter().chain(texts(&refused, "orderId")) {
        assert!(id.starts_with(&prefix), "{id}");
        assert!(shop.order_view(id).is_decided());
    }
    shop.check();
}

#[test]
fn a_thousand_orders_are_decided_once_in_log_order() {
    let mut shop = Shop::open();
    let order = |shop: &mut Shop| {
        for user in 1..=1_000 {
            shop.order(&format!("r-{user}"), &user.to_string(), user % 4 + 1);
        }
        shop.driver.settle();
    };
    order(&mut shop);
    let (mut left, mut winners) = (100, Vec::new());
    for user in 1..=1_000 {
        if user % 4 < left {
            left -= user % 4 + 1;
            winners.push(user.to_string());
        }
    }
    let (confirmed, refused) = (shop.read(timesale::SUCCESS), shop.read(timesale::FAILURES));
    assert_eq!(texts(&confirmed, "userId"), winners);
    assert_eq!((refused.len() + winners.len(), shop.stock()), (1_000, (100, 0)));
    let notified: Vec<Out> = shop.driver.read(timesale::NOTIFICATIONS);
    assert_eq!(notified.len(), 1_000);
    shop.check();

    // The same again, after a crash and on an empty disk: every outcome stands, nothing is sent.
    shop.driver.lose_disk();
    order(&mut shop);
    assert_eq!((shop.read(timesale::SUCCESS), shop.read(timesale::FAILURES)), (confirmed, refused));
    assert_eq!(shop.driver.read(timesale::NOTIFICATIONS), notified);
    shop.check();
}

#[test]
fn each_validation_says_why_and_notifies_no_buyer() {
    let mut shop = Shop::open();
    for (id, sale, user, quantity) in [
        ("a", "none", "u", "1"),
        ("b", "1", "  ", "1"),
        ("c", "1", " u", "1"),
        ("d", "1", "u", "0"),
        ("e", "1", "u", "-3"),
        ("f", "1", "u", "6"),
    ] {
        let json = format!(r#"{{"requestId":"{id}","timeSaleId":"{sale}","userId":"{user}","quantity":{quantity}}}"#);
        shop.pipe(Some(sale), &json);
    }
    shop.driver.settle();
    let mut refused = shop.read(timesale::FAILURES);
    refused.sort_by_key(|record| record["requestId"].to_string());
    assert_eq!(texts(&refused, "status"), ["VALIDATION_FAILED"; 6]);
    assert_eq!(
        texts(&refused, "code"),
        [
            "TIMESALE_NOT_FOUND",
            "USER_ID_REQUIRED",
            "INVALID_USER_ID",
            "INVALID_ORDER_QUANTITY",
            "INVALID_ORDER_QUANTITY",
            "QUANTITY_ABOVE_LIMIT"
        ]
    );
    assert_eq!((refused[0].get("remaining"), &refused[3]["remaining"]), (None, &json!(100)));
    assert_eq!(refused[0]["reason"], "타임세일을 찾을 수 없습니다");
    assert!(shop.read(timesale::NOTIFICATIONS).is_empty());
    assert_eq!(shop.stock(), (0, 100));
    shop.check();
}

#[test]
fn an_order_counts_by_its_append_time_in_the_window() {
    let mut shop = Shop::open();
    let now_ms = rfc3339::parse("2026-02-28T14:01:00Z").unwrap();
    for (id, start_ms, end_ms) in
        [("early", now_ms + 3_600_000, now_ms + 7_200_000), ("late", now_ms - 7_200_000, now_ms - 3_600_000)]
    {
        let command = CreateSale {
            time_sale_id: id.to_owned(),
            title: "t".to_owned(),
            total_quantity: 5,
            start_time: Some(When::Ms(start_ms)),
            end_time: Some(When::Ms(end_ms)),
            ..CreateSale::default()
        };
        shop.command(id, &Command::CreateSale(command));
    }
    let order = |shop: &mut Shop, id: &str, sale: &str| {
        let json = OrderRequest::new(id, sale, "u", 1, 0).to_json();
        shop.pipe(Some(sale), std::str::from_utf8(&json).unwrap());
        shop.driver.settle();
    };
    order(&mut shop, "a", "early");
    order(&mut shop, "b", "late");
    let mut refused = shop.read(timesale::FAILURES);
    refused.sort_by_key(|record| record["requestId"].to_string());
    assert_eq!(texts(&refused, "code"), ["TIMESALE_NOT_STARTED", "TIMESALE_ENDED"]);
    assert_eq!(texts(&refused, "reason"), ["타임세일 판매 시간이 아닙니다", "타임세일이 진행 중이 아닙니다"]);

    // An hour later the early one is open, and the earlier refusal stands.
    shop.driver.advance_ms(3_600_000);
    order(&mut shop, "a", "early");
    order(&mut shop, "c", "early");
    assert_eq!(texts(&shop.read(timesale::SUCCESS), "requestId"), ["c"]);
    shop.check();
}
