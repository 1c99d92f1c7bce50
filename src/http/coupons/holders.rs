//! Coupons in somebody's hands.

use crate::http::error::{ApiError, answer};
use crate::http::execute::{Call, CommandOrder, Principal, Undecided};
use crate::http::extract::{self, Params};
use crate::http::fields::{both, id};
use crate::http::intake::Asked;
use crate::http::{Api, openapi};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use holdfast_engine::inspect::TaskView;
use holdfast_model::coupon::command_outcome::CommandRefusal;
use holdfast_model::coupon::coupon_id::CouponId;
use holdfast_model::coupon::message::{Command, UseCoupon};
use holdfast_model::coupon::{NAME, inbox_key};
use holdfast_model::wire::{self, Id};
use holdfast_topologies::coupon::view::{self, CouponView};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use utoipa::ToSchema;

/// The use of a coupon.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UseBody {
    /// Whose it is.
    #[schema(value_type = Id<'static>, required = true)]
    #[serde(default, deserialize_with = "wire::id_if")]
    user_id: Option<String>,
    /// For which order.
    #[schema(value_type = Id<'static>, required = true)]
    #[serde(default, deserialize_with = "wire::id_if")]
    order_id: Option<String>,
    /// Instead of `Idempotency-Key`.
    #[schema(value_type = Option<Id<'static>>)]
    #[serde(default, deserialize_with = "wire::id_if")]
    request_id: Option<String>,
}

/// The coupons of a user.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = HeldCoupons)]
struct Held {
    user_id: String,
    /// As they are, of this replica and of its peers.
    #[schema(value_type = Vec<CouponView>)]
    coupons: Vec<Box<RawValue>>,
}

/// The coupons of a user, from all places.
#[utoipa::path(get, path = "/api/coupons/users/{userId}", tag = "coupons",
    params(("userId" = String, Path)),
    responses(
        (status = 200, description = "His coupons; none is an empty list", body = Held),
        (status = 503, description = "A place is not served now", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn coupons_of_user(
    State(api): State<Api>,
    Params(user_id): Params<String>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let mut coupons = Vec::new();
    let of_peers = api.scatter(NAME, &asked, |view| {
        for coupon in view::coupons_of_user(view, &user_id)? {
            coupons.push(raw(&coupon)?);
        }
        Ok(())
    });
    for body in of_peers.await? {
        let theirs: Held = serde_json::from_slice(&body).map_err(|_| ApiError::Internal)?;
        coupons.extend(theirs.coupons);
    }
    Ok((answer::OK, axum::Json(Held { user_id, coupons })).into_response())
}

/// Uses a coupon, once. The same order may ask again.
#[utoipa::path(post, path = "/api/coupons/{couponId}/use", tag = "coupons",
    params(("couponId" = String, Path, description = "The issued coupon"), openapi::IdempotencyKey),
    request_body = UseBody,
    responses(
        (status = 200, description = "The coupon, used", body = CouponView),
        (status = 202, description = "In the log, not decided within 3 s", body = Undecided<'static>),
        (status = 404, description = "No such coupon of this user", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Used for another order", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was accepted, or nobody knows (`OUTCOME_UNKNOWN`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn use_coupon(
    State(api): State<Api>,
    Params(coupon_id): Params<String>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let body: UseBody = extract::json(&asked.headers, &asked.body)?;
    let (user_id, order_id) = both(id("userId", body.user_id), id("orderId", body.order_id))?;
    let not_found = || ApiError::refused(CommandRefusal::UnknownCoupon.problem(), None);
    let Some(parsed) = CouponId::parse(&coupon_id).filter(|parsed| parsed.place < api.settings.places) else {
        return Err(not_found());
    };
    let call = Call { place: parsed.place, route: "POST /api/coupons/{couponId}/use", request_id: body.request_id };
    let command = Command::UseCoupon(UseCoupon {
        event_id: None,
        request_id: None,
        coupon_id: coupon_id.clone(),
        user_id: user_id.clone(),
        order_id,
    });
    let done = |view: &TaskView| {
        let coupon = view::coupon(view, &coupon_id)?.ok_or_else(not_found)?;
        Ok((answer::OK, axum::Json(coupon)).into_response())
    };
    let order = CommandOrder { user: user_id, key: inbox_key(parsed.policy_id), command, done };
    api.execute(Principal::Anonymous, asked, call, |_| Ok(order)).await
}

fn raw(coupon: &CouponView) -> Result<Box<RawValue>, ApiError> {
    to_raw_value(coupon).map_err(|_| ApiError::Internal)
}
