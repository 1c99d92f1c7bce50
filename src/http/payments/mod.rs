//! Payments for reservations. A payment is decided in three steps, perhaps on three replicas: the reservation grants it, the payer's wallet pays, the
//! reservation is confirmed. Whoever waits for it waits at the reservation's place, where the first and the last are.
//!
//! The id of a payment is the id of the command that asks for it, so one id tells both what was granted and why it was not.

pub mod pay;
pub mod refund;
pub mod status;

use super::Api;
use super::error::{ApiError, Refused};
use super::reservations;
use axum::Router;
use axum::routing::{get, post};
use holdfast_model::coupon::command_outcome::CommandRefusal;
use holdfast_model::payment::outcome::Refusal as WalletRefusal;
use holdfast_model::reservation::ids;
use holdfast_model::reservation::refusal::Refusal;

pub(super) fn router() -> Router<Api> {
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
    ids::payment_place(id).filter(|place| *place < api.settings.places).ok_or(ApiError::PaymentNotFound)
}

/// Why a payment that was granted has failed, as an answer: whoever refused it has given it his code.
fn failed(code: Option<&str>, payment_id: &str) -> ApiError {
    let request_id = Some(payment_id.to_owned());
    let of = |kind, code, detail| ApiError::Refused { kind, code, detail, request_id: request_id.clone() };
    if let Some(refusal) = Refusal::ALL.into_iter().find(|refusal| Some(refusal.code()) == code) {
        return reservations::refused(refusal, request_id);
    }
    let wallet = WalletRefusal::ALL.into_iter().find(|refusal| Some(refusal.code()) == code);
    let coupon = CommandRefusal::ALL.into_iter().find(|refusal| Some(refusal.code()) == code);
    match (wallet, coupon) {
        (Some(refusal), _) => of(wallet_kind(refusal), refusal.code(), refusal.reason()),
        (None, Some(CommandRefusal::UnknownCoupon)) => {
            let refusal = CommandRefusal::UnknownCoupon;
            of(Refused::NotFound, refusal.code(), refusal.reason())
        }
        (None, Some(refusal)) => of(Refused::Conflict, refusal.code(), refusal.reason()),
        (None, None) => of(Refused::Conflict, "PAYMENT_REFUSED", "결제가 거절되었습니다."),
    }
}

/// What kind of no a wallet says.
pub(super) fn wallet_kind(refusal: WalletRefusal) -> Refused {
    match refusal {
        WalletRefusal::InsufficientPoints => Refused::Unpaid,
        WalletRefusal::UnknownPayment => Refused::NotFound,
        WalletRefusal::WalletFull | WalletRefusal::NotDebited | WalletRefusal::AlreadyRefunded => Refused::Conflict,
        WalletRefusal::System => Refused::Fault,
        _ => Refused::Invalid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_refuses_is_heard() {
        let kind = |code| match failed(code, "pay_0_1") {
            ApiError::Refused { kind, code, .. } => (kind, code),
            other => panic!("{other:?}"),
        };
        assert_eq!(kind(Some("INSUFFICIENT_POINTS")), (Refused::Unpaid, "INSUFFICIENT_POINTS"));
        assert_eq!(kind(Some("AMOUNT_MISMATCH")), (Refused::Invalid, "AMOUNT_MISMATCH"));
        assert_eq!(kind(Some("COUPON_NOT_USABLE")), (Refused::Conflict, "COUPON_NOT_USABLE"));
        assert_eq!(kind(Some("REFUSED")), (Refused::Conflict, "PAYMENT_REFUSED"));
        assert_eq!(kind(None), (Refused::Conflict, "PAYMENT_REFUSED"));
    }
}
