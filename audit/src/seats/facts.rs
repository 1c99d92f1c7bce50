//! What was told about seats and payments, by what it is about. Whoever explains a fact takes it out; what is left was told without a reason.

use super::message::{Envelope, Fact};
use crate::cut::Cut;
use crate::findings::Findings;
use crate::invariant::Invariant;
use crate::known::{Print, print};
use crate::reader::{self, At, Reader};
use crate::record;
use crate::times::Times;
use holdfast_engine::inspect::ports::record::TopicPartition;
use holdfast_model::reservation::ids;
use holdfast_model::reservation::serial::{self, Serial};
use holdfast_model::{payment, reservation};
use holdfast_tools::Failure;
use rustc_hash::FxHashMap;
use std::collections::hash_map::Entry;

/// Place and serial of a reservation.
pub(crate) type Id = (u32, Serial);

/// A hold has this deadline.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    pub(super) expires_ms: i64,
    /// When it was set.
    pub(super) occurred_ms: i64,
    pub(super) at: At,
    is_firm: bool,
}

/// A hold was not paid in time.
#[derive(Debug, Clone)]
pub(super) struct Expired {
    pub(super) expired_ms: i64,
    pub(super) at: At,
    is_firm: bool,
}

/// A reservation is paid.
#[derive(Debug, Clone)]
pub(super) struct Confirmed {
    pub(super) payment: String,
    pub(super) amount: i64,
    pub(super) schedule: String,
    pub(super) seat: String,
    pub(super) user: String,
    pub(super) at: At,
    is_firm: bool,
}

/// A payment was taken.
#[derive(Debug, Clone)]
pub(super) struct Completed {
    pub(super) amount: i64,
    pub(super) reservation: Print,
    pub(super) at: At,
    is_firm: bool,
}

/// Everything that was told.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// The first deadline of each hold.
    pub(super) deadlines: FxHashMap<Id, Deadline>,
    /// Deadlines that extensions have set, in order.
    pub(super) later: FxHashMap<Id, Vec<Deadline>>,
    pub(super) expired: FxHashMap<Id, Expired>,
    pub(super) confirmed: FxHashMap<Id, Confirmed>,
    pub(super) completed: FxHashMap<String, Completed>,
    /// Entries of waitlists, by what an offer to them is named after.
    pub(super) entries: FxHashMap<u128, String>,
}

/// Place and serial in the id of a reservation.
pub(crate) fn parse(id: &str) -> Option<Id> {
    ids::parse_reservation(id)
}

/// The id of a reservation.
pub(super) fn name((place, serial): Id) -> String {
    ids::reservation(place, serial)
}

impl Facts {
    /// Reads all facts.
    pub(crate) fn read(reader: &mut Reader<'_>, cut: &mut Cut, findings: &mut Findings) -> Result<Self, Failure> {
        let mut facts = Self::default();
        let topics = [reservation::EXPIRATIONS, reservation::SEATS_EXPIRED, reservation::CONFIRMED, payment::COMPLETED];
        for topic in topics {
            for place in 0..cut.places {
                let source = TopicPartition::new(topic, place);
                reader.read(&source, cut, findings, &mut |entry, _, findings| {
                    facts.take(topic, entry, findings);
                    Ok(())
                })?;
            }
        }
        Ok(facts)
    }

    fn take(&mut self, topic: &'static str, entry: &reader::Entry<'_>, findings: &mut Findings) {
        // Deadlines have a topic of their own into which anybody may write.
        if topic == reservation::EXPIRATIONS && !entry.heads.is_by(reservation::NAME) {
            return;
        }
        // The data platform's deliveries read confirmations and payments: one that was put back or sent on there is a copy, and tells nothing new.
        if entry.heads.origin.is_redriven() || entry.heads.forwarded.is_some() {
            return;
        }
        let at = entry.at(topic);
        let Some(told) = record::read::<Envelope<'_>>(entry.value) else {
            findings.breach(Invariant::NoGap, at, "a fact that is no JSON object");
            return;
        };
        Times::value(entry, &told.fact.stamps, &told.inner().stamps, findings);
        let read = match topic {
            reservation::EXPIRATIONS => self.deadline(&told, at, entry.is_firm, findings),
            reservation::SEATS_EXPIRED => self.expiry(&told.fact, at, entry.is_firm, findings),
            reservation::CONFIRMED => self.confirmation(&told.fact, at, entry.is_firm, findings),
            _ => self.completion(told.inner(), at, entry.is_firm, findings),
        };
        if read.is_none() {
            findings.breach(Invariant::NoGap, at, "a fact that does not say what it has to");
        }
    }

    fn deadline(&mut self, told: &Envelope<'_>, at: At, is_firm: bool, findings: &mut Findings) -> Option<()> {
        let fact = told.inner();
        let id = parse(&fact.reservation_id.id()?)?;
        let (expires_ms, occurred_ms) = (fact.stamps.expires_at.when()?, told.fact.stamps.occurred_at.when()?);
        let new = Deadline { expires_ms, occurred_ms, at, is_firm };
        let first = match self.deadlines.entry(id) {
            Entry::Vacant(place) => {
                place.insert(new);
                return Some(());
            }
            Entry::Occupied(first) => *first.get(),
        };
        let later = self.later.entry(id).or_default();
        if let Some(first) = [first].iter().chain(&*later).find(|known| known.expires_ms == expires_ms) {
            findings.breach(
                Invariant::OneOutcome,
                at,
                format!("this deadline of {} is told at {} already", name(id), first.at),
            );
        } else {
            later.push(new);
        }
        Some(())
    }

    fn expiry(&mut self, fact: &Fact<'_>, at: At, is_firm: bool, findings: &mut Findings) -> Option<()> {
        let id = parse(&fact.reservation_id.id()?)?;
        let (expired_ms, expires_ms) = (fact.stamps.expired_at.when()?, fact.stamps.expires_at.when()?);
        if expired_ms < expires_ms {
            let early_ms = expires_ms.saturating_sub(expired_ms);
            findings.breach(Invariant::NotEarly, at, format!("{} ended {early_ms} ms before its deadline", name(id)));
        }
        if let Some(first) = self.expired.insert(id, Expired { expired_ms, at, is_firm }) {
            findings.breach(Invariant::OneOutcome, at, format!("{} expired at {} already", name(id), first.at));
        }
        Some(())
    }

    fn confirmation(&mut self, fact: &Fact<'_>, at: At, is_firm: bool, findings: &mut Findings) -> Option<()> {
        let id = parse(&fact.reservation_id.id()?)?;
        let confirmed = Confirmed {
            payment: fact.payment_id.id()?.into_owned(),
            amount: fact.amount.int()?,
            schedule: fact.schedule_id.id()?.into_owned(),
            seat: fact.seat_no.id()?.into_owned(),
            user: fact.user_id.id()?.into_owned(),
            at,
            is_firm,
        };
        if let Some(first) = self.confirmed.insert(id, confirmed) {
            let (payment, at_first) = (first.payment, first.at);
            findings.breach(
                Invariant::PaidOnce,
                at,
                format!("{} was confirmed by {payment} at {at_first} already", name(id)),
            );
        }
        Some(())
    }

    fn completion(&mut self, fact: &Fact<'_>, at: At, is_firm: bool, findings: &mut Findings) -> Option<()> {
        let id = fact.payment_id.id()?.into_owned();
        let reservation = print(&*fact.reservation_id.id()?);
        let completed = Completed { amount: fact.amount.int()?, reservation, at, is_firm };
        if let Some(first) = self.completed.get(&id) {
            findings.breach(Invariant::PaidOnce, at, format!("payment {id} was completed at {} already", first.at));
        } else {
            self.completed.insert(id, completed);
        }
        Some(())
    }

    /// Facts that nothing explains.
    pub(crate) fn leftover(&self, findings: &mut Findings) {
        let later = self.later.iter().flat_map(|(id, deadlines)| deadlines.iter().map(move |deadline| (id, deadline)));
        for (id, deadline) in self.deadlines.iter().chain(later).filter(|(_, deadline)| deadline.is_firm) {
            let entry = self.entries.get(&serial::Secret::of_serial(id.1).to_bits());
            let (invariant, why) = match entry {
                Some(entry) => (Invariant::Offers, format!("offered to {entry}, whose turn it was not")),
                None => (Invariant::OneOwner, "granted by no record".to_owned()),
            };
            findings.breach(invariant, deadline.at, format!("{} has a deadline, and was {why}", name(*id)));
        }
        for (id, expired) in self.expired.iter().filter(|(_, expired)| expired.is_firm) {
            let what = format!("{} was freed by no deadline at {} ms", name(*id), expired.expired_ms);
            findings.breach(Invariant::NotEarly, expired.at, what);
        }
        for (id, confirmed) in self.confirmed.iter().filter(|(_, confirmed)| confirmed.is_firm) {
            let what = format!("{} was confirmed by {}, which no wallet has paid for it", name(*id), confirmed.payment);
            findings.breach(Invariant::PaidOnce, confirmed.at, what);
        }
        for (id, completed) in self.completed.iter().filter(|(_, completed)| completed.is_firm) {
            findings.breach(
                Invariant::PaidOnce,
                completed.at,
                format!("payment {id} was completed, and nothing was taken"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_place_and_record() {
        assert_eq!(parse("res_2_17"), Some((2, 17)));
        for foreign in ["res_2", "res_02_1", "res_2_+1", "res_2_x", "pay_2_1", "res_789", ""] {
            assert_eq!(parse(foreign), None, "{foreign}");
        }
    }
}
