//! A record's headers as they lie in a chunk, parsed when somebody asks.
//!
//! ```text
//! header   name_len varint | name | value_len varint | value        one after the other, to the end
//! ```

use crate::varint;
use holdfast_ports::record::Headers;

/// Headers, not parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HeaderBytes<'b>(pub(crate) &'b [u8]);

/// Appends `headers` to `bytes`.
pub(crate) fn put(bytes: &mut Vec<u8>, headers: &[(&str, &[u8])]) {
    for (name, value) in headers {
        varint::put_bytes(bytes, name.as_bytes());
        varint::put_bytes(bytes, value);
    }
}

impl Headers for HeaderBytes<'_> {
    fn each<'a>(&'a self, visit: &mut dyn FnMut(&'a str, Option<&'a [u8]>)) {
        let mut rest = self.0;
        while let (Some(name), Some(value)) = (varint::take_bytes(&mut rest), varint::take_bytes(&mut rest)) {
            if let Ok(name) = std::str::from_utf8(name) {
                visit(name, Some(value));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn headers_come_back(headers: Vec<(String, Vec<u8>)>) {
            let borrowed: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (&name[..], &value[..])).collect();
            let mut bytes = Vec::new();
            put(&mut bytes, &borrowed);
            let mut seen = Vec::new();
            let header_bytes = HeaderBytes(&bytes);
            header_bytes.each(&mut |name, value| seen.push((name, value.unwrap())));
            prop_assert_eq!(seen, borrowed);
        }
    }
}
