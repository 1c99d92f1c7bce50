//! `GET /api/data-platform/deliveries/{deliveryId}`.

use crate::http::admin::Admin;
use crate::http::error::{ApiError, answer};
use crate::http::extract::Params;
use crate::http::intake::Asked;
use crate::http::{Api, openapi};
use axum::extract::State;
use axum::response::Response;
use holdfast_engine::inspect::TaskView;
use holdfast_model::data_platform::NAME;
use holdfast_model::data_platform::problem::UNKNOWN_DELIVERY;
use holdfast_topologies::data_platform::view::{self, DeliveryView};

/// What became of the delivery of one reservation.
#[utoipa::path(get, path = "/api/data-platform/deliveries/{deliveryId}", tag = "operations", security(("admin" = [])),
    params(("deliveryId" = String, Path, description = "The reservation's id")),
    responses(
        (status = 200, description = "The delivery, as the ledger has it", body = DeliveryView),
        (status = 401, description = "No admin", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "No token is set and the request need not come from a program on the worker's machine (`ADMIN_FORBIDDEN`), or a page of another origin has sent it (`FOREIGN_PAGE`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Neither a payment nor a confirmation of this reservation is known, or not any more (`DELIVERY_NOT_FOUND`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The place of the reservation's id is not served now", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn delivery(
    State(api): State<Api>,
    _admin: Admin,
    Params(id): Params<String>,
    asked: Asked,
) -> Result<Response, ApiError> {
    // Whatever its id looks like: another producer may have confirmed it.
    let place = api.place_of(&id);
    let look = |view: &TaskView| match view::delivery(view, &id)? {
        Some(delivery) => Ok(answer::current(&delivery)),
        None => Err(ApiError::refused(&UNKNOWN_DELIVERY, None)),
    };
    api.read(NAME, place, asked, None, look).await
}
