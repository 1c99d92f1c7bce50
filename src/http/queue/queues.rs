//! Queues: made and changed by admins through the log, shown to everybody.

use super::command::{QueueOrder, never};
use super::{place_of_queue, refused};
use crate::http::admin::{ADMIN, Admin};
use crate::http::error::{ApiError, answer};
use crate::http::execute::{Call, Principal, Undecided};
use crate::http::extract::{self, Params, Query};
use crate::http::fields::{both, id, moment};
use crate::http::intake::{AfterQuery, Asked};
use crate::http::{Api, location, openapi};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use holdfast_engine::inspect::TaskView;
use holdfast_model::guard::QueueKey;
use holdfast_model::queue::NAME;
use holdfast_model::queue::command_outcome::CommandRefusal;
use holdfast_model::queue::message::{ChangeQueue, Command, CreateQueue};
use holdfast_topologies::queue::view::{self, QueueView};

/// Makes a queue. The same command again changes nothing; another queue under the same id is refused.
///
/// The worker draws what its tokens are made with, and the seed of the draw: its hash is published at once, the seed when the queue has opened.
#[utoipa::path(post, path = "/api/queues", tag = "waiting rooms", security(("admin" = [])),
    params(openapi::IdempotencyKey),
    request_body = CreateQueue,
    responses(
        (status = 201, description = "The queue", body = QueueView),
        (status = 202, description = "In the log, not decided within 3 s", body = Undecided<'static>),
        (status = 401, description = "No admin", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "No token is set and the request need not come from a program on the worker's machine (`ADMIN_FORBIDDEN`), or a page of another origin has sent it (`FOREIGN_PAGE`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Another queue has this id", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Terms that make no sense", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was accepted, or nobody knows (`OUTCOME_UNKNOWN`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn create(State(api): State<Api>, _admin: Admin, asked: Asked) -> Result<Response, ApiError> {
    let mut wanted: CreateQueue = extract::json(&asked.headers, &asked.body)?;
    let (queue_id, _) = both(id("queueId", Some(wanted.queue_id.clone())), moment("opensAt", wanted.opens_at))?;
    let place = place_of_queue(&api, &queue_id);
    let call = Call { place, route: "POST /api/queues", request_id: wanted.request_id.take() };
    wanted.event_id = None;
    // Whatever a client has sent: secrets that somebody else has chosen are none.
    (wanted.key, wanted.seed) = (Some(draw()?), Some(draw()?));
    let done = |view: &TaskView| {
        let mut response = shown(view, &queue_id)?;
        *response.status_mut() = answer::CREATED;
        if let Ok(location) = HeaderValue::try_from(location::path("/api/queues", &queue_id)) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        Ok(response)
    };
    let command = Command::CreateQueue(wanted);
    let order = QueueOrder { user: ADMIN.to_owned(), command, is_done: never, done };
    api.execute(Principal::Anonymous, asked, call, |_| Ok(order)).await
}

/// 32 bytes that nobody can guess.
fn draw() -> Result<QueueKey, ApiError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| {
        tracing::error!(%error, "no random numbers");
        ApiError::Internal
    })?;
    Ok(QueueKey::new(bytes))
}

/// Changes a queue: what is not named stays as it is.
///
/// `PAUSED` admits nobody, `DRAINING` takes in nobody new and goes on admitting. With a smaller `maxActive` nobody is put out: nobody is admitted until
/// there is room.
#[utoipa::path(patch, path = "/api/queues/{queueId}", tag = "waiting rooms", security(("admin" = [])),
    params(("queueId" = String, Path), openapi::IdempotencyKey),
    request_body = ChangeQueue,
    responses(
        (status = 200, description = "The queue", body = QueueView),
        (status = 202, description = "In the log, not decided within 3 s", body = Undecided<'static>),
        (status = 401, description = "No admin", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "No token is set and the request need not come from a program on the worker's machine (`ADMIN_FORBIDDEN`), or a page of another origin has sent it (`FOREIGN_PAGE`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such queue", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Wrong value", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was accepted, or nobody knows (`OUTCOME_UNKNOWN`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn change(
    State(api): State<Api>,
    _admin: Admin,
    Params(queue_id): Params<String>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let mut wanted: ChangeQueue = extract::json(&asked.headers, &asked.body)?;
    let place = place_of_queue(&api, &queue_id);
    let call = Call { place, route: "PATCH /api/queues/{queueId}", request_id: wanted.request_id.take() };
    wanted.event_id = None;
    wanted.queue_id.clone_from(&queue_id);
    let done = |view: &TaskView| shown(view, &queue_id);
    let command = Command::ChangeQueue(wanted);
    let order = QueueOrder { user: ADMIN.to_owned(), command, is_done: never, done };
    api.execute(Principal::Anonymous, asked, call, |_| Ok(order)).await
}

/// A queue: its settings in force, and how many tickets are in which state. Also what the draw is checked with: the hash of its seed, once it has
/// opened the seed, and how many tickets were drawn.
#[utoipa::path(get, path = "/api/queues/{queueId}", tag = "waiting rooms",
    params(("queueId" = String, Path), AfterQuery),
    responses(
        (status = 200, description = "The queue", body = QueueView),
        (status = 404, description = "No such queue (`QUEUE_NOT_FOUND`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "`after` belongs elsewhere or lies past the end of the inbox (`INVALID_POSITION`), or wrong value", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Its place is not served now", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn show(
    State(api): State<Api>,
    Params(queue_id): Params<String>,
    Query(query): Query<AfterQuery>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let place = place_of_queue(&api, &queue_id);
    let look = |view: &TaskView| shown(view, &queue_id);
    api.read(NAME, place, asked, query.after.as_deref(), look).await
}

fn shown(view: &TaskView, queue_id: &str) -> Result<Response, ApiError> {
    let queue = view::queue(view, queue_id)?.ok_or_else(|| refused(CommandRefusal::UnknownQueue))?;
    Ok(answer::current(&queue))
}
