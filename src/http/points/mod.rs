//! Wallets: points are charged, shown and accounted for. All of a user lies in the place of his id; money is moved in `topologies/src/payment`.

pub mod charge;
mod kept;
pub mod wallet;

use super::Api;
use super::feature::Feature;
use axum::Router;
use axum::routing::{get, post};
pub(super) use kept::KEPT;
use utoipa::OpenApi;

/// The feature, for the list.
pub const FEATURE: Feature = Feature { router, openapi: Document::openapi, made_up_ids: &[], problem_members: &[] };

#[derive(OpenApi)]
#[openapi(paths(charge::charge, charge::show, wallet::balance, wallet::statement))]
struct Document;

fn router() -> Router<Api> {
    Router::new()
        .route("/api/points/charge", post(charge::charge))
        .route("/api/points/charges/{requestId}", get(charge::show))
        .route("/api/points/balance", get(wallet::balance))
        .route("/api/points/statement", get(wallet::statement))
}
