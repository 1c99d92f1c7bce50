//! A task's state as its changelog says it, in a store of the audit's own. On the way it is seen whether one writer wrote it.

use super::cut::Changelog;
use super::findings::Findings;
use super::invariant::Invariant;
use holdfast_engine::inspect::codec::{self, CodecError};
use holdfast_engine::inspect::ports::log::{Fetcher, Log, Start};
use holdfast_engine::inspect::ports::record::TopicPartition;
use holdfast_engine::inspect::ports::store::{Store, StoreError, Stores, TaskId};
use holdfast_engine::inspect::position::{self, Position};
use holdfast_engine::inspect::{Rebuild, changelog};
use holdfast_engine::prelude::{Key, Table};
use holdfast_model::payment;
use holdfast_state::RocksStores;
use holdfast_tools::Failure;
use holdfast_tools::reading;
use serde::de::DeserializeOwned;
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// The state of one task at the cut.
pub(super) struct Rebuilt {
    store: Box<dyn Store>,
    position: Position,
    source: TopicPartition,
}

impl std::fmt::Debug for Rebuilt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rebuilt")
            .field("source", &self.source)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

/// Takes a key and its row as it lies there.
type Visit<'v, K> = dyn FnMut(K, &[u8]) -> Result<(), CodecError> + 'v;

pub(super) fn failed(error: StoreError) -> Failure {
    Failure::Failed(error.to_string())
}

/// How many changelogs are read beside each other.
const READERS_MAX: usize = 4;

/// Reads all of `changelogs`, several at a time: they have nothing to do with each other, and rebuilding them is half of what an audit does.
pub(super) fn all(
    log: &dyn Log,
    stores: &RocksStores,
    changelogs: &[Changelog<'_>],
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
            let rebuilt = Rebuilt::read(&mut *fetcher, stores, changelog, &mut found)?;
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
        findings: &mut Findings,
    ) -> Result<Self, Failure> {
        let Changelog { topology, source, end } = changelog;
        let task = TaskId { topology: topology.name().clone(), place: source.partition };
        let mut store = stores.open(&task, &topology.all_stores()).map_err(failed)?;
        let mut rebuild = Rebuild::default();
        let mut before = Position::default();
        let is_payment = **topology.name() == *payment::NAME;
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
                } else if is_payment && write.store == payment::LEDGER.id() {
                    balanced(row, &at(), findings);
                }
            }
            rebuild.take(record, &mut *store).map_err(failed)
        })?;
        let position = rebuild.finish(&mut *store).map_err(failed)?;
        Ok(Self { store, position, source: source.clone() })
    }

    /// How far its inbox is decided.
    pub(super) fn position(&self) -> &Position {
        &self.position
    }

    /// The store itself.
    pub(super) fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// The changelog partition it was read from.
    pub(super) fn source(&self) -> &TopicPartition {
        &self.source
    }

    /// One row.
    pub(super) fn get<K: Key, V: DeserializeOwned>(&self, table: &Table<K, V>, key: &K) -> Result<Option<V>, Failure> {
        let mut bytes = Vec::new();
        key.encode(&mut bytes);
        let mut row = Ok(None);
        self.store.get(table.id(), &bytes, &mut |found| row = codec::decode(found).map(Some)).map_err(failed)?;
        row.map_err(|e| Failure::Failed(format!("{}: a row of {}: {e}", self.source, table.spec().name)))
    }

    /// Every row of a table, in the order of keys.
    pub(super) fn each<K: Key, V: DeserializeOwned>(
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
    pub(super) fn each_raw<K: Key, V>(&self, table: &Table<K, V>, visit: &mut Visit<'_, K>) -> Result<(), Failure> {
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

/// I-4, of each commit that is still in the changelog.
fn balanced(row: &[u8], at: &str, findings: &mut Findings) {
    match codec::decode::<payment::ledger::LedgerRow>(row) {
        Ok(ledger) => {
            let accounts = [ledger.cash_in, ledger.wallets, ledger.revenue, ledger.refund_payable];
            let sum: i128 = accounts.into_iter().map(i128::from).sum();
            if sum == 0 {
                findings.count(Invariant::Conservation, "commits that add up to 0", 1);
            } else {
                findings.breach(Invariant::Conservation, at, format!("the accounts add up to {sum} KRW: {ledger:?}"));
            }
        }
        Err(error) => findings.breach(Invariant::Conservation, at, format!("accounts that cannot be read: {error}")),
    }
}
