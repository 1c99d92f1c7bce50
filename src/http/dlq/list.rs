//! `GET /api/dlq`.

use super::super::Api;
use super::super::admin::Admin;
use super::super::error::{ApiError, answer};
use super::super::extract::Query;
use super::super::{openapi, page};
use super::filter::FilterBody;
use super::{beside, letter_id};
use crate::dead_letters::{Cursor, LIMIT_DEFAULT, LIMIT_MAX, Letter};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which letters, in a query. A filter that is not known is refused: without it, there would be more letters than were asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct LettersQuery {
    /// One letter by its name, with its value. `GET /api/dlq/{id}` shows more of it.
    id: Option<String>,
    /// Given up by this topology.
    topology: Option<String>,
    /// Lying in this topic of dead letters, or come from this topic.
    topic: Option<String>,
    /// Of this place.
    place: Option<u32>,
    /// Given up for this reason: the letter's `class`.
    reason: Option<String>,
    /// The same as `reason`.
    class: Option<String>,
    /// Given up at this moment or later: a time of RFC 3339, ms since the epoch, or how long ago (`1h`).
    since: Option<String>,
    /// Given up before this moment, written as `since`.
    until: Option<String>,
    /// Letters on a page: 1 to 10,000, 100 when missing.
    limit: Option<usize>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
}

/// Answer of `GET /api/dlq`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Letters {
    /// The newest first.
    letters: Vec<Letter>,
    /// `cursor` of the next page; missing on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Records that could not be processed, the newest first.
#[utoipa::path(get, path = "/api/dlq", tag = "operations", security(("admin" = [])), params(LettersQuery),
    responses(
        (status = 200, description = "A page of letters; `redriven` is counted where they came from", body = Letters),
        (status = 401, description = "No admin", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "No token is set and the request need not come from a program on the worker's machine (`ADMIN_FORBIDDEN`), or a page of another origin has sent it (`FOREIGN_PAGE`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No letter of this name", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A topology, topic, place, reason or filter that does not exist (the answer names those that do), or a wrong value", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The log cannot be read now", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn list(
    State(api): State<Api>,
    _admin: Admin,
    Query(query): Query<LettersQuery>,
) -> Result<Response, ApiError> {
    let limit = page::limit(query.limit, LIMIT_DEFAULT, LIMIT_MAX)?;
    let before = query.cursor.map(|text| cursor(&text)).transpose()?;
    let LettersQuery { topology, topic, place, reason, class, since, until, .. } = query;
    let filter = FilterBody { topology, topic, place, reason: reason.or(class), since, until }.filter(&api)?;
    if let Some(id) = query.id {
        let id = letter_id(&id, "id")?;
        let letter = beside(&api, move |letters| {
            letters.check(&filter)?;
            letters.letter(&id)
        });
        let letters = vec![letter.await?.ok_or(ApiError::DeadLetterNotFound)?];
        return Ok((answer::OK, axum::Json(Letters { letters, next_cursor: None })).into_response());
    }
    let page = beside(&api, move |letters| letters.page(&filter, limit, before.as_ref())).await?;
    Ok((answer::OK, axum::Json(Letters { letters: page.letters, next_cursor: page.next })).into_response())
}

fn cursor(text: &str) -> Result<Cursor, ApiError> {
    let texts = ("이전 페이지의 nextCursor여야 합니다.", "must be nextCursor of the page before");
    Cursor::parse(text).ok_or_else(|| ApiError::field("cursor", texts))
}
