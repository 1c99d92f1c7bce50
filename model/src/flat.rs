//! A flat JSON object whose fields come in the order in which they are asked for: what records look like that come by the thousand, since there is one
//! writer of each kind. A reader for everything spends most of its time on what they do not have.
//!
//! It only says yes to what serde would say yes to, and then the same. Whatever it does not like (another order, nesting, escapes, spaces, fractions, long
//! numbers, a field of another kind, one that nobody asks for) is left to serde, which knows how to say what is wrong.
//!
//! ```text
//! {"type":"hold","userId":1001,"seatNo":"1","requestedAt":null}
//!   id(type)      id(userId)    id(seatNo)    raw(requestedAt) = none     is_sound()
//! ```

use crate::wire::{Id, Raw, When};
use std::borrow::Cow;

/// Digits of a number, at most: so many always fit.
const DIGITS_MAX: usize = 18;

/// The fields of an object, one after the other. Whoever reads it asks for every field he knows, and then whether it [is sound](Flat::is_sound).
#[derive(Debug)]
pub struct Flat<'a> {
    text: &'a str,
    /// Of the brace or comma before the next field, or of the brace that closes it.
    at: usize,
    /// Something was not understood.
    is_odd: bool,
}

/// What a field holds.
#[derive(Debug, Clone, Copy)]
enum Value<'a> {
    Text(&'a str),
    Integer(i64),
}

impl<'a> Flat<'a> {
    /// The object that `text` may be.
    pub fn read(text: &'a str) -> Option<Self> {
        // So that a text ends at the next quote. Looking at all bytes without stopping is what the compiler makes vectors of.
        let is_plain = text.bytes().fold(true, |plain, byte| plain & (byte >= b' ') & (byte != b'\\'));
        (is_plain && text.starts_with('{')).then_some(Self { text, at: 0, is_odd: false })
    }

    /// An id, if there is one: a text, or an integer that stands for its digits.
    #[inline]
    pub fn id(&mut self, name: &str) -> Option<Id<'a>> {
        let (value, raw) = self.take(name)?;
        Some(Id(Cow::Borrowed(match value {
            Value::Text(text) => text,
            Value::Integer(_) => raw,
        })))
    }

    /// A text, if there is one.
    #[inline]
    pub fn text(&mut self, name: &str) -> Option<&'a str> {
        match self.take(name)?.0 {
            Value::Text(text) => Some(text),
            Value::Integer(_) => self.odd(),
        }
    }

    /// A whole number, if there is one.
    #[inline]
    pub fn number<N: TryFrom<i64>>(&mut self, name: &str) -> Option<N> {
        let number = match self.take(name)?.0 {
            Value::Text(_) => None,
            Value::Integer(number) => N::try_from(number).ok(),
        };
        number.or_else(|| self.odd())
    }

    /// A time, if there is one.
    #[inline]
    pub fn when(&mut self, name: &str) -> Option<When> {
        Some(match self.take(name)?.0 {
            Value::Text(text) => When::from_text(text),
            Value::Integer(number) => When::from_number(number),
        })
    }

    /// The JSON of whatever it is, if it is there and not null.
    #[inline]
    pub fn raw(&mut self, name: &str) -> Option<Raw<'a>> {
        self.take(name).map(|(_, raw)| Raw(raw))
    }

    /// Something that is not flat: so it is not there, or null.
    #[inline]
    pub fn nothing<T>(&mut self, name: &str) -> Option<T> {
        self.take(name).and_then(|_| self.odd())
    }

    /// Goes over a field that is of no interest.
    #[inline]
    pub fn skip(&mut self, name: &str) {
        self.take(name);
    }

    /// Whether it has been read to its end, and all of it was of its kind.
    pub fn is_sound(&self) -> bool {
        !self.is_odd && self.at > 0 && self.text.get(self.at..) == Some("}")
    }

    fn odd<T>(&mut self) -> Option<T> {
        self.is_odd = true;
        None
    }

    /// The next field and its JSON, if it is called `name` and is not null.
    #[inline]
    fn take(&mut self, name: &str) -> Option<(Value<'a>, &'a str)> {
        let field = self.text.as_bytes().get(self.at + 1..)?;
        let behind = field.strip_prefix(b"\"")?.strip_prefix(name.as_bytes())?.strip_prefix(b"\":")?;
        let value_at = self.text.len() - behind.len();
        self.value(value_at)
    }

    /// The value at `from`. Goes on to the next field.
    fn value(&mut self, from: usize) -> Option<(Value<'a>, &'a str)> {
        let rest = self.text.as_bytes().get(from..)?;
        let (value, len) = match rest {
            [b'"', text @ ..] => {
                let Some(len) = quote_in(text) else { return self.odd() };
                (Some(Value::Text(self.text.get(from + 1..from + 1 + len)?)), len + 2)
            }
            [b'n', b'u', b'l', b'l', ..] => (None, 4),
            _ => {
                let Some((number, len)) = integer(rest) else { return self.odd() };
                (Some(Value::Integer(number)), len)
            }
        };
        self.at = from + len;
        match rest.get(len) {
            // Behind a comma there is another field.
            Some(b',' | b'}') => Some((value?, self.text.get(from..self.at)?)),
            _ => self.odd(),
        }
    }
}

/// Where the first quote stands. Eight bytes are looked at together: one that is a quote has its high bit set, of those before it none has.
fn quote_in(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    const QUOTES: u64 = u64::from_le_bytes([b'"'; 8]);
    let (words, rest) = bytes.as_chunks::<8>();
    for (nth, word) in words.iter().enumerate() {
        let differs = u64::from_le_bytes(*word) ^ QUOTES;
        let marks = differs.wrapping_sub(ONES) & !differs & HIGH;
        if marks != 0 {
            return Some(nth * 8 + marks.trailing_zeros() as usize / 8);
        }
    }
    rest.iter().position(|byte| *byte == b'"').map(|at| words.len() * 8 + at)
}

/// The number that `bytes` begin with, and its length. What follows it is no concern of its.
fn integer(bytes: &[u8]) -> Option<(i64, usize)> {
    let is_negative = bytes.first() == Some(&b'-');
    let sign = usize::from(is_negative);
    let (mut number, mut digits) = (0_i64, 0);
    for byte in bytes.get(sign..)?.iter().take_while(|byte| byte.is_ascii_digit()) {
        digits += 1;
        if digits > DIGITS_MAX {
            return None;
        }
        number = number * 10 + i64::from(byte - b'0');
    }
    // Minus zero is a fraction to serde, and what begins with a zero is no number.
    let is_number = match bytes.get(sign)? {
        b'0' => digits == 1 && !is_negative,
        _ => digits > 0,
    };
    is_number.then_some((if is_negative { -number } else { number }, sign + digits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::Deserialize;

    /// A field of each kind.
    #[derive(Deserialize)]
    struct Slow<'a> {
        #[serde(borrow)]
        id: Option<Id<'a>>,
        text: Option<String>,
        number: Option<i64>,
        small: Option<u32>,
        when: Option<When>,
        #[serde(borrow)]
        raw: Option<Raw<'a>>,
        nothing: Option<Vec<u8>>,
    }

    type Seen<'a> = (Option<Id<'a>>, Option<String>, Option<i64>, Option<u32>, Option<When>, Option<Raw<'a>>);

    fn slow(json: &str) -> Option<Seen<'_>> {
        // An array is taken for a struct, field by field.
        let slow: Slow<'_> = serde_json::from_str(json).ok().filter(|_| json.trim_start().starts_with('{'))?;
        assert!(slow.nothing.is_none_or(|nothing| nothing.is_empty()));
        Some((slow.id, slow.text, slow.number, slow.small, slow.when, slow.raw))
    }

    fn fast(json: &str) -> Option<Seen<'_>> {
        let mut flat = Flat::read(json)?;
        let (id, text, number) = (flat.id("id"), flat.text("text").map(str::to_owned), flat.number("number"));
        let (small, when, raw) = (flat.number("small"), flat.when("when"), flat.raw("raw"));
        assert_eq!(flat.nothing::<()>("nothing"), None);
        flat.is_sound().then_some((id, text, number, small, when, raw))
    }

    #[test]
    fn it_reads_what_is_flat() {
        for json in [
            r#"{"id":"1","text":"가 나","number":-12,"small":7,"when":"2026-02-28T14:06:00.000Z","raw":"x"}"#,
            r#"{"id":1001,"text":"","number":null,"small":0,"when":1772287560000,"raw":5,"nothing":null}"#,
            r#"{"id":"","raw":null}"#,
            r#"{"id":-999999999999999999,"number":999999999999999999}"#,
        ] {
            assert!(fast(json).is_some(), "{json}");
            assert_eq!(fast(json), slow(json), "{json}");
        }
    }

    #[test]
    fn what_it_does_not_like_is_left_to_serde() {
        for json in [
            "",
            "{",
            "{}",
            "[]",
            "null",
            r#"{"id":1"#,
            r#"{"id":1,}"#,
            r#"{"id":1} {}"#,
            r#"{"id" 1}"#,
            "{id:1}",
            r#"{"id":"1}"#,
            r#"{"id":01}"#,
            r#"{"id":-0}"#,
            r#"{"id":-}"#,
            r#"{"id":1.0}"#,
            r#"{"id":1e3}"#,
            r#"{"id":nul}"#,
            r#"{"id":nulll}"#,
            r#"{"id":true}"#,
            r#"{"id":"\n"}"#,
            "{\"id\":\"\n\"}",
            r#"{"id":1000000000000000000}"#,
            r#"{"raw":{}}"#,
            r#"{"id":1,"id":1}"#,
            r#"{"id":1,"x":1,"id":null}"#,
            r#"{"text":1}"#,
            r#"{"number":"1"}"#,
            r#"{"small":-1}"#,
            r#"{"small":4294967296}"#,
            r#"{"nothing":1}"#,
            "\u{a0}{\"id\":1}",
        ] {
            assert_eq!(fast(json), None, "{json}");
        }
    }

    #[test]
    fn the_first_quote_is_found() {
        for len in 0..20 {
            for other in [0x21, 0x23, 0xa2, 0xff, 0] {
                let mut bytes = vec![other; len];
                assert_eq!(quote_in(&bytes), None);
                for at in (0..len).rev() {
                    bytes[at] = b'"';
                    assert_eq!(quote_in(&bytes), Some(at), "{bytes:?}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn it_never_says_yes_where_serde_says_no(
            json in r#"[ \t]?\{( ?"id" ?: ?("[a-z0-9 가\\\n]{0,3}"|-?[0-9]{1,20}|1\.5|nulll?|\[\])[, ]{0,2})?("text":("[a-z가]{0,9}"|null|1),?)?("number":(-?[0-9]{1,3}|null|"1"),?)?("(small|when|raw|nothing|x|가)":("[a-z0-9 가]{0,3}"|-?[0-9]{1,20}|1\.5|null|true|\{\}),?){0,3}\}? ?"#
        ) {
            if let Some(seen) = fast(&json) {
                prop_assert_eq!(Some(seen), slow(&json));
            }
        }

        // And the other way round, of what is written as it wants it.
        #[test]
        fn what_is_flat_and_in_order_is_read(
            id in r#"("[a-z0-9 가]{0,20}"|-?[1-9][0-9]{0,17}|0)"#,
            text in proptest::option::of("[a-z 가]{0,20}"),
            number in proptest::option::of(-999_999_999_999_999_999_i64..1_000_000_000_000_000_000),
            small: Option<u32>,
            raw in proptest::option::of(r#"("[a-z가]{0,9}"|[1-9][0-9]{0,5}|null)"#),
        ) {
            let mut json = Vec::new();
            let object = crate::json::Object::begin(&mut json).raw_if("id", Some(&id)).text_if("text", text.as_deref());
            let object = match number {
                Some(number) => object.integer("number", number),
                None => object,
            };
            object.number_if("small", small.map(u64::from)).raw_if("raw", raw.as_deref()).end();
            let json = String::from_utf8(json).unwrap();
            prop_assert!(fast(&json).is_some(), "{}", json);
            prop_assert_eq!(fast(&json), slow(&json));
        }
    }
}
