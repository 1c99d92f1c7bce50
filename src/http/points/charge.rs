//! Charging points. How much may be charged at once is decided where money is.

use crate::http::error::{ApiError, answer};
use crate::http::execute::query::Asking;
use crate::http::execute::{At, Call, Inbox, Order, Principal, accepted};
use crate::http::extract::{self, Params, Query};
use crate::http::fields::{both, id, required};
use crate::http::intake::{Asked, OutcomeQuery};
use crate::http::{Api, openapi};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use holdfast_engine::inspect::TaskView;
use holdfast_model::payment::message::Charge;
use holdfast_model::payment::outcome::Refusal;
use holdfast_model::payment::{CHARGES, INBOX, NAME, request_id, request_place};
use holdfast_model::wire::{self, Id};
use holdfast_topologies::payment::view::{self, ChargeView, PENDING};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// For the scope of idempotency keys.
const ROUTE: &str = "POST /api/points/charge";

/// Points to be charged.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ChargeBody {
    /// Whose wallet.
    #[schema(value_type = Id<'static>, required = true, example = "user_123")]
    #[serde(default, deserialize_with = "wire::id_if")]
    user_id: Option<String>,
    /// KRW, 1,000 to 1,000,000.
    #[schema(value_type = u64, required = true, example = 100000)]
    amount: Option<i64>,
    /// Instead of `Idempotency-Key`.
    #[schema(value_type = Option<Id<'static>>)]
    #[serde(default, deserialize_with = "wire::id_if")]
    request_id: Option<String>,
}

/// A charge that is decided, and what the wallet held after it.
#[derive(Debug, Serialize, ToSchema)]
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
    request_body = ChargeBody,
    responses(
        (status = 200, description = "The points are there", body = Charged),
        (status = 202, description = "In the log, not decided within 3 s; the outcome will be at `Location`", body = ChargeView),
        (status = 409, description = "The wallet can hold no more", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Too little (`CHARGE_BELOW_MINIMUM`), too much (`CHARGE_ABOVE_MAXIMUM`), wrong value, or the key was used for another request", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was accepted, or nobody knows (`OUTCOME_UNKNOWN`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn charge(State(api): State<Api>, asked: Asked) -> Result<Response, ApiError> {
    let body: ChargeBody = extract::json(&asked.headers, &asked.body)?;
    let (user_id, amount) = both(id("userId", body.user_id), required("amount", body.amount))?;
    let call = Call { place: api.place_of(&user_id), route: ROUTE, request_id: body.request_id };
    api.execute(Principal::Anonymous, asked, call, |_| Ok(ChargeOrder { user_id, amount })).await
}

/// Points to be charged.
struct ChargeOrder {
    user_id: String,
    amount: i64,
}

impl Order for ChargeOrder {
    type Outcome = ChargeView;

    const INBOX: Inbox = Inbox { topology: NAME, topic: INBOX, kind: "payment.charge" };

    fn user(&self) -> &str {
        &self.user_id
    }

    fn key(&self) -> &str {
        &self.user_id
    }

    fn id(place: u32, unique: &str) -> String {
        request_id(place, unique)
    }

    fn value(&mut self, id: &str, now_ms: i64) -> Vec<u8> {
        Charge::new(id, &self.user_id, self.amount, now_ms).to_json()
    }

    fn outcome(&self, view: &TaskView, id: &String) -> Result<Option<ChargeView>, ApiError> {
        match view::charge(view, id)? {
            Some(charge) if charge.user_id != self.user_id || charge.amount != self.amount => {
                Err(ApiError::IdempotencyKeyReused)
            }
            charge => Ok(charge),
        }
    }

    async fn answer(&self, _at: &At<'_>, outcome: ChargeView) -> Result<Response, ApiError> {
        Ok(decided(outcome))
    }

    fn accepted(&self, at: &At<'_>) -> Response {
        let pending = ChargeView::pending(at.id.clone(), self.user_id.clone(), self.amount);
        accepted(&pending, &format!("/api/points/charges/{}", at.id), at)
    }
}

fn decided(charge: ChargeView) -> Response {
    match Refusal::ALL.into_iter().find(|refusal| Some(refusal.code()) == charge.outcome.code) {
        Some(refusal) => ApiError::refused(refusal.problem(), Some(charge.request_id)).into_response(),
        None => {
            let balance = charge.outcome.balance_after;
            (answer::OK, axum::Json(Charged { charge, balance })).into_response()
        }
    }
}

/// A charge that may be in the log.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UndecidedCharge {
    request_id: String,
    #[schema(example = "PENDING")]
    status: &'static str,
}

/// A charge and what became of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = ChargeState)]
enum Shown {
    Charge(ChargeView),
    Undecided(UndecidedCharge),
}

/// What became of a charge: `PENDING` until it is decided.
#[utoipa::path(get, path = "/api/points/charges/{requestId}", tag = "money",
    params(("requestId" = String, Path, description = "As the answer to the charge named it"), OutcomeQuery),
    responses(
        (status = 200, description = "The outcome, or `PENDING`", body = Shown),
        (status = 404, description = "Nothing was accepted under this id", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 410, description = "Its outcome was kept for as long as `outcome_retention_ms` says, and is gone (`OUTCOME_EXPIRED`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
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
    let asking = Asking { topology: NAME, place, outcomes: &[&CHARGES], id: &request_id, query: &query };
    let decided = |view: &TaskView| Ok(view::charge(view, &request_id)?.map(Shown::Charge));
    let pending = |_| Shown::Undecided(UndecidedCharge { request_id: request_id.clone(), status: PENDING });
    api.outcome(asked, asking, decided, pending).await
}
