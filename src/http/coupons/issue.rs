//! Asking for a coupon. The hot path: two reads of the committed view, one append, one small answer.

use super::{place_of_policy, refused};
use crate::http::accepted::Entry;
use crate::http::carry::marked;
use crate::http::error::{ApiError, answer};
use crate::http::extract::{self, Params, Query};
use crate::http::fields::{both, id};
use crate::http::intake::{Asked, Command, DECISION_MAX, Owner, Waited};
use crate::http::{Api, idempotency, openapi};
use crate::unique;
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use holdfast_engine::inspect::TaskView;
use holdfast_model::coupon;
use holdfast_model::coupon::message::IssueRequest;
use holdfast_model::coupon::outcome::Refusal;
use holdfast_model::coupon::{INBOX, NAME, REQUESTS, inbox_key, request_id};
use holdfast_model::json::Object;
use holdfast_model::wire;
use holdfast_topologies::coupon::view::{self, PENDING, RequestView};
use serde::Deserialize;
use utoipa::IntoParams;

/// What the client reads at once.
const ACCEPTED_S4: &str = "쿠폰 발급 요청이 접수되었습니다. 잠시 후 확인해주세요.";
const ACCEPTED_S3: &str = "쿠폰 발급 요청이 정상적으로 접수되었습니다. 잠시 후 쿠폰이 발급됩니다.";
/// When it is worth asking for the outcome, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// Query of the issue route.
#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct StrategyQuery {
    /// `v3` (default): 202 at once, decided in order. `v1`, `v2`: the same way, answered after the decision.
    strategy: Option<String>,
}

/// Body of the issue route.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IssueBody {
    #[serde(default, deserialize_with = "wire::id_if")]
    policy_id: Option<String>,
    #[serde(default, deserialize_with = "wire::id_if")]
    user_id: Option<String>,
    #[serde(default, deserialize_with = "wire::id_if")]
    request_id: Option<String>,
}

/// Query of the issue route by path.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(rename_all = "camelCase")]
pub(crate) struct UserQuery {
    /// Who asks.
    #[param(required = true)]
    user_id: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// 202 with the body of S4.
    Pending,
    /// 202 with the body of S3.
    Received,
    /// 200 with the outcome.
    Outcome,
}

/// Asks for a coupon.
///
/// `v3` answers 202 as soon as the request is in the log; the outcome is at `Location`. `v1` and `v2` wait for the decision (at most 3 s, then 202).
/// `Idempotency-Key` (or `requestId` in the body) makes a retry the same request for as long as outcomes are kept, at least 24 h.
#[utoipa::path(post, path = "/api/coupons/issue", tag = "coupons",
    params(StrategyQuery, openapi::IdempotencyKey),
    request_body = openapi::IssueBody,
    responses(
        (status = 202, description = "In the log; the outcome will be at `Location`", body = openapi::IssuePending),
        (status = 200, description = "The outcome (v1, v2)", body = openapi::Request),
        (status = 404, description = "No such policy", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Outside the window, or this user has the coupon", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Wrong value, or the key was used for another request", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was accepted, or nobody knows (`OUTCOME_UNKNOWN`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn issue(
    State(api): State<Api>,
    Query(query): Query<StrategyQuery>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let answer = match query.strategy.as_deref() {
        None | Some("v3" | "V3") => Answer::Pending,
        Some("v1" | "V1" | "v2" | "V2") => Answer::Outcome,
        Some(_) => {
            return Err(ApiError::field("strategy", ("v1, v2, v3 중 하나여야 합니다.", "must be one of: v1, v2, v3")));
        }
    };
    let body: IssueBody = extract::json(&asked.headers, &asked.body)?;
    let (policy_id, user_id) = both(id("policyId", body.policy_id), id("userId", body.user_id))?;
    let wish = Wish { policy_id, user_id, request_id: body.request_id, route: "POST /api/coupons/issue", answer };
    take_in(&api, wish, asked).await
}

/// Asks for a coupon, with ids in path and query.
#[utoipa::path(post, path = "/api/coupons/{couponId}/issue", tag = "coupons",
    params(("couponId" = String, Path, description = "The coupon policy"), UserQuery, openapi::IdempotencyKey),
    responses(
        (status = 202, description = "In the log; the outcome will be at `Location`", body = openapi::IssueReceived),
        (status = 404, description = "No such policy", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Outside the window, or this user has the coupon", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Wrong value", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was accepted, or nobody knows (`OUTCOME_UNKNOWN`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn issue_by_path(
    State(api): State<Api>,
    Params(coupon_id): Params<String>,
    Query(query): Query<UserQuery>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let (policy_id, user_id) = both(id("couponId", Some(coupon_id)), id("userId", query.user_id))?;
    let wish = Wish {
        policy_id,
        user_id,
        request_id: None,
        route: "POST /api/coupons/{couponId}/issue",
        answer: Answer::Received,
    };
    take_in(&api, wish, asked).await
}

struct Wish {
    policy_id: String,
    user_id: String,
    request_id: Option<String>,
    route: &'static str,
    answer: Answer,
}

async fn take_in(api: &Api, wish: Wish, asked: Asked) -> Result<Response, ApiError> {
    let place = place_of_policy(api, &wish.policy_id);
    let view = match api.owner(NAME, place, &asked)? {
        Owner::Here(view) => view,
        Owner::There(endpoint) => return api.peers.ask(&endpoint, place, asked).await,
    };
    if let Some(resumed) = asked.resumed() {
        return answer_to(api, &view, &wish, &resumed.id, Some(resumed.offset), false).await;
    }
    let key = idempotency::key(&asked.headers, wish.request_id.as_deref())?;
    let request_id = match key {
        Some(key) => request_id(place, &idempotency::derive(&wish.user_id, wish.route, key)),
        None => request_id(place, &unique::name(&*api.clock)),
    };
    if key.is_some() {
        if let Some(earlier) = earlier(api, &view, &wish, &request_id)? {
            return answer_to(api, &view, &wish, &request_id, earlier, true).await;
        }
        // The key's scope is the user and the route; another policy lives in another place perhaps, under the same key.
        let unique = request_id.splitn(3, '_').nth(2).unwrap_or_default();
        let is_there = |task: &TaskView| {
            let there = coupon::request_id(task.place(), unique);
            Ok(task.get(&REQUESTS, &there)?.is_some() || api.accepted.get(&there).is_some())
        };
        api.refuse_reuse(NAME, &view, &request_id, is_there).await?;
    }
    if let Some(refusal) = view::hint(&view, &wish.policy_id, &wish.user_id, api.clock.now_ms())?
        // Sold out is an outcome, and everybody may hear it in his turn.
        && refusal != Refusal::SoldOut
    {
        return Err(refused(refusal));
    }
    let value = IssueRequest::new(&request_id, &wish.policy_id, &wish.user_id, api.clock.now_ms()).to_json();
    let record_key = inbox_key(&wish.policy_id);
    let record = Command {
        topic: INBOX,
        place,
        key: &record_key,
        value: &value,
        id: &request_id,
        kind: "coupon.issue-requested",
    };
    let appended = api.append_under(key.is_some(), &record, &asked).await?;
    let entry = Entry {
        place,
        offset: appended.offset,
        policy_id: wish.policy_id.as_str().into(),
        user_id: wish.user_id.as_str().into(),
    };
    let is_decided = |at: u32, offset: i64| match at == place {
        true => view.next_offset() > offset,
        // A place that is not here any more cannot be asked: its entries are of no use either.
        false => api.queries.task(NAME, at).map_or(true, |other| other.next_offset() > offset),
    };
    api.accepted.note(&request_id, entry, is_decided);
    api.under_way.forget(&request_id);
    answer_to(api, &view, &wish, &request_id, Some(appended.offset), false).await
}

/// What is known of an earlier request with the same key: `Some(None)` decided, `Some(Some(offset))` in the log.
fn earlier(api: &Api, view: &TaskView, wish: &Wish, id: &String) -> Result<Option<Option<i64>>, ApiError> {
    let same = |policy_id: &str, user_id: &str| policy_id == wish.policy_id && user_id == wish.user_id;
    if let Some(row) = view.get(&REQUESTS, id)? {
        return if same(&row.policy_id, &row.user_id) { Ok(Some(None)) } else { Err(ApiError::IdempotencyKeyReused) };
    }
    match api.accepted.get(id) {
        Some(entry) if same(&entry.policy_id, &entry.user_id) => Ok(Some(Some(entry.offset))),
        Some(_) => Err(ApiError::IdempotencyKeyReused),
        None => Ok(None),
    }
}

async fn answer_to(
    api: &Api,
    view: &TaskView,
    wish: &Wish,
    request_id: &str,
    offset: Option<i64>,
    replayed: bool,
) -> Result<Response, ApiError> {
    let response = match (wish.answer, offset) {
        (Answer::Outcome, Some(offset)) => match decided(api, view, wish, request_id, offset).await {
            Ok(response) => response,
            // Where the place went it is waited for; should nobody take it in time, it has been accepted all the same.
            Err(error) => match error.after_append(request_id, view.place(), offset) {
                moved @ ApiError::Moved { .. } => (Extension(moved), accepted(wish, request_id)).into_response(),
                error => return Err(error),
            },
        },
        (Answer::Outcome, None) => outcome(view, wish, request_id)?,
        _ => accepted(wish, request_id),
    };
    Ok(marked(response, view, offset, replayed))
}

/// The outcome of the request at `offset`, if it comes in time.
async fn decided(api: &Api, view: &TaskView, wish: &Wish, request_id: &str, offset: i64) -> Result<Response, ApiError> {
    match api.wait_position(view, offset, DECISION_MAX).await? {
        Waited::Committed => outcome(view, wish, request_id),
        Waited::Late => Ok(accepted(wish, request_id)),
    }
}

fn outcome(view: &TaskView, wish: &Wish, request_id: &str) -> Result<Response, ApiError> {
    view::request(view, request_id)?.map_or(Err(ApiError::Internal), |outcome| outcome_of(&outcome, wish))
}

fn outcome_of(outcome: &RequestView, wish: &Wish) -> Result<Response, ApiError> {
    // The log has the last word on whose request it was: two with the same key may have passed the intake side by side.
    if outcome.policy_id.as_deref() != Some(&*wish.policy_id) || outcome.user_id.as_deref() != Some(&*wish.user_id) {
        return Err(ApiError::IdempotencyKeyReused);
    }
    Ok((answer::OK, axum::Json(outcome)).into_response())
}

fn accepted(wish: &Wish, request_id: &str) -> Response {
    let mut body = Vec::with_capacity(256);
    match wish.answer {
        Answer::Received => Object::begin(&mut body)
            .raw_if("success", Some("true"))
            .text("message", ACCEPTED_S3)
            .text("requestId", request_id)
            .end(),
        Answer::Pending | Answer::Outcome => Object::begin(&mut body)
            .text("status", PENDING)
            .text("message", ACCEPTED_S4)
            .text("policyId", &wish.policy_id)
            .text("userId", &wish.user_id)
            .text("requestId", request_id)
            .end(),
    }
    let mut response = (answer::ACCEPTED, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::RETRY_AFTER, RETRY_AFTER);
    if let Ok(location) = HeaderValue::try_from(format!("/api/coupons/requests/{request_id}")) {
        headers.insert(header::LOCATION, location);
    }
    response
}
