//! `ETag` and `If-None-Match`: a client that has the latest is told so without it.

use axum::http::{HeaderMap, header};

/// Whether `If-None-Match` names `tag`: compared weakly, as RFC 9110, 13.1.2 wants it.
pub(super) fn knows(headers: &HeaderMap, tag: &str) -> bool {
    let given = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    given.flat_map(|list| list.split(',')).map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == tag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn a_tag_is_found_however_it_is_sent() {
        let knows = |value: &'static str| {
            knows(&HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static(value))]), "\"7\"")
        };
        assert!(["\"7\"", "W/\"7\"", "*", "\"1\", \"7\"", "\"1\",W/\"7\""].into_iter().all(knows));
        assert!(!["7", "\"77\"", "", "\"1\", \"2\""].into_iter().any(knows));
        assert!(!super::knows(&HeaderMap::new(), "\"7\""));
    }
}
