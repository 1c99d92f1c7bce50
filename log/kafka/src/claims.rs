//! Who has claimed which place: the last record with the key `claim` in each partition of the placement topic.
//!
//! ```text
//!  key    claim
//!  value  {"endpoint":"http://10.0.0.7:3000","writer":"holdfast-w1-0","released":false}
//! ```

use crate::cluster::Cluster;
use crate::config::{KafkaConfig, Pace};
use crate::fetcher::KafkaFetcher;
use holdfast_ports::clock::Clock;
use holdfast_ports::log::{End, Fetcher, LogError, Slot, Start};
use holdfast_ports::membership::Owner;
use holdfast_ports::record::{Record, TopicPartition};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

pub(crate) const CLAIM_KEY: &[u8] = b"claim";

/// How long reading up to the end of one partition may take.
const CATCH_UP_MS: u64 = 10_000;
const TURN: Duration = Duration::from_millis(10);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claim {
    pub(crate) endpoint: String,
    pub(crate) writer: String,
    #[serde(default)]
    pub(crate) released: bool,
}

/// A claim and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) offset: i64,
    pub(crate) claim: Claim,
}

/// Reads all partitions of the placement topic.
pub(crate) struct Claims {
    fetcher: KafkaFetcher,
    slots: Vec<Slot>,
    sources: Vec<TopicPartition>,
    last: Vec<Option<Seen>>,
    clock: Arc<dyn Clock>,
}

impl Claim {
    pub(crate) fn of(owner: &Owner, released: bool) -> Self {
        Self { endpoint: owner.endpoint.clone(), writer: owner.writer.clone(), released }
    }

    fn owner(&self) -> Owner {
        Owner { endpoint: self.endpoint.clone(), writer: self.writer.clone() }
    }
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
        let last = vec![None; sources.len()];
        Ok(Self { fetcher, slots, sources, last, clock: Arc::clone(&config.clock) })
    }

    /// Takes in what has arrived, without waiting.
    pub(crate) fn refresh(&mut self) -> Result<(), LogError> {
        let Self { fetcher, slots, sources, last, .. } = self;
        let mut corrupt = None;
        loop {
            let read = fetcher.fetch(usize::MAX, &mut |slot, record| {
                if let Some(place) = slots.iter().position(|known| *known == slot) {
                    match read(record) {
                        Ok(seen) => enter(&mut last[place], seen),
                        Err(why) => corrupt = Some(why),
                    }
                }
                ControlFlow::Continue(())
            });
            if let Some(why) = corrupt.take() {
                return Err(LogError::Corrupt(why));
            }
            match read {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                // The log was cut off under us: what is there now is read again, and tells who owns the place.
                Err(LogError::OutOfRange { slot, .. }) if slots.contains(&slot) => {
                    for place in 0..slots.len() {
                        if slots[place] == slot {
                            last[place] = None;
                            slots[place] = fetcher.assign(&sources[place], Start::Earliest)?;
                        }
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads `place` up to its end of now.
    pub(crate) fn catch_up(&mut self, place: u32) -> Result<(), LogError> {
        let source = self.source(place)?;
        let end = self.fetcher.end(&source, End::Written)?;
        let slot = self.slots[place as usize];
        let until_us = self.clock.monotonic_us() + CATCH_UP_MS * 1_000;
        loop {
            self.refresh()?;
            if self.fetcher.position(slot) >= end {
                return Ok(());
            }
            if self.clock.monotonic_us() >= until_us {
                return Err(LogError::Retry(format!("{source}: claims could not be read up to offset {end}")));
            }
            self.fetcher.wait(TURN)?;
        }
    }

    pub(crate) fn source(&self, place: u32) -> Result<TopicPartition, LogError> {
        self.sources.get(place as usize).cloned().ok_or_else(|| LogError::Fatal(format!("there is no place {place}")))
    }

    /// The last claim of `place`, released or not.
    pub(crate) fn last(&self, place: u32) -> Option<&Seen> {
        self.last.get(place as usize)?.as_ref()
    }

    /// Where every claim of `writer` stands that has been read.
    pub(crate) fn of_writer(&self, writer: &str) -> Vec<(u32, i64)> {
        let claims = (0..).zip(&self.last).filter_map(|(place, seen)| Some((place, seen.as_ref()?)));
        claims.filter(|(_, seen)| seen.claim.writer == writer).map(|(place, seen)| (place, seen.offset)).collect()
    }

    /// Notes our own claim before it comes back through the log.
    pub(crate) fn note(&mut self, place: u32, seen: Seen) {
        if let Some(last) = self.last.get_mut(place as usize) {
            enter(last, Some(seen));
        }
    }

    pub(crate) fn owners(&self) -> Vec<Option<Owner>> {
        let owner =
            |seen: &Option<Seen>| seen.as_ref().filter(|seen| !seen.claim.released).map(|seen| seen.claim.owner());
        self.last.iter().map(owner).collect()
    }
}

/// The later one counts: our own claims are noted before they come back.
fn enter(last: &mut Option<Seen>, seen: Option<Seen>) {
    if let Some(seen) = seen
        && last.as_ref().is_none_or(|known| known.offset < seen.offset)
    {
        *last = Some(seen);
    }
}

fn read(record: &Record<'_>) -> Result<Option<Seen>, String> {
    match (record.key, record.value) {
        (Some(CLAIM_KEY), Some(value)) => match serde_json::from_slice(value) {
            Ok(claim) => Ok(Some(Seen { offset: record.offset, claim })),
            Err(error) => Err(format!("claim at offset {}: {error}", record.offset)),
        },
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_ports::record::NoHeaders;

    fn record<'a>(key: &'a [u8], value: &'a [u8]) -> Record<'a> {
        Record { offset: 7, append_ms: 0, key: Some(key), value: Some(value), headers: &NoHeaders }
    }

    #[test]
    fn a_claim_comes_back_as_written() {
        let owner = Owner { endpoint: "http://a:1".to_owned(), writer: "app-w-0".to_owned() };
        let claim = Claim::of(&owner, true);
        let json = serde_json::to_vec(&claim).unwrap();
        assert_eq!(read(&record(CLAIM_KEY, &json)).unwrap(), Some(Seen { offset: 7, claim }));
    }

    #[test]
    fn other_keys_are_nobodys_and_nonsense_is_corrupt() {
        assert_eq!(read(&record(b"other", b"?")), Ok(None));
        assert!(read(&record(CLAIM_KEY, b"?")).unwrap_err().contains("offset 7"));
    }
}
