//! What must hold of the rows at every commit. The processor asks before it decides, the auditor and the simulator ask after.

mod broken;
mod payments;
mod seats;
mod waitlists;

pub use broken::Broken;

use crate::rows;
use holdfast_engine::inspect::{QueryError, TaskView};
use holdfast_model::reservation::keys::{BuyerKey, EntryKey, SeatKey};
use holdfast_model::reservation::row::{
    BuyerRow, CouponRow, PaymentRow, ReservationRow, ScheduleRow, SweepRow, TakenRow,
};
use holdfast_model::reservation::serial::Serial;
use holdfast_model::reservation::state::State;
use holdfast_model::reservation::waitlist::{BlockRow, EntryRow, WaiterRow, WaitlistRow};
use holdfast_model::reservation::{
    BUYERS, ENTRIES, ENTRY_BLOCKS, PAYMENT_COUPONS, PAYMENT_STATES, PRICES, RESERVATIONS, SCHEDULES, SWEEPS, TAKEN,
    WAITERS, WAITLISTS,
};
use std::collections::BTreeMap;

/// Checks one schedule by itself.
///
/// # Errors
/// [`Broken::Oversold`].
pub fn schedule(schedule_id: &str, row: &ScheduleRow) -> Result<(), Broken> {
    // available + held + reserved = capacity holds by the way `available` is computed, as long as this does.
    if row.held.checked_add(row.reserved).is_some_and(|taken| taken <= row.capacity) {
        Ok(())
    } else {
        Err(Broken::Oversold {
            schedule_id: schedule_id.to_owned(),
            held: row.held,
            reserved: row.reserved,
            capacity: row.capacity,
        })
    }
}

/// All rows of a place that must agree with each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Books {
    /// By id.
    pub schedules: BTreeMap<String, ScheduleRow>,
    /// By schedule and seat.
    pub prices: BTreeMap<SeatKey, u64>,
    /// By schedule and seat.
    pub taken: BTreeMap<SeatKey, TakenRow>,
    /// By schedule and user.
    pub buyers: BTreeMap<BuyerKey, BuyerRow>,
    /// By serial.
    pub reservations: BTreeMap<Serial, ReservationRow>,
    /// By id.
    pub payments: BTreeMap<String, PaymentRow>,
    /// By payment id.
    pub coupons: BTreeMap<String, CouponRow>,
    /// By schedule id.
    pub sweeps: BTreeMap<String, SweepRow>,
    /// By schedule id.
    pub waitlists: BTreeMap<String, WaitlistRow>,
    /// By schedule and number.
    pub entries: BTreeMap<EntryKey, EntryRow>,
    /// By schedule and user.
    pub waiters: BTreeMap<BuyerKey, WaiterRow>,
    /// By schedule and number of the block.
    pub blocks: BTreeMap<EntryKey, BlockRow>,
}

impl Books {
    /// Reads a place. Exact only while nothing is committed there: each table is read by a scan of its own.
    ///
    /// # Errors
    /// [`QueryError`] when the view cannot be read.
    pub fn load(task: &TaskView) -> Result<Self, QueryError> {
        Ok(Self {
            schedules: rows::all(task, &SCHEDULES)?,
            prices: rows::all(task, &PRICES)?,
            taken: rows::all(task, &TAKEN)?,
            buyers: rows::all(task, &BUYERS)?,
            reservations: rows::all(task, &RESERVATIONS)?,
            payments: rows::all(task, &PAYMENT_STATES)?,
            coupons: rows::all(task, &PAYMENT_COUPONS)?,
            sweeps: rows::all(task, &SWEEPS)?,
            waitlists: rows::all(task, &WAITLISTS)?,
            entries: rows::all(task, &ENTRIES)?,
            waiters: rows::all(task, &WAITERS)?,
            blocks: rows::all(task, &ENTRY_BLOCKS)?,
        })
    }

    /// Checks everything.
    ///
    /// # Errors
    /// The first promise found broken.
    pub fn check(&self) -> Result<(), Broken> {
        self.check_seats()?;
        self.check_counts()?;
        self.check_buyers()?;
        self.check_waitlists()?;
        for (serial, row) in &self.reservations {
            let early_ms = row.expires_ms - row.changed_ms;
            if row.state == State::Expired && early_ms > 0 {
                return Err(Broken::Early { serial: *serial, early_ms });
            }
        }
        self.check_payments()
    }

    /// By how much the most overdue hold has outlived its deadline at `now_ms`, in ms; none = no hold has.
    #[must_use]
    pub fn overdue_ms(&self, now_ms: i64) -> Option<i64> {
        let held = self.reservations.values().filter(|row| row.state == State::Held);
        held.map(|row| now_ms - row.expires_ms).filter(|late_ms| *late_ms >= 0).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_model::reservation::row::{CouponState, House, PaymentState, Refund};

    fn seat(seat_no: u64) -> SeatKey {
        SeatKey { schedule_id: "s".to_owned(), seat_no }
    }

    fn buyer(user_id: &str) -> BuyerKey {
        BuyerKey { schedule_id: "s".to_owned(), user_id: user_id.to_owned() }
    }

    fn reservation(seat_no: u64, user_id: &str, state: State, payment_id: Option<&str>) -> ReservationRow {
        ReservationRow {
            schedule_id: "s".to_owned(),
            user_id: user_id.to_owned(),
            seat_no,
            price: 5,
            held_ms: 0,
            expires_ms: 300,
            extensions: 0,
            state,
            changed_ms: 300,
            payment_id: payment_id.map(str::to_owned),
        }
    }

    fn payment(serial: Serial, state: PaymentState) -> PaymentRow {
        PaymentRow { serial, amount: 5, asked_ms: 299, state, changed_ms: 300 }
    }

    fn good() -> Books {
        let mut books = Books::default();
        let schedule = ScheduleRow {
            concert_id: None,
            concert_title: String::new(),
            date: None,
            starts_ms: None,
            sale_starts_ms: None,
            sale_ends_ms: None,
            house: House::OnePrice(5),
            capacity: 5,
            held: 3,
            reserved: 2,
            seats_per_user_max: None,
            open_holds_max: None,
            cancelling: None,
            fingerprint: 0,
            created_ms: 0,
            version: 3,
        };
        books.schedules.insert("s".to_owned(), schedule);
        books.taken =
            [(1, 10), (2, 11), (3, 12), (4, 15), (5, 16)].map(|(no, serial)| (seat(no), TakenRow { serial })).into();
        books.buyers.insert(buyer("a"), BuyerRow { open: 1, bought: 1 });
        books.buyers.insert(buyer("b"), BuyerRow { open: 1, bought: 0 });
        books.buyers.insert(buyer("c"), BuyerRow { open: 1, bought: 1 });
        books.reservations = [
            (10, reservation(1, "a", State::Held, None)),
            (11, reservation(2, "b", State::Paying, Some("p11"))),
            (12, reservation(3, "a", State::Confirmed, Some("p12"))),
            (13, reservation(3, "b", State::Expired, None)),
            (14, reservation(3, "c", State::Refunded, Some("p14"))),
            (15, reservation(4, "c", State::Paying, Some("c11"))),
            (16, reservation(5, "c", State::Confirmed, Some("c12"))),
            (17, reservation(3, "c", State::Cancelled, Some("c14"))),
        ]
        .into();
        books.payments = [
            ("p11".to_owned(), payment(11, PaymentState::Pending)),
            ("p12".to_owned(), payment(12, PaymentState::Paid)),
            ("p14".to_owned(), payment(14, PaymentState::Refunded(Refund { amount: 4, fee: 1 }))),
            // With coupons that take 2 off: one is asked, one is paid with, the others are back.
            ("c11".to_owned(), PaymentRow { amount: 3, ..payment(15, PaymentState::Discounting) }),
            ("c12".to_owned(), PaymentRow { amount: 3, ..payment(16, PaymentState::Paid) }),
            (
                "c13".to_owned(),
                PaymentRow { amount: 4, ..payment(13, PaymentState::Refused("AMOUNT_MISMATCH".to_owned())) },
            ),
            (
                "c14".to_owned(),
                PaymentRow {
                    amount: 3,
                    ..payment(17, PaymentState::RefundRefused(Refund { amount: 3, fee: 0 }, String::new()))
                },
            ),
        ]
        .into();
        let coupon = |id: &str, state| (id.to_owned(), CouponRow { coupon_id: "c".to_owned(), state });
        books.coupons = [
            coupon("c11", CouponState::Asked),
            coupon("c12", CouponState::Used { discount: 2 }),
            coupon("c13", CouponState::Returned { discount: 2 }),
            coupon("c14", CouponState::Returned { discount: 2 }),
        ]
        .into();
        books.sweeps.insert("s".to_owned(), SweepRow { due_ms: 360, from_seat: 0 });
        books
    }

    #[test]
    fn good_books_are_good() {
        assert_eq!(good().check(), Ok(()));
        assert_eq!(Books::default().check(), Ok(()));
    }

    #[test]
    fn each_way_of_being_wrong_is_found() {
        fn row(books: &mut Books, serial: Serial) -> &mut ReservationRow {
            books.reservations.get_mut(&serial).unwrap()
        }
        fn pays<'a>(books: &'a mut Books, id: &str) -> &'a mut PaymentRow {
            books.payments.get_mut(id).unwrap()
        }
        fn coupon<'a>(books: &'a mut Books, id: &str) -> &'a mut CouponRow {
            books.coupons.get_mut(id).unwrap()
        }
        let spoils: [fn(&mut Books); 31] = [
            |b| b.sweeps.clear(),
            |b| coupon(b, "c11").state = CouponState::Used { discount: 2 },
            |b| pays(b, "c11").amount = 6,
            |b| b.coupons.retain(|id, _| id != "c11"),
            |b| b.coupons.retain(|id, _| id != "c12"),
            |b| coupon(b, "c12").state = CouponState::Used { discount: 1 },
            |b| coupon(b, "c12").state = CouponState::Returned { discount: 2 },
            |b| coupon(b, "c13").state = CouponState::Used { discount: 2 },
            |b| coupon(b, "c14").state = CouponState::Used { discount: 2 },
            |b| coupon(b, "c14").state = CouponState::Refused,
            |b| b.schedules.get_mut("s").unwrap().capacity = 4,
            |b| b.schedules.get_mut("s").unwrap().held = 2,
            |b| (b.schedules.get_mut("s").unwrap().held, b.schedules.get_mut("s").unwrap().reserved) = (2, 3),
            |b| b.taken.retain(|key, _| key.seat_no != 1),
            |b| b.taken.get_mut(&seat(1)).unwrap().serial = 11,
            |b| row(b, 11).seat_no = 1,
            |b| row(b, 13).state = State::Held,
            |b| {
                row(b, 10).seat_no = 6;
                b.taken.remove(&seat(1));
                b.taken.insert(seat(6), TakenRow { serial: 10 });
            },
            |b| b.buyers.get_mut(&buyer("a")).unwrap().open = 2,
            |b| b.buyers.retain(|key, _| key.user_id != "b"),
            |b| b.buyers.extend([(buyer("d"), BuyerRow::default())]),
            |b| row(b, 13).changed_ms = 299,
            |b| pays(b, "p11").asked_ms = 300,
            |b| pays(b, "p12").amount = 4,
            |b| pays(b, "p12").state = PaymentState::Pending,
            |b| pays(b, "p11").state = PaymentState::Paid,
            |b| pays(b, "p14").state = PaymentState::Refunded(Refund { amount: 5, fee: 1 }),
            |b| pays(b, "p14").state = PaymentState::Refunding(Refund { amount: 4, fee: 1 }),
            |b| b.payments.retain(|id, _| id != "p12"),
            |b| pays(b, "p12").serial = 99,
            |b| row(b, 11).payment_id = None,
        ];
        for (n, spoil) in spoils.into_iter().enumerate() {
            let mut books = good();
            spoil(&mut books);
            assert!(books.check().is_err(), "case {n}");
        }
    }

    #[test]
    fn overdue_holds_are_told() {
        assert_eq!([299, 300, 345].map(|now_ms| good().overdue_ms(now_ms)), [None, Some(0), Some(45)]);
    }
}
