//! Seats paid with coupons: over HTTP from the coupon's issue to the money's way back, the same on both logs, and then the audit of it.

use crate::audit::{line, report, settled};
use crate::seats::{balance, becomes, hold, refused, short_holds, told};
use crate::support::broker::Cluster;
use crate::support::command::said;
use crate::support::wait;
use crate::support::worker::{Setup, Worker};
use holdfast_model::rfc3339;
use serde_json::{Value, json};

const PRICE: i64 = 50_000;
const DAY_MS: i64 = 86_400_000;

#[test]
fn on_the_embedded_log() {
    let data = tempfile::tempdir().unwrap();
    the_sale(&Setup::embedded(data.path()));
}

#[test]
fn on_kafka() {
    let cluster = Cluster::start(1);
    let data = tempfile::tempdir().unwrap();
    the_sale(&Setup::kafka(data.path(), &cluster.brokers));
}

fn the_sale(setup: &Setup) {
    let worker = Worker::start(setup);
    open(&worker);
    bought(&worker);
    not_bought(&worker);
    settled(&worker);
    worker.kill9();
    let worker = Worker::start(setup);
    given_back(&worker);
    contended(&worker);
    called_off(&worker);
    settled(&worker);
    assert!(worker.terminate().success());
    audited(setup);
    let worker = Worker::start(&short_holds(setup.clone()));
    too_late(&worker);
    settled(&worker);
    assert!(worker.terminate().success());
    // A replay has one HOLD_MS, and this log two: that is asked for no more.
    let still = said(setup, &["audit", "--settled", "--only", "I-1,I-2,I-3,I-4,I-5,I-6,I-8,I-9,I-10,I-11,I-12,I-25"]);
    assert!(still.code == 0 && still.out.contains(" 0 breached"), "{still:?}");
}

/// Policies of each kind, and schedules: one whose show is in two days, one that is called off.
fn open(worker: &Worker) {
    let policies = [
        json!({"policyId": "fixed", "discountType": "FIXED_AMOUNT", "discountValue": 5_000, "minimumOrderAmount": 50_000}),
        json!({"policyId": "part", "discountType": "PERCENTAGE", "discountValue": 33, "maximumDiscountAmount": 12_345}),
        json!({"policyId": "free", "discountType": "PERCENTAGE", "discountValue": 100}),
        json!({"policyId": "large", "discountType": "FIXED_AMOUNT", "discountValue": 5_000, "minimumOrderAmount": 50_001}),
        json!({"policyId": "nothing"}),
    ];
    for mut policy in policies {
        policy["title"] = json!("할인 쿠폰");
        policy["totalQuantity"] = json!(20);
        told(worker, "/api/coupons/policies", &policy, 201);
    }
    let now_ms = rfc3339::parse(worker.policy("fixed")["createdAt"].as_str().unwrap()).unwrap();
    for (id, days) in [("gala", 30), ("soon", 2), ("off", 30)] {
        let schedule = json!({"scheduleId": id, "concertTitle": id, "seats": {"count": 40, "price": PRICE},
            "limits": {"seatsPerUser": 40, "openHolds": 40}, "startsAt": rfc3339::to_string(now_ms + days * DAY_MS)});
        told(worker, "/api/schedules", &schedule, 201);
    }
}

/// A coupon for somebody, who may have some money.
fn coupon(worker: &Worker, policy: &str, user: &str, krw: i64) -> String {
    if krw > 0 {
        told(worker, "/api/points/charge", &json!({"userId": user, "amount": krw}), 200);
    }
    let issued = told(worker, "/api/coupons/issue?strategy=v1", &json!({"policyId": policy, "userId": user}), 200);
    issued["couponId"].as_str().unwrap().to_owned()
}

fn offer(reservation: &str, amount: i64, coupon: &str) -> Value {
    json!({"reservationId": reservation, "amount": amount, "couponId": coupon})
}

/// Pays, and returns the payment's id.
fn paid(worker: &Worker, reservation: &str, amount: i64, coupon: &str) -> String {
    let paid = told(worker, "/payments", &offer(reservation, amount, coupon), 200);
    assert_eq!((&paid["status"], &paid["amount"]), (&json!("SUCCESS"), &json!(amount)), "{paid}");
    paid["paymentId"].as_str().unwrap().to_owned()
}

/// The coupon is, or will be, used for this order, or for none.
fn coupon_is(worker: &Worker, user: &str, coupon: &str, order: Option<&str>) {
    let status = if order.is_some() { "USED" } else { "ISSUED" };
    wait::until(&format!("{coupon} is {status}"), || {
        let held: Value = worker.get(&format!("/api/coupons/users/{user}")).json().unwrap();
        let coupons = held["coupons"].as_array().unwrap();
        let it = coupons.iter().find(|it| it["couponId"] == coupon).unwrap();
        it["status"] == status && it["orderId"].as_str() == order
    });
}

fn payment(worker: &Worker, id: &str) -> Value {
    worker.get(&format!("/payments/{id}")).json().unwrap()
}

/// What is owed is the price less what each kind of coupon takes off.
fn bought(worker: &Worker) {
    for (policy, off) in [("fixed", 5_000), ("part", 12_345), ("free", PRICE)] {
        let user = format!("buys-{policy}");
        let coupon = coupon(worker, policy, &user, PRICE);
        let seat = hold(worker, &user, "gala", u64::try_from(off % 31).unwrap() + 1);
        let id = paid(worker, &seat, PRICE - off, &coupon);
        coupon_is(worker, &user, &coupon, Some(&id));
        assert_eq!(balance(worker, &user), off);
        becomes(worker, &seat, "CONFIRMED");
        let seen = payment(worker, &id);
        assert_eq!(
            (&seen["status"], &seen["amount"], &seen["couponId"], &seen["discount"]),
            (&json!("SUCCESS"), &json!(PRICE - off), &json!(coupon), &json!(off)),
            "{seen}"
        );
    }
    // Asked again under its key it is the same payment, and with another coupon it is another request.
    let (first, other) = (coupon(worker, "fixed", "again", PRICE), coupon(worker, "part", "again", 0));
    let seat = hold(worker, "again", "gala", 33);
    let ask = |coupon: &str| worker.insist("/payments", "click", &offer(&seat, 45_000, coupon));
    let paid: Value = ask(&first).json().unwrap();
    let again = ask(&first);
    assert_eq!((again.status().as_u16(), &again.headers()["idempotent-replayed"]), (200, &"true".parse().unwrap()));
    assert_eq!(again.json::<Value>().unwrap(), paid);
    let reused = ask(&other);
    assert_eq!(reused.status(), 422);
    assert_eq!(reused.json::<Value>().unwrap()["code"], "IDEMPOTENCY_KEY_REUSED");
    coupon_is(worker, "again", &other, None);
    assert_eq!(balance(worker, "again"), 5_000);
}

/// Whatever is wrong with the offer, the coupon is free, the seat is held and no money has moved.
fn not_bought(worker: &Worker) {
    let user = "declined";
    let fixed = coupon(worker, "fixed", user, 40_000);
    let (large, nothing) = (coupon(worker, "large", user, 0), coupon(worker, "nothing", user, 0));
    let others = coupon(worker, "fixed", "somebody", 0);
    let seat = hold(worker, user, "gala", 34);
    let refuse = |amount, coupon: &str, status, code| {
        let problem = refused(worker, "/payments", &offer(&seat, amount, coupon), status, code);
        becomes(worker, &seat, "HELD");
        assert_eq!(balance(worker, user), 40_000);
        problem["requestId"].as_str().unwrap().to_owned()
    };
    refuse(45_000, &others, 404, "COUPON_NOT_FOUND");
    refuse(45_000, "cpn_0_fixed_999", 404, "COUPON_NOT_FOUND");
    refuse(45_000, "no coupon at all", 404, "COUPON_NOT_FOUND");
    refuse(45_000, &large, 409, "COUPON_MINIMUM_NOT_MET");
    refuse(50_000, &nothing, 409, "COUPON_NOT_A_DISCOUNT");
    for amount in [44_999, 45_001, 50_001, 0, -1] {
        refuse(amount, &fixed, 422, "AMOUNT_MISMATCH");
    }
    let poor = refuse(45_000, &fixed, 402, "INSUFFICIENT_POINTS");
    let seen = payment(worker, &poor);
    assert_eq!((&seen["status"], &seen["code"]), (&json!("FAILED"), &json!("INSUFFICIENT_POINTS")), "{seen}");
    for coupon in [&fixed, &large, &nothing] {
        coupon_is(worker, user, coupon, None);
    }
    coupon_is(worker, "somebody", &others, None);
    told(worker, "/api/points/charge", &json!({"userId": user, "amount": 5_000}), 200);
    let id = paid(worker, &seat, 45_000, &fixed);
    coupon_is(worker, user, &fixed, Some(&id));
    // What was used by hand is used.
    let by_hand = coupon(worker, "part", user, PRICE);
    told(worker, &format!("/api/coupons/{by_hand}/use"), &json!({"userId": user, "orderId": "desk"}), 200);
    let seat = hold(worker, user, "gala", 35);
    refused(worker, "/payments", &offer(&seat, 37_655, &by_hand), 409, "COUPON_NOT_USABLE");
    coupon_is(worker, user, &by_hand, Some("desk"));
    told(worker, "/payments", &json!({"reservationId": seat, "amount": PRICE}), 200);
}

/// What was paid goes back, not what the seat costs, and the coupon, which buys the next seat.
fn given_back(worker: &Worker) {
    let user = "returns";
    let coupon = coupon(worker, "part", user, PRICE);
    let seat = hold(worker, user, "gala", 36);
    let id = paid(worker, &seat, 37_655, &coupon);
    let back = told(worker, &format!("/payments/{id}/refund?userId={user}"), &json!({}), 200);
    assert_eq!((&back["refundAmount"], &back["refunded"]), (&json!(37_655), &json!(true)), "{back}");
    becomes(worker, &seat, "REFUNDED");
    coupon_is(worker, user, &coupon, None);
    assert_eq!(balance(worker, user), PRICE);
    // Asked again nothing comes a second time.
    told(worker, &format!("/payments/{id}/refund?userId={user}"), &json!({}), 200);
    // Two days before the show a part of what was paid is kept.
    let seat = hold(worker, user, "soon", 1);
    let id = paid(worker, &seat, 37_655, &coupon);
    coupon_is(worker, user, &coupon, Some(&id));
    assert!(worker.delete(&format!("/reservations/{seat}?userId={user}")).status().is_success());
    becomes(worker, &seat, "REFUNDED");
    coupon_is(worker, user, &coupon, None);
    let seen = payment(worker, &id);
    let (amount, fee) = (seen["refundAmount"].as_i64().unwrap(), seen["fee"].as_i64().unwrap());
    assert_eq!((amount + fee, fee), (37_655, 37_655 * 30 / 100), "{seen}");
    assert_eq!(balance(worker, user), PRICE - fee);
    // And of what was paid with nothing nothing comes back but the coupon.
    let coupon = self::coupon(worker, "free", user, 0);
    let seat = hold(worker, user, "gala", 36);
    let id = paid(worker, &seat, 0, &coupon);
    let back = told(worker, &format!("/payments/{id}/refund"), &json!({"userId": user}), 200);
    assert_eq!((&back["refundAmount"], &back["refunded"]), (&json!(0), &json!(true)), "{back}");
    coupon_is(worker, user, &coupon, None);
    assert_eq!(balance(worker, user), PRICE - fee);
}

/// Of payments that want one coupon at the same time one has it.
fn contended(worker: &Worker) {
    let user = "greedy";
    let coupon = coupon(worker, "fixed", user, 500_000);
    let seats: Vec<String> = (1..=6).map(|seat| hold(worker, user, "soon", seat + 10)).collect();
    let answers: Vec<(u16, Value)> = std::thread::scope(|scope| {
        let ask = |seat: &String| {
            let body = offer(seat, 45_000, &coupon);
            scope.spawn(move || {
                let answer = worker.decided("/payments", &body);
                (answer.status().as_u16(), answer.json().unwrap())
            })
        };
        let asked: Vec<_> = seats.iter().map(ask).collect();
        asked.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let won: Vec<_> = answers.iter().filter(|(status, _)| *status == 200).collect();
    assert_eq!(won.len(), 1, "{answers:?}");
    for (status, told) in answers.iter().filter(|(status, _)| *status != 200) {
        assert_eq!((*status, &told["code"]), (409, &json!("COUPON_NOT_USABLE")), "{told}");
    }
    coupon_is(worker, user, &coupon, won[0].1["paymentId"].as_str());
    assert_eq!(balance(worker, user), 455_000);
}

/// A show that is called off gives everybody back what he has paid, and paid with.
fn called_off(worker: &Worker) {
    let users = ["fan-1", "fan-2", "fan-3"];
    let coupons = users.map(|user| coupon(worker, "fixed", user, PRICE));
    for (seat, (user, coupon)) in (1..).zip(users.iter().zip(&coupons)) {
        let held = hold(worker, user, "off", seat);
        paid(worker, &held, 45_000, coupon);
    }
    let cancelled = worker.post("/api/schedules/off/cancel", &json!({}));
    assert!(cancelled.status().is_success(), "{}", cancelled.text().unwrap());
    for (user, coupon) in users.iter().zip(&coupons) {
        coupon_is(worker, user, coupon, None);
        wait::until("the money is back", || balance(worker, user) == PRICE);
    }
}

/// After the deadline a coupon is not even asked.
fn too_late(worker: &Worker) {
    let user = "late";
    let coupon = coupon(worker, "fixed", user, PRICE);
    let seat = hold(worker, user, "gala", 37);
    becomes(worker, &seat, "EXPIRED");
    refused(worker, "/payments", &offer(&seat, 45_000, &coupon), 410, "RESERVATION_EXPIRED");
    coupon_is(worker, user, &coupon, None);
    assert_eq!(balance(worker, user), PRICE);
}

fn audited(setup: &Setup) {
    let all = said(setup, &["audit", "--settled", "--format", "json"]);
    assert_eq!(all.code, 0, "{all:?}");
    let report = report(&all);
    let counted = |id: &str, what: &str| {
        let counted = line(&report, id)["counted"].as_array().unwrap();
        counted.iter().find(|c| c["what"] == what).map_or(0, |c| c["n"].as_u64().unwrap())
    };
    // Three kinds, the same under its key, the poor one's twice, three given back, the greedy one's, and three of a show that was called off.
    assert_eq!(counted("I-3", "payments with a coupon"), 13, "{report}");
    // Of these six; three offers that were not what was owed, and the one that the wallet could not pay.
    assert_eq!(counted("I-3", "coupons given back"), 10, "{report}");
    for (id, what, n) in [
        ("I-3", "refunds paid", 6),
        ("I-10", "discounts of payments", 20),
        ("I-10", "coupons shown as the log has them", 13),
        ("I-10", "payments shown as the log has them", 20),
    ] {
        assert!(counted(id, what) >= n, "{id} {what}: {}\n{report}", counted(id, what));
    }
}
