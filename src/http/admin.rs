//! Which requests may use admin routes. With `ADMIN_TOKEN` set: those that bring it. Without: those that a program on this machine has sent straight to a
//! loopback listener. Neither a page of another origin in a browser on this machine nor a proxy in front of the worker is such a program: the browser
//! would lend the page its place, the proxy would lend it to everybody.

use super::Api;
use super::error::ApiError;
use super::origin;
use super::server::Connection;
use super::signature::VOUCHED;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Who commands, for the scope of idempotency keys: there is one admin.
pub const ADMIN: &str = "admin";

/// Proof that the request may administer.
#[derive(Debug, Clone, Copy)]
pub struct Admin;

impl FromRequestParts<Api> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        // Only signed requests still have it: the replica that sends this one on has looked already.
        if !parts.headers.contains_key(VOUCHED) {
            admitted(parts, api)?;
            // Should it be sent on, this replica vouches for it.
            parts.headers.insert(VOUCHED, HeaderValue::from_static("1"));
        }
        Ok(Self)
    }
}

fn admitted(parts: &Parts, api: &Api) -> Result<(), ApiError> {
    let Some(token) = &api.settings.admin_token else {
        return not_local(parts, api.loopback).map_or(Ok(()), |sign| Err(ApiError::AdminOnLoopbackOnly { sign }));
    };
    if origin::is_foreign_page(parts) {
        return Err(ApiError::ForeignPage);
    }
    let given = parts.headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).and_then(bearer);
    if given.is_some_and(|given| same(given, token.reveal())) { Ok(()) } else { Err(ApiError::Unauthorized) }
}

/// What says that the request may come from elsewhere than a program on this machine.
fn not_local(parts: &Parts, through_loopback: bool) -> Option<&'static str> {
    let connection = parts.extensions.get::<Connection>();
    if !through_loopback || !connection.is_some_and(Connection::is_loopback) {
        return Some("IP");
    }
    origin::from_elsewhere(parts)
}

/// What stands behind `Bearer` in a value of `Authorization`.
pub(super) fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Compares in a time that says nothing about how much of a guess was right: hashes, so that both are of one length, each to its end.
fn same(given: &str, token: &str) -> bool {
    Sha256::digest(given.as_bytes()).ct_eq(&Sha256::digest(token.as_bytes())).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_is_read_as_rfc_6750_writes_it() {
        assert_eq!(bearer("Bearer abc"), Some("abc"));
        assert_eq!(bearer("bearer  abc"), Some("abc"));
        assert_eq!(bearer("Basic abc"), None);
        assert_eq!(bearer("abc"), None);
        assert!(same("abc", "abc") && !same("abd", "abc"));
    }
}
