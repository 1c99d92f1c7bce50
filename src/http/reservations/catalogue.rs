//! Concerts and schedules: created and cancelled by admins through the same log, shown to everybody.

use super::command::{Answer, SeatOrder};
use super::{faults, place_of_id};
use crate::http::admin::{ADMIN, Admin};
use crate::http::error::{ApiError, answer};
use crate::http::execute::{At, Call, Principal, Undecided};
use crate::http::extract::{self, Params, Query};
use crate::http::fields::{both, id, id_if, moment, required};
use crate::http::intake::{AfterQuery, Asked};
use crate::http::{Api, location, openapi};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use holdfast_engine::inspect::TaskView;
use holdfast_model::reservation::NAME;
use holdfast_model::reservation::message::{CancelSchedule, Command, CreateConcert, CreateSchedule, Limits, Seats};
use holdfast_model::reservation::refusal::{CONCERT_NOT_FOUND, Refusal};
use holdfast_model::reservation::row::CommandRow;
use holdfast_model::reservation::waitlist::Policy;
use holdfast_model::schema::one_of;
use holdfast_model::wire::{self, Id, When};
use holdfast_topologies::reservation::view::{self, ConcertView, ScheduleView};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use utoipa::ToSchema;
use utoipa::openapi::Object;

/// A concert to be created.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ConcertBody {
    /// Its id.
    #[schema(value_type = Id<'static>, required = true, example = "concert_1")]
    #[serde(default, deserialize_with = "wire::id_if")]
    concert_id: Option<String>,
    /// What it is called.
    #[schema(value_type = String, required = true, example = "아이유 콘서트")]
    title: Option<String>,
    /// As people write it.
    #[schema(example = "2026-03-15")]
    date: Option<String>,
    /// Instead of `Idempotency-Key`.
    #[schema(value_type = Option<Id<'static>>)]
    #[serde(default, deserialize_with = "wire::id_if")]
    request_id: Option<String>,
}

/// A schedule to be created.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ScheduleBody {
    /// Its id.
    #[schema(value_type = Id<'static>, required = true, example = "schedule_456")]
    #[serde(default, deserialize_with = "wire::id_if")]
    schedule_id: Option<String>,
    /// Of which concert.
    #[schema(value_type = Option<Id<'static>>)]
    #[serde(default, deserialize_with = "wire::id_if")]
    concert_id: Option<String>,
    /// What the concert is called; missing = as `concertId` says.
    concert_title: Option<String>,
    /// As people write it; missing = as `concertId` says.
    date: Option<String>,
    /// When the show begins, RFC 3339 or epoch ms: fees of a cancellation depend on it.
    starts_at: Option<When>,
    /// First moment of the sale, RFC 3339 or epoch ms; missing = at once.
    sale_start: Option<When>,
    /// First moment after the sale, RFC 3339 or epoch ms; missing = never.
    sale_end: Option<When>,
    /// Its seats.
    #[schema(value_type = Seats, required = true)]
    seats: Option<Seats>,
    limits: Option<Limits>,
    /// What becomes of a seat that is released while users wait: it is free for everybody and the first of the list are told (`OPEN`), or it is held for the
    /// head of the list (`OFFER`); missing = `OPEN`.
    #[schema(schema_with = policies)]
    waitlist: Option<String>,
    /// How many waiting users are told of each seat that is free again, 1 to 10000; missing = one.
    #[schema(minimum = 1, maximum = 10000)]
    waitlist_notify: Option<i64>,
    /// Instead of `Idempotency-Key`.
    #[schema(value_type = Option<Id<'static>>)]
    #[serde(default, deserialize_with = "wire::id_if")]
    request_id: Option<String>,
}

fn policies() -> Object {
    one_of(Policy::ALL.map(Policy::as_str))
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CancelBody {
    #[serde(default, deserialize_with = "wire::id_if")]
    request_id: Option<String>,
}

/// Creates a concert. The same again changes nothing; another one under the same id is refused.
#[utoipa::path(post, path = "/api/concerts", tag = "seats", security(("admin" = [])),
    params(openapi::IdempotencyKey),
    request_body = ConcertBody,
    responses(
        (status = 201, description = "The concert", body = ConcertView),
        (status = 202, description = "In the log, not decided within 3 s; the outcome will be at `Location`", body = Undecided<'static>),
        (status = 401, description = "No admin", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "No token is set and the request need not come from a program on the worker's machine (`ADMIN_FORBIDDEN`), or a page of another origin has sent it (`FOREIGN_PAGE`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Another concert has this id", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Wrong value", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was accepted, or nobody knows (`OUTCOME_UNKNOWN`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn create_concert(State(api): State<Api>, _admin: Admin, asked: Asked) -> Result<Response, ApiError> {
    let body: ConcertBody = extract::json(&asked.headers, &asked.body)?;
    let (concert_id, title) = both(id("concertId", body.concert_id), required("title", body.title))?;
    let call = Call { place: place_of_id(&api, &concert_id), route: "POST /api/concerts", request_id: body.request_id };
    let command = Command::CreateConcert(CreateConcert { concert_id: concert_id.clone(), title, date: body.date });
    let created = |view: &TaskView| {
        shown(answer::CREATED, view::concert(view, &concert_id)?, &location::path("/api/concerts", &concert_id))
    };
    api.execute(Principal::Anonymous, asked, call, |_| Ok(order(&concert_id, command, created))).await
}

/// Creates a schedule of a concert, with its seats.
///
/// The same again changes nothing, whatever has been sold since; another one under the same id is refused. Without `concertTitle` it takes the title (and
/// the date) of the concert `concertId`. A sale begins before the show and ends when the show begins at the latest (`SALE_AFTER_SHOW_START`); from
/// `startsAt` on nothing is held or paid, with or without `saleEnd`. Times are RFC 3339 or epoch ms: second 60 and epoch seconds are refused.
#[utoipa::path(post, path = "/api/schedules", tag = "seats", security(("admin" = [])),
    params(openapi::IdempotencyKey),
    request_body = ScheduleBody,
    responses(
        (status = 201, description = "The schedule", body = ScheduleView),
        (status = 202, description = "In the log, not decided within 3 s; the outcome will be at `Location`", body = Undecided<'static>),
        (status = 401, description = "No admin", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "No token is set and the request need not come from a program on the worker's machine (`ADMIN_FORBIDDEN`), or a page of another origin has sent it (`FOREIGN_PAGE`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such concert", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Another schedule has this id", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Wrong value", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was accepted, or nobody knows (`OUTCOME_UNKNOWN`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn create_schedule(State(api): State<Api>, _admin: Admin, asked: Asked) -> Result<Response, ApiError> {
    let body: ScheduleBody = extract::json(&asked.headers, &asked.body)?;
    let ids = both(id("scheduleId", body.schedule_id), id_if("concertId", body.concert_id));
    let sale = both(moment("saleStart", body.sale_start), moment("saleEnd", body.sale_end));
    let times = both(moment("startsAt", body.starts_at), sale);
    let ((ids, seats), times) = both(both(ids, required("seats", body.seats)), times)?;
    let ((schedule_id, concert_id), (starts_at, (sale_start, sale_end))) = (ids, times);
    let (concert_title, date) = match (body.concert_title, &concert_id) {
        (Some(title), _) => (title, body.date),
        (None, Some(concert_id)) => {
            let concert = concert(&api, concert_id).await?;
            (concert.title, body.date.or(concert.date))
        }
        (None, None) => return required("concertTitle", None),
    };
    let call =
        Call { place: place_of_id(&api, &schedule_id), route: "POST /api/schedules", request_id: body.request_id };
    let command = Command::CreateSchedule(CreateSchedule {
        schedule_id: schedule_id.clone(),
        concert_id,
        concert_title,
        date,
        starts_at,
        sale_start,
        sale_end,
        seats,
        limits: body.limits,
        waitlist: body.waitlist,
        waitlist_notify: body.waitlist_notify,
    });
    let created = |view: &TaskView| {
        shown(answer::CREATED, view::schedule(view, &schedule_id)?, &location::path("/api/schedules", &schedule_id))
    };
    api.execute(Principal::Anonymous, asked, call, |_| Ok(order(&schedule_id, command, created))).await
}

/// Cancels a schedule: no more holds, and everything taken comes back in full, some at a time.
#[utoipa::path(post, path = "/api/schedules/{scheduleId}/cancel", tag = "seats", security(("admin" = [])),
    params(("scheduleId" = String, Path), openapi::IdempotencyKey),
    responses(
        (status = 200, description = "The schedule, cancelled; its counts go down as seats come back", body = ScheduleView),
        (status = 202, description = "In the log, not decided within 3 s; the outcome will be at `Location`", body = Undecided<'static>),
        (status = 401, description = "No admin", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "No token is set and the request need not come from a program on the worker's machine (`ADMIN_FORBIDDEN`), or a page of another origin has sent it (`FOREIGN_PAGE`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such schedule", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was accepted, or nobody knows (`OUTCOME_UNKNOWN`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn cancel_schedule(
    State(api): State<Api>,
    _admin: Admin,
    Params(schedule_id): Params<String>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let body: CancelBody = match asked.body.0.is_empty() {
        true => CancelBody::default(),
        false => extract::json(&asked.headers, &asked.body)?,
    };
    let schedule_id = id("scheduleId", Some(schedule_id))?;
    let call = Call {
        place: place_of_id(&api, &schedule_id),
        route: "POST /api/schedules/{scheduleId}/cancel",
        request_id: body.request_id,
    };
    let command = Command::CancelSchedule(CancelSchedule { schedule_id: schedule_id.clone() });
    let cancelled = |view: &TaskView| {
        shown(answer::OK, view::schedule(view, &schedule_id)?, &location::path("/api/schedules", &schedule_id))
    };
    api.execute(Principal::Anonymous, asked, call, |_| Ok(order(&schedule_id, command, cancelled))).await
}

/// An admin's command about the concert or schedule `id`, answered by `done` once it is done.
fn order<D>(id: &str, command: Command, done: D) -> SeatOrder<Administering<D>>
where
    D: Fn(&TaskView) -> Result<Response, ApiError> + Send + Sync,
{
    SeatOrder::new(ADMIN.to_owned(), id.to_owned(), command, Administering(done))
}

/// Answers an admin.
struct Administering<D>(D);

impl<D> Answer for Administering<D>
where
    D: Fn(&TaskView) -> Result<Response, ApiError> + Send + Sync,
{
    type Outcome = CommandRow;

    async fn decided(&self, at: &At<'_>, command: &Command, outcome: CommandRow) -> Result<Response, ApiError> {
        match outcome.refused {
            Some(refusal) => {
                let error =
                    ApiError::refused(refusal.problem(), Some(at.id.clone())).because_of(faults::of(command, refusal));
                Ok(error.into_response())
            }
            None => (self.0)(at.view),
        }
    }
}

fn shown<T: Serialize>(status: StatusCode, row: Option<T>, location: &str) -> Result<Response, ApiError> {
    let mut response = (status, axum::Json(row.ok_or(ApiError::Internal)?)).into_response();
    if status == answer::CREATED
        && let Ok(location) = HeaderValue::try_from(location)
    {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// What a schedule takes from its concert.
#[derive(Debug, Deserialize)]
struct Titled {
    title: String,
    date: Option<String>,
}

/// The concert `concert_id`, wherever it lives.
async fn concert(api: &Api, concert_id: &str) -> Result<Titled, ApiError> {
    let place = place_of_id(api, concert_id);
    // A look-up, so a peer may be asked even by one who was asked himself.
    let found = match api.queries.task(NAME, place) {
        Ok(view) => {
            view::concert(&view, concert_id)?.map(|concert| Titled { title: concert.title, date: concert.date })
        }
        Err(_) => {
            let endpoint = api.owners.endpoint_of(place).filter(|endpoint| *endpoint != api.settings.endpoint);
            let endpoint = endpoint.ok_or(ApiError::PlaceUnavailable { place })?;
            let body = api.peers.read(&endpoint, &[place], &location::path("/api/concerts", concert_id)).await?;
            body.map(|body| serde_json::from_slice(&body).map_err(|_| ApiError::Internal)).transpose()?
        }
    };
    found.ok_or(ApiError::refused(&CONCERT_NOT_FOUND, None))
}

/// A concert.
#[utoipa::path(get, path = "/api/concerts/{concertId}", tag = "seats",
    params(("concertId" = String, Path), AfterQuery),
    responses(
        (status = 200, description = "The concert", body = ConcertView),
        (status = 404, description = "No such concert", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "`after` belongs elsewhere or lies past the end of the inbox (`INVALID_POSITION`), or wrong value", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Its place is not served now", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn show_concert(
    State(api): State<Api>,
    Params(concert_id): Params<String>,
    Query(query): Query<AfterQuery>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let place = place_of_id(&api, &concert_id);
    let look = |view: &TaskView| {
        let concert = view::concert(view, &concert_id)?.ok_or(ApiError::refused(&CONCERT_NOT_FOUND, None))?;
        Ok((answer::OK, axum::Json(concert)).into_response())
    };
    api.read(NAME, place, asked, query.after.as_deref(), look).await
}

/// A schedule and how many of its seats are left.
#[utoipa::path(get, path = "/api/schedules/{scheduleId}", tag = "seats",
    params(("scheduleId" = String, Path), AfterQuery),
    responses(
        (status = 200, description = "The schedule", body = ScheduleView),
        (status = 404, description = "No such schedule", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "`after` belongs elsewhere or lies past the end of the inbox (`INVALID_POSITION`), or wrong value", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Its place is not served now", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn show_schedule(
    State(api): State<Api>,
    Params(schedule_id): Params<String>,
    Query(query): Query<AfterQuery>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let place = place_of_id(&api, &schedule_id);
    let look = |view: &TaskView| {
        let schedule = view::schedule(view, &schedule_id)?
            .ok_or_else(|| ApiError::refused(Refusal::UnknownSchedule.problem(), None))?;
        Ok((answer::OK, axum::Json(schedule)).into_response())
    };
    api.read(NAME, place, asked, query.after.as_deref(), look).await
}

/// Concerts.
#[derive(Serialize, Deserialize, ToSchema)]
struct Concerts {
    #[schema(value_type = Vec<ConcertView>)]
    concerts: Vec<Box<RawValue>>,
}

/// Schedules.
#[derive(Serialize, Deserialize, ToSchema)]
struct Schedules {
    #[schema(value_type = Vec<ScheduleView>)]
    schedules: Vec<Box<RawValue>>,
}

/// All concerts, from all places.
#[utoipa::path(get, path = "/api/concerts", tag = "seats",
    responses(
        (status = 200, description = "The concerts", body = Concerts),
        (status = 503, description = "A place is not served now", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn list_concerts(State(api): State<Api>, asked: Asked) -> Result<Response, ApiError> {
    let mut concerts = Vec::new();
    let of_peers = api.scatter(NAME, &asked, |view| raw(view::concerts(view)?, &mut concerts));
    for body in of_peers.await? {
        concerts.extend(serde_json::from_slice::<Concerts>(&body).map_err(|_| ApiError::Internal)?.concerts);
    }
    Ok((answer::OK, axum::Json(Concerts { concerts })).into_response())
}

/// All schedules, from all places.
#[utoipa::path(get, path = "/api/schedules", tag = "seats",
    responses(
        (status = 200, description = "The schedules", body = Schedules),
        (status = 503, description = "A place is not served now", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn list_schedules(State(api): State<Api>, asked: Asked) -> Result<Response, ApiError> {
    let mut schedules = Vec::new();
    let of_peers = api.scatter(NAME, &asked, |view| raw(view::schedules(view)?, &mut schedules));
    for body in of_peers.await? {
        schedules.extend(serde_json::from_slice::<Schedules>(&body).map_err(|_| ApiError::Internal)?.schedules);
    }
    Ok((answer::OK, axum::Json(Schedules { schedules })).into_response())
}

fn raw<T: Serialize>(rows: Vec<T>, into: &mut Vec<Box<RawValue>>) -> Result<(), ApiError> {
    for row in rows {
        into.push(to_raw_value(&row).map_err(|_| ApiError::Internal)?);
    }
    Ok(())
}
