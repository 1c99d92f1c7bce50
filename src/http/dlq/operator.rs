//! Which operator sends a request: the admin's token names nobody.

use super::super::Api;
use super::super::error::ApiError;
use super::super::server::Connection;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};

/// Header that names the operator.
pub(super) const OPERATOR: HeaderName = HeaderName::from_static("x-operator");
/// Longest name, in characters.
const CHARS_MAX: usize = 200;

/// The operator: `X-Operator`, or the address that the request comes from.
#[derive(Debug, Clone)]
pub(crate) struct Operator(pub(super) String);

impl FromRequestParts<Api> for Operator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _api: &Api) -> Result<Self, ApiError> {
        let peer = parts.extensions.get::<Connection>().map(|connection| connection.peer.ip().to_canonical());
        named(&parts.headers).map(|name| Self(name.or(peer.map(|ip| ip.to_string())).unwrap_or_default()))
    }
}

fn named(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(value) = headers.get(OPERATOR) else { return Ok(None) };
    let name = std::str::from_utf8(value.as_bytes()).ok().map(str::trim);
    let is_name = |name: &&str| (1..=CHARS_MAX).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    match name.filter(is_name) {
        Some(name) => Ok(Some(name.to_owned())),
        None => Err(ApiError::field(
            "X-Operator",
            (
                "제어 문자가 없는 1자 이상 200자 이하의 UTF-8 텍스트여야 합니다.",
                "must be 1 to 200 characters of UTF-8 without control characters",
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn an_operator_has_a_name_that_can_be_shown() {
        let of = |bytes: &[u8]| {
            let headers = HeaderMap::from_iter([(OPERATOR, HeaderValue::from_bytes(bytes).unwrap())]);
            named(&headers)
        };
        assert_eq!(of(b"kim").unwrap().as_deref(), Some("kim"));
        assert_eq!(of("김운영".as_bytes()).unwrap().as_deref(), Some("김운영"));
        assert!(of(b"\xff").is_err() && of(b"  ").is_err() && of(&[b'a'; 201]).is_err());
        assert_eq!(named(&HeaderMap::new()), Ok(None));
    }
}
