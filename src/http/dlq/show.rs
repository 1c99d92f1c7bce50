//! `GET /api/dlq/{id}`.

use super::super::Api;
use super::super::admin::Admin;
use super::super::error::{ApiError, answer};
use super::super::extract::Params;
use super::super::intake::{Asked, Owner};
use super::super::openapi;
use super::{beside, outcome};
use crate::dead_letters::{Detail, LetterId};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use holdfast_engine::inspect::{QueryError, TaskView};
use holdfast_ports::record::Topic;

/// One letter whole: where it came from, its headers and its value, each time it was put back, and what became of it.
///
/// `outcome` is the one outcome that the topology keeps of the record, whatever number of copies it has: a redrive never adds a second one.
#[utoipa::path(get, path = "/api/dlq/{id}", tag = "operations", security(("admin" = [])),
    params(("id" = String, Path, description = "Its name: `<topic>-<partition>-<offset>`")),
    responses(
        (status = 200, description = "The letter", body = Detail),
        (status = 401, description = "No admin", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "No token is set and the request need not come from a program on the worker's machine (`ADMIN_FORBIDDEN`), or a page of another origin has sent it (`FOREIGN_PAGE`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No letter of this name", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The log cannot be read now", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn show(
    State(api): State<Api>,
    _admin: Admin,
    Params(id): Params<String>,
    asked: Asked,
) -> Result<Response, ApiError> {
    // What is no name of a letter is the name of none.
    let id = LetterId::parse(&id).ok_or(ApiError::DeadLetterNotFound)?;
    let found = beside(&api, move |letters| {
        let detail = letters.detail(&id)?;
        Ok(detail.map(|detail| (letters.reader_of(&detail), detail)))
    });
    let (reader, mut detail) = found.await?.ok_or(ApiError::DeadLetterNotFound)?;
    if let (Some((topology, _)), Some(home)) = (reader, detail.home()) {
        match api.owner(&topology, home.partition, &asked) {
            Ok(Owner::Here(view)) => told(&mut detail, &view, &home.topic)?,
            Ok(Owner::There(endpoint)) => match api.peers.ask(&endpoint, home.partition, asked).await {
                Err(error) => tracing::debug!(?error, endpoint, "the owner does not say what became of a dead letter"),
                answered => return answered,
            },
            // Without an owner nothing says how far the topic is decided; the letter is shown all the same.
            Err(_) => {}
        }
    }
    Ok((answer::OK, axum::Json(detail)).into_response())
}

/// Notes what the task of `view` has decided of `topic`.
fn told(detail: &mut Detail, view: &TaskView, topic: &Topic) -> Result<(), QueryError> {
    if let Some(next) = view.position()?.next_offset(topic) {
        detail.decided_to(next);
    }
    detail.outcome = outcome::of(view, detail)?;
    Ok(())
}
