//! `Idempotency-Key`: a retry is not a duplicate. The key becomes the request's identity, so the log itself recognises the repetition, on any
//! replica and after any restart.

use super::error::ApiError;
use axum::http::{HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// Name of the header.
pub const HEADER: &str = "idempotency-key";
/// Header of an answer that is a repetition.
pub const REPLAYED: &str = "idempotent-replayed";
/// Its value.
pub const YES: HeaderValue = HeaderValue::from_static("true");

const KEY_MAX: usize = 255;
/// 128 bits of the digest: enough that no two requests ever share one.
const DIGEST_BYTES: usize = 16;

/// The key of a request: the header (as the draft quotes it, or plain), else the body's `requestId`.
///
/// # Errors
/// [`ApiError::BadIdempotencyKey`] for a key that is empty, longer than 255 or not printable.
pub fn key<'a>(headers: &'a HeaderMap, body_request_id: Option<&'a str>) -> Result<Option<&'a str>, ApiError> {
    let mut values = headers.get_all(HEADER).iter();
    let Some(value) = values.next() else {
        return body_request_id.map(|id| checked(id, false)).transpose();
    };
    if values.next().is_some() {
        return Err(ApiError::BadIdempotencyKey);
    }
    let text = value.to_str().map_err(|_| ApiError::BadIdempotencyKey)?.trim();
    let plain = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text);
    checked(plain, true).map(Some)
}

fn checked(key: &str, ascii: bool) -> Result<&str, ApiError> {
    let printable = key.chars().all(|c| !c.is_control()) && (!ascii || key.is_ascii());
    if key.is_empty() || key.len() > KEY_MAX || !printable { Err(ApiError::BadIdempotencyKey) } else { Ok(key) }
}

/// What is unique about a request with `key`: the same for its every repetition by `principal` on `route` (method and template).
#[must_use]
pub fn derive(principal: &str, route: &str, key: &str) -> String {
    let mut hash = Sha256::new();
    for part in [principal, route, key] {
        // Lengths first: ("ab", "c") is not ("a", "bc").
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    let mut text = String::with_capacity(1 + DIGEST_BYTES * 2);
    // Marks it as derived; a random id is hexadecimal throughout.
    text.push('k');
    for byte in digest.iter().take(DIGEST_BYTES) {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(HEADER, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn quoted_and_plain_are_the_same_key() {
        assert_eq!(key(&headers(&["\"abc\""]), None), Ok(Some("abc")));
        assert_eq!(key(&headers(&["abc"]), Some("body")), Ok(Some("abc")));
        assert_eq!(key(&headers(&[]), Some("body")), Ok(Some("body")));
        assert_eq!(key(&headers(&[]), None), Ok(None));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let long = "x".repeat(256);
        assert_eq!(key(&headers(&[""]), None), Err(ApiError::BadIdempotencyKey));
        assert_eq!(key(&headers(&["\"\""]), None), Err(ApiError::BadIdempotencyKey));
        assert_eq!(key(&headers(&["a", "b"]), None), Err(ApiError::BadIdempotencyKey));
        assert_eq!(key(&headers(&[]), Some(&long)), Err(ApiError::BadIdempotencyKey));
        assert!(key(&headers(&[]), Some(&long[..255])).is_ok());
    }

    #[test]
    fn an_identity_depends_on_who_where_and_key_and_nothing_else() {
        let one = derive("1001", "POST /a", "k");
        assert_eq!(one, derive("1001", "POST /a", "k"));
        assert_eq!(one.len(), 33);
        for other in [
            derive("1002", "POST /a", "k"),
            derive("1001", "POST /b", "k"),
            derive("1001", "POST /a", "l"),
            derive("1001P", "OST /a", "k"),
        ] {
            assert_ne!(one, other);
        }
    }
}
