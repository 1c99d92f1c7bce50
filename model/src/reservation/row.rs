//! What is stored. Rows are bincode: a field is its place and a variant its number, so fields are never moved and variants only added at the end.

use crate::reservation::refusal::{Refusal, Status};
use crate::reservation::serial::Serial;
use crate::reservation::state::State;
use holdfast_engine::prelude::Ends;
use serde::{Deserialize, Serialize};

/// A concert. It decides nothing: schedules carry what they need of it, since they may live in another place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConcertRow {
    /// What it is called.
    pub title: String,
    /// When, as people write it.
    pub date: Option<String>,
    /// When it was created.
    pub created_ms: i64,
}

/// A schedule: one evening of a concert. Read for each hold, so it is small, whatever the size of the house.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleRow {
    /// Of which concert.
    pub concert_id: Option<String>,
    /// What the concert is called.
    pub concert_title: String,
    /// When, as people write it.
    pub date: Option<String>,
    /// When the show begins.
    pub starts_ms: Option<i64>,
    /// First moment of the sale; none = always was open.
    pub sale_starts_ms: Option<i64>,
    /// First moment after the sale; none = never closes.
    pub sale_ends_ms: Option<i64>,
    /// Which seats there are.
    pub house: House,
    /// How many seats there are.
    pub capacity: u64,
    /// How many are held or being paid.
    pub held: u64,
    /// How many are sold.
    pub reserved: u64,
    /// Most seats of one user, if it is not the shop's usual.
    pub seats_per_user_max: Option<u32>,
    /// Most unpaid seats of one user, if it is not the shop's usual.
    pub open_holds_max: Option<u32>,
    /// Once it is cancelled: the next step of returning what was taken.
    pub cancelling: Option<u64>,
    /// Hash of the words it was created with: the same command again is recognised by it.
    pub fingerprint: u64,
    /// When it was created.
    pub created_ms: i64,
    /// How often its seats have changed: two looks with the same version have seen the same seats.
    pub version: u64,
}

impl ScheduleRow {
    /// How many seats nobody has.
    #[must_use]
    pub fn available(&self) -> u64 {
        // `held + reserved ≤ capacity` is checked when the row is loaded; a broken row has nothing left.
        self.capacity.saturating_sub(self.held).saturating_sub(self.reserved)
    }

    /// Whether `now_ms` is in its sale `[start, end)`.
    #[must_use]
    pub fn is_on_sale(&self, now_ms: i64) -> bool {
        self.sale_starts_ms.is_none_or(|start| now_ms >= start) && self.sale_ends_ms.is_none_or(|end| now_ms < end)
    }
}

/// Which seats a schedule has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum House {
    /// Numbers 1 to capacity, at one price in KRW. Nothing else is stored of a seat that nobody has.
    OnePrice(u64),
    /// Each seat has a price of its own, in a row of its own.
    Priced,
}

/// A seat that somebody has. A seat without a row is available.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenRow {
    /// His reservation.
    pub serial: Serial,
}

/// What a user has of a schedule. Somebody who has nothing has no row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuyerRow {
    /// Held or being paid.
    pub open: u32,
    /// Bought.
    pub bought: u32,
}

/// A reservation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationRow {
    /// Of which schedule.
    pub schedule_id: String,
    /// Whose.
    pub user_id: String,
    /// Which seat.
    pub seat_no: u64,
    /// What it costs, in KRW: as it was when it was held.
    pub price: u64,
    /// Append time of the hold that made it.
    pub held_ms: i64,
    /// First moment at which it is over unless it is paid.
    pub expires_ms: i64,
    /// How often the deadline was moved.
    pub extensions: u32,
    /// Where it is in its life.
    pub state: State,
    /// Since when.
    pub changed_ms: i64,
    /// The payment that is under way, or that was made.
    pub payment_id: Option<String>,
}

/// A payment for a reservation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentRow {
    /// For which.
    pub serial: Serial,
    /// KRW.
    pub amount: u64,
    /// When it was granted: before the deadline, or it would not be here.
    pub asked_ms: i64,
    /// How far it is.
    pub state: PaymentState,
    /// Since when.
    pub changed_ms: i64,
}

/// How far a payment is. [`PaymentState::may_become`] is the table of legal moves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PaymentState {
    /// The wallet decides.
    Pending,
    /// The wallet has paid, and the reservation is confirmed.
    Paid,
    /// The wallet has not paid, and this is why.
    Refused(String),
    /// Money is on its way back.
    Refunding(Refund),
    /// It is back.
    Refunded(Refund),
    /// The coupon is asked; the wallet has not been.
    Discounting,
    /// The wallet does not take it back, and this is why: an operator has to see to it.
    RefundRefused(Refund, String),
}

impl PaymentState {
    /// Whether a payment may go from here to `next`.
    #[must_use]
    pub fn may_become(&self, next: &Self) -> bool {
        matches!(
            (self, next),
            (Self::Discounting, Self::Pending | Self::Refused(_))
                | (Self::Pending, Self::Paid | Self::Refused(_) | Self::Refunding(_))
                // A wallet that was asked again by an operator pays after it has refused.
                | (Self::Refused(_), Self::Refunding(_))
                | (Self::Paid, Self::Refunding(_))
                | (Self::Refunding(_), Self::Refunded(_) | Self::RefundRefused(..))
                | (Self::RefundRefused(..), Self::Refunded(_))
        )
    }
}

/// The coupon of a payment. Payments without one have no such row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CouponRow {
    /// Which.
    pub coupon_id: String,
    /// How far it is.
    pub state: CouponState,
}

/// How far the coupon of a payment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CouponState {
    /// Its place decides.
    Asked,
    /// It is not used.
    Refused,
    /// It is used.
    Used {
        /// What it takes off, in KRW.
        discount: u64,
    },
    /// It was used, and has been sent back.
    Returned {
        /// What it took off, in KRW.
        discount: u64,
    },
}

/// The sweep of a schedule that is due. A schedule that nobody holds a seat of has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepRow {
    /// For which time of the clock it is armed, in ms since the epoch.
    pub due_ms: i64,
    /// The first seat that it has not looked at.
    pub from_seat: u64,
}

/// What is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// KRW given back.
    pub amount: u64,
    /// KRW kept.
    pub fee: u64,
}

/// What a command was told, where the rows that its answer is made of say something else by now, or may yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AnswerRow {
    /// The reservation as it was when the command was decided.
    Reservation {
        /// Where it was in its life.
        state: State,
        /// Since when.
        changed_ms: i64,
        /// Its deadline.
        expires_ms: i64,
        /// Its payment.
        payment_id: Option<String>,
    },
    /// The payment had the seat; its money has gone back since.
    Paid,
    /// The entry of a waitlist as it was when the command was decided.
    Waiting {
        /// Its number.
        number: u64,
        /// How many entries it had to wait for, itself among them.
        position: u64,
        /// The command has made it.
        is_new: bool,
    },
    /// A seat was held for the user by then.
    Offered {
        /// The reservation.
        serial: Serial,
        /// Its deadline.
        expires_ms: i64,
    },
}

impl AnswerRow {
    /// A reservation as it is.
    #[must_use]
    pub fn of(row: &ReservationRow) -> Self {
        Self::Reservation {
            state: row.state,
            changed_ms: row.changed_ms,
            expires_ms: row.expires_ms,
            payment_id: row.payment_id.clone(),
        }
    }
}

/// The outcome of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandRow {
    /// Hash of what the command said: another command under the same id is refused.
    pub fingerprint: u64,
    /// When it was decided.
    pub decided_ms: i64,
    /// Why it was not done; none = done.
    pub refused: Option<Refusal>,
    /// The reservation it made or spoke of.
    pub serial: Option<Serial>,
    /// The payment it began, or the one that stood in its way.
    pub payment_id: Option<String>,
}

impl Ends for CommandRow {
    fn decided_ms(&self) -> i64 {
        self.decided_ms
    }
}

impl CommandRow {
    /// What to answer.
    #[must_use]
    pub fn status(&self) -> Status {
        self.refused.map_or(Status::Success, Refusal::status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::row_bytes as bytes;

    /// Rows written by this version must be readable by the next: whoever breaks this needs a new variant instead.
    #[test]
    fn the_layout_of_rows_stands() {
        assert_eq!(bytes(&TakenRow { serial: 7 }), [1, 7]);
        // As a u64 was written, once.
        assert_eq!(bytes(&TakenRow { serial: 1 << 40 }), bytes(&(1_u64 << 40)));
        assert_eq!(bytes(&TakenRow { serial: 1 << 127 })[..2], [1, 254]);
        assert_eq!(bytes(&BuyerRow { open: 1, bought: 2 }), [1, 1, 2]);
        let reservation = ReservationRow {
            schedule_id: "s".to_owned(),
            user_id: "u".to_owned(),
            seat_no: 3,
            price: 5,
            held_ms: 1,
            expires_ms: 2,
            extensions: 0,
            state: State::Paying,
            changed_ms: 3,
            payment_id: Some("p".to_owned()),
        };
        assert_eq!(bytes(&reservation), [1, 1, b's', 1, b'u', 3, 5, 2, 4, 0, 1, 6, 1, 1, b'p']);
        let refund = Refund { amount: 9, fee: 1 };
        let payment =
            PaymentRow { serial: 7, amount: 10, asked_ms: 1, state: PaymentState::Refunding(refund), changed_ms: 2 };
        assert_eq!(bytes(&payment), [1, 7, 10, 2, 3, 9, 1, 4]);
        let command = CommandRow {
            fingerprint: 5,
            decided_ms: 1,
            refused: Some(Refusal::SeatTaken),
            serial: None,
            payment_id: None,
        };
        assert_eq!(bytes(&command), [1, 5, 2, 1, 13, 0, 0]);
        assert_eq!(bytes(&PaymentState::Discounting), [1, 5]);
        assert_eq!(bytes(&PaymentState::RefundRefused(refund, "x".to_owned())), [1, 6, 9, 1, 1, b'x']);
        let coupon = |state| CouponRow { coupon_id: "c".to_owned(), state };
        assert_eq!(bytes(&coupon(CouponState::Asked)), [1, 1, b'c', 0]);
        assert_eq!(bytes(&coupon(CouponState::Refused)), [1, 1, b'c', 1]);
        assert_eq!(bytes(&coupon(CouponState::Used { discount: 9 })), [1, 1, b'c', 2, 9]);
        assert_eq!(bytes(&coupon(CouponState::Returned { discount: 9 })), [1, 1, b'c', 3, 9]);
        let answer = AnswerRow::of(&ReservationRow { payment_id: None, ..reservation });
        assert_eq!(bytes(&answer), [1, 0, 1, 6, 4, 0]);
        assert_eq!(bytes(&AnswerRow::Paid), [1, 1]);
        assert_eq!(bytes(&AnswerRow::Waiting { number: 5, position: 3, is_new: true }), [1, 2, 5, 3, 1]);
        assert_eq!(bytes(&AnswerRow::Offered { serial: 7, expires_ms: 1 }), [1, 3, 7, 2]);
        assert_eq!(bytes(&SweepRow { due_ms: 1, from_seat: 7 }), [1, 2, 7]);
        for (number, refusal) in (0u8..).zip(Refusal::ALL) {
            assert_eq!(bytes(&refusal), [1, number]);
        }
        for (number, state) in (0u8..).zip(State::ALL) {
            assert_eq!(bytes(&state), [1, number]);
        }
    }

    #[test]
    fn legal_moves_of_a_payment_are_the_ones_of_the_table() {
        let refund = Refund { amount: 1, fee: 0 };
        let states = [
            PaymentState::Discounting,
            PaymentState::Pending,
            PaymentState::Paid,
            PaymentState::Refused(String::new()),
            PaymentState::Refunding(refund),
            PaymentState::Refunded(refund),
            PaymentState::RefundRefused(refund, String::new()),
        ];
        let legal: Vec<(usize, usize)> = (0..7)
            .flat_map(|from| (0..7).map(move |to| (from, to)))
            .filter(|(from, to)| states[*from].may_become(&states[*to]))
            .collect();
        assert_eq!(legal, [(0, 1), (0, 3), (1, 2), (1, 3), (1, 4), (2, 4), (3, 4), (4, 5), (4, 6), (6, 5)]);
    }
}
