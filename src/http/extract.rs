//! What a route takes from a request, with our problems instead of axum's plain texts.

use super::error::ApiError;
use super::kept_body::{BodyMemory, KeptBody};
use super::language::Text;
use super::{feature, fields, misfit};
use axum::extract::{FromRequest, FromRequestParts, Path, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use mime::Mime;
use serde::de::{DeserializeOwned, IgnoredAny};

/// Path parameters.
#[derive(Debug)]
pub struct Params<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let unreadable = || ApiError::Malformed(("경로를 읽을 수 없습니다.", "the path cannot be read").into());
        let raw = RawPathParams::from_request_parts(parts, state).await.map_err(|_| unreadable())?;
        for (name, value) in raw.iter().filter(|(name, _)| feature::is_made_up(name)) {
            fields::check(name, value)?;
        }
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(params)) => Ok(Self(params)),
            Err(_) => Err(unreadable()),
        }
    }
}

/// Query parameters. A value of the wrong type is a wrong value, not a broken request. That they are UTF-8 has been seen at the door.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let pairs = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        let params = serde_path_to_error::deserialize(serde_urlencoded::Deserializer::new(pairs));
        params
            .map(Self)
            .map_err(|error| ApiError::Invalid(vec![misfit::of(&error.path().to_string(), &error.inner().to_string())]))
    }
}

/// A body of at most [`BODY_BYTES_MAX`](super::BODY_BYTES_MAX), as bytes. Optional content: a route that needs JSON calls [`json`].
#[derive(Debug, Default)]
pub struct Body(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = ApiError;

    async fn from_request(mut request: Request, _state: &S) -> Result<Self, ApiError> {
        let kept = request.extensions_mut().remove::<KeptBody>();
        let kept = kept.unwrap_or_else(|| KeptBody::new(request.into_body(), &BodyMemory::default()));
        kept.read().await.map(Self)
    }
}

/// Reads a JSON body.
///
/// # Errors
/// 415 when the body says to be something else (a browser's form cannot send JSON without asking first, so this also keeps foreign pages out) or in
/// another charset, 400 when it is no JSON, 422 when it is another JSON.
pub fn json<T: DeserializeOwned>(headers: &HeaderMap, body: &Body) -> Result<T, ApiError> {
    check_type(headers)?;
    // Asked of all of it first: a text that nobody reads is skipped without a look at its encoding.
    let text = std::str::from_utf8(&body.0).map_err(|error| not_utf8(error.valid_up_to()))?;
    // An array would be taken for a struct, field by field.
    if !text.trim_ascii_start().starts_with('{') {
        whole_json(text)?;
        return Err(ApiError::Invalid(vec![misfit::of("", "a map")]));
    }
    match serde_json::from_str(text) {
        Ok(read) => Ok(read),
        Err(_) => Err(misfits::<T>(text)),
    }
}

/// What is wrong with `text`. Reading stops at the first wrong value; whether the rest is JSON decides what kind of error it is. Where that value stands
/// is noted while reading, which costs, so it is read again for it.
fn misfits<T: DeserializeOwned>(text: &str) -> ApiError {
    if let Err(broken) = whole_json(text) {
        return broken;
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let error = match serde_path_to_error::deserialize::<_, T>(&mut json) {
        Err(error) => misfit::of(&error.path().to_string(), &error.inner().to_string()),
        Ok(_) => misfit::of("", "a map"),
    };
    ApiError::Invalid(vec![error])
}

/// Whether the text is JSON at all.
fn whole_json(text: &str) -> Result<(), ApiError> {
    serde_json::from_str::<IgnoredAny>(text).map(drop).map_err(|error| {
        ApiError::Malformed(if text.trim_ascii().is_empty() {
            Text::from(("본문이 비어 있습니다.", "the body is empty"))
        } else {
            let (line, column) = (error.line(), error.column());
            Text::from((
                format!("JSON 문법 오류({line}번째 줄, {column}번째 바이트)"),
                format!("JSON syntax error at line {line}, byte {column}"),
            ))
        })
    })
}

fn not_utf8(valid_up_to: usize) -> ApiError {
    let at = valid_up_to + 1;
    ApiError::Malformed(Text::from((
        format!("본문이 UTF-8이 아닙니다({at}번째 바이트)."),
        format!("the body is not UTF-8 at byte {at}"),
    )))
}

/// What a `Content-Type` names, if that is JSON.
pub(super) fn json_type(value: &str) -> Option<Mime> {
    let kind = value.parse::<Mime>().ok()?;
    let is_json =
        kind.type_() == mime::APPLICATION && (kind.subtype() == mime::JSON || kind.suffix() == Some(mime::JSON));
    is_json.then_some(kind)
}

/// One `Content-Type`, JSON, and UTF-8 if it names a charset (RFC 8259, 8.1).
fn check_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (types.next(), types.next()) else { return Err(ApiError::UnsupportedMediaType) };
    let Some(kind) = value.to_str().ok().and_then(json_type) else { return Err(ApiError::UnsupportedMediaType) };
    match kind.get_param(mime::CHARSET) {
        Some(charset) if charset != mime::UTF_8 && charset != "utf8" => Err(ApiError::UnsupportedCharset),
        _ => Ok(()),
    }
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
        for good in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/json;charset=\"UTF-8\"",
            "application/json; charset=utf8",
            "application/vnd.shop+json",
            "application/json; profile=x",
        ] {
            assert_eq!(check_type(&headers(good)), Ok(()), "{good}");
        }
        for bad in ["text/plain", "application/x-www-form-urlencoded", "", "text/json+", "application/jsonx", "json"] {
            assert_eq!(check_type(&headers(bad)), Err(ApiError::UnsupportedMediaType), "{bad}");
        }
        for bad in ["application/json; charset=utf-16", "application/json;charset=euc-kr"] {
            assert_eq!(check_type(&headers(bad)), Err(ApiError::UnsupportedCharset), "{bad}");
        }
        assert!(check_type(&HeaderMap::new()).is_err());
        let mut two = headers("application/json");
        two.append(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        assert_eq!(check_type(&two), Err(ApiError::UnsupportedMediaType));
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
