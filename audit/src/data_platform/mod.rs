//! Deliveries to the data platform: the ledger against the confirmations in the log, and against what the receiver says that it has got.
//!
//! I-20: each confirmed reservation has one row, which says DELIVERED, DEAD with a letter, or that it is under way; nothing is delivered that was not
//! confirmed. With the receiver's own record (`--sink`): what is DELIVERED has arrived, as it was confirmed, and nothing else has.
//!
//! | module | holds |
//! |---|---|
//! | [`receipts`] | what the receiver has got |

mod receipts;

use crate::Question;
use crate::feature::{Arrival, Audit, Feature, Way};
use crate::findings::Findings;
use crate::invariant::Invariant;
use crate::known::{Print, print, short};
use crate::rebuilt::{Rebuilt, failed};
use crate::record::{self, Field, record};
use holdfast_engine::inspect::ending;
use holdfast_engine::inspect::ports::record::TopicPartition;
use holdfast_engine::prelude::place_of;
use holdfast_model::data_platform::row::{DeliveryRow, State};
use holdfast_model::data_platform::{self, COMPLETED, CONFIRMED, DELIVERIES, RESULTS};
use holdfast_tools::Failure;
use receipts::Receipts;
use rustc_hash::FxHashMap;
use std::path::PathBuf;

/// The feature.
#[derive(Debug, Default)]
pub(crate) struct Deliveries {
    sink: Option<PathBuf>,
}

impl Deliveries {
    pub(crate) fn new(question: &Question) -> Self {
        Self { sink: question.sink.clone() }
    }
}

record! {
    /// A confirmation.
    struct Fact<'a> {
        reservation_id: Field<'a> = "reservationId",
    }
}

/// What the log says of one reservation.
#[derive(Debug)]
struct Confirmed {
    /// The confirmations that were decided here, by offset, with whether each lies among the dead letters.
    at: Vec<(i64, bool)>,
    /// Hash of the first one's value.
    value: u64,
    /// When the last of them was appended, in ms since the epoch.
    last_ms: i64,
}

/// What is wrong with the row of a reservation.
type Wrong = &'static str;

impl Feature for Deliveries {
    fn name(&self) -> &'static str {
        data_platform::NAME
    }

    fn inbox(&self) -> &'static str {
        CONFIRMED
    }

    /// What is still there is judged: a delivery is no matter of any other.
    fn rests_on(&self) -> Option<&'static str> {
        None
    }

    fn decide(&mut self, audit: &mut Audit<'_>) -> Result<(), Failure> {
        let mut receipts = self.sink.as_deref().map(|file| Receipts::read(file, audit.findings)).transpose()?;
        for place in 0..audit.cut.places {
            let Some(state) = audit.state(data_platform::NAME, place) else { continue };
            let confirmed = confirmed(audit, place)?;
            for topic in [COMPLETED, RESULTS] {
                audit.walk(topic, place, &mut |_, _, _, _| Ok(()))?;
            }
            let is_whole = audit.cut.span(&TopicPartition::new(CONFIRMED, place)).begins == 0;
            compare(state, confirmed, is_whole, receipts.as_mut(), audit.findings)?;
        }
        if let Some(receipts) = &receipts {
            receipts.leftover(audit.findings);
        }
        Ok(())
    }
}

/// The confirmations of a place.
fn confirmed(audit: &mut Audit<'_>, place: u32) -> Result<FxHashMap<Print, Confirmed>, Failure> {
    let mut confirmed: FxHashMap<Print, Confirmed> = FxHashMap::default();
    audit.walk(CONFIRMED, place, &mut |Arrival { entry, is_decided, way }, cut, shared, findings| {
        let said = record::read::<Fact<'_>>(entry.value).and_then(|fact| fact.reservation_id.identity());
        let is_buried = matches!(way, Way::Buried { .. });
        match said {
            _ if !is_decided => {}
            None if is_buried => {}
            None => findings.breach(Invariant::NoGap, entry, "it cannot be read, and is not among the dead letters"),
            Some(id) if place_of(id.as_bytes(), cut.places) != place => {
                if !is_buried {
                    shared.copies.must_have(entry);
                }
            }
            Some(id) => {
                let value = short(entry.value);
                let new = Confirmed { at: Vec::new(), value, last_ms: entry.append_ms };
                let known = confirmed.entry(print(&*id)).or_insert(new);
                findings.count(Invariant::NoGap, "records known already", u64::from(!known.at.is_empty()));
                known.at.push((entry.offset, is_buried));
                known.last_ms = known.last_ms.max(entry.append_ms);
            }
        }
        Ok(())
    })?;
    Ok(confirmed)
}

/// The ledger of a place against its confirmations. `is_whole`: the log still has all of them.
fn compare(
    state: &Rebuilt,
    mut confirmed: FxHashMap<Print, Confirmed>,
    is_whole: bool,
    mut receipts: Option<&mut Receipts>,
    findings: &mut Findings,
) -> Result<(), Failure> {
    state.each(DELIVERIES.stored(), &mut |id: String, row: DeliveryRow| {
        let fact = confirmed.remove(&print(&*id));
        let at = || format!("{} of {id}", DELIVERIES.spec().name);
        if let Err(wrong) = judge(&row, fact.as_ref(), is_whole) {
            findings.breach(Invariant::Deliveries, at(), wrong);
        }
        findings.count(Invariant::Deliveries, counted(row.state), 1);
        if let Some(receipts) = receipts.as_deref_mut()
            && let Some(wrong) = receipts.take(&id, row.state, fact.map(|fact| fact.value))
        {
            findings.breach(Invariant::Deliveries, at(), wrong);
        }
    })?;
    let periods = ending::periods(state.store()).map_err(failed)?;
    let keeps = periods.iter().filter(|period| period.store == DELIVERIES.id()).map(|period| period.keep_ms);
    let until_ms = keeps.min().map_or(i64::MIN, |keep_ms| state.position().now_ms.saturating_sub(keep_ms));
    for fact in confirmed.into_values() {
        // What was given up before anything was decided of it has a letter, and no row.
        match fact.at.iter().find(|(_, is_buried)| !is_buried) {
            None => findings.count(Invariant::Deliveries, "confirmations buried unread", 1),
            Some(_) if fact.last_ms <= until_ms => {
                findings.count(Invariant::Deliveries, "confirmations whose row has ended", 1);
            }
            Some((offset, _)) => {
                let at = format!("{CONFIRMED}-{} offset {offset}", state.source().partition);
                findings.breach(Invariant::Deliveries, at, "it is decided, and the ledger has no row for it");
            }
        }
    }
    Ok(())
}

fn counted(state: State) -> &'static str {
    match state {
        State::Unconfirmed => "payments whose reservation is not confirmed",
        State::Sending { .. } | State::Waiting => "deliveries under way",
        State::Delivered => "deliveries done",
        State::Dead => "deliveries given up",
    }
}

/// One row by the rules.
fn judge(row: &DeliveryRow, fact: Option<&Confirmed>, is_whole: bool) -> Result<(), Wrong> {
    let Some(fact) = fact else {
        return if row.state == State::Unconfirmed || !is_whole {
            Ok(())
        } else {
            Err("it is delivered, and no confirmation says so")
        };
    };
    let Some(delivered) = row.fact_offset else { return Err("its confirmation is decided, and nothing is delivered") };
    let Some((_, is_buried)) = fact.at.iter().find(|(offset, _)| *offset == delivered) else {
        return if is_whole { Err("it is said to deliver a record that is no confirmation of it") } else { Ok(()) };
    };
    match (row.state, is_buried) {
        (State::Dead, false) => Err("it was given up, and is not among the dead letters"),
        (State::Sending { .. } | State::Waiting | State::Delivered, true) => {
            Err("it is among the dead letters, and was not given up")
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(state: State, fact_offset: Option<i64>) -> DeliveryRow {
        DeliveryRow { state, changed_ms: 0, attempts: 1, calls: 1, fact_offset, payment: None, original: None }
    }

    #[test]
    fn a_row_is_judged_by_the_confirmation_that_it_delivers() {
        let fact = |at: &[(i64, bool)]| Confirmed { at: at.to_vec(), value: 0, last_ms: 0 };
        let sent = fact(&[(3, false), (7, false)]);
        // Given up at 3, put back at 7.
        let put_back = fact(&[(3, true), (7, false)]);
        for (n, (state, offset, fact, is_right)) in [
            (State::Delivered, Some(3), Some(&sent), true),
            (State::Waiting, Some(3), Some(&sent), true),
            (State::Delivered, Some(7), Some(&put_back), true),
            (State::Dead, Some(3), Some(&put_back), true),
            (State::Unconfirmed, None, None, true),
            (State::Unconfirmed, None, Some(&sent), false),
            (State::Delivered, Some(3), None, false),
            (State::Delivered, Some(5), Some(&sent), false),
            (State::Dead, Some(3), Some(&sent), false),
            (State::Delivered, Some(3), Some(&put_back), false),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(judge(&row(state, offset), fact, true).is_ok(), is_right, "case {n}");
        }
        assert!(judge(&row(State::Delivered, Some(3)), None, false).is_ok(), "its confirmation may be forgotten");
    }
}
