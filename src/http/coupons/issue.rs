//! Asking for a coupon. The hot path: two reads of the committed view, one append, one small answer.

use super::{key_and_place, refused};
use crate::http::error::{ApiError, answer};
use crate::http::execute::{At, Call, Form, Inbox, Kept, Order, Principal, RETRY_AFTER};
use crate::http::extract::{self, Params, Query};
use crate::http::fields::{both, id};
use crate::http::guards::{Guarded, QueueToken};
use crate::http::intake::Asked;
use crate::http::{Api, openapi};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use holdfast_engine::inspect::TaskView;
use holdfast_model::coupon::message::IssueRequest;
use holdfast_model::coupon::outcome::Refusal;
use holdfast_model::coupon::{ADMISSIONS, GUARDS, INBOX, NAME, request_id};
use holdfast_model::wire::{self, Id};
use holdfast_topologies::coupon::view::{self, PENDING, RequestView};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// What the client reads at once.
const ACCEPTED_S4: &str = "쿠폰 발급 요청이 접수되었습니다. 잠시 후 확인해주세요.";
const ACCEPTED_S3: &str = "쿠폰 발급 요청이 정상적으로 접수되었습니다. 잠시 후 쿠폰이 발급됩니다.";

/// Query of the issue route.
#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct StrategyQuery {
    /// `v3` (default): 202 at once, decided in order. `v1`, `v2`: the same way, answered after the decision.
    strategy: Option<String>,
}

/// A wish for a coupon.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IssueBody {
    /// The policy.
    #[schema(value_type = Id<'static>, required = true, example = "1")]
    #[serde(default, deserialize_with = "wire::id_if")]
    policy_id: Option<String>,
    /// For which user.
    #[schema(value_type = Id<'static>, required = true, example = "1001")]
    #[serde(default, deserialize_with = "wire::id_if")]
    user_id: Option<String>,
    /// Instead of `Idempotency-Key`.
    #[schema(value_type = Option<Id<'static>>)]
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

/// Taken in, not decided.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct IssuePending<'a> {
    #[schema(example = "PENDING")]
    status: &'static str,
    #[schema(example = "쿠폰 발급 요청이 접수되었습니다. 잠시 후 확인해주세요.")]
    message: &'static str,
    policy_id: &'a str,
    user_id: &'a str,
    request_id: &'a str,
}

/// Taken in, not decided.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct IssueReceived<'a> {
    success: bool,
    #[schema(example = "쿠폰 발급 요청이 정상적으로 접수되었습니다. 잠시 후 쿠폰이 발급됩니다.")]
    message: &'static str,
    request_id: &'a str,
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
    params(StrategyQuery, openapi::IdempotencyKey, QueueToken),
    request_body = IssueBody,
    responses(
        (status = 202, description = "In the log; the outcome will be at `Location`", body = IssuePending<'static>),
        (status = 200, description = "The outcome (v1, v2)", body = RequestView),
        (status = 403, description = "A queue guards the policy, and `X-Queue-Token` is no token of an admission that is live (`QUEUE_NOT_ACTIVE`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
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
    let (key, place) = key_and_place(&api, &policy_id);
    let call = Call { place, route: "POST /api/coupons/issue", request_id: body.request_id };
    api.execute(Principal::Anonymous, asked, call, |_| Ok(Wish { policy_id, key, user_id, answer })).await
}

/// Asks for a coupon, with ids in path and query.
#[utoipa::path(post, path = "/api/coupons/{couponId}/issue", tag = "coupons",
    params(("couponId" = String, Path, description = "The coupon policy"), UserQuery, openapi::IdempotencyKey, QueueToken),
    responses(
        (status = 202, description = "In the log; the outcome will be at `Location`", body = IssueReceived<'static>),
        (status = 403, description = "A queue guards the policy, and `X-Queue-Token` is no token of an admission that is live (`QUEUE_NOT_ACTIVE`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
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
    let (key, place) = key_and_place(&api, &policy_id);
    let call = Call { place, route: "POST /api/coupons/{couponId}/issue", request_id: None };
    let wish = Wish { policy_id, key, user_id, answer: Answer::Received };
    api.execute(Principal::Anonymous, asked, call, |_| Ok(wish)).await
}

/// A wish for a coupon.
struct Wish {
    policy_id: String,
    /// The policy's key in the inbox.
    key: String,
    user_id: String,
    answer: Answer,
}

impl Wish {
    fn is_of(&self, request: &RequestView) -> bool {
        request.policy_id.as_deref() == Some(&*self.policy_id) && request.user_id.as_deref() == Some(&*self.user_id)
    }
}

impl Order for Wish {
    type Outcome = RequestView;

    const INBOX: Inbox = Inbox { topology: NAME, topic: INBOX, kind: "coupon.issue-requested" };

    fn user(&self) -> &str {
        &self.user_id
    }

    fn key(&self) -> &str {
        &self.key
    }

    fn id(place: u32, unique: &str) -> String {
        request_id(place, unique)
    }

    fn value(&mut self, id: &str, now_ms: i64) -> Vec<u8> {
        IssueRequest::new(id, &self.policy_id, &self.user_id, now_ms).to_json()
    }

    fn outcome(&self, view: &TaskView, id: &String) -> Result<Option<RequestView>, ApiError> {
        match view::request(view, id)? {
            // The log has the last word on whose request it was: two with the same key may have passed the intake side by side.
            Some(request) if !self.is_of(&request) => Err(ApiError::IdempotencyKeyReused),
            request => Ok(request),
        }
    }

    fn foresee(&self, view: &TaskView, now_ms: i64) -> Result<Option<RequestView>, ApiError> {
        match view::hint(view, &self.policy_id, &self.user_id, now_ms)? {
            // Sold out is an outcome, and each request hears it in its turn.
            None | Some(Refusal::SoldOut) => Ok(None),
            Some(refusal) => Err(refused(refusal)),
        }
    }

    fn guarded(&self) -> Option<Guarded<'_>> {
        let (subject_id, user_id) = (&self.policy_id, &*self.user_id);
        Some(Guarded { guards: &GUARDS, admissions: &ADMISSIONS, subject_id, user_id })
    }

    fn kept(&self) -> Option<Kept<'_>> {
        Some(Kept { of: &self.policy_id, user_id: &self.user_id, quantity: 1 })
    }

    fn form(&self) -> Form {
        if self.answer == Answer::Outcome { Form::Decision } else { Form::AtOnce }
    }

    async fn answer(&self, _at: &At<'_>, outcome: RequestView) -> Result<Response, ApiError> {
        Ok((answer::OK, axum::Json(outcome)).into_response())
    }

    fn accepted(&self, at: &At<'_>) -> Response {
        let (policy_id, user_id, request_id) = (&self.policy_id, &self.user_id, at.id);
        let mut body = Vec::with_capacity(256);
        let written = match self.answer {
            Answer::Received => {
                let received = IssueReceived { success: true, message: ACCEPTED_S3, request_id };
                serde_json::to_writer(&mut body, &received)
            }
            Answer::Pending | Answer::Outcome => {
                let pending = IssuePending { status: PENDING, message: ACCEPTED_S4, policy_id, user_id, request_id };
                serde_json::to_writer(&mut body, &pending)
            }
        };
        // Texts always encode, and a vector takes them.
        debug_assert!(written.is_ok());
        let mut response = (answer::ACCEPTED, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::RETRY_AFTER, RETRY_AFTER);
        if let Ok(location) = HeaderValue::try_from(format!("/api/coupons/requests/{}", at.id)) {
            headers.insert(header::LOCATION, location);
        }
        response
    }
}
