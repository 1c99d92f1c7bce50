//! `GET /api/data-platform/unconfirmed`.

use crate::http::admin::Admin;
use crate::http::error::answer;
use crate::http::{Api, openapi};
use crate::unconfirmed::Pass;
use axum::extract::State;
use axum::response::Response;
use holdfast_model::rfc3339;
use holdfast_topologies::data_platform::view::DeliveryView;
use serde::Serialize;
use utoipa::ToSchema;

/// Answer of `GET /api/data-platform/unconfirmed`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Unconfirmed {
    /// How many there are in all places below.
    unconfirmed_payments: u64,
    /// Each place of this replica that has been passed.
    places: Vec<UnconfirmedOfPlace>,
}

/// Of one place.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UnconfirmedOfPlace {
    place: u32,
    /// When its ledger was passed last.
    at: String,
    /// How many there were.
    unconfirmed_payments: u64,
    /// The first 100 of them.
    items: Vec<DeliveryView>,
}

/// Payments that have been without a confirmation for a minute or longer, as this replica has found them in its places: each is refunded, or an operator has
/// to look at it.
#[utoipa::path(get, path = "/api/data-platform/unconfirmed", tag = "operations", security(("admin" = [])),
    responses(
        (status = 200, description = "As the last pass over the ledger has found it", body = Unconfirmed),
        (status = 401, description = "No admin", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "No token is set and the request need not come from a program on the worker's machine (`ADMIN_FORBIDDEN`), or a page of another origin has sent it (`FOREIGN_PAGE`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn unconfirmed(State(api): State<Api>, _admin: Admin) -> Response {
    let passes = api.unconfirmed.passes();
    let unconfirmed_payments = passes.values().map(|pass| pass.count).sum();
    let of_place = |(place, Pass { at_ms, count, named })| UnconfirmedOfPlace {
        place,
        at: rfc3339::to_string(at_ms),
        unconfirmed_payments: count,
        items: named,
    };
    answer::current(&Unconfirmed { unconfirmed_payments, places: passes.into_iter().map(of_place).collect() })
}
