//! Coupon policies: created and adjusted by admins through the same log, shown to everybody.

use super::key_and_place;
use crate::http::admin::{ADMIN, Admin};
use crate::http::error::{ApiError, answer};
use crate::http::execute::{Call, CommandOrder, Principal, Undecided};
use crate::http::extract::{self, Params, Query};
use crate::http::fields::{both, id, moment, required};
use crate::http::intake::{AfterQuery, Asked};
use crate::http::{Api, location, openapi};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use holdfast_engine::inspect::TaskView;
use holdfast_model::coupon::NAME;
use holdfast_model::coupon::message::{AdjustStock, Command, CreatePolicy};
use holdfast_model::coupon::outcome::Refusal;
use holdfast_model::wire::{self, Id};
use holdfast_topologies::coupon::view::{self, PolicyView};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use utoipa::ToSchema;

/// More coupons, or fewer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AdjustBody {
    /// How many more; negative = fewer, never below what has been issued.
    #[schema(value_type = i64, required = true, example = 10)]
    by: Option<i64>,
    /// Instead of `Idempotency-Key`.
    #[schema(value_type = Option<Id<'static>>)]
    #[serde(default, deserialize_with = "wire::id_if")]
    request_id: Option<String>,
}

/// Policies.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = Policies)]
struct Listed {
    #[schema(value_type = Vec<PolicyView>)]
    policies: Vec<Box<RawValue>>,
}

/// Creates a policy. The same command again changes nothing; another policy under the same id is refused.
#[utoipa::path(post, path = "/api/coupons/policies", tag = "coupons", security(("admin" = [])),
    params(openapi::IdempotencyKey),
    request_body = CreatePolicy,
    responses(
        (status = 201, description = "The policy", body = PolicyView),
        (status = 202, description = "In the log, not decided within 3 s", body = Undecided<'static>),
        (status = 401, description = "No admin", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "No token is set and the request need not come from a program on the worker's machine (`ADMIN_FORBIDDEN`), or a page of another origin has sent it (`FOREIGN_PAGE`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Another policy has this id", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Terms that make no sense", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was accepted, or nobody knows (`OUTCOME_UNKNOWN`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn create(State(api): State<Api>, _admin: Admin, asked: Asked) -> Result<Response, ApiError> {
    let mut wanted: CreatePolicy = extract::json(&asked.headers, &asked.body)?;
    let times = both(moment("startTime", wanted.start_time), moment("endTime", wanted.end_time));
    let (policy_id, _) = both(id("policyId", Some(wanted.policy_id.clone())), times)?;
    let (key, place) = key_and_place(&api, &policy_id);
    let call = Call { place, route: "POST /api/coupons/policies", request_id: wanted.request_id.take() };
    wanted.event_id = None;
    let done = |view: &TaskView| {
        let mut response = shown(view, &policy_id, answer::CREATED)?;
        if let Ok(location) = HeaderValue::try_from(location::path("/api/coupons/policies", &policy_id)) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        Ok(response)
    };
    let order = CommandOrder { user: ADMIN.to_owned(), key, command: Command::CreatePolicy(wanted), done };
    api.execute(Principal::Anonymous, asked, call, |_| Ok(order)).await
}

/// Adds coupons to a policy, or takes back what has not been issued.
#[utoipa::path(post, path = "/api/coupons/policies/{policyId}/stock", tag = "coupons", security(("admin" = [])),
    params(("policyId" = String, Path), openapi::IdempotencyKey),
    request_body = AdjustBody,
    responses(
        (status = 200, description = "The policy", body = PolicyView),
        (status = 202, description = "In the log, not decided within 3 s", body = Undecided<'static>),
        (status = 401, description = "No admin", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "No token is set and the request need not come from a program on the worker's machine (`ADMIN_FORBIDDEN`), or a page of another origin has sent it (`FOREIGN_PAGE`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such policy", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Less than what has been issued", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was accepted, or nobody knows (`OUTCOME_UNKNOWN`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn adjust(
    State(api): State<Api>,
    _admin: Admin,
    Params(policy_id): Params<String>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let body: AdjustBody = extract::json(&asked.headers, &asked.body)?;
    let policy_id = id("policyId", Some(policy_id))?;
    let by = required("by", body.by)?;
    let (key, place) = key_and_place(&api, &policy_id);
    let call = Call { place, route: "POST /api/coupons/policies/{policyId}/stock", request_id: body.request_id };
    let wanted = AdjustStock { event_id: None, request_id: None, policy_id: policy_id.clone(), by };
    let done = |view: &TaskView| shown(view, &policy_id, answer::OK);
    let order = CommandOrder { user: ADMIN.to_owned(), key, command: Command::AdjustStock(wanted), done };
    api.execute(Principal::Anonymous, asked, call, |_| Ok(order)).await
}

/// A policy and its stock.
#[utoipa::path(get, path = "/api/coupons/policies/{policyId}", tag = "coupons",
    params(("policyId" = String, Path), AfterQuery),
    responses(
        (status = 200, description = "The policy", body = PolicyView),
        (status = 404, description = "No such policy", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "`after` belongs elsewhere or lies past the end of the inbox (`INVALID_POSITION`), or wrong value", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Its place is not served now", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn show(
    State(api): State<Api>,
    Params(policy_id): Params<String>,
    Query(query): Query<AfterQuery>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let (_, place) = key_and_place(&api, &policy_id);
    let look = |view: &TaskView| match view::policy(view, &policy_id)? {
        Some(policy) => Ok((answer::OK, axum::Json(policy)).into_response()),
        None => Err(super::refused(Refusal::UnknownPolicy)),
    };
    api.read(NAME, place, asked, query.after.as_deref(), look).await
}

/// All policies, from all places.
#[utoipa::path(get, path = "/api/coupons/policies", tag = "coupons",
    responses(
        (status = 200, description = "The policies", body = Listed),
        (status = 503, description = "A place is not served now", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn list(State(api): State<Api>, asked: Asked) -> Result<Response, ApiError> {
    let mut policies = Vec::new();
    let of_peers = api.scatter(NAME, &asked, |view| {
        for policy in view::policies(view)? {
            policies.push(to_raw_value(&policy).map_err(|_| ApiError::Internal)?);
        }
        Ok(())
    });
    for body in of_peers.await? {
        let theirs: Listed = serde_json::from_slice(&body).map_err(|_| ApiError::Internal)?;
        policies.extend(theirs.policies);
    }
    Ok((answer::OK, axum::Json(Listed { policies })).into_response())
}

fn shown(view: &TaskView, policy_id: &str, done: StatusCode) -> Result<Response, ApiError> {
    let policy = view::policy(view, policy_id)?.ok_or_else(|| super::refused(Refusal::UnknownPolicy))?;
    Ok((done, axum::Json(policy)).into_response())
}
