//! Time sales: each order of `timesale-order-requests` decided a second time, all or nothing and first come first served, and compared with its outcome.
//!
//! I-13: the units of confirmed orders that were not cancelled, and those that are left, add up to the stock; no buyer has more than the sale allows; a cancelled
//! order gives its units back once.
//!
//! | module | holds |
//! |---|---|
//! | [`message`] | what records say |
//! | [`book`] | sales, orders and buyers: the rules |
//! | [`commands`] | commands about sales, and orders that are cancelled |
//! | [`rows`] | what is kept |
//! | [`hear`] | what clients were told |

mod book;
mod commands;
mod hear;
mod message;
mod rows;

use crate::answers::{Answer, Claims};
use crate::cut::Cut;
use crate::feature::{Arrival, Audit, Feature, Shared, Way};
use crate::findings::Findings;
use crate::guards::{self, Guards, Pass};
use crate::invariant::Invariant;
use crate::known::{self, Known, Print, Seen, print, short};
use crate::outcomes::{self, Outcomes};
use crate::reader::Entry;
use crate::rebuilt::Rebuilt;
use crate::record::{self, Field};
use crate::retention::Retention;
use crate::times::Times;
use book::Book;
use commands::{Cancellation, command_wish};
use hear::{Refusal, Told};
use holdfast_engine::inspect::ports::record::TopicPartition;
use holdfast_engine::prelude::place_of;
use holdfast_model::timesale::row::TermsRow;
use holdfast_model::timesale::{
    self, ADMISSIONS, COMMANDS, FAILURES, GUARDS, INBOX, REFUSED, SETTINGS, SUCCESS, TERMS, order_id,
};
use holdfast_tools::Failure;
use message::{Message, Wish};
use rustc_hash::{FxHashMap, FxHashSet};

/// The feature.
#[derive(Debug, Default)]
pub(crate) struct TimeSales {
    claims: Claims<Told>,
    refusals: Vec<Refusal>,
}

impl Feature for TimeSales {
    fn name(&self) -> &'static str {
        timesale::NAME
    }

    fn inbox(&self) -> &'static str {
        INBOX
    }

    fn notices(&self) -> &'static [(&'static str, &'static str)] {
        &[("TIMESALE_SUCCESS", "orderId"), ("TIMESALE_FAILED", "orderId")]
    }

    fn routes(&self) -> &'static [&'static str] {
        &["/api/timesales", "/api/timesales/*"]
    }

    fn names(&self) -> &'static [&'static str] {
        &["orderId"]
    }

    fn hear(&mut self, answer: &Answer<'_>) -> bool {
        self.note(answer)
    }

    fn decide(&mut self, audit: &mut Audit<'_>) -> Result<(), Failure> {
        let places = audit.cut.places;
        for place in 0..places {
            let mut here = Place::open(place, audit)?;
            for topic in [SUCCESS, FAILURES] {
                let source = TopicPartition::new(topic, place);
                audit.reader.read(&source, audit.cut, audit.findings, &mut |entry, _, findings| {
                    here.told(topic, entry, findings);
                    Ok(())
                })?;
            }
            audit.walk(INBOX, place, &mut |arrival, cut, shared, findings| {
                here.arrived(arrival, cut, self, shared, findings);
                Ok(())
            })?;
            self.compare(&here.book, audit.findings);
            self.refused(&here.book, (place, places), audit.findings);
            here.close(audit.findings)?;
        }
        self.claims.leftover(audit.findings);
        Ok(())
    }
}

/// What was told about an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Outcome {
    /// Hash of the order's id.
    order: u64,
    /// Hash of sale, user and quantity.
    wish: u64,
    /// Hash of the code of a refusal.
    code: u64,
    /// KRW of a unit and of the order, if it was confirmed.
    price: Option<(i64, i64)>,
    remaining: Option<i64>,
}

/// One place while it is decided.
struct Place<'a> {
    place: u32,
    book: Book,
    known: Known,
    commands: Known,
    outcomes: Outcomes<Outcome>,
    /// By order id.
    cancelled: FxHashMap<Print, Cancellation>,
    /// Commands with the code of their refusal, if they were refused, and when they were decided: read once, in the order of the rows.
    kept: FxHashMap<Print, (Option<&'static str>, i64)>,
    /// Sales that the state has, with the time they were created at.
    sales: FxHashSet<Print>,
    state: Option<&'a Rebuilt>,
}

impl<'a> Place<'a> {
    /// The place before anything has happened.
    fn open(place: u32, audit: &mut Audit<'a>) -> Result<Self, Failure> {
        let state = audit.state(timesale::NAME, place);
        let (mut kept, mut sales) = (FxHashMap::default(), FxHashSet::default());
        if let Some(state) = state {
            state.each(COMMANDS.stored(), &mut |id: String, row| {
                kept.insert(print(&*id), (row.refused.map(|refusal| refusal.code()), row.decided_ms));
            })?;
            state.each(&TERMS, &mut |id: String, row: TermsRow| {
                sales.insert(print((&*id, row.created_ms)));
            })?;
        }
        // A confirmed order does not end.
        let orders = Retention::of(&REFUSED, state, &SETTINGS, audit.findings)?;
        let commands = Retention::of(&COMMANDS, state, &SETTINGS, audit.findings)?;
        Ok(Self {
            place,
            book: Book::default(),
            known: Known::for_records(audit.cut.records(&TopicPartition::new(INBOX, place)), orders),
            commands: Known::for_records(0, commands),
            outcomes: Outcomes::new(place, [SUCCESS, FAILURES], "orders with their outcome", audit.cut),
            cancelled: FxHashMap::default(),
            kept,
            sales,
            state,
        })
    }
}

impl Place<'_> {
    /// An outcome, or that an order was cancelled.
    fn told(&mut self, topic: &'static str, entry: &Entry<'_>, findings: &mut Findings) {
        let said = record::read::<message::Outcome<'_>>(entry.value);
        let named = said.as_ref().and_then(|said| Some((said, said.request_id.id()?, said.order_id.id()?)));
        let Some((said, request, order)) = named else {
            findings.breach(Invariant::OneOutcome, entry, "an outcome of nothing");
            return;
        };
        Times::value(entry, &said.stamps, &said.stamps, findings);
        let status = said.status.text();
        if status == "CANCELLED" && topic == SUCCESS {
            self.told_cancelled(&order, said, entry, findings);
            return;
        }
        let outcome = Outcome {
            order: short(&*order),
            wish: short((said.time_sale_id.id(), said.user_id.id(), said.quantity.int())),
            code: short(said.code.text()),
            price: said.unit_price.int().zip(said.amount.int()),
            remaining: said.remaining.int(),
        };
        let supersedes = said.supersedes != Field::Absent;
        self.outcomes.note((topic, entry), (&request, status), supersedes, outcome, findings);
    }

    /// A record of the inbox.
    fn arrived(
        &mut self,
        arrival: &Arrival<'_, '_>,
        cut: &Cut,
        feature: &mut TimeSales,
        shared: &mut Shared,
        findings: &mut Findings,
    ) {
        let entry = arrival.entry;
        let said = record::read::<Message<'_>>(entry.value);
        if let Some(said) = said.as_ref().filter(|_| !feature.claims.is_empty()) {
            let id = said.identity(entry);
            feature.claims.in_log(Some(&id), findings);
            if said.is_order() {
                feature.claims.in_log(Some(&order_id::of(self.place, &id)), findings);
            }
        }
        if !arrival.is_decided {
            return;
        }
        self.book.now_ms = self.book.now_ms.max(entry.append_ms);
        self.known.at(entry.offset, self.book.now_ms);
        self.commands.at(entry.offset, self.book.now_ms);
        match (said, arrival.way) {
            (Some(said), Way::Buried { is_given_up: true }) if self.is_elsewhere(&said, cut) => {
                shared.copies.must_have(entry);
            }
            (Some(said), Way::Buried { is_given_up }) => self.buried(&said, entry, is_given_up, findings),
            (None, Way::Buried { .. }) => {}
            (Some(said), Way::GivenUpElsewhere) => self.buried(&said, entry, true, findings),
            (said, _) => {
                if said.and_then(|said| self.record(&said, entry, cut, shared, findings)).is_none() {
                    findings.breach(Invariant::NoGap, entry, "it cannot be read, and is not among the dead letters");
                }
            }
        }
    }

    /// The place that decides a record; `None` when that cannot be read.
    fn home_of(&self, said: &Message<'_>, places: u32) -> Option<u32> {
        if said.kind.text() == "cancel-order" {
            let named = order_id::place(&said.order_id.id()?).filter(|place| *place < places);
            // What cannot exist can be said so anywhere.
            return Some(named.unwrap_or(self.place));
        }
        if said.is_order() {
            said.order()?;
        }
        Some(place_of(said.time_sale_id.id()?.as_bytes(), places))
    }

    fn is_elsewhere(&self, said: &Message<'_>, cut: &Cut) -> bool {
        !guards::KINDS.contains(&said.kind.text())
            && self.home_of(said, cut.places).is_some_and(|home| home != self.place)
    }

    /// A record that was buried.
    fn buried(&mut self, said: &Message<'_>, entry: &Entry<'_>, is_given_up: bool, findings: &mut Findings) {
        if guards::KINDS.contains(&said.kind.text()) {
            return;
        }
        let id = said.identity(entry);
        match said.order() {
            None if is_given_up => drop(self.commands.give_up(&id, command_wish(said))),
            None => {}
            Some(wish) if is_given_up && self.known.give_up(&id, &wish) => {
                self.book.give_up(&order_id::of(self.place, &id), &wish);
                self.outcomes.given_up(&id, entry, findings);
            }
            Some(_) if is_given_up => {}
            Some(_) if self.known.has(&id) => {}
            Some(_) => self.outcomes.rejected(&id, entry, findings),
        }
    }

    /// A record that is not buried; `None` when it should be.
    fn record(
        &mut self,
        said: &Message<'_>,
        entry: &Entry<'_>,
        cut: &Cut,
        shared: &mut Shared,
        findings: &mut Findings,
    ) -> Option<()> {
        let wish = said.order();
        let is_guard = guards::KINDS.contains(&said.kind.text());
        if wish.is_none() && !is_guard && !commands::KINDS.contains(&said.kind.text()) {
            return None;
        }
        if self.home_of(said, cut.places)? != self.place {
            shared.copies.must_have(entry);
            return Some(());
        }
        if is_guard {
            findings.count(Invariant::NoGap, "records decided", 1);
            return self.book.guards.hear(entry.value, self.book.now_ms);
        }
        let id = said.identity(entry);
        let is_redriven = entry.heads.origin.is_redriven();
        let seen = match &wish {
            Some(wish) => self.known.see(&id, wish, is_redriven),
            None => self.commands.see(&id, command_wish(said), is_redriven),
        };
        known::retried(seen, &id, entry, findings);
        if !seen.is_to_decide() {
            findings.count(Invariant::NoGap, "records known already", 1);
            return Some(());
        }
        findings.count(Invariant::NoGap, "records decided", 1);
        match wish {
            Some(wish) => self.order(&id, &wish, seen == Seen::Again, (entry, cut), shared, findings),
            None => self.command(&id, said, (entry, cut), findings),
        }
        Some(())
    }

    /// An order that has not been decided before.
    fn order(
        &mut self,
        id: &str,
        wish: &Wish<'_>,
        is_again: bool,
        (entry, cut): (&Entry<'_>, &Cut),
        shared: &mut Shared,
        findings: &mut Findings,
    ) {
        let order = order_id::of(self.place, id);
        let pass = self.book.guards.pass(&wish.sale, &wish.user, self.book.now_ms);
        let decided = self.book.order(&order, wish);
        if decided.is_ok() {
            self.known.lasts(id);
        }
        let (status, code) =
            decided.map_or_else(|refused| (refused.status, refused.code), |()| (outcomes::SUCCESS, ""));
        let Some(outcome) = self.outcomes.take(print(id), is_again) else {
            let topic = if decided.is_ok() { SUCCESS } else { FAILURES };
            if !cut.may_be_forgotten(topic, self.book.now_ms) {
                let what = format!("{id} has no outcome: by the log it is {status}");
                findings.breach(Invariant::OneOutcome, entry, what);
            }
            return;
        };
        self.outcomes.count(findings);
        let price = self.book.sales.get(&*wish.sale).map(|sale| (sale.price, sale.price.saturating_mul(wish.quantity)));
        let own = Outcome {
            order: short(&*order),
            wish: short((Some(&*wish.sale), Some(&*wish.user), Some(wish.quantity))),
            code: short(code),
            price: price.filter(|_| decided.is_ok()),
            remaining: self.book.left(&wish.sale),
        };
        let (told, told_status, at) = (outcome.told, self.outcomes.status(&outcome), self.outcomes.at(&outcome));
        // What is refused for another reason is no matter of the guard.
        let is_its = decided.is_ok() || decided.is_err_and(|refused| refused.code == guards::NOT_ACTIVE);
        let pass = if is_its { pass } else { Pass::Free };
        Guards::judge(pass, told_status == outcomes::SUCCESS, entry, id, findings);
        let Wish { sale, user, quantity } = wish;
        if told_status != status || told.code != own.code {
            let what = format!(
                "{id}, {quantity} units of {sale} for {user}, was told {told_status}, by the order of the log it is {status} {code}"
            );
            findings.breach(Invariant::Units, at, what);
        } else if told != own {
            let what = format!("{id}, {quantity} units of {sale} for {user}: told are {told:?}, by the log {own:?}");
            findings.breach(Invariant::Units, at, what);
        } else {
            findings.count(Invariant::Units, "orders decided again in order", 1);
        }
        match decided {
            Ok(()) => shared.notices.expect("TIMESALE_SUCCESS", &order, entry, self.book.now_ms, cut, findings),
            Err(refused) if refused.is_notified => {
                shared.notices.expect("TIMESALE_FAILED", &order, entry, self.book.now_ms, cut, findings);
            }
            Err(_) => {}
        }
    }

    /// The place is done.
    fn close(self, findings: &mut Findings) -> Result<(), Failure> {
        self.outcomes.leftover(findings);
        self.leftover(findings);
        let all = self.book.live();
        for (name, sale) in &self.book.sales {
            let live = all.get(&**name).copied().unwrap_or(0);
            let left = sale.total - sale.sold;
            if live != sale.sold || left < 0 {
                let what = format!("{live} units of confirmed orders and {left} left are not {}", sale.total);
                findings.breach(Invariant::Units, format!("sale {name}"), what);
            } else {
                findings.count(Invariant::Units, "sales that add up", 1);
            }
        }
        let Some(state) = self.state else { return Ok(()) };
        self.book.guards.compare((&GUARDS, &ADMISSIONS), state, findings)?;
        rows::compare(&self, state, findings)
    }
}
