//! Having something done by the place that decides: append, wait, read what became of it. What is in the log is never called a failure: it is done, or
//! refused, or not known yet.

use super::Api;
use super::error::{ApiError, answer};
use super::idempotency;
use super::intake::{Asked, Command, DECISION_MAX, POSITION, PositionToken, Waited};
use crate::unique;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use holdfast_engine::queries::TaskView;
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
            Some(resumed) => resumed.position.offset,
            None => self.append(record, asked).await?.offset,
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
        decided.await.or_else(|error| match error.after_append(record.id, view.place(), offset) {
            moved @ ApiError::Moved { .. } => Ok(Carried::Undecided { offset, moved: Some(moved) }),
            error => Err(error),
        })
    }

    /// Refuses a key that has been used in another place that runs here, unless the place of `view` knows it as well: then this is a repetition. Elsewhere
    /// it is not looked for, and of two requests side by side neither sees the other: then both are carried out, each once, and repeated each for itself.
    ///
    /// # Errors
    /// [`ApiError::IdempotencyKeyReused`].
    pub fn refuse_reuse(
        &self,
        topology: &str,
        view: &TaskView,
        is_there: impl Fn(&TaskView) -> Result<bool, ApiError>,
    ) -> Result<(), ApiError> {
        if is_there(view)? {
            return Ok(());
        }
        for task in self.queries.tasks(topology).iter().filter(|task| task.place() != view.place()) {
            if is_there(task)? {
                return Err(ApiError::IdempotencyKeyReused);
            }
        }
        Ok(())
    }
}

/// Notes in an answer where its request lies, and whether it is a repetition.
#[must_use]
pub fn marked(mut response: Response, place: u32, offset: Option<i64>, replayed: bool) -> Response {
    let token = offset.map(|offset| PositionToken { place, offset }.to_string());
    if let Some(position) = token.and_then(|token| HeaderValue::try_from(token).ok()) {
        response.headers_mut().insert(POSITION, position);
    }
    if replayed {
        response.headers_mut().insert(idempotency::REPLAYED, idempotency::YES);
    }
    response
}

/// 202: it is in the log, at `offset` if that is known, and what becomes of it will be at `path`. With `moved`, the answer that stands if nobody takes over in time.
#[must_use]
pub fn accepted(
    body: &impl Serialize,
    path: &str,
    place: u32,
    offset: Option<i64>,
    moved: Option<ApiError>,
) -> Response {
    let mut response = (answer::ACCEPTED, axum::Json(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, RETRY_AFTER);
    // Whoever is asked can tell from the position that it was accepted, even if he was not there.
    let location = match offset {
        Some(offset) => format!("{path}?after={}", PositionToken { place, offset }),
        None => path.to_owned(),
    };
    if let Ok(location) = HeaderValue::try_from(location) {
        headers.insert(header::LOCATION, location);
    }
    if let Some(moved) = moved {
        response.extensions_mut().insert(moved);
    }
    marked(response, place, offset, false)
}
