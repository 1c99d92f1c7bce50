//! What must hold of the rows at every commit. The processor asks before it decides, the auditor and the simulator ask after.

use crate::rows;
use holdfast_engine::inspect::{QueryError, TaskView};
use holdfast_model::timesale::keys::BuyerKey;
use holdfast_model::timesale::outcome::Refusal;
use holdfast_model::timesale::row::{BuyerRow, OrderRow, RefusedRow, SaleRow};
use holdfast_model::timesale::{BUYERS, ORDERS, REFUSED, SALES};
use std::collections::BTreeMap;

/// A promise that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// More units were sold than there are.
    #[error("sale {time_sale_id}: {sold} sold of {total}")]
    Oversold {
        /// Of which sale.
        time_sale_id: String,
        /// So many.
        sold: u64,
        /// Out of so many.
        total: u64,
    },
    /// A unit was lost or is sold twice: the sale counts other units than its confirmed orders have.
    #[error("sale {time_sale_id}: {sold:?} sold by its row, {ordered} in its confirmed orders")]
    Miscounted {
        /// Of which sale.
        time_sale_id: String,
        /// By its row; none = there is no such sale.
        sold: Option<u64>,
        /// By its orders.
        ordered: u64,
    },
    /// The buyer's row counts other units than the buyer's confirmed orders have.
    #[error("user {user_id}, sale {time_sale_id}: {units} units by the buyer's row, {ordered} in the confirmed orders")]
    BuyerMiscounted {
        /// Of which sale.
        time_sale_id: String,
        /// Whose.
        user_id: String,
        /// By the buyer's row.
        units: u64,
        /// By the buyer's orders.
        ordered: u64,
    },
    /// A buyer has more units than the sale allows.
    #[error("user {user_id}, sale {time_sale_id}: {units} units, at most {limit} are allowed")]
    AboveLimit {
        /// Of which sale.
        time_sale_id: String,
        /// Whose.
        user_id: String,
        /// So many.
        units: u64,
        /// Instead of at most so many.
        limit: u64,
    },
    /// An order was confirmed and refused.
    #[error("order {order_id} is confirmed and refused")]
    TwoOutcomes {
        /// Which one.
        order_id: String,
    },
}

/// Checks one sale by itself.
///
/// # Errors
/// [`Broken::Oversold`].
pub fn sale(time_sale_id: &str, row: &SaleRow) -> Result<(), Broken> {
    // remaining + sold = total holds by the way `remaining` is computed, as long as this does.
    if row.sold <= row.total {
        Ok(())
    } else {
        Err(Broken::Oversold { time_sale_id: time_sale_id.to_owned(), sold: row.sold, total: row.total })
    }
}

/// All rows of a place that must agree with each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Books {
    /// By sale id.
    pub sales: BTreeMap<String, SaleRow>,
    /// By sale and user.
    pub buyers: BTreeMap<BuyerKey, BuyerRow>,
    /// By order id.
    pub orders: BTreeMap<String, OrderRow>,
    /// By order id: those that have not ended.
    pub refused: BTreeMap<String, RefusedRow>,
}

impl Books {
    /// Reads a place. Exact only while nothing is committed there: each table is read by a scan of its own.
    ///
    /// # Errors
    /// [`QueryError`] when the view cannot be read.
    pub fn load(task: &TaskView) -> Result<Self, QueryError> {
        Ok(Self {
            sales: rows::all(task, &SALES)?,
            buyers: rows::all(task, &BUYERS)?,
            orders: rows::all(task, &ORDERS)?,
            refused: rows::all_kept(task, &REFUSED)?.0,
        })
    }

    /// Checks everything.
    ///
    /// # Errors
    /// The first promise found broken.
    pub fn check(&self) -> Result<(), Broken> {
        let mut sold: BTreeMap<&str, u64> = self.sales.keys().map(|id| (id.as_str(), 0)).collect();
        let mut units: BTreeMap<BuyerKey, u64> = self.buyers.keys().map(|key| (key.clone(), 0)).collect();
        for (order_id, order) in &self.orders {
            // One that was given up may have been confirmed when it was put back.
            if self.refused.get(order_id).is_some_and(|row| row.refusal != Refusal::System) {
                return Err(Broken::TwoOutcomes { order_id: order_id.clone() });
            }
            if order.cancelled_ms.is_none() {
                *sold.entry(&order.time_sale_id).or_default() += order.quantity;
                let buyer = BuyerKey { time_sale_id: order.time_sale_id.clone(), user_id: order.user_id.clone() };
                *units.entry(buyer).or_default() += order.quantity;
            }
        }
        for (time_sale_id, ordered) in sold {
            let row = self.sales.get(time_sale_id);
            if let Some(row) = row {
                sale(time_sale_id, row)?;
            }
            let sold = row.map(|row| row.sold);
            if sold != Some(ordered) {
                return Err(Broken::Miscounted { time_sale_id: time_sale_id.to_owned(), sold, ordered });
            }
        }
        units.into_iter().try_for_each(|(buyer, ordered)| self.check_buyer(buyer, ordered))
    }

    fn check_buyer(&self, buyer: BuyerKey, ordered: u64) -> Result<(), Broken> {
        let units = self.buyers.get(&buyer).copied().unwrap_or_default().units;
        let limit = self.sales.get(&buyer.time_sale_id).and_then(|sale| sale.limit_per_user);
        let BuyerKey { time_sale_id, user_id } = buyer;
        if units != ordered {
            return Err(Broken::BuyerMiscounted { time_sale_id, user_id, units, ordered });
        }
        match limit.filter(|limit| units > *limit) {
            None => Ok(()),
            Some(limit) => Err(Broken::AboveLimit { time_sale_id, user_id, units, limit }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buyer(user_id: &str) -> BuyerKey {
        BuyerKey { time_sale_id: "1".to_owned(), user_id: user_id.to_owned() }
    }

    fn order(user_id: &str, quantity: u64, cancelled_ms: Option<i64>) -> OrderRow {
        OrderRow {
            time_sale_id: "1".to_owned(),
            user_id: user_id.to_owned(),
            quantity,
            unit_price: 9_900,
            ordered_ms: 0,
            cancelled_ms,
        }
    }

    fn good() -> Books {
        let mut books = Books::default();
        let sale = SaleRow {
            total: 6,
            sold: 6,
            limit_per_user: Some(4),
            starts_ms: None,
            ends_ms: None,
            discount_price: 9_900,
            title: String::new(),
        };
        books.sales.insert("1".to_owned(), sale);
        for (id, row) in [
            ("o1", order("a", 3, None)),
            ("o2", order("a", 1, None)),
            ("o3", order("b", 2, None)),
            ("o4", order("c", 4, Some(1))),
        ] {
            books.orders.insert(id.to_owned(), row);
        }
        for (user_id, units) in [("a", 4), ("b", 2), ("c", 0)] {
            books.buyers.insert(buyer(user_id), BuyerRow { units });
        }
        let refused = RefusedRow {
            time_sale_id: "2".to_owned(),
            user_id: "a".to_owned(),
            quantity: 9,
            decided_ms: 0,
            refusal: Refusal::UnknownSale,
        };
        books.refused.insert("o5".to_owned(), refused);
        books
    }

    #[test]
    fn good_books_are_good() {
        assert_eq!(good().check(), Ok(()));
        assert_eq!(Books::default().check(), Ok(()));
        let mut without_idle_buyer = good();
        without_idle_buyer.buyers.remove(&buyer("c"));
        assert_eq!(without_idle_buyer.check(), Ok(()));
        let mut confirmed_after_all = good();
        let given_up = RefusedRow { refusal: Refusal::System, ..confirmed_after_all.refused["o5"].clone() };
        confirmed_after_all.refused.insert("o1".to_owned(), given_up);
        assert_eq!(confirmed_after_all.check(), Ok(()));
    }

    #[test]
    fn each_way_of_being_wrong_is_found() {
        let spoils: [fn(&mut Books); 12] = [
            |b| b.sales.get_mut("1").unwrap().total = 5,
            |b| b.sales.get_mut("1").unwrap().sold = 5,
            |b| b.sales.get_mut("1").unwrap().limit_per_user = Some(3),
            |b| b.sales.clear(),
            |b| b.buyers.get_mut(&buyer("a")).unwrap().units = 3,
            |b| b.buyers.get_mut(&buyer("c")).unwrap().units = 4,
            |b| b.buyers.retain(|key, _| key.user_id != "b"),
            |b| b.orders.retain(|id, _| id != "o1"),
            |b| b.orders.get_mut("o4").unwrap().cancelled_ms = None,
            |b| b.orders.get_mut("o3").unwrap().cancelled_ms = Some(2),
            |b| b.orders.get_mut("o3").unwrap().user_id = "c".to_owned(),
            |b| {
                let row = b.refused.remove("o5").unwrap();
                b.refused.insert("o1".to_owned(), row);
            },
        ];
        for (n, spoil) in spoils.into_iter().enumerate() {
            let mut books = good();
            spoil(&mut books);
            assert!(books.check().is_err(), "case {n}");
        }
    }
}
