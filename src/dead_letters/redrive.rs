//! A redrive from its first letter to its last.
//!
//! Letters are read a window at a time, so the memory that a redrive takes does not grow with their number, and put back in transactions of a quarter of
//! a second's worth. What it has put back stays put back, so a redrive that was stopped goes on when it is asked for again.

use super::copy_of_letter::{PutBack, Stamp, obstacle};
use super::filter::Filter;
use super::letter::Lying;
use super::letter_id::LetterId;
use super::report::{Progress, Redriven, State};
use super::scan::Scan;
use super::session::Fate;
use super::{DeadLetters, Trouble};
use holdfast_model::rfc3339;
use holdfast_ports::log::End;
use holdfast_ports::record::{Topic, TopicPartition};
use holdfast_tools::reading;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::time::Duration;

/// Letters put back in a second, when the operator does not say how many.
pub const RATE_DEFAULT: u32 = 100;
/// Most that may be asked for.
pub const RATE_MAX: u32 = 100_000;
/// Letters that are held in memory at a time, and what they may come to in bytes.
const WINDOW: (usize, usize) = (1_000, 4 << 20);
/// Letters that are put back in one transaction, at most.
const BATCH_MAX: usize = 200;

/// Which letters are to be put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// These.
    Named(Vec<LetterId>),
    /// All that match.
    All(Filter),
}

/// What an operator wants put back, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Which letters.
    pub which: Which,
    /// The operator's name.
    pub by: String,
    /// Letters a second, at most: from 1 to [`RATE_MAX`].
    pub rate: u32,
    /// Says what would be put back, and puts nothing back.
    pub dry_run: bool,
    /// Puts letters back that were put back before, too.
    pub force: bool,
}

impl DeadLetters {
    /// Does what `order` says, and notes in `progress` what came of it.
    ///
    /// # Errors
    /// For a filter that names nothing, or when the log cannot be read or written to. What was put back until then stays put back, and `progress` says so.
    pub fn redrive(&self, order: &Order, progress: &Progress) -> Result<(), Trouble> {
        let started_at = rfc3339::to_string(self.clock.now_ms());
        progress.change(|report| {
            report.dry_run = order.dry_run;
            report.by.clone_from(&order.by);
            report.rate_per_second = order.rate;
            report.started_at = started_at;
        });
        self.session.lock().users += 1;
        let outcome = Run { desk: self, order, progress, paced: 0, began_us: self.clock.monotonic_us() }.run();
        {
            let mut session = self.session.lock();
            session.users -= 1;
            if session.users == 0 {
                session.close();
            }
        }
        progress.change(|report| {
            report.finished_at = Some(rfc3339::to_string(self.clock.now_ms()));
            report.state = match &outcome {
                Ok(ControlFlow::Continue(())) => State::Done,
                Ok(ControlFlow::Break(())) => State::Stopped,
                Err(trouble) => {
                    report.error = Some(trouble.to_string());
                    if progress.is_to_stop() { State::Stopped } else { State::Failed }
                }
            };
        });
        outcome.map(|_| ())
    }

    /// The topology whose inbox `topic` is.
    pub(super) fn inbox_of(&self, topic: &Topic) -> Option<String> {
        let reader = self.catalogue.reader(topic)?;
        (reader.inbox() == topic).then(|| reader.name().to_string())
    }

    /// Whether a copy can be put into `home`.
    fn is_source(&self, home: &TopicPartition) -> Result<bool, Trouble> {
        let Some(topic) = self.catalogue.source(&home.topic) else { return Ok(false) };
        let places = self.log.partitions(&topic).map_err(|e| reading::failed(&topic, &e))?;
        Ok(places.is_some_and(|places| home.partition < places))
    }
}

struct Run<'a> {
    desk: &'a DeadLetters,
    order: &'a Order,
    progress: &'a Progress,
    /// Letters put back.
    paced: u64,
    began_us: u64,
}

type Flow = Result<ControlFlow<()>, Trouble>;

impl Run<'_> {
    fn run(&mut self) -> Flow {
        let flow = match &self.order.which {
            Which::Named(ids) => self.named(ids),
            Which::All(filter) => self.all(filter),
        };
        if !self.order.dry_run {
            self.locate()?;
        }
        flow
    }

    fn named(&mut self, ids: &[LetterId]) -> Flow {
        let mut scan = self.desk.scan()?;
        let mut letters = Vec::new();
        for id in ids.iter().collect::<BTreeSet<_>>() {
            match scan.letter(id)? {
                Some(letter) => letters.push(letter),
                None => self.progress.change(|report| report.skipped(id, "NOT_FOUND", "there is no such dead letter")),
            }
        }
        self.window(letters)
    }

    fn all(&mut self, filter: &Filter) -> Flow {
        self.desk.check(filter)?;
        let mut scan = self.desk.scan()?;
        let mut found = false;
        // Up to the ends as they are now: what is given up once more is not put back in the same redrive.
        for (source, end) in scan.sources(filter)? {
            let mut from = 0;
            loop {
                let letters = next_window(&mut scan, &source, from, end, filter)?;
                let Some(last) = letters.last() else { break };
                from = last.id.offset + 1;
                found = true;
                if self.window(letters)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        if !found {
            self.desk.check_reason(filter)?;
        }
        Ok(ControlFlow::Continue(()))
    }

    fn window(&mut self, letters: Vec<Lying>) -> Flow {
        let mut sources = BTreeMap::new();
        let mut can_be = Vec::new();
        for letter in letters {
            let is_source = match &letter.home {
                None => false,
                Some(home) => match sources.get(home) {
                    Some(is_source) => *is_source,
                    None => *sources.entry(home.clone()).or_insert(self.desk.is_source(home)?),
                },
            };
            match obstacle(&letter, is_source) {
                Some((code, why)) => self.progress.change(|report| report.skipped(&letter.id, code, why)),
                None => can_be.push(letter),
            }
        }
        if self.order.dry_run {
            return self.would(&can_be);
        }
        let quarter = usize::try_from(self.order.rate.div_ceil(4)).unwrap_or(BATCH_MAX);
        for batch in can_be.chunks(quarter.clamp(1, BATCH_MAX)) {
            if self.progress.pause(self.due()) {
                return Ok(ControlFlow::Break(()));
            }
            let stamp = Stamp { by: &self.order.by, at_ms: self.desk.clock.now_ms() };
            let fates = self.desk.put_back(batch, &stamp, self.order.force, self.progress)?;
            self.paced += self.progress.change(|report| {
                let before = report.counts.redriven;
                for (letter, fate) in batch.iter().zip(fates) {
                    match fate {
                        Fate::PutBack(one) => report.redriven(self.shown(&one)),
                        Fate::Before(one) => report.already(self.shown(&one)),
                        Fate::Refused(why) => report.skipped(&letter.id, "REFUSED_BY_LOG", why),
                    }
                }
                report.counts.redriven - before
            });
        }
        Ok(ControlFlow::Continue(()))
    }

    fn shown(&self, put_back: &PutBack) -> Redriven {
        Redriven::of(put_back, |topic| self.desk.inbox_of(topic))
    }

    /// How long it is until the next letters may be put back.
    fn due(&self) -> Duration {
        let due_us =
            self.began_us.saturating_add(self.paced.saturating_mul(1_000_000) / u64::from(self.order.rate.max(1)));
        Duration::from_micros(due_us.saturating_sub(self.desk.clock.monotonic_us()))
    }

    /// Says what would be put back.
    fn would(&self, letters: &[Lying]) -> Flow {
        let mut scan = self.desk.scan()?;
        let mut copies = self.desk.copies.lock();
        self.desk.look(&mut copies, &mut scan, &homes(letters))?;
        self.progress.change(|report| {
            for letter in letters {
                let seen = copies.of(&letter.id);
                let Some(home) = letter.home.clone() else { continue };
                let one = PutBack {
                    id: letter.id.clone(),
                    home,
                    attempt: u32::try_from(seen.len()).unwrap_or(u32::MAX).saturating_add(1),
                    by: None,
                    at_ms: None,
                    offset: None,
                };
                match seen.last() {
                    Some(last) if !self.order.force => report.already(self.shown(&last.put_back(&letter.id))),
                    _ => report.redriven(self.shown(&one)),
                }
            }
        });
        Ok(if self.progress.is_to_stop() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    /// Finds out where the copies lie that the report names.
    fn locate(&self) -> Result<(), Trouble> {
        let named = self.progress.change(|report| report.redriven.clone());
        let mut scan = self.desk.scan()?;
        let mut copies = self.desk.copies.lock();
        let mut read = BTreeSet::new();
        let mut found = Vec::with_capacity(named.len());
        for mut one in named {
            let Some(id) = LetterId::parse(&one.id) else { continue };
            let mut home = copies.of(&id).iter().find(|copy| copy.attempt == one.attempt).cloned();
            if home.is_none() && read.insert(one.topic.clone()) {
                for source in copies.partitions_of(&one.topic) {
                    let end = reading::settled_end(&mut *scan.fetcher, &source)?;
                    let from = copies.read_to(&source).unwrap_or(end);
                    copies.look(&mut scan, &source, from, end)?;
                }
                home = copies.of(&id).iter().find(|copy| copy.attempt == one.attempt).cloned();
            }
            if let Some(copy) = home {
                one = self.shown(&copy.put_back(&id));
            }
            found.push(one);
        }
        drop(copies);
        self.progress.change(|report| report.redriven = found);
        Ok(())
    }
}

/// Where `letters` come from, each with the first offset at which a copy may lie.
pub(super) fn homes(letters: &[Lying]) -> BTreeMap<TopicPartition, i64> {
    let mut homes = BTreeMap::new();
    for letter in letters {
        if let Some(home) = &letter.home {
            let first = homes.entry(home.clone()).or_insert(i64::MAX);
            *first = letter.copies_from.min(*first);
        }
    }
    homes
}

impl DeadLetters {
    /// Reads which letters have been put back into each of `homes`, from an offset on. Those that are none of ours are left out.
    pub(super) fn look(
        &self,
        copies: &mut super::copies::Copies,
        scan: &mut Scan<'_>,
        homes: &BTreeMap<TopicPartition, i64>,
    ) -> Result<(), Trouble> {
        for (home, from) in homes {
            if self.is_source(home)? {
                let end = reading::end(&mut *scan.fetcher, home, End::Stable)?;
                copies.look(scan, home, *from, end)?;
            }
        }
        Ok(())
    }
}

fn next_window(
    scan: &mut Scan<'_>,
    source: &TopicPartition,
    from: i64,
    end: i64,
    filter: &Filter,
) -> Result<Vec<Lying>, Trouble> {
    let (mut letters, mut bytes) = (Vec::new(), 0);
    scan.letters(source, Some(from), end, filter, &mut |letter| {
        bytes += letter.bytes();
        letters.push(letter);
        if letters.len() < WINDOW.0 && bytes < WINDOW.1 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(letters)
}
