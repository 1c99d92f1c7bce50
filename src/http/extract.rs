//! What a route takes from a request, with our problems instead of axum's plain texts.

use super::BODY_BYTES_MAX;
use super::error::{ApiError, FieldError};
use axum::extract::{FromRequest, FromRequestParts, Path, Query as AxumQuery, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use serde::de::{DeserializeOwned, IgnoredAny};

/// Path parameters.
#[derive(Debug)]
pub struct Params<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(params)) => Ok(Self(params)),
            Err(rejection) => Err(ApiError::Malformed(rejection.body_text())),
        }
    }
}

/// Query parameters. A value of the wrong type is a wrong value, not a broken request.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match AxumQuery::<T>::from_request_parts(parts, state).await {
            Ok(AxumQuery(params)) => Ok(Self(params)),
            Err(rejection) => Err(invalid(rejection.body_text())),
        }
    }
}

/// A body of at most [`BODY_BYTES_MAX`], as bytes. Optional content: whoever needs JSON calls [`json`].
#[derive(Debug, Default)]
pub struct Body(pub Bytes);

/// As much of a body that is too large is read and thrown away. A client that is cut off while it sends may never read the answer that tells it why.
const DISCARDED_BYTES_MAX: usize = 32 << 20;

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        let mut body = request.into_body();
        let mut kept = BytesMut::new();
        let mut seen = 0;
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| ApiError::BodyBroken)?.into_data() else { continue };
            seen += data.len();
            if seen > DISCARDED_BYTES_MAX {
                break;
            }
            if seen <= BODY_BYTES_MAX {
                kept.extend_from_slice(&data);
            }
        }
        if seen > BODY_BYTES_MAX { Err(ApiError::TooLarge) } else { Ok(Self(kept.freeze())) }
    }
}

/// Reads a JSON body.
///
/// # Errors
/// 415 when the body says to be something else (a browser's form cannot send JSON without asking first, so this also keeps foreign pages out), 400
/// when it is no JSON, 422 when it is another JSON.
pub fn json<T: DeserializeOwned>(headers: &HeaderMap, body: &Body) -> Result<T, ApiError> {
    if !is_json(headers) {
        return Err(ApiError::UnsupportedMediaType);
    }
    // An array would be taken for a struct, field by field.
    if body.0.trim_ascii_start().first() != Some(&b'{') {
        return Err(not_an_object(body));
    }
    // Asked of all of it first: a text that nobody reads is skipped without a look at its encoding.
    let text = std::str::from_utf8(&body.0).map_err(|error| ApiError::Malformed(error.to_string()))?;
    // Reading stops at the first wrong value; whether the rest is JSON decides what kind of error it is.
    serde_json::from_str(text).map_err(|error| match whole_json(body) {
        Ok(()) => invalid(error.to_string()),
        Err(broken) => ApiError::Malformed(broken),
    })
}

/// Whether the body is JSON at all. Skipping a text does not look at its encoding, so that is asked first.
fn whole_json(body: &Body) -> Result<(), String> {
    std::str::from_utf8(&body.0).map_err(|e| e.to_string())?;
    serde_json::from_slice::<IgnoredAny>(&body.0).map(drop).map_err(|e| e.to_string())
}

fn not_an_object(body: &Body) -> ApiError {
    match whole_json(body) {
        Ok(()) => invalid("JSON 객체여야 합니다.".to_owned()),
        Err(broken) => ApiError::Malformed(broken),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()) else { return false };
    let kind = value.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
        || kind.get(..12).is_some_and(|p| p.eq_ignore_ascii_case("application/"))
            && kind.to_ascii_lowercase().ends_with("+json")
}

fn invalid(why: String) -> ApiError {
    ApiError::Invalid(vec![FieldError { field: "".into(), reason: why.into() }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(content_type: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))])
    }

    #[test]
    fn json_is_told_from_what_is_not() {
        for good in ["application/json", "Application/JSON; charset=utf-8", "application/vnd.shop+json"] {
            assert!(is_json(&headers(good)), "{good}");
        }
        for bad in ["text/plain", "application/x-www-form-urlencoded", "", "text/json+", "application/jsonx"] {
            assert!(!is_json(&headers(bad)), "{bad}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }

    #[test]
    fn syntax_and_meaning_are_told_apart() {
        #[derive(Debug, PartialEq, Eq, serde::Deserialize)]
        struct Number {
            n: u32,
        }
        let read = |body: &'static str| {
            json::<Number>(&headers("application/json"), &Body(Bytes::from_static(body.as_bytes())))
        };
        assert_eq!(read(" {\"n\":7,\"more\":[]}"), Ok(Number { n: 7 }));
        for broken in ["", "{", "{\"n\":true", "{\"n\":7} x", "[7", "\u{0}"] {
            assert!(matches!(read(broken), Err(ApiError::Malformed(_))), "{broken}");
        }
        let skipped = Body(Bytes::from_static(b"{\"n\":7,\"other\":\"\xff\"}"));
        assert!(matches!(json::<Number>(&headers("application/json"), &skipped), Err(ApiError::Malformed(_))));
        for senseless in ["{}", "{\"n\":\"7\"}", "[7]", "7", "null"] {
            assert!(matches!(read(senseless), Err(ApiError::Invalid(_))), "{senseless}");
        }
    }
}
