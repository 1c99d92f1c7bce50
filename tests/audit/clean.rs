//! Books that are right.

use crate::shop::{HOLD_MS, PLACES, PRICE, SCHEDULE, Shop, home};
use holdfast_model::{coupon, payment, reservation};
use holdfast_ports::log::Log;
use holdfast_ports::record::TopicPartition;
use holdfast_sim::memory_log::RECORD_BYTES_MAX;
use serde_json::json;
use stream_worker::commands::audit::invariant::Invariant;
use stream_worker::commands::audit::report::{Report, Verdict};
use stream_worker::commands::audit::{Question, examine};

fn counted(report: &Report, id: &str, what: &str) -> u64 {
    let line = report.line(id).unwrap();
    line.counted.iter().find(|counted| counted.what == what).map_or(0, |counted| counted.n)
}

fn proved(report: &Report, not: &[&str]) {
    for line in &report.lines {
        let expected = if not.contains(&&*line.invariant) { Verdict::NotApplicable } else { Verdict::Proved };
        assert_eq!(line.verdict, expected, "{line:?}\n{}", report.text());
    }
}

#[test]
fn a_shop_that_is_right_is_proved_to_be() {
    let mut shop = Shop::open();
    shop.trade();
    let report = examine(shop.driver.log(), &Question { is_settled: true, ..shop.question() }).unwrap();
    // No time sale takes place, no queue guards anything, nobody waits for a seat, and no store is on this machine's disk.
    proved(&report, &["I-13", "I-18", "I-23", "I-27", "I-28"]);
    assert_eq!((report.verdict, report.in_flight), (Verdict::Proved, 0));
    for (id, what, n) in [
        ("I-1", "holds of free seats", 10),
        ("I-1", "holds by who has the seat", 1),
        ("I-1", "holds of taken seats refused", 1),
        ("I-2", "seats sold", 4),
        ("I-2", "schedules whose counts are the log's", 2),
        ("I-3", "seats confirmed by one payment of what is owed", 4),
        ("I-3", "refunds paid", 2),
        ("I-3", "payments that ended in a seat or a refund", 4),
        ("I-4", "wallets", 5),
        ("I-6", "holds ended at their deadline or later", 2),
        ("I-8", "payments in time", 5),
        ("I-8", "payments too late", 1),
        ("I-11", "coupons", 2),
        ("I-15", "notices", 8),
        ("I-14", "ids that came again", 3),
        ("I-14", "other requests under a known id, buried", 1),
        ("I-21", "dead letters", 4),
        ("I-25", "records sent on", 2),
        ("I-25", "records buried", 4),
    ] {
        assert_eq!(counted(&report, id, what), n, "{id} {what}\n{}", report.text());
    }
}

/// A reader gets past the marker of a transaction, and so does what its group shows; a record it is not.
#[test]
fn a_group_may_stand_behind_a_marker() {
    let mut shop = Shop::open();
    shop.trade();
    let inbox = shop.driver.read(reservation::INBOX);
    let end = inbox.iter().filter(|out| out.partition == home(SCHEDULE)).map(|out| out.offset + 1).max().unwrap();
    let source = TopicPartition::new(reservation::INBOX, home(SCHEDULE));
    shop.driver.log().mirror(reservation::GROUP, &[(source, end + 1)]).unwrap();
    let report = shop.audit();
    assert_eq!(report.line("I-25").unwrap().verdict, Verdict::Proved, "{}", report.text());
    assert_eq!(counted(&report, "I-25", "positions shown"), 1);
}

#[test]
fn an_empty_log_has_nothing_to_prove() {
    let shop = Shop::bare(holdfast_topologies::all());
    let report = shop.audit();
    assert_eq!(report.records, 0);
    assert!(report.lines.iter().all(|line| line.verdict != Verdict::Breached), "{}", report.text());
}

#[test]
fn only_what_is_asked_for_is_said() {
    let mut shop = Shop::open();
    shop.trade();
    let question = |only: &[Invariant]| Question { only: only.to_vec(), ..shop.question() };
    let report = examine(shop.driver.log(), &question(&[Invariant::NotEarly])).unwrap();
    assert_eq!(report.lines.len(), 1);
    assert!(report.records > 100, "{}", report.text());
    let report = examine(shop.driver.log(), &question(&[Invariant::OneWriter])).unwrap();
    assert_eq!((report.verdict, report.records), (Verdict::Proved, 0), "states alone tell");
}

/// At every moment of a trade the audit says no word against it: what is under way is neither right nor wrong.
#[test]
fn what_is_under_way_is_no_breach() {
    let mut shop = Shop::open();
    let first = shop.hold("h1", "user_123", 1);
    let home = home(SCHEDULE);
    let mut was_under_way = false;
    let wish = json!({"type": "pay", "requestId": "p1", "reservationId": first, "amount": PRICE});
    shop.put(reservation::INBOX, home, wish.to_string().as_bytes(), &[]);
    let wish = json!({"type": "hold", "requestId": "h2", "userId": "1001", "scheduleId": SCHEDULE, "seatNo": 2});
    shop.put(reservation::INBOX, home, wish.to_string().as_bytes(), &[]);
    let only = Invariant::ALL.into_iter().filter(|i| *i != Invariant::Replayed).collect();
    let question = Question { only, is_settled: true, ..shop.question() };
    let mut seen = 0;
    for _ in 0..60 {
        let changes = shop.driver.log().changes();
        if changes != seen && !shop.is_committing() {
            seen = changes;
            let report = examine(shop.driver.log(), &question).unwrap();
            for line in report.lines.iter().filter(|line| line.verdict == Verdict::Breached) {
                // That not all is settled is all that there is to say.
                assert_eq!(
                    (&*line.invariant, line.at.as_deref(), line.breaches),
                    ("I-9", Some("the cut"), 1),
                    "{}",
                    report.text()
                );
                assert!(report.in_flight > 0);
                was_under_way = true;
            }
        }
        shop.driver.step();
        shop.driver.clock().advance_us(1_000);
    }
    assert!(was_under_way);
    shop.driver.settle();
    let report = shop.audit();
    assert_eq!((report.verdict, report.in_flight), (Verdict::Proved, 0), "{}", report.text());
    shop.driver.advance_ms(HOLD_MS.unsigned_abs() + 50);
    assert_eq!(counted(&shop.audit(), "I-6", "holds ended at their deadline or later"), 1);
}

/// `value` with so much white space that the record fills the log's limit: it can be appended, and neither forwarded
/// nor kept by a dead letter.
fn as_large_as_can_be(value: &serde_json::Value) -> Vec<u8> {
    let mut value = value.to_string().into_bytes();
    let end = value.len() - 1;
    value.splice(end..end, std::iter::repeat_n(b' ', RECORD_BYTES_MAX - end - 1));
    value
}

/// What a producer of others' sends to the wrong partition, and is too large to be forwarded, has its outcome in its
/// own place like anything that is given up.
#[test]
fn what_is_too_large_to_be_forwarded_has_its_outcome_at_home() {
    let mut shop = Shop::open();
    shop.trade();
    let before = shop.driver.read(coupon::FAILURES).len();
    for (inbox, key, value) in [
        (coupon::INBOX, "coupon-p", json!({"requestId": "large-1", "policyId": "p", "userId": "77"})),
        // Its identity is where it entered the log.
        (coupon::INBOX, "coupon-p", json!({"policyId": "p", "userId": "78"})),
        (coupon::INBOX, "coupon-p", json!({"type": "adjust-stock", "requestId": "large-2", "policyId": "p", "by": 1})),
        (payment::INBOX, "1001", json!({"type": "charge", "requestId": "large-3", "userId": "1001", "amount": 5_000})),
        (
            reservation::INBOX,
            SCHEDULE,
            json!({"type": "hold", "requestId": "large-4", "userId": "1001", "scheduleId": SCHEDULE, "seatNo": 30}),
        ),
    ] {
        shop.put(inbox, (home(key) + 1) % PLACES, &as_large_as_can_be(&value), &[]);
        shop.driver.settle();
    }
    let refused: Vec<_> = shop.driver.read(coupon::FAILURES).split_off(before);
    assert_eq!(refused.len(), 2);
    for outcome in &refused {
        assert_eq!(outcome.partition, home("coupon-p"));
        assert!(outcome.text().contains(r#""status":"SYSTEM_ERROR""#), "{}", outcome.text());
    }
    let queries = shop.driver.queries();
    let charge =
        queries.task("payment", home("1001")).unwrap().get_kept(&payment::CHARGES, &"large-3".to_owned()).unwrap();
    let refused = payment::row::Outcome::Refused(payment::outcome::Refusal::System);
    assert_eq!(charge.map(|row| row.outcome), Some(refused));
    let hold = queries.task("reservation", home(SCHEDULE)).unwrap();
    let hold = hold.get_kept(&reservation::COMMANDS, &"large-4".to_owned()).unwrap().unwrap();
    assert_eq!(hold.refused, Some(reservation::refusal::Refusal::System));
    let report = examine(shop.driver.log(), &Question { is_settled: true, ..shop.question() }).unwrap();
    proved(&report, &["I-13", "I-18", "I-23", "I-27", "I-28"]);
    assert_eq!(counted(&report, "I-25", "records sent on"), 2 + 5);
}

/// An operator's limit on a topic of outcomes, with which a request can neither be decided nor given up: the audit
/// finds it, and the worker goes on.
#[test]
fn a_request_whose_outcome_the_log_refuses_is_found() {
    let mut shop = Shop::open();
    shop.trade();
    let request = |nth: u32| json!({"requestId": format!("r{nth}"), "policyId": "p", "userId": nth.to_string()});
    shop.driver.log().set_bytes_max(coupon::FAILURES, 20);
    shop.driver.pipe(coupon::INBOX, Some("coupon-p"), &request(1).to_string());
    shop.driver.settle();
    let report = shop.audit();
    let line = report.line("I-9").unwrap();
    assert_eq!(line.verdict, Verdict::Breached, "{}", report.text());
    assert!(line.why.as_deref().unwrap().contains("r1 has no outcome: it was given up"), "{}", report.text());
    shop.driver.log().set_bytes_max(coupon::FAILURES, RECORD_BYTES_MAX);
    shop.driver.pipe(coupon::INBOX, Some("coupon-p"), &request(2).to_string());
    shop.driver.settle();
    assert_eq!(shop.audit().line("I-9").unwrap().breaches, 1, "the one of before");
}

/// A deadline that the log refuses is an operator's to put back, and no record's dead letter.
#[test]
fn a_delayed_message_among_the_dead_letters_is_no_breach() {
    let mut shop = Shop::open();
    let held = shop.hold("h1", "user_123", 1);
    shop.driver.log().set_bytes_max(reservation::INBOX, 20);
    shop.driver.advance_ms(HOLD_MS.unsigned_abs() + 50);
    let report = shop.audit();
    assert_eq!(report.line("I-21").unwrap().verdict, Verdict::Proved, "{}", report.text());
    assert_eq!(report.line("I-19").unwrap().verdict, Verdict::Proved, "{}", report.text());
    assert!(counted(&report, "I-21", "delayed messages among the dead letters") >= 1, "{held}: {}", report.text());
}
