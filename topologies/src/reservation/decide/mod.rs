//! Who gets a seat, and every other decision: pure functions of rows, message and now. No other file of the topology decides anything.

mod cancelling;
mod catalogue;
mod discounting;
mod holding;
mod paying;
mod tally;
mod waitlisting;

pub use cancelling::{Cancellation, cancel, fee, refunded, release, step};
pub use catalogue::{NewSchedule, PRICE_KRW_MAX, SEATS_MAX, create_concert, create_schedule, is_id};
pub use discounting::{Asked, Discounted, coupon_refused, coupon_used};
pub use holding::{Expiry, Granted, begun, closed, expire, extend, hold, is_overdue, may_have_more, next_sweep};
pub use paying::{Answer, Before, Here, Payment, pay, settle};
pub use tally::{BrokenBooks, tally};
pub use waitlisting::{Joined, NOTIFY_MAX, Opening, TOLD_AT_ONCE_MAX, arm_telling, join, leave, released, to_tell};
