//! Commands about sales, and orders that are cancelled.

use super::book::{Cancelled, Sale};
use super::message::{self, Message};
use super::{COMMANDS, Place, SUCCESS};
use crate::cut::Cut;
use crate::findings::Findings;
use crate::invariant::Invariant;
use crate::known::{print, short};
use crate::reader::{At, Entry};
use crate::record::Field;

/// Commands by their types.
pub(super) const KINDS: [&str; 3] = ["create-sale", "adjust-stock", "cancel-order"];

/// What was told about an order that was cancelled.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cancellation {
    /// Hash of sale, user and quantity.
    wish: u64,
    remaining: Option<i64>,
    at: At,
    is_firm: bool,
}

/// What a command wants, as far as two commands of one id must not differ in it.
pub(super) fn command_wish(said: &Message<'_>) -> impl std::hash::Hash {
    (
        said.kind.text().to_owned(),
        [&said.time_sale_id, &said.order_id, &said.user_id].map(|field| field.id().map(String::from)),
        [&said.discount_price, &said.total_quantity, &said.limit_per_user, &said.by].map(Field::int),
        [&said.start_time, &said.end_time].map(Field::when),
    )
}

impl Place<'_> {
    /// An order was cancelled, by a record of the topic of successes.
    pub(super) fn told_cancelled(
        &mut self,
        order: &str,
        said: &message::Outcome<'_>,
        entry: &Entry<'_>,
        findings: &mut Findings,
    ) {
        let new = Cancellation {
            wish: short((said.time_sale_id.id(), said.user_id.id(), said.quantity.int())),
            remaining: said.remaining.int(),
            at: entry.at(SUCCESS),
            is_firm: entry.is_firm,
        };
        if let Some(first) = self.cancelled.get(&print(order)) {
            let what = format!("the units of {order} were given back at {} already", first.at);
            findings.breach(Invariant::Units, entry, what);
        } else {
            self.cancelled.insert(print(order), new);
        }
    }

    /// A command that has not been decided before.
    pub(super) fn command(
        &mut self,
        id: &str,
        said: &Message<'_>,
        (entry, cut): (&Entry<'_>, &Cut),
        findings: &mut Findings,
    ) {
        let kind = said.kind.text();
        let now_ms = self.book.now_ms;
        let has_ended = self.state.is_some_and(|state| state.has_ended(COMMANDS.id(), now_ms));
        // What was decided later is the outcome of another decision under the id.
        let is_later = |decided_ms: i64| has_ended && decided_ms > now_ms;
        let kept = self.kept.get(&print(id)).filter(|(_, decided_ms)| !is_later(*decided_ms));
        let row = self.state.map(|_| kept.map(|(refused, _)| *refused));
        match row {
            None => {}
            Some(None) if has_ended => {
                findings.count(Invariant::OneOutcome, "time sale commands whose outcome has ended", 1);
            }
            Some(Some(_)) => findings.count(Invariant::OneOutcome, "time sale commands with their outcome", 1),
            Some(None) => findings.breach(Invariant::OneOutcome, entry, format!("{id} ({kind}) has no outcome")),
        }
        let told = row.flatten();
        let is_gone = row == Some(None) && has_ended;
        let (sale, user) = (said.time_sale_id.id().unwrap_or_default(), said.user_id.id().unwrap_or_default());
        let is_done = match kind {
            "create-sale" => {
                // Its outcome has ended, and a sale does not: that says when it was created.
                let is_created = || self.sales.contains(&print((&*sale, now_ms)));
                let is_refused = if is_gone { !is_created() } else { told.flatten().is_some() };
                if !is_refused {
                    self.create(&sale, said);
                }
                // Which words a sale may have is policy: the row says whether it was created.
                return;
            }
            "adjust-stock" => said.by.int().is_some_and(|by| self.book.adjust(&sale, by)),
            _ => {
                let order = said.order_id.id().unwrap_or_default();
                let cancelled = self.book.cancel(&order, &user);
                if let Cancelled::Now { left } = cancelled {
                    self.expect_cancelled(&order, left, (entry, cut), findings);
                }
                cancelled != Cancelled::Refused
            }
        };
        if let Some(refused) = told {
            if refused.is_none() == is_done {
                findings.count(Invariant::Units, "commands whose answer is the log's", 1);
            } else {
                let (was, is) = (refused.unwrap_or("done"), if is_done { "done" } else { "refused" });
                findings.breach(
                    Invariant::Units,
                    entry,
                    format!("{id} ({kind}) was told {was}, and by the log it is {is}"),
                );
            }
        }
    }

    fn create(&mut self, sale: &str, said: &Message<'_>) {
        if self.book.sales.contains_key(sale) {
            return;
        }
        let new = Sale {
            created_ms: self.book.now_ms,
            total: said.total_quantity.int().unwrap_or(0),
            sold: 0,
            limit_per_user: said.limit_per_user.int(),
            starts_ms: said.start_time.when(),
            ends_ms: said.end_time.when(),
            price: said.discount_price.int().unwrap_or(0),
        };
        self.book.sales.insert(sale.into(), new);
    }

    /// The units of an order are for sale again: that has to be told, once.
    fn expect_cancelled(&mut self, order: &str, left: i64, (entry, cut): (&Entry<'_>, &Cut), findings: &mut Findings) {
        let Some(known) = self.book.orders.get(&print(order)) else { return };
        let wish = short((Some(&*known.sale), Some(&*known.user), Some(known.quantity)));
        match self.cancelled.remove(&print(order)) {
            Some(told) if told.wish == wish && told.remaining == Some(left) => {
                findings.count(Invariant::Units, "orders cancelled", 1);
            }
            Some(told) => {
                let what = format!(
                    "{order} gives {} units back and leaves {left}, told are other words or {:?} left",
                    known.quantity, told.remaining
                );
                findings.breach(Invariant::Units, told.at, what);
            }
            None if cut.may_be_forgotten(SUCCESS, self.book.now_ms) => {}
            None => {
                let what =
                    format!("{order} was cancelled, and nobody was told that {} units went back", known.quantity);
                findings.breach(Invariant::Units, entry, what);
            }
        }
    }

    /// Units that were given back without a reason.
    pub(super) fn leftover(&self, findings: &mut Findings) {
        for told in self.cancelled.values().filter(|told| told.is_firm) {
            findings.breach(Invariant::Units, told.at, "units are told to have gone back, and no order was cancelled");
        }
    }
}
