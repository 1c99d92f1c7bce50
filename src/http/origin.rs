//! Where a request comes from, as far as its headers say: a page in a browser tells by `Origin` and `Sec-Fetch-Site`, which it cannot change, a proxy by
//! what it adds. A program may say what it likes here, so these only ever take something away from a request.

use super::idempotency;
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version, header};
use std::net::{Ipv4Addr, Ipv6Addr};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
/// `X-Forwarded-For`, `-Host`, `-Proto` and whatever else proxies call so.
const X_FORWARDED: &str = "x-forwarded";

/// Why a request that has reached a loopback listener need not come from a program on this machine: what of it says so. `None`: nothing does.
#[must_use]
pub fn from_elsewhere(parts: &Parts) -> Option<&'static str> {
    let headers = &parts.headers;
    let is_forwarding = |name: &HeaderName| {
        [header::FORWARDED, header::VIA, X_REAL_IP].contains(name) || name.as_str().starts_with(X_FORWARDED)
    };
    if headers.keys().any(is_forwarding) {
        return Some("Forwarded, X-Forwarded-*, X-Real-IP, Via");
    }
    // Proxies that add nothing else may still speak it, as nginx does unless it is told otherwise.
    if parts.version < Version::HTTP_11 {
        return Some("HTTP/1.0");
    }
    let of_header = only(headers, &header::HOST).and_then(authority);
    let of_target = parts.uri.authority().cloned();
    if !of_header.as_ref().is_some_and(is_loopback) || !of_target.as_ref().is_none_or(is_loopback) {
        return Some("Host");
    }
    if !headers.get_all(SEC_FETCH_SITE).iter().all(is_own_page) {
        return Some("Sec-Fetch-Site");
    }
    is_foreign(headers, &parts.uri).then_some("Origin")
}

/// Whether a page of another origin has sent the request. A page of our own behind a proxy that rewrites `Host` is known by what its browser says.
#[must_use]
pub fn is_foreign_page(parts: &Parts) -> bool {
    let mut sites = parts.headers.get_all(SEC_FETCH_SITE).iter().peekable();
    if sites.peek().is_some() { !sites.all(is_own_page) } else { is_foreign(&parts.headers, &parts.uri) }
}

/// Whether a page of another site has sent a POST that its browser has not asked about before (CORS preflight). Browsers ask before JSON, before an
/// `Idempotency-Key` and before every other method that changes something, but not before a form, a text or a POST without a body.
#[must_use]
pub fn is_sent_unasked(parts: &Parts) -> bool {
    let is_cross_site = parts.headers.get_all(SEC_FETCH_SITE).iter().any(|site| site == "cross-site");
    let is_asked_about = parts.headers.contains_key(idempotency::HEADER)
        || only(&parts.headers, &header::CONTENT_TYPE).is_some_and(|value| super::extract::json_type(value).is_some());
    parts.method == Method::POST && is_cross_site && !is_asked_about
}

fn is_own_page(site: &HeaderValue) -> bool {
    site == "same-origin" || site == "none"
}

/// Whether an `Origin` is there that is not the one the request was sent to.
fn is_foreign(headers: &HeaderMap, uri: &Uri) -> bool {
    if !headers.contains_key(header::ORIGIN) {
        return false;
    }
    let host = uri.authority().cloned().or_else(|| only(headers, &header::HOST).and_then(authority));
    let own = only(headers, &header::ORIGIN).and_then(|origin| {
        let (scheme, rest) = origin.split_once("://")?;
        let default = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return None,
        };
        let (origin, host) = (authority(rest)?, host?);
        let port = |authority: &Authority| authority.port_u16().unwrap_or(default);
        Some(origin.host().eq_ignore_ascii_case(host.host()) && port(&origin) == port(&host))
    });
    own != Some(true)
}

/// The value of a header that is there once and is text.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

fn authority(text: &str) -> Option<Authority> {
    text.parse().ok().filter(|authority: &Authority| !authority.as_str().contains('@'))
}

fn is_loopback(authority: &Authority) -> bool {
    let host = authority.host();
    let v6 = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).and_then(|v6| v6.parse::<Ipv6Addr>().ok());
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<Ipv4Addr>().is_ok_and(|v4| v4.is_loopback())
        || v6.is_some_and(|v6| v6.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    fn parts(method: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri("/x");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_program_on_this_machine_is_known_by_what_is_missing() {
        for host in ["localhost", "LocalHost:3000", "127.0.0.1:3000", "127.1.2.3", "[::1]", "[::1]:3000"] {
            assert_eq!(from_elsewhere(&parts("POST", &[("host", host)])), None, "{host}");
        }
        for host in
            ["evil.example", "10.0.0.1:3000", "localhost.evil.example", "127.0.0.1.evil", "[::2]:1", "a@localhost", ""]
        {
            assert_eq!(from_elsewhere(&parts("POST", &[("host", host)])), Some("Host"), "{host}");
        }
        assert_eq!(from_elsewhere(&parts("POST", &[])), Some("Host"));
        assert_eq!(from_elsewhere(&parts("POST", &[("host", "localhost"), ("host", "localhost")])), Some("Host"));
        let with = |name, value| from_elsewhere(&parts("POST", &[("host", "localhost:3000"), (name, value)]));
        for (name, value) in [
            ("forwarded", "for=1.2.3.4"),
            ("via", "1.1 proxy"),
            ("x-real-ip", "1.2.3.4"),
            ("x-forwarded-for", "127.0.0.1"),
            ("x-forwarded-proto", "https"),
        ] {
            assert_eq!(with(name, value), Some("Forwarded, X-Forwarded-*, X-Real-IP, Via"), "{name}");
        }
        for (name, value, what) in [
            ("sec-fetch-site", "same-origin", None),
            ("sec-fetch-site", "none", None),
            ("sec-fetch-site", "same-site", Some("Sec-Fetch-Site")),
            ("sec-fetch-site", "cross-site", Some("Sec-Fetch-Site")),
            ("sec-fetch-site", "", Some("Sec-Fetch-Site")),
            ("origin", "http://localhost:3000", None),
            ("origin", "http://LOCALHOST:3000", None),
            ("origin", "http://localhost:5173", Some("Origin")),
            ("origin", "http://localhost", Some("Origin")),
            ("origin", "http://127.0.0.1:3000", Some("Origin")),
            ("origin", "http://evil.example", Some("Origin")),
            ("origin", "null", Some("Origin")),
            ("origin", "", Some("Origin")),
        ] {
            assert_eq!(with(name, value), what, "{name}: {value}");
        }
        let mut old = parts("POST", &[("host", "localhost")]);
        old.version = Version::HTTP_10;
        assert_eq!(from_elsewhere(&old), Some("HTTP/1.0"));
        let mut absolute = parts("POST", &[("host", "localhost")]);
        absolute.uri = "http://evil.example/x".parse().unwrap();
        assert_eq!(from_elsewhere(&absolute), Some("Host"));
    }

    #[test]
    fn a_page_is_known_by_its_browser_before_its_origin() {
        let page = |headers: &[(&str, &str)]| is_foreign_page(&parts("POST", headers));
        let (host, origin) = (("host", "10.0.0.7:3000"), ("origin", "https://admin.example"));
        assert!(page(&[host, origin]) && page(&[origin]) && page(&[host, ("sec-fetch-site", "same-site")]));
        assert!(page(&[("host", "admin.example"), ("sec-fetch-site", "cross-site")]));
        assert!(!page(&[host]) && !page(&[]) && !page(&[host, origin, ("sec-fetch-site", "same-origin")]));
        assert!(!page(&[("host", "admin.example"), origin]) && !page(&[("host", "admin.example:443"), origin]));
        assert!(page(&[("host", "admin.example:80"), origin]) && page(&[("host", "admin.example"), origin, origin]));
    }

    #[test]
    fn a_browser_asks_before_json_and_keys() {
        let site = ("sec-fetch-site", "cross-site");
        assert!(is_sent_unasked(&parts("POST", &[site])));
        assert!(is_sent_unasked(&parts("POST", &[site, ("content-type", "text/plain")])));
        assert!(!is_sent_unasked(&parts("POST", &[site, ("content-type", "application/json; charset=utf-8")])));
        assert!(!is_sent_unasked(&parts("POST", &[site, ("idempotency-key", "k")])));
        assert!(!is_sent_unasked(&parts("POST", &[("sec-fetch-site", "same-site")])));
        assert!(!is_sent_unasked(&parts("POST", &[])));
        assert!(!is_sent_unasked(&parts("GET", &[site])) && !is_sent_unasked(&parts("DELETE", &[site])));
    }
}
