//! The outermost layer of every request: counts and measures it, and writes problems down, since here it is known which request they belong to.

use super::Api;
use super::error::{self, ApiError};
use super::language::Language;
use crate::unique;
use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::Response;

/// Name of the route of requests that match none: their paths are not ours to count.
const UNROUTED: &str = "unrouted";

/// Longest `X-Request-Id` that is taken over.
const REQUEST_ID_MAX: usize = 128;

pub(super) async fn finish(State(api): State<Api>, request: Request, next: Next) -> Response {
    let begun_us = api.clock.monotonic_us();
    let uri = request.uri().clone();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let given_id = request_id_of(request.headers());
    let language = Language::wanted(request.headers());
    let mut response = next.run(request).await;
    if let Some(failed) = response.extensions_mut().remove::<ApiError>() {
        let id = given_id.unwrap_or_else(|| unique::name(&*api.clock));
        // Of those that are turned away the server says how many there were.
        if error::is_server_fault(response.status()) && failed != ApiError::Overloaded {
            tracing::warn!(%method, path = uri.path(), request_id = id, error = ?failed, "request not served");
        }
        let headers = std::mem::take(response.headers_mut());
        response = error::problem(&failed, uri.path(), &id, language);
        // `Allow` of a 405 is axum's, and belongs to the answer.
        for (name, value) in &headers {
            response.headers_mut().entry(name).or_insert_with(|| value.clone());
        }
    }
    let route = route.as_ref().map_or(UNROUTED, MatchedPath::as_str);
    let took_us = api.clock.monotonic_us().saturating_sub(begun_us);
    api.metrics.note(&method, route, response.status(), took_us);
    response
}

/// What the client calls its request: `X-Request-Id`, when it is something that can be repeated in a log line.
pub(super) fn request_id_of(headers: &HeaderMap) -> Option<String> {
    let text = headers.get("x-request-id")?.to_str().ok()?;
    (!text.is_empty() && text.len() <= REQUEST_ID_MAX).then(|| text.to_owned())
}
