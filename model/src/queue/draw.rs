//! The draw of tickets that were given out before a queue opened. Anyone with the seed can draw again.
//!
//! The hash of the seed is published with the queue, the seed itself when it opens. Tickets that are live at that moment are put in line by
//! `SHA-256(seed ‖ ticket number, 8 bytes big endian)`, the smallest first.

use sha2::{Digest, Sha256};

/// Bytes of a seed, and of the hash of one.
pub const SEED_BYTES: usize = 32;

/// What is published of a seed before the draw: its SHA-256.
#[must_use]
pub fn seed_hash(seed: &[u8; SEED_BYTES]) -> [u8; SEED_BYTES] {
    Sha256::digest(seed).into()
}

/// What `ticket` is put in line by.
#[must_use]
pub fn rank(seed: &[u8; SEED_BYTES], ticket: u64) -> [u8; SEED_BYTES] {
    let mut hash = Sha256::new();
    hash.update(seed);
    hash.update(ticket.to_be_bytes());
    hash.finalize().into()
}

/// The tickets in the order of the draw. Two hashes that are equal, which nobody has ever seen, stay in the order of their tickets.
#[must_use]
pub fn line(seed: &[u8; SEED_BYTES], tickets: impl IntoIterator<Item = u64>) -> Vec<u64> {
    let mut drawn: Vec<_> = tickets.into_iter().map(|ticket| (rank(seed, ticket), ticket)).collect();
    drawn.sort_unstable();
    drawn.into_iter().map(|(_, ticket)| ticket).collect()
}

/// Bytes as hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| DIGITS.get(usize::from(digit)))
        .map(|digit| char::from(*digit))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_draw_is_what_was_published() {
        let seed = [7; SEED_BYTES];
        // As another program has computed both.
        assert_eq!(hex(&seed_hash(&seed)), "4bb06f8e4e3a7715d201d573d0aa423762e55dabd61a2c02278fa56cc6d294e0");
        assert_eq!(line(&seed, 1..=6), [4, 6, 2, 5, 3, 1]);
    }

    proptest! {
        #[test]
        fn a_draw_loses_nobody_and_does_not_depend_on_the_order_of_its_input(seed: [u8; 32], count in 0u64..200) {
            let drawn = line(&seed, 1..=count);
            prop_assert_eq!(&drawn, &line(&seed, (1..=count).rev()));
            let mut sorted = drawn;
            sorted.sort_unstable();
            prop_assert!(sorted.into_iter().eq(1..=count));
        }
    }
}
