//! Serials: what a reservation is called within its place. In order they are the reservations as their records lie in the log.
//!
//! ```text
//!  bit 127   126 ··· 80           79 ··· 0
//!       1    offset of the hold   secret             since the second rules
//!       0    0                    offset (64 bits)   by the first rules
//! ```
//! The offset makes it unique and keeps what was made together together. The secret is made of the record: with a nonce in it, as HTTP puts it there, nobody
//! who has not read the record can tell it. Without one it is as hard to guess as the record and the moment of its append are.

use sha2::{Digest, Sha256};

/// What a reservation is called within its place.
pub type Serial = u128;

const MARK: u32 = 127;
const OFFSET_BITS: u32 = 47;
const SECRET_BITS: u32 = 80;

/// What cannot be counted in a serial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Secret(u128);

impl Secret {
    /// Of a record that brings a nonce: made of that alone.
    #[must_use]
    pub fn of_nonce(nonce: &str) -> Self {
        Self::of(Sha256::digest(nonce.as_bytes()).into())
    }

    /// Of a record that brings none: made of all that it says, and of the logical time at which it was decided.
    #[must_use]
    pub fn of_record(value: &[u8], now_ms: i64) -> Self {
        Self::of(Sha256::new().chain_update(now_ms.to_be_bytes()).chain_update(value).finalize().into())
    }

    /// Of an offer to the entry `number` of a waitlist, which a record with this secret has made: no other offer has the same.
    #[must_use]
    pub fn of_entry(self, schedule_id: &str, number: u64) -> Self {
        let made = Sha256::new().chain_update(self.0.to_be_bytes()).chain_update(number.to_be_bytes());
        Self::of(made.chain_update(schedule_id).finalize().into())
    }

    /// The one in a serial that the second rules have made.
    #[must_use]
    pub fn of_serial(serial: Serial) -> Self {
        Self::from_bits(serial)
    }

    /// As it is kept.
    #[must_use]
    pub fn to_bits(self) -> u128 {
        self.0
    }

    /// Reads what was kept.
    #[must_use]
    pub fn from_bits(bits: u128) -> Self {
        Self(bits & ((1 << SECRET_BITS) - 1))
    }

    fn of(digest: [u8; 32]) -> Self {
        let first = digest.iter().take(10).fold(0, |bits: u128, byte| bits << 8 | u128::from(*byte));
        Self(first)
    }
}

/// The serial of the reservation that the record at `offset` makes.
#[must_use]
pub fn made(offset: u64, secret: Secret) -> Serial {
    let offset = u128::from(offset) & ((1 << OFFSET_BITS) - 1);
    1 << MARK | offset << SECRET_BITS | secret.0
}

/// The offset of the record that made the reservation.
#[must_use]
pub fn offset(serial: Serial) -> u64 {
    let bits = if is_secret(serial) { serial >> SECRET_BITS & ((1 << OFFSET_BITS) - 1) } else { serial };
    u64::try_from(bits).unwrap_or(u64::MAX)
}

/// Whether it has a secret: whether the second rules have made it.
#[must_use]
pub fn is_secret(serial: Serial) -> bool {
    serial >> MARK == 1
}

/// As it stands in ids: the digits of an offset, or 32 hexadecimal digits.
#[must_use]
pub fn to_text(serial: Serial) -> String {
    if let Ok(offset) = u64::try_from(serial) {
        return itoa::Buffer::new().format(offset).to_owned();
    }
    let digits = serial.to_be_bytes().into_iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 })).collect()
}

/// Reads what [`to_text`] has written, and nothing else: a serial has one spelling.
#[must_use]
pub fn parse(text: &str) -> Option<Serial> {
    if text.len() < 32 {
        return crate::place_id::number(text).map(u128::from).filter(|_| !text.is_empty());
    }
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_written = text.len() == 32 && text.bytes().all(is_digit);
    let serial = if is_written { u128::from_str_radix(text, 16).ok()? } else { return None };
    (serial > u128::from(u64::MAX)).then_some(serial)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_written_is_read(serial: u128, offset: u64) {
            for serial in [serial, offset.into()] {
                prop_assert_eq!(parse(&to_text(serial)), Some(serial));
            }
        }

        #[test]
        fn a_serial_has_one_spelling(text in "[0-9a-fA-F+]{0,33}|[0-9a-f]{32}|0{0,20}[0-9a-f]{0,20}") {
            if let Some(serial) = parse(&text) {
                prop_assert_eq!(to_text(serial), text);
            }
        }

        #[test]
        fn serials_lie_as_their_records_do(a in 0u64..1 << 47, b in 0u64..1 << 47, old in 0u64.., nonces: (String, String)) {
            let (first, second) = (made(a, Secret::of_nonce(&nonces.0)), made(b, Secret::of_nonce(&nonces.1)));
            prop_assert_eq!((offset(first), offset(old.into())), (a, old));
            prop_assert!(is_secret(first) && !is_secret(old.into()) && first > u128::from(old));
            if a != b {
                prop_assert_eq!(first.cmp(&second), a.cmp(&b));
            }
        }
    }

    #[test]
    fn a_secret_is_made_of_all_that_is_known_of_a_record() {
        // They stand in ids: a replay must come to the same.
        assert_eq!(to_text(made(7, Secret::of_nonce("n"))), "8000000000071b16b1df538ba12dc3f9");
        assert_eq!(to_text(made(7, Secret::of_record(b"{}", 5))), "8000000000078ef8d4be62a09313691f");
        let of = |value: &[u8], now_ms| Secret::of_record(value, now_ms);
        assert_ne!(of(b"{}", 5), of(b"{ }", 5));
        assert_ne!(of(b"{}", 5), of(b"{}", 6));
        assert_ne!(Secret::of_nonce("a"), Secret::of_nonce("b"));
        let joined = Secret::of_nonce("a");
        assert_eq!(Secret::from_bits(joined.to_bits()), joined);
        let offers = [joined.of_entry("s", 1), joined.of_entry("s", 2), joined.of_entry("t", 1)];
        assert!(offers[0] != joined && offers[0] != offers[1] && offers[0] != offers[2]);
    }
}
