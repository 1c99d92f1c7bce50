//! `POST /api/dlq/redrive`, and the redrives that it begins.

use super::super::admin::Admin;
use super::super::error::{ApiError, answer};
use super::super::extract::{self, Params};
use super::super::intake::{Asked, DECISION_MAX};
use super::super::{Api, openapi};
use super::filter::FilterBody;
use super::jobs::Job;
use super::operator::Operator;
use super::{beside, letter_id, problem};
use crate::dead_letters::{Order, Progress, RATE_DEFAULT, RATE_MAX, Trouble, Which};
use crate::unique;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::sync::Arc;
use tokio::sync::oneshot;
use utoipa::ToSchema;

/// Most letters that may be named in one request.
const NAMED_MAX: usize = 1_000;

/// Which letters to put back, and how: one, several, or all that match. Fields that are not known are refused.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct RedriveBody {
    /// The name of a letter.
    id: Option<String>,
    /// The names of letters: at most 1,000.
    ids: Vec<String>,
    /// All letters that match the filters.
    all: bool,
    /// With `all`: given up by this topology.
    topology: Option<String>,
    /// With `all`: lying in this topic of dead letters, or come from this topic.
    topic: Option<String>,
    /// With `all`: of this place.
    place: Option<u32>,
    /// With `all`: given up for this reason, the letter's `class`.
    reason: Option<String>,
    /// The same as `reason`.
    class: Option<String>,
    /// With `all`: given up at this moment or later: a time of RFC 3339, ms since the epoch, or how long ago (`1h`).
    since: Option<String>,
    /// With `all`: given up before this moment.
    until: Option<String>,
    /// Letters a second, at most: 1 to 100,000, 100 when missing.
    rate_per_second: Option<u32>,
    /// Says what would be put back, and puts nothing back.
    dry_run: bool,
    /// Puts back what was put back before, too. The topology recognises it: what has its outcome keeps that.
    force: bool,
}

impl RedriveBody {
    fn order(self, api: &Api, by: String) -> Result<Order, ApiError> {
        let rate = match self.rate_per_second {
            None => RATE_DEFAULT,
            Some(rate @ 1..=RATE_MAX) => rate,
            Some(_) => {
                let texts = ("1 이상 100000 이하여야 합니다.", "must be from 1 to 100000");
                return Err(ApiError::field("ratePerSecond", texts));
            }
        };
        let is_filtered = [&self.topology, &self.topic, &self.reason, &self.class, &self.since, &self.until];
        let is_filtered = is_filtered.iter().any(|filter| filter.is_some()) || self.place.is_some();
        let mut ids = Vec::new();
        for (nth, id) in self.ids.iter().enumerate() {
            ids.push(letter_id(id, format!("ids[{nth}]"))?);
        }
        if let Some(id) = &self.id {
            ids.push(letter_id(id, "id")?);
        }
        if ids.is_empty() != self.all {
            let texts = ("id, ids, all 중 하나를 지정해야 합니다.", "one of id, ids and all must be given");
            return Err(ApiError::field("id", texts));
        }
        if ids.len() > NAMED_MAX {
            return Err(ApiError::field("ids", ("1000개 이하여야 합니다.", "must be at most 1000")));
        }
        if is_filtered && !self.all {
            let texts = ("필터는 all과 함께 사용해야 합니다.", "filters go with all, and not with names");
            return Err(ApiError::field("all", texts));
        }
        let Self { topology, topic, place, reason, class, since, until, dry_run, force, .. } = self;
        let which = if ids.is_empty() {
            let body = FilterBody { topology, topic, place, reason: reason.or(class), since, until };
            Which::All(body.filter(api)?)
        } else {
            Which::Named(ids)
        };
        Ok(Order { which, by, rate, dry_run, force })
    }
}

/// Stops the redrive of a client that goes away before it has the redrive's name.
struct UntilAnswered(Option<Arc<Progress>>);

impl Drop for UntilAnswered {
    fn drop(&mut self) {
        if let Some(progress) = self.0.take() {
            progress.stop();
        }
    }
}

/// Puts dead letters back into the topic that they came from, with their identity. The letters stay. A letter that was put back before is left alone and
/// named in `alreadyRedriven`, unless `force` is set; what has an outcome keeps it in any case.
///
/// A redrive that takes longer than 3 s is answered with 202, and goes on; `Location` shows how far it is. It ends with the worker: the same request then
/// goes on where it has ended. The copies name the operator of `X-Operator`, or else the address that the request comes from.
#[utoipa::path(post, path = "/api/dlq/redrive", tag = "operations", security(("admin" = [])),
    params(("X-Operator" = Option<String>, Header, description = "Who puts the letters back: 1 to 200 characters")),
    request_body = RedriveBody,
    responses(
        (status = 200, description = "What was put back, what was put back before, and what was not and why", body = Job),
        (status = 202, description = "The redrive goes on", body = Job, headers(("Location" = String, description = "Where it is looked at"))),
        (status = 401, description = "No admin", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "No token is set and the request need not come from a program on the worker's machine (`ADMIN_FORBIDDEN`), or a page of another origin has sent it (`FOREIGN_PAGE`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "None of the letters named is there", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Neither a name nor `all`, or both; a topology, topic, place, reason or field that does not exist", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The log cannot be read or written to now, or eight redrives run already (`OVERLOADED`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn redrive(
    State(api): State<Api>,
    _admin: Admin,
    Operator(by): Operator,
    asked: Asked,
) -> Result<Response, ApiError> {
    let body: RedriveBody = extract::json(&asked.headers, &asked.body)?;
    let order = body.order(&api, by)?;
    if let Which::All(filter) = &order.which {
        let filter = filter.clone();
        beside(&api, move |letters| letters.check(&filter)).await?;
    }
    if !api.log_is_up() {
        return Err(ApiError::LogUnavailable);
    }
    let is_named = matches!(order.which, Which::Named(_));
    let (id, stopping) = (unique::name(&*api.clock), api.stopping.clone());
    let progress = Arc::new(Progress::new(move || *stopping.borrow()));
    if !api.redrives.begin(&id, &progress) {
        return Err(ApiError::Overloaded);
    }
    let mut answered = UntilAnswered(Some(progress.clone()));
    let mut ended = run(&api, order, progress.clone());
    match tokio::time::timeout(DECISION_MAX, &mut ended).await {
        Err(_) => {
            answered.0 = None;
            let location = HeaderValue::try_from(format!("/api/dlq/redrives/{id}")).map_err(|_| ApiError::Internal)?;
            let job = Job { id, report: progress.report() };
            Ok((answer::ACCEPTED, [(header::LOCATION, location)], axum::Json(job)).into_response())
        }
        // The thread is gone without a word: it has panicked, and the hook has said so.
        Ok(Err(_)) => Err(ApiError::Internal),
        Ok(Ok(outcome)) => {
            answered.0 = None;
            let report = progress.report();
            // What has been put back is told, whatever has happened after.
            if let Err(trouble) = outcome
                && report.counts.redriven == 0
            {
                return Err(problem(trouble));
            }
            let is_there = report.counts.redriven + report.counts.already_redriven > 0
                || report.skipped.iter().any(|skipped| skipped.code != "NOT_FOUND");
            if is_named && !is_there {
                return Err(ApiError::DeadLetterNotFound);
            }
            Ok((answer::OK, axum::Json(Job { id, report })).into_response())
        }
    }
}

/// Runs a redrive beside the threads that serve requests.
fn run(api: &Api, order: Order, progress: Arc<Progress>) -> oneshot::Receiver<Result<(), Trouble>> {
    let (tell, told) = oneshot::channel();
    let letters = api.dead_letters.clone();
    tokio::task::spawn_blocking(move || {
        let outcome = letters.redrive(&order, &progress);
        let report = progress.report();
        tracing::info!(
            by = report.by, state = ?report.state, dry_run = report.dry_run, redriven = report.counts.redriven,
            already_redriven = report.counts.already_redriven, skipped = report.counts.skipped, error = report.error,
            "redrive of dead letters"
        );
        // Nobody may be waiting any more.
        let _ = tell.send(outcome);
    });
    told
}

/// How far a redrive is. It is known to the replica that runs it, until that ends or has begun a hundred others; what was put back is told by the letters.
#[utoipa::path(get, path = "/api/dlq/redrives/{id}", tag = "operations", security(("admin" = [])),
    params(("id" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "What it has come to so far", body = Job),
        (status = 401, description = "No admin", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Not from here (`ADMIN_FORBIDDEN`, `FOREIGN_PAGE`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "This replica knows no redrive of this name", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn look(
    State(api): State<Api>,
    _admin: Admin,
    Params(id): Params<String>,
) -> Result<Response, ApiError> {
    let progress = api.redrives.get(&id).ok_or(ApiError::RedriveNotFound)?;
    Ok((answer::OK, axum::Json(Job { id, report: progress.report() })).into_response())
}

/// Stops a redrive. What it has put back stays put back.
#[utoipa::path(delete, path = "/api/dlq/redrives/{id}", tag = "operations", security(("admin" = [])),
    params(("id" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "It ends after the letters that it has in hand", body = Job),
        (status = 401, description = "No admin", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Not from here (`ADMIN_FORBIDDEN`, `FOREIGN_PAGE`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "This replica knows no redrive of this name", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn stop(
    State(api): State<Api>,
    _admin: Admin,
    Params(id): Params<String>,
) -> Result<Response, ApiError> {
    let progress = api.redrives.get(&id).ok_or(ApiError::RedriveNotFound)?;
    progress.stop();
    Ok((answer::OK, axum::Json(Job { id, report: progress.report() })).into_response())
}
