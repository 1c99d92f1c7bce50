//! The waitlist of a sold-out schedule: its policy, and its rows as they are stored.

use crate::reservation::serial::Serial;
use serde::{Deserialize, Serialize};

/// Entries of one [`BlockRow`].
pub const BLOCK_ENTRIES: u64 = 256;

/// What becomes of a seat that is released while users wait. Kept in rows by its number: new policies go to the end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Policy {
    /// It is free for everybody, and the first of the list are told.
    #[default]
    Open,
    /// It is held for the head of the list.
    Offer,
}

impl Policy {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Open, Self::Offer];

    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Offer => "OFFER",
        }
    }

    /// Reads what [`Self::as_str`] writes; `None` for every other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.as_str() == text)
    }
}

/// The waitlist of a schedule. A schedule that says nothing of a waitlist and has never had one has no row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitlistRow {
    /// What becomes of a released seat.
    pub policy: Policy,
    /// How many entries are told of each released seat; none = one.
    pub notify: Option<u64>,
    /// Number of the next entry, from 1: entries are numbered in the order of the log.
    pub next: u64,
    /// No entry before this number is on the list.
    pub first: u64,
    /// How many entries are on the list.
    pub live: u64,
    /// How many reservations that were made by an offer are held or being paid.
    pub offers: u64,
    /// The first entry that this round of telling has not come to.
    pub untold: u64,
    /// How many entries are to be told yet that a seat is free.
    pub owed: u64,
    /// For which time of the clock the message is armed that tells them, in ms since the epoch; none = nothing is armed.
    pub telling_ms: Option<i64>,
    /// The latest time for which one was armed: each is armed for a time of its own.
    pub armed_ms: i64,
}

impl Default for WaitlistRow {
    fn default() -> Self {
        Self {
            policy: Policy::Open,
            notify: None,
            next: 1,
            first: 1,
            live: 0,
            offers: 0,
            untold: 1,
            owed: 0,
            telling_ms: None,
            armed_ms: 0,
        }
    }
}

/// An entry that is on the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryRow {
    /// The user that waits.
    pub user_id: String,
    /// Append time of the record that made it, in ms since the epoch.
    pub joined_ms: i64,
    /// What an offer to it is named after: nobody can guess it.
    pub secret: u128,
    /// How often the user was told that a seat is free.
    pub told: u32,
}

/// What a user has of a waitlist. A user that has nothing of it has no row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum WaiterRow {
    /// An entry on the list.
    Waiting {
        /// Its number.
        number: u64,
    },
    /// A seat that is held for the user, and is not paid yet. The entry is off the list.
    Offered {
        /// Number that the entry had.
        number: u64,
        /// The reservation.
        serial: Serial,
    },
}

/// Which of 256 neighbouring entries are on the list, a bit for each: so a position is counted without reading entries. A block without entries has no row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockRow {
    /// Bit `n % 64` of word `n / 64` is the block's entry `n`.
    pub live: [u64; 4],
}

impl BlockRow {
    /// The block of an entry.
    #[must_use]
    pub fn of(number: u64) -> u64 {
        number / BLOCK_ENTRIES
    }

    fn word_and_bit(number: u64) -> (usize, u64) {
        let at = number % BLOCK_ENTRIES;
        // At most 3.
        (usize::try_from(at / 64).unwrap_or_default(), at % 64)
    }

    /// Puts an entry on the list, or takes it off.
    pub fn set(&mut self, number: u64, is_live: bool) {
        let (word, bit) = Self::word_and_bit(number);
        if let Some(word) = self.live.get_mut(word) {
            *word = if is_live { *word | 1 << bit } else { *word & !(1 << bit) };
        }
    }

    /// How many of its entries are on the list.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.live.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// How many of its entries before `number`, one of its own, are on the list.
    #[must_use]
    pub fn before(&self, number: u64) -> u64 {
        let (last, bit) = Self::word_and_bit(number);
        let whole = self.live.iter().take(last).map(|word| u64::from(word.count_ones())).sum::<u64>();
        let part = self.live.get(last).map_or(0, |word| word & ((1 << bit) - 1));
        whole + u64::from(part.count_ones())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::row_bytes as bytes;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// Rows written by this version must be readable by the next.
    #[test]
    fn the_layout_of_rows_stands() {
        let row = WaitlistRow {
            policy: Policy::Offer,
            notify: Some(3),
            next: 9,
            first: 2,
            live: 4,
            offers: 1,
            untold: 5,
            owed: 6,
            telling_ms: Some(7),
            armed_ms: 8,
        };
        assert_eq!(bytes(&row), [1, 1, 1, 3, 9, 2, 4, 1, 5, 6, 1, 14, 16]);
        assert_eq!(bytes(&WaitlistRow::default()), [1, 0, 0, 1, 1, 0, 0, 1, 0, 0, 0]);
        let entry = EntryRow { user_id: "u".to_owned(), joined_ms: 1, secret: 7, told: 2 };
        assert_eq!(bytes(&entry), [1, 1, b'u', 2, 7, 2]);
        assert_eq!(bytes(&WaiterRow::Waiting { number: 5 }), [1, 0, 5]);
        assert_eq!(bytes(&WaiterRow::Offered { number: 5, serial: 9 }), [1, 1, 5, 9]);
        assert_eq!(bytes(&BlockRow { live: [1, 2, 3, 4] }), [1, 1, 2, 3, 4]);
    }

    #[test]
    fn a_policy_has_one_spelling() {
        for policy in Policy::ALL {
            assert_eq!(Policy::parse(policy.as_str()), Some(policy));
        }
        assert_eq!((Policy::parse("offer"), Policy::parse("")), (None, None));
    }

    proptest! {
        #[test]
        fn a_block_counts_its_entries(moves in proptest::collection::vec((0u64..BLOCK_ENTRIES, any::<bool>()), 0..400), asked in 0u64..BLOCK_ENTRIES) {
            let (mut block, mut live) = (BlockRow::default(), BTreeSet::new());
            for (number, is_live) in moves {
                // Any block will do.
                block.set(7 * BLOCK_ENTRIES + number, is_live);
                if is_live { live.insert(number); } else { live.remove(&number); }
            }
            prop_assert_eq!(block.count(), live.len() as u64);
            prop_assert_eq!(block.before(asked), live.range(..asked).count() as u64);
        }
    }
}
