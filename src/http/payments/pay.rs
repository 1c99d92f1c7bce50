//! Paying for a reservation: the answer waits for the wallet and for the reservation, for at most 3 s in all.

use super::{failed, place_of_payment};
use crate::http::carry::{Carried, Identity, accepted, marked};
use crate::http::error::{ApiError, answer};
use crate::http::extract;
use crate::http::fields::{both, id, id_if, required};
use crate::http::intake::{Asked, DECISION_MAX, Owner, Seen};
use crate::http::reservations::{self, PENDING};
use crate::http::{Api, idempotency, openapi};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use holdfast_engine::inspect::TaskView;
use holdfast_model::reservation::message::{Command, Pay};
use holdfast_model::reservation::refusal::Refusal;
use holdfast_model::reservation::row::CommandRow;
use holdfast_model::reservation::{COMMANDS, NAME, PAYMENT_STATES, RESERVATIONS, ids};
use holdfast_model::wire;
use holdfast_topologies::reservation::view::{self, PaymentView};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// For the scope of idempotency keys.
const ROUTE: &str = "POST /payments";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PayBody {
    #[serde(default, deserialize_with = "wire::id_if")]
    reservation_id: Option<String>,
    amount: Option<i64>,
    #[serde(default, deserialize_with = "wire::id_if")]
    user_id: Option<String>,
    #[serde(default, deserialize_with = "wire::id_if")]
    coupon_id: Option<String>,
    #[serde(default, deserialize_with = "wire::id_if")]
    request_id: Option<String>,
}

/// S0-32, and for what it was.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Paid<'a> {
    payment_id: &'a str,
    status: &'static str,
    reservation_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<u64>,
}

/// Pays for a reservation from its user's points.
///
/// `amount` is what is owed, in KRW: the price less what the coupon takes off. Without `userId` the reservation's user pays; with it, it must be his. A
/// payment that is refused leaves the hold as it was, with its deadline. The same `Idempotency-Key` is the same payment and is answered the same; another
/// payment for the reservation is refused, and with `userId` it is told the first one's `paymentId`.
#[utoipa::path(post, path = "/payments", tag = "money",
    params(openapi::IdempotencyKey),
    request_body = openapi::money::PayBody,
    responses(
        (status = 200, description = "It is paid and the reservation is confirmed", body = openapi::money::Paid),
        (status = 202, description = "Not decided within 3 s; what becomes of it will be at `Location`", body = openapi::money::Paid),
        (status = 402, description = "The wallet holds less (`INSUFFICIENT_POINTS`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such reservation of this user", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Another payment is under way or done (`PAYMENT_CONFLICT`; with `userId` in the request, with its `paymentId`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 410, description = "The hold is over (`RESERVATION_EXPIRED`) or was given back, or the show has begun (`SHOW_ALREADY_STARTED`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Not what is owed (`AMOUNT_MISMATCH`), wrong value, or the key was used for another request", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was accepted, or nobody knows (`OUTCOME_UNKNOWN`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn pay(State(api): State<Api>, asked: Asked) -> Result<Response, ApiError> {
    let body: PayBody = extract::json(&asked.headers, &asked.body)?;
    let wanted = both(id("reservationId", body.reservation_id), required("amount", body.amount));
    let persons = both(id_if("userId", body.user_id), id_if("couponId", body.coupon_id));
    let ((reservation_id, amount), (user_id, coupon_id)) = both(wanted, persons)?;
    let parsed = ids::parse_reservation(&reservation_id).filter(|(place, _)| *place < api.settings.places);
    let (place, serial) = parsed.ok_or_else(|| reservations::refused(Refusal::UnknownReservation, None))?;
    let view = match api.owner(NAME, place, &asked)? {
        Owner::Here(view) => view,
        Owner::There(endpoint) => return api.peers.ask(&endpoint, place, asked).await,
    };
    let key = idempotency::key(&asked.headers, body.request_id.as_deref())?;
    let keyed = key.is_some();
    // Whoever pays without saying who he is pays as the reservation's user, and so does his key.
    let owner = view.get(&RESERVATIONS, &serial)?.map(|row| row.user_id);
    let principal = user_id.as_ref().or(owner.as_ref()).unwrap_or(&reservation_id);
    let payment_id = payment_id(&api, &view, &asked, &Identity { principal, route: ROUTE, key }).await?;
    let is_named = user_id.is_some();
    let command = Command::Pay(Pay {
        reservation_id: reservation_id.clone(),
        payment_id: Some(payment_id.clone()),
        user_id,
        amount,
        coupon_id,
    });
    let begun_us = api.clock.monotonic_us();
    let (payment_id, reservation_id) = (&payment_id, &reservation_id);
    let waiting = Waiting { api: &api, view: &view, payment_id, reservation_id, is_named };
    match reservations::carry_out(&api, &view, &asked, reservation_id, payment_id, keyed, command).await? {
        Carried::Undecided { offset, moved } => Ok(waiting.undecided(offset, moved)),
        Carried::Decided { outcome, replayed, offset } => {
            let gone = Duration::from_micros(api.clock.monotonic_us().saturating_sub(begun_us));
            let left = DECISION_MAX.saturating_sub(gone);
            match waiting.granted(&outcome, offset, left).await {
                Ok(response) => Ok(marked(response, &view, offset, replayed)),
                // Where the place went it is waited for; should nobody take it in time, it has been accepted all the same.
                Err(error) => match (offset, error) {
                    (Some(offset), error) => match error.after_append(payment_id, place, offset) {
                        moved @ ApiError::Moved { .. } => Ok(waiting.undecided(offset, Some(moved))),
                        error => Err(error),
                    },
                    (None, error) => Err(error),
                },
            }
        }
    }
}

/// The id of the payment: of an earlier turn, of its key, or a new one.
async fn payment_id(api: &Api, view: &TaskView, asked: &Asked, identity: &Identity<'_>) -> Result<String, ApiError> {
    if let Some(resumed) = asked.resumed() {
        // It names the place that has sent it on: nobody else may say so.
        return place_of_payment(api, &resumed.id).map(|_| resumed.id);
    }
    let unique = identity.unique(api);
    let id = ids::payment(view.place(), &unique);
    if identity.key.is_some() {
        let is_there = |task: &TaskView| Ok(task.get(&COMMANDS, &ids::payment(task.place(), &unique))?.is_some());
        api.refuse_reuse(NAME, view, &id, is_there).await?;
    }
    Ok(id)
}

/// A payment that is in the log.
struct Waiting<'a> {
    api: &'a Api,
    view: &'a TaskView,
    payment_id: &'a String,
    reservation_id: &'a str,
    /// The request says whose reservation it pays for.
    is_named: bool,
}

impl Waiting<'_> {
    /// The answer once the reservation's place has decided whether the wallet is asked.
    async fn granted(&self, outcome: &CommandRow, offset: Option<i64>, left: Duration) -> Result<Response, ApiError> {
        let id = || self.payment_id.clone();
        match outcome.refused {
            None => {}
            Some(Refusal::PaymentConflict) => {
                // A client that has only seen the reservation's id does not hear of its payment.
                let payment_id = outcome.payment_id.clone().filter(|_| self.is_named);
                return Ok(ApiError::PaymentConflict { payment_id, request_id: id() }.into_response());
            }
            Some(refusal) => return Ok(reservations::refused(refusal, Some(id())).into_response()),
        }
        let look = || {
            let payment = view::payment(self.view, self.payment_id)?.ok_or(ApiError::Internal)?;
            Ok(if payment.is_decided() { Seen::Decided(payment) } else { Seen::Pending(payment) })
        };
        let payment = self.api.watch_row(self.view, &PAYMENT_STATES, self.payment_id, left, look).await?;
        self.answer(&payment, offset)
    }

    /// What the payment came to. That its money has gone back since is not what it came to: `GET` tells it.
    fn answer(&self, payment: &PaymentView, offset: Option<i64>) -> Result<Response, ApiError> {
        let paid = |status| Paid {
            payment_id: self.payment_id,
            status,
            reservation_id: self.reservation_id,
            amount: Some(payment.amount),
        };
        Ok(match payment.status {
            "FAILED" => failed(payment.code.as_deref(), self.payment_id).into_response(),
            "CANCELLED" if view::was_paid(self.view, self.payment_id)? => {
                (answer::OK, axum::Json(paid("SUCCESS"))).into_response()
            }
            // It came when there was nothing left to pay for.
            "CANCELLED" => {
                reservations::refused(Refusal::ReservationCancelled, Some(self.payment_id.clone())).into_response()
            }
            PENDING => accepted(&paid(PENDING), &self.path(), self.view, offset, None),
            status => (answer::OK, axum::Json(paid(status))).into_response(),
        })
    }

    fn undecided(&self, offset: i64, moved: Option<ApiError>) -> Response {
        let (payment_id, reservation_id) = (self.payment_id, self.reservation_id);
        let body = Paid { payment_id, status: PENDING, reservation_id, amount: None };
        accepted(&body, &self.path(), self.view, Some(offset), moved)
    }

    fn path(&self) -> String {
        format!("/payments/{}", self.payment_id)
    }
}
