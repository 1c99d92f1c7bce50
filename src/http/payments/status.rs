//! What became of a payment.

use super::place_of_payment;
use crate::http::error::{ApiError, answer};
use crate::http::execute::PENDING;
use crate::http::extract::{Params, Query};
use crate::http::intake::{Asked, OutcomeQuery, Seen};
use crate::http::{Api, openapi};
use axum::extract::State;
use axum::response::Response;
use holdfast_engine::inspect::TaskView;
use holdfast_model::reservation::refusal::PAYMENT_NOT_FOUND;
use holdfast_model::reservation::{COMMANDS, NAME, PAYMENT_STATES};
use holdfast_model::schema::one_of;
use holdfast_topologies::reservation::view::{self, CommandView, PaymentView};
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;
use utoipa::openapi::Object;

/// A payment, or why there is none.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = PaymentOutcome)]
pub(super) enum Shown {
    /// The reservation has granted it.
    Payment(PaymentView),
    /// It has not, or nobody knows yet.
    Command(NotGranted),
}

/// A payment that the reservation's place has not granted.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct NotGranted {
    payment_id: String,
    /// `PENDING` or `FAILED`.
    #[schema(schema_with = not_granted)]
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reservation_id: Option<String>,
    /// Why it was not granted, for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    /// Why it was not granted, in Korean.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed_at: Option<String>,
}

fn not_granted() -> Object {
    one_of([PENDING, "FAILED"])
}

impl NotGranted {
    fn pending(payment_id: &str) -> Self {
        let (payment_id, status) = (payment_id.to_owned(), PENDING);
        Self { payment_id, status, reservation_id: None, code: None, reason: None, changed_at: None }
    }

    fn refused(payment_id: &str, command: CommandView) -> Self {
        Self {
            payment_id: payment_id.to_owned(),
            status: "FAILED",
            reservation_id: command.reservation_id,
            code: command.code,
            reason: command.reason,
            changed_at: Some(command.decided_at),
        }
    }
}

/// What became of a payment: `PENDING` until it is decided.
#[utoipa::path(get, path = "/payments/{paymentId}", tag = "money",
    params(("paymentId" = String, Path), OutcomeQuery),
    responses(
        (status = 200, description = "The payment", body = Shown),
        (status = 404, description = "No such payment", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "`after` belongs elsewhere or lies past the end of the inbox (`INVALID_POSITION`), or wrong value", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Its place is not served now", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn show(
    State(api): State<Api>,
    Params(payment_id): Params<String>,
    Query(query): Query<OutcomeQuery>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let place = place_of_payment(&api, &payment_id)?;
    let (api, payment_id) = (&api, &payment_id);
    let answer = |view: TaskView, _| async move {
        let after = api.position(&view, query.after.as_deref()).await?;
        let shown = follow(api, &view, payment_id, after, query.wait()).await?;
        Ok(answer::current(&shown))
    };
    api.query(NAME, place, asked, answer).await
}

/// Waits for at most `wait`: until it is granted or refused, then until the wallet has answered.
async fn follow(
    api: &Api,
    view: &TaskView,
    payment_id: &String,
    after: Option<i64>,
    wait: Duration,
) -> Result<Shown, ApiError> {
    let begun_us = api.clock.monotonic_us();
    let command =
        api.watch_row(view, COMMANDS.stored(), payment_id, wait, || look(api, view, payment_id, after)).await?;
    match &command {
        Shown::Payment(payment) if !payment.is_decided() => {}
        _ => return Ok(command),
    }
    let left = wait.saturating_sub(Duration::from_micros(api.clock.monotonic_us().saturating_sub(begun_us)));
    let look = || {
        let payment = view::payment(view, payment_id)?.ok_or(ApiError::refused(&PAYMENT_NOT_FOUND, None))?;
        Ok(if payment.is_decided() { Seen::Decided(payment) } else { Seen::Pending(payment) })
    };
    api.watch_row(view, &PAYMENT_STATES, payment_id, left, look).await.map(Shown::Payment)
}

/// Whether it was granted. The payment's row is there from the commit that grants it.
fn look(api: &Api, view: &TaskView, payment_id: &str, after: Option<i64>) -> Result<Seen<Shown>, ApiError> {
    let is_pending = api.may_be_pending(view, after);
    if let Some(payment) = view::payment(view, payment_id)? {
        return Ok(Seen::Decided(Shown::Payment(payment)));
    }
    match view::command(view, payment_id)? {
        Some(command) => Ok(Seen::Decided(Shown::Command(NotGranted::refused(payment_id, command)))),
        None if is_pending => Ok(Seen::Pending(Shown::Command(NotGranted::pending(payment_id)))),
        None => Err(ApiError::refused(&PAYMENT_NOT_FOUND, None)),
    }
}
