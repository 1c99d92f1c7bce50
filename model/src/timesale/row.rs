//! What is stored. Rows are bincode: a field is its place and a variant its number, so fields are never moved and variants only added at the end.
//! Amounts are whole won.

use crate::timesale::command_outcome::CommandRefusal;
use crate::timesale::outcome::Refusal;
use holdfast_engine::prelude::{EncodeLike, Ends};
use serde::{Deserialize, Serialize};

/// Most units a sale may have: with [`PRICE_MAX_KRW`] every amount fits an `i64`.
pub const UNITS_MAX: u64 = 1_000_000_000;
/// Highest price of a unit, in KRW.
pub const PRICE_MAX_KRW: u64 = 1_000_000_000;

/// What the decision about an order needs to know of a sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaleRow {
    /// How many units there are, sold or not.
    pub total: u64,
    /// How many are sold, those of cancelled orders not counted.
    pub sold: u64,
    /// Most units that one buyer may have; none = no limit.
    pub limit_per_user: Option<u64>,
    /// First moment of the window; none = it has always been open.
    pub starts_ms: Option<i64>,
    /// First moment after the window; none = it never closes.
    pub ends_ms: Option<i64>,
    /// What a unit costs in the sale, in KRW.
    pub discount_price: u64,
    /// What the sale is called: here, since each notification names it.
    pub title: String,
}

impl SaleRow {
    /// How many units are left.
    #[must_use]
    pub fn remaining(&self) -> u64 {
        // `sold ≤ total` is checked when the row is loaded; a broken row has nothing left.
        self.total.saturating_sub(self.sold)
    }
}

/// What only people read of a sale, as it was created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TermsRow {
    /// Stock at creation: the same create command again is recognised by it, whatever has been adjusted since.
    pub total_at_creation: u64,
    /// A longer text.
    pub description: Option<String>,
    /// What is sold.
    pub product_id: Option<String>,
    /// What a unit costs outside the sale, in KRW.
    pub original_price: Option<u64>,
    /// When it was created.
    pub created_ms: i64,
}

/// An order that was confirmed. Written from borrowed texts, read into owned ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRow<S = String> {
    /// In which sale.
    pub time_sale_id: S,
    /// Whose it is.
    pub user_id: S,
    /// How many units.
    pub quantity: u64,
    /// What each cost when it was ordered, in KRW.
    pub unit_price: u64,
    /// When it was confirmed.
    pub ordered_ms: i64,
    /// When its buyer cancelled it: its units are no longer the buyer's.
    pub cancelled_ms: Option<i64>,
}

impl EncodeLike<OrderRow> for OrderRow<&str> {}

/// An order that was refused. Written from borrowed texts, read into owned ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedRow<S = String> {
    /// In which sale, as the order says.
    pub time_sale_id: S,
    /// Whose it is, as the order says.
    pub user_id: S,
    /// How many units, as the order says.
    pub quantity: i64,
    /// When it was refused.
    pub decided_ms: i64,
    /// Why.
    pub refusal: Refusal,
}

impl<S> Ends for RefusedRow<S> {
    fn decided_ms(&self) -> i64 {
        self.decided_ms
    }
}

impl EncodeLike<RefusedRow> for RefusedRow<&str> {}

/// What a user has bought in a sale.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuyerRow {
    /// How many units, those of cancelled orders not counted.
    pub units: u64,
}

/// The outcome of a command.
pub type CommandRow = crate::command_row::CommandRow<CommandRefusal>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::row_bytes as bytes;
    use holdfast_engine::inspect::codec;

    /// Rows written by this version must be readable by the next: a change that breaks this needs a new variant instead.
    #[test]
    fn the_layout_of_rows_stands() {
        let sale = SaleRow {
            total: 100,
            sold: 3,
            limit_per_user: Some(5),
            starts_ms: Some(1),
            ends_ms: None,
            discount_price: 9,
            title: "t".to_owned(),
        };
        assert_eq!(bytes(&sale), [1, 100, 3, 1, 5, 1, 2, 0, 9, 1, b't']);
        let terms = TermsRow {
            total_at_creation: 100,
            description: None,
            product_id: Some("p".to_owned()),
            original_price: Some(20),
            created_ms: 1,
        };
        assert_eq!(bytes(&terms), [1, 100, 0, 1, 1, b'p', 1, 20, 2]);
        let order = OrderRow {
            time_sale_id: "1",
            user_id: "u",
            quantity: 3,
            unit_price: 9,
            ordered_ms: 1,
            cancelled_ms: Some(2),
        };
        assert_eq!(bytes(&order), [1, 1, b'1', 1, b'u', 3, 9, 2, 1, 4]);
        let refused = RefusedRow {
            time_sale_id: "1",
            user_id: "u",
            quantity: -3,
            decided_ms: 1,
            refusal: Refusal::InsufficientStock,
        };
        assert_eq!(bytes(&refused), [1, 1, b'1', 1, b'u', 5, 2, 8]);
        assert_eq!(bytes(&BuyerRow { units: 5 }), [1, 5]);
        let command = CommandRow { fingerprint: 5, decided_ms: 1, refused: Some(CommandRefusal::NotConfirmed) };
        assert_eq!(bytes(&command), [1, 5, 2, 1, 12]);
        for (number, refusal) in (0u8..).zip(Refusal::ALL) {
            assert_eq!(bytes(&refusal), [1, number]);
        }
        for (number, refusal) in (0u8..).zip(CommandRefusal::ALL) {
            assert_eq!(bytes(&refusal), [1, number]);
        }
    }

    #[test]
    fn what_was_written_borrowed_is_read_owned() {
        let row = OrderRow {
            time_sale_id: "1",
            user_id: "홍길동",
            quantity: u64::MAX,
            unit_price: 0,
            ordered_ms: -1,
            cancelled_ms: None,
        };
        let back: OrderRow = codec::decode(&bytes(&row)).unwrap();
        assert_eq!(
            (&*back.time_sale_id, &*back.user_id, back.quantity, back.ordered_ms),
            ("1", "홍길동", u64::MAX, -1)
        );
    }

    #[test]
    fn the_largest_amount_fits() {
        assert!(UNITS_MAX.checked_mul(PRICE_MAX_KRW).and_then(|amount| i64::try_from(amount).ok()).is_some());
    }
}
