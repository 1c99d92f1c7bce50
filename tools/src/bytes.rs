//! Bytes for a terminal.

use std::fmt::Write;

/// Bytes with whatever is text in them as text, the rest as `\xNN`.
#[must_use]
pub fn readable(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() {
                let mut buffer = [0; 4];
                for byte in c.encode_utf8(&mut buffer).bytes() {
                    let _ = write!(out, "\\x{byte:02x}");
                }
            } else {
                out.push(c);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_shown_as_text_and_the_rest_as_bytes() {
        assert_eq!(readable("쿠폰\u{0}1".as_bytes()), "쿠폰\\x001");
        assert_eq!(readable(&[0xff, b'a', 1]), "\\xffa\\x01");
    }
}
