//! Rankings: counted again from the sales and returns in the log, and held against what the reservations say that they have sold and taken back.
//!
//! I-24: each confirmed reservation was sent to the rankings as sold, each refund of a cancelled one as returned, and nothing else was; the rows of the
//! rankings are a recount of these; a schedule is sold out at the record after which every seat is sold, once.
//!
//! | module | holds |
//! |---|---|
//! | [`seats`] | what the reservations have confirmed and refunded, against what was sent to the rankings |
//! | [`book`] | the recount of a place |
//! | [`rows`] | the rows of a place against its recount |

mod book;
mod rows;
mod seats;

use crate::answers::Answer;
use crate::cut::Cut;
use crate::feature::{Arrival, Audit, Feature, Shared, Way};
use crate::findings::Findings;
use crate::invariant::Invariant;
use crate::record::{self, Field, record};
use book::{Book, Event, Taken};
use holdfast_engine::inspect::ending;
use holdfast_engine::inspect::ports::record::TopicPartition;
use holdfast_engine::prelude::place_of;
use holdfast_model::ranking::{self, INBOX, PAYMENTS};
use holdfast_tools::Failure;
use seats::Facts;

/// The feature.
#[derive(Debug, Default)]
pub(crate) struct Rankings {
    facts: Facts,
}

record! {
    /// A record of the inbox.
    struct Message<'a> {
        kind: Field<'a> = "type",
        schedule_id: Field<'a> = "scheduleId",
        payment_id: Field<'a> = "paymentId",
        reserved: Field<'a> = "reserved",
        capacity: Field<'a> = "capacity",
        sale_start: Field<'a> = "saleStart",
        occurred_at: Field<'a> = "occurredAt",
    }
}

impl Message<'_> {
    /// What it says; `None` when that cannot be read.
    fn event(&self) -> Option<Event> {
        let is_sale = match self.kind.text() {
            "SEAT_SOLD" => true,
            "SEAT_RETURNED" => false,
            _ => return None,
        };
        let capacity = self.capacity.int().filter(|capacity| *capacity > 0);
        Some(Event {
            is_sale,
            schedule: self.schedule_id.identity()?.into_owned(),
            payment: self.payment_id.identity()?.into_owned(),
            is_full: capacity.is_some_and(|capacity| self.reserved.int() >= Some(capacity)),
            sale_start_ms: self.sale_start.when(),
            at_ms: self.occurred_at.when()?,
        })
    }
}

impl Feature for Rankings {
    fn name(&self) -> &'static str {
        ranking::NAME
    }

    fn inbox(&self) -> &'static str {
        INBOX
    }

    /// What is still there is judged: a ranking is no matter of any other.
    fn rests_on(&self) -> Option<&'static str> {
        None
    }

    fn routes(&self) -> &'static [&'static str] {
        &[]
    }

    fn hear(&mut self, _: &Answer<'_>) -> bool {
        false
    }

    fn read(&mut self, audit: &mut Audit<'_>) -> Result<(), Failure> {
        self.facts.read(audit)
    }

    fn decide(&mut self, audit: &mut Audit<'_>) -> Result<(), Failure> {
        for place in 0..audit.cut.places {
            let state = audit.state(ranking::NAME, place);
            let periods = state.map(|state| ending::periods(state.store())).transpose();
            let periods = periods.map_err(crate::rebuilt::failed)?.unwrap_or_default();
            let keeps = periods.iter().filter(|period| period.store == PAYMENTS.id()).map(|period| period.keep_ms);
            let mut book = Book::new(keeps.min().unwrap_or(i64::MAX));
            let facts = &mut self.facts;
            audit.walk(INBOX, place, &mut |arrival, cut, shared, findings| {
                arrived(arrival, (place, cut), &mut book, facts, shared, findings);
                Ok(())
            })?;
            let span = audit.cut.span(&TopicPartition::new(INBOX, place));
            match state {
                Some(state) if span.begins == 0 => rows::compare(&book, state, audit.findings)?,
                Some(_) => {
                    audit.findings.count(Invariant::Ranking, "places whose first sales are not in the log any more", 1);
                }
                None => {}
            }
        }
        self.facts.compare(&audit.shared.books.money, audit.cut, audit.findings);
        Ok(())
    }
}

/// A record of the inbox.
fn arrived(
    arrival: &Arrival<'_, '_>,
    (place, cut): (u32, &Cut),
    book: &mut Book,
    facts: &mut Facts,
    shared: &mut Shared,
    findings: &mut Findings,
) {
    let Arrival { entry, is_decided, way } = arrival;
    let said = record::read::<Message<'_>>(entry.value).and_then(|said| said.event());
    if let Some(event) = said.as_ref().filter(|_| seats::wrote(entry)) {
        facts.sent(event, entry, findings);
    }
    if !is_decided {
        return;
    }
    book.now_ms = book.now_ms.max(entry.append_ms);
    let is_buried = matches!(way, Way::Buried { .. });
    match said {
        None if is_buried => {}
        None => findings.breach(Invariant::NoGap, entry, "it cannot be read, and is not among the dead letters"),
        Some(event) if place_of(event.schedule.as_bytes(), cut.places) != place => {
            if !is_buried {
                shared.copies.must_have(entry);
            }
        }
        // What was given up is not counted until it is put back.
        Some(_) if is_buried || *way == Way::GivenUpElsewhere => {}
        Some(event) => match book.take(&event) {
            Taken::Counted => findings.count(Invariant::NoGap, "records decided", 1),
            Taken::Known => findings.count(Invariant::NoGap, "records known already", 1),
            Taken::TooOld => findings.count(Invariant::Ranking, "records too old to be counted", 1),
            Taken::Another => {
                let what =
                    format!("payment {} is of another schedule, and this is not among the dead letters", event.payment);
                findings.breach(Invariant::Ranking, entry, what);
            }
        },
    }
}
