//! Time sales: units that are sold, left and given back, and each way in which they may not add up.

use crate::crimes::expect;
use crate::shop::{Shop, home};
use holdfast_engine::prelude::Topology;
use holdfast_model::timesale::keys::BuyerKey;
use holdfast_model::timesale::row::{BuyerRow, OrderRow, RefusedRow, SaleRow};
use holdfast_model::timesale::{self, BUYERS, COMMANDS, FAILURES, INBOX, ORDERS, REFUSED, SALES, SUCCESS, order_id};
use holdfast_model::{notification, rfc3339};
use holdfast_sim::memory_log::RECORD_BYTES_MAX;
use serde_json::{Value, json};
use stream_worker::commands::audit::report::{Report, Verdict};
use stream_worker::commands::audit::{Question, examine};

const SALE: &str = "summer";
const PRICE: i64 = 9_900;

fn topologies() -> Vec<Topology> {
    let others = holdfast_topologies::all().into_iter().filter(|topology| **topology.name() != *timesale::NAME);
    others.chain([holdfast_topologies::timesale::topology()]).collect()
}

fn order(shop: &mut Shop, id: &str, user: &str, quantity: impl Into<Value>) {
    let value = json!({"requestId": id, "timeSaleId": SALE, "userId": user, "quantity": quantity.into()});
    tell(shop, &value);
}

fn tell(shop: &mut Shop, value: &Value) {
    shop.driver.pipe(INBOX, Some(SALE), &value.to_string());
    shop.driver.settle();
}

/// The id of the order that came under `id`.
fn named(id: &str) -> String {
    order_id::of(home(SALE), id)
}

fn cancel(shop: &mut Shop, id: &str, order: &str, user: &str) {
    tell(shop, &json!({"type": "cancel-order", "requestId": id, "orderId": named(order), "userId": user}));
}

fn create(total: i64) -> Value {
    json!({"type": "create-sale", "requestId": "create", "timeSaleId": SALE, "title": "t", "originalPrice": 20_000,
        "discountPrice": PRICE, "totalQuantity": total, "limitPerUser": 5, "endTime": "2026-12-31T00:00:00Z"})
}

/// Twelve units in the end, of which some are sold, some given back and sold again, and one is left.
fn traded() -> Shop {
    let mut shop = Shop::bare(topologies());
    order(&mut shop, "early", "1001", 1);
    tell(&mut shop, &create(10));
    order(&mut shop, "o1", "1001", 3);
    order(&mut shop, "o2", "1001", "2");
    order(&mut shop, "o3", "1001", 1);
    order(&mut shop, "o4", "1002", 4);
    order(&mut shop, "o5", "1003", 0);
    order(&mut shop, "o6", "1003", 6);
    order(&mut shop, "o7", " ", 1);
    order(&mut shop, "o8", "1003", 3);
    order(&mut shop, "o1", "1001", 3);
    cancel(&mut shop, "x1", "o1", "1002");
    cancel(&mut shop, "x2", "o1", "1001");
    cancel(&mut shop, "x3", "o1", "1001");
    cancel(&mut shop, "x4", "o4", "1002");
    order(&mut shop, "o9", "1001", 3);
    tell(&mut shop, &json!({"type": "adjust-stock", "requestId": "a1", "timeSaleId": SALE, "by": -6}));
    tell(&mut shop, &json!({"type": "adjust-stock", "requestId": "a2", "timeSaleId": SALE, "by": 2}));
    // Ids that the producer did not give, and a record in the wrong place.
    tell(&mut shop, &json!({"timeSaleId": SALE, "userId": 1004, "quantity": 5}));
    let stray = json!({"orderId": "stray", "timeSaleId": SALE, "userId": "1005", "quantity": 1}).to_string();
    shop.put(INBOX, (home(SALE) + 1) % crate::shop::PLACES, stray.as_bytes(), &[]);
    shop.driver.pipe(INBOX, Some(SALE), "not json");
    shop.driver.settle();
    shop
}

fn proved(shop: &Shop) -> Report {
    let report = examine(shop.driver.log(), &Question { is_settled: true, ..shop.question() }).unwrap();
    assert_eq!((report.verdict, report.in_flight), (Verdict::Proved, 0), "{}", report.text());
    report
}

/// An order in the wrong partition that is too large to be sent on is given up at home, and confirmed when an operator puts it back. The refusal keeps its row until
/// that ends, and is no lie.
#[test]
fn an_order_that_was_given_up_and_put_back_is_proved() {
    let mut shop = traded();
    let order = json!({"requestId": "large", "timeSaleId": SALE, "userId": "1009", "quantity": 1}).to_string();
    let padded = format!("{}{}}}", &order[..order.len() - 1], " ".repeat(RECORD_BYTES_MAX - order.len() - 1));
    let stray = (home(SALE) + 1) % crate::shop::PLACES;
    let at = shop.put(INBOX, stray, padded.as_bytes(), &[]).to_string();
    shop.driver.settle();
    assert_eq!(shop.last(FAILURES, |value| value["requestId"] == "large")["status"], "SYSTEM_ERROR");
    tell(&mut shop, &json!({"type": "adjust-stock", "requestId": "a9", "timeSaleId": SALE, "by": 1}));
    let place = stray.to_string();
    let origin: [(&str, &[u8]); 3] = [
        ("X-Original-Topic", INBOX.as_bytes()),
        ("X-Original-Partition", place.as_bytes()),
        ("X-Original-Offset", at.as_bytes()),
    ];
    shop.put(INBOX, home(SALE), order.as_bytes(), &origin);
    shop.driver.settle();
    assert_eq!(shop.last(SUCCESS, |value| value["requestId"] == "large")["supersedes"], "SYSTEM_ERROR");
    proved(&shop);
}

/// Does `tampering` to a sale that is right, and has it found.
fn found(invariant: &str, said: &str, tampering: impl FnOnce(&mut Shop)) {
    let mut shop = traded();
    tampering(&mut shop);
    expect(&shop, invariant, said);
}

/// The last outcome about an order, with other words.
fn outcome(shop: &Shop, topic: &str, order: &str, words: &[(&str, Value)]) -> Value {
    let mut value = shop.last(topic, |value| value["requestId"] == order || value["orderId"] == named(order));
    for (name, word) in words {
        value[*name] = word.clone();
    }
    value
}

/// Appends an order that the worker does not see, its outcome as somebody forges it, and says that it was decided.
fn forged(shop: &mut Shop, order: &Value, topic: &str, outcome: &Value) {
    let place = home(SALE);
    shop.driver.crash();
    let at = shop.put(INBOX, place, order.to_string().as_bytes(), &[]);
    shop.tell(timesale::NAME, place, topic, place, outcome);
    shop.stand(timesale::NAME, place, INBOX, at + 1);
}

fn row(shop: &Shop) -> SaleRow {
    shop.row(timesale::NAME, home(SALE), &SALES, &SALE.to_owned())
}

fn forge_sale(shop: &mut Shop, row: &SaleRow) {
    shop.forge(timesale::NAME, home(SALE), &SALES, &SALE.to_owned(), Some(row));
}

#[test]
fn a_sale_that_adds_up_is_proved() {
    let report = proved(&traded());
    for (id, what, n) in [
        ("I-9", "orders with their outcome", 12),
        ("I-9", "time sale commands with their outcome", 7),
        ("I-10", "orders shown as the log has them", 6),
        ("I-10", "refused orders shown as the log has them", 6),
        ("I-13", "orders decided again in order", 12),
        ("I-13", "orders cancelled", 2),
        ("I-13", "commands whose answer is the log's", 6),
        ("I-13", "sales whose units are the log's", 1),
        ("I-13", "sales that add up", 1),
        ("I-14", "ids that came again", 1),
        ("I-15", "notices", 8),
        ("I-25", "records sent on", 1),
        ("I-25", "records buried", 1),
    ] {
        let counted = report.line(id).unwrap().counted.iter().find(|counted| counted.what == what);
        assert_eq!(counted.map_or(0, |counted| counted.n), n, "{id} {what}\n{}", report.text());
    }
}

#[test]
fn more_is_sold_than_there_is() {
    found("I-13", "by the order of the log it is OUT_OF_STOCK", |shop| {
        let words = [
            ("requestId", json!("over")),
            ("orderId", json!(named("over"))),
            ("userId", json!("1009")),
            ("remaining", json!(0)),
        ];
        let outcome = outcome(shop, SUCCESS, "o9", &words);
        let order = json!({"requestId": "over", "timeSaleId": SALE, "userId": "1009", "quantity": 3});
        forged(shop, &order, SUCCESS, &outcome);
    });
    found("I-13", "units are sold of", |shop| {
        let row = row(shop);
        forge_sale(shop, &SaleRow { sold: row.total + 1, ..row });
    });
}

#[test]
fn a_buyer_gets_more_than_allowed() {
    found("I-13", "by the order of the log it is BUSINESS_ERROR", |shop| {
        tell(shop, &json!({"type": "adjust-stock", "requestId": "a3", "timeSaleId": SALE, "by": 100}));
        let words = [
            ("requestId", json!("greedy")),
            ("orderId", json!(named("greedy"))),
            ("quantity", json!(1)),
            ("amount", json!(PRICE)),
        ];
        let outcome = outcome(shop, SUCCESS, "o9", &words);
        let order = json!({"requestId": "greedy", "timeSaleId": SALE, "userId": "1001", "quantity": 1});
        forged(shop, &order, SUCCESS, &outcome);
    });
    found("I-13", "units are kept, by the log", |shop| {
        let key = BuyerKey { time_sale_id: SALE.to_owned(), user_id: "1001".to_owned() };
        shop.forge(timesale::NAME, home(SALE), &BUYERS, &key, Some(&BuyerRow { units: 6 }));
    });
}

#[test]
fn an_order_gets_a_part_of_its_units() {
    found("I-13", "told are", |shop| {
        let words = [
            ("requestId", json!("part")),
            ("orderId", json!(named("part"))),
            ("userId", json!("1009")),
            ("quantity", json!(1)),
            ("amount", json!(PRICE)),
        ];
        tell(shop, &json!({"type": "adjust-stock", "requestId": "a3", "timeSaleId": SALE, "by": 100}));
        let outcome = outcome(shop, SUCCESS, "o9", &words);
        let order = json!({"requestId": "part", "timeSaleId": SALE, "userId": "1009", "quantity": 3});
        forged(shop, &order, SUCCESS, &outcome);
    });
}

#[test]
fn a_unit_is_lost() {
    // The stock was written, and not the order: what a crash between two stores leaves.
    found("I-13", "total and sold are", |shop| {
        let row = row(shop);
        forge_sale(shop, &SaleRow { sold: row.sold + 1, ..row });
    });
    found("I-13", "total and sold are", |shop| {
        let row = row(shop);
        forge_sale(shop, &SaleRow { total: row.total + 1, ..row });
    });
    found("I-10", "orders are kept, by the log", |shop| {
        shop.forge::<_, OrderRow>(timesale::NAME, home(SALE), &ORDERS, &named("o9"), None);
    });
    found("I-13", "by the order of the log it is SUCCESS", |shop| {
        let words = [
            ("requestId", json!("left")),
            ("orderId", json!(named("left"))),
            ("userId", json!("1009")),
            ("quantity", json!(1)),
        ];
        tell(shop, &json!({"type": "adjust-stock", "requestId": "a3", "timeSaleId": SALE, "by": 100}));
        let outcome = outcome(shop, FAILURES, "o8", &words);
        let order = json!({"requestId": "left", "timeSaleId": SALE, "userId": "1009", "quantity": 1});
        forged(shop, &order, FAILURES, &outcome);
    });
}

#[test]
fn units_go_back_twice() {
    found("I-13", "were given back at", |shop| {
        let again = outcome(shop, SUCCESS, "o1", &[]);
        assert_eq!(again["status"], "CANCELLED");
        shop.tell(timesale::NAME, home(SALE), SUCCESS, home(SALE), &again);
    });
    found("I-13", "total and sold are", |shop| {
        let row = row(shop);
        forge_sale(shop, &SaleRow { sold: row.sold - 3, ..row });
    });
}

#[test]
fn units_go_back_without_a_reason() {
    found("I-13", "and no order was cancelled", |shop| {
        let value = outcome(shop, SUCCESS, "o9", &[("status", json!("CANCELLED"))]);
        shop.tell(timesale::NAME, home(SALE), SUCCESS, home(SALE), &value);
    });
    found("I-10", "by the log", |shop| {
        let row: OrderRow = shop.row(timesale::NAME, home(SALE), &ORDERS, &named("o9"));
        let row = OrderRow { cancelled_ms: Some(1), ..row };
        shop.forge(timesale::NAME, home(SALE), &ORDERS, &named("o9"), Some(&row));
    });
}

#[test]
fn units_do_not_go_back() {
    found("I-13", "and nobody was told that 3 units went back", |shop| {
        let place = home(SALE);
        shop.driver.crash();
        let value = json!({"type": "cancel-order", "requestId": "x9", "orderId": named("o9"), "userId": "1001"});
        let at = shop.put(INBOX, place, value.to_string().as_bytes(), &[]);
        shop.stand(timesale::NAME, place, INBOX, at + 1);
    });
}

#[test]
fn a_cancellation_by_a_stranger_is_told_to_be_done() {
    found("I-13", "x1 (cancel-order) was told done, and by the log it is refused", |shop| {
        let id = "x1".to_owned();
        let mut row: timesale::row::CommandRow = shop.row(timesale::NAME, home(SALE), COMMANDS.stored(), &id);
        row.refused = None;
        shop.forge(timesale::NAME, home(SALE), COMMANDS.stored(), &id, Some(&row));
    });
}

#[test]
fn an_order_has_two_outcomes_or_none() {
    found("I-9", "o4 has one outcome", |shop| {
        let value = outcome(shop, FAILURES, "o3", &[("requestId", json!("o4")), ("orderId", json!(named("o4")))]);
        shop.tell(timesale::NAME, home(SALE), FAILURES, home(SALE), &value);
    });
    found("I-9", "o99 has no outcome", |shop| {
        let order = json!({"requestId": "o99", "timeSaleId": SALE, "userId": "1009", "quantity": 1}).to_string();
        shop.driver.crash();
        let at = shop.put(INBOX, home(SALE), order.as_bytes(), &[]);
        shop.stand(timesale::NAME, home(SALE), INBOX, at + 1);
    });
    found("I-9", "no outcome without a request", |shop| {
        let value = outcome(shop, FAILURES, "o3", &[("requestId", json!("ghost"))]);
        shop.tell(timesale::NAME, home(SALE), FAILURES, home(SALE), &value);
    });
    found("I-9", "a1 (adjust-stock) has no outcome", |shop| {
        let id = "a1".to_owned();
        shop.forge::<_, timesale::row::CommandRow>(timesale::NAME, home(SALE), COMMANDS.stored(), &id, None);
    });
}

#[test]
fn a_query_says_another_reason() {
    found("I-10", "shown is RefusedRow", |shop| {
        let row: RefusedRow = shop.row(timesale::NAME, home(SALE), REFUSED.stored(), &named("o8"));
        let row = RefusedRow { refusal: timesale::outcome::Refusal::Ended, ..row };
        shop.forge(timesale::NAME, home(SALE), REFUSED.stored(), &named("o8"), Some(&row));
    });
}

#[test]
fn another_order_under_a_known_id_is_not_refused() {
    found("I-14", "o1 was something else", |shop| {
        let order = json!({"requestId": "o1", "timeSaleId": SALE, "userId": "1001", "quantity": 1}).to_string();
        shop.driver.crash();
        let at = shop.put(INBOX, home(SALE), order.as_bytes(), &[]);
        shop.stand(timesale::NAME, home(SALE), INBOX, at + 1);
    });
}

#[test]
fn a_notice_of_an_order_is_asked_for_twice() {
    found("I-15", "TIMESALE_FAILED of", |shop| {
        let value = shop.last(notification::REQUESTS, |value| value["payload"]["type"] == "TIMESALE_FAILED");
        shop.tell(timesale::NAME, home(SALE), notification::REQUESTS, 0, &value);
    });
}

#[test]
fn what_clients_were_told_is_held_against_the_log() {
    let mut shop = traded();
    let now_ms = shop.driver.read(INBOX).iter().map(|out| out.record.append_ms).max().unwrap();
    let path = format!("/api/timesales/{SALE}/orders");
    let line = |method: &str, path: &str, status: u16, said: Value| {
        let (time, asked) = (rfc3339::to_string(now_ms + 60_000), json!({"userId": "1001", "quantity": 3}));
        json!({"time": time, "tookMs": 5, "method": method, "path": path, "status": status, "asked": asked, "said": said})
    };
    let told = |order: &str, status: &str, code: Option<&str>| {
        let order_id = named(order);
        line(
            "GET",
            &format!("/api/timesales/orders/{order_id}"),
            200,
            json!({"orderId": order_id, "status": status, "code": code}),
        )
    };
    let right = [
        line("POST", &path, 202, json!({"orderId": named("o9"), "status": "QUEUED"})),
        told("o1", "QUEUED", None),
        told("o1", "CONFIRMED", None),
        told("o1", "CANCELLED", None),
        told("o9", "CONFIRMED", None),
        told("o8", "FAILED", Some("INSUFFICIENT_STOCK")),
        line("POST", "/api/timesales/none/orders", 404, json!({"code": "TIMESALE_NOT_FOUND", "requestId": "http-1"})),
        line("DELETE", "/api/timesales/orders/ord_0_x", 404, json!({"code": "ORDER_NOT_FOUND", "requestId": "http-2"})),
    ];
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("answers");
    let audit = |shop: &Shop, lines: &[Value]| {
        std::fs::write(&file, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
        let only = ["I-9", "I-10"].map(|id| id.parse().unwrap()).to_vec();
        examine(shop.driver.log(), &Question { only, answers: Some(file.clone()), ..shop.question() }).unwrap()
    };
    let report = audit(&shop, &right);
    assert_eq!(report.verdict, Verdict::Proved, "{}", report.text());
    let counted = report.line("I-10").unwrap().counted.iter().find(|counted| counted.what == "answers over HTTP");
    // The order o1 is in the log twice, and each time what was accepted is met.
    assert_eq!(counted.map_or(0, |counted| counted.n), 7, "{}", report.text());
    let lies = [
        ("I-9", "was accepted, and is not in the log", line("POST", &path, 202, json!({"orderId": named("lost")}))),
        ("I-10", "was told as Confirmed", told("o8", "CONFIRMED", None)),
        ("I-10", "was told as Cancelled", told("o9", "CANCELLED", None)),
        ("I-10", "was told as Failed", told("o9", "FAILED", Some("INSUFFICIENT_STOCK"))),
        ("I-10", "was told as Failed", told("o8", "FAILED", Some("LIMIT_EXCEEDED"))),
        ("I-10", "and is not in the log", told("lost", "CONFIRMED", None)),
        (
            "I-10",
            "was told to be no sale",
            line("POST", &path, 404, json!({"code": "TIMESALE_NOT_FOUND", "requestId": "h"})),
        ),
        ("I-10", "was told to be over", line("POST", &path, 409, json!({"code": "TIMESALE_ENDED", "requestId": "h"}))),
        (
            "I-10",
            "not to have begun",
            line("POST", &path, 409, json!({"code": "TIMESALE_NOT_STARTED", "requestId": "h"})),
        ),
    ];
    shop.driver.settle();
    for (invariant, said, lie) in lies {
        let report = audit(&shop, &[lie]);
        let found = report.line(invariant).unwrap();
        let why = found.why.as_deref().unwrap_or_default();
        assert!(
            found.verdict == Verdict::Breached && why.contains(said),
            "{said:?} was found as {why}\n{}",
            report.text()
        );
    }
}
