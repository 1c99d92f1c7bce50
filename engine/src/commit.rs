//! All or nothing: outputs, changelog, positions and group offsets are one log transaction; only after it is committed does the batch enter the
//! stores, each with the changelog offset it stands for.
//!
//! The changelog is written here, at the end, from the overlays: the last write of each key, once. A policy row that a thousand requests of one
//! commit have changed costs one changelog record.

use crate::changelog;
use crate::config::CommitConfig;
use crate::effect::{self, Effect, Performer};
use crate::metrics::EngineMetrics;
use crate::setback::Setback;
use crate::task::Task;
use holdfast_ports::clock::Clock;
use holdfast_ports::log::{WriteError, Writer};
use holdfast_ports::membership::Generation;
use holdfast_ports::record::NewRecord;

/// The transaction that is open, if one is.
#[derive(Debug, Default)]
pub(crate) struct Transaction {
    open: bool,
    began_us: u64,
    pub(crate) records: usize,
    pub(crate) bytes: u64,
    last_commit: Option<LastCommit>,
}

/// On the monotonic clock.
#[derive(Debug, Clone, Copy)]
struct LastCommit {
    began_us: u64,
    ended_us: u64,
}

impl Transaction {
    /// Opens it if it is not.
    pub(crate) fn ensure(&mut self, writer: &mut dyn Writer, now_us: u64) -> Result<(), WriteError> {
        if !self.open {
            writer.begin()?;
            self.open = true;
            self.began_us = now_us;
        }
        Ok(())
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    /// It has ended, one way or the other.
    pub(crate) fn ended(&mut self) {
        self.open = false;
        self.records = 0;
        self.bytes = 0;
    }

    /// How long to wait before committing, in µs: 0 = now. `drained`: hardly anything more was there to fetch. `company`: something falls due in a moment, and may
    /// come along if the transaction is younger than the distance between two commits.
    pub(crate) fn due_in_us(&self, config: &CommitConfig, drained: bool, company: bool, now_us: u64) -> u64 {
        let full = self.records >= config.records_max
            || self.bytes >= config.bytes_max
            || now_us.saturating_sub(self.began_us) >= config.interval_max_us;
        if full {
            return 0;
        }
        let spacing_left_us = self.last_commit.map_or(0, |last| {
            let took_us = last.ended_us.saturating_sub(last.began_us);
            let rested_us = last.ended_us + took_us.saturating_mul(config.rest_percent) / 100;
            rested_us.max(last.began_us + config.spacing_min_us).saturating_sub(now_us)
        });
        let company_left_us = if company { (self.began_us + config.spacing_min_us).saturating_sub(now_us) } else { 0 };
        let interval_left_us = (self.began_us + config.interval_max_us).saturating_sub(now_us);
        if drained { spacing_left_us.max(company_left_us).min(interval_left_us) } else { interval_left_us }
    }
}

/// Keys that a commit changed, as changelog keys: looked at after it only when somebody waits for a row.
#[derive(Debug, Default)]
pub(crate) struct ChangedKeys {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl ChangedKeys {
    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    fn push(&mut self, key: &[u8]) {
        self.bytes.extend_from_slice(key);
        self.ends.push(self.bytes.len());
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let key = self.bytes.get(start..*end).unwrap_or_default();
            start = *end;
            key
        })
    }
}

/// What a commit needs.
pub(crate) struct Committer<'a> {
    pub(crate) writer: &'a mut dyn Writer,
    pub(crate) generation: &'a Generation,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) metrics: &'a EngineMetrics,
    pub(crate) performer: &'a dyn Performer,
    pub(crate) changed: &'a mut ChangedKeys,
}

impl Committer<'_> {
    /// Commits what `tasks` have done since the last commit.
    pub(crate) fn commit(&mut self, tasks: &mut [Task], transaction: &mut Transaction) -> Result<(), Setback> {
        let began_us = self.clock.monotonic_us();
        let mut effects = Vec::new();
        let mut positions = Vec::new();
        let mut first_key = Vec::new();
        self.changed.clear();
        for task in tasks.iter_mut().filter(|task| task.dirty) {
            first_key.push(self.changed.ends.len());
            self.write_changelog(task, &mut effects)?;
            for source in &task.sources {
                if let Some(next) = task.position.next_offset(&source.partition.topic) {
                    positions.push((source.partition.clone(), next));
                }
            }
        }
        let log_began_us = self.clock.monotonic_us();
        let ends = self.writer.commit(&positions, self.generation)?;
        let log_ended_us = self.clock.monotonic_us();

        // From here on it is true: whatever fails now is repaired by a restore, never by a retry.
        let records = transaction.records;
        transaction.ended();
        transaction.last_commit = Some(LastCommit { began_us, ended_us: log_ended_us });
        // One store that fails must not keep the others from what is true.
        let mut failure = None;
        for (nth, task) in tasks.iter_mut().filter(|task| task.dirty).enumerate() {
            let next = ends
                .iter()
                .find(|(partition, _)| *partition == task.changelog)
                .map(|(_, next)| *next)
                .ok_or_else(|| {
                    Setback::Fatal(format!("log committed {} without telling where {} ends", task.id, task.changelog))
                })?;
            if let Err(error) = task.store.commit(next) {
                failure.get_or_insert(Setback::Store(task.id.clone(), error));
                continue;
            }
            task.committed.clone_from(&task.position);
            task.dirty = false;
            task.condemned = None;
            if let Some(shown) = &task.shown {
                shown.committed(&task.committed);
                let first = first_key.get(nth).copied().unwrap_or(0);
                let after = first_key.get(nth + 1).copied().unwrap_or(self.changed.ends.len());
                shown.changed(self.changed.iter().skip(first).take(after - first));
            }
        }
        for effect in effects {
            self.performer.perform(effect);
        }
        #[expect(clippy::cast_precision_loss, reason = "for a histogram")]
        {
            let ended_us = self.clock.monotonic_us();
            self.metrics.log_commit_seconds.observe(log_ended_us.saturating_sub(log_began_us) as f64 / 1e6);
            self.metrics.commit_seconds.observe(ended_us.saturating_sub(began_us) as f64 / 1e6);
            self.metrics.commit_records.observe(records as f64);
        }
        failure.map_or(Ok(()), Err)
    }

    fn write_changelog(&mut self, task: &mut Task, effects: &mut Vec<Effect>) -> Result<(), Setback> {
        let failed = |id: &_, error| Setback::Store(Clone::clone(id), error);
        task.write_position().map_err(|e| failed(&task.id, e))?;
        let mut key = Vec::new();
        let mut outcome: Result<(), Setback> = Ok(());
        let mut sent = 0;
        let has_effects = task.topology.has_effects();
        task.store.changes(&mut |write| {
            if outcome.is_err() {
                return;
            }
            changelog::encode_key(&write, &mut key);
            self.changed.push(&key);
            if has_effects
                && write.store == effect::STORE.id
                && let Some(value) = write.value
            {
                match effect::decode(&task.id, write.key, value) {
                    Ok(effect) => effects.push(effect),
                    Err(error) => outcome = Err(failed(&task.id, error)),
                }
            }
            let record = NewRecord {
                topic: &task.changelog.topic,
                partition: task.changelog.partition,
                key: Some(&key),
                value: write.value,
                headers: &[],
            };
            if let Err(error) = self.writer.send(&record) {
                outcome = Err(error.into());
            }
            sent += 1;
        });
        self.metrics.outputs.inc_by(sent);
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: CommitConfig = CommitConfig {
        records_max: 10,
        bytes_max: 100,
        interval_max_us: 50_000,
        spacing_min_us: 5_000,
        rest_percent: 50,
        few_records: 1,
    };

    /// `last` = when the last commit began, which took 2 ms.
    fn open(records: usize, bytes: u64, last: Option<u64>) -> Transaction {
        let last_commit = last.map(|began_us| LastCommit { began_us, ended_us: began_us + 2_000 });
        Transaction { open: true, began_us: 100_000, records, bytes, last_commit }
    }

    #[test]
    fn a_commit_is_due_when_drained_full_or_old() {
        // A single request on an idle system: at once.
        assert_eq!(open(1, 1, None).due_in_us(&CONFIG, true, false, 100_010), 0);
        // Right after another commit: when the spacing is over.
        assert_eq!(open(1, 1, Some(99_000)).due_in_us(&CONFIG, true, false, 100_000), 4_000);
        // More is coming: at the interval.
        assert_eq!(open(1, 1, None).due_in_us(&CONFIG, false, false, 100_000), 50_000);
        // Full, whatever else.
        assert_eq!(open(10, 1, Some(99_999)).due_in_us(&CONFIG, false, false, 100_000), 0);
        assert_eq!(open(1, 100, Some(99_999)).due_in_us(&CONFIG, false, false, 100_000), 0);
        // Old.
        assert_eq!(open(1, 1, Some(149_999)).due_in_us(&CONFIG, false, false, 150_000), 0);
    }

    #[test]
    fn what_falls_due_in_a_moment_is_taken_along() {
        let lone = open(1, 1, None);
        assert_eq!(lone.due_in_us(&CONFIG, true, true, 100_010), 4_990);
        assert_eq!(lone.due_in_us(&CONFIG, true, true, 105_000), 0);
        // Nor does a full one wait, nor one on a log whose commits keep no distance.
        assert_eq!(open(10, 1, None).due_in_us(&CONFIG, true, true, 100_010), 0);
        assert_eq!(lone.due_in_us(&CommitConfig { spacing_min_us: 0, ..CONFIG }, true, true, 100_010), 0);
    }

    #[test]
    fn a_slow_commit_is_followed_by_a_rest_that_ends_with_the_interval() {
        let after = |took_us: u64| {
            let last_commit = Some(LastCommit { began_us: 100_000 - took_us, ended_us: 100_000 });
            Transaction { last_commit, ..open(1, 1, None) }
        };
        assert_eq!(after(20_000).due_in_us(&CONFIG, true, false, 100_000), 10_000);
        assert_eq!(after(20_000).due_in_us(&CONFIG, true, false, 109_000), 1_000);
        assert_eq!(after(20_000).due_in_us(&CONFIG, true, false, 110_000), 0);
        // However slow the log was: what has waited for the whole interval has waited long enough.
        let resting = CommitConfig { rest_percent: 200, ..CONFIG };
        assert_eq!(after(90_000).due_in_us(&resting, true, false, 100_000), 50_000);
        // Never while more is there to be taken.
        assert_eq!(Transaction { records: 10, ..after(20_000) }.due_in_us(&CONFIG, false, false, 100_000), 0);
        let restless = CommitConfig { rest_percent: 0, spacing_min_us: 0, ..CONFIG };
        assert_eq!(after(20_000).due_in_us(&restless, true, false, 100_000), 0);
    }

    #[test]
    fn changed_keys_come_back_in_order() {
        let mut keys = ChangedKeys::default();
        keys.push(b"a");
        keys.push(b"");
        keys.push(b"bc");
        assert_eq!(keys.iter().collect::<Vec<_>>(), [&b"a"[..], b"", b"bc"]);
    }
}
