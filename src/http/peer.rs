//! Asking the replica that owns the place: the request as it came, once. A peer that is not the owner either says 503, so nothing goes round.

use super::error::{ApiError, answer};
use super::intake::Asked;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use std::time::Duration;

/// Marks a request that comes from a peer.
pub const FORWARDED: HeaderName = HeaderName::from_static("holdfast-forwarded");

/// Longer than the longest long poll.
const ANSWER_MAX: Duration = Duration::from_secs(35);
const CONNECT_MAX: Duration = Duration::from_secs(1);

/// Headers that belong to a connection and not to a message (RFC 9110, 7.6.1), and those that the client sets itself.
const HOP: [HeaderName; 6] =
    [header::CONNECTION, header::TRANSFER_ENCODING, header::TE, header::UPGRADE, header::HOST, header::CONTENT_LENGTH];

/// Connections to peers.
#[derive(Debug, Clone)]
pub struct Peers(Option<reqwest::Client>);

impl Default for Peers {
    fn default() -> Self {
        let client =
            reqwest::Client::builder().connect_timeout(CONNECT_MAX).timeout(ANSWER_MAX).tcp_nodelay(true).build();
        Self(client.inspect_err(|error| tracing::error!(%error, "peers cannot be asked")).ok())
    }
}

impl Peers {
    /// Asks the peer at `endpoint`.
    ///
    /// # Errors
    /// 503 when it cannot be reached; "outcome unknown" when it was reached and did not answer a request that may have changed something.
    pub async fn ask(&self, endpoint: &str, place: u32, asked: Asked) -> Result<Response, ApiError> {
        let unavailable = ApiError::PlaceUnavailable { place };
        let Some(client) = &self.0 else { return Err(unavailable) };
        let path = asked.uri.path_and_query().map_or("/", |p| p.as_str());
        let reads = asked.method == Method::GET;
        let mut headers = asked.headers;
        for name in &HOP {
            headers.remove(name);
        }
        headers.insert(FORWARDED, HeaderValue::from_static("1"));
        let sent =
            client.request(asked.method, format!("{endpoint}{path}")).headers(headers).body(asked.body.0).send().await;
        let failed = |error: reqwest::Error| {
            tracing::warn!(endpoint, place, %error, "peer");
            if reads || error.is_connect() {
                unavailable.clone()
            } else {
                ApiError::OutcomeUnknown { request_id: None }
            }
        };
        let answered = sent.map_err(failed)?;
        let (status, mut headers) = (answered.status(), answered.headers().clone());
        let body = answered.bytes().await.map_err(failed)?;
        for name in &HOP {
            headers.remove(name);
        }
        let mut response = (answer::of_peer(status.as_u16()), Body::from(body)).into_response();
        *response.headers_mut() = headers;
        Ok(response)
    }

    /// The body of the peer's answer to a GET of the same path, if it was a success.
    ///
    /// # Errors
    /// 503 when it was none.
    pub async fn read(&self, endpoint: &str, place: u32, path: &str) -> Result<Vec<u8>, ApiError> {
        let unavailable = |_| ApiError::PlaceUnavailable { place };
        let Some(client) = &self.0 else { return Err(ApiError::PlaceUnavailable { place }) };
        let sent = client.get(format!("{endpoint}{path}")).header(FORWARDED, "1").send().await;
        let answered = sent.and_then(reqwest::Response::error_for_status).map_err(unavailable)?;
        Ok(answered.bytes().await.map_err(unavailable)?.to_vec())
    }
}
