//! A task's state as its changelog says it, in a store of the audit's own. On the way it is seen whether one writer wrote it.

use crate::cut::Changelog;
use crate::findings::Findings;
use crate::invariant::Invariant;
use holdfast_engine::inspect::codec::CodecError;
use holdfast_engine::inspect::ending::{self, Ended};
use holdfast_engine::inspect::ports::log::{Fetcher, Log, Start};
use holdfast_engine::inspect::ports::record::TopicPartition;
use holdfast_engine::inspect::ports::store::{Store, StoreError, StoreId, Stores, TaskId};
use holdfast_engine::inspect::position::{self, Position};
use holdfast_engine::inspect::{Rebuild, changelog, codec};
use holdfast_engine::prelude::{Key, Table, Topology};
use holdfast_state::RocksStores;
use holdfast_tools::Failure;
use holdfast_tools::reading;
use serde::de::DeserializeOwned;
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// The state of one task at the cut.
pub(crate) struct Rebuilt {
    store: Box<dyn Store>,
    position: Position,
    source: TopicPartition,
    ended: Ended,
}

impl std::fmt::Debug for Rebuilt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rebuilt")
            .field("source", &self.source)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

/// A look at each row of a table as its changelog brings it, wherever that is: what is true of each commit is seen there only.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Watch {
    /// The topology's name.
    pub(crate) topology: &'static str,
    pub(crate) store: StoreId,
    /// Takes the row, and where it stands.
    pub(crate) look: fn(&[u8], &str, &mut Findings),
}

/// Takes a key and its row as it lies there.
type Visit<'v, K> = dyn FnMut(K, &[u8]) -> Result<(), CodecError> + 'v;

pub(crate) fn failed(error: StoreError) -> Failure {
    Failure::Failed(error.to_string())
}

/// How many changelogs are read beside each other.
const READERS_MAX: usize = 4;

/// Reads all of `changelogs`, several at a time: they have nothing to do with each other, and rebuilding them is half of what an audit does.
pub(crate) fn all(
    log: &dyn Log,
    stores: &RocksStores,
    changelogs: &[Changelog<'_>],
    watches: &[Watch],
    findings: &mut Findings,
) -> Result<Vec<Rebuilt>, Failure> {
    let next = AtomicUsize::new(0);
    let read = || -> Result<Vec<(usize, Rebuilt, Findings)>, Failure> {
        let mut fetcher = log.fetcher().map_err(|e| reading::failed("log", &e))?;
        let mut done = Vec::new();
        loop {
            let nth = next.fetch_add(1, Ordering::Relaxed);
            let Some(changelog) = changelogs.get(nth) else { return Ok(done) };
            let mut found = Findings::default();
            let rebuilt = Rebuilt::read(&mut *fetcher, stores, changelog, watches, &mut found)?;
            done.push((nth, rebuilt, found));
        }
    };
    let readers = thread::available_parallelism().map_or(1, usize::from).min(READERS_MAX);
    let done = thread::scope(|scope| {
        let beside: Vec<_> = (1..readers).map(|_| scope.spawn(read)).collect();
        let mut done = vec![read()];
        done.extend(beside.into_iter().map(|reader| reader.join().unwrap_or_else(|panic| resume_unwind(panic))));
        done
    });
    let mut all: Vec<_> = done.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
    all.sort_by_key(|(nth, ..)| *nth);
    Ok(all
        .into_iter()
        .map(|(_, rebuilt, found)| {
            findings.add(found);
            rebuilt
        })
        .collect())
}

impl Rebuilt {
    /// Reads a changelog up to its end.
    fn read(
        fetcher: &mut dyn Fetcher,
        stores: &RocksStores,
        changelog: &Changelog<'_>,
        watches: &[Watch],
        findings: &mut Findings,
    ) -> Result<Self, Failure> {
        let Changelog { topology, source, end } = changelog;
        let task = TaskId { topology: topology.name().clone(), place: source.partition };
        let mut store = stores.open(&task, &topology.all_stores()).map_err(failed)?;
        let mut rebuild = Rebuild::default();
        let mut before = Position::default();
        let watches: Vec<_> = watches.iter().filter(|watch| *watch.topology == **topology.name()).collect();
        reading::read(fetcher, source, Start::Earliest, *end, &mut |record| {
            if let Some(write) = changelog::decode(record.key, record.value)
                && let Some(row) = write.value
            {
                let at = || format!("{source} offset {}", record.offset);
                if write.store == position::STORE.id {
                    match codec::decode::<Position>(row) {
                        Ok(next) => {
                            steps(&before, &next, &at(), findings);
                            before = next;
                        }
                        Err(error) => {
                            findings.breach(Invariant::OneWriter, at(), format!("a position that is none: {error}"))
                        }
                    }
                } else if let Some(watch) = watches.iter().find(|watch| watch.store == write.store) {
                    (watch.look)(row, &at(), findings);
                }
            }
            rebuild.take(record, &mut *store).map_err(failed)
        })?;
        let position = rebuild.finish(&mut *store).map_err(failed)?;
        let ended = Ended::of(topology.endings(), &*store).map_err(failed)?;
        let rebuilt = Self { store, position, source: source.clone(), ended };
        rebuilt.ended_in_time(topology, findings)?;
        Ok(rebuilt)
    }

    /// I-18: no row is gone before the time has passed for which it is kept. How long that is, the state says.
    fn ended_in_time(&self, topology: &Topology, findings: &mut Findings) -> Result<(), Failure> {
        let periods = ending::periods(&*self.store).map_err(failed)?;
        for table in topology.endings().iter().map(ending::Ending::store) {
            let until_ms = self.ended.until_ms(table.id).filter(|until_ms| *until_ms != i64::MIN);
            let Some(until_ms) = until_ms else { continue };
            let kept_ms = periods.iter().filter(|period| period.store == table.id).map(|period| period.keep_ms).min();
            let now_ms = self.position.now_ms;
            if kept_ms.is_some_and(|kept_ms| until_ms <= now_ms.saturating_sub(kept_ms)) {
                findings.count(Invariant::Rebuilt, "tables whose rows end in time", 1);
            } else {
                let what = format!("rows decided up to {until_ms} ms are gone at {now_ms} ms, kept for {kept_ms:?} ms");
                findings.breach(Invariant::Rebuilt, format!("{}, store {}", self.source, table.name), what);
            }
        }
        Ok(())
    }

    /// Whether rows of a store end.
    pub(crate) fn ends(&self, store: StoreId) -> bool {
        self.ended.until_ms(store).is_some()
    }

    /// Whether a row of a store that was decided then has ended: it may be there still, and may be gone.
    pub(crate) fn has_ended(&self, store: StoreId, decided_ms: i64) -> bool {
        self.ended.until_ms(store).is_some_and(|until_ms| decided_ms <= until_ms)
    }

    /// Which rows have ended.
    pub(crate) fn ended(&self) -> &Ended {
        &self.ended
    }

    /// How far its inbox is decided.
    pub(crate) fn position(&self) -> &Position {
        &self.position
    }

    /// The store itself.
    pub(crate) fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// The changelog partition it was read from.
    pub(crate) fn source(&self) -> &TopicPartition {
        &self.source
    }

    /// One row.
    pub(crate) fn get<K: Key, V: DeserializeOwned>(&self, table: &Table<K, V>, key: &K) -> Result<Option<V>, Failure> {
        let mut bytes = Vec::new();
        key.encode(&mut bytes);
        let mut row = Ok(None);
        self.store.get(table.id(), &bytes, &mut |found| row = codec::decode(found).map(Some)).map_err(failed)?;
        row.map_err(|e| Failure::Failed(format!("{}: a row of {}: {e}", self.source, table.spec().name)))
    }

    /// Every row of a table, in the order of keys.
    pub(crate) fn each<K: Key, V: DeserializeOwned>(
        &self,
        table: &Table<K, V>,
        visit: &mut dyn FnMut(K, V),
    ) -> Result<(), Failure> {
        self.each_raw(table, &mut |key, row| {
            visit(key, codec::decode(row)?);
            Ok(())
        })
    }

    /// Every row of a table as it lies there, for whom its borrowed parts are enough.
    pub(crate) fn each_raw<K: Key, V>(&self, table: &Table<K, V>, visit: &mut Visit<'_, K>) -> Result<(), Failure> {
        let mut broken = None;
        self.store
            .scan(table.id(), &[], None, &mut |key, row| match K::decode(key).map(|key| visit(key, row)) {
                Some(Ok(())) => ControlFlow::Continue(()),
                _ => {
                    broken = Some(format!("{}: a row of {} cannot be read", self.source, table.spec().name));
                    ControlFlow::Break(())
                }
            })
            .map_err(failed)?;
        broken.map_or(Ok(()), |why| Err(Failure::Failed(why)))
    }
}

/// I-26 and I-31: a second writer that did not know of the first would go on from where it once stood.
fn steps(before: &Position, next: &Position, at: &str, findings: &mut Findings) {
    for (topic, offset) in &before.next_offsets {
        let now = next.next_offset(topic).unwrap_or(0);
        if now < *offset {
            findings.breach(
                Invariant::OneWriter,
                at,
                format!("{topic} was decided up to {offset}, and then up to {now}"),
            );
        }
    }
    if next.sequence < before.sequence {
        let (was, is) = (before.sequence, next.sequence);
        findings.breach(Invariant::OneWriter, at, format!("{was} messages had been made, and then {is}"));
    }
    if next.now_ms < before.now_ms {
        let (was, is) = (before.now_ms, next.now_ms);
        findings.breach(Invariant::Times, at, format!("logical time was {was} ms, and then {is} ms"));
    }
    findings.count(Invariant::OneWriter, "positions in a row", 1);
    findings.count(Invariant::Times, "logical times in a row", 1);
}
