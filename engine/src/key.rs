//! Order-preserving keys: the byte order of two keys is the order of what they stand for, field by field.
//!
//! ```text
//! u64    8 bytes, big endian
//! u128   as u64 if it fits, else 16 bytes, big endian; in order among numbers below 2^63 and from 2^127 on
//! i64    8 bytes, big endian, sign bit flipped
//! text   its bytes with 00 written as 00 FF, then 00 01
//! ```
//! The end mark of a text is smaller than any escaped byte, so a text sorts before its extensions, and `(a, b)` sorts by `a` first.

/// A key kind: one type, one layout. Each lives in its own file, with its layout drawn and a round-trip property.
pub trait Key: Sized {
    /// Appends the key's bytes.
    fn encode(&self, out: &mut Vec<u8>);

    /// Reads a key back; `None` for bytes of another shape.
    fn decode(bytes: &[u8]) -> Option<Self>;
}

const ESCAPE: u8 = 0x00;
const ESCAPED_ZERO: u8 = 0xff;
const END: u8 = 0x01;

/// Appends a text.
pub fn put_text(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    // Hardly any text has a zero in it. Looking at all bytes without stopping is what the compiler makes vectors of.
    if rest.iter().fold(false, |found, byte| found | (*byte == ESCAPE)) {
        rest = put_escaped(out, rest);
    }
    out.extend_from_slice(rest);
    out.extend_from_slice(&[ESCAPE, END]);
}

/// Appends `text` up to and including its last zero, and returns what comes after it.
fn put_escaped<'a>(out: &mut Vec<u8>, text: &'a [u8]) -> &'a [u8] {
    let mut rest = text;
    while let Some(zero) = rest.iter().position(|byte| *byte == ESCAPE) {
        let (before, after) = rest.split_at(zero + 1);
        out.extend_from_slice(before);
        out.push(ESCAPED_ZERO);
        rest = after;
    }
    rest
}

/// Appends an unsigned number.
pub fn put_u64(out: &mut Vec<u8>, n: u64) {
    out.extend_from_slice(&n.to_be_bytes());
}

/// Appends a signed number.
pub fn put_i64(out: &mut Vec<u8>, n: i64) {
    put_u64(out, n.cast_unsigned() ^ (1 << 63));
}

/// Takes a text off the front.
pub fn take_text(bytes: &mut &[u8]) -> Option<String> {
    let mut text = Vec::new();
    loop {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        if byte != ESCAPE {
            text.push(byte);
            continue;
        }
        let (&next, rest) = bytes.split_first()?;
        *bytes = rest;
        match next {
            END => return String::from_utf8(text).ok(),
            ESCAPED_ZERO => text.push(ESCAPE),
            _ => return None,
        }
    }
}

/// Takes an unsigned number off the front.
pub fn take_u64(bytes: &mut &[u8]) -> Option<u64> {
    let (number, rest) = bytes.split_first_chunk::<8>()?;
    *bytes = rest;
    Some(u64::from_be_bytes(*number))
}

/// Takes a signed number off the front.
pub fn take_i64(bytes: &mut &[u8]) -> Option<i64> {
    take_u64(bytes).map(|n| (n ^ (1 << 63)).cast_signed())
}

/// The end of the range of all keys that begin with `prefix`: its successor among prefixes. `None` when there is none (all bytes FF).
#[must_use]
pub(crate) fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Some(end);
        }
    }
    None
}

/// A single text is a key of its own.
impl Key for String {
    fn encode(&self, out: &mut Vec<u8>) {
        put_text(out, self);
    }

    fn decode(mut bytes: &[u8]) -> Option<Self> {
        let text = take_text(&mut bytes)?;
        bytes.is_empty().then_some(text)
    }
}

/// A single large number is a key of its own. What was written as a `u64` is read as the same number.
impl Key for u128 {
    fn encode(&self, out: &mut Vec<u8>) {
        match u64::try_from(*self) {
            Ok(small) => put_u64(out, small),
            Err(_) => out.extend_from_slice(&self.to_be_bytes()),
        }
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        if let Some(small) = u64::decode(bytes) {
            return Some(small.into());
        }
        let number = Self::from_be_bytes(bytes.try_into().ok()?);
        (number > Self::from(u64::MAX)).then_some(number)
    }
}

/// A single unsigned number is a key of its own.
impl Key for u64 {
    fn encode(&self, out: &mut Vec<u8>) {
        put_u64(out, *self);
    }

    fn decode(mut bytes: &[u8]) -> Option<Self> {
        let number = take_u64(&mut bytes)?;
        bytes.is_empty().then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes_of(a: &str, n: i64) -> Vec<u8> {
        let mut out = Vec::new();
        put_text(&mut out, a);
        put_i64(&mut out, n);
        out
    }

    proptest! {
        #[test]
        fn byte_order_is_field_order(a in "[\\x00-\\x02a-c가-나]{0,4}", b in "[\\x00-\\x02a-c가-나]{0,4}", n: i64, m: i64) {
            prop_assert_eq!(bytes_of(&a, n).cmp(&bytes_of(&b, m)), (a, n).cmp(&(b, m)));
        }

        #[test]
        fn fields_come_back(a: String, n: i64, u: u64) {
            let mut bytes = bytes_of(&a, n);
            put_u64(&mut bytes, u);
            let mut rest = bytes.as_slice();
            prop_assert_eq!(take_text(&mut rest), Some(a));
            prop_assert_eq!(take_i64(&mut rest), Some(n));
            prop_assert_eq!(take_u64(&mut rest), Some(u));
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn foreign_bytes_never_panic(bytes: Vec<u8>) {
            let _ = String::decode(&bytes);
            let _ = u64::decode(&bytes);
        }
    }

    #[test]
    fn a_prefix_ends_before_its_successor() {
        assert_eq!(prefix_end(b"ab"), Some(b"ac".to_vec()));
        assert_eq!(prefix_end(&[1, 0xff]), Some(vec![2]));
        assert_eq!(prefix_end(&[0xff]), None);
    }
}
