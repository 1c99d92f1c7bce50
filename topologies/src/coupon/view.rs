//! What the query API shows, made of committed rows.

use crate::coupon::decide;
use holdfast_engine::inspect::{QueryError, TaskView};
use holdfast_model::coupon::coupon_id::CouponId;
use holdfast_model::coupon::keys::{CouponKey, IssuedKey};
use holdfast_model::coupon::outcome::{Refusal, Status};
use holdfast_model::coupon::row::{CommandRow, CouponRow, Discount, PolicyRow, RequestOutcome, RequestRow, TermsRow};
use holdfast_model::coupon::{COMMANDS, COUPONS, ISSUED, POLICIES, REQUESTS, TERMS};
use holdfast_model::rfc3339;
use holdfast_model::schema::one_of;
use serde::Serialize;
use std::ops::ControlFlow;
use utoipa::ToSchema;
use utoipa::openapi::Object;

/// Status of a request that is in the log and not yet decided.
pub const PENDING: &str = "PENDING";

/// A policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Policy)]
pub struct PolicyView {
    /// Its id.
    pub policy_id: String,
    /// What it is called.
    pub title: String,
    /// A longer text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How many coupons there are, given away or not.
    pub total_quantity: u64,
    /// How many were given away.
    pub issued: u64,
    /// How many are left.
    pub remaining: u64,
    /// First moment of its window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<String>,
    /// First moment after its window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_time: Option<String>,
    /// `FIXED_AMOUNT` or `PERCENTAGE`.
    #[schema(schema_with = Discount::kinds)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discount_type: Option<&'static str>,
    /// KRW, or percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discount_value: Option<u64>,
    /// Smallest order, in KRW.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum_order_amount: Option<u64>,
    /// Most it takes off, in KRW.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum_discount_amount: Option<u64>,
    /// When it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
}

fn request_statuses() -> Object {
    one_of([PENDING].into_iter().chain(Status::ALL.map(Status::as_str)))
}

fn coupon_statuses() -> Object {
    one_of(["ISSUED", "USED"])
}

impl PolicyView {
    /// Shows the rows of a policy.
    #[must_use]
    pub fn new(policy_id: String, policy: PolicyRow, terms: Option<TermsRow>) -> Self {
        let mut view = Self {
            policy_id,
            total_quantity: policy.total,
            issued: policy.issued,
            remaining: policy.remaining(),
            start_time: policy.starts_ms.map(rfc3339::to_string),
            end_time: policy.ends_ms.map(rfc3339::to_string),
            title: policy.title,
            description: None,
            discount_type: None,
            discount_value: None,
            minimum_order_amount: None,
            maximum_discount_amount: None,
            created_at: None,
        };
        if let Some(terms) = terms {
            view.description = terms.description;
            view.discount_type = terms.discount.map(super::row::Discount::kind);
            view.discount_value = terms.discount.map(super::row::Discount::value);
            view.minimum_order_amount = terms.minimum_order_amount;
            view.maximum_discount_amount = terms.maximum_discount_amount;
            view.created_at = Some(rfc3339::to_string(terms.created_ms));
        }
        view
    }
}

/// A request and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Request)]
pub struct RequestView {
    /// Its id.
    pub request_id: String,
    /// Of which policy. Missing while a replica shows the request that has not taken it in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_id: Option<String>,
    /// Who asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// `PENDING`, or one of the six outcomes.
    #[schema(schema_with = request_statuses)]
    pub status: &'static str,
    /// The coupon it got.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coupon_id: Option<String>,
    /// Why it got none, for the customer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// Why it got none, for machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// When it was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<String>,
}

impl RequestView {
    /// Shows a request that has been decided in `place`.
    #[must_use]
    pub fn decided(place: u32, request_id: String, row: RequestRow) -> Self {
        let (coupon_id, refused) = match row.outcome {
            RequestOutcome::Issued(serial) => {
                (Some(CouponId { place, policy_id: &row.policy_id, serial }.to_string()), None)
            }
            RequestOutcome::Refused(refusal) => (None, Some(refusal)),
        };
        Self {
            request_id,
            status: row.outcome.status().as_str(),
            coupon_id,
            reason: refused.map(Refusal::reason),
            code: refused.map(Refusal::code),
            decided_at: Some(rfc3339::to_string(row.decided_ms)),
            policy_id: Some(row.policy_id),
            user_id: Some(row.user_id),
        }
    }

    /// Shows a request that is not decided yet.
    #[must_use]
    pub fn pending(request_id: String, policy_id: Option<String>, user_id: Option<String>) -> Self {
        Self {
            request_id,
            policy_id,
            user_id,
            status: PENDING,
            coupon_id: None,
            reason: None,
            code: None,
            decided_at: None,
        }
    }

    /// Whether it has its outcome.
    #[must_use]
    pub fn is_decided(&self) -> bool {
        self.decided_at.is_some()
    }
}

/// A coupon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Coupon)]
pub struct CouponView {
    /// Its id.
    #[schema(example = "cpn_0_1_57")]
    pub coupon_id: String,
    /// Of which policy.
    pub policy_id: String,
    /// Whose it is.
    pub user_id: String,
    /// `ISSUED` or `USED`.
    #[schema(schema_with = coupon_statuses)]
    pub status: &'static str,
    /// When it was issued.
    pub issued_at: String,
    /// When it was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used_at: Option<String>,
    /// For which order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_id: Option<String>,
}

impl CouponView {
    /// Shows the row of a coupon kept in `place`.
    #[must_use]
    pub fn new(place: u32, key: CouponKey, row: CouponRow) -> Self {
        let coupon_id = CouponId { place, policy_id: &key.policy_id, serial: key.serial }.to_string();
        let (used_at, order_id) = row.used.map(|used| (rfc3339::to_string(used.used_ms), used.order_id)).unzip();
        Self {
            coupon_id,
            policy_id: key.policy_id,
            user_id: row.user_id,
            status: if order_id.is_some() { "USED" } else { "ISSUED" },
            issued_at: rfc3339::to_string(row.issued_ms),
            used_at,
            order_id,
        }
    }
}

/// A command and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CommandView {
    /// Its id.
    pub command_id: String,
    /// `SUCCESS`, `VALIDATION_FAILED`, `NOT_FOUND`, `CONFLICT` or `SYSTEM_ERROR`: see [`super::command_outcome::CommandStatus`].
    pub status: &'static str,
    /// Why it was not done, for machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// Why it was not done, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// When it was decided.
    pub decided_at: String,
}

impl CommandView {
    /// Shows a command that has been decided.
    #[must_use]
    pub fn new(command_id: String, row: &CommandRow) -> Self {
        Self {
            command_id,
            status: row.status().as_str(),
            code: row.refused.map(super::command_outcome::CommandRefusal::code),
            reason: row.refused.map(super::command_outcome::CommandRefusal::reason),
            decided_at: rfc3339::to_string(row.decided_ms),
        }
    }
}

/// The policy `policy_id`. `task` is the one in the place of its [`super::inbox_key`].
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn policy(task: &TaskView, policy_id: &str) -> Result<Option<PolicyView>, QueryError> {
    let policy_id = policy_id.to_owned();
    let Some(policy) = task.get(&POLICIES, &policy_id)? else { return Ok(None) };
    let terms = task.get(&TERMS, &policy_id)?;
    Ok(Some(PolicyView::new(policy_id, policy, terms)))
}

/// All policies of a place, by id.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn policies(task: &TaskView) -> Result<Vec<PolicyView>, QueryError> {
    let mut rows = Vec::new();
    task.scan(&POLICIES, &[], &mut |policy_id, row| {
        rows.push((policy_id, row));
        ControlFlow::Continue(())
    })?;
    rows.into_iter()
        .map(|(policy_id, row)| {
            let terms = task.get(&TERMS, &policy_id)?;
            Ok(PolicyView::new(policy_id, row, terms))
        })
        .collect()
}

/// The request `request_id`, once it is decided. `task` is the one in its [`super::request_place`].
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn request(task: &TaskView, request_id: &str) -> Result<Option<RequestView>, QueryError> {
    let request_id = request_id.to_owned();
    let row = task.get_kept(&REQUESTS, &request_id)?;
    Ok(row.map(|row| RequestView::decided(task.place(), request_id, row)))
}

/// The coupon `coupon_id`. `task` is the one in its [`super::coupon_place`].
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn coupon(task: &TaskView, coupon_id: &str) -> Result<Option<CouponView>, QueryError> {
    let Some(id) = CouponId::parse(coupon_id).filter(|id| id.place == task.place()) else { return Ok(None) };
    let key = CouponKey { policy_id: id.policy_id.to_owned(), serial: id.serial };
    let row = task.get(&COUPONS, &key)?;
    Ok(row.map(|row| CouponView::new(task.place(), key, row)))
}

/// The coupons that `user_id` has in a place, by policy. A user's policies may lie in any place: ask all and put the lists together.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn coupons_of_user(task: &TaskView, user_id: &str) -> Result<Vec<CouponView>, QueryError> {
    let mut keys = Vec::new();
    task.scan(&ISSUED, &IssuedKey::prefix_of_user(user_id), &mut |key, row| {
        keys.push(CouponKey { policy_id: key.policy_id, serial: row.serial });
        ControlFlow::Continue(())
    })?;
    let mut coupons = Vec::with_capacity(keys.len());
    for key in keys {
        if let Some(row) = task.get(&COUPONS, &key)? {
            coupons.push(CouponView::new(task.place(), key, row));
        }
    }
    Ok(coupons)
}

/// The command `command_id`, once it is decided. `task` is the one in the place the command was appended to.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn command(task: &TaskView, command_id: &str) -> Result<Option<CommandView>, QueryError> {
    let command_id = command_id.to_owned();
    let row = task.get_kept(&COMMANDS, &command_id)?;
    Ok(row.map(|row| CommandView::new(command_id, &row)))
}

/// What a request would be refused for if it were decided now. A hint for the intake, so that it need not accept what is hopeless: the decision is
/// the partition's alone, and may differ.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn hint(task: &TaskView, policy_id: &str, user_id: &str, now_ms: i64) -> Result<Option<Refusal>, QueryError> {
    let policy = task.get(&POLICIES, &policy_id.to_owned())?;
    let issued = task.get(&ISSUED, &IssuedKey { user_id: user_id.to_owned(), policy_id: policy_id.to_owned() })?;
    Ok(match decide::issue(policy.as_ref(), issued.is_some(), user_id, now_ms) {
        RequestOutcome::Issued(_) => None,
        RequestOutcome::Refused(refusal) => Some(refusal),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_model::coupon::command_outcome::CommandRefusal;
    use holdfast_model::coupon::row::{Discount, Used};
    use serde_json::json;

    #[test]
    fn a_policy_shows_its_stock_and_its_terms() {
        let policy =
            PolicyRow {
                total: 100, issued: 11, starts_ms: None, ends_ms: Some(0), title: "첫 구매 쿠폰".to_owned()
            };
        let terms = TermsRow {
            total_at_creation: 100,
            description: None,
            discount: Some(Discount::Percentage(10)),
            minimum_order_amount: None,
            maximum_discount_amount: Some(5_000),
            created_ms: 0,
        };
        assert_eq!(
            serde_json::to_value(PolicyView::new("1".to_owned(), policy, Some(terms))).unwrap(),
            json!({
                "policyId": "1", "title": "첫 구매 쿠폰", "totalQuantity": 100, "issued": 11, "remaining": 89, "endTime": "1970-01-01T00:00:00.000Z",
                "discountType": "PERCENTAGE", "discountValue": 10, "maximumDiscountAmount": 5000, "createdAt": "1970-01-01T00:00:00.000Z"
            })
        );
    }

    #[test]
    fn a_request_shows_its_outcome() {
        let row = |outcome| RequestRow { policy_id: "1".to_owned(), user_id: "16".to_owned(), decided_ms: 0, outcome };
        assert_eq!(
            serde_json::to_value(RequestView::decided(2, "r".to_owned(), row(RequestOutcome::Issued(7)))).unwrap(),
            json!({"requestId": "r", "policyId": "1", "userId": "16", "status": "SUCCESS", "couponId": "cpn_2_1_7", "decidedAt": "1970-01-01T00:00:00.000Z"})
        );
        assert_eq!(
            serde_json::to_value(RequestView::decided(
                2,
                "r".to_owned(),
                row(RequestOutcome::Refused(Refusal::SoldOut))
            ))
            .unwrap(),
            json!({
                "requestId": "r", "policyId": "1", "userId": "16", "status": "OUT_OF_STOCK", "reason": "쿠폰이 모두 소진되었습니다", "code": "SOLD_OUT",
                "decidedAt": "1970-01-01T00:00:00.000Z"
            })
        );
        assert_eq!(
            serde_json::to_value(RequestView::pending("r".to_owned(), None, None)).unwrap(),
            json!({"requestId": "r", "status": "PENDING"})
        );
    }

    #[test]
    fn a_coupon_shows_how_it_was_used() {
        let key = CouponKey { policy_id: "1".to_owned(), serial: 7 };
        let mut row = CouponRow { user_id: "16".to_owned(), issued_ms: 0, used: None };
        let view = CouponView::new(0, key.clone(), row.clone());
        assert_eq!((&*view.coupon_id, view.status, view.order_id), ("cpn_0_1_7", "ISSUED", None));
        row.used = Some(Used { order_id: "o".to_owned(), used_ms: 1 });
        let view = CouponView::new(0, key, row);
        assert_eq!(
            (view.status, view.used_at.as_deref(), view.order_id.as_deref()),
            ("USED", Some("1970-01-01T00:00:00.001Z"), Some("o"))
        );
    }

    #[test]
    fn a_command_shows_why_it_was_refused() {
        let row = CommandRow { fingerprint: 0, decided_ms: 0, refused: Some(CommandRefusal::NotUsable) };
        assert_eq!(
            serde_json::to_value(CommandView::new("c".to_owned(), &row)).unwrap(),
            json!({
                "commandId": "c", "status": "CONFLICT", "code": "COUPON_NOT_USABLE", "reason": "사용 가능한 쿠폰이 아닙니다",
                "decidedAt": "1970-01-01T00:00:00.000Z"
            })
        );
    }
}
