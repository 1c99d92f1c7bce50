//! The steps that [`super::execute`] is made of: a request kept whole, the owner of a place, the append, the waits. Routes take from here what they extract.

use super::Api;
use super::error::ApiError;
use super::extract::Body;
use super::handover::{self, RESUMED, Resumed};
use super::peer::FORWARDED;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, Method, Uri};
use holdfast_engine::inspect::{OnWake, QueryError, TaskView, Ticket, Wake};
use holdfast_engine::prelude::{Key, Table};
use holdfast_model::envelope::Envelope;
use holdfast_ports::log::AppendError;
use holdfast_ports::record::{Appended, NewRecord};
use serde::Deserialize;
use std::time::Duration;
use tokio::sync::oneshot;
use utoipa::IntoParams;

/// How long an append is waited for. The log gives up before.
const APPEND_MAX: Duration = Duration::from_secs(5);
/// How long synchronous routes wait for the decision before they answer 202.
pub const DECISION_MAX: Duration = Duration::from_secs(3);
/// Longest `waitMs`.
pub const WAIT_MS_MAX: u64 = 30_000;

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
        // The body may be an extension.
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

    /// What this request has become already, if it is only to be waited for.
    #[must_use]
    pub fn resumed(&self) -> Option<Resumed> {
        self.headers.get(RESUMED).and_then(Resumed::of)
    }

    fn traceparent(&self) -> Option<&[u8]> {
        self.headers.get("traceparent").map(axum::http::HeaderValue::as_bytes)
    }
}

/// Who decides in a place.
#[derive(Debug)]
pub(super) enum Owner {
    /// This worker.
    Here(TaskView),
    /// The peer at this URL.
    There(String),
}

/// Query of a read that wants to see its own writes.
#[derive(Debug, Deserialize, IntoParams)]
pub struct AfterQuery {
    /// Position from `Holdfast-Position`: the answer shows at least what was decided there. One of another topology or place, or past the end of the
    /// inbox, is refused.
    pub after: Option<String>,
}

/// Query of a read that can wait for an outcome.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(rename_all = "camelCase")]
pub struct OutcomeQuery {
    /// How long to wait for the decision, in ms; more than 30,000 counts as 30,000.
    pub wait_ms: Option<u64>,
    /// Position from `Holdfast-Position` or `Location`: the request was accepted there. One of another topology or place, or past the end of the inbox, is
    /// refused.
    pub after: Option<String>,
}

impl OutcomeQuery {
    /// How long to wait.
    #[must_use]
    pub fn wait(&self) -> Duration {
        Duration::from_millis(self.wait_ms.unwrap_or(0).min(WAIT_MS_MAX))
    }
}

/// What a look at a row has found.
#[derive(Debug)]
pub enum Seen<T> {
    /// What was waited for.
    Decided(T),
    /// It may yet change.
    Pending(T),
}

impl<T> Seen<T> {
    /// What was seen, whatever it was.
    pub fn into_inner(self) -> T {
        match self {
            Self::Decided(seen) | Self::Pending(seen) => seen,
        }
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
pub(super) struct Record<'a> {
    /// The inbox.
    pub topic: &'a str,
    /// The place that decides.
    pub place: u32,
    /// The record's key.
    pub key: &'a str,
    /// Its value; none erases what its key stands for.
    pub value: Option<&'a [u8]>,
    /// Its identity: the same for every repetition.
    pub id: &'a str,
    /// CloudEvents type.
    pub kind: &'a str,
}

impl Api {
    /// Who decides about `topology` in `place`.
    ///
    /// # Errors
    /// 503 while nobody does.
    pub(super) fn owner(&self, topology: &str, place: u32, asked: &Asked) -> Result<Owner, ApiError> {
        match self.queries.task(topology, place) {
            Ok(view) => Ok(Owner::Here(view)),
            Err(_) => self.elsewhere(place, asked).map(Owner::There),
        }
    }

    /// The peer that claims `place`.
    fn elsewhere(&self, place: u32, asked: &Asked) -> Result<String, ApiError> {
        match self.owners.endpoint_of(place) {
            Some(endpoint) if endpoint != self.settings.endpoint && !asked.is_forwarded() => Ok(endpoint),
            // Places are lost with the log; who wants something written should hear of the cause.
            _ if asked.method != Method::GET && !self.log_is_up() => Err(ApiError::LogUnavailable),
            _ => Err(ApiError::PlaceUnavailable { place }),
        }
    }

    /// Appends a command. `Ok` means that it is in the log and will be decided.
    ///
    /// # Errors
    /// [`ApiError::LogUnavailable`] when nothing was accepted; [`ApiError::OutcomeUnknown`] when nobody knows;
    /// [`ApiError::TooLarge`].
    pub(super) async fn append(&self, command: &Record<'_>, asked: &Asked) -> Result<Appended, ApiError> {
        self.append_traced(command, asked.traceparent()).await
    }

    /// [`Api::append`] of a record that no request in hand becomes.
    ///
    /// # Errors
    /// As [`Api::append`].
    pub(super) async fn append_alone(&self, command: &Record<'_>) -> Result<Appended, ApiError> {
        self.append_traced(command, None).await
    }

    async fn append_traced(&self, command: &Record<'_>, traceparent: Option<&[u8]>) -> Result<Appended, ApiError> {
        if command.value.is_some_and(|value| value.len() > self.settings.record_bytes_max) {
            return Err(ApiError::TooLarge);
        }
        if !self.log_is_up() {
            // Waiting for a log that is known to be away would only fill its queue.
            self.metrics.note_append("unavailable");
            return Err(ApiError::LogUnavailable);
        }
        let (tell, told) = oneshot::channel();
        let envelope =
            Envelope { id: command.id, source: "/api", kind: command.kind, time_ms: self.clock.now_ms(), traceparent };
        handover::note_append();
        envelope.with_headers(|headers| {
            let record = NewRecord {
                topic: command.topic,
                partition: command.place,
                key: Some(command.key.as_bytes()),
                value: command.value,
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
            Err(AppendError::Denied(_)) => "denied",
            Err(AppendError::Unavailable(_)) => "unavailable",
            Err(AppendError::Unknown(_)) => "unknown",
        });
        if let Ok(appended) = &outcome {
            self.ends.note(command.topic, command.place, appended.offset);
        }
        outcome.map_err(|error| {
            tracing::warn!(topic = command.topic, place = command.place, id = command.id, %error, "append");
            if matches!(error, AppendError::Denied(_)) {
                tracing::error!(
                    "WRITE on topic {} is denied to this worker: grant it (docs/operations.md, \"Rights\")",
                    command.topic
                );
            }
            match error {
                AppendError::Refused(_) => ApiError::Internal,
                AppendError::Unavailable(_) | AppendError::Denied(_) => ApiError::LogUnavailable,
                AppendError::Unknown(_) => ApiError::OutcomeUnknown { request_id: Some(command.id.to_owned()) },
            }
        })
    }

    /// Waits until the inbox record at `offset` is decided and committed, for `at_most`.
    ///
    /// # Errors
    /// [`ApiError::Moved`] when the place has moved away meanwhile.
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

    /// Looks at a row, and again after each commit that changes it, until `look` has seen what it wants or `at_most` is over; then what was seen last.
    /// A stop of the worker ends it as well.
    ///
    /// # Errors
    /// As [`Api::wait_position`], and what `look` returns.
    pub async fn watch_row<K: Key, V, T>(
        &self,
        view: &TaskView,
        table: &Table<K, V>,
        key: &K,
        at_most: Duration,
        look: impl Fn() -> Result<Seen<T>, ApiError>,
    ) -> Result<T, ApiError> {
        self.watch(view, |wake| vec![view.wait_row(table, key, wake)], at_most, look).await
    }

    /// [`Api::watch_row`] of whatever `register` registers a waiter for.
    ///
    /// # Errors
    /// As [`Api::watch_row`].
    pub async fn watch<T>(
        &self,
        view: &TaskView,
        register: impl Fn(OnWake) -> Vec<Ticket>,
        at_most: Duration,
        look: impl Fn() -> Result<Seen<T>, ApiError>,
    ) -> Result<T, ApiError> {
        let begun_us = self.clock.monotonic_us();
        loop {
            let gone = Duration::from_micros(self.clock.monotonic_us().saturating_sub(begun_us));
            let left = at_most.saturating_sub(gone);
            if left.is_zero() {
                return look().map(Seen::into_inner);
            }
            let (wake, woken) = oneshot::channel();
            // Registered first and looked second, so that no commit slips between.
            let _tickets = register(Box::new(move |how| {
                // The client may have gone.
                let _ = wake.send(how);
            }));
            let seen = match look()? {
                Seen::Decided(seen) => return Ok(seen),
                Seen::Pending(seen) => seen,
            };
            if self.wait_or_stop(view.place(), woken, left).await? == Waited::Late {
                return Ok(look().map_or(seen, Seen::into_inner));
            }
        }
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
            Ok(Ok(Wake::Moved) | Err(_)) => Err(ApiError::Moved { place, resumed: None }),
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

impl ApiError {
    /// The same, of a request that is in the log: what a move of its place interrupts is taken up where the place goes.
    #[must_use]
    pub fn after_append(self, id: &str, place: u32, offset: i64) -> Self {
        match self {
            Self::PlaceUnavailable { place: gone } | Self::Moved { place: gone, .. } if gone == place => {
                Self::Moved { place, resumed: Some(Resumed { place, offset, id: id.to_owned() }) }
            }
            other => other,
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
