//! How a row becomes bytes: one version byte, then bincode. The only place that knows it.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A value that encodes to the same bytes as a row of type `V`: `V` itself, or a borrowed form of it that is written without copying its texts first.
///
/// An author who has `struct Row<S = String>` in a table writes `impl EncodeLike<Row> for Row<&str> {}` beside it, and a property test that both forms
/// encode to the same bytes. [`decode`] then reads back as `V` what was written as `Self`.
pub trait EncodeLike<V>: Serialize {}

impl<V: Serialize> EncodeLike<V> for V {}

/// Version of the row encoding itself. A row type that changes its shape makes a new variant of itself, not a new codec.
const VERSION: u8 = 1;

/// Why bytes are not a row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// Written by a version that this program does not know.
    #[error("row has encoding version {0}, this program knows {VERSION}")]
    Version(u8),
    /// Not a row of this type.
    #[error("row cannot be read: {0}")]
    Corrupt(String),
}

/// Longest row that is read. A length in bytes that are no row may be any number: without a bound so much memory is asked for, and the process ends.
const ROW_BYTES_MAX: usize = 64 << 20;

fn bincode_config() -> impl bincode::config::Config {
    // Variable-length integers: most numbers in rows are small, and a fixed layout would double the changelog.
    bincode::config::standard().with_limit::<ROW_BYTES_MAX>()
}

/// Appends the encoding of `row` to `out`.
///
/// # Errors
/// When a `Serialize` of the row fails (a map without known length, say): a mistake in the row type.
pub fn encode<V: Serialize>(row: &V, out: &mut Vec<u8>) -> Result<(), CodecError> {
    out.push(VERSION);
    bincode::serde::encode_into_std_write(row, out, bincode_config())
        .map_err(|e| CodecError::Corrupt(e.to_string()))?;
    Ok(())
}

/// Reads a row back.
///
/// # Errors
/// [`CodecError::Version`] for another encoding, [`CodecError::Corrupt`] for anything that is not exactly one row.
pub fn decode<V: DeserializeOwned>(bytes: &[u8]) -> Result<V, CodecError> {
    let body = body_of(bytes)?;
    let (row, used) =
        bincode::serde::decode_from_slice(body, bincode_config()).map_err(|e| CodecError::Corrupt(e.to_string()))?;
    whole(row, used, body)
}

/// [`decode`] without copying: strings and slices of the row point into `bytes`.
///
/// # Errors
/// As [`decode`].
pub fn decode_borrowed<'a, V: serde::Deserialize<'a>>(bytes: &'a [u8]) -> Result<V, CodecError> {
    let body = body_of(bytes)?;
    let (row, used) = bincode::serde::borrow_decode_from_slice(body, bincode_config())
        .map_err(|e| CodecError::Corrupt(e.to_string()))?;
    whole(row, used, body)
}

fn body_of(bytes: &[u8]) -> Result<&[u8], CodecError> {
    match bytes.split_first() {
        None => Err(CodecError::Corrupt("empty".to_owned())),
        Some((&VERSION, body)) => Ok(body),
        Some((version, _)) => Err(CodecError::Version(*version)),
    }
}

fn whole<V>(row: V, used: usize, body: &[u8]) -> Result<V, CodecError> {
    if used == body.len() {
        Ok(row)
    } else {
        Err(CodecError::Corrupt(format!("{} bytes left over", body.len() - used)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(row: (String, i64, Option<u32>, Vec<u8>)) {
            let mut bytes = Vec::new();
            encode(&row, &mut bytes).unwrap();
            prop_assert_eq!(decode::<(String, i64, Option<u32>, Vec<u8>)>(&bytes).unwrap(), row);
        }

        #[test]
        fn foreign_bytes_are_an_error_and_never_a_panic(bytes: Vec<u8>) {
            let _ = decode::<(String, i64)>(&bytes);
        }
    }

    /// A text of so many bytes as its length says cannot be: nothing is allocated for it.
    #[test]
    fn a_length_that_cannot_be_is_corrupt() {
        let text = [&[VERSION, 253][..], &u64::MAX.to_le_bytes(), b"abc"].concat();
        assert!(matches!(decode::<String>(&text), Err(CodecError::Corrupt(_))));
        assert!(matches!(decode::<Vec<u64>>(&text), Err(CodecError::Corrupt(_))));
        assert!(matches!(decode_borrowed::<Vec<u64>>(&text), Err(CodecError::Corrupt(_))));
    }

    #[test]
    fn another_version_says_so() {
        assert_eq!(decode::<u8>(&[9, 0]), Err(CodecError::Version(9)));
    }

    #[test]
    fn a_row_with_bytes_left_over_is_corrupt() {
        assert!(matches!(decode::<u8>(&[1, 7, 7]), Err(CodecError::Corrupt(_))));
    }
}
