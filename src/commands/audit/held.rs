//! How long seats were held, by the log itself. HOLD_MS is a setting and no record, and a worker may be started with another one. But each hold that was granted
//! shows it: its deadline less its append time.
//!
//! ```text
//!   holds of a place    300 300 300 300 │ 5 5 5 5 5 │ 300 300 …        a run: one setting
//!                       300 300  7  300                                a hold with a deadline of its own: no run
//! ```
//! Between two runs somebody has started a worker with another setting; where exactly is told by what else rests on it, if anything does: how many minutes a
//! notice names, and when the next sweep was armed for. (No decision is made here: which setting was in force is read, and the shop's own code decides with it.)

use super::Question;
use super::cut::States;
use super::findings::Findings;
use super::invariant::Invariant;
use super::said::Said;
use super::seats::{Id, parse};
use crate::reading;
use crate::worker::RunError;
use holdfast_engine::ports::log::{Fetcher, Log, Start};
use holdfast_engine::ports::record::{Record, TopicPartition};
use holdfast_engine::{Context, ProcessError, Processor, Topology};
use holdfast_topologies::reservation::row::SweepRow;
use holdfast_topologies::reservation::{self, EXPIRATIONS, INBOX, SWEEPS};
use holdfast_topologies::{envelope, notification};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeMap;
use std::sync::Arc;

/// So many holds in a row that lasted as long make a setting, when nobody has said that it was one.
const RUN_HOLDS_MIN: u64 = 2;

/// Holds of a place, one after the other, that lasted as long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    /// Inbox offset of the first of them.
    from: i64,
    /// Inbox offset of the last of them.
    to: i64,
    /// How long they lasted, in ms.
    ms: i64,
    holds: u64,
}

/// A sweep in the inbox: where it stands, when it was decided, and for when it was armed, in ms since the epoch.
#[derive(Debug, Clone, Copy)]
struct Swept {
    offset: i64,
    now_ms: i64,
    due_ms: i64,
}

/// For when the next sweep of each schedule is armed at the cut, in ms since the epoch, by place and schedule.
pub(super) type Armed = BTreeMap<(u32, String), i64>;

/// Which setting was in force for each record of the inbox.
#[derive(Debug, Default)]
pub(super) struct Held {
    places: BTreeMap<u32, Vec<Run>>,
    /// What a worker may have run with, in ms, whether a hold shows it or not.
    said: Vec<i64>,
    /// What was in force at a sweep, by where it stands.
    swept: FxHashMap<(u32, i64), i64>,
    /// How many minutes the notice of an expiry names.
    minutes: FxHashMap<Id, i64>,
}

/// For when the next sweeps are armed.
pub(super) fn armed(states: &States) -> Result<Armed, RunError> {
    let mut armed = Armed::new();
    for ((_, place), state) in states.iter().filter(|((topology, _), _)| topology == reservation::NAME) {
        state.each(&SWEEPS, &mut |schedule: String, row: SweepRow| {
            if row.from_seat == 0 {
                armed.insert((*place, schedule), row.due_ms);
            }
        })?;
    }
    Ok(armed)
}

/// The runs of a place, from the first deadlines of its holds by inbox offset.
fn runs(mut holds: Vec<(i64, i64)>) -> Vec<Run> {
    holds.sort_by_key(|(offset, _)| *offset);
    // Another deadline of the same hold has moved the first.
    holds.dedup_by_key(|(offset, _)| *offset);
    let mut runs: Vec<Run> = Vec::new();
    for (offset, ms) in holds {
        match runs.last_mut() {
            Some(run) if run.ms == ms => (run.to, run.holds) = (offset, run.holds + 1),
            _ => runs.push(Run { from: offset, to: offset, ms, holds: 1 }),
        }
    }
    runs
}

impl Held {
    /// Reads what the log shows. A hold that no setting explains is a breach, and is decided again with the setting of those around it.
    pub(super) fn read(
        log: &dyn Log,
        question: &Question,
        armed: &Armed,
        findings: &mut Findings,
    ) -> Result<Self, RunError> {
        let places = log.partitions(EXPIRATIONS).map_err(|e| reading::failed(EXPIRATIONS, &e))?.unwrap_or(0);
        let mut fetcher = log.fetcher().map_err(|e| reading::failed("log", &e))?;
        let mut held = Self { said: question.held_ms.clone(), ..Self::default() };
        held.said.push(question.hold_ms);
        for place in 0..places {
            held.places.insert(place, runs(lasted(&mut *fetcher, place)?));
        }
        held.judge(!question.held_ms.is_empty(), findings);
        if held.is_one(question.hold_ms) {
            return Ok(held);
        }
        held.tell(findings);
        for place in 0..places {
            held.sweeps(&mut *fetcher, place, armed)?;
        }
        let notices = log.partitions(notification::REQUESTS);
        for partition in 0..notices.map_err(|e| reading::failed(notification::REQUESTS, &e))?.unwrap_or(0) {
            held.notices(&mut *fetcher, partition)?;
        }
        Ok(held)
    }

    /// Whether nothing but `hold_ms` was ever in force.
    pub(super) fn is_one(&self, hold_ms: i64) -> bool {
        self.places.values().flatten().all(|run| run.ms == hold_ms) && self.said.iter().all(|ms| *ms == hold_ms)
    }

    /// Takes out what no setting explains. `is_strict`: only what was said is a setting; else several holds in a row show one.
    fn judge(&mut self, is_strict: bool, findings: &mut Findings) {
        let shown: FxHashSet<i64> =
            self.places.values().flatten().filter(|run| run.holds >= RUN_HOLDS_MIN).map(|run| run.ms).collect();
        for (place, runs) in &mut self.places {
            let all = std::mem::take(runs);
            for (nth, run) in all.iter().enumerate() {
                let around = [nth.checked_sub(1).and_then(|before| all.get(before)), all.get(nth + 1)];
                let is_alone = run.holds < RUN_HOLDS_MIN
                    && matches!(around, [Some(before), Some(after)] if before.ms == after.ms && before.holds + after.holds > run.holds);
                let is_setting = self.said.contains(&run.ms) || (!is_strict && shown.contains(&run.ms));
                if is_setting && (is_strict || !is_alone) {
                    runs.push(*run);
                    continue;
                }
                let (at, ms) = (format!("{INBOX}-{place} offset {}", run.from), run.ms);
                let others = around.into_iter().flatten().map(|run| format!("{} ms", run.ms)).collect::<Vec<_>>();
                let what = match (run.holds, others.is_empty()) {
                    (1, false) => format!("this hold lasts {ms} ms, and those around it {}", others.join(" and ")),
                    (1, true) => format!(
                        "the one hold of its place lasts {ms} ms: if that was HOLD_MS once, say so with --held-ms"
                    ),
                    (holds, _) => format!(
                        "{holds} holds from here on last {ms} ms: if that was HOLD_MS once, say so with --held-ms"
                    ),
                };
                findings.breach(Invariant::Replayed, at, what);
            }
        }
    }

    /// Says which holds lasted how long.
    fn tell(&self, findings: &mut Findings) {
        let mut all = BTreeMap::<i64, (u64, Vec<String>)>::new();
        for (place, run) in self.places.iter().flat_map(|(place, runs)| runs.iter().map(move |run| (place, run))) {
            let (holds, spans) = all.entry(run.ms).or_default();
            *holds += run.holds;
            spans.push(format!("{INBOX}-{place} offsets {} to {}", run.from, run.to));
        }
        for (ms, (holds, spans)) in all {
            let more = spans.len().saturating_sub(SPANS_MAX);
            let mut text = spans.into_iter().take(SPANS_MAX).collect::<Vec<_>>().join(", ");
            if more > 0 {
                text.push_str(&format!(" and {more} more"));
            }
            findings.note(Invariant::Replayed, format!("{holds} holds lasted {ms} ms: {text}"));
        }
    }

    /// What was in force at each sweep: the next one of its schedule was armed for so long after it.
    fn sweeps(&mut self, fetcher: &mut dyn Fetcher, place: u32, armed: &Armed) -> Result<(), RunError> {
        let grace_ms = reservation::Settings::default().overdue_grace_ms;
        let mut last = BTreeMap::<String, Swept>::new();
        let mut now_ms = i64::MIN;
        let swept = &mut self.swept;
        let mut next = |before: Swept, due_ms: i64| {
            let ms = due_ms.saturating_sub(before.due_ms.max(before.now_ms)).saturating_sub(grace_ms);
            swept.insert((place, before.offset), ms);
        };
        each(fetcher, INBOX, place, &mut |record| {
            now_ms = now_ms.max(record.append_ms);
            if !record.value.is_some_and(|value| value.starts_with(br#"{"type":"sweep""#)) {
                return;
            }
            let Some(said) = Said::read(record.value) else { return };
            let (Some(schedule), Some(due_ms)) = (said.schedule_id.id(), said.due_at.when()) else { return };
            let this = Swept { offset: record.offset, now_ms, due_ms };
            if let Some(before) = last.insert(schedule.into_owned(), this) {
                next(before, due_ms);
            }
        })?;
        for (schedule, before) in last {
            if let Some(due_ms) = armed.get(&(place, schedule)) {
                next(before, *due_ms);
            }
        }
        Ok(())
    }

    /// How many minutes the notices of expiries name.
    fn notices(&mut self, fetcher: &mut dyn Fetcher, partition: u32) -> Result<(), RunError> {
        each(fetcher, notification::REQUESTS, partition, &mut |record| {
            let Some(said) = Said::read(record.value) else { return };
            let notice = said.inner();
            if notice.kind.text() != "RESERVATION_EXPIRED" {
                return;
            }
            let id = notice.data.as_deref().and_then(|data| parse(&data.reservation_id.id()?));
            let text = notice.message.text();
            let digits = text.find(|sign: char| !sign.is_ascii_digit()).unwrap_or(text.len());
            if let (Some(id), Ok(minutes)) = (id, text[..digits].parse()) {
                self.minutes.insert(id, minutes);
            }
        })
    }

    /// What was in force when `record` of `place` was decided, in ms.
    fn at(&self, place: u32, record: &Record<'_>) -> i64 {
        let runs = self.places.get(&place).map(Vec::as_slice).unwrap_or_default();
        let nth = runs.partition_point(|run| run.to < record.offset);
        let (before, after) = (nth.checked_sub(1).and_then(|before| runs.get(before)), runs.get(nth));
        if let Some(run) = after.filter(|run| run.from <= record.offset) {
            return run.ms;
        }
        // Between two runs, or behind the last: what else rests on it says which.
        let near = [before, after].into_iter().flatten().map(|run| run.ms);
        let mut open = near.chain(self.said.iter().copied().filter(|_| before.is_none() || after.is_none()));
        let first = open.clone().next().unwrap_or_default();
        if let Some(ms) = self.swept.get(&(place, record.offset)) {
            return open.find(|known| known == ms).unwrap_or(first);
        }
        let about = Said::read(record.value).and_then(|said| parse(&said.reservation_id.id()?));
        match about.and_then(|id| self.minutes.get(&id)) {
            Some(minutes) => open.find(|ms| (ms / 60_000).max(1) == *minutes).unwrap_or(first),
            None => first,
        }
    }

    /// The reservation topology with the setting that was in force for each record.
    pub(super) fn topology(self, usual: &Topology) -> Result<Topology, RunError> {
        let held = Arc::new(self);
        let mut builder = Topology::named(usual.name()).group(usual.group()).inbox(usual.inbox());
        for store in usual.stores() {
            builder = builder.store(*store);
        }
        for sink in usual.sinks() {
            builder = builder.sink(sink);
        }
        if usual.has_effects() {
            builder = builder.effects();
        }
        builder
            .dead_letters(usual.dead_letters())
            .processor(move || Box::new(Various { held: Arc::clone(&held), made: BTreeMap::new() }))
            .build()
            .map_err(|nonsense| RunError::Failed(nonsense.to_string()))
    }
}

/// How many spans of a setting are named.
const SPANS_MAX: usize = 4;

/// The shop's own code, with one setting after the other.
struct Various {
    held: Arc<Held>,
    made: BTreeMap<i64, Box<dyn Processor>>,
}

impl Various {
    fn of(&mut self, place: u32, record: &Record<'_>) -> &mut dyn Processor {
        let hold_ms = self.held.at(place, record);
        let make = || {
            let settings = reservation::Settings { hold_ms, ..reservation::Settings::default() };
            reservation::topology(&settings).make_processor()
        };
        &mut **self.made.entry(hold_ms).or_insert_with(make)
    }
}

impl Processor for Various {
    fn process(&mut self, ctx: &mut Context<'_>, record: &Record<'_>) -> Result<(), ProcessError> {
        self.of(ctx.place(), record).process(ctx, record)
    }

    fn gave_up(&mut self, ctx: &mut Context<'_>, record: &Record<'_>, why: &ProcessError) -> Result<(), ProcessError> {
        self.of(ctx.place(), record).gave_up(ctx, record, why)
    }
}

/// How long each hold of a place was to last at first, in ms, by its inbox offset.
fn lasted(fetcher: &mut dyn Fetcher, place: u32) -> Result<Vec<(i64, i64)>, RunError> {
    let (source, mut holds) = (envelope::source(reservation::NAME, place), Vec::new());
    each(fetcher, EXPIRATIONS, place, &mut |record| {
        let mut is_ours = false;
        record.headers.each(&mut |name, value| {
            is_ours |= name == envelope::header::SOURCE && value == Some(source.as_bytes());
        });
        let Some(said) = Said::read(record.value).filter(|_| is_ours) else { return };
        let inner = said.inner();
        let id = inner.reservation_id.id().and_then(|id| parse(&id)).filter(|(of, _)| *of == place);
        if let (Some((_, serial)), Some(until_ms), Some(from_ms)) =
            (id, inner.expires_at.when(), said.occurred_at.when())
        {
            holds.push((serial.cast_signed(), until_ms.saturating_sub(from_ms)));
        }
    })?;
    Ok(holds)
}

/// Shows each committed record of a partition.
fn each(
    fetcher: &mut dyn Fetcher,
    topic: &str,
    partition: u32,
    see: &mut dyn FnMut(&Record<'_>),
) -> Result<(), RunError> {
    let source = TopicPartition::new(topic, partition);
    let end = reading::settled_end(fetcher, &source)?;
    reading::read(fetcher, &source, Start::Earliest, end, &mut |record| {
        see(record);
        Ok(())
    })?;
    Ok(())
}
