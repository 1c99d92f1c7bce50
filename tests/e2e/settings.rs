//! Wrong settings end with code 2 and one line that says which key and why; a second process is told who holds the directory.

use crate::seats::{balance, hold, told};
use crate::support::command::said;
use crate::support::topics::{self, append, read_all};
use crate::support::worker::{Setup, Worker};
use holdfast_engine::inspect::codec;
use holdfast_model::reservation::row::{PaymentRow, PaymentState, Refund};
use holdfast_model::{reservation, rfc3339};
use holdfast_ports::clock::Clock;
use holdfast_tools::clock::SystemClock;
use serde_json::json;
use std::process::Output;

fn run(setup: &Setup) -> Output {
    setup.command().output().unwrap()
}

#[test]
fn a_wrong_value_is_named_in_one_line() {
    let data = tempfile::tempdir().unwrap();
    for (key, value) in [
        ("PARTITIONS", "many"),
        ("PARTITIONS", "0"),
        ("HTTP_ADDR", "nowhere"),
        ("HOLD_MS", "-1"),
        ("CANCEL_FEES", "10:0,1:30"),
    ] {
        let mut setup = Setup::embedded(data.path());
        setup.env.insert(key.to_owned(), value.to_owned());
        let output = run(&setup);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{key}={value}: {said}");
        assert!(said.to_uppercase().contains(key), "{said}");
        assert_eq!(said.trim().lines().count(), 1, "{said}");
    }
}

#[test]
fn an_unknown_key_refuses_to_start() {
    let data = tempfile::tempdir().unwrap();
    std::fs::write(data.path().join("holdfast.toml"), "partitons = 3\n").unwrap();
    let output = run(&Setup::embedded(data.path()));
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("partitons"));
}

#[test]
fn the_number_of_partitions_is_part_of_the_data() {
    let data = tempfile::tempdir().unwrap();
    let mut setup = Setup::embedded(data.path());
    assert!(Worker::start(&setup).terminate().success());
    setup.env.insert("PARTITIONS".to_owned(), "4".to_owned());
    let output = run(&setup);
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("PARTITIONS") || said.contains("partitions"), "{said}");
}

#[test]
fn a_second_worker_on_the_same_directory_is_told_so() {
    let data = tempfile::tempdir().unwrap();
    let setup = Setup::embedded(data.path());
    let _first = Worker::start(&setup);
    let output = run(&setup);
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&data.path().display().to_string()) && said.contains("another process"), "{said}");
}

/// What is kept is what was set, it stands in the record of the refund, and a replay decides the same whatever has been set since.
#[test]
fn an_operator_says_what_a_cancellation_costs() {
    let data = tempfile::tempdir().unwrap();
    let setup = Setup::embedded(data.path());
    let first = setup.clone().with("CANCEL_FEES", "5:25,0:60").with("FREE_CANCEL_MS", "0");
    given_back(&first, [("early", 30 * 24, 12_500), ("late", 36, 30_000)]);
    let second = setup.clone().with("CANCEL_FEES", "0:10").with("FREE_CANCEL_MS", "0").with("HOLD_MS", "77000");
    given_back(&second, [("earlier", 30 * 24, 5_000), ("later", 36, 5_000)]);
    given_back(&setup, [("free", 30 * 24, 0)]);

    let replay = ["replay", "--topology", "reservation", "--from", "earliest"];
    for any in [&first, &second, &setup] {
        let same = said(any, &replay);
        assert_eq!(same.code, 0, "{same:?}");
        assert!(same.out.contains("holdMs 77000 instead of 300000"), "{same:?}");
    }
    let audit = said(&setup, &["audit", "--only", "I-3,I-19"]);
    assert_eq!(audit.code, 0, "{audit:?}");
    a_fee_that_nobody_set(&setup, &replay);
}

/// Each user buys a seat of a show in so many hours, gives it back and is told that this much was kept.
fn given_back<const N: usize>(setup: &Setup, users: [(&str, i64, i64); N]) {
    let worker = Worker::start(setup);
    let now_ms = SystemClock::new().now_ms();
    for (user, hours, fee) in users {
        let schedule = format!("show-{user}");
        let starts_at = rfc3339::to_string(now_ms + hours * 3_600_000);
        let body = json!({"scheduleId": schedule, "concertTitle": "t", "startsAt": starts_at,
            "seats": {"count": 1, "price": 50_000}});
        told(&worker, "/api/schedules", &body, 201);
        told(&worker, "/api/points/charge", &json!({"userId": user, "amount": 50_000}), 200);
        let id = hold(&worker, user, &schedule, 1);
        let paid = told(&worker, "/payments", &json!({"reservationId": id, "amount": 50_000}), 200);
        let path = format!("/payments/{}/refund", paid["paymentId"].as_str().unwrap());
        let back = told(&worker, &path, &json!({"userId": user}), 200);
        assert_eq!((&back["fee"], &back["refundAmount"]), (&json!(fee), &json!(50_000 - fee)), "{back}");
        assert_eq!(balance(&worker, user), 50_000 - fee);
    }
    assert!(worker.terminate().success());
}

/// Somebody writes into the books that less was kept of what he gave back.
fn a_fee_that_nobody_set(setup: &Setup, replay: &[&str]) {
    let log = topics::embedded(&setup.data);
    let changelog = "holdfast-reservation-changelog";
    let payments = reservation::PAYMENT_STATES.id().0;
    let is_his = |row: &PaymentRow| matches!(row.state, PaymentState::Refunded(refund) if refund.fee == 30_000);
    let (kept, row) = read_all(&*log, changelog)
        .into_iter()
        .filter(|record| record.key.as_ref().is_some_and(|key| key[0] == payments))
        .filter_map(|record| Some((codec::decode::<PaymentRow>(record.value.as_deref()?).unwrap(), record)))
        .map(|(row, record)| (record, row))
        .rfind(|(_, row)| is_his(row))
        .unwrap();
    let row = PaymentRow { state: PaymentState::Refunded(Refund { amount: 45_000, fee: 5_000 }), ..row };
    let mut value = Vec::new();
    codec::encode(&row, &mut value).unwrap();
    append(&*log.appender().unwrap(), changelog, kept.partition, kept.key.as_deref(), Some(&value));
    drop(log);
    let other = said(setup, replay);
    assert!(other.code == 1 && other.out.contains("DIFFERENT") && other.out.contains("store payments"), "{other:?}");
}
