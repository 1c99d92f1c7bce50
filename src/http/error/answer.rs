//! 201, 202, 200, 204, 304 and 503 of answers that are no errors.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// Something was made.
pub const CREATED: StatusCode = StatusCode::CREATED;
/// Taken in, not decided.
pub const ACCEPTED: StatusCode = StatusCode::ACCEPTED;
/// Answered.
pub const OK: StatusCode = StatusCode::OK;
/// There is nothing more to be said.
pub const NOTHING: StatusCode = StatusCode::NO_CONTENT;
/// The client has it already.
pub const UNCHANGED: StatusCode = StatusCode::NOT_MODIFIED;
/// Cannot serve now, in words.
pub const NOT_READY: StatusCode = StatusCode::SERVICE_UNAVAILABLE;

/// Answered with what is true at this moment and nobody else's business: nobody keeps it.
pub fn current(body: &impl Serialize) -> Response {
    let mut response = (OK, axum::Json(body)).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Whether a peer says that it has no such thing.
#[must_use]
pub fn is_nothing(status: StatusCode) -> bool {
    status == StatusCode::NOT_FOUND
}

/// What a peer has answered.
#[must_use]
pub fn of_peer(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY)
}
