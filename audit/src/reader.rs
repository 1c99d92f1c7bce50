//! Reading a partition up to the cut, with what the headers of each record say.

use crate::cut::Cut;
use crate::findings::Findings;
use crate::published::{Published, Seen};
use crate::times::Times;
use holdfast_engine::inspect::header;

use holdfast_engine::inspect::Origin;
use holdfast_engine::inspect::ports::log::{Fetcher, Start};
use holdfast_engine::inspect::ports::record::{Record, TopicPartition};
use holdfast_tools::Failure;
use holdfast_tools::reading;
use indicatif::ProgressBar;
use std::collections::BTreeMap;
use std::fmt;

/// Records between two looks at the progress bar.
const TICK_RECORDS: u64 = 1_024;

/// The headers that matter, found in one pass.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Heads<'a> {
    /// Where the record first entered the log.
    pub(crate) origin: Origin<'a>,
    /// Which task wrote it.
    pub(crate) source: Option<&'a [u8]>,
    /// When that decided it.
    pub(crate) time: Option<&'a [u8]>,
    /// It was sent on from another place: topic, partition and offset there.
    pub(crate) forwarded: Option<&'a [u8]>,
    /// It stands for a record that was given up there: it has an outcome, and nothing else is decided.
    pub(crate) is_given_up: bool,
    /// Of a dead letter that was a delayed message: the topology that had kept it.
    pub(crate) delayed_by: Option<&'a [u8]>,
    /// Of a record that an operator has put back: the dead letter that it was. What was forwarded or buried with the header is none.
    pub(crate) redriven_from: Option<&'a [u8]>,
    /// Of such a record: which copy of the letter it is.
    pub(crate) redrive: Option<&'a [u8]>,
    /// Of a dead letter: topic, partition, offset, class, message, time, attempts.
    pub(crate) letter: [Option<&'a [u8]>; 7],
}

const LETTER: [&str; 7] = [
    header::TOPIC,
    header::PARTITION,
    header::OFFSET,
    header::CLASS,
    header::MESSAGE,
    header::TIMESTAMP,
    header::ATTEMPTS,
];

impl<'a> Heads<'a> {
    fn of(record: &Record<'a>) -> Self {
        let mut heads = Self::default();
        record.headers.each(&mut |name, value| {
            heads.origin.note(name, value);
            heads.redriven_from = value.filter(|_| name == header::REDRIVEN_FROM);
            match name {
                header::REDRIVE => heads.redrive = value,
                "ce_source" => heads.source = value,
                "ce_time" => heads.time = value,
                header::ORIGIN => heads.forwarded = value,
                header::GIVEN_UP => heads.is_given_up = true,
                header::DELAYED_BY => heads.delayed_by = value,
                _ => {
                    if let Some(at) = LETTER.iter().position(|known| *known == name) {
                        heads.letter[at] = value;
                    }
                }
            }
        });
        heads
    }

    /// Whether a task wrote the record itself: it names itself `/<topology>/<place>`.
    pub(crate) fn is_by_a_task(&self) -> bool {
        let names_one = |source: &[u8]| source.iter().filter(|byte| **byte == b'/').count() == 2;
        let is_copy = self.forwarded.is_some() || self.letter[0].is_some() || self.origin.is_redriven();
        self.source.is_some_and(names_one) && !is_copy
    }

    /// Whether a task of `topology` wrote the record itself.
    pub(crate) fn is_by(&self, topology: &str) -> bool {
        let of = |source: &'a [u8]| source.strip_prefix(b"/")?.strip_prefix(topology.as_bytes())?.strip_prefix(b"/");
        self.source.and_then(of).is_some() && self.forwarded.is_none() && !self.origin.is_redriven()
    }
}

/// Where a record stands, for later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct At {
    topic: &'static str,
    partition: u32,
    offset: i64,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{} offset {}", self.topic, self.partition, self.offset)
    }
}

/// A record in its place.
pub(crate) struct Entry<'a> {
    pub(crate) source: &'a TopicPartition,
    pub(crate) offset: i64,
    pub(crate) append_ms: i64,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) heads: Heads<'a>,
    /// Its cause is decided at the cut, if it has one.
    pub(crate) is_firm: bool,
}

impl Entry<'_> {
    /// Where it stands in `topic`, which is its own.
    pub(crate) fn at(&self, topic: &'static str) -> At {
        At { topic, partition: self.source.partition, offset: self.offset }
    }

    fn seen(&self) -> Seen<'_> {
        let Heads { is_given_up, .. } = self.heads;
        let (source, offset, value) = (self.source, self.offset, self.value);
        Seen { source, offset, value, is_by_a_task: self.heads.is_by_a_task(), is_given_up }
    }

    /// Its identity if it brings none.
    pub(crate) fn entered(&self) -> String {
        self.heads.origin.identity((&self.source.topic, self.source.partition, self.offset))
    }
}

impl fmt::Display for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} offset {}", self.source, self.offset)
    }
}

/// Reads, and counts what it reads.
pub(crate) struct Reader<'a> {
    pub(crate) fetcher: &'a mut dyn Fetcher,
    pub(crate) progress: &'a ProgressBar,
    /// Records read so far.
    pub(crate) records: u64,
    /// Records of inboxes that are not decided yet.
    pub(crate) undecided: u64,
    /// The first of them in each partition that has one.
    pub(crate) undecided_from: BTreeMap<TopicPartition, i64>,
    /// The latest append time seen, in ms since the epoch.
    pub(crate) latest_ms: i64,
    pub(crate) times: Times,
    pub(crate) published: Published,
}

impl Reader<'_> {
    /// Hands over each record of `source` before the cut.
    pub(crate) fn read(
        &mut self,
        source: &TopicPartition,
        cut: &mut Cut,
        findings: &mut Findings,
        each: &mut dyn FnMut(&Entry<'_>, &Cut, &mut Findings) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let span = cut.span(source);
        if span.end == 0 {
            return Ok(());
        }
        self.progress.set_message(source.to_string());
        self.times.begin(source);
        self.published.begin(source, findings);
        let decided = if cut.is_inbox(source) { cut.decided(source) } else { span.end };
        let Self { fetcher, progress, records, undecided, undecided_from, latest_ms, times, published } = self;
        let (mut first_ms, mut first_undecided) = (None, None);
        reading::read(&mut **fetcher, source, Start::Earliest, span.end, &mut |record| {
            *records += 1;
            if records.is_multiple_of(TICK_RECORDS) {
                progress.inc(TICK_RECORDS);
            }
            if record.offset >= decided {
                *undecided += 1;
                first_undecided.get_or_insert(record.offset);
            }
            *latest_ms = record.append_ms.max(*latest_ms);
            first_ms.get_or_insert(record.append_ms);
            let entry = Entry {
                source,
                offset: record.offset,
                append_ms: record.append_ms,
                key: record.key,
                value: record.value,
                heads: Heads::of(record),
                is_firm: record.offset < span.firm,
            };
            times.look(&entry, findings);
            if record.offset < decided {
                published.look(&entry.seen(), findings);
            }
            each(&entry, cut, findings)
        })?;
        if let Some(offset) = first_undecided {
            undecided_from.insert(source.clone(), offset);
        }
        if span.begins > 0
            && let Some(first_ms) = first_ms
        {
            cut.note_beginning(source, first_ms);
        }
        Ok(())
    }

    /// Reads the partitions that no rule walks, for what is published of them.
    pub(crate) fn pass_unread(&mut self, cut: &Cut, findings: &mut Findings) -> Result<(), Failure> {
        for (source, span) in cut.sources().filter(|(_, span)| span.end > 0) {
            if self.published.has_seen(source) {
                continue;
            }
            self.progress.set_message(source.to_string());
            self.published.begin(source, findings);
            let end = if cut.is_inbox(source) { cut.decided(source) } else { span.end };
            let Self { fetcher, records, published, .. } = self;
            reading::read(&mut **fetcher, source, Start::Earliest, end, &mut |record| {
                *records += 1;
                let (value, heads) = (record.value, Heads::of(record));
                let (offset, append_ms, key) = (record.offset, record.append_ms, record.key);
                let is_firm = record.offset < span.firm;
                published.look(&Entry { source, offset, append_ms, key, value, heads, is_firm }.seen(), findings);
                Ok::<(), Failure>(())
            })?;
        }
        Ok(())
    }
}
