//! The deadline comes while others decide.

use crate::shop::{Shop, TROUBLES, pay};
use holdfast_engine::inspect::ports::clock::Clock;
use holdfast_model::reservation;

#[test]
fn a_deadline_that_comes_while_the_coupon_or_the_wallet_decides() {
    for trouble in TROUBLES {
        for (balance, status) in [(100_000, "CONFIRMED"), (40_000, "EXPIRED")] {
            let mut shop = Shop::open(trouble, balance);
            let (id, coupon) = (shop.hold(1), shop.coupon_id());
            let expires_ms = shop.expires_ms(&id);
            // In the log in the last ms; all that follows comes after the deadline.
            shop.driver.crash();
            let wait_ms = u64::try_from(expires_ms - 1 - shop.driver.clock().now_ms()).unwrap();
            shop.driver.clock().advance_us(wait_ms * 1_000);
            let request = shop.send(pay(&id, 45_000, Some(&coupon)));
            shop.driver.clock().advance_us(10_000_000);
            shop.driver.start();
            shop.driver.settle();
            shop.settle();
            let payment_id = shop.outcome(&request).payment_id.unwrap();
            assert_eq!(shop.status(&id), status, "{trouble:?}");
            let is_paid = status == "CONFIRMED";
            assert_eq!(shop.balance(), if is_paid { 55_000 } else { 40_000 });
            assert_eq!(shop.coupon(), if is_paid { ("USED", Some(payment_id)) } else { ("ISSUED", None) });
            assert_eq!(shop.notices("RESERVATION_EXPIRED"), usize::from(!is_paid));
            assert_eq!(shop.driver.read(reservation::SEATS_EXPIRED).len(), usize::from(!is_paid));
        }
    }
}

#[test]
fn a_deadline_that_comes_before_the_coupon_has_refused_ends_the_hold() {
    for trouble in TROUBLES {
        let mut shop = Shop::open(trouble, 100_000);
        let (id, coupon) = (shop.hold(1), format!("{}7", shop.coupon_id()));
        let expires_ms = shop.expires_ms(&id);
        shop.driver.crash();
        let wait_ms = u64::try_from(expires_ms - 1 - shop.driver.clock().now_ms()).unwrap();
        shop.driver.clock().advance_us(wait_ms * 1_000);
        shop.send(pay(&id, 45_000, Some(&coupon)));
        shop.driver.clock().advance_us(10_000_000);
        shop.driver.start();
        shop.driver.settle();
        shop.settle();
        assert_eq!((shop.status(&id), shop.balance(), shop.notices("RESERVATION_EXPIRED")), ("EXPIRED", 100_000, 1));
    }
}
