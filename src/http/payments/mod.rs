//! Payments for reservations. A payment is decided in three steps, perhaps on three replicas: the reservation grants it, the payer's wallet pays, the
//! reservation is confirmed. Whoever waits for it waits at the reservation's place, where the first and the last are.
//!
//! The id of a payment is the id of the command that asks for it, so one id tells both what was granted and why it was not.

pub mod pay;
pub mod refund;
pub mod status;

use super::Api;
use super::error::ApiError;
use super::feature::Feature;
use axum::Router;
use axum::routing::{get, post};
use holdfast_model::coupon::command_outcome::CommandRefusal;
use holdfast_model::payment::outcome::Refusal as WalletRefusal;
use holdfast_model::reservation::ids;
use holdfast_model::reservation::refusal::{PAYMENT_NOT_FOUND, PAYMENT_REFUSED, Refusal};
use utoipa::OpenApi;

/// The feature, for the list.
pub const FEATURE: Feature = Feature {
    router,
    openapi: Document::openapi,
    made_up_ids: &[],
    problem_members: &[("paymentId", "The payment that stands in the way, of `PAYMENT_CONFLICT`.")],
};

#[derive(OpenApi)]
#[openapi(
    paths(
        pay::pay, status::show, refund::refund,
    ),
    tags((name = "money", description = "Payments and wallets, in whole won")),
)]
struct Document;

fn router() -> Router<Api> {
    Router::new()
        .route("/payments", post(pay::pay))
        .route("/payments/{paymentId}", get(status::show))
        .route("/payments/{paymentId}/refund", post(refund::refund))
}

/// The place that decides about a payment: its reservation's.
///
/// # Errors
/// 404 for an id that no payment of this app can have.
fn place_of_payment(api: &Api, id: &str) -> Result<u32, ApiError> {
    ids::payment_place(id)
        .filter(|place| *place < api.settings.places)
        .ok_or(ApiError::refused(&PAYMENT_NOT_FOUND, None))
}

/// Why a payment that was granted has failed, as an answer: the topology that has refused it has given its code.
fn failed(code: Option<&str>, payment_id: &str) -> ApiError {
    let of_reservations = Refusal::ALL.into_iter().map(Refusal::problem);
    let of_wallets = WalletRefusal::ALL.into_iter().map(WalletRefusal::problem);
    let of_coupons = CommandRefusal::ALL.into_iter().map(CommandRefusal::problem);
    let known = of_reservations.chain(of_wallets).chain(of_coupons).find(|problem| Some(problem.code) == code);
    ApiError::refused(known.unwrap_or(&PAYMENT_REFUSED), Some(payment_id.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_model::problem::Class;

    #[test]
    fn the_topology_that_refuses_gives_the_code() {
        let kind = |code| match failed(code, "pay_0_1") {
            ApiError::Refused { problem, .. } => (problem.class, problem.code),
            other => panic!("{other:?}"),
        };
        assert_eq!(kind(Some("INSUFFICIENT_POINTS")), (Class::Unpaid, "INSUFFICIENT_POINTS"));
        assert_eq!(kind(Some("AMOUNT_MISMATCH")), (Class::Invalid, "AMOUNT_MISMATCH"));
        assert_eq!(kind(Some("COUPON_NOT_USABLE")), (Class::Conflict, "COUPON_NOT_USABLE"));
        assert_eq!(kind(Some("COUPON_NOT_FOUND")), (Class::NotFound, "COUPON_NOT_FOUND"));
        assert_eq!(kind(Some("REFUSED")), (Class::Conflict, "PAYMENT_REFUSED"));
        assert_eq!(kind(None), (Class::Conflict, "PAYMENT_REFUSED"));
    }
}
