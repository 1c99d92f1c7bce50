//! I-10 and I-13: what is kept of sales, orders and buyers, and shown by queries, is what the log says.

use super::Place;
use super::book::{Order, State};
use crate::findings::Findings;
use crate::invariant::Invariant;
use crate::known::print;
use crate::rebuilt::Rebuilt;
use holdfast_model::timesale::keys::BuyerKey;
use holdfast_model::timesale::row::{BuyerRow, OrderRow, RefusedRow, SaleRow};
use holdfast_model::timesale::{BUYERS, ORDERS, REFUSED, SALES};
use holdfast_tools::Failure;

/// Compares the book of a place with its state.
pub(super) fn compare(here: &Place<'_>, state: &Rebuilt, findings: &mut Findings) -> Result<(), Failure> {
    sales(here, state, findings)?;
    orders(here, state, findings)?;
    let book = &here.book;
    let mut kept = 0;
    state.each(&BUYERS, &mut |key: BuyerKey, row: BuyerRow| {
        kept += usize::from(row.units > 0);
        let own = book.buyers.get(&print((&*key.time_sale_id, &*key.user_id))).copied().unwrap_or(0);
        if i64::try_from(row.units) == Ok(own) {
            findings.count(Invariant::Units, "buyers whose units are the log's", 1);
        } else {
            let at = format!("{}, {} in sale {}", state.source(), key.user_id, key.time_sale_id);
            findings.breach(Invariant::Units, at, format!("{} units are kept, by the log {own}", row.units));
        }
    })?;
    let own = book.buyers.values().filter(|units| **units > 0).count();
    if kept != own {
        let what = format!("{kept} buyers have units, by the log there are {own}");
        findings.breach(Invariant::Units, state.source(), what);
    }
    Ok(())
}

/// I-13: the units of a sale, sold and left.
fn sales(here: &Place<'_>, state: &Rebuilt, findings: &mut Findings) -> Result<(), Failure> {
    let mut kept = 0;
    state.each(&SALES, &mut |id: String, row: SaleRow| {
        kept += 1;
        let at = || format!("{}, sale {id}", state.source());
        let shown = (row.total.cast_signed(), row.sold.cast_signed());
        let own = here.book.sales.get(&*id).map(|sale| (sale.total, sale.sold));
        if row.sold > row.total {
            findings.breach(Invariant::Units, at(), format!("{} units are sold of {}", row.sold, row.total));
        } else if own != Some(shown) {
            findings.breach(Invariant::Units, at(), format!("total and sold are {shown:?}, by the log {own:?}"));
        } else {
            findings.count(Invariant::Units, "sales whose units are the log's", 1);
        }
    })?;
    if kept != here.book.sales.len() {
        let what = format!("{kept} sales are kept, by the log there are {}", here.book.sales.len());
        findings.breach(Invariant::Units, state.source(), what);
    }
    Ok(())
}

/// I-10: orders, confirmed, cancelled and refused.
fn orders(here: &Place<'_>, state: &Rebuilt, findings: &mut Findings) -> Result<(), Failure> {
    let mut kept = [0, 0];
    state.each(&ORDERS, &mut |id: String, row: OrderRow| {
        kept[0] += 1;
        let is_cancelled = row.cancelled_ms.is_some();
        let shown = (&*row.time_sale_id, &*row.user_id, i64::try_from(row.quantity).ok(), is_cancelled);
        let own = here.book.orders.get(&print(&*id));
        let by_log = own
            .filter(|order| !matches!(order.state, State::Refused(_)))
            .map(|order| (&*order.sale, &*order.user, Some(order.quantity), order.state == State::Cancelled));
        let is_paid_as = own.is_some_and(|order| u64::try_from(order.unit_price) == Ok(row.unit_price));
        if by_log == Some(shown) && is_paid_as {
            findings.count(Invariant::Agreement, "orders shown as the log has them", 1);
        } else {
            let what = format!("shown is {row:?}, by the log {own:?}");
            findings.breach(Invariant::Agreement, format!("{}, {id}", state.source()), what);
        }
    })?;
    state.each(REFUSED.stored(), &mut |id: String, row: RefusedRow| {
        // One that has ended may be there still, and its order may have been decided again.
        let has_ended = state.has_ended(REFUSED.id(), row.decided_ms);
        let own = here.book.orders.get(&print(&*id));
        if has_ended && own.is_some_and(|order| order.decided_ms > row.decided_ms) {
            return;
        }
        let (code, quantity) = (row.refusal.code(), row.quantity);
        // Confirmed after it was given up and put back: what gave it up is kept until it ends.
        let is_confirmed = own.is_some_and(|order| !matches!(order.state, State::Refused(_)));
        if is_confirmed && code == "SYSTEM_ERROR" && here.book.was_refused(&id, code) {
            return;
        }
        kept[1] += usize::from(!has_ended);
        let is_so = own.is_some_and(|order| {
            order.state == State::Refused(code)
                && (&*order.sale, &*order.user, order.quantity) == (&*row.time_sale_id, &*row.user_id, quantity)
        });
        if is_so {
            findings.count(Invariant::Agreement, "refused orders shown as the log has them", 1);
        } else {
            let what = format!("shown is {row:?}, by the log {own:?}");
            findings.breach(Invariant::Agreement, format!("{}, {id}", state.source()), what);
        }
    })?;
    let is_refused = |order: &&Order| matches!(order.state, State::Refused(_));
    let confirmed = here.book.orders.values().filter(|order| !is_refused(order)).count();
    let refused = here.book.orders.values().filter(is_refused);
    let refused = refused.filter(|order| !state.has_ended(REFUSED.id(), order.decided_ms)).count();
    for (kept, own, what) in [(kept[0], confirmed, "confirmed"), (kept[1], refused, "refused")] {
        if kept != own {
            let what = format!("{kept} {what} orders are kept, by the log there are {own}");
            findings.breach(Invariant::Agreement, state.source(), what);
        }
    }
    Ok(())
}
