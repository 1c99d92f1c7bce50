//! A reservation: shown, given back, extended.

use super::command::{Answer, SeatOrder, refusal};
use super::place_of_reservation;
use crate::http::error::{ApiError, answer};
use crate::http::execute::{At, Call, Principal, Undecided};
use crate::http::extract::{self, Params, Query};
use crate::http::fields;
use crate::http::intake::Asked;
use crate::http::{Api, openapi};
use axum::extract::State;
use axum::response::Response;
use holdfast_engine::inspect::TaskView;
use holdfast_model::reservation::NAME;
use holdfast_model::reservation::message::{Cancel, Command, Extend};
use holdfast_model::reservation::refusal::Refusal;
use holdfast_model::reservation::row::CommandRow;
use holdfast_model::wire::{self, Id};
use holdfast_topologies::reservation::view::{self, ReservationStateView, ReservationView};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// The user of an act, where there is no body.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(rename_all = "camelCase")]
pub(crate) struct UserQuery {
    /// The user that it belongs to; may stand in the body instead. One of the two is required.
    pub(crate) user_id: Option<String>,
}

/// Query of a read of a reservation.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(rename_all = "camelCase")]
pub(crate) struct ShowQuery {
    /// The user that it belongs to: only with it the answer tells `userId`, `price` and `paymentId`.
    user_id: Option<String>,
    /// Position from `Holdfast-Position`: the answer shows at least what was decided there.
    after: Option<String>,
}

/// The user that asks.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UserBody {
    /// Here or as `?userId=`.
    #[schema(value_type = Option<Id<'static>>)]
    #[serde(default, deserialize_with = "wire::id_if")]
    user_id: Option<String>,
    /// Instead of `Idempotency-Key`.
    #[schema(value_type = Option<Id<'static>>)]
    #[serde(default, deserialize_with = "wire::id_if")]
    request_id: Option<String>,
}

/// A reservation as it is shown.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = ShownReservation)]
enum Shown {
    /// To its user.
    Whole(ReservationView),
    /// To everybody else.
    State(ReservationStateView),
}

/// A reservation that was given back, and what comes back with it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct GivenBack {
    #[serde(flatten)]
    reservation: ReservationView,
    /// KRW on their way back.
    #[serde(skip_serializing_if = "Option::is_none")]
    refund_amount: Option<u64>,
    /// KRW that are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    fee: Option<u64>,
}

/// A reservation: its state and its times; with `userId` of its user all of it.
///
/// Another user's `userId` is answered like none: nothing tells whose reservation it is.
#[utoipa::path(get, path = "/reservations/{reservationId}", tag = "seats",
    params(("reservationId" = String, Path), ShowQuery),
    responses(
        (status = 200, description = "The reservation", body = Shown),
        (status = 404, description = "No such reservation", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "`after` belongs elsewhere or lies past the end of the inbox (`INVALID_POSITION`), or wrong value", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Its place is not served now", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn show(
    State(api): State<Api>,
    Params(reservation_id): Params<String>,
    Query(query): Query<ShowQuery>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let place = place_of_reservation(&api, &reservation_id)?;
    let look = |view: &TaskView| {
        let reservation = view::reservation(view, &reservation_id)?;
        let reservation = reservation.ok_or_else(|| ApiError::refused(Refusal::UnknownReservation.problem(), None))?;
        let shown = match query.user_id {
            Some(user_id) if user_id == reservation.user_id => Shown::Whole(reservation),
            _ => Shown::State(reservation.into()),
        };
        Ok(answer::current(&shown))
    };
    api.read(NAME, place, asked, query.after.as_deref(), look).await
}

/// Gives a reservation back: a hold is released, what is paid is cancelled and its money goes back less the fee of the day.
///
/// The fee goes by calendar days before the show in Korean time, as the operator has set it (`CANCEL_FEES`); soon after the payment there is none.
/// Asking again changes nothing. The answer is the reservation as this request has left it, `CANCELLED`, and a repetition under its `Idempotency-Key` is
/// answered the same; `GET` shows `REFUNDED` once the money is back.
#[utoipa::path(delete, path = "/reservations/{reservationId}", tag = "seats",
    params(("reservationId" = String, Path), UserQuery, openapi::IdempotencyKey),
    responses(
        (status = 200, description = "It is given back", body = GivenBack),
        (status = 202, description = "In the log, not decided within 3 s; the outcome will be at `Location`", body = Undecided<'static>),
        (status = 404, description = "No such reservation of this user", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It is being paid (`PAYMENT_IN_PROGRESS`), or the show has begun (`CANCEL_TOO_LATE`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 410, description = "The hold is over", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "No user is named", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was accepted, or nobody knows (`OUTCOME_UNKNOWN`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn cancel(
    State(api): State<Api>,
    Params(reservation_id): Params<String>,
    Query(query): Query<UserQuery>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let body: UserBody = match asked.body.0.is_empty() {
        true => UserBody::default(),
        false => extract::json(&asked.headers, &asked.body)?,
    };
    let user_id = fields::user_id(body.user_id, query.user_id)?;
    let command = Command::Cancel(Cancel { reservation_id: reservation_id.clone(), user_id: user_id.clone() });
    let place = place_of_reservation(&api, &reservation_id)?;
    let call = Call { place, route: "DELETE /reservations/{reservationId}", request_id: body.request_id };
    let order = SeatOrder::new(user_id, reservation_id, command, Changing);
    api.execute(Principal::Anonymous, asked, call, |_| Ok(order)).await
}

/// Moves the deadline of a hold, where the shop allows it.
#[utoipa::path(post, path = "/reservations/{reservationId}/extend", tag = "seats",
    params(("reservationId" = String, Path), UserQuery, openapi::IdempotencyKey),
    request_body = UserBody,
    responses(
        (status = 200, description = "The reservation with its new deadline", body = GivenBack),
        (status = 202, description = "In the log, not decided within 3 s; the outcome will be at `Location`", body = Undecided<'static>),
        (status = 404, description = "No such reservation of this user", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Holds are not extended here (`HOLD_NOT_EXTENDABLE`, the default), or it is paid", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 410, description = "The hold is over, or the show has begun (`SHOW_ALREADY_STARTED`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "No user is named", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was accepted, or nobody knows (`OUTCOME_UNKNOWN`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn extend(
    State(api): State<Api>,
    Params(reservation_id): Params<String>,
    Query(query): Query<UserQuery>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let body: UserBody = match asked.body.0.is_empty() {
        true => UserBody::default(),
        false => extract::json(&asked.headers, &asked.body)?,
    };
    let user_id = fields::user_id(body.user_id, query.user_id)?;
    let command = Command::Extend(Extend { reservation_id: reservation_id.clone(), user_id: user_id.clone() });
    let place = place_of_reservation(&api, &reservation_id)?;
    let call = Call { place, route: "POST /reservations/{reservationId}/extend", request_id: body.request_id };
    let order = SeatOrder::new(user_id, reservation_id, command, Changing);
    api.execute(Principal::Anonymous, asked, call, |_| Ok(order)).await
}

/// Answers a change.
struct Changing;

impl Answer for Changing {
    type Outcome = CommandRow;

    async fn decided(&self, at: &At<'_>, command: &Command, outcome: CommandRow) -> Result<Response, ApiError> {
        match outcome.refused {
            Some(refused) => Ok(refusal(refused, at)),
            None => changed(at, &outcome, matches!(command, Command::Cancel(_))),
        }
    }
}

/// The reservation as the command has left it.
fn changed(at: &At<'_>, outcome: &CommandRow, cancels: bool) -> Result<Response, ApiError> {
    let serial = outcome.serial.ok_or(ApiError::Internal)?;
    let cancelled_ms = cancels.then_some(outcome.decided_ms);
    let row = view::told_reservation(at.view, at.id, serial, cancelled_ms)?.ok_or(ApiError::Internal)?;
    let payment = match &row.payment_id {
        Some(payment_id) if cancels => view::payment(at.view, payment_id)?,
        _ => None,
    };
    let reservation = ReservationView::new(at.view.place(), serial, row);
    let (refund_amount, fee) = payment.map_or((None, None), |payment| (payment.refund_amount, payment.fee));
    Ok(answer::current(&GivenBack { reservation, refund_amount, fee }))
}
