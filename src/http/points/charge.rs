//! Charging points. How much may be charged at once is decided where money is.

use super::place_of_user;
use crate::http::carry::{Carried, Identity, accepted, marked};
use crate::http::error::{ApiError, answer};
use crate::http::extract::{self, Params, Query};
use crate::http::fields::{both, id, required};
use crate::http::intake::{Asked, Command, OutcomeQuery, Owner, Seen};
use crate::http::payments::wallet_kind;
use crate::http::{Api, idempotency, openapi};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use holdfast_engine::inspect::TaskView;
use holdfast_model::payment::message::Charge;
use holdfast_model::payment::outcome::Refusal;
use holdfast_model::payment::{CHARGES, INBOX, NAME, request_id, request_place};
use holdfast_model::wire;
use holdfast_topologies::payment::view::{self, ChargeView, OutcomeView};
use serde::{Deserialize, Serialize};

/// For the scope of idempotency keys.
const ROUTE: &str = "POST /api/points/charge";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChargeBody {
    #[serde(default, deserialize_with = "wire::id_if")]
    user_id: Option<String>,
    amount: Option<i64>,
    #[serde(default, deserialize_with = "wire::id_if")]
    request_id: Option<String>,
}

/// A charge that is decided, and what the wallet held after it.
#[derive(Debug, Serialize)]
struct Charged {
    #[serde(flatten)]
    charge: ChargeView,
    /// The same under the name of the balance route.
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<i64>,
}

/// Charges points: 1,000 to 1,000,000 KRW at a time.
#[utoipa::path(post, path = "/api/points/charge", tag = "money",
    params(openapi::IdempotencyKey),
    request_body = openapi::money::ChargeBody,
    responses(
        (status = 200, description = "The points are there", body = openapi::money::Charge),
        (status = 202, description = "In the log, not decided within 3 s; the outcome will be at `Location`", body = openapi::money::Charge),
        (status = 409, description = "The wallet can hold no more", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Too little (`CHARGE_BELOW_MINIMUM`), too much (`CHARGE_ABOVE_MAXIMUM`), wrong value, or the key was used for another request", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was accepted, or nobody knows (`OUTCOME_UNKNOWN`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn charge(State(api): State<Api>, asked: Asked) -> Result<Response, ApiError> {
    let body: ChargeBody = extract::json(&asked.headers, &asked.body)?;
    let (user_id, amount) = both(id("userId", body.user_id), required("amount", body.amount))?;
    let place = place_of_user(&api, &user_id);
    let view = match api.owner(NAME, place, &asked)? {
        Owner::Here(view) => view,
        Owner::There(endpoint) => return api.peers.ask(&endpoint, place, asked).await,
    };
    let key = idempotency::key(&asked.headers, body.request_id.as_deref())?;
    let identity = Identity { principal: &user_id, route: ROUTE, key };
    let id = asked.resumed().map_or_else(|| request_id(place, &identity.unique(&api)), |resumed| resumed.id);
    let value = Charge::new(&id, &user_id, amount, api.clock.now_ms()).to_json();
    let record = Command { topic: INBOX, place, key: &user_id, value: &value, id: &id, kind: "payment.charge" };
    let outcome = || match view::charge(&view, &id)? {
        Some(charge) if charge.user_id != user_id || charge.amount != amount => Err(ApiError::IdempotencyKeyReused),
        charge => Ok(charge),
    };
    match api.carry_out(&view, &asked, &record, key.is_some(), outcome).await? {
        Carried::Undecided { offset, moved } => {
            let pending = ChargeView::pending(id.clone(), user_id, amount);
            Ok(accepted(&pending, &format!("/api/points/charges/{id}"), &view, Some(offset), moved))
        }
        Carried::Decided { outcome, replayed, offset } => Ok(marked(decided(outcome), &view, offset, replayed)),
    }
}

fn decided(charge: ChargeView) -> Response {
    match Refusal::ALL.into_iter().find(|refusal| Some(refusal.code()) == charge.outcome.code) {
        Some(refusal) => {
            let (kind, request_id) = (wallet_kind(refusal), Some(charge.request_id));
            ApiError::Refused { kind, code: refusal.code(), detail: refusal.reason(), request_id }.into_response()
        }
        None => {
            let balance = charge.outcome.balance_after;
            (answer::OK, axum::Json(Charged { charge, balance })).into_response()
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Undecided {
    request_id: String,
    #[serde(flatten)]
    outcome: OutcomeView,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Shown {
    Charge(ChargeView),
    Undecided(Undecided),
}

/// What became of a charge: `PENDING` until it is decided.
#[utoipa::path(get, path = "/api/points/charges/{requestId}", tag = "money",
    params(("requestId" = String, Path, description = "As the answer to the charge named it"), OutcomeQuery),
    responses(
        (status = 200, description = "The outcome, or `PENDING`", body = openapi::money::Charge),
        (status = 404, description = "Nothing was accepted under this id", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "`after` belongs elsewhere or lies past the end of the inbox (`INVALID_POSITION`), or wrong value", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Its place is not served now", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn show(
    State(api): State<Api>,
    Params(request_id): Params<String>,
    Query(query): Query<OutcomeQuery>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let place = request_place(&request_id).filter(|place| *place < api.settings.places);
    let place = place.ok_or(ApiError::RequestNotFound)?;
    let view = match api.owner(NAME, place, &asked)? {
        Owner::Here(view) => view,
        Owner::There(endpoint) => return api.peers.ask(&endpoint, place, asked).await,
    };
    let after = api.position(&view, query.after.as_deref()).await?;
    let look = || look(&api, &view, &request_id, after);
    let shown = api.watch_row(&view, &CHARGES, &request_id, query.wait(), look).await?;
    Ok(answer::current(&shown))
}

fn look(api: &Api, view: &TaskView, request_id: &str, after: Option<i64>) -> Result<Seen<Shown>, ApiError> {
    let is_pending = api.may_be_pending(view, after);
    match view::charge(view, request_id)? {
        Some(charge) => Ok(Seen::Decided(Shown::Charge(charge))),
        None if is_pending => {
            let (request_id, outcome) = (request_id.to_owned(), OutcomeView::pending());
            Ok(Seen::Pending(Shown::Undecided(Undecided { request_id, outcome })))
        }
        None => Err(ApiError::RequestNotFound),
    }
}
