//! What a topology's tasks have written, read once for all places: of each record its offset and fingerprint, 16 bytes, in a file for each place and
//! partition. So memory is bounded however long the topics are, and a shared sink is read once.

use super::author::{Author, fingerprint};
use crate::worker::RunError;
use holdfast_engine::inspect::{OUTPUT_REFUSED, header};
use holdfast_engine::prelude::Topology;
use holdfast_ports::log::{End, Fetcher, Log, Start};
use holdfast_ports::record::{Record, TopicPartition};
use holdfast_tools::reading;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};

/// A record that a task has written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) offset: i64,
    pub(super) fingerprint: u64,
}

/// One partition that the topology may have written to.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) source: TopicPartition,
    /// First offset that is still there.
    pub(super) begins: i64,
    /// Everything before this belongs to decisions that are compared; after it, perhaps to later ones.
    pub(super) settled: i64,
    /// Whether the topic exists: in one that does not nothing is found.
    pub(super) is_there: bool,
}

/// A refusal of the log, as the dead letter tells it.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub(super) times: u32,
    pub(super) why: String,
}

/// Everything found.
#[derive(Debug, Default)]
pub(super) struct Writings {
    pub(super) targets: Vec<Target>,
    files: BTreeMap<(u32, usize), BufWriter<File>>,
    /// By place, then inbox offset.
    refusals: BTreeMap<u32, BTreeMap<i64, Refusal>>,
}

/// The found records of one place in one partition, in order.
pub(super) struct Trail {
    records: BufReader<File>,
}

impl Trail {
    /// The next one.
    pub(super) fn next(&mut self) -> Result<Option<Found>, RunError> {
        let mut bytes = [0; 16];
        match self.records.read_exact(&mut bytes) {
            Ok(()) => {
                let (offset, fingerprint) = bytes.split_at(8);
                let number = |half: &[u8]| u64::from_be_bytes(half.try_into().unwrap_or_default());
                Ok(Some(Found { offset: number(offset).cast_signed(), fingerprint: number(fingerprint) }))
            }
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(disk(&error)),
        }
    }

    /// Whether `fingerprint` is still to come. It stays where it is.
    pub(super) fn holds(&mut self, fingerprint: u64) -> Result<bool, RunError> {
        let here = self.records.stream_position().map_err(|e| disk(&e))?;
        let mut holds = false;
        while let Some(found) = self.next()?
            && !holds
        {
            holds = found.fingerprint == fingerprint;
        }
        self.records.seek(SeekFrom::Start(here)).map_err(|e| disk(&e))?;
        Ok(holds)
    }
}

pub(super) fn disk(error: &std::io::Error) -> RunError {
    RunError::Failed(format!("temporary directory: {error}"))
}

impl Writings {
    /// Notes the ends of everything that `topology` may write to. Called before the positions are read, so that what lies before them is decided.
    pub(super) fn of(
        log: &dyn Log,
        topology: &Topology,
        places: u32,
        fetcher: &mut dyn Fetcher,
    ) -> Result<Self, RunError> {
        let topics: BTreeSet<_> =
            topology.sinks().iter().chain([topology.dead_letters(), topology.inbox()]).cloned().collect();
        let mut targets = Vec::new();
        for topic in topics {
            // A topic that a later version of the topology writes to is created when that version starts: until then nothing lies there.
            let is_there = log.partitions(&topic).map_err(|e| reading::failed(&topic, &e))?.is_some();
            for partition in 0..places {
                let source = TopicPartition::new(topic.clone(), partition);
                let settled = if is_there { reading::end(fetcher, &source, End::Stable)? } else { 0 };
                targets.push(Target { source, begins: 0, settled, is_there });
            }
        }
        Ok(Self { targets, ..Self::default() })
    }

    /// Reads all of it. Called after the positions are read, so that everything they stand for is written.
    pub(super) fn read(
        &mut self,
        author: &Author,
        topology: &Topology,
        fetcher: &mut dyn Fetcher,
    ) -> Result<(), RunError> {
        for index in 0..self.targets.len() {
            if !self.targets[index].is_there {
                continue;
            }
            let source = self.targets[index].source.clone();
            let end = reading::end(fetcher, &source, End::Written)?;
            let is_dead_letters = source.topic == *topology.dead_letters();
            self.targets[index].begins = reading::read(fetcher, &source, Start::Earliest, end, &mut |record| {
                let Some(place) = author.place(&source.topic, record) else { return Ok(()) };
                if is_dead_letters {
                    self.note_refusal(place, record);
                }
                self.keep(place, index, Found { offset: record.offset, fingerprint: fingerprint(record) })
            })?;
        }
        Ok(())
    }

    /// Adds one record to the trail of `place` in `target`.
    pub(super) fn keep(&mut self, place: u32, target: usize, found: Found) -> Result<(), RunError> {
        let file = match self.files.entry((place, target)) {
            std::collections::btree_map::Entry::Occupied(there) => there.into_mut(),
            std::collections::btree_map::Entry::Vacant(new) => {
                new.insert(BufWriter::new(tempfile::tempfile().map_err(|e| disk(&e))?))
            }
        };
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&found.offset.to_be_bytes());
        bytes[8..].copy_from_slice(&found.fingerprint.to_be_bytes());
        file.write_all(&bytes).map_err(|e| disk(&e))
    }

    /// The inbox does not tell that an output was refused, the dead letter does.
    fn note_refusal(&mut self, place: u32, letter: &Record<'_>) {
        let text = |name| letter.header(name).map(String::from_utf8_lossy);
        if text(header::CLASS).as_deref() != Some(OUTPUT_REFUSED) {
            return;
        }
        let Some(offset) = text(header::OFFSET).and_then(|offset| offset.parse().ok()) else { return };
        let message = text(header::MESSAGE).unwrap_or_default();
        let why = message.strip_prefix(OUTPUT_REFUSED).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(&message);
        // Refused again as a dead letter, it is buried without its value; and once more, without an outcome.
        let attempts = text(header::ATTEMPTS).and_then(|attempts| attempts.parse().ok()).unwrap_or(1);
        let times = if letter.value.is_some() { 1 } else { 2.max(attempts) };
        self.refusals.entry(place).or_default().insert(offset, Refusal { times, why: why.to_owned() });
    }

    /// What the log refused of `place`, by inbox offset.
    pub(super) fn refusals(&mut self, place: u32) -> BTreeMap<i64, Refusal> {
        self.refusals.remove(&place).unwrap_or_default()
    }

    /// What `place` has written, by target.
    pub(super) fn trails(&mut self, place: u32) -> Result<BTreeMap<usize, Trail>, RunError> {
        let mut trails = BTreeMap::new();
        for target in 0..self.targets.len() {
            let Some(file) = self.files.remove(&(place, target)) else { continue };
            let mut file = file.into_inner().map_err(|e| disk(e.error()))?;
            file.rewind().map_err(|e| disk(&e))?;
            trails.insert(target, Trail { records: BufReader::new(file) });
        }
        Ok(trails)
    }
}
