//! The door: what a request has to be before any route looks at it. What is not read strictly here would be replaced or guessed further in, and two
//! users would become one.

use super::error::{ApiError, FieldError};
use super::language::Text;
use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use percent_encoding::percent_decode_str;

pub(super) async fn strict(request: Request, next: Next) -> Response {
    match check(&request) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

fn check(request: &Request) -> Result<(), ApiError> {
    host(request.version(), request.headers())?;
    encoding(request.headers())?;
    path(request.uri().path())?;
    query(request.uri().query().unwrap_or_default())
}

/// HTTP/1.1 has one `Host` (RFC 9112, 3.2): which of two is meant depends on who reads them.
fn host(version: Version, headers: &HeaderMap) -> Result<(), ApiError> {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) if is_authority(host.as_bytes()) => Ok(()),
        (None, None) if version < Version::HTTP_11 => Ok(()),
        _ => Err(ApiError::BadHost),
    }
}

fn is_authority(host: &[u8]) -> bool {
    !host.contains(&b'@') && Authority::try_from(host).is_ok_and(|authority| !authority.host().is_empty())
}

/// Bodies are read as they are: one that is compressed would be read as text.
fn encoding(headers: &HeaderMap) -> Result<(), ApiError> {
    let codings = headers.get_all(header::CONTENT_ENCODING).iter();
    let mut each = codings.flat_map(|value| value.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    if each.all(|coding| coding.is_empty() || coding.eq_ignore_ascii_case(b"identity")) {
        Ok(())
    } else {
        Err(ApiError::UnsupportedContentEncoding)
    }
}

fn path(path: &str) -> Result<(), ApiError> {
    if is_utf8(path) { Ok(()) } else { Err(not_utf8("")) }
}

fn query(query: &str) -> Result<(), ApiError> {
    match query.split('&').find(|pair| !is_utf8(pair)) {
        None => Ok(()),
        // A name that can be read is told, whatever is wrong with its value.
        Some(pair) => Err(not_utf8(pair.split('=').next().filter(|name| is_utf8(name)).unwrap_or_default())),
    }
}

/// Whether `text` is UTF-8 once its percent-encoding is taken off, and each `%` is such an encoding.
fn is_utf8(text: &str) -> bool {
    let escapes_are_whole = text.as_bytes().iter().enumerate().filter(|(_, byte)| **byte == b'%').all(|(at, _)| {
        text.as_bytes().get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    escapes_are_whole && percent_decode_str(text).decode_utf8().is_ok()
}

fn not_utf8(name: &str) -> ApiError {
    let reason = || Text::from(("퍼센트 인코딩된 UTF-8이어야 합니다.", "must be percent-encoded UTF-8"));
    let where_it_is = match name {
        "" => {
            ("경로 또는 매개변수가 퍼센트 인코딩된 UTF-8이 아닙니다.", "the path or query is not percent-encoded UTF-8")
                .into()
        }
        _ => Text::from((
            format!("매개변수 {name}의 값이 퍼센트 인코딩된 UTF-8이 아닙니다."),
            format!("the value of {name} is not percent-encoded UTF-8"),
        )),
    };
    let errors = if name.is_empty() { Vec::new() } else { vec![FieldError::new(name.to_owned(), reason())] };
    ApiError::Malformed(where_it_is).because_of(errors)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn text_is_read_strictly() {
        for good in ["", "/a", "userId=%EA%B9%80", "a=%20+b", "%2F", "김"] {
            assert!(is_utf8(good), "{good}");
        }
        for bad in ["%B1%E8", "%C0%CC", "%", "%2", "%zz", "%+1", "%ED%A0%80"] {
            assert!(!is_utf8(bad), "{bad}");
        }
        let Err(ApiError::Explained { errors, .. }) = query("a=1&userId=%B1%E8") else { panic!() };
        assert_eq!(errors[0].field, "userId");
        assert!(matches!(query("%B1=1"), Err(ApiError::Malformed(_))));
    }

    #[test]
    fn there_is_one_host() {
        let of = |version, hosts: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in hosts {
                headers.append(header::HOST, HeaderValue::from_static(value));
            }
            host(version, &headers).is_ok()
        };
        for good in ["localhost", "127.0.0.1:3000", "[::1]:3000", "shop.example"] {
            assert!(of(Version::HTTP_11, &[good]), "{good}");
        }
        for bad in ["", " ", "a b", "user@shop.example", "a/b", ":80"] {
            assert!(!of(Version::HTTP_11, &[bad]), "{bad}");
        }
        assert!(!of(Version::HTTP_11, &[]) && of(Version::HTTP_10, &[]));
        assert!(!of(Version::HTTP_11, &["a", "a"]) && !of(Version::HTTP_10, &["a", "b"]));
    }

    #[test]
    fn a_body_is_not_compressed() {
        let of = |value: &'static str| {
            encoding(&HeaderMap::from_iter([(header::CONTENT_ENCODING, HeaderValue::from_static(value))])).is_ok()
        };
        assert!(of("identity") && of("Identity, identity") && of("") && encoding(&HeaderMap::new()).is_ok());
        for bad in ["gzip", "identity, br", "deflate", "zstd"] {
            assert!(!of(bad), "{bad}");
        }
    }
}
