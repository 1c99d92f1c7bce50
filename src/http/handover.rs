//! Requests go through the move of a place. Who finds nobody in charge has done nothing yet: it is asked again until somebody is, here or elsewhere.
//! Who waits for a decision when the place moves away goes on waiting where it went.
//!
//! ```text
//!   handler ──► answer                                          to the client
//!           ├─► PlaceUnavailable: nothing was done              again, in a moment
//!           ├─► Moved, a read                                   again, with what is left of waitMs
//!           └─► Moved, and it is in the log under this id       again, to wait only: Holdfast-Resumed; in the end what the handler
//!                                                               said beside it (202), or that nobody knows
//! ```
//! A peer that is asked for a place that is not its own, or cannot verify who asks, says so at once ([`NOT_OWNER`]), and the replica that asked it looks
//! again.

use super::Api;
use super::error::{ApiError, answer};
use super::idempotency;
use super::intake::WAIT_MS_MAX;
use super::kept_body::KeptBody;
use super::origin;
use super::peer::FORWARDED;
use super::signature::{self, Unverified};
use super::web;
use crate::worker::Role;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use holdfast_model::place_id::number;
use std::cell::Cell;
use std::time::Duration;

/// Says of a 503 of a peer that it does not own the place.
pub const NOT_OWNER: HeaderName = HeaderName::from_static("holdfast-not-owner");
/// Says which record a request has become already. Only believed from peers ([`super::signature`]).
pub const RESUMED: HeaderName = HeaderName::from_static("holdfast-resumed");
const YES: HeaderValue = HeaderValue::from_static("1");
/// What a processor answers to everybody, beside the files of its page.
pub(super) const FOR_OPERATORS: [&str; 11] = [
    "/",
    "/health/live",
    "/health/ready",
    "/metrics",
    "/openapi.json",
    "/asyncapi.json",
    "/api/lag",
    "/api/alerts",
    "/api/live",
    "/api/places",
    "/api/data-platform/unconfirmed",
];

/// How long a place that nobody answers for is waited for. A graceful hand-over takes less; a dead owner is missed by the group only after 6 s.
const HANDOVER_MAX_MS: u64 = 2_000;
const PAUSE_MIN: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_millis(100);

/// A request that is in the log already: only its decision is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resumed {
    /// The place whose inbox holds it.
    pub place: u32,
    /// Where it lies there.
    pub offset: i64,
    /// Its identity.
    pub id: String,
}

impl Resumed {
    fn header(&self) -> Option<HeaderValue> {
        HeaderValue::try_from(format!("{}-{}-{}", self.place, self.offset, self.id)).ok()
    }

    /// Reads what [`RESUMED`] says.
    #[must_use]
    pub fn of(value: &HeaderValue) -> Option<Self> {
        let text = value.to_str().ok()?;
        let (place, rest) = text.split_once('-')?;
        let (offset, id) = rest.split_once('-')?;
        let (place, offset) = (number(place)?.try_into().ok()?, number(offset)?.try_into().ok()?);
        Some(Self { place, offset, id: id.to_owned() })
    }
}

tokio::task_local! {
    /// Whether the request in hand has been put into the log: then it is not simply done again.
    static APPENDED: Cell<bool>;
}

/// Notes that the request in hand is about to become a record.
pub(super) fn note_append() {
    // Outside a request, as when sample data is loaded, nobody asks.
    let _ = APPENDED.try_with(|appended| appended.set(true));
}

/// What to do about an answer.
enum Again {
    No,
    Afresh,
    Resume(Resumed),
    /// It is in the log, and its handler cannot say under which id.
    Unknown,
}

/// `repeatable`: doing it twice is doing it once, since it reads or has a key of its own. `earlier`: an earlier turn has put it into the log, or may have.
fn judge(response: &Response, repeatable: bool, appended: bool, earlier: bool) -> Again {
    match response.extensions().get::<ApiError>() {
        // "Nothing was accepted" is true of this turn alone.
        Some(ApiError::LogUnavailable) if earlier => Again::Afresh,
        // A peer's, who knows of no earlier turn.
        None if earlier && response.status() == answer::NOT_READY => Again::Afresh,
        Some(ApiError::Moved { resumed: Some(resumed), .. }) => Again::Resume(resumed.clone()),
        Some(ApiError::PlaceUnavailable { .. } | ApiError::Moved { .. }) if repeatable || !appended => Again::Afresh,
        Some(ApiError::PlaceUnavailable { .. } | ApiError::Moved { .. }) => Again::Unknown,
        // A peer has fallen asleep over it. What our own log does not answer is no better asked twice.
        Some(ApiError::OutcomeUnknown { .. }) if repeatable && !appended => Again::Afresh,
        _ => Again::No,
    }
}

pub(super) async fn through(State(api): State<Api>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let is_signed = signature::is_signed(&mut parts);
    if let Err(error) = admitted(&api, &parts, is_signed) {
        return error.into_response();
    }
    // Read when a handler asks for it: not when the request is refused by its head.
    let body = KeptBody::new(body, &api.body_memory);
    if is_signed && let Err(error) = verified(&api, &mut parts, &body).await {
        return error;
    }
    let forwarded = parts.headers.contains_key(FORWARDED);
    let begun_us = api.clock.monotonic_us();
    let waited_ms = || api.clock.monotonic_us().saturating_sub(begun_us) / 1_000;
    let wait_ms = wait_ms(&parts.uri);
    let at_most_ms = wait_ms.unwrap_or(0).clamp(HANDOVER_MAX_MS, WAIT_MS_MAX);
    let mut resumed: Option<Resumed> = parts.headers.get(RESUMED).and_then(Resumed::of);
    let reads = parts.method == Method::GET || parts.method == Method::HEAD;
    let repeatable = reads || parts.headers.contains_key(idempotency::HEADER);
    let mut accepted: Option<Response> = None;
    let (mut pause, mut stopping, mut unknown) = (PAUSE_MIN, api.stopping.clone(), false);
    loop {
        // A turn that has begun in time is followed by one more: it may have taken long to find out that its peer sleeps.
        let is_last = waited_ms() >= at_most_ms;
        let mut request = Request::from_parts(again(&parts, wait_ms, waited_ms()), Body::empty());
        request.extensions_mut().insert(body.clone());
        let run = async {
            let response = next.clone().run(request).await;
            (response, APPENDED.with(Cell::get))
        };
        let (mut response, appended) = APPENDED.scope(Cell::new(false), run).await;
        match judge(&response, repeatable, appended, unknown || resumed.is_some()) {
            Again::No => return response,
            Again::Unknown => return ApiError::OutcomeUnknown { request_id: None }.into_response(),
            Again::Afresh => {}
            Again::Resume(record) => {
                if let Some(value) = record.header() {
                    parts.headers.insert(RESUMED, value);
                }
                resumed = Some(record);
            }
        }
        let place = match response.extensions().get::<ApiError>() {
            Some(ApiError::PlaceUnavailable { place } | ApiError::Moved { place, .. }) => Some(*place),
            _ => None,
        };
        if response.status() == answer::ACCEPTED {
            response.extensions_mut().remove::<ApiError>();
            accepted = Some(std::mem::take(&mut response));
        }
        unknown |= place.is_none();
        let passed_on = forwarded && place.is_some_and(|place| !api.status.owns(place));
        // A stop ends the pause, and the waiting.
        let stopped = !passed_on && tokio::time::timeout(pause, stopping.wait_for(|stop| *stop)).await.is_ok();
        if passed_on || stopped || is_last {
            let token = resumed.as_ref().and_then(Resumed::header);
            // Whatever the last turn says, an earlier one may have done it.
            if let Some(record) = resumed {
                let moved = || ApiError::Moved { place: record.place, resumed: Some(record) }.into_response();
                response = accepted.filter(|_| !passed_on).unwrap_or_else(moved);
            } else if unknown {
                response = ApiError::OutcomeUnknown { request_id: None }.into_response();
            }
            if passed_on {
                response.headers_mut().insert(NOT_OWNER, YES);
                token.map(|token| response.headers_mut().insert(RESUMED, token));
            }
            return response;
        }
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// What can be said of a request before its body is read.
fn admitted(api: &Api, parts: &Parts, is_signed: bool) -> Result<(), ApiError> {
    if origin::is_sent_unasked(parts) {
        return Err(ApiError::ForeignPage);
    }
    let path = parts.uri.path();
    let is_for_operators = FOR_OPERATORS.contains(&path) || path.starts_with(web::ASSETS);
    let is_for_peers = api.settings.role == Role::Processor && !is_for_operators;
    if is_for_peers && !is_signed { Err(ApiError::NotServedHere) } else { Ok(()) }
}

/// Verifies what a peer has signed. A peer whose signature is wrong has taken another process for the owner: it shall look at the claim again.
async fn verified(api: &Api, parts: &mut Parts, body: &KeptBody) -> Result<(), Response> {
    let body = match parts.method {
        Method::GET | Method::HEAD => Bytes::new(),
        _ => body.read().await.map_err(IntoResponse::into_response)?,
    };
    signature::verify(parts, &body, &api.settings.secret, api.clock.now_ms())
        .map_err(|why| not_verified(api, parts, why))
}

fn not_verified(api: &Api, parts: &Parts, why: Unverified) -> Response {
    if api.unverified.is_worth_a_line(api.clock.monotonic_us()) {
        let path = parts.uri.path();
        tracing::warn!(method = %parts.method, path, %why, "a request said to be a peer's is not verified");
    }
    let mut response = ApiError::PeerNotVerified.into_response();
    response.headers_mut().insert(NOT_OWNER, YES);
    response
}

/// The request once more, asking to wait only for what is left.
fn again(parts: &Parts, wait_ms: Option<u64>, waited_ms: u64) -> Parts {
    let mut parts = parts.clone();
    if let Some(wait_ms) = wait_ms.filter(|_| waited_ms > 0)
        && let Some(uri) = with_query(&parts.uri, WAIT_MS, &wait_ms.saturating_sub(waited_ms).to_string())
    {
        parts.uri = uri;
    }
    parts
}

const WAIT_MS: &str = "waitMs";

fn wait_ms(uri: &Uri) -> Option<u64> {
    let pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(name, _)| *name == WAIT_MS).find_map(|(_, value)| value.parse().ok())
}

/// `uri` with this query parameter instead of those of its name. Name and value need no escape.
pub(super) fn with_query(uri: &Uri, name: &str, value: &str) -> Option<Uri> {
    let others = uri.query().unwrap_or_default().split('&').filter(|pair| {
        let its_name = pair.split_once('=').map_or(*pair, |(name, _)| name);
        !pair.is_empty() && its_name != name
    });
    let mut query: String = others.flat_map(|pair| [pair, "&"]).collect();
    query.push_str(name);
    query.push('=');
    query.push_str(value);
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(format!("{}?{query}", uri.path()).parse().ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_the_log_is_told_as_it_is_read() {
        let resumed = Resumed { place: 2, offset: 17, id: "req_2_a-b-c".to_owned() };
        assert_eq!(Resumed::of(&resumed.header().unwrap()), Some(resumed));
        for bad in ["", "2", "2-17", "x-1-id", "2--1-id"] {
            assert_eq!(Resumed::of(&HeaderValue::from_static(bad)), None, "{bad}");
        }
    }

    #[test]
    fn a_query_parameter_is_replaced_and_the_others_stay() {
        let uri: Uri = "/a/%20b?after=0-1&waitMs=30000&x".parse().unwrap();
        assert_eq!(wait_ms(&uri), Some(30_000));
        assert_eq!(with_query(&uri, WAIT_MS, "7").unwrap(), "/a/%20b?after=0-1&x&waitMs=7");
        assert_eq!(with_query(&"/a".parse().unwrap(), "after", "0-1").unwrap(), "/a?after=0-1");
        for none in ["/a", "/a?waitMs", "/a?waitMs=x", "/a?wait=1"] {
            assert_eq!(wait_ms(&none.parse().unwrap()), None, "{none}");
        }
    }

    #[test]
    fn only_what_was_not_done_is_done_again() {
        let of = |error: ApiError, repeatable, appended| judge(&error.into_response(), repeatable, appended, false);
        let unavailable = || ApiError::PlaceUnavailable { place: 0 };
        assert!(matches!(of(unavailable(), false, false), Again::Afresh));
        assert!(matches!(of(unavailable(), false, true), Again::Unknown));
        assert!(matches!(of(unavailable(), true, true), Again::Afresh));
        let moved = |resumed| ApiError::Moved { place: 0, resumed };
        assert!(matches!(of(moved(None), true, false), Again::Afresh));
        assert!(matches!(of(moved(None), false, true), Again::Unknown));
        let record = Resumed { place: 0, offset: 1, id: "r".to_owned() };
        assert!(matches!(of(moved(Some(record)), false, true), Again::Resume(_)));
        assert!(matches!(of(ApiError::LogUnavailable, true, false), Again::No));
        let unknown = || ApiError::OutcomeUnknown { request_id: None };
        assert!(matches!(of(unknown(), true, false), Again::Afresh));
        assert!(matches!(of(unknown(), false, false), Again::No));
        assert!(matches!(of(unknown(), true, true), Again::No));
    }

    #[test]
    fn what_an_earlier_turn_may_have_done_is_not_denied() {
        let later = |response: &Response| judge(response, true, false, true);
        assert!(matches!(later(&ApiError::LogUnavailable.into_response()), Again::Afresh));
        let mut peers = ApiError::LogUnavailable.into_response();
        peers.extensions_mut().remove::<ApiError>();
        assert!(matches!(later(&peers), Again::Afresh));
        assert!(matches!(judge(&peers, true, false, false), Again::No));
        let unknown = ApiError::OutcomeUnknown { request_id: Some("r".to_owned()) }.into_response();
        assert!(matches!(judge(&unknown, true, true, true), Again::No));
    }
}
