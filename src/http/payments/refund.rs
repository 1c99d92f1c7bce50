//! Giving back what was paid for: the reservation is cancelled, and the answer waits until the money is back.

use super::place_of_payment;
use crate::http::error::{ApiError, answer};
use crate::http::execute::{At, Call, Principal, accepted};
use crate::http::extract::{self, Params, Query};
use crate::http::fields;
use crate::http::intake::{Asked, Seen};
use crate::http::reservations::change::UserQuery;
use crate::http::reservations::command::{Answer, SeatOrder, refusal};
use crate::http::{Api, openapi};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use holdfast_engine::inspect::TaskView;
use holdfast_model::payment::outcome::Refusal as WalletRefusal;
use holdfast_model::reservation::PAYMENT_STATES;
use holdfast_model::reservation::message::{Cancel, Command};
use holdfast_model::reservation::refusal::{PAYMENT_NOT_FOUND, Refusal};
use holdfast_model::reservation::row::CommandRow;
use holdfast_model::wire::{self, Id};
use holdfast_topologies::reservation::view::{self, PaymentView};
use serde::Deserialize;
use utoipa::ToSchema;

/// A refund.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RefundBody {
    /// The payer; here or as `?userId=`.
    #[schema(value_type = Option<Id<'static>>)]
    #[serde(default, deserialize_with = "wire::id_if")]
    user_id: Option<String>,
    /// Instead of `Idempotency-Key`.
    #[schema(value_type = Option<Id<'static>>)]
    #[serde(default, deserialize_with = "wire::id_if")]
    request_id: Option<String>,
}

/// Gives back what was paid: cancels the reservation, and the money less the fee of the day returns to the wallet it came from.
///
/// `userId` names the payer, in the body or in the query; a payment of another user is answered like one that does not exist. Asking again changes nothing.
#[utoipa::path(post, path = "/payments/{paymentId}/refund", tag = "money",
    params(("paymentId" = String, Path), UserQuery, openapi::IdempotencyKey),
    request_body = RefundBody,
    responses(
        (status = 200, description = "The money is back", body = PaymentView),
        (status = 202, description = "On its way, not back within 3 s; `Location` shows when", body = PaymentView),
        (status = 404, description = "No such payment of this user", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Nothing was paid (`PAYMENT_NOT_DEBITED`), the wallet does not take it back (`WALLET_LIMIT_EXCEEDED`), not decided yet (`PAYMENT_IN_PROGRESS`), or the show has begun (`CANCEL_TOO_LATE`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "No user is named, or the key was used for another request", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was accepted, or nobody knows (`OUTCOME_UNKNOWN`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn refund(
    State(api): State<Api>,
    Params(payment_id): Params<String>,
    Query(query): Query<UserQuery>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let body: RefundBody = match asked.body.0.is_empty() {
        true => RefundBody::default(),
        false => extract::json(&asked.headers, &asked.body)?,
    };
    let user_id = fields::user_id(body.user_id, query.user_id)?;
    let place = place_of_payment(&api, &payment_id)?;
    let call = Call { place, route: "POST /payments/{paymentId}/refund", request_id: body.request_id };
    let order = |view: &TaskView| {
        let payment = payment_of(view, &payment_id, &user_id)?;
        let key = payment.reservation_id.clone();
        let command = Command::Cancel(Cancel { reservation_id: payment.reservation_id, user_id: user_id.clone() });
        Ok(SeatOrder::new(user_id, key, command, Refunding { payment_id, status: payment.status }))
    };
    api.execute(Principal::Anonymous, asked, call, order).await
}

/// The payment, if `user_id` has paid it.
fn payment_of(view: &TaskView, payment_id: &str, user_id: &str) -> Result<PaymentView, ApiError> {
    let payment = view::payment(view, payment_id)?.ok_or(ApiError::refused(&PAYMENT_NOT_FOUND, None))?;
    let reservation = view::reservation(view, &payment.reservation_id)?;
    let payer = reservation.map(|reservation| reservation.user_id);
    if payer.as_deref() == Some(user_id) { Ok(payment) } else { Err(ApiError::refused(&PAYMENT_NOT_FOUND, None)) }
}

/// Why the reservation was not cancelled; `None`: it is.
struct Cancelled(Option<Refusal>);

impl From<CommandRow> for Cancelled {
    fn from(row: CommandRow) -> Self {
        Self(row.refused)
    }
}

/// Answers a refund.
struct Refunding {
    payment_id: String,
    /// What the payment is before the command.
    status: &'static str,
}

impl Answer for Refunding {
    type Outcome = Cancelled;

    fn foresee(&self, _: &TaskView) -> Result<Option<Cancelled>, ApiError> {
        match self.status {
            "SUCCESS" => Ok(None),
            // Asked for before, by whatever way.
            "CANCELLED" => Ok(Some(Cancelled(None))),
            "FAILED" => Err(ApiError::refused(WalletRefusal::NotDebited.problem(), None)),
            _ => Err(ApiError::refused(Refusal::PaymentUnderWay.problem(), None)),
        }
    }

    /// The reservation is cancelled, and the money on its way back: it is waited for.
    async fn decided(&self, at: &At<'_>, _: &Command, outcome: Cancelled) -> Result<Response, ApiError> {
        if let Cancelled(Some(refused)) = outcome {
            return Ok(refusal(refused, at));
        }
        let look = || {
            let payment =
                view::payment(at.view, &self.payment_id)?.ok_or(ApiError::refused(&PAYMENT_NOT_FOUND, None))?;
            let is_over = payment.refunded || payment.refund_code.is_some();
            Ok(if is_over { Seen::Decided(payment) } else { Seen::Pending(payment) })
        };
        let payment = at.api.watch_row(at.view, &PAYMENT_STATES, &self.payment_id, at.left(), look).await?;
        if payment.refunded {
            return Ok((answer::OK, axum::Json(payment)).into_response());
        }
        // The seat is given back and the money is not: an operator sees to it.
        if payment.refund_code.is_some() {
            return Ok(super::failed(payment.refund_code.as_deref(), &self.payment_id).into_response());
        }
        Ok(accepted(&payment, &format!("/payments/{}", self.payment_id), at))
    }
}
