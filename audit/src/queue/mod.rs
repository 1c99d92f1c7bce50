//! Waiting rooms: what `queue.events` tells is followed by rules of its own, and every join that was decided has a ticket of its user.
//!
//! I-23: one live ticket for a user; tickets are numbers in order; admissions in the order of the line, drawn or numbered; never more ACTIVE than may be, never
//! more admissions in a second than may be; positions as they were told are those that a count finds.
//!
//! | module | holds |
//! |---|---|
//! | [`message`] | what records say |
//! | [`hall`] | a queue and its line: the rules |

mod hall;
mod message;

use crate::answers::Answer;
use crate::cut::Cut;
use crate::feature::{Arrival, Audit, Feature, Shared, Way};
use crate::findings::Findings;
use crate::invariant::Invariant;
use crate::known::short;
use crate::rebuilt::Rebuilt;
use crate::record;
use hall::{Fate, Hall};
use holdfast_engine::inspect::ports::record::TopicPartition;
use holdfast_engine::prelude::place_of;
use holdfast_model::queue::keys::TicketKey;
use holdfast_model::queue::row::{EndedRow, TicketRow};
use holdfast_model::queue::{self, COMMANDS, ENDED, EVENTS, INBOX, TICKETS};
use holdfast_tools::Failure;
use message::{Fact, KINDS, Message};
use std::collections::BTreeMap;

/// The feature.
#[derive(Debug, Default)]
pub(crate) struct Queues;

impl Feature for Queues {
    fn name(&self) -> &'static str {
        queue::NAME
    }

    fn inbox(&self) -> &'static str {
        INBOX
    }

    fn routes(&self) -> &'static [&'static str] {
        &["/api/queue/*", "/api/queues", "/api/queues/*"]
    }

    fn hear(&mut self, _: &Answer<'_>) -> bool {
        // A position is out of date with the next record, and a token says no more than its queue's facts.
        false
    }

    fn decide(&mut self, audit: &mut Audit<'_>) -> Result<(), Failure> {
        for place in 0..audit.cut.places {
            let mut here = Place { place, halls: None, state: audit.state(queue::NAME, place), now_ms: i64::MIN };
            here.follow(audit)?;
            audit.walk(INBOX, place, &mut |arrival, cut, shared, findings| {
                here.arrived(arrival, cut, shared, findings)
            })?;
            here.close(audit.findings)?;
        }
        Ok(())
    }
}

/// One place.
struct Place<'a> {
    place: u32,
    /// By queue id; `None`: the beginning of the facts is gone.
    halls: Option<BTreeMap<String, Hall>>,
    state: Option<&'a Rebuilt>,
    now_ms: i64,
}

impl Place<'_> {
    /// Follows the facts.
    fn follow(&mut self, audit: &mut Audit<'_>) -> Result<(), Failure> {
        let source = TopicPartition::new(EVENTS, self.place);
        let begins = audit.cut.span(&source).begins;
        if begins > 0 {
            let why = format!("{source} begins at offset {begins}");
            audit.findings.not_applicable(Invariant::Queue, why);
        }
        let mut halls: BTreeMap<String, Hall> = BTreeMap::new();
        audit.reader.read(&source, audit.cut, audit.findings, &mut |entry, _, findings| {
            if begins > 0 {
                return Ok(());
            }
            let fact = record::read::<Fact<'_>>(entry.value);
            let named = fact.as_ref().and_then(|fact| Some((fact, fact.queue_id.id()?)));
            let Some((fact, id)) = named else {
                findings.breach(Invariant::Queue, entry, "a fact of nothing");
                return Ok(());
            };
            match halls.entry(id.clone().into_owned()).or_default().follow(fact) {
                Ok(what) => findings.count(Invariant::Queue, what, 1),
                Err(why) => findings.breach(Invariant::Queue, entry, format!("queue {id}: {why}")),
            }
            Ok(())
        })?;
        self.halls = Some(halls).filter(|_| begins == 0);
        Ok(())
    }

    /// A record of the inbox.
    fn arrived(
        &mut self,
        arrival: &Arrival<'_, '_>,
        cut: &Cut,
        shared: &mut Shared,
        findings: &mut Findings,
    ) -> Result<(), Failure> {
        let entry = arrival.entry;
        if !arrival.is_decided {
            return Ok(());
        }
        self.now_ms = self.now_ms.max(entry.append_ms);
        let said = record::read::<Message<'_>>(entry.value).filter(|said| KINDS.contains(&said.kind.text()));
        let queue = said.as_ref().and_then(|said| said.queue_id.id());
        let (Some(said), Some(queue)) = (said, queue) else {
            if arrival.way == Way::Usual {
                findings.breach(Invariant::NoGap, entry, "it cannot be read, and is not among the dead letters");
            }
            return Ok(());
        };
        let is_elsewhere = place_of(queue.as_bytes(), cut.places) != self.place;
        match arrival.way {
            Way::Usual | Way::Buried { is_given_up: true } if is_elsewhere => shared.copies.must_have(entry),
            Way::Buried { .. } | Way::GivenUpElsewhere => {}
            Way::Usual => {
                findings.count(Invariant::NoGap, "records decided", 1);
                if said.kind.text() == "join" {
                    let id = said.ids.get().map_or_else(|| entry.entered(), |id| id.into_owned());
                    let user = said.user_id.id().unwrap_or_default();
                    self.joined(&id, &queue, &user, entry, findings)?;
                }
            }
        }
        Ok(())
    }

    /// A join that was decided: its outcome is kept, and names a ticket of its user.
    fn joined(
        &self,
        id: &str,
        queue: &str,
        user: &str,
        at: impl std::fmt::Display,
        findings: &mut Findings,
    ) -> Result<(), Failure> {
        let Some(state) = self.state else { return Ok(()) };
        let Some(row) = state.get(COMMANDS.stored(), &id.to_owned())? else {
            if !state.has_ended(COMMANDS.id(), self.now_ms) {
                findings.breach(Invariant::OneOutcome, at, format!("join {id} has no outcome"));
            }
            return Ok(());
        };
        findings.count(Invariant::OneOutcome, "joins with their outcome", 1);
        let (Ok(ticket), Some(halls)) = (row.result, &self.halls) else { return Ok(()) };
        let owner = halls.get(queue).and_then(|hall| hall.ticket(ticket));
        if owner.map(|(owner, _)| owner) == Some(short(user)) {
            findings.count(Invariant::Queue, "joins with a ticket of their own", 1);
        } else {
            let what = format!("join {id} of {user} has ticket {ticket} of queue {queue}, which is another user's");
            findings.breach(Invariant::Queue, at, what);
        }
        Ok(())
    }

    /// The place is done: what is kept of tickets is what was told of them.
    fn close(self, findings: &mut Findings) -> Result<(), Failure> {
        let (Some(state), Some(halls)) = (self.state, &self.halls) else { return Ok(()) };
        let told = |key: &TicketKey| halls.get(&key.queue_id).and_then(|hall| hall.ticket(key.ticket));
        let mut compare = |key: &TicketKey, user: &str, fits: &dyn Fn(Fate) -> bool| {
            let own = told(key);
            // The facts may be ahead of the state: what waits there may be further here, never the other way round.
            if own.is_some_and(|(owner, fate)| owner == short(user) && fits(fate)) {
                findings.count(Invariant::Queue, "tickets kept as they were told of", 1);
            } else {
                let at = format!("{}, ticket {} of queue {}", state.source(), key.ticket, key.queue_id);
                findings.breach(
                    Invariant::Queue,
                    at,
                    format!("it is kept for {user} otherwise than was told: {own:?}"),
                );
            }
        };
        state.each(&TICKETS, &mut |key: TicketKey, row: TicketRow| {
            let is_active = row.active.is_some();
            compare(&key, &row.user_id, &|fate| !is_active || fate != Fate::Waiting);
        })?;
        state.each(ENDED.stored(), &mut |key: TicketKey, row: EndedRow| {
            compare(&key, &row.user_id, &|fate| fate == Fate::Ended(short(row.reason.as_str())));
        })
    }
}
