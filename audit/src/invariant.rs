//! What can be proved, by the numbers of the requirements: one table, from which everything else about an invariant follows.

use std::str::FromStr;

/// What an invariant stands or falls with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The feature of this topology: nothing can be said of it when the beginning of that feature's inbox is gone.
    Feature(&'static str),
    /// The requests of every feature: nothing can be said of it when the beginning of any inbox is gone.
    Requests,
    /// All topics, as far as they are still there.
    Topics,
    /// The states alone: no topic need be read for it.
    States,
    /// What receivers outside have written down: it is asked for by name, or with their files.
    Receivers,
}

macro_rules! invariants {
    ($($name:ident = $number:literal, $owner:expr, $sentence:literal;)*) => {
        /// One sentence that has to be true whatever happened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Invariant {
            $(#[doc = $sentence] $name,)*
        }

        /// Number, owner and sentence of each, in the order of [`Invariant::ALL`].
        const TABLE: &[(u8, Owner, &str)] = &[$(($number, $owner, $sentence),)*];

        impl Invariant {
            /// All of them, in order.
            pub const ALL: [Self; TABLE.len()] = [$(Self::$name,)*];
        }
    };
}

// A line for each, in the order of the numbers.
invariants! {
    OneOwner = 1, Owner::Feature("reservation"), "no seat has two owners at any position of the log";
    Capacity = 2, Owner::Feature("reservation"), "confirmed seats fit the house, and free, held and sold seats add up to it";
    PaidOnce = 3, Owner::Feature("reservation"), "a confirmed seat is paid once, as owed; each payment ends in a seat or a refund";
    Conservation = 4, Owner::Feature("payment"), "no won is made or lost: all accounts add up to 0";
    Statements = 5, Owner::Feature("payment"), "no balance is negative, statements have no gap, and balances chain";
    NotEarly = 6, Owner::Feature("reservation"), "no hold ends before its deadline";
    NotLate = 7, Owner::Feature("reservation"), "no hold is left standing long after its deadline";
    Deadline = 8, Owner::Feature("reservation"), "a payment is in time exactly if its record is older than the deadline";
    OneOutcome = 9, Owner::Requests, "each accepted request has exactly one outcome";
    Agreement = 10, Owner::Requests, "what queries answer is what the topics say";
    Stock = 11, Owner::Feature("coupon"), "as many coupons as there are, one for a user, none kept back";
    FirstCome = 12, Owner::Feature("coupon"), "coupons go to the first valid users in the order of the log";
    Units = 13, Owner::Feature("timesale"), "units sold and left add up to a time sale's stock, no buyer has more than allowed, none is lost";
    Retries = 14, Owner::Requests, "the same id again gets the first outcome; something else under it has no effect";
    Notices = 15, Owner::Requests, "a notice was asked for once for each fact that has one, and has its entry in the ledger";
    NoticesTrue = 16, Owner::Feature("notification"), "no notice says what is not so, and none comes after its time";
    Rebuilt = 18, Owner::States, "a store rebuilt from its changelog is the live store, key by key";
    Replayed = 19, Owner::States, "an inbox decided again comes to the same";
    Deliveries = 20, Owner::Feature("data-platform"), "the data platform gets each confirmed reservation, as it was confirmed, and nothing else";
    Letters = 21, Owner::Topics, "a dead letter says where it came from and why, once for each record; put back, it is the same request";
    Attempts = 22, Owner::Feature("notification"), "a notice is tried four times at most, with the back-off between, and is given up with a letter";
    Queue = 23, Owner::Requests, "a waiting room lets users in by their turn and within its bounds, and nothing it guards is given to others";
    Ranking = 24, Owner::Feature("ranking"), "a ranking is a recount of what was confirmed and cancelled; sold out is recorded once";
    NoGap = 25, Owner::Requests, "each record that was passed is decided, known, sent on once or buried";
    OneWriter = 26, Owner::States, "a place has one writer: its positions never step back";
    Offers = 27, Owner::Feature("reservation"), "offers to users that wait fit the free seats; each is made once, to the head of its list, and told";
    Erased = 28, Owner::Feature("notification"), "of an erased contact nothing is left in states, results and letters";
    Alerts = 30, Owner::Receivers, "each stall is told of in time and cleared in time, and nothing is told of without a stall";
    Times = 31, Owner::Topics, "times are UTC, and logical time never steps back";
    Published = 32, Owner::Topics, "each record is as published: of a known kind, with the fields that it has to have";
}

impl Invariant {
    fn line(self) -> (u8, Owner, &'static str) {
        TABLE[self as usize]
    }

    /// Its number in the requirements.
    #[must_use]
    pub fn number(self) -> u8 {
        self.line().0
    }

    /// What it stands or falls with.
    #[must_use]
    pub fn owner(self) -> Owner {
        self.line().1
    }

    /// As people name it.
    #[must_use]
    pub fn id(self) -> String {
        format!("I-{}", self.number())
    }

    /// What it says, in a line.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        self.line().2
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
        assert!("I-99".parse::<Invariant>().unwrap_err().contains("I-32"));
    }
}
