//! A seat is paid with a coupon, or is not.

use crate::shop::{PLACES, Shop, TROUBLES, pay};
use holdfast_model::{coupon, payment, reservation};
use serde_json::Value;

#[test]
fn a_seat_is_paid_with_a_coupon_and_given_back() {
    for trouble in TROUBLES {
        let mut shop = Shop::open(trouble, 100_000);
        let id = shop.hold(1);
        let coupon = shop.coupon_id();
        let payment_id = shop.pay(&id, 45_000, Some(&coupon));
        assert_eq!((shop.status(&id), shop.balance()), ("CONFIRMED", 55_000), "{trouble:?}");
        assert_eq!(shop.coupon(), ("USED", Some(payment_id.clone())));
        let payment = shop.payment(&payment_id);
        assert_eq!(
            (payment.status, payment.amount, payment.coupon_id.as_deref(), payment.discount),
            ("SUCCESS", 45_000, Some(&*coupon), Some(5_000))
        );
        let confirmed: Value = serde_json::from_str(&shop.driver.read(reservation::CONFIRMED)[0].text()).unwrap();
        assert_eq!(confirmed["amount"], 45_000);

        // What was paid goes back, not what the seat costs; and the coupon.
        shop.cancel(&id);
        assert_eq!((shop.status(&id), shop.balance(), shop.coupon()), ("REFUNDED", 100_000, ("ISSUED", None)));
        let payment = shop.payment(&payment_id);
        assert_eq!((payment.refund_amount, payment.refund_status), (Some(45_000), Some("COMPLETED")));
        assert_eq!((shop.notices("PAYMENT_CONFIRMED"), shop.notices("REFUNDED")), (1, 1));
        let sent = |topic, kind| shop.sent(topic, kind);
        assert_eq!((sent(coupon::INBOX, "use-coupon"), sent(coupon::INBOX, "return-coupon")), (1, 1));
        assert_eq!((sent(payment::INBOX, "debit"), sent(payment::INBOX, "refund")), (1, 1));

        // It can be used again, for another payment.
        let again = shop.hold(1);
        let payment_id = shop.pay(&again, 45_000, Some(&coupon));
        assert_eq!((shop.status(&again), shop.coupon()), ("CONFIRMED", ("USED", Some(payment_id))));
    }
}

#[test]
fn a_refused_debit_gives_the_coupon_back() {
    for trouble in TROUBLES {
        let mut shop = Shop::open(trouble, 40_000);
        let id = shop.hold(1);
        let (coupon, expires_ms) = (shop.coupon_id(), shop.expires_ms(&id));
        let refused = shop.pay(&id, 45_000, Some(&coupon));
        let payment = shop.payment(&refused);
        assert_eq!((payment.status, payment.code.as_deref()), ("FAILED", Some("INSUFFICIENT_POINTS")), "{trouble:?}");
        assert_eq!((shop.status(&id), shop.expires_ms(&id), shop.coupon()), ("HELD", expires_ms, ("ISSUED", None)));
        shop.charge("more", 5_000);
        let paid = shop.pay(&id, 45_000, Some(&coupon));
        assert_eq!((shop.status(&id), shop.balance(), shop.coupon()), ("CONFIRMED", 0, ("USED", Some(paid))));
        assert_eq!(shop.payment(&refused).status, "FAILED");
    }
}

#[test]
fn an_offer_that_is_not_what_is_owed_gives_the_coupon_back() {
    for trouble in TROUBLES {
        let mut shop = Shop::open(trouble, 100_000);
        let (id, coupon) = (shop.hold(1), shop.coupon_id());
        for amount in [44_999, 45_001, 50_000, 0] {
            let payment_id = shop.pay(&id, amount, Some(&coupon));
            let payment = shop.payment(&payment_id);
            assert_eq!((payment.status, payment.code.as_deref()), ("FAILED", Some("AMOUNT_MISMATCH")), "{amount}");
            assert_eq!((shop.status(&id), shop.balance(), shop.coupon()), ("HELD", 100_000, ("ISSUED", None)));
        }
        assert_eq!(shop.ask(pay(&id, 50_001, Some(&coupon))).code, Some("AMOUNT_MISMATCH"));
        // And without a coupon the price is owed.
        assert_eq!(shop.ask(pay(&id, 45_000, None)).code, Some("AMOUNT_MISMATCH"));
        shop.pay(&id, 50_000, None);
        assert_eq!((shop.status(&id), shop.balance(), shop.coupon()), ("CONFIRMED", 50_000, ("ISSUED", None)));
        assert_eq!(shop.sent(payment::INBOX, "debit"), 1, "no wallet hears of a wrong offer");
    }
}

#[test]
fn a_coupon_is_used_for_one_payment() {
    for trouble in TROUBLES {
        let mut shop = Shop::open(trouble, 1_000_000);
        let (first, second, coupon) = (shop.hold(1), shop.hold(2), shop.coupon_id());
        // Both are in the log before anything is decided.
        shop.send(pay(&first, 45_000, Some(&coupon)));
        let late = shop.send(pay(&second, 45_000, Some(&coupon)));
        shop.settle();
        let payment = shop.payment(&shop.outcome(&late).payment_id.unwrap());
        assert_eq!((shop.status(&first), shop.status(&second)), ("CONFIRMED", "HELD"), "{trouble:?}");
        assert_eq!((payment.status, payment.code.as_deref()), ("FAILED", Some("COUPON_NOT_USABLE")));
        // One that was never issued, and one whose place is not its policy's.
        let away = (coupon::coupon_place(&coupon).unwrap() + 1) % PLACES;
        for coupon_id in [format!("{coupon}7"), format!("cpn_{away}_{}_1", shop.policy)] {
            let payment_id = shop.pay(&second, 45_000, Some(&coupon_id));
            let payment = shop.payment(&payment_id);
            assert_eq!((payment.status, payment.code.as_deref()), ("FAILED", Some("COUPON_NOT_FOUND")));
        }
        assert_eq!((shop.status(&second), shop.balance()), ("HELD", 955_000));
    }
}
