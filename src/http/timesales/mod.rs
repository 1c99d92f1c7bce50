//! The time-sale routes. What they say yes and no to is decided in `topologies/src/timesale`.

mod command;
mod faults;
mod kept;
pub mod orders;
pub mod sales;

use super::Api;
use super::error::ApiError;
use super::feature::Feature;
use axum::Router;
use axum::routing::{get, post};
use holdfast_engine::prelude::place_of;
use holdfast_model::timesale::command_outcome::CommandRefusal;
use holdfast_model::timesale::order_id;
pub(super) use kept::KEPT;
use utoipa::OpenApi;

/// The feature, for the list.
pub const FEATURE: Feature =
    Feature { router, openapi: Document::openapi, made_up_ids: &["timeSaleId"], problem_members: &[] };

#[derive(OpenApi)]
#[openapi(
    paths(sales::create, sales::show, sales::adjust, orders::order, orders::show, orders::cancel),
    tags((name = "time sales", description = "Units of one product for a while, in the order of the orders")),
)]
struct Document;

fn router() -> Router<Api> {
    Router::new()
        .route("/api/timesales", post(sales::create))
        .route("/api/timesales/{timeSaleId}", get(sales::show))
        .route("/api/timesales/{timeSaleId}/stock", post(sales::adjust))
        .route("/api/timesales/{timeSaleId}/orders", post(orders::order))
        .route("/api/timesales/orders/{orderId}", get(orders::show).delete(orders::cancel))
}

/// The place that decides about a sale.
fn place_of_sale(api: &Api, time_sale_id: &str) -> u32 {
    place_of(time_sale_id.as_bytes(), api.settings.places)
}

/// The place that decides about an order.
///
/// # Errors
/// 404 for an id that no order of this app can have.
fn place_of_order(api: &Api, order_id: &str) -> Result<u32, ApiError> {
    order_id::place(order_id)
        .filter(|place| *place < api.settings.places)
        .ok_or_else(|| refused(CommandRefusal::UnknownOrder))
}

fn refused(refusal: CommandRefusal) -> ApiError {
    ApiError::refused(refusal.problem(), None)
}
