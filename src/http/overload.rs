//! What is answered on a connection beyond the limit: that there are too many. Probes and operators are heard all the same, or an orchestrator would
//! restart a worker because it is in demand.

use super::error::ApiError;
use super::server::Surplus;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Paths that are served on any connection.
const ALWAYS: [&str; 3] = ["/health/live", "/health/ready", "/metrics"];

pub(super) async fn turn_away(request: Request, next: Next) -> Response {
    let is_surplus = request.extensions().get::<Surplus>().is_some();
    if is_surplus && !ALWAYS.contains(&request.uri().path()) {
        return ApiError::Overloaded.into_response();
    }
    next.run(request).await
}
