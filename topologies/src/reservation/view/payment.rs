//! What is shown of a payment for a reservation.

use holdfast_engine::inspect::{QueryError, TaskView};
use holdfast_model::reservation::row::{AnswerRow, CouponRow, CouponState, PaymentRow, PaymentState};
use holdfast_model::reservation::{ANSWERS, PAYMENT_COUPONS, PAYMENT_STATES, ids};
use holdfast_model::rfc3339;
use holdfast_model::schema::one_of;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::Object;

/// A payment for a reservation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Payment)]
pub struct PaymentView {
    /// Its id.
    pub payment_id: String,
    /// For which reservation.
    pub reservation_id: String,
    /// `PENDING`, `SUCCESS`, `FAILED`, or `CANCELLED` once the money is on its way back.
    #[schema(schema_with = payment_statuses)]
    pub status: &'static str,
    /// What is paid, in KRW.
    pub amount: u64,
    /// The coupon it is made with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coupon_id: Option<String>,
    /// What the coupon takes off, in KRW; none = it is not used, or it is not known yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discount: Option<u64>,
    /// Why it failed, for machines: `INSUFFICIENT_POINTS`, `AMOUNT_MISMATCH` (with a coupon), `COUPON_NOT_USABLE` …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// KRW that go back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund_amount: Option<u64>,
    /// KRW that are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fee: Option<u64>,
    /// Whether the money is back.
    pub refunded: bool,
    /// How far the refund is: `REQUESTED`, `COMPLETED`, or `FAILED`: then an operator has to see to it.
    #[schema(schema_with = refund_statuses)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund_status: Option<&'static str>,
    /// Why the refund failed, for machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund_code: Option<String>,
    /// When it was granted.
    pub requested_at: String,
    /// Since when it is what it is.
    pub changed_at: String,
}

impl PaymentView {
    /// Shows a payment decided in `place`.
    #[must_use]
    pub fn new(place: u32, payment_id: String, row: PaymentRow) -> Self {
        let (status, refund, refund_status) = match &row.state {
            PaymentState::Pending | PaymentState::Discounting => ("PENDING", None, None),
            PaymentState::Paid => ("SUCCESS", None, None),
            PaymentState::Refused(_) => ("FAILED", None, None),
            PaymentState::Refunding(refund) => ("CANCELLED", Some(*refund), Some("REQUESTED")),
            PaymentState::Refunded(refund) => ("CANCELLED", Some(*refund), Some("COMPLETED")),
            PaymentState::RefundRefused(refund, _) => ("CANCELLED", Some(*refund), Some("FAILED")),
        };
        let (code, refund_code) = match &row.state {
            PaymentState::Refused(code) => (Some(code.clone()), None),
            PaymentState::RefundRefused(_, code) => (None, Some(code.clone())),
            _ => (None, None),
        };
        Self {
            payment_id,
            reservation_id: ids::reservation(place, row.serial),
            status,
            amount: row.amount,
            coupon_id: None,
            discount: None,
            code,
            refund_amount: refund.map(|refund| refund.amount),
            fee: refund.map(|refund| refund.fee),
            refunded: matches!(row.state, PaymentState::Refunded(_)),
            refund_status,
            refund_code,
            requested_at: rfc3339::to_string(row.asked_ms),
            changed_at: rfc3339::to_string(row.changed_ms),
        }
    }

    /// With what is known of its coupon.
    #[must_use]
    pub fn with_coupon(mut self, coupon: Option<CouponRow>) -> Self {
        if let Some(CouponRow { coupon_id, state }) = coupon {
            self.coupon_id = Some(coupon_id);
            self.discount = match state {
                CouponState::Asked | CouponState::Refused => None,
                CouponState::Used { discount } | CouponState::Returned { discount } => Some(discount),
            };
        }
        self
    }

    /// Whether it is known what became of it.
    #[must_use]
    pub fn is_decided(&self) -> bool {
        self.status != "PENDING"
    }
}

/// What the status of a payment may be, for the OpenAPI document.
#[must_use]
pub fn payment_statuses() -> Object {
    one_of(["PENDING", "SUCCESS", "FAILED", "CANCELLED"])
}

fn refund_statuses() -> Object {
    one_of(["REQUESTED", "COMPLETED", "FAILED"])
}

/// Whether a payment whose money has gone back had its seat before.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn was_paid(task: &TaskView, payment_id: &str) -> Result<bool, QueryError> {
    Ok(task.get(&ANSWERS, &payment_id.to_owned())? == Some(AnswerRow::Paid))
}

/// The payment `payment_id`. `task` is the one in the place of its id.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn payment(task: &TaskView, payment_id: &str) -> Result<Option<PaymentView>, QueryError> {
    let payment_id = payment_id.to_owned();
    let Some(row) = task.get(&PAYMENT_STATES, &payment_id)? else { return Ok(None) };
    let coupon = task.get(&PAYMENT_COUPONS, &payment_id)?;
    Ok(Some(PaymentView::new(task.place(), payment_id, row).with_coupon(coupon)))
}
