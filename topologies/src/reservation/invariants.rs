//! What must hold of the rows at every commit. The processor asks before it decides, the auditor and the simulator ask after.

use crate::reservation::keys::{BuyerKey, SeatKey};
use crate::reservation::row::{
    BuyerRow, CouponRow, CouponState, House, PaymentRow, PaymentState, ReservationRow, ScheduleRow, SweepRow, TakenRow,
};
use crate::reservation::state::{SeatState, State};
use crate::reservation::{BUYERS, PAYMENT_COUPONS, PAYMENT_STATES, PRICES, RESERVATIONS, SCHEDULES, SWEEPS, TAKEN};
use holdfast_engine::queries::{QueryError, TaskView};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// A promise that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// More seats were given away than there are.
    #[error("schedule {schedule_id}: {held} held and {reserved} sold of {capacity}")]
    Oversold {
        /// Which.
        schedule_id: String,
        /// Held or being paid.
        held: u64,
        /// Sold.
        reserved: u64,
        /// Of so many.
        capacity: u64,
    },
    /// The schedule counts other seats than reservations have.
    #[error("schedule {schedule_id}: it counts {counted:?} held and sold, its reservations say {found:?}")]
    Miscounted {
        /// Which.
        schedule_id: String,
        /// Held and sold by its row.
        counted: (u64, u64),
        /// Held and sold by its reservations.
        found: (u64, u64),
    },
    /// A live reservation without its seat, or a seat that more than one has, or none, or that the house does not have.
    #[error("schedule {schedule_id}, seat {seat_no}: taken by {taken:?}, its live reservations are {live:?}")]
    Seat {
        /// Of which schedule.
        schedule_id: String,
        /// Which seat.
        seat_no: u64,
        /// By the seat's row.
        taken: Option<u64>,
        /// By the reservations.
        live: Vec<u64>,
    },
    /// A user has other seats than are counted for him.
    #[error("schedule {schedule_id}, user {user_id}: counted {counted:?}, found {found:?}")]
    Buyer {
        /// Of which schedule.
        schedule_id: String,
        /// Who.
        user_id: String,
        /// By his row.
        counted: BuyerRow,
        /// By the reservations.
        found: BuyerRow,
    },
    /// It was ended before its deadline.
    #[error("reservation {serial}: expired {early_ms} ms early")]
    Early {
        /// Which.
        serial: u64,
        /// So many ms.
        early_ms: i64,
    },
    /// A schedule has open holds, and nobody looks after them.
    #[error("schedule {schedule_id}: {held} held, and no sweep is due")]
    Unswept {
        /// Which.
        schedule_id: String,
        /// Held or being paid.
        held: u64,
    },
    /// A payment was granted at the deadline or later, or its state does not go with its reservation's or its coupon's, or its amount not with the price.
    #[error("reservation {serial} is {state:?} for {price} KRW; payment {payment_id:?}: {payment:?}, {coupon:?}")]
    Payment {
        /// Of which reservation.
        serial: u64,
        /// Where that is.
        state: State,
        /// What it costs.
        price: u64,
        /// Which payment.
        payment_id: String,
        /// What its row says.
        payment: Option<PaymentRow>,
        /// What the row of its coupon says.
        coupon: Option<CouponRow>,
    },
}

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
    pub reservations: BTreeMap<u64, ReservationRow>,
    /// By id.
    pub payments: BTreeMap<String, PaymentRow>,
    /// By payment id.
    pub coupons: BTreeMap<String, CouponRow>,
    /// By schedule id.
    pub sweeps: BTreeMap<String, SweepRow>,
}

impl Books {
    /// Reads a place. Exact only while nothing is committed there: each table is read by a scan of its own.
    ///
    /// # Errors
    /// [`QueryError`] when the view cannot be read.
    pub fn load(task: &TaskView) -> Result<Self, QueryError> {
        let mut books = Self::default();
        task.scan(&SCHEDULES, &[], &mut |key, row| into(&mut books.schedules, key, row))?;
        task.scan(&PRICES, &[], &mut |key, row| into(&mut books.prices, key, row))?;
        task.scan(&TAKEN, &[], &mut |key, row| into(&mut books.taken, key, row))?;
        task.scan(&BUYERS, &[], &mut |key, row| into(&mut books.buyers, key, row))?;
        task.scan(&RESERVATIONS, &[], &mut |key, row| into(&mut books.reservations, key, row))?;
        task.scan(&PAYMENT_STATES, &[], &mut |key, row| into(&mut books.payments, key, row))?;
        task.scan(&PAYMENT_COUPONS, &[], &mut |key, row| into(&mut books.coupons, key, row))?;
        task.scan(&SWEEPS, &[], &mut |key, row| into(&mut books.sweeps, key, row))?;
        Ok(books)
    }

    /// Checks everything.
    ///
    /// # Errors
    /// The first promise found broken.
    pub fn check(&self) -> Result<(), Broken> {
        self.check_seats()?;
        self.check_counts()?;
        self.check_buyers()?;
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

    fn live(&self) -> impl Iterator<Item = (u64, &ReservationRow)> {
        self.reservations
            .iter()
            .filter(|(_, row)| row.state.seat() != SeatState::Available)
            .map(|(serial, row)| (*serial, row))
    }

    fn has_seat(&self, key: &SeatKey) -> bool {
        self.schedules.get(&key.schedule_id).is_some_and(|row| match row.house {
            House::OnePrice(_) => (1..=row.capacity).contains(&key.seat_no),
            House::Priced => self.prices.contains_key(key),
        })
    }

    /// Each seat has at most one live owner, and its row names him.
    fn check_seats(&self) -> Result<(), Broken> {
        let mut owners: BTreeMap<SeatKey, Vec<u64>> = BTreeMap::new();
        for (serial, row) in self.live() {
            let key = SeatKey { schedule_id: row.schedule_id.clone(), seat_no: row.seat_no };
            owners.entry(key).or_default().push(serial);
        }
        for key in self.taken.keys() {
            owners.entry(key.clone()).or_default();
        }
        for (key, live) in owners {
            let taken = self.taken.get(&key).map(|row| row.serial);
            if live.as_slice() != taken.as_slice() || !self.has_seat(&key) {
                let SeatKey { schedule_id, seat_no } = key;
                return Err(Broken::Seat { schedule_id, seat_no, taken, live });
            }
        }
        Ok(())
    }

    fn check_counts(&self) -> Result<(), Broken> {
        for (schedule_id, row) in &self.schedules {
            schedule(schedule_id, row)?;
            let count = |seat| {
                self.live().filter(|(_, row)| row.schedule_id == *schedule_id && row.state.seat() == seat).count()
                    as u64
            };
            let (counted, found) =
                ((row.held, row.reserved), (count(SeatState::TemporaryReserved), count(SeatState::Reserved)));
            if counted != found {
                return Err(Broken::Miscounted { schedule_id: schedule_id.clone(), counted, found });
            }
            if row.held > 0 && !self.sweeps.contains_key(schedule_id) {
                return Err(Broken::Unswept { schedule_id: schedule_id.clone(), held: row.held });
            }
        }
        Ok(())
    }

    fn check_buyers(&self) -> Result<(), Broken> {
        let mut found: BTreeMap<BuyerKey, BuyerRow> = BTreeMap::new();
        for (_, row) in self.live() {
            let key = BuyerKey { schedule_id: row.schedule_id.clone(), user_id: row.user_id.clone() };
            let buyer = found.entry(key).or_default();
            match row.state.seat() {
                SeatState::TemporaryReserved => buyer.open += 1,
                SeatState::Reserved | SeatState::Available => buyer.bought += 1,
            }
        }
        for key in self.buyers.keys().chain(found.keys()) {
            let (counted, found) = (self.buyers.get(key).copied(), found.get(key).copied());
            // A row of somebody who has nothing is wrong as well: it would stay for ever.
            if counted != found {
                let BuyerKey { schedule_id, user_id } = key.clone();
                let (counted, found) = (counted.unwrap_or_default(), found.unwrap_or_default());
                return Err(Broken::Buyer { schedule_id, user_id, counted, found });
            }
        }
        Ok(())
    }

    /// Each payment was granted in time and for the price, and each reservation has the payment that its state says.
    fn check_payments(&self) -> Result<(), Broken> {
        for (payment_id, payment) in &self.payments {
            let fits = self.reservations.get(&payment.serial).is_some_and(|row| {
                let is_current = row.payment_id.as_deref() == Some(payment_id);
                payment.asked_ms < row.expires_ms
                    && is_right(payment, self.coupons.get(payment_id), row.price)
                    && match &payment.state {
                        PaymentState::Pending | PaymentState::Discounting => {
                            is_current && matches!(row.state, State::Paying | State::Cancelled)
                        }
                        PaymentState::Paid => is_current && row.state == State::Confirmed,
                        PaymentState::Refused(_) => true,
                        PaymentState::Refunding(refund)
                        | PaymentState::Refunded(refund)
                        | PaymentState::RefundRefused(refund, _) => {
                            refund.amount.checked_add(refund.fee) == Some(payment.amount)
                        }
                    }
            });
            if !fits {
                return Err(self.broken_payment(payment.serial, payment_id));
            }
        }
        for (serial, row) in &self.reservations {
            let wanted: fn(&PaymentState) -> bool = match row.state {
                State::Paying => |state| matches!(state, PaymentState::Pending | PaymentState::Discounting),
                State::Confirmed => |state| *state == PaymentState::Paid,
                State::Refunded => |state| matches!(state, PaymentState::Refunded(_)),
                State::Held | State::Expired | State::Cancelled => continue,
            };
            let payment_id = row.payment_id.clone().unwrap_or_default();
            if !self.payments.get(&payment_id).is_some_and(|payment| wanted(&payment.state)) {
                return Err(self.broken_payment(*serial, &payment_id));
            }
        }
        Ok(())
    }

    fn broken_payment(&self, serial: u64, payment_id: &str) -> Broken {
        let row = self.reservations.get(&serial);
        Broken::Payment {
            serial,
            state: row.map_or(State::Expired, |row| row.state),
            price: row.map_or(0, |row| row.price),
            payment_id: payment_id.to_owned(),
            payment: self.payments.get(payment_id).cloned(),
            coupon: self.coupons.get(payment_id).cloned(),
        }
    }
}

/// Whether a payment is of the price less what its coupon takes off, and the coupon is as far as the payment.
fn is_right(payment: &PaymentRow, coupon: Option<&CouponRow>, price: u64) -> bool {
    let is_price_less = |discount: u64| payment.amount.checked_add(discount) == Some(price);
    // While it is not known what it takes off, or once that was not what was meant.
    let may_be = payment.amount <= price;
    let Some(coupon) = coupon else { return payment.state != PaymentState::Discounting && is_price_less(0) };
    match (&payment.state, coupon.state) {
        (PaymentState::Discounting, CouponState::Asked)
        | (PaymentState::Refused(_), CouponState::Refused | CouponState::Returned { .. }) => may_be,
        (PaymentState::Pending | PaymentState::Paid, CouponState::Used { discount })
        | (
            PaymentState::Refunding(_) | PaymentState::Refunded(_) | PaymentState::RefundRefused(..),
            CouponState::Returned { discount },
        ) => is_price_less(discount),
        _ => false,
    }
}

fn into<K: Ord, V>(rows: &mut BTreeMap<K, V>, key: K, row: V) -> ControlFlow<()> {
    rows.insert(key, row);
    ControlFlow::Continue(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reservation::row::Refund;

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

    fn payment(serial: u64, state: PaymentState) -> PaymentRow {
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
        fn row(books: &mut Books, serial: u64) -> &mut ReservationRow {
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
