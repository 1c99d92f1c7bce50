//! The states of a reservation, what they mean for its seat, and which moves are legal: the table of the topology's page as code.

use serde::{Deserialize, Serialize};

/// Where a reservation is in its life. Kept in rows by its number: new states go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum State {
    /// The seat is his until the deadline.
    Held,
    /// He has asked to pay in time; the wallet decides.
    Paying,
    /// Paid: the seat is his.
    Confirmed,
    /// Not paid in time.
    Expired,
    /// Given back by him, or the schedule was cancelled.
    Cancelled,
    /// Given back, and the money has been returned.
    Refunded,
}

/// What a seat is, as everybody sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SeatState {
    /// Anybody may ask for it.
    Available,
    /// Somebody has it and has not paid.
    TemporaryReserved,
    /// Sold.
    Reserved,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Held, Self::Paying, Self::Confirmed, Self::Expired, Self::Cancelled, Self::Refunded];

    /// Whether a reservation may go from here to `next`.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Held, Self::Paying | Self::Expired | Self::Cancelled)
                | (Self::Paying, Self::Confirmed | Self::Held | Self::Expired | Self::Cancelled)
                | (Self::Confirmed, Self::Cancelled)
                | (Self::Cancelled, Self::Refunded)
        )
    }

    /// What the seat of such a reservation is.
    #[must_use]
    pub fn seat(self) -> SeatState {
        match self {
            Self::Held | Self::Paying => SeatState::TemporaryReserved,
            Self::Confirmed => SeatState::Reserved,
            Self::Expired | Self::Cancelled | Self::Refunded => SeatState::Available,
        }
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "HELD",
            Self::Paying => "PAYING",
            Self::Confirmed => "CONFIRMED",
            Self::Expired => "EXPIRED",
            Self::Cancelled => "CANCELLED",
            Self::Refunded => "REFUNDED",
        }
    }
}

impl SeatState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Available, Self::TemporaryReserved, Self::Reserved];

    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Available => "AVAILABLE",
            Self::TemporaryReserved => "TEMPORARY_RESERVED",
            Self::Reserved => "RESERVED",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legal_moves_are_the_ones_of_the_table() {
        use State::{Cancelled, Confirmed, Expired, Held, Paying, Refunded};
        let legal: Vec<(State, State)> = State::ALL
            .into_iter()
            .flat_map(|from| State::ALL.into_iter().map(move |to| (from, to)))
            .filter(|(from, to)| from.may_become(*to))
            .collect();
        assert_eq!(
            legal,
            [
                (Held, Paying),
                (Held, Expired),
                (Held, Cancelled),
                (Paying, Held),
                (Paying, Confirmed),
                (Paying, Expired),
                (Paying, Cancelled),
                (Confirmed, Cancelled),
                (Cancelled, Refunded),
            ]
        );
    }
}
