//! The coupon routes. What they say yes and no to is decided in `topologies/src/coupon`.

mod command;
mod faults;
pub mod holders;
pub mod issue;
pub mod policies;
pub mod requests;

use super::Api;
use super::error::{ApiError, Refused};
use axum::Router;
use axum::routing::{get, post};
use holdfast_model::coupon::inbox_key;
use holdfast_model::coupon::outcome::{Refusal, Status};
use holdfast_ports::place::place_of;

pub(super) fn router() -> Router<Api> {
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

/// What a request is refused for at the intake.
fn refused(refusal: Refusal) -> ApiError {
    let kind = match refusal {
        Refusal::UnknownPolicy => Refused::NotFound,
        Refusal::NoUser | Refusal::BadUser => Refused::Invalid,
        Refusal::System => Refused::Fault,
        Refusal::OutsideWindow | Refusal::AlreadyIssued | Refusal::SoldOut => Refused::Conflict,
    };
    // Clients know the duplicate by the outcome's own name.
    let code = if refusal.status() == Status::DuplicateRequest { refusal.status().as_str() } else { refusal.code() };
    ApiError::Refused { kind, code, detail: refusal.reason(), request_id: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duplicate_is_known_by_the_outcomes_name() {
        let ApiError::Refused { code, kind, .. } = refused(Refusal::AlreadyIssued) else { panic!() };
        assert_eq!((code, kind), ("DUPLICATE_REQUEST", Refused::Conflict));
    }
}
