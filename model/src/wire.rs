//! How ids and times may look in the JSON of others: ids are strings, numbers are taken too (the seeds use both); a time is RFC 3339 or epoch ms.

use crate::rfc3339;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// An id: a string, or an integer that stands for its decimal digits. Borrowed from the input where it can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Id<'a>(pub Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Id<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IdVisitor).map(Id)
    }
}

struct IdVisitor;

impl<'de> Visitor<'de> for IdVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id: a string or an integer")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Cow::Owned(itoa::Buffer::new().format(number).to_owned()))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Cow::Owned(itoa::Buffer::new().format(number).to_owned()))
    }
}

/// An owned id field: `#[serde(deserialize_with = "wire::id")]`.
///
/// # Errors
/// When the value is neither a string nor an integer.
pub fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Id::deserialize(deserializer).map(|id| id.0.into_owned())
}

/// An owned optional id field: `#[serde(default, deserialize_with = "wire::id_if")]`.
///
/// # Errors
/// When the value is neither a string nor an integer nor null.
pub fn id_if<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<Id<'de>>::deserialize(deserializer)?.map(|id| id.0.into_owned()))
}

/// JSON as it came, of any kind but null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Raw<'a>(pub &'a str);

impl<'de: 'a, 'a> Deserialize<'de> for Raw<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&'a RawValue>::deserialize(deserializer).map(|raw| Self(raw.get()))
    }
}

/// Numbers that are times from 1973 to 5138 in seconds. In ms they lie in the years 1970 to 1973, in which nothing is sold.
const EPOCH_SECONDS: std::ops::Range<i64> = 100_000_000..100_000_000_000;

/// A moment somebody else wrote down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Ms since the epoch; always between the years 1 and 9999.
    Ms(i64),
    /// Most likely meant otherwise than as this moment, for which it was taken once: second 60, which is not in UTC as computers keep it, or a number that
    /// is a time of today in seconds and one of 1970 in ms.
    Doubtful(i64),
    /// A text or number that is no moment. Kept instead of failing, so that the answer can say which field of which request is wrong.
    Unreadable,
}

impl When {
    /// The moment at `ms` since the epoch.
    #[must_use]
    pub fn from_ms(ms: i64) -> Self {
        if rfc3339::is_showable(ms) { Self::Ms(ms) } else { Self::Unreadable }
    }

    /// The moment that a number names: epoch ms.
    #[must_use]
    pub fn from_number(number: i64) -> Self {
        match Self::from_ms(number) {
            Self::Ms(ms) if EPOCH_SECONDS.contains(&ms) => Self::Doubtful(ms),
            when => when,
        }
    }

    /// The moment that `text` names: RFC 3339 with any offset, or epoch ms in digits.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        let text = text.trim();
        match (rfc3339::parse(text), rfc3339::parse_leap_second(text)) {
            (Some(ms), _) => Self::Ms(ms),
            (None, Some(ms)) => Self::Doubtful(ms),
            (None, None) => text.parse().map_or(Self::Unreadable, Self::from_number),
        }
    }

    /// The moment, doubtful or not.
    #[must_use]
    pub fn ms(self) -> Option<i64> {
        match self {
            Self::Ms(ms) | Self::Doubtful(ms) => Some(ms),
            Self::Unreadable => None,
        }
    }
}

impl Serialize for When {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Ms(ms) | Self::Doubtful(ms) => serializer.serialize_str(rfc3339::format(*ms).as_str()),
            Self::Unreadable => serializer.serialize_str("unreadable"),
        }
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WhenVisitor)
    }
}

struct WhenVisitor;

impl Visitor<'_> for WhenVisitor {
    type Value = When;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time: RFC 3339 or ms since the epoch")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<When, E> {
        Ok(When::from_text(text))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<When, E> {
        Ok(When::from_number(number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<When, E> {
        Ok(i64::try_from(number).map_or(When::Unreadable, When::from_number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_string_or_an_integer() {
        let id = |json: &'static str| serde_json::from_str::<Id<'static>>(json).ok().map(|id| id.0);
        assert!(matches!(id(r#""1001""#), Some(Cow::Borrowed("1001"))));
        assert_eq!(id("1001").as_deref(), Some("1001"));
        assert_eq!(id("-7").as_deref(), Some("-7"));
        assert_eq!(id("18446744073709551615").as_deref(), Some("18446744073709551615"));
        assert_eq!(id(r#""\uc544\n""#).as_deref(), Some("아\n"));
        for bad in ["1.5", "true", "[]", "{}", "null", "1e3", "18446744073709551616"] {
            assert_eq!(id(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_time_is_rfc3339_or_epoch_ms() {
        let when = |json: &str| serde_json::from_str::<When>(json).ok();
        assert_eq!(when(r#""2026-03-15T20:00:00+09:00""#), Some(When::Ms(1_773_572_400_000)));
        assert_eq!(when("1773572400000"), Some(When::Ms(1_773_572_400_000)));
        assert_eq!(when(r#""1773572400000""#), Some(When::Ms(1_773_572_400_000)));
        assert_eq!(when(r#""tomorrow""#), Some(When::Unreadable));
        assert_eq!(when("9223372036854775807"), Some(When::Unreadable));
        assert_eq!(when("true"), None);
        assert_eq!(serde_json::to_string(&When::Ms(0)).unwrap(), r#""1970-01-01T00:00:00.000Z""#);
    }

    #[test]
    fn second_60_and_epoch_seconds_are_no_times_that_anybody_meant() {
        let when = |json: &str| serde_json::from_str::<When>(json).unwrap();
        for (json, taken_for) in [
            (r#""2026-03-15T12:30:60Z""#, 1_773_577_860_000),
            (r#""2016-12-31T23:59:60.5+00:00""#, 1_483_228_800_500),
            ("1773572400", 1_773_572_400),
            (r#"" 1773572400 ""#, 1_773_572_400),
            ("100000000", 100_000_000),
            ("99999999999", 99_999_999_999),
        ] {
            assert_eq!(when(json), When::Doubtful(taken_for), "{json}");
            assert_eq!(when(json).ms(), Some(taken_for));
            // Fingerprints of commands are made of it.
            assert_eq!(
                serde_json::to_string(&when(json)).unwrap(),
                serde_json::to_string(&When::Ms(taken_for)).unwrap()
            );
        }
        for (json, ms) in [("99999999", 99_999_999), ("100000000000", 100_000_000_000), ("0", 0), ("-5", -5)] {
            assert_eq!(when(json), When::Ms(ms), "{json}");
        }
        assert_eq!(when(r#""1970-01-21T12:39:32.400Z""#), When::Ms(1_773_572_400), "a text says what it means");
    }
}
