//! What the query API shows, made of committed rows.

use crate::timesale::decide;
use holdfast_engine::inspect::{QueryError, TaskView};
use holdfast_model::rfc3339;
use holdfast_model::schema::one_of;
use holdfast_model::timesale::command_outcome::CommandRefusal;
use holdfast_model::timesale::message::OrderRequest;
use holdfast_model::timesale::outcome::Refusal;
use holdfast_model::timesale::row::{CommandRow, OrderRow, RefusedRow, SaleRow, TermsRow};
use holdfast_model::timesale::{COMMANDS, ORDERS, REFUSED, SALES, TERMS};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::Object;

/// Status of an order that is in the log and not yet decided.
pub const QUEUED: &str = "QUEUED";
/// Status of an order that was confirmed.
pub const CONFIRMED: &str = "CONFIRMED";
/// Status of an order that was refused.
pub const FAILED: &str = "FAILED";
/// Status of an order that was confirmed and then cancelled.
pub const CANCELLED: &str = "CANCELLED";

/// A sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TimeSale)]
pub struct SaleView {
    /// Its id.
    pub time_sale_id: String,
    /// What it is called.
    pub title: String,
    /// A longer text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What is sold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product_id: Option<String>,
    /// What a unit costs outside the sale, in KRW.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original_price: Option<u64>,
    /// What a unit costs in the sale, in KRW.
    pub discount_price: u64,
    /// How many units there are, sold or not.
    pub total_quantity: u64,
    /// How many are sold, those of cancelled orders not counted.
    pub sold: u64,
    /// How many are left.
    pub remaining: u64,
    /// Most units that one buyer may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_per_user: Option<u64>,
    /// First moment of its window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<String>,
    /// First moment after its window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_time: Option<String>,
    /// When it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
}

impl SaleView {
    /// Shows the rows of a sale.
    #[must_use]
    pub fn new(time_sale_id: String, sale: SaleRow, terms: Option<TermsRow>) -> Self {
        let mut view = Self {
            time_sale_id,
            description: None,
            product_id: None,
            original_price: None,
            discount_price: sale.discount_price,
            total_quantity: sale.total,
            sold: sale.sold,
            remaining: sale.remaining(),
            limit_per_user: sale.limit_per_user,
            start_time: sale.starts_ms.map(rfc3339::to_string),
            end_time: sale.ends_ms.map(rfc3339::to_string),
            created_at: None,
            title: sale.title,
        };
        if let Some(terms) = terms {
            view.description = terms.description;
            view.product_id = terms.product_id;
            view.original_price = terms.original_price;
            view.created_at = Some(rfc3339::to_string(terms.created_ms));
        }
        view
    }
}

/// An order and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TimeSaleOrder)]
pub struct OrderView {
    /// Its id.
    pub order_id: String,
    /// In which sale; unknown until the order is decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_sale_id: Option<String>,
    /// Whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// How many units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity: Option<i64>,
    /// `QUEUED` until it is decided, then `CONFIRMED` or `FAILED`; `CANCELLED` once its buyer has cancelled it.
    #[schema(schema_with = statuses)]
    pub status: &'static str,
    /// What a unit cost, in KRW.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit_price: Option<u64>,
    /// What the order cost, in KRW.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<u64>,
    /// Why it failed, for the customer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// Why it failed, for machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// When it was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ordered_at: Option<String>,
    /// When it was cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancelled_at: Option<String>,
}

fn statuses() -> Object {
    one_of([QUEUED, CONFIRMED, FAILED, CANCELLED])
}

impl OrderView {
    /// Shows an order that is not decided yet.
    #[must_use]
    pub fn queued(order_id: String) -> Self {
        Self {
            order_id,
            time_sale_id: None,
            user_id: None,
            quantity: None,
            status: QUEUED,
            unit_price: None,
            amount: None,
            reason: None,
            code: None,
            ordered_at: None,
            cancelled_at: None,
        }
    }

    /// Shows an order that was confirmed.
    #[must_use]
    pub fn confirmed(order_id: String, row: OrderRow) -> Self {
        Self {
            status: if row.cancelled_ms.is_some() { CANCELLED } else { CONFIRMED },
            quantity: i64::try_from(row.quantity).ok(),
            unit_price: Some(row.unit_price),
            amount: Some(row.unit_price.saturating_mul(row.quantity)),
            ordered_at: Some(rfc3339::to_string(row.ordered_ms)),
            cancelled_at: row.cancelled_ms.map(rfc3339::to_string),
            time_sale_id: Some(row.time_sale_id),
            user_id: Some(row.user_id),
            ..Self::queued(order_id)
        }
    }

    /// Shows an order that was refused.
    #[must_use]
    pub fn refused(order_id: String, row: RefusedRow) -> Self {
        Self {
            status: FAILED,
            quantity: Some(row.quantity),
            reason: Some(row.refusal.reason()),
            code: Some(row.refusal.code()),
            ordered_at: Some(rfc3339::to_string(row.decided_ms)),
            time_sale_id: Some(row.time_sale_id),
            user_id: Some(row.user_id),
            ..Self::queued(order_id)
        }
    }

    /// Whether it has its outcome.
    #[must_use]
    pub fn is_decided(&self) -> bool {
        self.ordered_at.is_some()
    }
}

/// A command and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CommandView {
    /// Its id.
    pub command_id: String,
    /// `SUCCESS`, `VALIDATION_FAILED`, `NOT_FOUND`, `CONFLICT` or `SYSTEM_ERROR`.
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
            code: row.refused.map(CommandRefusal::code),
            reason: row.refused.map(CommandRefusal::reason),
            decided_at: rfc3339::to_string(row.decided_ms),
        }
    }
}

/// The sale `time_sale_id`. `task` is the one in the place of that key.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn sale(task: &TaskView, time_sale_id: &str) -> Result<Option<SaleView>, QueryError> {
    let time_sale_id = time_sale_id.to_owned();
    let Some(sale) = task.get(&SALES, &time_sale_id)? else { return Ok(None) };
    let terms = task.get(&TERMS, &time_sale_id)?;
    Ok(Some(SaleView::new(time_sale_id, sale, terms)))
}

/// Why the log would most likely refuse an order of `quantity` units now, as far as the sale tells: not what the buyer has and not what is left, which change
/// until the order is decided.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn hint(task: &TaskView, order: &OrderRequest<'_>, now_ms: i64) -> Result<Option<Refusal>, QueryError> {
    let sale = task.get(&SALES, &order.time_sale_id.clone().into_owned())?;
    Ok(decide::order(sale.as_ref(), 0, order, now_ms).err().filter(|refusal| *refusal != Refusal::InsufficientStock))
}

/// The order `order_id`, once it is decided. `task` is the one in its [place](holdfast_model::timesale::order_id::place).
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn order(task: &TaskView, order_id: &str) -> Result<Option<OrderView>, QueryError> {
    let order_id = order_id.to_owned();
    if let Some(row) = task.get(&ORDERS, &order_id)? {
        return Ok(Some(OrderView::confirmed(order_id, row)));
    }
    let row = task.get_kept(&REFUSED, &order_id)?;
    Ok(row.map(|row| OrderView::refused(order_id, row)))
}

/// The command `command_id`, once it is decided.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn command(task: &TaskView, command_id: &str) -> Result<Option<CommandView>, QueryError> {
    let row = task.get_kept(&COMMANDS, &command_id.to_owned())?;
    Ok(row.map(|row| CommandView::new(command_id.to_owned(), &row)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_sale_shows_what_is_left() {
        let sale = SaleRow {
            total: 100,
            sold: 3,
            limit_per_user: Some(5),
            starts_ms: Some(0),
            ends_ms: None,
            discount_price: 9_900,
            title: "오늘의 타임세일".to_owned(),
        };
        let terms = TermsRow {
            total_at_creation: 90,
            description: None,
            product_id: Some("p".to_owned()),
            original_price: Some(20_000),
            created_ms: 0,
        };
        assert_eq!(
            serde_json::to_value(SaleView::new("1".to_owned(), sale, Some(terms))).unwrap(),
            json!({
                "timeSaleId": "1", "title": "오늘의 타임세일", "productId": "p", "originalPrice": 20_000, "discountPrice": 9_900,
                "totalQuantity": 100, "sold": 3, "remaining": 97, "limitPerUser": 5,
                "startTime": "1970-01-01T00:00:00.000Z", "createdAt": "1970-01-01T00:00:00.000Z"
            })
        );
    }

    #[test]
    fn an_order_shows_what_became_of_it() {
        assert_eq!(
            serde_json::to_value(OrderView::queued("o".to_owned())).unwrap(),
            json!({"orderId": "o", "status": "QUEUED"})
        );
        let row = OrderRow {
            time_sale_id: "1".to_owned(),
            user_id: "16".to_owned(),
            quantity: 2,
            unit_price: 9_900,
            ordered_ms: 0,
            cancelled_ms: None,
        };
        let confirmed = OrderView::confirmed("o".to_owned(), row.clone());
        assert!(confirmed.is_decided());
        assert_eq!(
            serde_json::to_value(confirmed).unwrap(),
            json!({
                "orderId": "o", "timeSaleId": "1", "userId": "16", "quantity": 2, "status": "CONFIRMED", "unitPrice": 9_900,
                "amount": 19_800, "orderedAt": "1970-01-01T00:00:00.000Z"
            })
        );
        let cancelled = OrderView::confirmed("o".to_owned(), OrderRow { cancelled_ms: Some(1), ..row });
        assert_eq!(
            (cancelled.status, cancelled.cancelled_at.as_deref()),
            ("CANCELLED", Some("1970-01-01T00:00:00.001Z"))
        );
        let refused = RefusedRow {
            time_sale_id: "1".to_owned(),
            user_id: "16".to_owned(),
            quantity: 6,
            decided_ms: 0,
            refusal: Refusal::InsufficientStock,
        };
        assert_eq!(
            serde_json::to_value(OrderView::refused("o".to_owned(), refused)).unwrap(),
            json!({
                "orderId": "o", "timeSaleId": "1", "userId": "16", "quantity": 6, "status": "FAILED", "reason": "재고가 부족합니다",
                "code": "INSUFFICIENT_STOCK", "orderedAt": "1970-01-01T00:00:00.000Z"
            })
        );
    }
}
