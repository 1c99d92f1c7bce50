//! Records as they are published, and each way in which they may not be (I-32).

use crate::crimes::expect;
use crate::shop::{SCHEDULE, Shop, home};
use holdfast_model::{coupon, payment, reservation};
use holdfast_ports::record::NewRecord;
use serde_json::{Value, json};
use stream_worker::commands::audit::report::{Report, Verdict};
use stream_worker::commands::audit::{Question, examine};

fn traded() -> Shop {
    let mut shop = Shop::open();
    shop.trade();
    shop
}

fn only_published(shop: &Shop) -> Report {
    let only = vec!["I-32".parse().unwrap()];
    examine(shop.driver.log(), &Question { only, ..shop.question() }).unwrap()
}

fn counted(report: &Report, what: &str) -> u64 {
    let line = report.line("I-32").unwrap();
    line.counted.iter().find(|counted| counted.what == what).map_or(0, |counted| counted.n)
}

#[test]
fn what_the_shop_writes_and_takes_is_published() {
    let shop = traded();
    let report = only_published(&shop);
    assert_eq!(report.verdict, Verdict::Proved, "{}", report.text());
    assert!(counted(&report, "records as published") > 100, "{}", report.text());
}

#[test]
fn nonsense_that_is_buried_is_no_breach() {
    let mut shop = traded();
    let buried = counted(&only_published(&shop), "records of no published kind, buried");
    for nonsense in [&b"no json"[..], b"[]", br#"{"type":"dance"}"#, br#"{"policyId":"1"}"#] {
        shop.put(coupon::INBOX, 0, nonsense, &[]);
    }
    shop.driver.append(&NewRecord { topic: payment::INBOX, partition: 1, key: None, value: None, headers: &[] });
    shop.driver.settle();
    let report = only_published(&shop);
    assert_eq!(report.verdict, Verdict::Proved, "{}", report.text());
    assert_eq!(counted(&report, "records of no published kind, buried"), buried + 5);
}

/// Tells a fact of `topic` that is the last one with a change.
fn changed(topic: &'static str, by: &str, change: impl FnOnce(&mut Value)) -> Shop {
    let mut shop = traded();
    let mut fact = shop.last(topic, |_| true);
    change(&mut fact);
    shop.tell(by, home(SCHEDULE), topic, home(SCHEDULE), &fact);
    shop.driver.settle();
    shop
}

#[test]
fn a_fact_that_is_not_as_published_is_found() {
    let shop = changed(reservation::CONFIRMED, "reservation", |fact| {
        fact.as_object_mut().unwrap().remove("concertTitle");
    });
    expect(&shop, "I-32", "concertTitle must be there");
    let shop = changed(reservation::CONFIRMED, "reservation", |fact| fact["seatNo"] = json!("7"));
    expect(&shop, "I-32", "seatNo must be a whole number from 0 on");
    // Whoever reads it buries it: that it was written is wrong all the same.
    let shop = changed(payment::COMPLETED, "payment", |fact| fact["payload"]["amount"] = json!("50000"));
    expect(&shop, "I-32", "payload.amount must be a whole number");
    let shop = changed(reservation::SEATS_EXPIRED, "reservation", |fact| fact["expiredAt"] = json!("soon"));
    expect(&shop, "I-32", "expiredAt must be a time in UTC");
    let shop = changed(coupon::SUCCESS, "coupon", |fact| fact["status"] = json!("GREAT"));
    expect(&shop, "I-32", "status must be one of SUCCESS");
}

#[test]
fn a_later_version_may_say_more() {
    let shop = changed(reservation::CONFIRMED, "reservation", |fact| fact["gate"] = json!({"no": 4}));
    assert_eq!(only_published(&shop).verdict, Verdict::Proved);
}
