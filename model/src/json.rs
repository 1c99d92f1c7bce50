//! Writing JSON straight into a buffer: an outcome record is a dozen fields, and building a tree for each would be most of its cost.
//!
//! ```
//! let mut out = Vec::new();
//! holdfast_model::json::Object::begin(&mut out).text("title", "첫 구매 \"쿠폰\"").number("remaining", 99).end();
//! assert_eq!(String::from_utf8(out).unwrap(), r#"{"title":"첫 구매 \"쿠폰\"","remaining":99}"#);
//! ```

use crate::rfc3339;

/// An object being written. Field names are the program's own and must need no escape.
#[derive(Debug)]
pub struct Object<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl<'a> Object<'a> {
    /// Opens an object at the end of `out`.
    #[must_use]
    pub fn begin(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, first: true }
    }

    fn name(&mut self, name: &str) {
        let before: &[u8] = if self.first { b"\"" } else { b",\"" };
        self.first = false;
        self.out.extend_from_slice(before);
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    /// A text field.
    #[must_use]
    pub fn text(mut self, name: &str, text: &str) -> Self {
        self.name(name);
        put_text(self.out, text);
        self
    }

    /// A time, as RFC 3339.
    #[must_use]
    pub fn time(mut self, name: &str, ms: i64) -> Self {
        self.name(name);
        self.out.push(b'"');
        self.out.extend_from_slice(rfc3339::format(ms).as_bytes());
        self.out.push(b'"');
        self
    }

    /// A text field, left out when there is none.
    #[must_use]
    pub fn text_if(self, name: &str, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.text(name, text),
            None => self,
        }
    }

    /// A field that is a list of texts.
    #[must_use]
    pub fn texts<'t>(mut self, name: &str, texts: impl IntoIterator<Item = &'t str>) -> Self {
        self.name(name);
        let mut mark = b'[';
        for text in texts {
            self.out.push(mark);
            put_text(self.out, text);
            mark = b',';
        }
        self.out.extend_from_slice(if mark == b'[' { b"[]" } else { b"]" });
        self
    }

    /// A number field.
    #[must_use]
    pub fn number(mut self, name: &str, number: u64) -> Self {
        self.name(name);
        self.out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        self
    }

    /// A number field, left out when there is none.
    #[must_use]
    pub fn number_if(self, name: &str, number: Option<u64>) -> Self {
        match number {
            Some(number) => self.number(name, number),
            None => self,
        }
    }

    /// A number field that may be negative: an amount of money.
    #[must_use]
    pub fn integer(mut self, name: &str, number: i64) -> Self {
        self.name(name);
        self.out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        self
    }

    /// A field whose value is JSON already.
    #[must_use]
    pub fn raw_if(mut self, name: &str, json: Option<&str>) -> Self {
        if let Some(json) = json {
            self.name(name);
            self.out.extend_from_slice(json.as_bytes());
        }
        self
    }

    /// An object as a field.
    #[must_use]
    pub fn object(mut self, name: &str, fields: impl FnOnce(Object<'_>) -> Object<'_>) -> Self {
        self.name(name);
        fields(Object::begin(self.out)).end();
        self
    }

    /// Closes it.
    pub fn end(self) {
        self.out.push(b'}');
    }
}

/// Appends `text` with its quotes.
pub fn put_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    // Hardly any text needs an escape.
    if !is_plain(text) {
        rest = put_escaped(out, rest);
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// Whether `text` stands in JSON as it is. Looking at all bytes without stopping is what the compiler makes vectors of.
pub fn is_plain(text: &str) -> bool {
    text.bytes().fold(true, |plain, byte| plain & !needs_escape(byte))
}

fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// Appends `text` up to and including the last byte that needs an escape, and returns what comes after it.
fn put_escaped<'a>(out: &mut Vec<u8>, text: &'a [u8]) -> &'a [u8] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| needs_escape(*byte)) {
        let (plain, special) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((&byte, after)) = special.split_first() else { break };
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            8 => out.extend_from_slice(b"\\b"),
            12 => out.extend_from_slice(b"\\f"),
            _ => out.extend_from_slice(&[
                b'\\',
                b'u',
                b'0',
                b'0',
                HEX[usize::from(byte >> 4)],
                HEX[usize::from(byte & 15)],
            ]),
        }
        rest = after;
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_comes_back(text: String, number: u64, integer: i64) {
            let mut out = Vec::new();
            Object::begin(&mut out).text("a", &text).object("o", |o| o.number("n", number).integer("i", integer)).end();
            let back: serde_json::Value = serde_json::from_slice(&out).unwrap();
            prop_assert_eq!(&back["a"], &serde_json::Value::from(text));
            prop_assert_eq!(&back["o"]["n"], &serde_json::Value::from(number));
            prop_assert_eq!(&back["o"]["i"], &serde_json::Value::from(integer));
        }

        // Hashes of what was written are stored.
        #[test]
        fn texts_look_as_serde_writes_them(text in "[\\x00-\\x7f가-나]{0,12}") {
            let mut out = Vec::new();
            put_text(&mut out, &text);
            prop_assert_eq!(out, serde_json::to_vec(&text).unwrap());
        }
    }

    #[test]
    fn what_is_not_there_is_left_out() {
        let mut out = Vec::new();
        Object::begin(&mut out).text_if("a", None).number_if("b", None).raw_if("c", None).end();
        assert_eq!(out, b"{}");
    }

    #[test]
    fn a_time_is_a_text() {
        let mut out = Vec::new();
        Object::begin(&mut out).time("at", 0).end();
        assert_eq!(out, br#"{"at":"1970-01-01T00:00:00.000Z"}"#);
    }

    #[test]
    fn lists_have_their_brackets() {
        let list = |texts: &[&str]| {
            let mut out = Vec::new();
            Object::begin(&mut out).texts("a", texts.iter().copied()).end();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            [list(&[]), list(&["x"]), list(&["x", "\"y"])],
            [r#"{"a":[]}"#, r#"{"a":["x"]}"#, r#"{"a":["x","\"y"]}"#]
        );
    }
}
