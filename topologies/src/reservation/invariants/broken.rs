//! Promises that do not hold.

use holdfast_model::reservation::row::{BuyerRow, CouponRow, PaymentRow};
use holdfast_model::reservation::serial::Serial;
use holdfast_model::reservation::state::State;

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
        taken: Option<Serial>,
        /// By the reservations.
        live: Vec<Serial>,
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
        serial: Serial,
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
    /// A waitlist whose rows do not agree, or an offer without a seat.
    #[error("waitlist of schedule {schedule_id}: {what}")]
    Waitlist {
        /// Of which schedule.
        schedule_id: String,
        /// What is wrong.
        what: &'static str,
    },
    /// A payment was granted at the deadline or later, or its state does not go with its reservation's or its coupon's, or its amount not with the price.
    #[error("reservation {serial} is {state:?} for {price} KRW; payment {payment_id:?}: {payment:?}, {coupon:?}")]
    Payment {
        /// Of which reservation.
        serial: Serial,
        /// Where that is.
        state: State,
        /// What it costs.
        price: u64,
        /// Which payment.
        payment_id: String,
        /// What its row says.
        payment: Option<Box<PaymentRow>>,
        /// What the row of its coupon says.
        coupon: Option<Box<CouponRow>>,
    },
}
