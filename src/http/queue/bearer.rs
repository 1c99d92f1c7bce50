//! The token of a request: where it stands, how it travels to the owner of its queue, and whose it is.

use crate::http::admin;
use crate::http::error::ApiError;
use crate::http::intake::Asked;
use crate::http::{Api, queue};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use holdfast_model::guard::TOKEN_HEADER;
use holdfast_model::queue::token::{self, Token};

/// Carries the token between replicas: `Authorization` is for the replica that the client has asked, and does not travel.
const TRAVELLING: HeaderName = HeaderName::from_static(TOKEN_HEADER);

/// The token that a request brings in `Authorization`, and the request as it goes on: with the token where it travels along.
///
/// # Errors
/// 401 when there is none, more than one, or one that is no token of this app.
pub(super) fn of(api: &Api, mut asked: Asked) -> Result<(Asked, Token), ApiError> {
    let text = text(&asked).ok_or(ApiError::InvalidToken)?.to_owned();
    let token = read(api, &text)?;
    travel(&mut asked.headers, &text)?;
    Ok((asked, token))
}

/// Reads a token. Whether it is genuine is known where its queue is.
///
/// # Errors
/// 401 for a text that is none.
pub(super) fn read(api: &Api, text: &str) -> Result<Token, ApiError> {
    let token = token::parse(text).ok_or(ApiError::InvalidToken)?;
    // What we have not written ourselves leads nowhere.
    if token.place == queue::place_of_queue(api, &token.queue_id) { Ok(token) } else { Err(ApiError::InvalidToken) }
}

/// Puts a token where it travels along.
///
/// # Errors
/// 401 for a text that is no token.
pub(super) fn travel(headers: &mut HeaderMap, text: &str) -> Result<(), ApiError> {
    headers.insert(TRAVELLING, HeaderValue::from_str(text).map_err(|_| ApiError::InvalidToken)?);
    Ok(())
}

/// The text that a client has sent, or a replica in its name.
fn text(asked: &Asked) -> Option<&str> {
    let name = if asked.is_forwarded() { TRAVELLING } else { header::AUTHORIZATION };
    let mut values = asked.headers.get_all(&name).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let value = value.to_str().ok()?;
    if asked.is_forwarded() { Some(value) } else { admin::bearer(value) }
}
