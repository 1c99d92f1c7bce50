//! The shapes there are, as the command line names them.

use crate::access::Access;
use crate::{
    coupon_backlog, coupon_rush, debit_backlog, expiry_cliff, expiry_lateness, hold_backlog, pay_mix, seat_storm,
};
use clap::Subcommand;
use holdfast_tools::Failure;

/// A shape of demand, with its options.
#[derive(Debug, Subcommand)]
pub enum Shape {
    /// Many users want one coupon at once
    CouponRush(coupon_rush::CouponRush),
    /// Many want few seats at once; exit code 1 when a seat has not exactly one winner
    SeatStorm(seat_storm::SeatStorm),
    /// Buyers who pay in time, late, twice or never; exit code 1 when a payment was taken that must not be
    PayMix(pay_mix::PayMix),
    /// Requests that already wait in the log when the worker starts
    CouponBacklog(coupon_backlog::CouponBacklog),
    /// Holds that already wait in the log when the worker starts
    HoldBacklog(hold_backlog::HoldBacklog),
    /// Transfers from wallets that already wait in the log when the worker starts
    DebitBacklog(debit_backlog::DebitBacklog),
    /// Holds whose deadlines come together, or at a steady pace; HOLD_MS is the worker's
    ExpiryCliff(expiry_cliff::ExpiryCliff),
    /// How late the seats of an expiry-cliff were freed; exit code 1 when one was freed early or twice
    ExpiryLateness(expiry_lateness::ExpiryLateness),
}

impl Shape {
    /// Whether it goes to the log itself, and not to a worker over HTTP.
    #[must_use]
    pub fn needs_log(&self) -> bool {
        match self {
            Self::CouponRush(_) | Self::SeatStorm(_) | Self::PayMix(_) => false,
            Self::CouponBacklog(_)
            | Self::HoldBacklog(_)
            | Self::DebitBacklog(_)
            | Self::ExpiryCliff(_)
            | Self::ExpiryLateness(_) => true,
        }
    }

    /// Generates it. Returns what is to be said at the end; reports go to `print`.
    ///
    /// # Errors
    /// What is wrong with the options, or why the demand could not be made.
    pub fn run(self, access: &dyn Access, print: &mut dyn FnMut(&str)) -> Result<String, Failure> {
        match self {
            Self::CouponRush(rush) => coupon_rush::coupon_rush(&rush, print),
            Self::SeatStorm(storm) => seat_storm::seat_storm(&storm, print),
            Self::PayMix(mix) => pay_mix::pay_mix(&mix, print),
            Self::CouponBacklog(backlog) => coupon_backlog::coupon_backlog(&backlog, access),
            Self::HoldBacklog(backlog) => hold_backlog::hold_backlog(&backlog, access),
            Self::DebitBacklog(backlog) => debit_backlog::debit_backlog(&backlog, access),
            Self::ExpiryCliff(cliff) => expiry_cliff::expiry_cliff(&cliff, access),
            Self::ExpiryLateness(wanted) => expiry_lateness::expiry_lateness(&wanted, access, print),
        }
    }
}
