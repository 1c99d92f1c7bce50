//! Deliveries to the data platform, for operators: what became of one, and payments whose confirmation has not come. They are decided in
//! `topologies/src/data_platform`.

mod deliveries;
mod kept;
mod unconfirmed;

use super::Api;
use super::feature::Feature;
use axum::Router;
use axum::routing::get;
pub(super) use kept::LEDGER;
use utoipa::OpenApi;

/// The feature, for the list.
pub const FEATURE: Feature =
    Feature { router, openapi: Document::openapi, made_up_ids: &["deliveryId"], problem_members: &[] };

#[derive(OpenApi)]
#[openapi(paths(deliveries::delivery, unconfirmed::unconfirmed))]
struct Document;

fn router() -> Router<Api> {
    Router::new()
        .route("/api/data-platform/deliveries/{deliveryId}", get(deliveries::delivery))
        .route("/api/data-platform/unconfirmed", get(unconfirmed::unconfirmed))
}
