//! Paths of things that have ids.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All that is not unreserved (RFC 3986, 2.3): an id may hold any letter, and a path and a header may not.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The path of the one called `id` among those at `collection`.
#[must_use]
pub fn path(collection: &str, id: &str) -> String {
    format!("{collection}/{}", utf8_percent_encode(id, RESERVED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_any_letters_is_one_segment() {
        assert_eq!(path("/api/concerts", "공연1"), "/api/concerts/%EA%B3%B5%EC%97%B01");
        assert_eq!(path("/x", "a/b?c#d%e f"), "/x/a%2Fb%3Fc%23d%25e%20f");
        assert_eq!(path("/reservations", "res_2_17.a-b~c"), "/reservations/res_2_17.a-b~c");
    }
}
