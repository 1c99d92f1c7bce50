//! Who has claimed which place, and who waits for it, as `ports::placement` reads the records: those of all partitions of the placement topic.

use crate::cluster::Cluster;
use crate::config::{KafkaConfig, Pace};
use crate::fetcher::KafkaFetcher;
use holdfast_ports::log::{Fetcher, LogError, Slot, Start};
use holdfast_ports::membership::Owner;
use holdfast_ports::placement::{Seen, Standing};
use holdfast_ports::record::TopicPartition;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Reads all partitions of the placement topic.
pub(crate) struct Claims {
    fetcher: KafkaFetcher,
    slots: Vec<Slot>,
    sources: Vec<TopicPartition>,
    standings: Vec<Standing>,
}

impl Claims {
    pub(crate) fn open(
        config: &KafkaConfig,
        cluster: &Arc<Cluster>,
        topic: &str,
        places: u32,
    ) -> Result<Self, LogError> {
        let mut fetcher = KafkaFetcher::open(config, Pace::Idle, cluster)?;
        let sources: Vec<_> = (0..places).map(|place| TopicPartition::new(topic, place)).collect();
        let slots = sources.iter().map(|source| fetcher.assign(source, Start::Earliest)).collect::<Result<_, _>>()?;
        let standings = vec![Standing::default(); sources.len()];
        Ok(Self { fetcher, slots, sources, standings })
    }

    /// Takes in what has arrived, without waiting.
    pub(crate) fn refresh(&mut self) -> Result<(), LogError> {
        let Self { fetcher, slots, sources, standings, .. } = self;
        let mut corrupt = None;
        loop {
            let read = fetcher.fetch(usize::MAX, &mut |slot, record| {
                if let Some(place) = slots.iter().position(|known| *known == slot) {
                    corrupt = standings[place].take_in(record).err().or(corrupt.take());
                }
                ControlFlow::Continue(())
            });
            if let Some(error) = corrupt.take() {
                return Err(error);
            }
            match read {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                // The log was cut off under us: what is there now is read again, and tells who owns the place.
                Err(LogError::OutOfRange { slot, .. }) if slots.contains(&slot) => {
                    for place in 0..slots.len() {
                        if slots[place] == slot {
                            standings[place] = Standing::default();
                            slots[place] = fetcher.assign(&sources[place], Start::Earliest)?;
                        }
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Offset of the next record of `place` that could be read.
    pub(crate) fn position(&self, place: u32) -> i64 {
        self.slots.get(place as usize).map_or(-1, |slot| self.fetcher.position(*slot))
    }

    pub(crate) fn source(&self, place: u32) -> Result<TopicPartition, LogError> {
        self.sources.get(place as usize).cloned().ok_or_else(|| LogError::Fatal(format!("there is no place {place}")))
    }

    /// The last claim of `place`, released or not.
    pub(crate) fn last(&self, place: u32) -> Option<&Seen> {
        self.standings.get(place as usize)?.last()
    }

    /// The last claim of `place` that counts, if a later one that does not would outlive it.
    pub(crate) fn buried(&self, place: u32) -> Option<&Seen> {
        self.standings.get(place as usize).filter(|standing| standing.is_buried())?.last()
    }

    /// Whether somebody but `writer` has wished for `place` since its last claim.
    pub(crate) fn is_wished_for(&self, place: u32, writer: &str) -> bool {
        self.standings.get(place as usize).is_some_and(|standing| standing.is_wished_for(writer))
    }

    /// Where every claim of `writer` stands that has been read.
    pub(crate) fn of_writer(&self, writer: &str) -> Vec<(u32, i64)> {
        let claims = (0..).zip(&self.standings).filter_map(|(place, standing)| Some((place, standing.last()?)));
        claims.filter(|(_, seen)| seen.claim.writer == writer).map(|(place, seen)| (place, seen.offset)).collect()
    }

    /// Notes our own claim before it comes back through the log.
    pub(crate) fn note(&mut self, place: u32, seen: Seen) {
        if let Some(standing) = self.standings.get_mut(place as usize) {
            standing.note(seen);
        }
    }

    pub(crate) fn owners(&self) -> Vec<Option<Owner>> {
        self.standings.iter().map(Standing::owner).collect()
    }
}
