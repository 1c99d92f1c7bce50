//! Dead letters for admins: shown and put back. Reading and appending wait for the log, so they are done beside the threads that serve requests.

use super::admin::Admin;
use super::error::{ApiError, answer};
use super::extract::{self, Query};
use super::intake::Asked;
use super::{Api, openapi};
use crate::dead_letters::{self, LIMIT_DEFAULT, LIMIT_MAX, Letter, NoSuch, Redrive, Wanted};
use crate::worker::RunError;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which letters, in a query. A filter that is not known is refused: without it, there would be more letters than were asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct LettersQuery {
    /// One letter by its name, with its value.
    id: Option<String>,
    /// Of this topology only.
    topology: Option<String>,
    /// Of this place only.
    place: Option<u32>,
    /// Of this class only.
    class: Option<String>,
    /// The newest so many of each partition: 1 to 10,000, 100 when missing.
    limit: Option<usize>,
}

/// Answer of `GET /api/dlq`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Letters {
    letters: Vec<Letter>,
}

/// Which letters to put back: one, several, or all that match and have not been put back before. Fields that are not known are refused.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RedriveBody {
    id: Option<String>,
    ids: Vec<String>,
    all: bool,
    /// With `all`: of this topology only.
    topology: Option<String>,
    /// With `all`: of this place only.
    place: Option<u32>,
    /// With `all`: of this class only.
    class: Option<String>,
}

/// Records that could not be processed.
#[utoipa::path(get, path = "/api/dlq", tag = "operations", security(("admin" = [])), params(LettersQuery),
    responses(
        (status = 200, description = "The letters, in the order of partition and offset; `redriven` is counted in the inbox", body = Letters),
        (status = 401, description = "No admin", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "No token is set and the request need not come from a program on the worker's machine (`ADMIN_FORBIDDEN`), or a page of another origin has sent it (`FOREIGN_PAGE`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No letter of this name", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A topology, place or filter that does not exist, or a wrong value", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The log cannot be read now", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn list(
    State(api): State<Api>,
    _admin: Admin,
    Query(query): Query<LettersQuery>,
) -> Result<Response, ApiError> {
    let ids: Vec<String> = query.id.into_iter().map(|id| checked(id, "id")).collect::<Result<_, _>>()?;
    let is_one = !ids.is_empty();
    let limit = match query.limit {
        None => LIMIT_DEFAULT,
        Some(limit @ 1..=LIMIT_MAX) => limit,
        Some(_) => return Err(ApiError::field("limit", ("1 이상 10000 이하여야 합니다.", "must be from 1 to 10000"))),
    };
    let wanted = Wanted { topology: query.topology, place: query.place, class: query.class, ids };
    check(&api, &wanted)?;
    let letters = beside(&api, move |api| dead_letters::list(&*api.log, &api.topologies, &wanted, limit)).await?;
    if is_one && letters.is_empty() {
        return Err(ApiError::DeadLetterNotFound);
    }
    Ok((answer::OK, axum::Json(Letters { letters })).into_response())
}

/// Puts dead letters back into the inbox they came from, with their identity. The letters stay. What was decided meanwhile is not decided again.
#[utoipa::path(post, path = "/api/dlq/redrive", tag = "operations", security(("admin" = [])),
    request_body = RedriveBody,
    responses(
        (status = 200, description = "What was put back, and what was not and why", body = Redrive),
        (status = 401, description = "No admin", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "No token is set and the request need not come from a program on the worker's machine (`ADMIN_FORBIDDEN`), or a page of another origin has sent it (`FOREIGN_PAGE`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "None of the letters named is there", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Neither a name nor `all`, or both; a topology, place or field that does not exist", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The log cannot be read or written to now", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn redrive(State(api): State<Api>, _admin: Admin, asked: Asked) -> Result<Response, ApiError> {
    let body: RedriveBody = extract::json(&asked.headers, &asked.body)?;
    let ids: Vec<String> = body.id.into_iter().chain(body.ids).map(|id| checked(id, "id")).collect::<Result<_, _>>()?;
    if ids.is_empty() != body.all {
        return Err(ApiError::field(
            "id",
            ("id, ids, all 중 하나를 지정해야 합니다.", "one of id, ids and all must be given"),
        ));
    }
    let is_named = !ids.is_empty();
    let wanted = Wanted { topology: body.topology, place: body.place, class: body.class, ids };
    check(&api, &wanted)?;
    let outcome =
        beside(&api, move |api| dead_letters::redrive(&*api.log, &*api.appender, &api.topologies, &wanted)).await?;
    if is_named && outcome.redriven.is_empty() && outcome.skipped.is_empty() {
        return Err(ApiError::DeadLetterNotFound);
    }
    Ok((answer::OK, axum::Json(outcome)).into_response())
}

/// Refuses filters that name nothing: an empty answer would look like one without letters.
fn check(api: &Api, wanted: &Wanted) -> Result<(), ApiError> {
    wanted.check(&api.topologies, Some(api.settings.places)).map_err(|no_such| match no_such {
        NoSuch::Topology { known, .. } => {
            let known = known.join(", ");
            let ko = format!("없는 토폴로지입니다. 사용할 수 있는 값: {known}");
            ApiError::field("topology", (ko, format!("there is no such topology; there are: {known}")))
        }
        NoSuch::Place { places, .. } => {
            let last = places - 1;
            ApiError::field("place", (format!("0 이상 {last} 이하여야 합니다."), format!("must be from 0 to {last}")))
        }
    })
}

fn checked(id: String, field: &'static str) -> Result<String, ApiError> {
    match dead_letters::parse_id(&id) {
        Some(_) => Ok(id),
        None => Err(ApiError::field(
            field,
            (
                "데드레터 이름 형식이어야 합니다: <topic>-<partition>-<offset>",
                "must be the name of a dead letter: <topic>-<partition>-<offset>",
            ),
        )),
    }
}

async fn beside<T: Send + 'static>(
    api: &Api,
    work: impl FnOnce(&Api) -> Result<T, RunError> + Send + 'static,
) -> Result<T, ApiError> {
    if !api.log_is_up() {
        return Err(ApiError::LogUnavailable);
    }
    let api = api.clone();
    match tokio::task::spawn_blocking(move || work(&api)).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => {
            tracing::warn!(%error, "dead letters");
            Err(ApiError::LogUnavailable)
        }
        Err(error) => {
            tracing::error!(%error, "dead letters");
            Err(ApiError::Internal)
        }
    }
}
