//! What a ticket can be, and why it ends.

use serde::{Deserialize, Serialize};

/// What a ticket is.
///
/// ```text
///  PRE_QUEUE ── the queue opens ──► WAITING ── there is room ──► ACTIVE ──► ENDED
///   └────────────── leave ─────────────┴── leave, silence ───────────────► ENDED
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TicketState {
    /// The queue is not open yet: the ticket has no position.
    Pre,
    /// It has a position.
    Waiting,
    /// Its user may buy.
    Active,
    /// It is worth nothing any more.
    Ended,
}

impl TicketState {
    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pre => "PRE_QUEUE",
            Self::Waiting => "WAITING",
            Self::Active => "ACTIVE",
            Self::Ended => "ENDED",
        }
    }
}

/// Why a ticket has ended. Kept in rows by its number: new reasons go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum EndReason {
    /// Its user gave it back.
    Left,
    /// Nothing was heard of its user for too long.
    Silent,
    /// Its time to buy was over.
    TimedOut,
    /// Its user has bought.
    Purchased,
}

impl EndReason {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Left, Self::Silent, Self::TimedOut, Self::Purchased];

    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Left => "LEFT",
            Self::Silent => "SILENT",
            Self::TimedOut => "TIMED_OUT",
            Self::Purchased => "PURCHASED",
        }
    }

    /// The reason that is written so.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }
}

/// What a queue does. Kept in rows by its number: new states go to the end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum QueueState {
    /// It takes joins and admits.
    #[default]
    Open,
    /// It takes joins and admits nobody.
    Paused,
    /// It takes no new joins and admits.
    Draining,
}

impl QueueState {
    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Paused => "PAUSED",
            Self::Draining => "DRAINING",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_have_names_that_are_read_back() {
        for reason in EndReason::ALL {
            assert_eq!(EndReason::named(reason.as_str()), Some(reason));
        }
        assert_eq!(EndReason::named("left"), None);
    }

    #[test]
    fn a_state_is_written_as_json_has_it() {
        for state in [QueueState::Open, QueueState::Paused, QueueState::Draining] {
            assert_eq!(serde_json::to_string(&state).unwrap(), format!("{:?}", state.as_str()));
        }
    }
}
