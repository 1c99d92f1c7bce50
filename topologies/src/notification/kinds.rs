//! What is told: for each type its lane, how long it is worth telling, and through which channels.
//!
//! | type | priority | valid for | to the user |
//! |---|---|---|---|
//! | `PAYMENT_CONFIRMED`, `REFUNDED`, `REFUND_FAILED`, `RESERVATION_CANCELLED` | HIGH | 7 days | push, and Alimtalk or else a text message |
//! | `SEAT_OPENED` | HIGH | 5 minutes | push |
//! | `RESERVATION_EXPIRED` | MEDIUM | 1 hour | push |
//! | `RESERVATION_HELD` | MEDIUM | 5 minutes | push; switched off unless `notify_held` is set |
//! | `COUPON_ISSUED`, `TIMESALE_SUCCESS` | MEDIUM | 1 day | push |
//! | `TIMESALE_FAILED` | MEDIUM | 1 hour | push |
//! | `QUEUE_ENTERED` | LOW | 10 minutes | push |
//! | any other | MEDIUM | 1 day | push |
//!
//! A request may say another priority. LOW goes to the user by push only, and not to Discord and Slack. How channels are chosen among those that are on is
//! in [`super::decide::routing`].

use holdfast_model::notification::Priority;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// The type that is sent only if the shop wants it.
pub const RESERVATION_HELD: &str = "RESERVATION_HELD";

/// What holds for a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// Its lane.
    pub priority: Priority,
    /// How long after the fact it is worth telling, in ms.
    pub valid_ms: i64,
    /// It is about money or a seat that was paid: push alone is not enough.
    pub is_about_money: bool,
}

/// What holds for the type of this name.
#[must_use]
pub fn of(name: &str) -> Kind {
    let (priority, valid_ms) = match name {
        "PAYMENT_CONFIRMED" | "REFUNDED" | "REFUND_FAILED" | "RESERVATION_CANCELLED" => (Priority::High, 7 * DAY_MS),
        "SEAT_OPENED" => (Priority::High, 5 * MINUTE_MS),
        "RESERVATION_EXPIRED" | "TIMESALE_FAILED" => (Priority::Medium, HOUR_MS),
        RESERVATION_HELD => (Priority::Medium, 5 * MINUTE_MS),
        "QUEUE_ENTERED" => (Priority::Low, 10 * MINUTE_MS),
        _ => (Priority::Medium, DAY_MS),
    };
    Kind { priority, valid_ms, is_about_money: valid_ms == 7 * DAY_MS }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_their_lane_and_their_time() {
        let of = |name| {
            let Kind { priority, valid_ms, is_about_money } = super::of(name);
            (priority, valid_ms, is_about_money)
        };
        for name in ["PAYMENT_CONFIRMED", "REFUNDED", "REFUND_FAILED", "RESERVATION_CANCELLED"] {
            assert_eq!(of(name), (Priority::High, 604_800_000, true));
        }
        assert_eq!(of("SEAT_OPENED"), (Priority::High, 300_000, false));
        assert_eq!(of("RESERVATION_EXPIRED"), (Priority::Medium, 3_600_000, false));
        assert_eq!(of("QUEUE_ENTERED"), (Priority::Low, 600_000, false));
        assert_eq!(of("ANYTHING"), (Priority::Medium, 86_400_000, false));
    }
}
