//! Asking the replica that owns the place: the request as it came, once, signed for that replica ([`super::signature`]). A peer that is not the owner either
//! says so, so nothing goes round. What is for this replica alone, an admin's token, does not go along.

use super::Owners;
use super::error::{ApiError, answer};
use super::handover::{NOT_OWNER, RESUMED, Resumed};
use super::intake::Asked;
use super::signature::{SIGNATURE, Signed};
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use holdfast_ports::clock::Clock;
use reqwest::redirect::Policy;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Marks a request that comes from a peer.
pub const FORWARDED: HeaderName = HeaderName::from_static("holdfast-forwarded");
/// Of which places a peer wants to hear, of a question that concerns several: `0,2`.
pub const PLACES: HeaderName = HeaderName::from_static("holdfast-places");

/// Longer than the longest long poll.
const ANSWER_MAX: Duration = Duration::from_secs(35);
const CONNECT_MAX: Duration = Duration::from_secs(1);
/// How long an unused connection is kept: less than a peer keeps it (`Timeouts::CROWDED`), or a request would meet one that is being closed.
const IDLE_MAX: Duration = Duration::from_secs(3);
/// And how many of them for each peer.
const IDLE_CONNECTIONS_MAX: usize = 64;
/// How often it is looked whether the peer is still the one to ask: one that sleeps never says.
const LOOK: Duration = Duration::from_millis(100);

/// Headers that belong to a connection and not to a message (RFC 9110, 7.6.1), and those that the client sets itself.
const HOP: [HeaderName; 6] =
    [header::CONNECTION, header::TRANSFER_ENCODING, header::TE, header::UPGRADE, header::HOST, header::CONTENT_LENGTH];

/// Headers of a request that are for this replica alone.
const OWN: [HeaderName; 2] = [header::AUTHORIZATION, header::COOKIE];

/// Connections to peers.
#[derive(Clone)]
pub struct Peers {
    client: Option<reqwest::Client>,
    owners: Owners,
    clock: Arc<dyn Clock>,
    /// Room for requests that are passed on: each has a connection of its own.
    room: Arc<Semaphore>,
}

impl Peers {
    /// Connections to the peers that `owners` names, at most so many at a time.
    #[must_use]
    pub fn new(owners: Owners, clock: Arc<dyn Clock>, connections_max: usize) -> Self {
        crate::tls::provide();
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_MAX)
            .timeout(ANSWER_MAX)
            .tcp_nodelay(true)
            .pool_idle_timeout(IDLE_MAX)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            // Claims say where peers are: neither the environment of this process nor an answer leads elsewhere.
            .no_proxy()
            .redirect(Policy::none())
            .build();
        let client = client.inspect_err(|error| tracing::error!(%error, "peers cannot be asked")).ok();
        let room = Arc::new(Semaphore::new(connections_max.min(Semaphore::MAX_PERMITS)));
        Self { client, owners, clock, room }
    }

    /// A request for the replica that claims `place` at `endpoint`, signed for it. One that claims without a secret is of a version that asks for none.
    /// `None`: the place is claimed by another one meanwhile.
    fn request(
        &self,
        (endpoint, place): (&str, u32),
        method: Method,
        path: &str,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Option<reqwest::RequestBuilder> {
        let owner = self.owners.of(place).filter(|owner| owner.endpoint == endpoint)?;
        let url = reqwest::Url::parse(&format!("{endpoint}{path}")).ok()?;
        headers.insert(FORWARDED, HeaderValue::from_static("1"));
        if let Some(secret) = &owner.secret {
            // As the client writes it. An endpoint may have a path of its own, which does not reach the replica.
            let base = reqwest::Url::parse(endpoint).ok()?.path().trim_end_matches('/').len();
            let path = url.path().get(base..)?;
            let target = url.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
            let signed = Signed { method: &method, target: &target, headers: &headers, body: &body };
            let signature = signed.sign(secret, self.clock.now_ms())?;
            headers.insert(SIGNATURE, signature);
        }
        Some(self.client.as_ref()?.request(method, url).headers(headers).body(body))
    }

    /// Asks the peer at `endpoint`.
    ///
    /// # Errors
    /// [`ApiError::PlaceUnavailable`] when it cannot be reached or is not the owner: nothing was done. [`ApiError::Moved`] when the place has left it.
    /// [`ApiError::Overloaded`] when too many requests are passed on already. "Outcome unknown" when it was reached and did not answer a request that may have changed something.
    pub async fn ask(&self, endpoint: &str, place: u32, asked: Asked) -> Result<Response, ApiError> {
        let unavailable = ApiError::PlaceUnavailable { place };
        let _room = self.room.try_acquire().map_err(|_| ApiError::Overloaded)?;
        let path = asked.uri.path_and_query().map_or("/", |p| p.as_str());
        let reads = asked.method == Method::GET;
        let mut headers = asked.headers;
        for name in HOP.iter().chain(&OWN) {
            headers.remove(name);
        }
        let failed = |error: &dyn std::fmt::Display, nothing_done: bool| {
            tracing::debug!(endpoint, place, %error, "peer");
            if reads || nothing_done { unavailable.clone() } else { ApiError::OutcomeUnknown { request_id: None } }
        };
        let request = self.request((endpoint, place), asked.method, path, headers, asked.body.0);
        let Some(request) = request else { return Err(unavailable) };
        let exchange = async {
            let answered = request.send().await?;
            let (status, headers) = (answered.status(), answered.headers().clone());
            Ok::<_, reqwest::Error>((status, headers, answered.bytes().await?))
        };
        let answered = tokio::select! {
            answered = exchange => answered.map_err(|error| failed(&error, error.is_connect()))?,
            () = self.until_moved(endpoint, place) => return Err(failed(&"the place has left it", false)),
        };
        let (status, mut headers, body) = answered;
        if headers.contains_key(NOT_OWNER) {
            return Err(not_owner(place, &headers));
        }
        for name in &HOP {
            headers.remove(name);
        }
        let mut response = (answer::of_peer(status.as_u16()), Body::from(body)).into_response();
        *response.headers_mut() = headers;
        Ok(response)
    }

    /// The body of the peer's answer to a GET of `path` about `places`; `None` when it has no such thing.
    ///
    /// # Errors
    /// [`ApiError::PlaceUnavailable`] when it did not answer for all of them. [`ApiError::Overloaded`] when too many requests are passed on already.
    pub async fn read(&self, endpoint: &str, places: &[u32], path: &str) -> Result<Option<Bytes>, ApiError> {
        let Some(place) = places.first().copied() else { return Ok(None) };
        let unavailable = ApiError::PlaceUnavailable { place };
        let _room = self.room.try_acquire().map_err(|_| ApiError::Overloaded)?;
        let list = places.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        let Ok(list) = HeaderValue::try_from(list) else { return Err(unavailable) };
        let headers = HeaderMap::from_iter([(PLACES, list)]);
        let request = self.request((endpoint, place), Method::GET, path, headers, Bytes::new());
        let Some(request) = request else { return Err(unavailable) };
        let exchange = async {
            let answered = request.send().await?;
            if answer::is_nothing(answered.status()) {
                return Ok(None);
            }
            answered.error_for_status()?.bytes().await.map(Some)
        };
        tokio::select! {
            answered = exchange => answered.map_err(|error: reqwest::Error| {
                tracing::debug!(endpoint, ?places, %error, "peer");
                unavailable
            }),
            () = self.until_moved(endpoint, place) => Err(unavailable.clone()),
        }
    }

    /// Ends when another peer claims the place.
    async fn until_moved(&self, endpoint: &str, place: u32) {
        let mut look = tokio::time::interval(LOOK);
        loop {
            look.tick().await;
            if self.owners.endpoint_of(place).is_some_and(|now| now != endpoint) {
                return;
            }
        }
    }
}

fn not_owner(place: u32, headers: &HeaderMap) -> ApiError {
    match headers.get(RESUMED).and_then(Resumed::of) {
        Some(record) => ApiError::Moved { place, resumed: Some(record) },
        None => ApiError::PlaceUnavailable { place },
    }
}
