//! Who may use admin routes: whoever has the token; while none is set, whoever reached a loopback listener.

use super::Api;
use super::error::ApiError;
use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use sha2::{Digest, Sha256};

/// Who commands, for the scope of idempotency keys: there is one admin.
pub const ADMIN: &str = "admin";

/// Proof that the request may administer.
#[derive(Debug, Clone, Copy)]
pub struct Admin;

impl FromRequestParts<Api> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        match &api.settings.admin_token {
            None if api.loopback => Ok(Self),
            None => Err(ApiError::AdminOnLoopbackOnly),
            Some(token) => {
                let given = parts.headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).and_then(bearer);
                if given.is_some_and(|given| same(given, token.reveal())) {
                    Ok(Self)
                } else {
                    Err(ApiError::Unauthorized)
                }
            }
        }
    }
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Compares hashes, so that the time it takes says nothing about how much of a guess was right.
fn same(given: &str, token: &str) -> bool {
    Sha256::digest(given.as_bytes()) == Sha256::digest(token.as_bytes())
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
