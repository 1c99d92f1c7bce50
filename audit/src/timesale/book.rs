//! The second book of a place: sales, orders and what each buyer has, as they stand after each record.
//!
//! An order gets all its units or none. What is wrong with it by itself comes before the window, the window before the buyer's limit, the limit before the stock.

use super::message::Wish;
use crate::guards::{self, Guards, Pass};
use crate::known::{Print, print};
use crate::record::is_user;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Most units that a sale may have.
const UNITS_MAX: i64 = 1_000_000_000;

/// One sale.
#[derive(Debug, Default)]
pub(super) struct Sale {
    pub(super) created_ms: i64,
    pub(super) total: i64,
    /// Units of confirmed orders that were not cancelled.
    pub(super) sold: i64,
    pub(super) limit_per_user: Option<i64>,
    pub(super) starts_ms: Option<i64>,
    pub(super) ends_ms: Option<i64>,
    /// KRW of a unit.
    pub(super) price: i64,
}

/// Why an order is refused: the status that is told, and the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) status: &'static str,
    pub(super) code: &'static str,
    /// Its buyer gets a notice: the order was valid, and came too early, too late or after others.
    pub(super) is_notified: bool,
}

const fn invalid(code: &'static str, is_notified: bool) -> Refused {
    Refused { status: "VALIDATION_FAILED", code, is_notified }
}

const UNKNOWN_SALE: Refused = invalid("TIMESALE_NOT_FOUND", false);
const NO_USER: Refused = invalid("USER_ID_REQUIRED", false);
const BAD_USER: Refused = invalid("INVALID_USER_ID", false);
const BAD_QUANTITY: Refused = invalid("INVALID_ORDER_QUANTITY", false);
const ABOVE_LIMIT: Refused = invalid("QUANTITY_ABOVE_LIMIT", false);
const NOT_STARTED: Refused = invalid("TIMESALE_NOT_STARTED", true);
const ENDED: Refused = invalid("TIMESALE_ENDED", true);
const LIMIT: Refused = Refused { status: "BUSINESS_ERROR", code: "LIMIT_EXCEEDED", is_notified: true };
const NOT_ACTIVE: Refused = Refused { status: "BUSINESS_ERROR", code: guards::NOT_ACTIVE, is_notified: false };
const STOCK: Refused = Refused { status: "OUT_OF_STOCK", code: "INSUFFICIENT_STOCK", is_notified: true };

/// Where an order is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Confirmed,
    Cancelled,
    /// With this code.
    Refused(&'static str),
}

/// An order that is decided.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) sale: Rc<str>,
    pub(super) user: Rc<str>,
    pub(super) quantity: i64,
    /// KRW.
    pub(super) unit_price: i64,
    pub(super) state: State,
    /// When it was decided, in ms since the epoch.
    pub(super) decided_ms: i64,
}

/// What became of a command that gives units back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cancelled {
    /// The units are for sale again: so many are left.
    Now { left: i64 },
    /// It was cancelled before.
    Before,
    /// It is not this user's, or was never confirmed.
    Refused,
}

/// The book.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// Logical time, in ms since the epoch: it never steps back.
    pub(super) now_ms: i64,
    pub(super) sales: BTreeMap<Rc<str>, Sale>,
    /// By order id.
    pub(super) orders: FxHashMap<Print, Order>,
    /// By sale and user: units of confirmed orders that were not cancelled.
    pub(super) buyers: FxHashMap<Print, i64>,
    users: FxHashMap<Rc<str>, ()>,
    pub(super) guards: Guards,
    /// By order id: why orders were refused that have been decided again since.
    refused_before: FxHashMap<Print, Vec<&'static str>>,
}

impl Book {
    /// A name once for all that has it.
    fn name(&mut self, name: &str) -> Rc<str> {
        if let Some((known, ())) = self.users.get_key_value(name) {
            return Rc::clone(known);
        }
        let new: Rc<str> = name.into();
        self.users.insert(Rc::clone(&new), ());
        new
    }

    /// How many units of a sale are left; `None` without a sale.
    pub(super) fn left(&self, sale: &str) -> Option<i64> {
        self.sales.get(sale).map(|sale| sale.total - sale.sold)
    }

    /// Units of each sale's orders that are confirmed and not cancelled, counted one by one.
    pub(super) fn live(&self) -> FxHashMap<&str, i64> {
        let mut live = FxHashMap::default();
        for order in self.orders.values().filter(|order| order.state == State::Confirmed) {
            *live.entry(&*order.sale).or_default() += order.quantity;
        }
        live
    }

    /// Decides an order, and keeps it under its id.
    pub(super) fn order(&mut self, order_id: &str, wish: &Wish<'_>) -> Result<(), Refused> {
        let decided = self.decide(wish);
        let (sale, user) = (self.name(&wish.sale), self.name(&wish.user));
        let unit_price = self.sales.get(&sale).map_or(0, |sale| sale.price);
        if decided.is_ok() {
            if let Some(sale) = self.sales.get_mut(&sale) {
                sale.sold += wish.quantity;
            }
            *self.buyers.entry(print((&*sale, &*user))).or_default() += wish.quantity;
            self.guards.use_up(&sale, &user, self.now_ms);
        }
        let state = decided.map_or_else(|refused| State::Refused(refused.code), |()| State::Confirmed);
        let order = Order { sale, user, quantity: wish.quantity, unit_price, state, decided_ms: self.now_ms };
        self.keep(order_id, order);
        decided
    }

    fn decide(&self, wish: &Wish<'_>) -> Result<(), Refused> {
        let (user, quantity) = (&*wish.user, wish.quantity);
        let sale = self.sales.get(&*wish.sale).ok_or(UNKNOWN_SALE)?;
        let is_above = |units: i64| sale.limit_per_user.is_some_and(|limit| units > limit);
        let has = self.buyers.get(&print((&*wish.sale, user))).copied().unwrap_or(0);
        let refused = if user.trim().is_empty() {
            NO_USER
        } else if !is_user(user) {
            BAD_USER
        } else if quantity < 1 {
            BAD_QUANTITY
        } else if is_above(quantity) {
            ABOVE_LIMIT
        } else if sale.starts_ms.is_some_and(|start| self.now_ms < start) {
            NOT_STARTED
        } else if sale.ends_ms.is_some_and(|end| self.now_ms >= end) {
            ENDED
        } else if is_above(has.saturating_add(quantity)) {
            LIMIT
        } else if quantity > sale.total - sale.sold {
            STOCK
        } else if self.guards.pass(&wish.sale, user, self.now_ms) == Pass::Out {
            NOT_ACTIVE
        } else {
            return Ok(());
        };
        Err(refused)
    }

    /// An order was given up: it has its outcome, and no units.
    pub(super) fn give_up(&mut self, order_id: &str, wish: &Wish<'_>) {
        let (sale, user) = (self.name(&wish.sale), self.name(&wish.user));
        let state = State::Refused("SYSTEM_ERROR");
        let order = Order { sale, user, quantity: wish.quantity, unit_price: 0, state, decided_ms: self.now_ms };
        self.keep(order_id, order);
    }

    fn keep(&mut self, order_id: &str, order: Order) {
        let id = print(order_id);
        if let Some(Order { state: State::Refused(code), .. }) = self.orders.insert(id, order) {
            self.refused_before.entry(id).or_default().push(code);
        }
    }

    /// Whether an order was refused with `code` before it was decided as it is now.
    pub(super) fn was_refused(&self, order_id: &str, code: &str) -> bool {
        self.refused_before.get(&print(order_id)).is_some_and(|codes| codes.contains(&code))
    }

    /// A user cancels an order: a confirmed one of that user, once.
    pub(super) fn cancel(&mut self, order_id: &str, user: &str) -> Cancelled {
        let Some(order) = self.orders.get_mut(&print(order_id)).filter(|order| *order.user == *user) else {
            return Cancelled::Refused;
        };
        match order.state {
            State::Refused(_) => Cancelled::Refused,
            State::Cancelled => Cancelled::Before,
            State::Confirmed => {
                order.state = State::Cancelled;
                if let Some(units) = self.buyers.get_mut(&print((&*order.sale, user))) {
                    *units -= order.quantity;
                }
                let left = self.sales.get_mut(&order.sale).map_or(0, |sale| {
                    sale.sold -= order.quantity;
                    sale.total - sale.sold
                });
                Cancelled::Now { left }
            }
        }
    }

    /// Changes the stock of a sale: never below what is sold. Says whether it was changed.
    pub(super) fn adjust(&mut self, sale: &str, by: i64) -> bool {
        let Some(sale) = self.sales.get_mut(sale) else { return false };
        match sale.total.checked_add(by).filter(|total| (sale.sold..=UNITS_MAX).contains(total)) {
            Some(total) => sale.total = total,
            None => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(user: &'static str, quantity: i64) -> Wish<'static> {
        Wish { sale: "1".into(), user: user.into(), quantity }
    }

    fn book(total: i64) -> Book {
        let mut book = Book::default();
        let sale = Sale { total, limit_per_user: Some(5), starts_ms: Some(10), ends_ms: Some(20), ..Sale::default() };
        book.sales.insert("1".into(), sale);
        book.now_ms = 10;
        book
    }

    #[test]
    fn an_order_gets_all_its_units_or_none() {
        let mut book = book(9);
        let unknown = Wish { sale: "2".into(), ..wish("a", 1) };
        let steps = [
            (wish(" ", 1), Err(NO_USER)),
            (wish("a ", 1), Err(BAD_USER)),
            (wish("a", 0), Err(BAD_QUANTITY)),
            (wish("a", 6), Err(ABOVE_LIMIT)),
            (unknown, Err(UNKNOWN_SALE)),
            (wish("a", 3), Ok(())),
            (wish("a", 3), Err(LIMIT)),
            (wish("b", 5), Ok(())),
            (wish("c", 2), Err(STOCK)),
            (wish("c", 1), Ok(())),
        ];
        for (nth, (wish, expected)) in steps.into_iter().enumerate() {
            assert_eq!(book.order(&nth.to_string(), &wish), expected, "{nth} {wish:?}");
        }
        assert_eq!(book.left("1"), Some(0));
        for (now_ms, refused) in [(9, NOT_STARTED), (20, ENDED)] {
            book.now_ms = now_ms;
            assert_eq!(book.order("late", &wish("d", 1)), Err(refused));
        }
    }

    #[test]
    fn units_go_back_once_and_to_the_buyer_only() {
        let mut book = book(5);
        assert_eq!((book.order("o", &wish("a", 5)), book.order("p", &wish("b", 1))), (Ok(()), Err(STOCK)));
        assert_eq!((book.cancel("o", "b"), book.cancel("p", "b")), (Cancelled::Refused, Cancelled::Refused));
        assert_eq!((book.cancel("o", "a"), book.cancel("o", "a")), (Cancelled::Now { left: 5 }, Cancelled::Before));
        assert_eq!((book.order("q", &wish("a", 4)), book.left("1")), (Ok(()), Some(1)));
        assert!(!book.adjust("1", -2) && book.adjust("1", -1) && !book.adjust("2", 1) && !book.adjust("1", i64::MAX));
        assert_eq!(book.left("1"), Some(0));
    }
}
