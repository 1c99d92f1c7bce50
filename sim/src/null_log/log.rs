//! The log: what is to be read, and how much was written.

use crate::clock::SimClock;
use holdfast_engine::runtime::Effect;
use holdfast_ports::clock::Clock;
use holdfast_ports::log::{
    Appender, End, Fetcher, Health, Log, LogError, Slot, Start, TopicReport, TopicSpec, WriteError, Writer,
};
use holdfast_ports::membership::{Change, Claimed, Generation, Member, Membership, Owner};
use holdfast_ports::record::{NewRecord, Record, TopicPartition};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

/// What has been written, changelogs included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Records.
    pub records: u64,
    /// Bytes of their keys, values and headers.
    pub bytes: u64,
}

/// Records to be read, and how far each written partition has come.
#[derive(Debug, Default)]
struct Sheets {
    to_read: FxHashMap<TopicPartition, Sheet>,
    written: FxHashMap<Arc<str>, Vec<i64>>,
    total: Written,
}

/// A record that is to be read.
#[derive(Debug)]
struct Appended {
    key: Vec<u8>,
    value: Vec<u8>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

/// A partition that is read. What has been read is forgotten.
#[derive(Debug, Default)]
struct Sheet {
    first: i64,
    records: Vec<Appended>,
}

/// The log. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct NullLog {
    sheets: Arc<Mutex<Sheets>>,
    clock: SimClock,
}

impl NullLog {
    /// An empty log, whose append times are the clock's.
    #[must_use]
    pub fn new(clock: SimClock) -> Self {
        Self { sheets: Arc::default(), clock }
    }

    /// Appends a record to be read, and returns its offset.
    pub fn append(&self, topic: &str, partition: u32, key: &str, value: Vec<u8>) -> i64 {
        let record = Appended { key: key.as_bytes().to_vec(), value, headers: Vec::new() };
        self.put(topic, partition, record)
    }

    /// Appends the result of `effect` to be read, as an executor does, and returns its offset.
    pub fn append_result(&self, topic: &str, effect: &Effect, value: Vec<u8>) -> i64 {
        let headers = effect.result_headers().map(|(name, value)| (name.to_owned(), Some(value))).to_vec();
        self.put(topic, effect.task.place, Appended { key: effect.key.clone(), value, headers })
    }

    fn put(&self, topic: &str, partition: u32, record: Appended) -> i64 {
        let mut sheets = self.sheets.lock();
        let sheet = sheets.to_read.entry(TopicPartition::new(topic, partition)).or_default();
        sheet.records.push(record);
        sheet.first + offset(sheet.records.len()) - 1
    }

    /// What has been written since the last call.
    #[must_use]
    pub fn take_written(&self) -> Written {
        std::mem::take(&mut self.sheets.lock().total)
    }
}

fn offset(records: usize) -> i64 {
    i64::try_from(records).unwrap_or(i64::MAX)
}

impl Log for NullLog {
    fn kind(&self) -> &'static str {
        "null-log"
    }

    fn create_topics(&self, _: &[TopicSpec]) -> Result<Vec<TopicReport>, LogError> {
        Ok(Vec::new())
    }

    fn check_topics(&self, _: &[TopicSpec]) -> Result<Vec<TopicReport>, LogError> {
        Ok(Vec::new())
    }

    fn partitions(&self, _: &str) -> Result<Option<u32>, LogError> {
        Ok(None)
    }

    fn appender(&self) -> Result<Arc<dyn Appender>, LogError> {
        Err(LogError::Fatal("only its owner appends to the null log".to_owned()))
    }

    fn fetcher(&self) -> Result<Box<dyn Fetcher>, LogError> {
        Ok(Box::new(Reader { log: self.clone(), sources: Vec::new() }))
    }

    fn writer(&self, _: &str) -> Result<Box<dyn Writer>, LogError> {
        Ok(Box::new(Pen { log: self.clone() }))
    }

    fn membership(&self, member: &Member) -> Result<Box<dyn Membership>, LogError> {
        Ok(Box::new(Alone { places: member.places, told: false, generation: Generation(Arc::new(())) }))
    }

    fn mirror(&self, _: &str, _: &[(TopicPartition, i64)]) -> Result<(), LogError> {
        Ok(())
    }

    fn mirrored(&self, _: &str, sources: &[TopicPartition]) -> Result<Vec<Option<i64>>, LogError> {
        Ok(vec![None; sources.len()])
    }

    fn health(&self) -> Health {
        Health::Up
    }
}

/// Slots are numbered as they come, and nobody gives one up but restores, which have nothing to read.
struct Reader {
    log: NullLog,
    sources: Vec<TopicPartition>,
}

impl Fetcher for Reader {
    fn assign(&mut self, source: &TopicPartition, _: Start) -> Result<Slot, LogError> {
        let slot = u32::try_from(self.sources.len()).map_err(|e| LogError::Fatal(e.to_string()))?;
        self.sources.push(source.clone());
        Ok(Slot(slot))
    }

    fn assign_ahead(&mut self, source: &TopicPartition, start: Start) -> Result<Slot, LogError> {
        self.assign(source, start)
    }

    fn unassign(&mut self, _: Slot) {}

    fn fetch(
        &mut self,
        records_max: usize,
        each: &mut dyn FnMut(Slot, &Record<'_>) -> ControlFlow<()>,
    ) -> Result<usize, LogError> {
        let append_ms = self.log.clock.now_ms();
        let mut fetched = 0;
        for (slot, source) in self.sources.iter().enumerate() {
            let (first, records) = {
                let mut sheets = self.log.sheets.lock();
                let Some(sheet) = sheets.to_read.get_mut(source) else { continue };
                let take = sheet.records.len().min(records_max - fetched);
                let first = sheet.first;
                sheet.first += offset(take);
                (first, sheet.records.drain(..take).collect::<Vec<_>>())
            };
            let slot = Slot(u32::try_from(slot).unwrap_or(u32::MAX));
            for (offset, Appended { key, value, headers }) in (first..).zip(&records) {
                let record = Record { offset, append_ms, key: Some(key), value: Some(value), headers };
                fetched += 1;
                assert!(each(slot, &record).is_continue(), "nothing sets a worker on the null log back");
            }
        }
        Ok(fetched)
    }

    fn wait(&mut self, _: Duration) -> Result<(), LogError> {
        Ok(())
    }

    fn position(&self, slot: Slot) -> i64 {
        let source = self.sources.get(slot.0 as usize);
        source.and_then(|source| self.log.sheets.lock().to_read.get(source).map(|sheet| sheet.first)).unwrap_or(0)
    }

    fn end(&mut self, _: &TopicPartition, _: End) -> Result<i64, LogError> {
        Ok(0)
    }
}

struct Pen {
    log: NullLog,
}

impl Writer for Pen {
    fn begin(&mut self) -> Result<(), WriteError> {
        Ok(())
    }

    fn send(&mut self, record: &NewRecord<'_>) -> Result<(), WriteError> {
        let mut sheets = self.log.sheets.lock();
        let headers = record.headers.iter().map(|(name, content)| name.len() + content.len()).sum::<usize>();
        let bytes = record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len) + headers;
        sheets.total.records += 1;
        sheets.total.bytes += bytes as u64;
        let at = record.partition as usize;
        match sheets.written.get_mut(record.topic) {
            Some(ends) if at < ends.len() => ends[at] += 1,
            Some(ends) => {
                ends.resize(at, 0);
                ends.push(1);
            }
            None => {
                let mut ends = vec![0; at];
                ends.push(1);
                sheets.written.insert(record.topic.into(), ends);
            }
        }
        Ok(())
    }

    fn commit(
        &mut self,
        _: &[(TopicPartition, i64)],
        _: &Generation,
    ) -> Result<Vec<(TopicPartition, i64)>, WriteError> {
        let sheets = self.log.sheets.lock();
        let of = |(topic, ends): (&Arc<str>, &Vec<i64>)| {
            let topic = topic.clone();
            (0..).zip(ends.clone()).map(move |(partition, end)| (TopicPartition::new(topic.clone(), partition), end))
        };
        Ok(sheets.written.iter().flat_map(of).collect())
    }

    fn abort(&mut self) -> Result<(), WriteError> {
        Err(WriteError::Fatal("nothing sets a worker on the null log back".to_owned()))
    }
}

/// The only member.
struct Alone {
    places: u32,
    told: bool,
    generation: Generation,
}

impl Membership for Alone {
    fn poll(&mut self) -> Result<Vec<Change>, LogError> {
        let told = std::mem::replace(&mut self.told, true);
        Ok(if told { Vec::new() } else { vec![Change::Assigned((0..self.places).collect())] })
    }

    fn generation(&self) -> Generation {
        self.generation.clone()
    }

    fn has_joined(&self) -> bool {
        self.told
    }

    fn confirm(&mut self) -> Result<(), LogError> {
        Ok(())
    }

    fn claim(&mut self, _: u32, _: &Owner) -> Result<Claimed, LogError> {
        Ok(Claimed::Ours)
    }

    fn ask(&mut self, _: u32, _: &Owner) -> Result<(), LogError> {
        Ok(())
    }

    fn renounce(&mut self) -> Result<Vec<u32>, LogError> {
        Ok(Vec::new())
    }

    fn release(&mut self, _: &[u32]) -> Result<(), LogError> {
        Ok(())
    }

    fn owners(&self) -> Vec<Option<Owner>> {
        vec![None; self.places as usize]
    }

    fn leave(&mut self) -> Result<(), LogError> {
        Ok(())
    }
}
