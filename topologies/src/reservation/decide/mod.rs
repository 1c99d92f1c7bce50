//! Who gets a seat, and every other decision: pure functions of rows, message and now. No other file of the topology decides anything.

mod cancelling;
mod catalogue;
mod discounting;
mod holding;
mod paying;
mod tally;

pub use cancelling::{Cancellation, cancel, fee, refunded, release, step};
pub use catalogue::{NewSchedule, PRICE_KRW_MAX, SEATS_MAX, create_concert, create_schedule, is_id};
pub use discounting::{Asked, Discounted, coupon_refused, coupon_used};
pub use holding::{Expiry, Granted, begun, closed, expire, extend, hold, is_overdue, next_sweep};
pub use paying::{Answer, Before, Here, Payment, pay, settle};
pub use tally::{BrokenBooks, tally};

use holdfast_model::reservation::refusal::Refusal;
use holdfast_model::reservation::row::CommandRow;

/// Whether a command has been here before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Never, or given up then and put back by an operator now: decide it. The latter happens once, since no other outcome is superseded.
    New,
    /// The same one, and it has its outcome: that stands.
    Before,
    /// Another one with the same id: refuse it, whatever it wants.
    Another,
}

/// Recognises a command that has an `earlier` row under its id.
#[must_use]
pub fn seen(earlier: Option<&CommandRow>, fingerprint: u64, is_redriven: bool) -> Seen {
    match earlier {
        None => Seen::New,
        Some(row) if row.fingerprint != fingerprint => Seen::Another,
        Some(row) if is_redriven && row.refused == Some(Refusal::System) => Seen::New,
        Some(_) => Seen::Before,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_recognised_by_its_words() {
        let row = |refused| CommandRow { fingerprint: 5, decided_ms: 0, refused, serial: None, payment_id: None };
        assert_eq!(seen(None, 5, false), Seen::New);
        assert_eq!(seen(Some(&row(None)), 5, true), Seen::Before);
        assert_eq!(seen(Some(&row(Some(Refusal::SeatTaken))), 5, true), Seen::Before);
        assert_eq!(seen(Some(&row(None)), 6, false), Seen::Another);
        assert_eq!(seen(Some(&row(Some(Refusal::System))), 5, false), Seen::Before);
        assert_eq!(seen(Some(&row(Some(Refusal::System))), 5, true), Seen::New);
    }
}
