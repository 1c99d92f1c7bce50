//! What the value of a record says, read without the shop's own readers. A feature names the fields that it reads in a [`record!`] of its own.
//!
//! Nothing here fails on a single field: one that is missing or of an odd kind says nothing, and the rule that needs it knows what that means. Fields that
//! are not named are passed over; of a field that is there twice the last counts.

use holdfast_model::rfc3339;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// One field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Field<'a> {
    /// Missing or null.
    #[default]
    Absent,
    /// A text.
    Text(Cow<'a, str>),
    /// A whole number. One beyond an i64 is an id, and so a text.
    Int(i64),
    /// Anything else.
    Odd,
}

impl<'a> Field<'a> {
    /// As an id: texts and whole numbers are.
    pub(crate) fn id(&self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Int(number) => Some(Cow::Owned(number.to_string())),
            Self::Absent | Self::Odd => None,
        }
    }

    /// An id that is not blank.
    pub(crate) fn identity(&self) -> Option<Cow<'a, str>> {
        self.id().filter(|id| !id.trim().is_empty())
    }

    /// As a number of won, seats or coupons.
    pub(crate) fn int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// As a moment, in ms since the epoch.
    pub(crate) fn when(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            Self::Text(text) => {
                let text = text.trim();
                rfc3339::parse(text).or_else(|| rfc3339::parse_leap_second(text)).or_else(|| text.parse().ok())
            }
            _ => None,
        }
    }

    /// As it stands there; empty if it is no text.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            _ => "",
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Field<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor)
    }
}

struct FieldVisitor;

impl<'de> Visitor<'de> for FieldVisitor {
    type Value = Field<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Field::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Field::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Field::Int(number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(number).map_or_else(|_| Field::Text(Cow::Owned(number.to_string())), Field::Int))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Field::Odd)
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Field::Odd)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Field::Absent)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Field::Odd)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Field::Odd)
    }
}

/// The name of a field, borrowed where it can be.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Field::deserialize(deserializer)? {
            Field::Text(text) => Ok(Self(text)),
            _ => Err(de::Error::custom("a name is a text")),
        }
    }
}

/// A set of fields that takes its own out of an object: a whole record, or a part that several records share.
pub(crate) trait Fields<'de>: Default {
    /// Takes the value of `name` if that is one of its fields; `None` = it is not, and the value has not been read.
    fn take<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<Option<()>, A::Error>;
}

/// Reads an object into `T`.
pub(crate) fn deserialize<'de, T: Fields<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    struct Object<T>(PhantomData<T>);

    impl<'de, T: Fields<'de>> Visitor<'de> for Object<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
            let mut record = T::default();
            while let Some(Name(name)) = map.next_key()? {
                if record.take(&name, &mut map)?.is_none() {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(record)
        }
    }

    deserializer.deserialize_map(Object(PhantomData))
}

/// Declares a record: its own fields with their names in JSON, and after `..` the parts that it shares with others.
macro_rules! record {
    ($(#[$doc:meta])* $vis:vis struct $record:ident<'a> {
        $($(#[$field_doc:meta])* $field:ident: $type:ty = $name:literal,)*
        $(..$part:ident: $part_type:ty,)*
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        $vis struct $record<'a> {
            $($(#[$field_doc])* $vis $field: $type,)*
            $($vis $part: $part_type,)*
        }

        impl<'de: 'a, 'a> $crate::record::Fields<'de> for $record<'a> {
            fn take<A: serde::de::MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<Option<()>, A::Error> {
                match name {
                    $($name => self.$field = map.next_value()?,)*
                    _ => {
                        $(if self.$part.take(name, map)?.is_some() {
                            return Ok(Some(()));
                        })*
                        return Ok(None);
                    }
                }
                Ok(Some(()))
            }
        }

        impl<'de: 'a, 'a> serde::Deserialize<'de> for $record<'a> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::record::deserialize(deserializer)
            }
        }
    };
}
pub(crate) use record;

record! {
    /// Under which ids a request may be known.
    pub(crate) struct Identity<'a> {
        request_id: Field<'a> = "requestId",
        event_id: Field<'a> = "eventId",
    }
}

impl<'a> Identity<'a> {
    /// Under which id a request is known, if it brings one.
    pub(crate) fn get(&self) -> Option<Cow<'a, str>> {
        self.request_id.identity().or_else(|| self.event_id.identity())
    }
}

/// All fields of an object by their names, where it is not known beforehand which of them count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Named<'a>(Vec<(Cow<'a, str>, Field<'a>)>);

impl<'a> Named<'a> {
    /// The field of this name.
    pub(crate) fn get(&self, name: &str) -> &Field<'a> {
        self.0.iter().rfind(|(known, _)| known == name).map_or(&Field::Absent, |(_, field)| field)
    }

    /// The field of this name as an id.
    pub(crate) fn id(&self, name: &str) -> Option<String> {
        self.get(name).id().map(Cow::into_owned)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Named<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;

        impl<'de> Visitor<'de> for All {
            type Value = Named<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some((Name(name), field)) = map.next_entry()? {
                    fields.push((name, field));
                }
                Ok(Named(fields))
            }
        }

        deserializer.deserialize_map(All)
    }
}

/// Reads a value; `None` when it is no JSON object.
pub(crate) fn read<'a, T: Deserialize<'a>>(value: Option<&'a [u8]>) -> Option<T> {
    // All of it is looked at once: text by text that takes longer.
    serde_json::from_str(std::str::from_utf8(value?).ok()?).ok()
}

/// A value as plain JSON, for parts of a record whose shape varies; `None` for what a whole number or its text cannot be.
pub(crate) fn whole_number(value: &serde_json::Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str().and_then(|text| text.parse().ok()))
}

/// Whether a user may be called that: something that is not blank at its ends, without control characters, and no step in a path.
pub(crate) fn is_user(id: &str) -> bool {
    id.trim() == id && !["", ".", ".."].contains(&id) && !id.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    record! {
        struct Sample<'a> {
            user_id: Field<'a> = "userId",
            seat_no: Field<'a> = "seatNo",
            amount: Field<'a> = "amount",
            price: Field<'a> = "price",
            expires_at: Field<'a> = "expiresAt",
            inner: Option<Box<Sample<'a>>> = "inner",
            ..ids: Identity<'a>,
        }
    }

    #[test]
    fn fields_are_read_and_odd_ones_say_nothing() {
        let value = concat!(
            r#"{"type":"hold","requestId":" ","eventId":7,"userId":"u\n","seatNo":1.5,"amount":"5","price":4,"price":5,"#,
            r#""x":{"y":[1]},"expiresAt":"1970-01-01T09:00:00.005+09:00","inner":{"userId":8}}"#
        );
        let sample: Sample<'_> = read(Some(value.as_bytes())).unwrap();
        assert_eq!(sample.ids.get().as_deref(), Some("7"));
        assert_eq!(sample.user_id.id().as_deref(), Some("u\n"));
        assert_eq!((sample.seat_no.id(), sample.amount.int(), sample.price.int()), (None, None, Some(5)));
        assert_eq!(sample.expires_at.when(), Some(5));
        assert_eq!(sample.inner.unwrap().user_id.id().as_deref(), Some("8"));
        let large: Sample<'_> =
            read(Some(br#"{"userId":18446744073709551615,"amount":18446744073709551615}"#)).unwrap();
        assert_eq!(
            (large.user_id.id().as_deref(), large.amount.int(), large.amount.when()),
            (Some("18446744073709551615"), None, None)
        );
        let named: Named<'_> = read(Some(value.as_bytes())).unwrap();
        assert_eq!((named.get("price").int(), named.get("x"), named.get("y")), (Some(5), &Field::Odd, &Field::Absent));
        assert_eq!(named.id("eventId").as_deref(), Some("7"));
        for bad in [&b"[]"[..], b"null", b"{", b"5", b"\xff"] {
            assert_eq!((read::<Sample<'_>>(Some(bad)), read::<Named<'_>>(Some(bad))), (None, None));
        }
        assert_eq!(read::<Sample<'_>>(None), None);
    }
}
