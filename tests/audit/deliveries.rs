//! Deliveries to the data platform: what is confirmed, kept and received, and each way in which they may not agree.

use crate::crimes::expect;
use crate::shop::Shop;
use holdfast_engine::prelude::place_of;
use holdfast_model::call_result::{CallResult, Ended};
use holdfast_model::data_platform::row::{DeliveryRow, State};
use holdfast_model::data_platform::{CHANNEL, COMPLETED, CONFIRMED, DEAD_LETTERS, DELIVERIES, NAME, RESULTS};
use holdfast_ports::record::NewRecord;
use serde_json::json;
use std::io::Write;
use stream_worker::commands::audit::report::Report;
use stream_worker::commands::audit::{Question, examine, report::Verdict};
use tempfile::NamedTempFile;

fn value(id: &str) -> String {
    json!({"reservationId": id, "userId": "1", "scheduleId": "s", "seatNo": 1, "amount": 50_000, "paymentId": "p"})
        .to_string()
}

fn confirm(shop: &mut Shop, id: &str) {
    shop.driver.pipe(CONFIRMED, Some(id), &value(id));
    shop.driver.settle();
}

/// The platform answers every call that is to be made.
fn answer(shop: &mut Shop, ended: Ended) {
    let result = CallResult { reason: Some("HTTP 400".to_owned()), ..CallResult::new(ended, 1) };
    let value = serde_json::to_vec(&result).unwrap();
    for call in shop.driver.take_effects().into_iter().filter(|call| call.lane.channel == CHANNEL) {
        let headers = call.result_headers();
        let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, &**value)).collect();
        let (partition, key) = (call.task.place, Some(call.key.as_slice()));
        shop.driver.append(&NewRecord { topic: RESULTS, partition, key, value: Some(&value), headers: &headers });
    }
    shop.driver.settle();
}

/// One that is delivered, one that was given up, put back and delivered, one that was given up, one that is under way, and a payment without a confirmation.
fn delivered() -> Shop {
    let mut shop = Shop::bare(holdfast_topologies::all());
    confirm(&mut shop, "res_0_1");
    answer(&mut shop, Ended::Done);
    confirm(&mut shop, "res_0_1");
    confirm(&mut shop, "res_0_2");
    answer(&mut shop, Ended::Refused);
    let letter = shop.driver.read(DEAD_LETTERS).remove(0);
    shop.driver.append_again(CONFIRMED, &letter);
    shop.driver.settle();
    answer(&mut shop, Ended::Done);
    confirm(&mut shop, "res_0_3");
    answer(&mut shop, Ended::Refused);
    confirm(&mut shop, "res_0_4");
    let paid = r#"{"payload":{"reservationId":"res_0_5","paymentId":"p","amount":1}}"#;
    shop.driver.pipe(COMPLETED, Some("1"), paid);
    shop.driver.pipe(CONFIRMED, Some("x"), "no fact");
    shop.driver.settle();
    shop
}

fn home(id: &str) -> u32 {
    place_of(id.as_bytes(), crate::shop::PLACES)
}

fn row(shop: &Shop, id: &str) -> DeliveryRow {
    shop.row(NAME, home(id), DELIVERIES.stored(), &id.to_owned())
}

fn forge(shop: &mut Shop, id: &str, row: Option<&DeliveryRow>) {
    shop.driver.crash();
    shop.forge(NAME, home(id), DELIVERIES.stored(), &id.to_owned(), row);
}

/// What the platform says that it has got: key, value, status.
fn receipts(lines: &[(&str, &str, Option<u16>)]) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    for (key, body, status) in lines {
        let line =
            json!({"ms": 1, "method": "POST", "path": "/", "key": key, "headers": {}, "body": body, "status": status});
        writeln!(file, "{line}").unwrap();
    }
    file
}

fn with_sink(shop: &Shop, lines: &[(&str, &str, Option<u16>)]) -> Report {
    let file = receipts(lines);
    // The confirmations are made up, so of the seats nothing can be said.
    let only = ["I-20", "I-21"].map(|id| id.parse().unwrap()).to_vec();
    examine(shop.driver.log(), &Question { sink: Some(file.path().to_owned()), only, ..shop.question() }).unwrap()
}

fn counts(report: &Report) -> Vec<(&str, u64)> {
    report.line("I-20").unwrap().counted.iter().map(|counted| (counted.what, counted.n)).collect()
}

#[test]
fn deliveries_that_agree_are_proved() {
    let shop = delivered();
    let [one, two, three] = ["res_0_1", "res_0_2", "res_0_3"].map(value);
    let report = with_sink(
        &shop,
        &[
            ("res_0_1", &one, Some(503)),
            ("res_0_1", &one, None),
            ("res_0_1", &one, Some(200)),
            ("res_0_1", &one, Some(200)),
            ("res_0_2", &two, Some(400)),
            ("res_0_2", &two, Some(202)),
            ("res_0_3", &three, Some(400)),
        ],
    );
    assert_eq!(report.verdict, Verdict::Proved, "{}", report.text());
    for expected in [
        ("deliveries done", 2),
        ("deliveries given up", 1),
        ("deliveries under way", 1),
        ("payments whose reservation is not confirmed", 1),
        ("calls that the receiver took", 3),
        ("of those, repeated after a crash", 1),
    ] {
        assert!(counts(&report).contains(&expected), "{expected:?}\n{}", report.text());
    }
}

#[test]
fn a_confirmation_that_nobody_keeps_is_found() {
    let mut shop = delivered();
    forge(&mut shop, "res_0_4", None);
    expect(&shop, "I-20", "the ledger has no row for it");
}

#[test]
fn a_delivery_of_nothing_is_found() {
    let mut shop = delivered();
    let made_up = row(&shop, "res_0_1");
    forge(&mut shop, "res_0_9", Some(&made_up));
    expect(&shop, "I-20", "no confirmation says so");
}

#[test]
fn a_letter_that_was_lost_is_found() {
    let mut shop = delivered();
    let dead = DeliveryRow { state: State::Dead, ..row(&shop, "res_0_1") };
    forge(&mut shop, "res_0_1", Some(&dead));
    expect(&shop, "I-20", "is not among the dead letters");
}

#[test]
fn a_letter_of_what_is_said_to_be_done_is_found() {
    let mut shop = delivered();
    let done = DeliveryRow { state: State::Delivered, ..row(&shop, "res_0_3") };
    forge(&mut shop, "res_0_3", Some(&done));
    expect(&shop, "I-20", "was not given up");
}

#[test]
fn the_receiver_is_heard() {
    let shop = delivered();
    let [one, two] = ["res_0_1", "res_0_2"].map(value);
    for (lines, said) in [
        (vec![("res_0_1", &*one, Some(200))], "the receiver has not got it"),
        (vec![("res_0_1", &one, Some(200)), ("res_0_2", &two, Some(500))], "the receiver has not taken it"),
        (vec![("res_0_1", "{}", Some(200)), ("res_0_2", &two, Some(200))], "another value"),
        (
            vec![("res_0_1", &one, Some(200)), ("res_0_2", &two, Some(200)), ("res_0_5", "{}", Some(200))],
            "never confirmed",
        ),
        (
            vec![("res_0_1", &one, Some(200)), ("res_0_2", &two, Some(200)), ("res_7_7", "{}", Some(200))],
            "the ledger knows nothing of it",
        ),
    ] {
        let report = with_sink(&shop, &lines);
        assert_eq!(report.verdict, Verdict::Breached, "{said}\n{}", report.text());
        let why = report.line("I-20").unwrap().why.clone().unwrap();
        assert!(why.contains(said), "{said}: {why}");
    }
}
