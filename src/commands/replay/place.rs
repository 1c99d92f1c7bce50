//! One place: the changelog rebuilt on one side, the inbox decided again on the other, and both compared.

use super::author::{Author, line};
use super::base::{Search, Wish};
use super::compare::{Comparison, Parting};
use super::found::{Target, Writings, disk};
use super::from::From;
use super::in_force;
use super::report::{Difference, PlaceReport};
use super::rows::{self, Excuses};
use crate::worker::RunError;
use holdfast_engine::inspect::ending::{self, Ended};
use holdfast_engine::inspect::{Made, Rebuild, Shadow, changelog, delayed};
use holdfast_engine::prelude::Topology;
use holdfast_ports::log::{Fetcher, Start};
use holdfast_ports::record::{NewRecord, Record, TopicPartition};
use holdfast_ports::store::{Store, StoreError, StoreId, Stores, TaskId};
use holdfast_state::{RocksStores, StateConfig};
use holdfast_tools::bytes::readable;
use holdfast_tools::reading;
use indicatif::ProgressBar;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;

/// What a replay needs to know of the app.
pub(super) struct Replay<'a> {
    pub(super) topology: &'a Topology,
    pub(super) author: &'a Author,
    pub(super) app: &'a str,
    pub(super) places: u32,
    pub(super) from: From,
    pub(super) progress: &'a ProgressBar,
}

const NO_DECISION: &str = "the log holds an output that no decision makes";
const OTHER: &str = "the replay makes another output than the log holds";
const MISSING: &str = "the replay makes an output that the log does not hold";
const STATE: &str = "the replay comes to another state than the changelog";

fn failed(error: StoreError) -> RunError {
    RunError::Failed(error.to_string())
}

impl Replay<'_> {
    fn inbox(&self, place: u32) -> TopicPartition {
        TopicPartition::new(self.topology.inbox().clone(), place)
    }

    /// The changelog partition of `place`.
    pub(super) fn changelog(&self, place: u32) -> TopicPartition {
        TopicPartition::new(changelog::topic(self.app, self.topology.name()), place)
    }

    /// Replays `place`, whose changelog is looked at up to `changelog_end`.
    pub(super) fn place(
        &self,
        place: u32,
        changelog_end: i64,
        writings: &mut Writings,
        fetcher: &mut dyn Fetcher,
    ) -> Result<PlaceReport, RunError> {
        let inbox = self.inbox(place);
        let begins = writings.targets.iter().find(|t| t.source == inbox).map_or(0, |target| target.begins);
        let from = self.from.offset(&inbox, begins)?;
        let disk = tempfile::tempdir().map_err(|e| disk(&e))?;
        let store = self.open(&disk.path().join("shadow"), place)?;
        let mut search = Search::new(self.topology.inbox(), Wish { from, begins }, store);
        let mut live = self.open(&disk.path().join("changelog"), place)?;
        let mut rebuild = Rebuild::default();
        reading::read::<RunError>(fetcher, &self.changelog(place), Start::Earliest, changelog_end, &mut |record| {
            if from > 0 {
                search.take(record).map_err(failed)?;
            }
            rebuild.take(record, &mut *live).map_err(failed)
        })?;
        let position = rebuild.finish(&mut *live).map_err(failed)?;
        let decided_to = position.next_offset(self.topology.inbox()).unwrap_or(0);
        self.from.check_end(&inbox, decided_to)?;
        let mut report = PlaceReport {
            place,
            records: 0,
            outputs: 0,
            outputs_forgotten: 0,
            outputs_unsigned: 0,
            rows: 0,
            decided_to,
            inbox_begins: (begins > 0).then_some(begins),
            state_at: None,
            skipped_to: None,
            settings: in_force::spans(self.topology, &*live)?,
            difference: None,
        };
        let topology = in_force::topology(self.topology, &report.settings)?;
        let (refusals, trails) = (writings.refusals(place), writings.trails(place)?);
        let targets = &writings.targets;
        let mut comparison = Comparison::new(place, self.author, targets, trails)?;
        let Some((mut shadow, start)) =
            self.shadow((place, &topology), search, begins, &disk.path().join("nothing"), &mut comparison)?
        else {
            report.skipped_to = Some(decided_to);
            return Ok(report);
        };
        shadow.keep_as(ending::periods(&*live).map_err(failed)?);
        report.state_at = (start > 0).then_some(start);
        report.skipped_to = self.from.skipped_to(begins, start);
        let mut parted: Option<(i64, Parting)> = None;
        let at = if start > 0 { Start::At(start) } else { Start::Earliest };
        let first = reading::read::<RunError>(fetcher, &inbox, at, decided_to, &mut |record| {
            if parted.is_some() {
                return Ok(());
            }
            if let Some(refusal) = refusals.get(&record.offset) {
                shadow.refused(record.offset, refusal.times, &refusal.why);
            }
            let mut outcome = Ok(());
            shadow
                .decide(record, &mut |made| match made {
                    Made::Later(message) => comparison.made_later(message),
                    Made::Now(output) if parted.is_none() && outcome.is_ok() => match comparison.made(output) {
                        Ok(parting) => parted = parting.map(|parting| (record.offset, parting)),
                        Err(error) => outcome = Err(error),
                    },
                    Made::Now(_) => {}
                })
                .map_err(failed)?;
            report.records += 1;
            self.progress.inc(1);
            outcome
        })?;
        if first > start {
            // Retention has taken the beginning meanwhile.
            report.inbox_begins = Some(first);
            report.skipped_to = Some(decided_to);
            return Ok(report);
        }
        let parting = match parted {
            Some((offset, parting)) => Some((Some(offset), parting)),
            None => comparison.end()?.map(|parting| (None, parting)),
        };
        report.difference = match parting {
            Some((offset, parting)) => Some(self.output_difference(place, offset, parting, targets, fetcher)?),
            None => {
                let replayed = shadow.finish().map_err(failed)?;
                let was_sent = &|message: &NewRecord<'_>| comparison.was_sent(message);
                let nothing = BTreeSet::new();
                let ended = &Ended::of(self.topology.endings(), &*live).map_err(failed)?;
                let excuses = Excuses { was_sent, written_since: &nothing, ended };
                let (mut rows, mut parting) = rows::compare(self.topology, &*replayed, &*live, &excuses)?;
                if parting.is_some() {
                    let written_since = &self.written_since(place, changelog_end, fetcher)?;
                    let excuses = Excuses { was_sent, written_since, ended };
                    (rows, parting) = rows::compare(self.topology, &*replayed, &*live, &excuses)?;
                }
                report.rows = rows;
                parting.map(|parting| Difference {
                    what: STATE,
                    inbox: None,
                    at: format!("store {}, key {}", parting.store.name, readable(&parting.key)),
                    expected: parting.expected.map(|row| readable(&row)),
                    found: parting.found.map(|row| readable(&row)),
                })
            }
        };
        report.outputs = comparison.counts.compared;
        report.outputs_forgotten = comparison.counts.forgotten;
        report.outputs_unsigned = comparison.counts.unsigned;
        Ok(report)
    }

    /// A shadow of a place, with how it is decided, and the offset it begins at: on what the search has found, on nothing when the whole inbox is there; else there is none.
    fn shadow(
        &self,
        (place, topology): (u32, &Topology),
        search: Search<'_>,
        begins: i64,
        nothing: &Path,
        comparison: &mut Comparison<'_>,
    ) -> Result<Option<(Shadow, i64)>, RunError> {
        let task = self.task(place);
        if let Some(store) = search.finish()? {
            // What was armed before may be sent at any time from here on.
            store
                .scan(delayed::STORE.id, &[], None, &mut |_, row| {
                    // The shadow reads the same rows and fails on one that cannot be read.
                    let _ = delayed::message(row, &mut |message| comparison.made_later(message));
                    ControlFlow::Continue(())
                })
                .map_err(failed)?;
            comparison.begins_later();
            let shadow = Shadow::resume(task, topology, store, self.app, self.places).map_err(failed)?;
            let start = shadow.position().next_offset(self.topology.inbox()).unwrap_or(0);
            return Ok(Some((shadow, start)));
        }
        if begins > 0 {
            return Ok(None);
        }
        let store = self.open(nothing, place)?;
        let shadow = Shadow::new(task, topology, store, self.app, self.places).map_err(failed)?;
        Ok(Some((shadow, 0)))
    }

    /// Keys that `place` has written since its changelog ended at `since`.
    fn written_since(
        &self,
        place: u32,
        since: i64,
        fetcher: &mut dyn Fetcher,
    ) -> Result<BTreeSet<(StoreId, Vec<u8>)>, RunError> {
        let changelog = self.changelog(place);
        let end = reading::settled_end(fetcher, &changelog)?;
        let mut keys = BTreeSet::new();
        reading::read::<RunError>(fetcher, &changelog, Start::At(since), end, &mut |record| {
            keys.extend(changelog::decode(record.key, record.value).map(|write| (write.store, write.key.to_vec())));
            Ok(())
        })?;
        Ok(keys)
    }

    fn task(&self, place: u32) -> TaskId {
        TaskId { topology: self.topology.name().clone(), place }
    }

    fn open(&self, dir: &Path, place: u32) -> Result<Box<dyn Store>, RunError> {
        let stores = RocksStores::open(StateConfig::new(dir)).map_err(failed)?;
        stores.open(&self.task(place), &self.topology.all_stores()).map_err(failed)
    }

    fn output_difference(
        &self,
        place: u32,
        inbox_offset: Option<i64>,
        parting: Parting,
        targets: &[Target],
        fetcher: &mut dyn Fetcher,
    ) -> Result<Difference, RunError> {
        let mut found = None;
        let mut at = String::new();
        if let Some(Target { source, .. }) = targets.get(parting.target) {
            at = source.to_string();
            if let Some(offset) = parting.found {
                at = format!("{source} offset {offset}");
                let mut show = |record: &Record<'_>| {
                    found = Some(line(record));
                    Ok(())
                };
                reading::read::<RunError>(fetcher, source, Start::At(offset), offset + 1, &mut show)?;
            }
        }
        Ok(Difference {
            what: match (&parting.expected, parting.found) {
                (Some(_), Some(_)) => OTHER,
                (Some(_), None) => MISSING,
                (None, _) => NO_DECISION,
            },
            inbox: inbox_offset.map(|offset| format!("{} offset {offset}", self.inbox(place))),
            at,
            expected: parting.expected,
            found,
        })
    }
}
