//! What the query API shows, made of committed rows. Everything of a user lies in the place of his id.

use holdfast_engine::inspect::{QueryError, TaskView};
use holdfast_model::payment::keys::LineKey;
use holdfast_model::payment::outcome::{Refusal, Status};
use holdfast_model::payment::row::{ChargeRow, LineRow, Outcome, PaymentRow, RefundRow};
use holdfast_model::payment::{CHARGES, PAYMENTS, REFUNDS, STATEMENT, WALLETS};
use holdfast_model::place_id;
use holdfast_model::rfc3339;
use holdfast_model::schema::one_of;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::Object;

/// Status of what is in the log and not yet decided.
pub const PENDING: &str = "PENDING";

/// Most lines on a page of a statement.
pub const PAGE_LINES_MAX: usize = 100;

/// What a user has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Balance)]
pub struct BalanceView {
    /// Whose.
    pub user_id: String,
    /// In KRW.
    pub balance: i64,
}

/// A page of a statement, the latest line first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Statement)]
pub struct StatementView {
    /// Whose.
    pub user_id: String,
    /// What the user has now, in KRW.
    pub balance: i64,
    /// The lines of this page.
    pub lines: Vec<LineView>,
    /// Where the next page begins; none = this was the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A line of a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Line)]
pub struct LineView {
    /// Its number in the statement, from 1, without gaps.
    pub sequence: u64,
    /// `CHARGE`, `PAYMENT` or `REFUND`.
    #[schema(schema_with = kinds)]
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// By how much the balance changed, in KRW: negative for a payment.
    pub amount: i64,
    /// The balance after it, in KRW.
    pub balance_after: i64,
    /// The account on the other side.
    pub counter_account: &'static str,
    /// Id of the charge, the payment or the refund.
    pub reference: String,
    /// When it was posted.
    pub posted_at: String,
}

fn kinds() -> Object {
    one_of(["CHARGE", "PAYMENT", "REFUND"])
}

fn statuses() -> Object {
    one_of([PENDING].into_iter().chain(Status::ALL.map(Status::as_str)))
}

impl LineView {
    /// Shows line number `sequence`.
    #[must_use]
    pub fn new(sequence: u64, row: LineRow) -> Self {
        Self {
            sequence,
            kind: row.entry.as_str(),
            amount: row.amount,
            balance_after: row.balance_after,
            counter_account: row.entry.counter().as_str(),
            reference: row.reference,
            posted_at: rfc3339::to_string(row.posted_ms),
        }
    }
}

/// What became of a charge, a payment or a refund: the part that they have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ChargeOutcome)]
pub struct OutcomeView {
    /// `PENDING`, or `SUCCESS`, `INSUFFICIENT_POINTS`, `REFUSED`, `SYSTEM_ERROR`.
    #[schema(schema_with = statuses)]
    pub status: &'static str,
    /// What the wallet held after it, in KRW.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub balance_after: Option<i64>,
    /// Number of its line in the statement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// Why no money moved, for machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// Why no money moved, for the customer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// When it was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<String>,
}

impl OutcomeView {
    /// Shows an outcome.
    #[must_use]
    pub fn decided(outcome: Outcome, decided_ms: i64) -> Self {
        let balance_after = match outcome {
            Outcome::Posted { balance_after, .. } => Some(balance_after),
            Outcome::Refused(_) => None,
        };
        Self {
            status: outcome.status().as_str(),
            balance_after,
            sequence: outcome.sequence(),
            code: outcome.refusal().map(Refusal::code),
            reason: outcome.refusal().map(Refusal::reason),
            decided_at: Some(rfc3339::to_string(decided_ms)),
        }
    }

    /// Shows that there is none yet.
    #[must_use]
    pub fn pending() -> Self {
        Self { status: PENDING, ..Self::default() }
    }

    /// Whether there is one.
    #[must_use]
    pub fn is_decided(&self) -> bool {
        self.decided_at.is_some()
    }
}

/// A charge and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Charge)]
pub struct ChargeView {
    /// Its id.
    pub request_id: String,
    /// Whose wallet.
    pub user_id: String,
    /// How much, in KRW.
    pub amount: i64,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: OutcomeView,
}

impl ChargeView {
    /// Shows a charge that has been decided.
    #[must_use]
    pub fn decided(request_id: String, row: ChargeRow) -> Self {
        let outcome = OutcomeView::decided(row.outcome, row.decided_ms);
        Self { request_id, user_id: row.user_id, amount: row.amount, outcome }
    }

    /// Shows a charge that is not decided yet.
    #[must_use]
    pub fn pending(request_id: String, user_id: String, amount: i64) -> Self {
        Self { request_id, user_id, amount, outcome: OutcomeView::pending() }
    }
}

/// A payment and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentView {
    /// Its id.
    pub payment_id: String,
    /// For which reservation.
    pub reservation_id: String,
    /// Who pays.
    pub user_id: String,
    /// What the seat costs, in KRW.
    pub price: i64,
    /// What a coupon takes off, in KRW.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discount: Option<i64>,
    /// Which coupon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coupon_id: Option<String>,
    /// What is paid, in KRW.
    pub amount: i64,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: OutcomeView,
    /// The refund that was posted for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund_id: Option<String>,
    /// What went back, in KRW.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refunded_amount: Option<i64>,
}

impl PaymentView {
    /// Shows a payment that has been decided.
    #[must_use]
    pub fn decided(payment_id: String, row: PaymentRow) -> Self {
        let (coupon_id, discount) = row.discount.map(|discount| (discount.coupon_id, discount.amount)).unzip();
        let (refund_id, refunded_amount) = row.refund.map(|mark| (mark.refund_id, mark.amount)).unzip();
        Self {
            payment_id,
            reservation_id: row.reservation_id,
            user_id: row.user_id,
            price: row.price,
            discount,
            coupon_id,
            amount: row.amount,
            outcome: OutcomeView::decided(row.outcome, row.decided_ms),
            refund_id,
            refunded_amount,
        }
    }
}

/// A refund and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RefundView {
    /// Its id.
    pub refund_id: String,
    /// Of which payment.
    pub payment_id: String,
    /// For which reservation.
    pub reservation_id: String,
    /// Who gets it.
    pub user_id: String,
    /// What goes back, in KRW.
    pub amount: i64,
    /// What stays with the shop, in KRW.
    pub fee: i64,
    /// Why it was asked for.
    pub cause: String,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: OutcomeView,
}

impl RefundView {
    /// Shows a refund that has been decided.
    #[must_use]
    pub fn decided(refund_id: String, row: RefundRow) -> Self {
        Self {
            refund_id,
            payment_id: row.payment_id,
            reservation_id: row.reservation_id,
            user_id: row.user_id,
            amount: row.amount,
            fee: row.fee,
            cause: row.reason,
            outcome: OutcomeView::decided(row.outcome, row.decided_ms),
        }
    }
}

/// What `user_id` has; who has no wallet has 0. `task` is the one in the place of the user's id.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn balance(task: &TaskView, user_id: &str) -> Result<BalanceView, QueryError> {
    let user_id = user_id.to_owned();
    let wallet = task.get(&WALLETS, &user_id)?.unwrap_or_default();
    Ok(BalanceView { user_id, balance: wallet.balance })
}

/// A page of at most `limit` lines ([`PAGE_LINES_MAX`] at most, 1 at least), from the latest or from where `cursor` points. Lines that are posted
/// meanwhile come before the first page, so no page shows a line twice. `task` is the one in the place of the user's id.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn statement(
    task: &TaskView,
    user_id: &str,
    cursor: Option<Cursor>,
    limit: usize,
) -> Result<StatementView, QueryError> {
    let user_id = user_id.to_owned();
    let wallet = task.get(&WALLETS, &user_id)?.unwrap_or_default();
    let limit = limit.clamp(1, PAGE_LINES_MAX);
    let latest = cursor.map_or(wallet.sequence, |Cursor(sequence)| sequence.min(wallet.sequence));
    let mut lines = Vec::with_capacity(limit);
    let mut key = LineKey { user_id, sequence: latest };
    // By number, since there are no gaps: a scan would begin at the oldest.
    while key.sequence > 0 && lines.len() < limit {
        let row = task.get(&STATEMENT, &key)?;
        let row =
            row.ok_or_else(|| QueryError::Failed(format!("line {} of {} is missing", key.sequence, key.user_id)))?;
        lines.push(LineView::new(key.sequence, row));
        key.sequence -= 1;
    }
    let next_cursor = (key.sequence > 0).then(|| key.sequence.to_string());
    Ok(StatementView { user_id: key.user_id, balance: wallet.balance, lines, next_cursor })
}

/// Where a page of a statement begins: number of its latest line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor(u64);

impl Cursor {
    /// Reads what [`StatementView::next_cursor`] said; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        place_id::number(text).filter(|sequence| *sequence > 0).map(Self)
    }
}

/// The charge `request_id`, once it is decided. `task` is the one in its [`super::request_place`], or in the place of its user's id.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn charge(task: &TaskView, request_id: &str) -> Result<Option<ChargeView>, QueryError> {
    let request_id = request_id.to_owned();
    let row = task.get_kept(&CHARGES, &request_id)?;
    Ok(row.map(|row| ChargeView::decided(request_id, row)))
}

/// The payment `payment_id`, once it is decided. `task` is the one in the place of its payer's id: the place in a payment's id is its reservation's.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn payment(task: &TaskView, payment_id: &str) -> Result<Option<PaymentView>, QueryError> {
    let payment_id = payment_id.to_owned();
    let row = task.get(&PAYMENTS, &payment_id)?;
    Ok(row.map(|row| PaymentView::decided(payment_id, row)))
}

/// The refund `refund_id`, once it is decided. `task` is the one in the place of its payer's id.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn refund(task: &TaskView, refund_id: &str) -> Result<Option<RefundView>, QueryError> {
    let refund_id = refund_id.to_owned();
    let row = task.get_kept(&REFUNDS, &refund_id)?;
    Ok(row.map(|row| RefundView::decided(refund_id, row)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_model::payment::row::{DiscountRow, Entry, RefundMark};
    use serde_json::json;

    const POSTED: Outcome = Outcome::Posted { sequence: 3, balance_after: 900 };

    #[test]
    fn a_charge_shows_its_outcome() {
        let row = |outcome| ChargeRow { user_id: "16".to_owned(), amount: 5_000, decided_ms: 0, outcome };
        assert_eq!(
            serde_json::to_value(ChargeView::decided("r".to_owned(), row(POSTED))).unwrap(),
            json!({
                "requestId": "r", "userId": "16", "amount": 5000, "status": "SUCCESS", "balanceAfter": 900, "sequence": 3,
                "decidedAt": "1970-01-01T00:00:00.000Z"
            })
        );
        assert_eq!(
            serde_json::to_value(ChargeView::decided("r".to_owned(), row(Outcome::Refused(Refusal::ChargeTooLarge))))
                .unwrap(),
            json!({
                "requestId": "r", "userId": "16", "amount": 5000, "status": "REFUSED", "code": "CHARGE_ABOVE_MAXIMUM",
                "reason": "1회 충전 한도를 초과했습니다.", "decidedAt": "1970-01-01T00:00:00.000Z"
            })
        );
        let pending = ChargeView::pending("r".to_owned(), "16".to_owned(), 5_000);
        assert!(!pending.outcome.is_decided());
        assert_eq!(
            serde_json::to_value(pending).unwrap(),
            json!({"requestId": "r", "userId": "16", "amount": 5000, "status": "PENDING"})
        );
    }

    #[test]
    fn a_payment_shows_what_was_taken_off_and_given_back() {
        let mut row = PaymentRow {
            user_id: "16".to_owned(),
            reservation_id: "res".to_owned(),
            schedule_id: "s".to_owned(),
            seat_no: "7".to_owned(),
            price: 50_000,
            discount: None,
            amount: 50_000,
            decided_ms: 0,
            outcome: Outcome::Refused(Refusal::InsufficientPoints),
            refund: None,
        };
        assert_eq!(
            serde_json::to_value(PaymentView::decided("p".to_owned(), row.clone())).unwrap(),
            json!({
                "paymentId": "p", "reservationId": "res", "userId": "16", "price": 50000, "amount": 50000,
                "status": "INSUFFICIENT_POINTS", "code": "INSUFFICIENT_POINTS", "reason": "포인트 잔액이 부족합니다.",
                "decidedAt": "1970-01-01T00:00:00.000Z"
            })
        );
        row.discount = Some(DiscountRow { coupon_id: "c".to_owned(), amount: 5_000 });
        row.refund = Some(RefundMark { refund_id: "f".to_owned(), amount: 1 });
        row.outcome = POSTED;
        let json = serde_json::to_value(PaymentView::decided("p".to_owned(), row)).unwrap();
        assert_eq!(
            (&json["discount"], &json["couponId"], &json["refundId"], &json["refundedAmount"]),
            (&json!(5_000), &json!("c"), &json!("f"), &json!(1))
        );
    }

    #[test]
    fn a_line_shows_both_sides() {
        let row =
            LineRow { entry: Entry::Payment, amount: -5, balance_after: 900, posted_ms: 0, reference: "p".to_owned() };
        assert_eq!(
            serde_json::to_value(LineView::new(3, row)).unwrap(),
            json!({
                "sequence": 3, "type": "PAYMENT", "amount": -5, "balanceAfter": 900, "counterAccount": "REVENUE", "reference": "p",
                "postedAt": "1970-01-01T00:00:00.000Z"
            })
        );
    }

    #[test]
    fn a_cursor_has_one_spelling() {
        assert_eq!(Cursor::parse("7"), Some(Cursor(7)));
        for other in ["", "0", "-1", "+1", "01", "x", "18446744073709551616"] {
            assert_eq!(Cursor::parse(other), None, "{other:?}");
        }
    }
}
