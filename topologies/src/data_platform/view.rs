//! What can be asked of deliveries, made of committed rows.

use holdfast_engine::inspect::{QueryError, TaskView};
use holdfast_model::data_platform::DELIVERIES;
use holdfast_model::data_platform::row::{DeliveryRow, State};
use holdfast_model::rfc3339;
use serde::Serialize;
use std::ops::ControlFlow;
use utoipa::ToSchema;

/// A delivery and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PlatformDelivery)]
pub struct DeliveryView {
    /// Of which reservation.
    pub reservation_id: String,
    /// `UNCONFIRMED`, `SENDING`, `RETRY`, `DELIVERED` or `DEAD`.
    #[schema(example = "DELIVERED")]
    pub status: &'static str,
    /// Calls that counted.
    pub attempts: u32,
    /// When that was decided.
    pub changed_at: String,
    /// The payment, if it came before the confirmation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<String>,
}

impl DeliveryView {
    /// Shows a row.
    #[must_use]
    pub fn new(reservation_id: String, row: DeliveryRow) -> Self {
        Self {
            reservation_id,
            status: row.state.as_str(),
            attempts: row.attempts,
            changed_at: rfc3339::to_string(row.changed_ms),
            payment_id: row.payment.map(|payment| payment.payment_id),
        }
    }
}

/// The delivery of `reservation_id`, once anything is known of it. `task` is the one in the place of that key.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn delivery(task: &TaskView, reservation_id: &str) -> Result<Option<DeliveryView>, QueryError> {
    let reservation_id = reservation_id.to_owned();
    let row = task.get_kept(&DELIVERIES, &reservation_id)?;
    Ok(row.map(|row| DeliveryView::new(reservation_id, row)))
}

/// A part of the ledger of a place that was looked through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What was looked for.
    pub found: Vec<DeliveryView>,
    /// The reservation at which the next part begins; none = there is no other.
    pub next: Option<String>,
}

/// The payments among the `rows_max` rows from `from` on that were noted before `before_ms` (ms since the epoch), and whose confirmation has not come: a
/// reservation that could not be confirmed is refunded, and any other is for an operator to look at.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn unconfirmed(
    task: &TaskView,
    from: Option<&String>,
    before_ms: i64,
    rows_max: usize,
) -> Result<Part, QueryError> {
    let until_ms = task.ended_until_ms(&DELIVERIES)?;
    let (mut part, mut looked_at) = (Part { found: Vec::new(), next: None }, 0);
    let mut look = |id: String, row: DeliveryRow| {
        if looked_at >= rows_max {
            part.next = Some(id);
            return ControlFlow::Break(());
        }
        looked_at += 1;
        if row.state == State::Unconfirmed && row.changed_ms < before_ms && row.changed_ms > until_ms {
            part.found.push(DeliveryView::new(id, row));
        }
        ControlFlow::Continue(())
    };
    match from {
        Some(from) => task.scan_from(DELIVERIES.stored(), &[], from, &mut look)?,
        None => task.scan(DELIVERIES.stored(), &[], &mut look)?,
    }
    Ok(part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_model::data_platform::row::PaymentNote;
    use serde_json::json;

    #[test]
    fn a_delivery_shows_what_became_of_it() {
        let row = DeliveryRow {
            state: State::Delivered,
            changed_ms: 0,
            attempts: 2,
            calls: 5,
            fact_offset: Some(7),
            payment: Some(PaymentNote { payment_id: "pay_0_1".to_owned(), amount: 50_000, noted_ms: 0 }),
            original: None,
        };
        assert_eq!(
            serde_json::to_value(DeliveryView::new("res_0_1".to_owned(), row)).unwrap(),
            json!({
                "reservationId": "res_0_1", "status": "DELIVERED", "attempts": 2, "changedAt": "1970-01-01T00:00:00.000Z",
                "paymentId": "pay_0_1"
            })
        );
    }
}
