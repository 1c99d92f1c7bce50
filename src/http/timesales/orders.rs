//! Orders. The hot path: one read of the committed view, one append, one small answer.

use super::{place_of_order, place_of_sale, refused};
use crate::http::error::{ApiError, answer};
use crate::http::execute::query::{Asking, Waiting};
use crate::http::execute::{At, Call, CommandOrder, Form, Inbox, Kept, Order, Principal, RETRY_AFTER, Undecided};
use crate::http::extract::{self, Params, Query};
use crate::http::fields::{self, both, id, required};
use crate::http::guards::{Guarded, QueueToken};
use crate::http::intake::{Asked, OutcomeQuery};
use crate::http::{Api, openapi};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use holdfast_engine::inspect::TaskView;
use holdfast_model::timesale::command_outcome::CommandRefusal;
use holdfast_model::timesale::message::{CancelOrder, Command, OrderRequest};
use holdfast_model::timesale::{ADMISSIONS, GUARDS, INBOX, NAME, ORDERS, REFUSED, order_id};
use holdfast_model::wire::{self, Id};
use holdfast_topologies::timesale::view::{self, OrderView, QUEUED};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// What the client reads at once.
const ACCEPTED: &str = "주문 요청이 대기열에 등록되었습니다. 순차적으로 처리됩니다.";
/// The position of an order before which no other order waits: it is being decided.
const PROCESSING: &str = "Processing...";

/// Query of the order route.
#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct StrategyQuery {
    /// `v3` (default): 202 at once, decided in order. `v1`, `v2`: the same way, answered after the decision.
    strategy: Option<String>,
}

/// An order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrderBody {
    /// Who orders.
    #[schema(value_type = Id<'static>, required = true, example = "1001")]
    #[serde(default, deserialize_with = "wire::id_if")]
    user_id: Option<String>,
    /// How many units: all or none of them.
    #[schema(value_type = i64, required = true, minimum = 1, example = 1)]
    quantity: Option<i64>,
    /// Instead of `Idempotency-Key`.
    #[schema(value_type = Option<Id<'static>>)]
    #[serde(default, deserialize_with = "wire::id_if")]
    request_id: Option<String>,
}

/// Taken in, not decided.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OrderQueued<'a> {
    #[schema(example = "QUEUED")]
    status: &'static str,
    #[schema(example = "주문 요청이 대기열에 등록되었습니다. 순차적으로 처리됩니다.")]
    message: &'static str,
    time_sale_id: &'a str,
    user_id: &'a str,
    queue_position: QueuePosition,
    order_id: &'a str,
}

/// `Processing...` while no other record waits before the order, else its place in the queue of its partition.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum QueuePosition {
    /// It is being decided.
    Now(&'static str),
    /// 2 and more: so many records are decided up to and including this one.
    Later(u64),
}

impl QueuePosition {
    fn of(at: &At<'_>) -> Self {
        let ahead = at.offset.and_then(|offset| u64::try_from(offset.checked_sub(at.view.next_offset())?).ok());
        match ahead {
            None | Some(0) => Self::Now(PROCESSING),
            Some(ahead) => Self::Later(ahead + 1),
        }
    }
}

/// An order and what became of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = QueuedOrder)]
struct Shown {
    #[serde(flatten)]
    order: OrderView,
    /// While queued: 1 is the next to be decided in its partition.
    #[serde(skip_serializing_if = "Option::is_none")]
    queue_position: Option<u64>,
}

/// Orders units of a sale: all of them or none, in the order of the log.
///
/// `v3` answers 202 as soon as the order is in the log; the outcome is at `Location`. `v1` and `v2` wait for the decision (at most 3 s, then 202).
/// `Idempotency-Key` (or `requestId` in the body) makes a retry the same order; without one each request is a new order, up to the sale's limit per user.
#[utoipa::path(post, path = "/api/timesales/{timeSaleId}/orders", tag = "time sales",
    params(("timeSaleId" = String, Path), StrategyQuery, openapi::IdempotencyKey, QueueToken),
    request_body = OrderBody,
    responses(
        (status = 202, description = "In the log; the outcome will be at `Location`", body = OrderQueued<'static>),
        (status = 200, description = "The outcome (v1, v2)", body = OrderView),
        (status = 403, description = "A queue guards the sale, and `X-Queue-Token` is no token of an admission that is live (`QUEUE_NOT_ACTIVE`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such sale", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The sale has not started (`TIMESALE_NOT_STARTED`) or is over (`TIMESALE_ENDED`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Wrong value, more units than one buyer may have (`QUANTITY_ABOVE_LIMIT`), or the key was used for another request", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was accepted, or nobody knows (`OUTCOME_UNKNOWN`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn order(
    State(api): State<Api>,
    Params(time_sale_id): Params<String>,
    Query(query): Query<StrategyQuery>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let form = match query.strategy.as_deref() {
        None | Some("v3" | "V3") => Form::AtOnce,
        Some("v1" | "V1" | "v2" | "V2") => Form::Decision,
        Some(_) => {
            return Err(ApiError::field("strategy", ("v1, v2, v3 중 하나여야 합니다.", "must be one of: v1, v2, v3")));
        }
    };
    let body: OrderBody = extract::json(&asked.headers, &asked.body)?;
    let wanted = both(id("userId", body.user_id), required("quantity", body.quantity));
    let (time_sale_id, (user_id, quantity)) = both(id("timeSaleId", Some(time_sale_id)), wanted)?;
    let place = place_of_sale(&api, &time_sale_id);
    let call = Call { place, route: "POST /api/timesales/{timeSaleId}/orders", request_id: body.request_id };
    api.execute(Principal::Anonymous, asked, call, |_| Ok(Buying { time_sale_id, user_id, quantity, form })).await
}

/// An order on its way into the log.
struct Buying {
    time_sale_id: String,
    user_id: String,
    quantity: i64,
    form: Form,
}

impl Buying {
    fn is(&self, order: &OrderView) -> bool {
        order.time_sale_id.as_deref() == Some(&*self.time_sale_id)
            && order.user_id.as_deref() == Some(&*self.user_id)
            && order.quantity == Some(self.quantity)
    }

    fn request<'a>(&'a self, id: &'a str, now_ms: i64) -> OrderRequest<'a> {
        OrderRequest::new(id, &self.time_sale_id, &self.user_id, self.quantity, now_ms)
    }
}

impl Order for Buying {
    type Outcome = OrderView;

    const INBOX: Inbox = Inbox { topology: NAME, topic: INBOX, kind: "timesale.order-requested" };

    fn user(&self) -> &str {
        &self.user_id
    }

    fn key(&self) -> &str {
        &self.time_sale_id
    }

    fn id(place: u32, unique: &str) -> String {
        order_id::new(place, unique)
    }

    fn value(&mut self, id: &str, now_ms: i64) -> Vec<u8> {
        self.request(id, now_ms).to_json()
    }

    fn outcome(&self, view: &TaskView, id: &String) -> Result<Option<OrderView>, ApiError> {
        match view::order(view, id)? {
            // The log has the last word on whose order it was: two with the same key may have passed the intake side by side.
            Some(order) if !self.is(&order) => Err(ApiError::IdempotencyKeyReused),
            order => Ok(order),
        }
    }

    fn foresee(&self, view: &TaskView, now_ms: i64) -> Result<Option<OrderView>, ApiError> {
        match view::hint(view, &self.request("", now_ms), now_ms)? {
            None => Ok(None),
            Some(refusal) => Err(ApiError::refused(refusal.problem(), None)),
        }
    }

    fn guarded(&self) -> Option<Guarded<'_>> {
        let (subject_id, user_id) = (&self.time_sale_id, &*self.user_id);
        Some(Guarded { guards: &GUARDS, admissions: &ADMISSIONS, subject_id, user_id })
    }

    fn kept(&self) -> Option<Kept<'_>> {
        // What is not positive has been refused before it is kept.
        Some(Kept { of: &self.time_sale_id, user_id: &self.user_id, quantity: self.quantity.unsigned_abs() })
    }

    fn form(&self) -> Form {
        self.form
    }

    async fn answer(&self, _at: &At<'_>, outcome: OrderView) -> Result<Response, ApiError> {
        Ok((answer::OK, axum::Json(outcome)).into_response())
    }

    fn accepted(&self, at: &At<'_>) -> Response {
        let queued = OrderQueued {
            status: QUEUED,
            message: ACCEPTED,
            time_sale_id: &self.time_sale_id,
            user_id: &self.user_id,
            queue_position: QueuePosition::of(at),
            order_id: at.id,
        };
        let mut response = (answer::ACCEPTED, axum::Json(queued)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, RETRY_AFTER);
        if let Ok(location) = HeaderValue::try_from(format!("/api/timesales/orders/{}", at.id)) {
            headers.insert(header::LOCATION, location);
        }
        response
    }
}

/// What became of an order: `QUEUED` until it is decided.
#[utoipa::path(get, path = "/api/timesales/orders/{orderId}", tag = "time sales",
    params(("orderId" = String, Path, description = "As the answer to the order named it"), OutcomeQuery),
    responses(
        (status = 200, description = "The outcome, or `QUEUED`", body = Shown),
        (status = 404, description = "Nothing was accepted under this id", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 410, description = "Its outcome was kept for as long as `outcome_retention_ms` says, and is gone (`OUTCOME_EXPIRED`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "`after` belongs elsewhere or lies past the end of the inbox (`INVALID_POSITION`), or wrong value", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Its place is not served now", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn show(
    State(api): State<Api>,
    Params(order_id): Params<String>,
    Query(query): Query<OutcomeQuery>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let place = place_of_order(&api, &order_id)?;
    let asking = Asking { topology: NAME, place, outcomes: &[&ORDERS, &REFUSED], id: &order_id, query: &query };
    let decided = |view: &TaskView| {
        let order = view::order(view, &order_id)?;
        Ok(order.map(|order| Shown { order, queue_position: None }))
    };
    let queued = |waiting: Waiting| {
        let mut order = OrderView::queued(order_id.clone());
        if let Some(entry) = waiting.entry {
            order.time_sale_id = Some(entry.of.into_string());
            order.user_id = Some(entry.user_id.into_string());
            order.quantity = i64::try_from(entry.quantity).ok();
        }
        Shown { order, queue_position: waiting.queue_position }
    };
    api.outcome(asked, asking, decided, queued).await.map_err(|error| match error {
        ApiError::RequestNotFound => refused(CommandRefusal::UnknownOrder),
        error => error,
    })
}

/// The buyer, where there is no body.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(rename_all = "camelCase")]
pub(crate) struct UserQuery {
    /// The buyer; may stand in the body instead. One of the two is required.
    user_id: Option<String>,
}

/// The buyer who cancels.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserBody {
    /// Here or as `?userId=`.
    #[serde(default, deserialize_with = "wire::id_if")]
    user_id: Option<String>,
    /// Instead of `Idempotency-Key`.
    #[serde(default, deserialize_with = "wire::id_if")]
    request_id: Option<String>,
}

/// Cancels a confirmed order: its units are for sale again, once. Asking again changes nothing.
#[utoipa::path(delete, path = "/api/timesales/orders/{orderId}", tag = "time sales",
    params(("orderId" = String, Path), UserQuery, openapi::IdempotencyKey),
    responses(
        (status = 200, description = "The order, cancelled", body = OrderView),
        (status = 202, description = "In the log, not decided within 3 s", body = Undecided<'static>),
        (status = 404, description = "No such order of this user", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The order was refused (`ORDER_NOT_CONFIRMED`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "No user is named, or the key was used for another request", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was accepted, or nobody knows (`OUTCOME_UNKNOWN`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn cancel(
    State(api): State<Api>,
    Params(order_id): Params<String>,
    Query(query): Query<UserQuery>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let body: UserBody = match asked.body.0.is_empty() {
        true => UserBody::default(),
        false => extract::json(&asked.headers, &asked.body)?,
    };
    let user_id = fields::user_id(body.user_id, query.user_id)?;
    let place = place_of_order(&api, &order_id)?;
    let call = Call { place, route: "DELETE /api/timesales/orders/{orderId}", request_id: body.request_id };
    let command = Command::CancelOrder(CancelOrder {
        event_id: None,
        request_id: None,
        order_id: order_id.clone(),
        user_id: user_id.clone(),
    });
    let done = |view: &TaskView| {
        let order = view::order(view, &order_id)?.ok_or_else(|| refused(CommandRefusal::UnknownOrder))?;
        Ok(answer::current(&order))
    };
    let order = CommandOrder { user: user_id, key: order_id.clone(), command, done };
    api.execute(Principal::Anonymous, asked, call, |_| Ok(order)).await
}
