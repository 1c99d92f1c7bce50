//! Who has claimed which place, and who waits for it: the last records with the keys `claim` and `wish` in each partition of the placement topic.
//!
//! ```text
//!  key    claim
//!  value  {"endpoint":"http://10.0.0.7:3000","writer":"holdfast-w1-0","released":false,"yields":false}
//!  key    wish
//!  value  {"writer":"holdfast-w2-0"}
//! ```
//!
//! A claim that yields is one whose owner has given the place back to the group and works on until somebody wishes for it.

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
pub(crate) const WISH_KEY: &[u8] = b"wish";

/// How long reading up to the end of one partition may take.
const CATCH_UP_MS: u64 = 10_000;
const TURN: Duration = Duration::from_millis(10);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claim {
    pub(crate) endpoint: String,
    pub(crate) writer: String,
    #[serde(default)]
    pub(crate) released: bool,
    #[serde(default)]
    pub(crate) yields: bool,
}

/// Who waits for a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wish {
    pub(crate) writer: String,
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
    /// The last wish for each place, and where it stands.
    wishes: Vec<Option<(i64, Wish)>>,
    clock: Arc<dyn Clock>,
}

/// One record of the placement topic.
#[derive(Debug, PartialEq, Eq)]
enum Entry {
    Claim(Seen),
    Wish(i64, Wish),
    Other,
}

impl Claim {
    pub(crate) fn of(owner: &Owner) -> Self {
        Self { endpoint: owner.endpoint.clone(), writer: owner.writer.clone(), released: false, yields: false }
    }

    pub(crate) fn released(self) -> Self {
        Self { released: true, ..self }
    }

    pub(crate) fn yielding(self) -> Self {
        Self { yields: true, ..self }
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
        let (last, wishes) = (vec![None; sources.len()], vec![None; sources.len()]);
        Ok(Self { fetcher, slots, sources, last, wishes, clock: Arc::clone(&config.clock) })
    }

    /// Takes in what has arrived, without waiting.
    pub(crate) fn refresh(&mut self) -> Result<(), LogError> {
        let Self { fetcher, slots, sources, last, wishes, .. } = self;
        let mut corrupt = None;
        loop {
            let read = fetcher.fetch(usize::MAX, &mut |slot, record| {
                if let Some(place) = slots.iter().position(|known| *known == slot) {
                    match read(record) {
                        Ok(Entry::Claim(seen)) => enter(&mut last[place], seen),
                        Ok(Entry::Wish(offset, wish)) => wishes[place] = Some((offset, wish)),
                        Ok(Entry::Other) => {}
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
                            wishes[place] = None;
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

    /// Whether somebody but `writer` has wished for `place` since its last claim.
    pub(crate) fn is_wished_for(&self, place: u32, writer: &str) -> bool {
        let claimed = self.last(place).map_or(-1, |seen| seen.offset);
        let wish = self.wishes.get(place as usize).and_then(Option::as_ref);
        wish.is_some_and(|(offset, wish)| *offset > claimed && wish.writer != writer)
    }

    /// Where every claim of `writer` stands that has been read.
    pub(crate) fn of_writer(&self, writer: &str) -> Vec<(u32, i64)> {
        let claims = (0..).zip(&self.last).filter_map(|(place, seen)| Some((place, seen.as_ref()?)));
        claims.filter(|(_, seen)| seen.claim.writer == writer).map(|(place, seen)| (place, seen.offset)).collect()
    }

    /// Notes our own claim before it comes back through the log.
    pub(crate) fn note(&mut self, place: u32, seen: Seen) {
        if let Some(last) = self.last.get_mut(place as usize) {
            enter(last, seen);
        }
    }

    pub(crate) fn owners(&self) -> Vec<Option<Owner>> {
        let owner =
            |seen: &Option<Seen>| seen.as_ref().filter(|seen| !seen.claim.released).map(|seen| seen.claim.owner());
        self.last.iter().map(owner).collect()
    }
}

/// The later one counts: our own claims are noted before they come back. But nobody can release or yield what another one has claimed since: he was
/// asleep between the thought and the deed.
fn enter(last: &mut Option<Seen>, seen: Seen) {
    let takes_effect = last.as_ref().is_none_or(|known| {
        let gives_up = seen.claim.released || seen.claim.yields;
        known.offset < seen.offset && (!gives_up || known.claim.writer == seen.claim.writer)
    });
    if takes_effect {
        *last = Some(seen);
    }
}

fn read(record: &Record<'_>) -> Result<Entry, String> {
    let Record { offset, key, value, .. } = record;
    let corrupt = |error: serde_json::Error| format!("placement record at offset {offset}: {error}");
    match (*key, *value) {
        (Some(CLAIM_KEY), Some(value)) => {
            Ok(Entry::Claim(Seen { offset: *offset, claim: serde_json::from_slice(value).map_err(corrupt)? }))
        }
        (Some(WISH_KEY), Some(value)) => Ok(Entry::Wish(*offset, serde_json::from_slice(value).map_err(corrupt)?)),
        _ => Ok(Entry::Other),
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
        for claim in [Claim::of(&owner), Claim::of(&owner).released(), Claim::of(&owner).yielding()] {
            let json = serde_json::to_vec(&claim).unwrap();
            assert_eq!(read(&record(CLAIM_KEY, &json)), Ok(Entry::Claim(Seen { offset: 7, claim })));
        }
        let wish = Wish { writer: "app-v-0".to_owned() };
        let json = serde_json::to_vec(&wish).unwrap();
        assert_eq!(read(&record(WISH_KEY, &json)), Ok(Entry::Wish(7, wish)));
    }

    #[test]
    fn a_claim_from_before_there_were_wishes_is_one_that_does_not_yield() {
        let before = br#"{"endpoint":"http://a:1","writer":"w"}"#;
        let claim = Claim { endpoint: "http://a:1".to_owned(), writer: "w".to_owned(), released: false, yields: false };
        assert_eq!(read(&record(CLAIM_KEY, before)), Ok(Entry::Claim(Seen { offset: 7, claim })));
    }

    #[test]
    fn who_wakes_up_too_late_gives_up_nothing() {
        let of = |writer: &str| Claim::of(&Owner { endpoint: "http://a:1".to_owned(), writer: writer.to_owned() });
        let after = |claims: Vec<Claim>| {
            let mut last = None;
            for (offset, claim) in (0..).zip(claims) {
                enter(&mut last, Seen { offset, claim });
            }
            last.map(|seen| seen.offset)
        };
        assert_eq!(after(vec![of("a"), of("a").yielding(), of("a").released()]), Some(2));
        assert_eq!(after(vec![of("a"), of("b"), of("a").yielding(), of("a").released()]), Some(1));
        assert_eq!(
            after(vec![of("a"), of("b"), of("a")]),
            Some(2),
            "a claim is a claim: its generation is what counts"
        );
        assert_eq!(after(vec![of("a").released(), of("b").yielding()]), Some(0));
    }

    #[test]
    fn other_keys_are_nobodys_and_nonsense_is_corrupt() {
        assert_eq!(read(&record(b"other", b"?")), Ok(Entry::Other));
        assert!(read(&record(CLAIM_KEY, b"?")).unwrap_err().contains("offset 7"));
        assert!(read(&record(WISH_KEY, b"?")).unwrap_err().contains("offset 7"));
    }
}
