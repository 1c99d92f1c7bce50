//! What has been decided since the last commit was begun. Nothing of it has left the house: giving it up is forgetting it.

use crate::config::CommitConfig;
use crate::delayed::DelayedId;
use crate::record_collector::RecordCollector;
use holdfast_ports::log::Slot;
use holdfast_ports::store::TaskId;

/// See the head of this file.
#[derive(Debug, Default)]
pub(crate) struct Transaction {
    /// When the first of it was decided, on the monotonic clock; `None` while there is nothing.
    began_us: Option<u64>,
    /// Input records and delayed messages.
    pub(crate) records: usize,
    pub(crate) sent: Sent,
    /// Bytes that its records have written to the overlays of their stores: rows, delayed messages, effects. The changelog repeats them.
    stored_bytes: u64,
    /// What was decided or sent last. With a single record in it, that one.
    last: Option<Origin>,
    last_commit: Option<LastCommit>,
    /// Of an earlier transaction, for its memory.
    spare: Sent,
}

/// Whose fault it is when an output is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// An input record: where it came from, and its offset.
    Record(Slot, i64),
    /// A delayed message of this task: it is the output.
    Delayed(TaskId, DelayedId),
}

/// Outputs before `end`, and not before the last one's end, are of `origin`.
#[derive(Debug)]
struct Share {
    end: usize,
    origin: Origin,
}

/// What has been sent, and by whom.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub(crate) collector: RecordCollector,
    shares: Vec<Share>,
}

/// A transaction that is to be committed.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub(crate) sent: Sent,
    /// Input records and delayed messages.
    pub(crate) records: usize,
    /// The one of it, when there is no other.
    pub(crate) only: Option<Origin>,
}

/// A piece of the monotonic clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) began_us: u64,
    pub(crate) ended_us: u64,
}

#[derive(Debug, Clone, Copy)]
struct LastCommit {
    took: Span,
    /// It was carried out beside the thread.
    beside: bool,
}

impl Sent {
    /// What sent output number `nth`.
    pub(crate) fn origin(&self, nth: usize) -> Option<&Origin> {
        let at = self.shares.partition_point(|share| share.end <= nth);
        self.shares.get(at).map(|share| &share.origin)
    }

    /// Outputs up to `end` that nothing has sent yet are of `origin`.
    fn share(&mut self, end: usize, origin: Origin) {
        if self.shares.last().map_or(0, |last| last.end) < end {
            self.shares.push(Share { end, origin });
        }
    }

    fn clear(&mut self) {
        self.collector.clear();
        self.shares.clear();
    }
}

impl Transaction {
    /// Begins it if it has not begun; asks for the time only then: reading a clock takes longer than looking a row up.
    pub(crate) fn ensure(&mut self, now_us: impl FnOnce() -> u64) {
        self.began_us.get_or_insert_with(now_us);
    }

    pub(crate) fn is_open(&self) -> bool {
        self.began_us.is_some()
    }

    /// A record was decided. It has sent what has come into the collector since the last one, and written so many bytes to its stores.
    pub(crate) fn took(&mut self, slot: Slot, offset: i64, stored_bytes: u64) {
        self.records += 1;
        self.stored_bytes += stored_bytes;
        self.sent.share(self.sent.collector.len(), Origin::Record(slot, offset));
        self.last = Some(Origin::Record(slot, offset));
    }

    /// These delayed messages of a task were sent: one output each, the last that have come. So many bytes were written to take them out of their store.
    pub(crate) fn took_due(&mut self, task: &TaskId, ids: &[DelayedId], stored_bytes: u64) {
        self.records += ids.len();
        self.stored_bytes += stored_bytes;
        let before = self.sent.collector.len() - ids.len();
        for (nth, id) in ids.iter().enumerate() {
            self.sent.share(before + nth + 1, Origin::Delayed(task.clone(), *id));
        }
        self.last = ids.last().map(|id| Origin::Delayed(task.clone(), *id)).or_else(|| self.last.take());
    }

    /// Bytes that it holds in memory: what was sent, and what was written to stores.
    pub(crate) fn bytes(&self) -> u64 {
        self.sent.collector.bytes() + self.stored_bytes
    }

    /// Whether it holds as many bytes as it may. Asked after each record: one may be a megabyte.
    pub(crate) fn is_heavy(&self, config: &CommitConfig) -> bool {
        self.bytes() >= config.bytes_max
    }

    /// Gives it up.
    pub(crate) fn forget(&mut self) {
        self.began_us = None;
        self.records = 0;
        self.stored_bytes = 0;
        self.last = None;
        self.sent.clear();
    }

    /// Ends it in a commit. Another may be begun.
    pub(crate) fn seal(&mut self) -> Sealed {
        self.began_us = None;
        self.stored_bytes = 0;
        let empty = std::mem::take(&mut self.spare);
        let records = std::mem::take(&mut self.records);
        let only = self.last.take().filter(|_| records == 1);
        Sealed { sent: std::mem::replace(&mut self.sent, empty), records, only }
    }

    /// A commit took so long, here or beside the thread, and gives what it sent back.
    pub(crate) fn committed(&mut self, took: Span, beside: bool, mut sent: Sent) {
        self.last_commit = Some(LastCommit { took, beside });
        sent.clear();
        self.spare = sent;
    }

    /// Whether it has grown so far that nothing more may come to it.
    pub(crate) fn is_full(&self, config: &CommitConfig) -> bool {
        self.records >= config.records_max || self.is_heavy(config)
    }

    /// How long to wait before committing, in µs: 0 = now. `drained`: hardly anything more was there to fetch. `company`: something falls due in a moment, and may
    /// come along if the transaction is younger than the distance between two commits.
    pub(crate) fn due_in_us(&self, config: &CommitConfig, drained: bool, company: bool, now_us: u64) -> u64 {
        let began_us = self.began_us.unwrap_or(now_us);
        let interval_left_us = (began_us + config.interval_max_us).saturating_sub(now_us);
        if self.is_full(config) || interval_left_us == 0 {
            return 0;
        }
        let spacing_left_us = self.last_commit.map_or(0, |LastCommit { took, beside }| {
            let rest_percent = if beside { 0 } else { config.rest_percent };
            let rest_us = took.ended_us.saturating_sub(took.began_us).saturating_mul(rest_percent) / 100;
            (took.ended_us + rest_us).max(took.began_us + config.spacing_min_us).saturating_sub(now_us)
        });
        let company_left_us = if company { (began_us + config.spacing_min_us).saturating_sub(now_us) } else { 0 };
        if drained { spacing_left_us.max(company_left_us).min(interval_left_us) } else { interval_left_us }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Payload;

    const CONFIG: CommitConfig = CommitConfig {
        records_max: 10,
        bytes_max: 100,
        interval_max_us: 50_000,
        spacing_min_us: 5_000,
        rest_percent: 50,
        few_records: 1,
        beside_records_min: 1,
    };

    fn by_itself(began_us: u64, ended_us: u64) -> LastCommit {
        LastCommit { took: Span { began_us, ended_us }, beside: false }
    }

    /// `last` = when the last commit began, which took 2 ms.
    fn open(records: usize, bytes: usize, last: Option<u64>) -> Transaction {
        let mut transaction = Transaction { records, began_us: Some(100_000), ..Transaction::default() };
        let value = vec![0; bytes];
        let payload = Payload { key: None, value: Some(&value), headers: &[] };
        transaction.sent.collector.push("t".into(), 0, &payload);
        if let Some(began_us) = last {
            transaction.last_commit = Some(by_itself(began_us, began_us + 2_000));
        }
        transaction
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
        // Also with what it has written to stores.
        let mut stored = open(1, 1, Some(99_999));
        stored.took(Slot(0), 0, 98);
        assert_ne!(stored.due_in_us(&CONFIG, false, false, 100_000), 0);
        stored.took(Slot(0), 1, 1);
        assert_eq!(stored.due_in_us(&CONFIG, false, false, 100_000), 0);
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
        let after =
            |took_us: u64| Transaction { last_commit: Some(by_itself(100_000 - took_us, 100_000)), ..open(1, 1, None) };
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
        // Nor after one beside the thread, but for the distance.
        let beside = |began_us| {
            let took = Span { began_us, ended_us: 100_000 };
            Transaction { last_commit: Some(LastCommit { took, beside: true }), ..open(1, 1, None) }
        };
        assert_eq!(beside(80_000).due_in_us(&CONFIG, true, false, 100_000), 0);
        assert_eq!(beside(99_000).due_in_us(&CONFIG, true, false, 100_000), 4_000);
    }

    #[test]
    fn an_output_knows_its_record() {
        let mut transaction = Transaction::default();
        let send = |transaction: &mut Transaction, times: usize| {
            let payload = Payload { key: None, value: None, headers: &[] };
            (0..times).for_each(|_| transaction.sent.collector.push("t".into(), 0, &payload));
        };
        for (offset, times) in [(5, 2), (6, 0), (7, 1)] {
            send(&mut transaction, times);
            transaction.took(Slot(3), offset, 10);
        }
        send(&mut transaction, 2);
        let task = TaskId { topology: "t".into(), place: 0 };
        let due = [1, 2].map(|sequence| DelayedId { due_ms: 9, sequence });
        transaction.took_due(&task, &due, 1);
        send(&mut transaction, 1);
        transaction.took(Slot(4), 1, 10);
        assert_eq!(transaction.bytes(), 41, "four records and two messages have written that to their stores");
        let Sealed { sent, records, only } = transaction.seal();
        let origins: Vec<_> = (0..7).map(|nth| sent.origin(nth).cloned()).collect();
        let of = |slot, offset| Some(Origin::Record(Slot(slot), offset));
        let delayed = |nth: usize| Some(Origin::Delayed(task.clone(), due[nth]));
        assert_eq!(origins, [of(3, 5), of(3, 5), of(3, 7), delayed(0), delayed(1), of(4, 1), None]);
        assert_eq!((records, only, transaction.bytes(), transaction.is_open()), (6, None, 0, false));
    }

    #[test]
    fn what_is_alone_in_a_transaction_is_known() {
        let mut transaction = Transaction::default();
        transaction.took(Slot(3), 5, 0);
        transaction.forget();
        transaction.took(Slot(3), 6, 0);
        assert_eq!(transaction.seal().only, Some(Origin::Record(Slot(3), 6)));
        assert_eq!(transaction.seal().only, None);
    }
}
