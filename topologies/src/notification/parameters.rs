//! What a request brings besides, as parameters of a template: texts and numbers of `data`, by name. Whatever else is in there is for apps.

use holdfast_model::wire::Id;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Reads `data`: a JSON object, or empty. What is none has no parameters.
#[must_use]
pub(super) fn parameters(data: &str) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
    if data.is_empty() {
        return Vec::new();
    }
    serde_json::Deserializer::from_str(data).deserialize_map(Scalars).unwrap_or_default()
}

struct Scalars;

impl<'de> Visitor<'de> for Scalars {
    type Value = Vec<(Cow<'de, str>, Cow<'de, str>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut parameters = Vec::new();
        while let Some((Id(name), value)) = map.next_entry::<Id<'de>, &'de RawValue>()? {
            let value = value.get();
            match value.as_bytes().first() {
                // A text is read by serde, for its escapes; a number stands as it was written.
                Some(b'"') => {
                    parameters.extend(serde_json::from_str::<Id<'de>>(value).ok().map(|Id(text)| (name, text)))
                }
                Some(b'-' | b'0'..=b'9') => parameters.push((name, Cow::Borrowed(value))),
                _ => {}
            }
        }
        Ok(parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn texts_and_numbers_are_parameters() {
        let data = r#"{"concertTitle":"\"아이유\"","n":-7,"x":1.50,"o":{"n":1},"l":[],"b":true,"z":null}"#;
        let expected = [("concertTitle", "\"아이유\""), ("n", "-7"), ("x", "1.50")];
        assert_eq!(parameters(data), expected.map(|(name, value)| (name.into(), value.into())));
        for nothing in ["", "{}", "[]", "null", "{"] {
            assert!(parameters(nothing).is_empty(), "{nothing}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String, object in r#"\{("[a-z\\]{0,3}":("[a-z\\]{0,3}"|[0-9.e-]{0,4}|\{\}),?){0,4}\}"#) {
            let _ = parameters(&text);
            let _ = parameters(&object);
        }
    }
}
