//! A second pair of eyes on notifications: knows the records that asked, what the receivers have got, and the rows; and compares the three.
//!
//! | rule | what has to hold |
//! |---|---|
//! | I-15 | what was asked for is in the ledger; what the ledger calls SENT was received; what it calls SUPPRESSED, or has never tried, was not |
//! | I-21 | what was given up has a letter, or a channel that stands in; a letter that is put back opens what it gave up |
//! | I-22 | no try is more than the fourth |
//! | I-28 | contact data lies in the contacts, and not after it was erased |

use super::outside;
use super::rows::Rows;
use super::workload::PHONE;
use crate::simulation::paper::{head, is_redriven, json, text};
use crate::simulation::tally::Tally;
use holdfast_engine::inspect::header;
use holdfast_engine::prelude::place_of;
use holdfast_model::notification::row::{DeliveryRow, DeliveryState};
use holdfast_model::notification::{DEAD_LETTERS, INBOX, NAME, PAYMENT_COMPLETED, RESULTS, USER_CONTACTS, letter};
use holdfast_sim::memory_log::Stored;
use holdfast_sim::simulation::{Audit, Cursor, History, LiveStores};
use holdfast_topologies::notification::invariants::Books;
use std::collections::{BTreeMap, BTreeSet};

/// The referee of all places.
#[derive(Default)]
pub(crate) struct Referee {
    rows: BTreeMap<u32, Rows>,
    asked: BTreeMap<u32, Asked>,
    tally: Tally,
}

/// What the records of a place ask for.
#[derive(Default)]
struct Asked {
    inbox: Cursor,
    payments: Cursor,
    contacts: Cursor,
    letters: Cursor,
    /// User and type, by notification.
    notices: BTreeMap<String, (String, String)>,
    /// Users who have a contact.
    reachable: BTreeSet<String>,
    /// Letters of channels that were given up: notification, channel, how many times by then.
    given_up: BTreeSet<(String, String, u32)>,
    /// Of those, the ones that were put back.
    put_back: BTreeSet<(String, String, u32)>,
}

fn named(record: &Stored, id: &str) -> Option<(String, String, u32)> {
    Some((id.to_owned(), head(record, letter::CHANNEL)?, head(record, letter::DEATHS)?.parse().ok()?))
}

impl Asked {
    fn follow(&mut self, history: &History<'_>, place: u32) -> Result<(), String> {
        for (offset, record) in self.inbox.read(history, INBOX, place) {
            let Some(value) = json(&record) else { continue };
            let payload = &value["payload"];
            let (user, kind) = (text(&payload["userId"]), text(&payload["type"]));
            let Some((user, kind)) = user.zip(kind).filter(|(_, kind)| kind != "NEWS") else { continue };
            if place_of(user.as_bytes(), history.places()) != place {
                continue;
            }
            let id = text(&value["eventId"]).ok_or_else(|| format!("{INBOX}-{place} offset {offset} has no id"))?;
            if is_redriven(&record) {
                self.put_back.extend(named(&record, &id));
            }
            self.notices.entry(id).or_insert((user, kind));
        }
        for (_, record) in self.payments.read(history, PAYMENT_COMPLETED, place) {
            let value = json(&record).unwrap_or_default();
            let Some((id, user)) = text(&value["eventId"]).zip(text(&value["payload"]["userId"])) else { continue };
            let id = format!("{id}.PAYMENT_CONFIRMED");
            if is_redriven(&record) {
                self.put_back.extend(named(&record, &id));
            }
            self.notices.entry(id).or_insert((user, "PAYMENT_CONFIRMED".to_owned()));
        }
        for (_, record) in self.contacts.read(history, USER_CONTACTS, place) {
            let user = String::from_utf8_lossy(record.key.as_deref().unwrap_or_default()).into_owned();
            match (json(&record), &record.value) {
                (Some(_), _) => drop(self.reachable.insert(user)),
                (None, None) => drop(self.reachable.remove(&user)),
                (None, Some(_)) => {}
            }
        }
        for (offset, record) in self.letters.read(history, DEAD_LETTERS, place) {
            if bears_contact(&record) {
                return Err(format!("{DEAD_LETTERS}-{place} offset {offset} bears contact data (I-28)"));
            }
            let named = head(&record, "ce_id").and_then(|id| named(&record, &id));
            if let Some(named) = named
                && !self.given_up.insert(named.clone())
            {
                return Err(format!("{named:?} has two letters (I-21)"));
            }
            if head(&record, header::OFFSET).is_none() {
                return Err(format!("{DEAD_LETTERS}-{place} offset {offset} does not say where it came from (I-21)"));
            }
        }
        Ok(())
    }
}

fn bears_contact(record: &Stored) -> bool {
    let has = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(PHONE);
    record.value.as_deref().is_some_and(has)
        || record.headers.iter().any(|(_, value)| value.as_deref().is_some_and(has))
}

impl Referee {
    /// Tells what happened to `tally`.
    pub(crate) fn telling(tally: Tally) -> Self {
        Self { tally, ..Self::default() }
    }

    /// Each notification on each channel, against what was received.
    fn compare(&self, place: u32, is_over: bool) -> Result<(), String> {
        let (Some(rows), Some(asked)) = (self.rows.get(&place), self.asked.get(&place)) else { return Ok(()) };
        for (id, row) in &rows.books.notices {
            for delivery in &row.deliveries {
                let key = (id.clone(), delivery.channel.as_str().to_owned());
                let received = outside::received(|all| all.get(&key).cloned()).unwrap_or_default();
                let here = format!("{id} on {}, {}", key.1, delivery.state.as_str());
                if delivery.state == DeliveryState::Sent && received.taken == 0 {
                    return Err(format!("{here}: nobody has got it (I-15)"));
                }
                if delivery.tries == 0 && !received.calls.is_empty() {
                    return Err(format!("{here}: it was sent and never begun (I-15)"));
                }
                if let Some(attempt) = received.calls.iter().find(|attempt| !(1..=4).contains(*attempt)) {
                    return Err(format!("{here}: attempt {attempt} (I-22)"));
                }
                if is_over {
                    Self::is_over(asked, &here, &key, delivery, row.deliveries.len())?;
                    self.tally.add(delivery.state.as_str(), 1);
                    self.tally.add("received more than once", usize::from(received.taken > 1));
                    self.tally.add("opened again", usize::from(delivery.deaths > 0 && delivery.tries > 4));
                }
            }
        }
        Ok(())
    }

    fn is_over(
        asked: &Asked,
        here: &str,
        (id, channel): &(String, String),
        delivery: &DeliveryRow,
        deliveries: usize,
    ) -> Result<(), String> {
        if !delivery.state.is_over() {
            return Err(format!("{here}: it goes on for ever (I-15)"));
        }
        let named = |deaths| (id.clone(), channel.clone(), deaths);
        let DeliveryState::Dead(_) = delivery.state else { return Ok(()) };
        // Alimtalk has text messages that stand in for it.
        let has_letter = asked.given_up.contains(&named(delivery.deaths));
        if !has_letter && (channel != "kakao" || deliveries < 2) {
            return Err(format!("{here}: given up without a letter (I-21)"));
        }
        if asked.put_back.contains(&named(delivery.deaths)) {
            return Err(format!("{here}: its letter was put back, and nothing came of it (I-21)"));
        }
        Ok(())
    }

    fn contacts(&self, place: u32) -> Result<(), String> {
        let (Some(rows), Some(asked)) = (self.rows.get(&place), self.asked.get(&place)) else { return Ok(()) };
        let kept: BTreeSet<&String> = rows.contacts.keys().collect();
        if kept == asked.reachable.iter().collect() {
            Ok(())
        } else {
            Err(format!("place {place}: contacts of {kept:?}, by the records {:?} (I-28)", asked.reachable))
        }
    }
}

impl Audit for Referee {
    fn committed(&mut self, history: &History<'_>) -> Result<(), String> {
        for place in 0..history.places() {
            let rows = self.rows.entry(place).or_default();
            rows.follow(history, place)?;
            rows.books.check().map_err(|broken| format!("after a commit: {broken} (I-15)"))?;
            self.asked.entry(place).or_default().follow(history, place)?;
            self.compare(place, false)?;
        }
        Ok(())
    }

    fn settled(&mut self, history: &History<'_>, stores: &LiveStores) -> Result<(), String> {
        self.committed(history)?;
        for place in 0..history.places() {
            self.compare(place, true)?;
            self.contacts(place)?;
            let (Some(rows), Some(asked)) = (self.rows.get(&place), self.asked.get(&place)) else { continue };
            let said = |id: &String| rows.books.notices.get(id).map(|row| (row.user_id.clone(), row.kind.clone()));
            if let Some((id, wanted)) = asked.notices.iter().find(|(id, wanted)| said(id).as_ref() != Some(wanted)) {
                return Err(format!("{id} {wanted:?} was asked for, and the ledger says {:?} (I-15)", said(id)));
            }
            if let Some((offset, _)) = history.read(RESULTS, place, 0).iter().find(|(_, record)| bears_contact(record))
            {
                return Err(format!("{RESULTS}-{place} offset {offset} bears contact data (I-28)"));
            }
            self.tally.add("put back", asked.put_back.len());
            self.tally.add("letters", asked.given_up.len());
        }
        for task in stores.tasks(NAME) {
            let books = Books::load(&task).map_err(|error| error.to_string())?;
            books.check().map_err(|broken| format!("at the end: {broken} (I-15)"))?;
        }
        Ok(())
    }
}
