//! Shapes of payments and wallets. Amounts are whole won.

use super::fields::Id;
use utoipa::ToSchema;

/// A payment for a reservation.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct PayBody {
    #[schema(example = "res_2_8000000000113f0c9a5be1d2c47a6b80")]
    reservation_id: Id,
    /// What is owed, in KRW.
    #[schema(example = 50000)]
    amount: u64,
    /// Who pays; missing = the reservation's user.
    user_id: Option<Id>,
    /// A coupon to be used for it.
    coupon_id: Option<Id>,
    /// Instead of `Idempotency-Key`.
    request_id: Option<Id>,
}

/// A payment in short.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Paid {
    payment_id: String,
    status: PaymentStatus,
    reservation_id: String,
    amount: Option<u64>,
}

/// How far a payment is.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum PaymentStatus {
    Pending,
    Success,
    Failed,
    Cancelled,
}

/// A payment.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Payment {
    payment_id: String,
    reservation_id: Option<String>,
    status: PaymentStatus,
    amount: Option<u64>,
    /// The coupon it is made with.
    coupon_id: Option<String>,
    /// What the coupon takes off.
    discount: Option<u64>,
    /// Why it failed, for programs.
    code: Option<String>,
    /// Why it was not granted, in Korean.
    reason: Option<String>,
    /// KRW that go back.
    refund_amount: Option<u64>,
    /// KRW that are kept.
    fee: Option<u64>,
    /// Whether the money is back.
    refunded: Option<bool>,
    /// `REQUESTED`, `COMPLETED` or `FAILED`: then an operator has to see to it.
    refund_status: Option<String>,
    /// Why the refund failed, for programs.
    refund_code: Option<String>,
    requested_at: Option<String>,
    changed_at: Option<String>,
}

/// A refund.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct RefundBody {
    /// The payer; here or as `?userId=`.
    user_id: Option<Id>,
    /// Instead of `Idempotency-Key`.
    request_id: Option<Id>,
}

/// Points to be charged.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct ChargeBody {
    #[schema(example = "user_123")]
    user_id: Id,
    /// KRW, 1,000 to 1,000,000.
    #[schema(example = 100000)]
    amount: u64,
    /// Instead of `Idempotency-Key`.
    request_id: Option<Id>,
}

/// A charge and what became of it.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Charge {
    request_id: String,
    user_id: Option<String>,
    amount: Option<i64>,
    /// `PENDING`, `SUCCESS`, `REFUSED` or `SYSTEM_ERROR`.
    status: String,
    /// What the wallet held after it.
    balance_after: Option<i64>,
    /// The same.
    balance: Option<i64>,
    /// Number of its line in the statement.
    sequence: Option<u64>,
    code: Option<String>,
    reason: Option<String>,
    decided_at: Option<String>,
}

/// What a user has.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Balance {
    user_id: String,
    balance: i64,
}

/// A page of a statement, the latest line first.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Statement {
    user_id: String,
    balance: i64,
    lines: Vec<Line>,
    /// Where the next page begins; missing = this was the last.
    next_cursor: Option<String>,
}

/// A line of a statement.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Line {
    /// From 1, without gaps.
    sequence: u64,
    /// `CHARGE`, `PAYMENT` or `REFUND`.
    #[schema(rename = "type")]
    kind: String,
    /// Negative for a payment.
    amount: i64,
    balance_after: i64,
    /// The account on the other side.
    counter_account: String,
    /// Id of the charge, the payment or the refund.
    reference: String,
    posted_at: String,
}
