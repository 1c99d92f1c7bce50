//! What can be proved, by the numbers of the requirements.

use std::str::FromStr;

/// One sentence that has to be true whatever happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// I-1
    OneOwner,
    /// I-2
    Capacity,
    /// I-3
    PaidOnce,
    /// I-4
    Conservation,
    /// I-5
    Statements,
    /// I-6
    NotEarly,
    /// I-7
    NotLate,
    /// I-8
    Deadline,
    /// I-9
    OneOutcome,
    /// I-10
    Agreement,
    /// I-11
    Stock,
    /// I-12
    FirstCome,
    /// I-14
    Retries,
    /// I-15
    Notices,
    /// I-18
    Rebuilt,
    /// I-19
    Replayed,
    /// I-21
    Letters,
    /// I-25
    NoGap,
    /// I-26
    OneWriter,
    /// I-31
    Times,
}

impl Invariant {
    /// All of them, in order.
    pub const ALL: [Self; 20] = [
        Self::OneOwner,
        Self::Capacity,
        Self::PaidOnce,
        Self::Conservation,
        Self::Statements,
        Self::NotEarly,
        Self::NotLate,
        Self::Deadline,
        Self::OneOutcome,
        Self::Agreement,
        Self::Stock,
        Self::FirstCome,
        Self::Retries,
        Self::Notices,
        Self::Rebuilt,
        Self::Replayed,
        Self::Letters,
        Self::NoGap,
        Self::OneWriter,
        Self::Times,
    ];

    /// Its number in the requirements.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::OneOwner => 1,
            Self::Capacity => 2,
            Self::PaidOnce => 3,
            Self::Conservation => 4,
            Self::Statements => 5,
            Self::NotEarly => 6,
            Self::NotLate => 7,
            Self::Deadline => 8,
            Self::OneOutcome => 9,
            Self::Agreement => 10,
            Self::Stock => 11,
            Self::FirstCome => 12,
            Self::Retries => 14,
            Self::Notices => 15,
            Self::Rebuilt => 18,
            Self::Replayed => 19,
            Self::Letters => 21,
            Self::NoGap => 25,
            Self::OneWriter => 26,
            Self::Times => 31,
        }
    }

    /// As people name it.
    #[must_use]
    pub fn id(self) -> String {
        format!("I-{}", self.number())
    }

    /// What it says, in a line.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::OneOwner => "no seat has two owners at any position of the log",
            Self::Capacity => "confirmed seats fit the house, and free, held and sold seats add up to it",
            Self::PaidOnce => "a confirmed seat is paid once, as owed; each payment ends in a seat or a refund",
            Self::Conservation => "no won is made or lost: all accounts add up to 0",
            Self::Statements => "no balance is negative, statements have no gap, and balances chain",
            Self::NotEarly => "no hold ends before its deadline",
            Self::NotLate => "no hold is left standing long after its deadline",
            Self::Deadline => "a payment is in time exactly if its record is older than the deadline",
            Self::OneOutcome => "each accepted request has exactly one outcome",
            Self::Agreement => "what queries answer is what the topics say",
            Self::Stock => "as many coupons as there are, one for a user, none kept back",
            Self::FirstCome => "coupons go to the first valid users in the order of the log",
            Self::Retries => "the same id again gets the first outcome; something else under it has no effect",
            Self::Notices => "a notice was asked for once for each fact that has one",
            Self::Rebuilt => "a store rebuilt from its changelog is the live store, key by key",
            Self::Replayed => "an inbox decided again comes to the same",
            Self::Letters => "a dead letter says where it came from and why, once for each record",
            Self::NoGap => "each record that was passed is decided, known, sent on once or buried",
            Self::OneWriter => "a place has one writer: its positions never step back",
            Self::Times => "times are UTC, and logical time never steps back",
        }
    }
}

impl FromStr for Invariant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.trim().to_ascii_uppercase();
        let number = number.strip_prefix("I-").unwrap_or(&number);
        Self::ALL.into_iter().find(|invariant| invariant.number().to_string() == number).ok_or_else(|| {
            format!("no invariant is called {text:?}; there are: {}", Self::ALL.map(Self::id).join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invariant_has_one_number_and_is_found_by_it() {
        assert!(Invariant::ALL.is_sorted() && Invariant::ALL.map(Invariant::number).is_sorted_by(|a, b| a < b));
        for invariant in Invariant::ALL {
            assert_eq!(invariant.id().parse(), Ok(invariant));
            assert_eq!(invariant.number().to_string().parse(), Ok(invariant));
        }
        assert_eq!(" i-25".parse(), Ok(Invariant::NoGap));
        assert!("I-99".parse::<Invariant>().unwrap_err().contains("I-31"));
    }
}
