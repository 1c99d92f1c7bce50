//! Payments with coupons: what is owed, one coupon for one payment at a time, and back when the payment is off.

use crate::crimes::expect;
use crate::shop::{HOLD_MS, PRICE, SCHEDULE, Shop, home, named};
use holdfast_model::coupon::keys::CouponKey;
use holdfast_model::coupon::row::CouponRow;
use holdfast_model::reservation::row::{PaymentRow, PaymentState};
use holdfast_model::{coupon, payment, reservation};
use serde_json::{Value, json};
use stream_worker::commands::audit::report::Verdict;
use stream_worker::commands::audit::{Question, examine};

const KEY: &str = "coupon-d";
const OFF: i64 = 5_000;

/// The n-th coupon of the policy.
fn coupon(number: u64) -> String {
    format!("cpn_{}_d_{number}", home(KEY))
}

/// A shop that gives coupons of 5,000 KRW for orders from 10,000 KRW to three users.
fn open(topologies: Vec<holdfast_engine::prelude::Topology>) -> Shop {
    let mut shop = Shop::of(topologies);
    let create = json!({"type": "create-policy", "requestId": "cd", "policyId": "d", "title": "t", "totalQuantity": 9,
        "discountType": "FIXED_AMOUNT", "discountValue": OFF, "minimumOrderAmount": 10_000});
    shop.driver.pipe(coupon::INBOX, Some(KEY), &create.to_string());
    for user in ["1001", "1002", "1003"] {
        let wish = json!({"requestId": format!("d-{user}"), "policyId": "d", "userId": user});
        shop.driver.pipe(coupon::INBOX, Some(KEY), &wish.to_string());
    }
    shop.driver.settle();
    shop
}

/// Pays with a coupon; the payment's id if it is granted.
fn pay(shop: &mut Shop, id: &str, held: &str, amount: i64, coupon: &str) -> String {
    let wish = json!({"type": "pay", "requestId": id, "reservationId": held, "amount": amount, "couponId": coupon, "nonce": id});
    named("pay", SCHEDULE, shop.ask(&wish), id)
}

/// One keeps his seat, one gives it back and buys another, one offers too little and lets his hold run out.
fn traded() -> Shop {
    let mut shop = open(holdfast_topologies::all());
    let kept = shop.hold("k1", "1001", 1);
    pay(&mut shop, "k2", &kept, PRICE - OFF, &coupon(1));
    let other = shop.hold("k3", "1001", 2);
    pay(&mut shop, "k4", &other, PRICE - OFF, &coupon(1));
    let given_back = shop.hold("g1", "1002", 3);
    pay(&mut shop, "g2", &given_back, PRICE - OFF, &coupon(2));
    shop.ask(&json!({"type": "cancel", "requestId": "g3", "reservationId": given_back, "userId": "1002"}));
    let next = shop.hold("g4", "1002", 4);
    pay(&mut shop, "g5", &next, PRICE - OFF, &coupon(2));
    let offered = shop.hold("o1", "1003", 5);
    pay(&mut shop, "o2", &offered, PRICE - OFF - 1, &coupon(3));
    pay(&mut shop, "o3", &offered, PRICE - OFF, "cpn_0_d_9");
    shop.driver.advance_ms(HOLD_MS.unsigned_abs() + 50);
    shop
}

#[test]
fn a_discounted_sale_is_proved() {
    let shop = traded();
    let report = examine(shop.driver.log(), &Question { is_settled: true, ..shop.question() }).unwrap();
    assert_eq!((report.verdict, report.in_flight), (Verdict::Proved, 0), "{}", report.text());
    for (id, what, n) in [
        ("I-3", "payments with a coupon", 3),
        ("I-3", "coupons given back", 2),
        ("I-3", "refunds paid", 1),
        ("I-10", "discounts of payments", 6),
        ("I-10", "coupons shown as the log has them", 3),
        ("I-10", "payments shown as the log has them", 6),
    ] {
        let counted = report.line(id).unwrap().counted.iter().find(|counted| counted.what == what);
        assert_eq!(counted.map_or(0, |counted| counted.n), n, "{id} {what}\n{}", report.text());
    }
}

fn last_paid(shop: &Shop) -> Value {
    shop.last(reservation::CONFIRMED, |_| true)["paymentId"].clone()
}

#[test]
fn a_coupon_comes_back_that_is_used() {
    let mut shop = traded();
    let back = json!({"type": "return-coupon", "couponId": coupon(2), "userId": "1002", "orderId": last_paid(&shop)});
    shop.tell("reservation", home(SCHEDULE), coupon::INBOX, home(KEY), &back);
    shop.driver.settle();
    expect(&shop, "I-3", "goes back, and none is due");
}

#[test]
fn a_coupon_is_kept_back() {
    // No wallet answers but one that nobody knows, and whoever hears it does nothing.
    let mut shop = open(holdfast_topologies::all().into_iter().filter(|one| **one.name() != *payment::NAME).collect());
    let held = shop.hold("k1", "1001", 1);
    let id = pay(&mut shop, "k2", &held, PRICE - OFF, &coupon(1));
    assert_ne!(shop.audit().verdict, Verdict::Breached, "{}", shop.audit().text());
    shop.driver.crash();
    let answer = json!({"type": "settled", "requestId": id, "paymentId": id, "reservationId": held,
        "result": "INSUFFICIENT_POINTS", "amount": PRICE - OFF});
    shop.tell("payment", home("1001"), reservation::INBOX, home(SCHEDULE), &answer);
    let end = shop.driver.read(reservation::INBOX).into_iter().filter(|out| out.partition == home(SCHEDULE));
    let end = end.map(|out| out.offset + 1).max().unwrap();
    shop.stand("reservation", home(SCHEDULE), reservation::INBOX, end);
    expect(&shop, "I-25", "has no use for its coupon, and nobody gave it back");
}

#[test]
fn a_coupon_is_shown_as_free() {
    let mut shop = traded();
    let key = CouponKey { policy_id: "d".to_owned(), serial: 1 };
    let row: CouponRow = shop.row("coupon", home(KEY), &coupon::COUPONS, &key);
    let row = CouponRow { used: None, ..row };
    shop.forge("coupon", home(KEY), &coupon::COUPONS, &key, Some(&row));
    expect(&shop, "I-10", "is shown as used for None, and is not by the log");
}

#[test]
fn a_coupon_is_hidden() {
    let mut shop = traded();
    let key = CouponKey { policy_id: "d".to_owned(), serial: 3 };
    shop.forge::<_, CouponRow>("coupon", home(KEY), &coupon::COUPONS, &key, None);
    expect(&shop, "I-10", "2 coupons are kept, by the log there are 3");
}

#[test]
fn a_payment_is_shown_as_failed() {
    let mut shop = traded();
    let id = last_paid(&shop).as_str().unwrap().to_owned();
    let row: PaymentRow = shop.row("reservation", home(SCHEDULE), &reservation::PAYMENT_STATES, &id);
    let row = PaymentRow { state: PaymentState::Refused("INSUFFICIENT_POINTS".to_owned()), ..row };
    shop.forge("reservation", home(SCHEDULE), &reservation::PAYMENT_STATES, &id, Some(&row));
    expect(&shop, "I-10", "paid: Nothing");
}

#[test]
fn a_coupon_answers_twice() {
    let mut shop = traded();
    let again = shop.last(reservation::INBOX, |value| value["type"] == "coupon-used");
    shop.tell("coupon", home(KEY), reservation::INBOX, home(SCHEDULE), &again);
    shop.driver.settle();
    expect(&shop, "I-9", "was answered at");
}
