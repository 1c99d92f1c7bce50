//! Sales: created and adjusted by admins through the same log, shown to everybody.

use super::{place_of_sale, refused};
use crate::http::admin::{ADMIN, Admin};
use crate::http::error::{ApiError, answer};
use crate::http::execute::{Call, CommandOrder, Principal, Undecided};
use crate::http::extract::{self, Params, Query};
use crate::http::fields::{both, id, moment, required};
use crate::http::intake::{AfterQuery, Asked};
use crate::http::{Api, location, openapi};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use holdfast_engine::inspect::TaskView;
use holdfast_model::timesale::NAME;
use holdfast_model::timesale::command_outcome::CommandRefusal;
use holdfast_model::timesale::message::{AdjustStock, Command, CreateSale};
use holdfast_model::wire::{self, Id};
use holdfast_topologies::timesale::view::{self, SaleView};
use serde::Deserialize;
use utoipa::ToSchema;

/// More units, or fewer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TimeSaleAdjustment)]
pub(crate) struct AdjustBody {
    /// How many more; negative = fewer, never below what is sold.
    #[schema(value_type = i64, required = true, example = 10)]
    by: Option<i64>,
    /// Instead of `Idempotency-Key`.
    #[schema(value_type = Option<Id<'static>>)]
    #[serde(default, deserialize_with = "wire::id_if")]
    request_id: Option<String>,
}

/// Creates a sale. The same command again changes nothing; another sale under the same id is refused.
#[utoipa::path(post, path = "/api/timesales", tag = "time sales", security(("admin" = [])),
    params(openapi::IdempotencyKey),
    request_body = CreateSale,
    responses(
        (status = 201, description = "The sale", body = SaleView),
        (status = 202, description = "In the log, not decided within 3 s", body = Undecided<'static>),
        (status = 401, description = "No admin", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "No token is set and the request need not come from a program on the worker's machine (`ADMIN_FORBIDDEN`), or a page of another origin has sent it (`FOREIGN_PAGE`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Another sale has this id", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Terms that make no sense", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was accepted, or nobody knows (`OUTCOME_UNKNOWN`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn create(State(api): State<Api>, _admin: Admin, asked: Asked) -> Result<Response, ApiError> {
    let mut wanted: CreateSale = extract::json(&asked.headers, &asked.body)?;
    let times = both(moment("startTime", wanted.start_time), moment("endTime", wanted.end_time));
    let (time_sale_id, _) = both(id("timeSaleId", Some(wanted.time_sale_id.clone())), times)?;
    let place = place_of_sale(&api, &time_sale_id);
    let call = Call { place, route: "POST /api/timesales", request_id: wanted.request_id.take() };
    wanted.event_id = None;
    let done = |view: &TaskView| {
        let mut response = shown(view, &time_sale_id, answer::CREATED)?;
        if let Ok(location) = HeaderValue::try_from(location::path("/api/timesales", &time_sale_id)) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        Ok(response)
    };
    let (key, command) = (time_sale_id.clone(), Command::CreateSale(wanted));
    let order = CommandOrder { user: ADMIN.to_owned(), key, command, done };
    api.execute(Principal::Anonymous, asked, call, |_| Ok(order)).await
}

/// Adds units to a sale, or takes back what is not sold.
#[utoipa::path(post, path = "/api/timesales/{timeSaleId}/stock", tag = "time sales", security(("admin" = [])),
    params(("timeSaleId" = String, Path), openapi::IdempotencyKey),
    request_body = AdjustBody,
    responses(
        (status = 200, description = "The sale", body = SaleView),
        (status = 202, description = "In the log, not decided within 3 s", body = Undecided<'static>),
        (status = 401, description = "No admin", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "No token is set and the request need not come from a program on the worker's machine (`ADMIN_FORBIDDEN`), or a page of another origin has sent it (`FOREIGN_PAGE`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such sale", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Less than what is sold", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Wrong value", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was accepted, or nobody knows (`OUTCOME_UNKNOWN`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn adjust(
    State(api): State<Api>,
    _admin: Admin,
    Params(time_sale_id): Params<String>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let body: AdjustBody = extract::json(&asked.headers, &asked.body)?;
    let time_sale_id = id("timeSaleId", Some(time_sale_id))?;
    let by = required("by", body.by)?;
    let place = place_of_sale(&api, &time_sale_id);
    let call = Call { place, route: "POST /api/timesales/{timeSaleId}/stock", request_id: body.request_id };
    let wanted = AdjustStock { event_id: None, request_id: None, time_sale_id: time_sale_id.clone(), by };
    let done = |view: &TaskView| shown(view, &time_sale_id, answer::OK);
    let (key, command) = (time_sale_id.clone(), Command::AdjustStock(wanted));
    let order = CommandOrder { user: ADMIN.to_owned(), key, command, done };
    api.execute(Principal::Anonymous, asked, call, |_| Ok(order)).await
}

/// A sale and its stock.
#[utoipa::path(get, path = "/api/timesales/{timeSaleId}", tag = "time sales",
    params(("timeSaleId" = String, Path), AfterQuery),
    responses(
        (status = 200, description = "The sale", body = SaleView),
        (status = 404, description = "No such sale", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "`after` belongs elsewhere or lies past the end of the inbox (`INVALID_POSITION`), or wrong value", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Its place is not served now", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn show(
    State(api): State<Api>,
    Params(time_sale_id): Params<String>,
    Query(query): Query<AfterQuery>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let place = place_of_sale(&api, &time_sale_id);
    let look = |view: &TaskView| shown(view, &time_sale_id, answer::OK);
    api.read(NAME, place, asked, query.after.as_deref(), look).await
}

fn shown(view: &TaskView, time_sale_id: &str, done: StatusCode) -> Result<Response, ApiError> {
    let sale = view::sale(view, time_sale_id)?.ok_or_else(|| refused(CommandRefusal::UnknownSale))?;
    Ok((done, axum::Json(sale)).into_response())
}
