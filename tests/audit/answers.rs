//! What clients were told: right answers are proved, and each kind of lie is found, at its line.

use crate::shop::{PRICE, SCHEDULE, Shop, home};
use holdfast_model::{coupon, reservation};
use serde_json::{Value, json};
use std::path::Path;
use stream_worker::commands::audit::report::{Report, Verdict};
use stream_worker::commands::audit::{Question, examine};

/// A shop, and what it has told its clients over HTTP.
struct Told {
    shop: Shop,
    lines: Vec<Value>,
}

fn line(path: &str, status: u16, asked: Value, said: Value) -> Value {
    json!({"time": "2026-03-01T00:00:00.000Z", "method": "POST", "path": path, "status": status, "asked": asked, "said": said})
}

/// Pays as the route does: the payment is called as its command.
fn pay(shop: &mut Shop, name: &str, reservation: &str) -> String {
    let id = format!("pay_{}_{name}", home(SCHEDULE));
    shop.ask(&json!({"type": "pay", "requestId": id, "paymentId": id, "reservationId": reservation, "amount": PRICE}));
    id
}

/// Lines of [`Told::right`], by what they tell.
const HELD: usize = 0;
const SEAT_TAKEN: usize = 1;
const PAID: usize = 2;
const POOR: usize = 3;
const CHARGED: usize = 4;
const ISSUED: usize = 5;
const SOLD_OUT: usize = 6;
const ACCEPTED: usize = 7;
const HAS_ONE: usize = 8;
const GIVEN_BACK: usize = 9;
const OTHER_BODY: usize = 10;

impl Told {
    fn right() -> Self {
        let mut shop = Shop::open();
        shop.trade();
        let seat = |user: &str, seat: u64| json!({"userId": user, "scheduleId": SCHEDULE, "seatNo": seat});
        let held = shop.hold("req_held", "1001", 11);
        let deadline = shop.last(reservation::EXPIRATIONS, |_| true)["payload"]["expiresAt"].clone();
        shop.hold("req_taken", "1002", 11);
        let paid = pay(&mut shop, "paid", &held);
        let poor = shop.hold("req_poor", "poor", 12);
        let unpaid = pay(&mut shop, "unpaid", &poor);
        let back = shop.hold("req_back", "1003", 13);
        let given_back = pay(&mut shop, "back", &back);
        shop.ask(&json!({"type": "cancel", "requestId": "req_cancel", "reservationId": back, "userId": "1003"}));
        shop.charge("new", 7_000);
        shop.driver.settle();
        let coupon_id = shop.last(coupon::SUCCESS, |value| value["requestId"] == "k0")["couponId"].clone();
        let offer = |id: &str| json!({"reservationId": id, "amount": PRICE});
        let outcome =
            |id: &str, status: &str, coupon: Value| json!({"requestId": id, "status": status, "couponId": coupon});
        let wish = |user: &str| json!({"policyId": "p", "userId": user});
        let coupons = "/api/coupons/issue?strategy=v1";
        let success = |id: &str, reservation: &str, status: &str| json!({"paymentId": id, "status": status, "reservationId": reservation, "amount": PRICE});
        let mut lines = vec![
            line(
                "/reservations",
                201,
                seat("1001", 11),
                json!({"reservationId": held, "expiresAt": deadline, "userId": "1001"}),
            ),
            line(
                "/reservations",
                409,
                seat("1002", 11),
                json!({"code": "SEAT_ALREADY_RESERVED", "requestId": "req_taken"}),
            ),
            line("/payments", 200, offer(&held), success(&paid, &held, "SUCCESS")),
            line("/payments", 402, offer(&poor), json!({"code": "INSUFFICIENT_POINTS", "requestId": unpaid})),
            line(
                "/api/points/charge",
                200,
                json!({"userId": "new", "amount": 7_000}),
                json!({"requestId": "c-new-7000", "userId": "new", "amount": 7_000, "status": "SUCCESS", "balanceAfter": 7_000}),
            ),
            line(coupons, 200, wish("1"), outcome("k0", "SUCCESS", coupon_id)),
            line(coupons, 200, wish("3"), outcome("k3", "OUT_OF_STOCK", Value::Null)),
            line("/reservations", 202, seat("1001", 11), json!({"status": "PENDING", "requestId": "req_held"})),
            line(coupons, 409, wish("1"), json!({"code": "DUPLICATE_REQUEST", "requestId": "http-1"})),
            line("/payments", 200, offer(&back), success(&given_back, &back, "SUCCESS")),
            line(
                "/reservations",
                422,
                seat("1001", 12),
                json!({"code": "IDEMPOTENCY_KEY_REUSED", "requestId": "http-2"}),
            ),
        ];
        for at in [HELD, OTHER_BODY] {
            lines[at]["key"] = json!("click");
        }
        // Asked again under its key, and not answered; a server that does not know.
        let mut again = lines[HELD].clone();
        again["status"] = json!(0);
        lines.extend([
            lines[HELD].clone(),
            again,
            line("/payments", 503, offer(&held), json!({"code": "OUTCOME_UNKNOWN"})),
        ]);
        Self { shop, lines }
    }

    fn audit(&self) -> Report {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("answers.jsonl");
        let text: String = self.lines.iter().map(|line| format!("{line}\n")).collect();
        // Whoever wrote it was killed in the middle of a line.
        std::fs::write(&file, text + "{\"method\":\"PO").unwrap();
        examine(self.shop.driver.log(), &self.question(&file)).unwrap()
    }

    fn question(&self, file: &Path) -> Question {
        let only = ["I-9", "I-10", "I-14"].map(|id| id.parse().unwrap()).to_vec();
        Question { only, answers: Some(file.to_owned()), ..self.shop.question() }
    }
}

#[test]
fn what_was_told_is_what_the_log_says() {
    let told = Told::right();
    let report = told.audit();
    assert_eq!(report.verdict, Verdict::Proved, "{}", report.text());
    let counted = |id: &str, what: &str| {
        let counted = report.line(id).unwrap().counted.iter().find(|counted| counted.what == what);
        counted.map_or(0, |counted| counted.n)
    };
    // Eleven lines less the key and the coupon that were refused at the door, and one that came again.
    assert_eq!(counted("I-10", "answers over HTTP"), 10, "{}", report.text());
    assert_eq!(counted("I-10", "refusals at the door"), 1, "{}", report.text());
    assert_eq!(counted("I-10", "refusals before the log"), 1, "{}", report.text());
    assert_eq!(counted("I-14", "answers under a key that came again"), 1, "{}", report.text());
    assert_eq!(counted("I-14", "other requests under a known key, not accepted"), 1, "{}", report.text());
    assert!(
        report.line("I-10").unwrap().notes.iter().any(|note| note.starts_with("2 requests were told nothing")),
        "{}",
        report.text()
    );
}

#[test]
fn each_lie_is_found_at_its_line() {
    type Lie = (&'static str, usize, &'static str, fn(&mut Value));
    let lies: [Lie; 20] = [
        // Told yes, and lost.
        ("I-10", HELD, "was told to be seat 12", |line| line["asked"]["seatNo"] = json!(12)),
        ("I-10", HELD, "was told to be seat 11", |line| line["said"]["userId"] = json!("1002")),
        ("I-10", HELD, "was told to be seat 11", |line| line["said"]["expiresAt"] = json!("2031-01-01T00:00:00.000Z")),
        ("I-10", HELD, "and is not in the log", |line| line["said"]["reservationId"] = json!("res_0_4711")),
        ("I-10", PAID, "and is not in the log", |line| line["said"]["paymentId"] = json!("pay_0_x")),
        ("I-10", PAID, "was told as Paid", |line| line["said"]["amount"] = json!(1)),
        ("I-10", PAID, "was told as Paid", |line| line["said"]["status"] = json!("CANCELLED")),
        ("I-10", PAID, "was told as Paid", |line| line["said"]["reservationId"] = json!("res_0_1")),
        ("I-10", CHARGED, "leaving Some(7000)", |line| line["said"]["balanceAfter"] = json!(8_000)),
        ("I-10", CHARGED, "and is not in the log", |line| line["said"]["requestId"] = json!("c-lost")),
        ("I-10", SOLD_OUT, "by the log it is OUT_OF_STOCK", |line| line["said"]["status"] = json!("SUCCESS")),
        ("I-10", HAS_ONE, "and he has none", |line| line["asked"]["userId"] = json!("3")),
        ("I-9", ACCEPTED, "was accepted, and is not in the log", |line| line["said"]["requestId"] = json!("req_lost")),
        // Told no, and won.
        ("I-10", SEAT_TAKEN, "by the log it is yes", |line| line["said"]["requestId"] = json!("req_held")),
        ("I-10", SEAT_TAKEN, "by the log it is SEAT_ALREADY_RESERVED", |line| {
            line["said"]["code"] = json!("SEAT_LIMIT_EXCEEDED")
        }),
        ("I-10", SEAT_TAKEN, "and is not in the log", |line| line["said"]["requestId"] = json!("req_nobody")),
        ("I-10", POOR, "has_seat: true", |line| {
            let id = line["said"]["requestId"].as_str().unwrap().replace("unpaid", "paid");
            line["said"]["requestId"] = json!(id);
        }),
        ("I-10", ISSUED, "by the log it is SUCCESS", |line| line["said"]["status"] = json!("OUT_OF_STOCK")),
        // The same key.
        ("I-14", 11, "was answered otherwise", |line| line["said"]["reservationId"] = json!("res_0_1")),
        ("I-14", OTHER_BODY, "and this was not refused", |line| line["status"] = json!(200)),
    ];
    let mut told = Told::right();
    for (invariant, at, said, lie) in lies {
        let right = told.lines[at].clone();
        lie(&mut told.lines[at]);
        let report = told.audit();
        let found = report.line(invariant).unwrap();
        let text = format!("{}: {}", found.at.as_deref().unwrap_or_default(), found.why.as_deref().unwrap_or_default());
        assert_eq!(found.verdict, Verdict::Breached, "{said}\n{}", report.text());
        assert!(text.contains(&format!("line {}: ", at + 1)) && text.contains(said), "{said:?} was found as {text}");
        told.lines[at] = right;
    }
}

#[test]
fn who_was_given_back_may_hear_that_and_nothing_else() {
    let mut told = Told::right();
    let id = told.lines[GIVEN_BACK]["said"]["paymentId"].clone();
    told.lines[GIVEN_BACK]["said"]["status"] = json!("CANCELLED");
    assert_eq!(told.audit().verdict, Verdict::Proved, "{}", told.audit().text());
    told.lines[GIVEN_BACK]["status"] = json!(410);
    told.lines[GIVEN_BACK]["said"] = json!({"code": "RESERVATION_CANCELLED", "requestId": id});
    assert_eq!(told.audit().verdict, Verdict::Proved, "{}", told.audit().text());
    told.lines[GIVEN_BACK]["said"] = json!({"code": "RESERVATION_EXPIRED", "requestId": id});
    assert_eq!(told.audit().line("I-10").unwrap().verdict, Verdict::Breached);
}

#[test]
fn a_file_that_makes_no_sense_is_refused() {
    let told = Told::right();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("answers");
    let failed = |told: &Told| examine(told.shop.driver.log(), &told.question(&file)).unwrap_err().to_string();
    assert!(failed(&told).contains("answers: "), "there is none");
    std::fs::write(&file, "{}\n").unwrap();
    assert!(failed(&told).contains("line 1: missing field"), "{}", failed(&told));
}

/// Before anything has happened in a shop, and long after.
const BEFORE: &str = "2026-02-28T14:00:00.000Z";
const AFTER: &str = "2026-03-31T00:00:00.000Z";

/// Somebody is sent away at the door, within 5 ms.
fn sent_away(path: &str, status: u16, code: &str, asked: Value, time: &str) -> Value {
    let said = json!({"code": code, "requestId": "http-7"});
    json!({"time": time, "tookMs": 5, "method": "POST", "path": path, "status": status, "asked": asked, "said": said})
}

#[test]
fn who_is_sent_away_at_the_door_is_sent_away_for_a_reason() {
    let mut told = Told::right();
    for create in [
        json!({"type": "create-policy", "requestId": "c1", "policyId": "old", "title": "t", "totalQuantity": 2, "endTime": "2026-01-01T00:00:00Z"}),
        json!({"type": "create-policy", "requestId": "c2", "policyId": "none", "title": "t", "totalQuantity": 1}),
        json!({"requestId": "n1", "policyId": "none", "userId": "1"}),
        json!({"type": "adjust-stock", "requestId": "c3", "policyId": "none", "by": 5}),
    ] {
        let key = format!("coupon-{}", create["policyId"].as_str().unwrap());
        told.shop.driver.pipe(coupon::INBOX, Some(&key), &create.to_string());
        told.shop.driver.settle();
        told.shop.driver.advance_ms(60_000);
    }
    let sold_out = told.shop.last(coupon::SUCCESS, |value| value["requestId"] == "n1")["issuedAt"].clone();
    let sold_out = sold_out.as_str().unwrap();
    let held = told.lines[HELD]["said"]["reservationId"].clone();
    let wish = |policy: &str, user: &str| json!({"policyId": policy, "userId": user});
    let coupons = "/api/coupons/issue?strategy=v3";
    let offer = |id: &Value, user: &str| json!({"reservationId": id, "amount": PRICE, "userId": user});
    let seat = json!({"userId": "1001", "scheduleId": SCHEDULE, "seatNo": 11});
    let right = [
        sent_away(coupons, 404, "POLICY_NOT_FOUND", wish("nowhere", "1"), AFTER),
        sent_away(coupons, 404, "POLICY_NOT_FOUND", wish("p", "1"), BEFORE),
        sent_away("/api/coupons/old/issue?userId=1", 409, "OUTSIDE_ISSUE_WINDOW", Value::Null, AFTER),
        sent_away(coupons, 409, "DUPLICATE_REQUEST", wish("p", "1"), AFTER),
        sent_away(coupons, 409, "SOLD_OUT", wish("p", "1"), AFTER),
        sent_away(coupons, 409, "SOLD_OUT", wish("none", "2"), sold_out),
        sent_away("/payments", 404, "RESERVATION_NOT_FOUND", offer(&json!("res_789"), "1001"), AFTER),
        sent_away("/payments", 404, "RESERVATION_NOT_FOUND", offer(&held, "somebody"), AFTER),
        sent_away("/reservations", 422, "VALIDATION_FAILED", seat.clone(), AFTER),
    ];
    let usual = told.lines.len();
    told.lines.extend(right);
    let report = told.audit();
    assert_eq!(report.verdict, Verdict::Proved, "{}", report.text());
    let lies = [
        ("which was created", sent_away(coupons, 404, "POLICY_NOT_FOUND", wish("p", "1"), AFTER)),
        ("is closed, and it was open", sent_away(coupons, 409, "OUTSIDE_ISSUE_WINDOW", wish("p", "1"), AFTER)),
        ("there is no such policy", sent_away(coupons, 409, "OUTSIDE_ISSUE_WINDOW", wish("nowhere", "1"), AFTER)),
        ("and he has none", sent_away(coupons, 409, "DUPLICATE_REQUEST", wish("p", "3"), AFTER)),
        ("and got it", sent_away(coupons, 409, "DUPLICATE_REQUEST", wish("p", "1"), BEFORE)),
        ("there were some left", sent_away(coupons, 409, "SOLD_OUT", wish("p", "1"), BEFORE)),
        // There were some again.
        ("there were some left", sent_away("/api/coupons/none/issue?userId=2", 409, "SOLD_OUT", Value::Null, AFTER)),
        ("1001 has it", sent_away("/payments", 404, "RESERVATION_NOT_FOUND", offer(&held, "1001"), AFTER)),
        // Only the log says so, and nobody has asked it.
        ("is not in the log", sent_away("/reservations", 404, "SCHEDULE_NOT_FOUND", seat.clone(), AFTER)),
        ("is not in the log", sent_away("/reserve", 409, "SEAT_LIMIT_EXCEEDED", seat, AFTER)),
    ];
    for (said, lie) in lies {
        told.lines[usual] = lie;
        let report = told.audit();
        let found = report.line("I-10").unwrap();
        let text = format!("{}: {}", found.at.as_deref().unwrap_or_default(), found.why.as_deref().unwrap_or_default());
        assert_eq!(found.verdict, Verdict::Breached, "{said}\n{}", report.text());
        assert!(text.contains(&format!("line {}: ", usual + 1)) && text.contains(said), "{said:?} was found as {text}");
    }
}
