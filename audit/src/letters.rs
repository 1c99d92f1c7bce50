//! Dead letters: what was given up, by where it stood.

use crate::cut::Cut;
use crate::findings::Findings;
use crate::invariant::Invariant;
use crate::known::{Print, print};
use crate::reader::{Entry, Reader};
use crate::redrives::{Redrives, hash};
use holdfast_engine::inspect::OUTPUT_REFUSED;
use holdfast_engine::inspect::ports::record::TopicPartition;
use holdfast_engine::prelude::Topology;
use holdfast_tools::Failure;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeMap;

/// First try and three more.
const ATTEMPTS_MAX: u32 = 4;

/// A record that was given up.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    class: String,
    /// It was tried as often as anything is, or the log refused what was decided: a request that could not be decided,
    /// rather than no request.
    pub(crate) is_given_up: bool,
    /// Hash of its value; none when it could not be kept.
    value: Option<u64>,
    at: String,
    is_firm: bool,
    is_met: bool,
}

/// The letters of one inbox partition, by offset.
pub(crate) type Buried = FxHashMap<i64, Letter>;

/// All of them, by inbox partition.
#[derive(Debug, Default)]
pub(crate) struct Letters {
    of: BTreeMap<TopicPartition, Buried>,
    /// Where each of them stood: topic, partition and offset.
    stood: FxHashSet<Print>,
    /// Which of them were put back.
    pub(crate) redrives: Redrives,
}

impl Letters {
    /// Reads the dead letters of `topologies`.
    pub(crate) fn read(
        reader: &mut Reader<'_>,
        cut: &mut Cut,
        topologies: &[Topology],
        findings: &mut Findings,
    ) -> Result<Self, Failure> {
        let mut letters = Self::default();
        for topology in topologies {
            for place in 0..cut.places {
                let source = TopicPartition::new(topology.dead_letters().clone(), place);
                reader.read(&source, cut, findings, &mut |entry, _, findings| {
                    letters.take(entry, topology, findings);
                    Ok(())
                })?;
            }
        }
        Ok(letters)
    }

    fn take(&mut self, entry: &Entry<'_>, topology: &Topology, findings: &mut Findings) {
        let texts = entry.heads.letter.map(|text| text.map(String::from_utf8_lossy).unwrap_or_default());
        let [topic, partition, offset, class, message, time, attempts] = &texts;
        // No record of an inbox: the log refused it when it was due.
        if entry.heads.delayed_by.is_some() {
            findings.count(Invariant::Letters, "delayed messages among the dead letters", 1);
            if let Ok(partition) = partition.parse() {
                self.redrives.letter(entry, TopicPartition::new(&**topic, partition), None);
            }
            return;
        }
        let place = partition.parse::<u32>().ok().zip(offset.parse::<i64>().ok());
        let Some((partition, offset)) = place.filter(|_| topology.sources().iter().any(|inbox| **inbox == **topic))
        else {
            findings.breach(Invariant::Letters, entry, format!("it does not say where it comes from: {texts:?}"));
            return;
        };
        let is_well = !class.is_empty()
            && !message.is_empty()
            && time.parse::<i64>().is_ok_and(|ms| ms > 0)
            && attempts.parse::<u32>().is_ok_and(|n| (1..=ATTEMPTS_MAX).contains(&n));
        if !is_well {
            findings.breach(
                Invariant::Letters,
                entry,
                format!("it does not say why, when or after how many attempts: {texts:?}"),
            );
        }
        let letter = Letter {
            class: class.to_string(),
            is_given_up: attempts.parse() == Ok(ATTEMPTS_MAX) || class == OUTPUT_REFUSED,
            value: entry.value.map(hash),
            at: entry.to_string(),
            is_firm: entry.is_firm,
            is_met: false,
        };
        let inbox = TopicPartition::new(&**topic, partition);
        self.stood.insert(print((&**topic, partition, offset)));
        self.redrives.letter(entry, inbox.clone(), Some(offset));
        let earlier = self.of.entry(inbox.clone()).or_default().insert(offset, letter);
        // A record that asked for several effects may be given up for each of them.
        if let Some(first) = earlier.filter(|_| !topology.has_effects()) {
            findings.breach(
                Invariant::Letters,
                entry,
                format!("{inbox} offset {offset} is buried once, at {}: this is another", first.at),
            );
        }
        findings.count(Invariant::Letters, "dead letters", 1);
    }

    /// After all inboxes that a feature walks: letters that came from other topics must have been passed there, too.
    pub(crate) fn settle(&self, cut: &Cut, findings: &mut Findings) {
        for (source, buried) in &self.of {
            if cut.is_inbox(source) {
                let end = cut.span(source).end;
                for (offset, letter) in buried.iter().filter(|(offset, _)| **offset >= end) {
                    findings.breach(Invariant::Letters, &letter.at, format!("there is no {source} offset {offset}"));
                }
                passed(buried, source, cut.decided(source), findings);
            }
        }
        self.redrives.settle(findings);
    }

    /// Whether the record at `offset` of `source` is among them.
    pub(crate) fn has(&self, source: &TopicPartition, offset: i64) -> bool {
        self.stood.contains(&print((&*source.topic, source.partition, offset)))
    }

    /// Takes those of an inbox partition out.
    pub(crate) fn take_of(&mut self, inbox: &TopicPartition) -> Buried {
        self.of.remove(inbox).unwrap_or_default()
    }
}

/// The letter of `entry`, if it is buried; its value is compared.
pub(crate) fn meet<'l>(buried: &'l mut Buried, entry: &Entry<'_>, findings: &mut Findings) -> Option<&'l Letter> {
    let letter = buried.get_mut(&entry.offset)?;
    letter.is_met = true;
    if letter.class == "RequestIdReused" {
        findings.count(Invariant::Retries, "other requests under a known id, buried", 1);
    }
    if letter.value.is_some_and(|kept| Some(kept) != entry.value.map(hash)) {
        findings.breach(Invariant::Letters, entry, format!("{} keeps another value", letter.at));
    }
    Some(letter)
}

/// What is left of the letters after all records of the partition were met.
pub(crate) fn leftover(buried: &Buried, inbox: &TopicPartition, begins: i64, decided: i64, findings: &mut Findings) {
    for (offset, letter) in buried {
        if !letter.is_met && *offset >= begins {
            findings.breach(Invariant::Letters, &letter.at, format!("there is no {inbox} offset {offset}"));
        }
    }
    passed(buried, inbox, decided, findings);
}

/// Letters of records that the topology has not come to.
fn passed(buried: &Buried, inbox: &TopicPartition, decided: i64, findings: &mut Findings) {
    for (offset, letter) in buried {
        if letter.is_firm && *offset >= decided {
            findings.breach(Invariant::Letters, &letter.at, format!("{inbox} offset {offset} has not been passed"));
        }
    }
}
