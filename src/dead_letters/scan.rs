//! Reading partitions of dead letters, and of the topics that they came from.

use super::filter::Filter;
use super::letter::{Heads, Lying};
use super::letter_id::LetterId;
use super::{DeadLetters, Trouble};
use holdfast_ports::log::{End, Fetcher, Start};
use holdfast_ports::record::{Record, TopicPartition};
use holdfast_tools::{Failure, reading};
use std::ops::ControlFlow;

/// A fetcher, and what it reads for.
pub(super) struct Scan<'d> {
    desk: &'d DeadLetters,
    pub(super) fetcher: Box<dyn Fetcher>,
}

/// Why reading a partition ended before its end.
enum Halt {
    /// Nothing more is wanted.
    Enough,
    /// It cannot be read.
    Failed(Failure),
}

impl From<Failure> for Halt {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl DeadLetters {
    pub(super) fn scan(&self) -> Result<Scan<'_>, Trouble> {
        Ok(Scan { desk: self, fetcher: self.log.fetcher().map_err(|e| reading::failed("log", &e))? })
    }
}

impl Scan<'_> {
    /// The partitions in which letters that match `filter` may lie, each with its end now.
    pub(super) fn sources(&mut self, filter: &Filter) -> Result<Vec<(TopicPartition, i64)>, Trouble> {
        let mut sources = Vec::new();
        for topic in filter.topics(&self.desk.catalogue) {
            // Before the first start there is no topic, and nothing has been given up.
            let Some(places) = self.desk.log.partitions(&topic).map_err(|e| reading::failed(&topic, &e))? else {
                continue;
            };
            for place in (0..places).filter(|place| filter.place.is_none_or(|wanted| wanted == *place)) {
                let source = TopicPartition::new(topic.clone(), place);
                let end = reading::end(&mut *self.fetcher, &source, End::Stable)?;
                sources.push((source, end));
            }
        }
        Ok(sources)
    }

    /// Hands over the records of `source` from offset `from` to before `end`, until `each` breaks. `None`: from the first that is still there.
    pub(super) fn read(
        &mut self,
        source: &TopicPartition,
        from: Option<i64>,
        end: i64,
        each: &mut dyn FnMut(&Record<'_>, &Heads<'_>) -> ControlFlow<()>,
    ) -> Result<(), Trouble> {
        let start = match from {
            None => Start::Earliest,
            Some(from) => {
                let from = from.max(reading::earliest(&mut *self.fetcher, source)?);
                if from >= end {
                    return Ok(());
                }
                Start::At(from)
            }
        };
        let read = reading::read::<Halt>(&mut *self.fetcher, source, start, end, &mut |record| {
            let flow = each(record, &Heads::of(record));
            if flow.is_break() { Err(Halt::Enough) } else { Ok(()) }
        });
        match read {
            Ok(_) | Err(Halt::Enough) => Ok(()),
            Err(Halt::Failed(failure)) => Err(failure.into()),
        }
    }

    /// Hands over the letters in `source` that match `filter`, as [`Scan::read`].
    pub(super) fn letters(
        &mut self,
        source: &TopicPartition,
        from: Option<i64>,
        end: i64,
        filter: &Filter,
        each: &mut dyn FnMut(Lying) -> ControlFlow<()>,
    ) -> Result<(), Trouble> {
        let desk = self.desk;
        self.read(source, from, end, &mut |record, heads| {
            let author = desk.catalogue.author(&source.topic, heads).map_or("", |topology| topology.name());
            if !filter.matches(source, author, heads, heads.failed_ms(record)) {
                return ControlFlow::Continue(());
            }
            let id = LetterId { at: source.clone(), offset: record.offset };
            each(Lying::of(id, author, record, heads))
        })
    }

    /// The letter called `id`, if it is there.
    pub(super) fn letter(&mut self, id: &LetterId) -> Result<Option<Lying>, Trouble> {
        // Only names of ours are asked for: a log may make a topic that it is asked for.
        let Some(topic) = self.desk.catalogue.dead().get(&*id.at.topic).cloned() else { return Ok(None) };
        let places = self.desk.log.partitions(&topic).map_err(|e| reading::failed(&topic, &e))?;
        if places.is_none_or(|places| id.at.partition >= places) {
            return Ok(None);
        }
        let source = TopicPartition::new(topic, id.at.partition);
        let end = reading::end(&mut *self.fetcher, &source, End::Stable)?;
        if id.offset >= end || id.offset < reading::earliest(&mut *self.fetcher, &source)? {
            return Ok(None);
        }
        let mut found = None;
        self.letters(&source, Some(id.offset), id.offset + 1, &Filter::default(), &mut |letter| {
            found = Some(letter);
            ControlFlow::Break(())
        })?;
        Ok(found)
    }
}
