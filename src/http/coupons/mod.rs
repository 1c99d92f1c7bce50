//! The coupon routes. What they say yes and no to is decided in `topologies/src/coupon`.

mod command;
mod faults;
pub mod holders;
pub mod issue;
mod kept;
pub mod policies;
pub mod requests;

use super::Api;
use super::error::ApiError;
use super::feature::Feature;
use axum::Router;
use axum::routing::{get, post};
use holdfast_model::coupon::inbox_key;
use holdfast_model::coupon::outcome::{DUPLICATE_REQUEST, Refusal};
use holdfast_ports::place::place_of;
pub(super) use kept::KEPT;
use utoipa::OpenApi;

/// The feature, for the list.
pub const FEATURE: Feature =
    Feature { router, openapi: Document::openapi, made_up_ids: &["policyId", "userId"], problem_members: &[] };

#[derive(OpenApi)]
#[openapi(
    paths(
        holders::coupons_of_user, holders::use_coupon, issue::issue, issue::issue_by_path, policies::create, policies::list, policies::show,
        policies::adjust, requests::show,
    ),
    tags((name = "coupons", description = "First-come coupons")),
)]
struct Document;

fn router() -> Router<Api> {
    Router::new()
        .route("/api/coupons/policies", post(policies::create).get(policies::list))
        .route("/api/coupons/policies/{policyId}", get(policies::show))
        .route("/api/coupons/policies/{policyId}/stock", post(policies::adjust))
        .route("/api/coupons/issue", post(issue::issue))
        .route("/api/coupons/{couponId}/issue", post(issue::issue_by_path))
        .route("/api/coupons/requests/{requestId}", get(requests::show))
        .route("/api/coupons/users/{userId}", get(holders::coupons_of_user))
        .route("/api/coupons/{couponId}/use", post(holders::use_coupon))
}

/// The key of a policy in the inbox, and the place that decides about it.
fn key_and_place(api: &Api, policy_id: &str) -> (String, u32) {
    let key = inbox_key(policy_id);
    let place = place_of(key.as_bytes(), api.settings.places);
    (key, place)
}

/// What a request is refused for before the append.
fn refused(refusal: Refusal) -> ApiError {
    let problem = match refusal {
        Refusal::AlreadyIssued => &DUPLICATE_REQUEST,
        refusal => refusal.problem(),
    };
    ApiError::refused(problem, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_model::problem::Class;

    #[test]
    fn a_duplicate_is_known_by_the_outcomes_name() {
        let ApiError::Refused { problem, .. } = refused(Refusal::AlreadyIssued) else { panic!() };
        assert_eq!((problem.code, problem.class), ("DUPLICATE_REQUEST", Class::Conflict));
    }
}
