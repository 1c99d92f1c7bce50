//! A second pair of eyes on deliveries: knows the facts, what the platform has got, and the letters; and none of the topology's code but the check of
//! its rows.

use super::platform;
use crate::simulation::paper::{head, is_forwarded, json, text};
use holdfast_engine::inspect::header;
use holdfast_model::call_result::{CallResult, Ended};
use holdfast_model::data_platform::row::State;
use holdfast_model::data_platform::{CONFIRMED, DEAD_LETTERS, DELIVERIES, NAME, RESULTS};
use holdfast_sim::memory_log::Stored;
use holdfast_sim::simulation::{Audit, Cursor, History, LiveStores};
use holdfast_topologies::data_platform::invariants;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// The referee of all places.
#[derive(Default)]
pub(crate) struct Referee {
    facts: BTreeMap<u32, Cursor>,
    letters: BTreeMap<u32, Cursor>,
    /// Values of confirmations, by reservation.
    values: BTreeMap<String, Vec<u8>>,
    results: BTreeMap<u32, Cursor>,
    /// The calls of each reservation that have a result in the log: by the name of their effect, as the first result says it.
    calls: BTreeMap<String, BTreeMap<String, CallResult>>,
    /// Letters of failed and of refused deliveries, by reservation.
    failed: BTreeMap<String, usize>,
    refused: BTreeMap<String, usize>,
}

impl Referee {
    fn read(&mut self, history: &History<'_>) -> Result<(), String> {
        for place in 0..history.places() {
            for (_, record) in self.facts.entry(place).or_default().read(history, CONFIRMED, place) {
                let id = json(&record).and_then(|value| text(&value["reservationId"]));
                if let Some(id) = id.filter(|_| !is_forwarded(&record)) {
                    self.values.entry(id).or_insert_with(|| record.value.unwrap_or_default());
                }
            }
            for (offset, record) in self.results.entry(place).or_default().read(history, RESULTS, place) {
                self.result(&record).map_err(|why| format!("{RESULTS}-{place} offset {offset}: {why}"))?;
            }
            for (offset, letter) in self.letters.entry(place).or_default().read(history, DEAD_LETTERS, place) {
                let at = format!("{DEAD_LETTERS}-{place} offset {offset}");
                let class = head(&letter, header::CLASS).unwrap_or_default();
                let letters = match &*class {
                    "DeliveryFailed" => &mut self.failed,
                    "DeliveryRefused" => &mut self.refused,
                    "BrokenDelivery" => return Err(format!("{at}: the ledger is broken: {letter:?}")),
                    _ => continue,
                };
                let id = json(&letter).and_then(|value| text(&value["reservationId"]));
                let id = id.ok_or_else(|| format!("{at} is no confirmation (I-21)"))?;
                if letter.value.as_ref() != self.values.get(&id)
                    || head(&letter, header::TOPIC).as_deref() != Some(CONFIRMED)
                {
                    return Err(format!("{at} is not the confirmation of {id} (I-21)"));
                }
                *letters.entry(id).or_default() += 1;
            }
        }
        Ok(())
    }

    /// A result: once one says that the platform has it, no other call is asked for.
    fn result(&mut self, record: &Stored) -> Result<(), String> {
        let Some(name) = head(record, header::EFFECT_ID) else { return Ok(()) };
        // Strangers know no proof that is not all zeros.
        if head(record, header::EFFECT_PROOF).is_none_or(|proof| proof.bytes().all(|byte| byte == b'0')) {
            return Ok(());
        }
        let id = String::from_utf8_lossy(record.key.as_deref().unwrap_or_default()).into_owned();
        let result: CallResult = serde_json::from_slice(record.value.as_deref().unwrap_or_default())
            .map_err(|error| format!("it is no result: {error}"))?;
        let calls = self.calls.entry(id.clone()).or_default();
        if !calls.contains_key(&name)
            && let Some((done, _)) = calls.iter().find(|(_, earlier)| earlier.ended == Ended::Done)
        {
            return Err(format!("{id} was delivered by {done}, and is sent again by {name} (I-20)"));
        }
        calls.entry(name).or_insert(result);
        Ok(())
    }

    /// What the platform has got is what was confirmed, and no letter is of what was only away.
    fn compare(&self) -> Result<(), String> {
        platform::with(|received| {
            match received.seen.iter().find(|(id, value)| self.values.get(*id) != Some(value)) {
                Some((id, _)) => Err(format!("{id} was sent and not confirmed like this (I-20)")),
                None => Ok(()),
            }
        })?;
        let nothing = BTreeMap::new();
        for (letters, is_cause, most) in [
            (&self.failed, is_failure as fn(&CallResult) -> bool, 4),
            (&self.refused, |result| result.ended == Ended::Refused, 1),
        ] {
            for (id, letters) in letters {
                let calls = self.calls.get(id).unwrap_or(&nothing);
                if calls.values().filter(|result| is_cause(result)).count() < most * letters {
                    return Err(format!("{id} was given up although it was only away: {calls:?}"));
                }
            }
        }
        Ok(())
    }
}

fn is_failure(result: &CallResult) -> bool {
    result.ended == Ended::Failed && !result.channel_away
}

impl Audit for Referee {
    fn committed(&mut self, history: &History<'_>) -> Result<(), String> {
        self.read(history)?;
        self.compare()
    }

    fn settled(&mut self, history: &History<'_>, stores: &LiveStores) -> Result<(), String> {
        self.read(history)?;
        self.compare()?;
        // The operator has put back every letter, and the platform takes everything by now.
        platform::with(|received| match self.values.keys().find(|id| !received.taken.contains_key(*id)) {
            Some(id) => Err(format!("{id} was confirmed and has never arrived (I-20)")),
            None => Ok(()),
        })?;
        for task in stores.tasks(NAME) {
            invariants::check(&task)?;
            let mut wrong = None;
            let scanned = task.scan(DELIVERIES.stored(), &[], &mut |id: String, row| {
                let row: holdfast_model::data_platform::row::DeliveryRow = row;
                let is_right = match row.state {
                    // It may wait after a call that was taken and not answered.
                    State::Delivered | State::Waiting => self.values.contains_key(&id),
                    State::Unconfirmed => !self.values.contains_key(&id),
                    _ => false,
                };
                if is_right {
                    return ControlFlow::Continue(());
                }
                wrong = Some(format!("the ledger says {:?} of {id} (I-20)", row.state));
                ControlFlow::Break(())
            });
            scanned.map_err(|error| error.to_string())?;
            wrong.map_or(Ok(()), Err)?;
        }
        Ok(())
    }
}
