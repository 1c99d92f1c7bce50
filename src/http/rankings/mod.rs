//! The ranking routes: which schedules sell most, and which were sold out fastest. Every place answers for its own schedules with its best; the best of all
//! are merged here. What is counted, and when, is decided in `topologies/src/ranking`.

pub mod metrics;
mod popular;
mod sold_out;

use super::Api;
use super::feature::Feature;
use axum::Router;
use axum::routing::get;
use utoipa::OpenApi;

/// Schedules of an answer when the client does not say.
const LIMIT: usize = 10;
/// Most schedules of an answer.
const LIMIT_MAX: usize = 100;

/// The feature, for the list.
pub const FEATURE: Feature = Feature { router, openapi: Document::openapi, made_up_ids: &[], problem_members: &[] };

#[derive(OpenApi)]
#[openapi(
    paths(popular::popular, sold_out::sold_out),
    tags((name = "rankings", description = "What sells most, and what was sold out fastest")),
)]
struct Document;

fn router() -> Router<Api> {
    Router::new()
        .route("/api/rankings/popular", get(popular::popular))
        .route("/api/rankings/sold-out", get(sold_out::sold_out))
}
