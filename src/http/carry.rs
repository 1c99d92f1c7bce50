//! Having something done by the place that decides: append, wait, read what became of it. What is in the log is never called a failure: it is done, or
//! refused, or not known yet.

use super::Api;
use super::error::{ApiError, answer};
use super::idempotency;
use super::intake::{Asked, Command, DECISION_MAX, Waited};
use super::position::{POSITION, PositionToken};
use crate::unique;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use holdfast_engine::inspect::TaskView;
use holdfast_ports::record::Appended;
use serde::Serialize;

/// When it is worth asking for the outcome, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// Who asks and under which name. The route is method and template, as the key's scope wants it.
#[derive(Debug, Clone, Copy)]
pub struct Identity<'a> {
    /// Whose request it is.
    pub principal: &'a str,
    /// Method and template.
    pub route: &'static str,
    /// The idempotency key, if there is one.
    pub key: Option<&'a str>,
}

impl Identity<'_> {
    /// What is unique about the request: the same for every repetition under a key, else never the same.
    #[must_use]
    pub fn unique(&self, api: &Api) -> String {
        match self.key {
            Some(key) => idempotency::derive(self.principal, self.route, key),
            None => unique::name(&*api.clock),
        }
    }
}

/// What became of a request that was carried to its place.
#[derive(Debug)]
pub enum Carried<T> {
    /// It is decided and in view.
    Decided {
        /// What became of it.
        outcome: T,
        /// Whether it had been decided before: by an earlier request with the same key.
        replayed: bool,
        /// Where it lies in its inbox; none = it was not looked up again.
        offset: Option<i64>,
    },
    /// It is in the log and not decided in time.
    Undecided {
        /// Where it lies in its inbox.
        offset: i64,
        /// The place has moved meanwhile: where it went it can be waited for.
        moved: Option<ApiError>,
    },
}

impl Api {
    /// Has `record` decided by the place of `view`. `outcome` reads what became of it; `keyed`: whether its id is the same when it is asked again.
    ///
    /// # Errors
    /// Of the append, and what `outcome` returns.
    pub async fn carry_out<T>(
        &self,
        view: &TaskView,
        asked: &Asked,
        record: &Command<'_>,
        keyed: bool,
        outcome: impl Fn() -> Result<Option<T>, ApiError>,
    ) -> Result<Carried<T>, ApiError> {
        let resumed = asked.resumed();
        if keyed
            && resumed.is_none()
            && let Some(outcome) = outcome()?
        {
            return Ok(Carried::Decided { outcome, replayed: true, offset: None });
        }
        let offset = match &resumed {
            Some(resumed) => resumed.offset,
            None => self.append_under(keyed, record, asked).await?.offset,
        };
        let decided = async {
            match self.wait_position(view, offset, DECISION_MAX).await? {
                Waited::Late => Ok(Carried::Undecided { offset, moved: None }),
                // A record without a row is one that could not be read; we wrote it, so that is ours.
                Waited::Committed => match outcome()? {
                    Some(outcome) => Ok(Carried::Decided { outcome, replayed: false, offset: Some(offset) }),
                    None => Err(ApiError::Internal),
                },
            }
        };
        let carried = decided.await;
        if matches!(carried, Ok(Carried::Decided { .. })) {
            self.under_way.forget(record.id);
        }
        carried.or_else(|error| match error.after_append(record.id, view.place(), offset) {
            moved @ ApiError::Moved { .. } => Ok(Carried::Undecided { offset, moved: Some(moved) }),
            error => Err(error),
        })
    }

    /// Appends a command; under a key, so that its repetition is known for one even before that is done.
    ///
    /// # Errors
    /// As [`Api::append`].
    pub async fn append_under(&self, keyed: bool, record: &Command<'_>, asked: &Asked) -> Result<Appended, ApiError> {
        if keyed {
            self.under_way.note(record.id);
        }
        let appended = self.append(record, asked).await;
        if matches!(appended, Err(ApiError::LogUnavailable | ApiError::Internal)) {
            // It is not in the log.
            self.under_way.forget(record.id);
        }
        appended
    }

    /// Refuses a key that has been used in another place that runs here, unless `id` is a repetition: the place of `view` knows it, or it may be in its
    /// log and not be decided yet. Elsewhere the key is not looked for, and of two requests side by side neither sees the other: then both are carried out,
    /// each once, and repeated each for itself.
    ///
    /// # Errors
    /// [`ApiError::IdempotencyKeyReused`].
    pub async fn refuse_reuse(
        &self,
        topology: &str,
        view: &TaskView,
        id: &str,
        is_there: impl Fn(&TaskView) -> Result<bool, ApiError>,
    ) -> Result<(), ApiError> {
        // Before the rows: what is decided meanwhile has one.
        let is_known = || Ok::<_, ApiError>(self.under_way.has(id) || is_there(view)?);
        if is_known()? {
            return Ok(());
        }
        let mut is_used = false;
        for task in self.queries.tasks(topology).iter().filter(|task| task.place() != view.place()) {
            is_used = is_used || is_there(task)?;
        }
        if !is_used {
            return Ok(());
        }
        let hidden = || self.lag.may_hold_to(topology, view.place(), view.next_offset());
        if let Some(end) = hidden() {
            // Another replica had the place before, and nobody here has read all that it has appended.
            self.wait_position(view, end.saturating_sub(1), DECISION_MAX).await?;
        }
        // If nobody knows by now, it is carried out: a repetition changes nothing.
        if is_known()? || hidden().is_some() { Ok(()) } else { Err(ApiError::IdempotencyKeyReused) }
    }
}

/// Notes in an answer where its request lies in the inbox of `view`, and whether it is a repetition.
#[must_use]
pub fn marked(mut response: Response, view: &TaskView, offset: Option<i64>, replayed: bool) -> Response {
    if let Some(position) = offset.and_then(|offset| PositionToken::of(view, offset).header()) {
        response.headers_mut().insert(POSITION, position);
    }
    if replayed {
        response.headers_mut().insert(idempotency::REPLAYED, idempotency::YES);
    }
    response
}

/// 202: it is in the inbox of `view`, at `offset` if that is known, and what becomes of it will be at `path`. With `moved`, the answer that stands if nobody takes over in time.
#[must_use]
pub fn accepted(
    body: &impl Serialize,
    path: &str,
    view: &TaskView,
    offset: Option<i64>,
    moved: Option<ApiError>,
) -> Response {
    let mut response = (answer::ACCEPTED, axum::Json(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, RETRY_AFTER);
    // Whoever is asked can tell from the position that it was accepted, even if he was not there.
    let location = match offset {
        Some(offset) => format!("{path}?after={}", PositionToken::of(view, offset)),
        None => path.to_owned(),
    };
    if let Ok(location) = HeaderValue::try_from(location) {
        headers.insert(header::LOCATION, location);
    }
    if let Some(moved) = moved {
        response.extensions_mut().insert(moved);
    }
    marked(response, view, offset, false)
}
