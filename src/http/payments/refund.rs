//! Giving back what was paid for: the reservation is cancelled, and the answer waits until the money is back.

use super::place_of_payment;
use crate::http::carry::{Carried, Identity, accepted, marked};
use crate::http::error::{ApiError, answer};
use crate::http::extract::{self, Params, Query};
use crate::http::fields;
use crate::http::intake::{Asked, DECISION_MAX, Owner, Seen};
use crate::http::reservations::change::UserQuery;
use crate::http::{Api, idempotency, openapi, reservations};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use holdfast_engine::inspect::TaskView;
use holdfast_model::payment::outcome::Refusal as WalletRefusal;
use holdfast_model::reservation::message::{Cancel, Command};
use holdfast_model::reservation::refusal::Refusal;
use holdfast_model::reservation::{COMMANDS, NAME, PAYMENT_STATES};
use holdfast_model::wire;
use holdfast_topologies::reservation::view::{self, PaymentView};
use serde::Deserialize;
use std::time::Duration;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RefundBody {
    #[serde(default, deserialize_with = "wire::id_if")]
    user_id: Option<String>,
    #[serde(default, deserialize_with = "wire::id_if")]
    request_id: Option<String>,
}

/// Gives back what was paid: cancels the reservation, and the money less the fee of the day returns to the wallet it came from.
///
/// `userId` names the payer, in the body or in the query; a payment of another user is answered like one that does not exist. Asking again changes nothing.
#[utoipa::path(post, path = "/payments/{paymentId}/refund", tag = "money",
    params(("paymentId" = String, Path), UserQuery, openapi::IdempotencyKey),
    request_body = openapi::money::RefundBody,
    responses(
        (status = 200, description = "The money is back", body = openapi::money::Payment),
        (status = 202, description = "On its way, not back within 3 s; `Location` shows when", body = openapi::money::Payment),
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
    let view = match api.owner(NAME, place, &asked)? {
        Owner::Here(view) => view,
        Owner::There(endpoint) => return api.peers.ask(&endpoint, place, asked).await,
    };
    let key = idempotency::key(&asked.headers, body.request_id.as_deref())?;
    let keyed = key.is_some();
    let payment = payment_of(&view, &payment_id, &user_id)?;
    let refunding = Refunding { api: &api, view: &view, payment_id: &payment_id };
    let route = "POST /payments/{paymentId}/refund";
    let id = reservations::command_id(&api, &view, &asked, &Identity { principal: &user_id, route, key }).await?;
    let is_known = keyed && view.get(&COMMANDS, &id)?.is_some();
    match payment.status {
        "SUCCESS" => {}
        // Asked again under its key: it is compared with what was asked then, and answered as a repetition.
        "CANCELLED" if is_known => {}
        // Asked for before, by whatever way.
        "CANCELLED" => return refunding.answer(None, DECISION_MAX).await,
        "FAILED" => {
            let refusal = WalletRefusal::NotDebited;
            let kind = super::wallet_kind(refusal);
            return Err(ApiError::Refused { kind, code: refusal.code(), detail: refusal.reason(), request_id: None });
        }
        _ => return Err(reservations::refused(Refusal::PaymentUnderWay, None)),
    }
    let reservation_id = payment.reservation_id;
    let command = Command::Cancel(Cancel { reservation_id: reservation_id.clone(), user_id });
    let begun_us = api.clock.monotonic_us();
    match reservations::carry_out(&api, &view, &asked, &reservation_id, &id, keyed, command).await? {
        Carried::Undecided { offset, moved } => Ok(reservations::undecided(&id, &view, offset, moved)),
        Carried::Decided { outcome, replayed, offset } => {
            if let Some(refusal) = outcome.refused {
                return Ok(marked(reservations::refused(refusal, Some(id)).into_response(), &view, offset, replayed));
            }
            let gone = Duration::from_micros(api.clock.monotonic_us().saturating_sub(begun_us));
            let response = refunding.answer(offset, DECISION_MAX.saturating_sub(gone)).await;
            let response =
                response.or_else(|error| match offset.map(|at| (at, error.clone().after_append(&id, place, at))) {
                    Some((offset, moved @ ApiError::Moved { .. })) => {
                        Ok(reservations::undecided(&id, &view, offset, Some(moved)))
                    }
                    _ => Err(error),
                })?;
            Ok(marked(response, &view, offset, replayed))
        }
    }
}

/// The payment, if `user_id` has paid it.
fn payment_of(view: &TaskView, payment_id: &str, user_id: &str) -> Result<PaymentView, ApiError> {
    let payment = view::payment(view, payment_id)?.ok_or(ApiError::PaymentNotFound)?;
    let reservation = view::reservation(view, &payment.reservation_id)?;
    let payer = reservation.map(|reservation| reservation.user_id);
    if payer.as_deref() == Some(user_id) { Ok(payment) } else { Err(ApiError::PaymentNotFound) }
}

/// Money on its way back.
struct Refunding<'a> {
    api: &'a Api,
    view: &'a TaskView,
    payment_id: &'a String,
}

impl Refunding<'_> {
    async fn answer(&self, offset: Option<i64>, left: Duration) -> Result<Response, ApiError> {
        let look = || {
            let payment = view::payment(self.view, self.payment_id)?.ok_or(ApiError::PaymentNotFound)?;
            let is_over = payment.refunded || payment.refund_code.is_some();
            Ok(if is_over { Seen::Decided(payment) } else { Seen::Pending(payment) })
        };
        let payment = self.api.watch_row(self.view, &PAYMENT_STATES, self.payment_id, left, look).await?;
        if payment.refunded {
            return Ok((answer::OK, axum::Json(payment)).into_response());
        }
        // The seat is given back and the money is not: an operator sees to it.
        if payment.refund_code.is_some() {
            return Ok(super::failed(payment.refund_code.as_deref(), self.payment_id).into_response());
        }
        let path = format!("/payments/{}", self.payment_id);
        Ok(accepted(&payment, &path, self.view, offset, None))
    }
}
