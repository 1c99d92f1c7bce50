//! What every writing route does: find who decides, append, wait for the decision.

use super::Api;
use super::error::ApiError;
use super::extract::Body;
use super::peer::FORWARDED;
use crate::worker::Role;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderName, Method, Uri};
use holdfast_engine::ports::log::AppendError;
use holdfast_engine::ports::record::{Appended, NewRecord};
use holdfast_engine::queries::{QueryError, TaskView, Wake};
use holdfast_topologies::envelope::Envelope;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long an append is waited for. The log gives up before.
const APPEND_MAX: Duration = Duration::from_secs(5);
/// How long synchronous routes wait for the decision before they answer 202.
pub const DECISION_MAX: Duration = Duration::from_secs(3);
/// How long a read waits until the position is in view that the client brought.
pub const AFTER_MAX: Duration = Duration::from_secs(3);
/// Header of answers that says where the request lies in its inbox: `<place>-<offset>`, for `?after=`.
pub const POSITION: HeaderName = HeaderName::from_static("holdfast-position");

/// A request, kept whole: it may have to be handed to a peer as it is.
#[derive(Debug)]
pub struct Asked {
    /// Its method.
    pub method: Method,
    /// Path and query.
    pub uri: Uri,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Body,
}

impl<S: Send + Sync> FromRequest<S> for Asked {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        let mut carrier = Request::new(body);
        // The body limit is an extension.
        *carrier.extensions_mut() = std::mem::take(&mut parts.extensions);
        let body = match parts.method {
            Method::GET | Method::HEAD => Body(Bytes::new()),
            _ => Body::from_request(carrier, state).await?,
        };
        Ok(Self { method: parts.method, uri: parts.uri, headers: parts.headers, body })
    }
}

impl Asked {
    /// Whether a peer has sent it here: then it is not sent on.
    #[must_use]
    pub fn is_forwarded(&self) -> bool {
        self.headers.contains_key(FORWARDED)
    }

    fn traceparent(&self) -> Option<&[u8]> {
        self.headers.get("traceparent").map(axum::http::HeaderValue::as_bytes)
    }
}

/// Who decides in a place.
#[derive(Debug)]
pub enum Owner {
    /// This worker.
    Here(TaskView),
    /// The peer at this URL.
    There(String),
}

/// A position in an inbox, as clients carry it: `<place>-<offset>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PositionToken {
    /// The place.
    pub place: u32,
    /// The offset in it.
    pub offset: i64,
}

impl PositionToken {
    /// Reads one.
    ///
    /// # Errors
    /// 422 naming `after`.
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        let parsed = text
            .split_once('-')
            .and_then(|(place, offset)| Some(Self { place: place.parse().ok()?, offset: offset.parse().ok()? }));
        parsed
            .filter(|token| token.offset >= 0)
            .ok_or_else(|| ApiError::field("after", "위치 토큰 형식이 아닙니다: <place>-<offset>"))
    }
}

impl std::fmt::Display for PositionToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.place, self.offset)
    }
}

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waited {
    /// What was waited for is committed.
    Committed,
    /// Not in time.
    Late,
}

/// A record that a request becomes.
#[derive(Debug, Clone, Copy)]
pub struct Command<'a> {
    /// The inbox.
    pub topic: &'a str,
    /// The place that decides.
    pub place: u32,
    /// The record's key.
    pub key: &'a str,
    /// Its value.
    pub value: &'a [u8],
    /// Its identity: the same for every repetition.
    pub id: &'a str,
    /// CloudEvents type.
    pub kind: &'a str,
}

impl Api {
    /// Who decides about `topology` in `place`.
    ///
    /// # Errors
    /// 503 while nobody does; 501 from a processor that is asked by somebody else than a peer.
    pub fn owner(&self, topology: &str, place: u32, asked: &Asked) -> Result<Owner, ApiError> {
        if self.settings.role == Role::Processor && !asked.is_forwarded() {
            return Err(ApiError::NotServedHere);
        }
        match self.queries.task(topology, place) {
            Ok(view) => Ok(Owner::Here(view)),
            Err(_) => self.elsewhere(place, asked).map(Owner::There),
        }
    }

    /// The peer that claims `place`.
    fn elsewhere(&self, place: u32, asked: &Asked) -> Result<String, ApiError> {
        match self.claimed(&self.status.snapshot(), place) {
            Some(endpoint) if endpoint != self.settings.endpoint && !asked.is_forwarded() => Ok(endpoint),
            // Places are lost with the log; who wants something written should hear of the cause.
            _ if asked.method != Method::GET && !self.log_is_up() => Err(ApiError::LogUnavailable),
            _ => Err(ApiError::PlaceUnavailable { place }),
        }
    }

    /// Appends a command. `Ok` means that it is in the log and will be decided.
    ///
    /// # Errors
    /// [`ApiError::LogUnavailable`] when nothing was accepted; [`ApiError::OutcomeUnknown`] when nobody knows.
    pub async fn append(&self, command: &Command<'_>, asked: &Asked) -> Result<Appended, ApiError> {
        if !self.log_is_up() {
            // Waiting for a log that is known to be away would only fill its queue.
            self.metrics.note_append("unavailable");
            return Err(ApiError::LogUnavailable);
        }
        let (tell, told) = oneshot::channel();
        let envelope = Envelope {
            id: command.id,
            source: "/api",
            kind: command.kind,
            time_ms: self.clock.now_ms(),
            traceparent: asked.traceparent(),
        };
        envelope.with_headers(|headers| {
            let record = NewRecord {
                topic: command.topic,
                partition: command.place,
                key: Some(command.key.as_bytes()),
                value: Some(command.value),
                headers,
            };
            self.appender.append(
                record,
                Box::new(move |outcome| {
                    // The request may have been given up: the record is in the log all the same.
                    let _ = tell.send(outcome);
                }),
            );
        });
        let outcome = match tokio::time::timeout(APPEND_MAX, told).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(AppendError::Unknown("the log has gone".to_owned())),
            Err(_) => Err(AppendError::Unknown("no answer in time".to_owned())),
        };
        self.metrics.note_append(match &outcome {
            Ok(_) => "accepted",
            Err(AppendError::Refused(_)) => "refused",
            Err(AppendError::Unavailable(_)) => "unavailable",
            Err(AppendError::Unknown(_)) => "unknown",
        });
        outcome.map_err(|error| {
            tracing::warn!(topic = command.topic, place = command.place, id = command.id, %error, "append");
            match error {
                AppendError::Refused(_) => ApiError::Internal,
                AppendError::Unavailable(_) => ApiError::LogUnavailable,
                AppendError::Unknown(_) => ApiError::OutcomeUnknown { request_id: Some(command.id.to_owned()) },
            }
        })
    }

    /// Waits until the inbox record at `offset` is decided and committed, for `at_most`.
    ///
    /// # Errors
    /// 503 when the place has moved away meanwhile.
    pub async fn wait_position(&self, view: &TaskView, offset: i64, at_most: Duration) -> Result<Waited, ApiError> {
        if view.next_offset() > offset {
            return Ok(Waited::Committed);
        }
        let (wake, woken) = oneshot::channel();
        let _ticket = view.wait_position(
            offset,
            Box::new(move |how| {
                // Nobody waits any more.
                let _ = wake.send(how);
            }),
        );
        self.wait(view.place(), woken, at_most).await
    }

    /// Waits for the decision of a record that this request has appended. Never fails: the record is in the log, and if its place moves away meanwhile
    /// somebody else decides it. "Not now" would make the client ask a second time.
    pub async fn wait_decision(&self, view: &TaskView, offset: i64, at_most: Duration) -> Waited {
        self.wait_position(view, offset, at_most).await.unwrap_or(Waited::Late)
    }

    /// Waits for a ticket's callback.
    ///
    /// # Errors
    /// As [`Api::wait_position`].
    pub async fn wait(
        &self,
        place: u32,
        woken: oneshot::Receiver<Wake>,
        at_most: Duration,
    ) -> Result<Waited, ApiError> {
        match tokio::time::timeout(at_most, woken).await {
            Ok(Ok(Wake::Committed)) => Ok(Waited::Committed),
            Ok(Ok(Wake::Moved) | Err(_)) => Err(ApiError::PlaceUnavailable { place }),
            Err(_) => Ok(Waited::Late),
        }
    }

    /// [`Api::wait`] for a long poll: a stop of the worker ends it, and the client hears what is known.
    ///
    /// # Errors
    /// As [`Api::wait_position`].
    pub async fn wait_or_stop(
        &self,
        place: u32,
        woken: oneshot::Receiver<Wake>,
        at_most: Duration,
    ) -> Result<Waited, ApiError> {
        let mut stopping = self.stopping.clone();
        tokio::select! {
            waited = self.wait(place, woken, at_most) => waited,
            _ = stopping.wait_for(|stop| *stop) => Ok(Waited::Late),
        }
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::NotHere(task) => Self::PlaceUnavailable { place: task.place },
            QueryError::Failed(why) => {
                tracing::error!(why, "view cannot be read");
                Self::Internal
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_written_as_it_is_read() {
        let token = PositionToken { place: 2, offset: 17 };
        assert_eq!(PositionToken::parse(&token.to_string()), Ok(token));
        for bad in ["", "2", "2-", "-17", "2--17", "a-b", "2-17-1"] {
            assert!(PositionToken::parse(bad).is_err(), "{bad}");
        }
    }
}
