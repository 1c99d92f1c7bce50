//! Schedules that are cancelled, and refunds that are refused.

use crate::shop::{SCHEDULE, Shop, TROUBLES, pay};
use holdfast_model::payment::message::Refund;
use holdfast_model::reservation::message::{CancelSchedule, Command};
use holdfast_model::{coupon, payment};

#[test]
fn a_schedule_that_is_cancelled_while_the_coupon_decides_takes_nothing() {
    for trouble in TROUBLES {
        let mut shop = Shop::open(trouble, 100_000);
        let (id, coupon) = (shop.hold(1), shop.coupon_id());
        let request = shop.send(pay(&id, 45_000, Some(&coupon)));
        shop.send(Command::CancelSchedule(CancelSchedule { schedule_id: SCHEDULE.to_owned() }));
        shop.settle();
        let payment = shop.payment(&shop.outcome(&request).payment_id.unwrap());
        assert_eq!((shop.status(&id), shop.balance(), shop.coupon()), ("CANCELLED", 100_000, ("ISSUED", None)));
        assert_eq!((payment.status, payment.code.as_deref()), ("FAILED", Some("RESERVATION_CANCELLED")), "{trouble:?}");
        assert_eq!((shop.sent(payment::INBOX, "debit"), shop.sent(coupon::INBOX, "return-coupon")), (0, 1));
    }
}

#[test]
fn a_schedule_that_is_cancelled_gives_back_what_was_paid_and_the_coupon() {
    for trouble in TROUBLES {
        let mut shop = Shop::open(trouble, 100_000);
        let (id, coupon) = (shop.hold(1), shop.coupon_id());
        shop.pay(&id, 45_000, Some(&coupon));
        shop.ask(Command::CancelSchedule(CancelSchedule { schedule_id: SCHEDULE.to_owned() }));
        assert_eq!((shop.status(&id), shop.balance(), shop.coupon()), ("REFUNDED", 100_000, ("ISSUED", None)));
        assert_eq!(shop.notices("RESERVATION_CANCELLED"), 1, "{trouble:?}");
    }
}

#[test]
fn a_refund_that_is_refused_is_told_and_waits_for_nobody() {
    for trouble in TROUBLES {
        let mut shop = Shop::open(trouble, 100_000);
        let (id, coupon) = (shop.hold(1), shop.coupon_id());
        let payment_id = shop.pay(&id, 45_000, Some(&coupon));
        // Somebody has given the money back by hand: the wallet does so once for each payment.
        let user = shop.user.clone();
        let by_hand = Refund {
            request_id: Some("by-hand".into()),
            payment_id: payment_id.as_str().into(),
            reservation_id: id.as_str().into(),
            user_id: user.as_str().into(),
            amount: 45_000,
            reason: "BY_HAND".into(),
            ..Refund::default()
        };
        shop.is_buried = true;
        shop.tell_wallet(&by_hand.to_json());
        assert_eq!((shop.status(&id), shop.balance()), ("CONFIRMED", 100_000));
        shop.cancel(&id);
        assert_eq!((shop.status(&id), shop.balance(), shop.coupon()), ("CANCELLED", 100_000, ("ISSUED", None)));
        let payment = shop.payment(&payment_id);
        assert_eq!(
            (payment.status, payment.refunded, payment.refund_status, payment.refund_code.as_deref()),
            ("CANCELLED", false, Some("FAILED"), Some("ALREADY_REFUNDED")),
            "{trouble:?}"
        );
        assert_eq!((shop.notices("REFUND_FAILED"), shop.notices("REFUNDED")), (1, 0));
        // The seat is free all the same.
        let again = shop.hold(1);
        assert_eq!(shop.status(&again), "HELD");
    }
}
