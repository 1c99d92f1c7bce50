use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// Bytes of a key.
const LEN: usize = 32;

/// Standard base64, written with padding and read with or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The secret with which a queue signs its tokens: 32 random bytes, in JSON as base64, in a row as they are. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct QueueKey([u8; LEN]);

/// A text that is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a queue's key is {LEN} bytes in base64")]
pub struct QueueKeyError;

impl QueueKey {
    /// A key of these bytes, which have to come from a cryptographic source.
    #[must_use]
    pub const fn new(bytes: [u8; LEN]) -> Self {
        Self(bytes)
    }

    /// Its bytes, for the signature.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; LEN] {
        &self.0
    }

    /// Reads base64 of 32 bytes.
    ///
    /// # Errors
    /// [`QueueKeyError`] for every other text.
    pub fn from_base64(text: &str) -> Result<Self, QueueKeyError> {
        let bytes = BASE64.decode(text).map_err(|_| QueueKeyError)?;
        bytes.try_into().map(Self).map_err(|_| QueueKeyError)
    }

    /// As JSON has it.
    #[must_use]
    pub fn to_base64(&self) -> String {
        BASE64.encode(self.0)
    }
}

impl fmt::Debug for QueueKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("QueueKey(***)")
    }
}

impl Serialize for QueueKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(&self.to_base64())
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for QueueKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            Self::from_base64(&text).map_err(de::Error::custom)
        } else {
            <[u8; LEN]>::deserialize(deserializer).map(Self)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::row_bytes;
    use holdfast_engine::inspect::codec;

    #[test]
    fn a_key_is_32_bytes_in_base64() {
        let key = QueueKey::new([7; LEN]);
        let text = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
        assert_eq!(key.to_base64(), text);
        assert_eq!(serde_json::to_string(&key).unwrap(), format!("{text:?}"));
        assert_eq!(QueueKey::from_base64(text), Ok(key.clone()));
        assert_eq!(QueueKey::from_base64(text.trim_end_matches('=')), Ok(key.clone()));
        for bad in ["", "BwcH", "no base64 !", &format!("{text}{text}")] {
            assert_eq!(QueueKey::from_base64(bad), Err(QueueKeyError), "{bad:?}");
        }
        assert_eq!(format!("{key:?}"), "QueueKey(***)");
    }

    #[test]
    fn a_row_has_the_bytes_as_they_are() {
        let key = QueueKey::new([250; LEN]);
        assert_eq!(row_bytes(&key), [[1].as_slice(), [250; LEN].as_slice()].concat());
        assert_eq!(codec::decode::<QueueKey>(&row_bytes(&key)), Ok(key));
    }
}
