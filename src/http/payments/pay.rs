//! Paying for a reservation: the answer waits for the wallet and for the reservation, for at most 3 s in all.

use super::{failed, place_of_payment};
use crate::http::error::{ApiError, Member, answer};
use crate::http::execute::{At, Call, PENDING, Principal, accepted};
use crate::http::extract;
use crate::http::fields::{both, id, id_if, required};
use crate::http::intake::{Asked, Seen};
use crate::http::reservations::command::{Answer, SeatOrder, refusal};
use crate::http::{Api, openapi};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use holdfast_engine::inspect::TaskView;
use holdfast_model::reservation::message::{Command, Pay};
use holdfast_model::reservation::refusal::Refusal;
use holdfast_model::reservation::row::CommandRow;
use holdfast_model::reservation::{PAYMENT_STATES, RESERVATIONS, ids};
use holdfast_model::wire::{self, Id};
use holdfast_topologies::reservation::view::{self, PaymentView};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// For the scope of idempotency keys.
const ROUTE: &str = "POST /payments";

/// A payment for a reservation.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PayBody {
    /// What is paid for.
    #[schema(value_type = Id<'static>, required = true, example = "res_2_8000000000113f0c9a5be1d2c47a6b80")]
    #[serde(default, deserialize_with = "wire::id_if")]
    reservation_id: Option<String>,
    /// What is owed, in KRW.
    #[schema(value_type = u64, required = true, example = 50000)]
    amount: Option<i64>,
    /// Who pays; missing = the reservation's user.
    #[schema(value_type = Option<Id<'static>>)]
    #[serde(default, deserialize_with = "wire::id_if")]
    user_id: Option<String>,
    /// A coupon to be used for it.
    #[schema(value_type = Option<Id<'static>>)]
    #[serde(default, deserialize_with = "wire::id_if")]
    coupon_id: Option<String>,
    /// Instead of `Idempotency-Key`.
    #[schema(value_type = Option<Id<'static>>)]
    #[serde(default, deserialize_with = "wire::id_if")]
    request_id: Option<String>,
}

/// A payment in short.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Paid<'a> {
    payment_id: &'a str,
    /// `PENDING`, `SUCCESS`, `FAILED` or `CANCELLED`.
    #[schema(schema_with = view::payment_statuses)]
    status: &'static str,
    reservation_id: &'a str,
    /// KRW. Missing while the payment is not granted.
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
    request_body = PayBody,
    responses(
        (status = 200, description = "It is paid and the reservation is confirmed", body = Paid<'static>),
        (status = 202, description = "Not decided within 3 s; what becomes of it will be at `Location`", body = Paid<'static>),
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
    let (place, serial) = parsed.ok_or_else(|| ApiError::refused(Refusal::UnknownReservation.problem(), None))?;
    if let Some(resumed) = asked.resumed() {
        // Its id names the place that has sent it on: no other id may be waited for.
        place_of_payment(&api, &resumed.id)?;
    }
    let call = Call { place, route: ROUTE, request_id: body.request_id };
    let order = |view: &TaskView| {
        // A request that names no user pays as the reservation's user, and so does its key.
        let owner = || view.get(&RESERVATIONS, &serial).map(|row| row.map(|row| row.user_id));
        let payer = user_id.clone().map_or_else(owner, |user_id| Ok(Some(user_id)))?;
        let user = payer.unwrap_or_else(|| reservation_id.clone());
        let answer = Paying { reservation_id: reservation_id.clone(), is_named: user_id.is_some() };
        let key = reservation_id.clone();
        let command = Command::Pay(Pay { reservation_id, payment_id: None, user_id, amount, coupon_id });
        Ok(SeatOrder::new(user, key, command, answer))
    };
    api.execute(Principal::Anonymous, asked, call, order).await
}

/// Answers a payment.
struct Paying {
    reservation_id: String,
    /// The request says whose reservation it pays for.
    is_named: bool,
}

impl Answer for Paying {
    type Outcome = CommandRow;

    fn id(place: u32, unique: &str) -> String {
        ids::payment(place, unique)
    }

    /// The reservation's place has decided whether the wallet is asked. If it is, its answer is waited for.
    async fn decided(&self, at: &At<'_>, _: &Command, outcome: CommandRow) -> Result<Response, ApiError> {
        match outcome.refused {
            None => {}
            Some(Refusal::PaymentConflict) => {
                // A client that has only seen the reservation's id does not hear of its payment.
                let payment_id = outcome.payment_id.filter(|_| self.is_named);
                return Ok(ApiError::Refused {
                    problem: Refusal::PaymentConflict.problem(),
                    request_id: Some(at.id.clone()),
                    member: payment_id.map(|value| Member { name: "paymentId", value }),
                }
                .into_response());
            }
            Some(refused) => return Ok(refusal(refused, at)),
        }
        let look = || {
            let payment = view::payment(at.view, at.id)?.ok_or(ApiError::Internal)?;
            Ok(if payment.is_decided() { Seen::Decided(payment) } else { Seen::Pending(payment) })
        };
        let payment = at.api.watch_row(at.view, &PAYMENT_STATES, at.id, at.left(), look).await?;
        self.answer(at, &payment)
    }

    fn undecided(&self, at: &At<'_>) -> Response {
        accepted(&self.paid(at, PENDING, None), &path(at), at)
    }
}

impl Paying {
    /// What the payment came to. That its money has gone back since is not what it came to: `GET` tells it.
    fn answer(&self, at: &At<'_>, payment: &PaymentView) -> Result<Response, ApiError> {
        let paid = |status| self.paid(at, status, Some(payment.amount));
        Ok(match payment.status {
            "FAILED" => failed(payment.code.as_deref(), at.id).into_response(),
            "CANCELLED" if view::was_paid(at.view, at.id)? => (answer::OK, axum::Json(paid("SUCCESS"))).into_response(),
            // It came when there was nothing left to pay for.
            "CANCELLED" => refusal(Refusal::ReservationCancelled, at),
            PENDING => accepted(&paid(PENDING), &path(at), at),
            status => (answer::OK, axum::Json(paid(status))).into_response(),
        })
    }

    fn paid<'a>(&'a self, at: &At<'a>, status: &'static str, amount: Option<u64>) -> Paid<'a> {
        Paid { payment_id: at.id, status, reservation_id: &self.reservation_id, amount }
    }
}

fn path(at: &At<'_>) -> String {
    format!("/payments/{}", at.id)
}
