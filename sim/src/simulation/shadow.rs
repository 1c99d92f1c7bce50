//! Deciding everything again: one worker, alone and undisturbed, on the inboxes as they lie in the log. It has to send what was sent (I-19).

use super::APP;
use super::outside::Outside;
use super::run::{Run, Wrong};
use super::worker::{Stepped, Worker};
use crate::memory_log::{MemoryLog, Stored};
use crate::rng::Rng;
use holdfast_engine::inspect::changelog;
use holdfast_engine::runtime::Next;
use holdfast_ports::clock::Clock;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Steps after which the shadow goes round in circles.
const STEPS_MAX: u64 = 100_000;
/// Steps in a row that find nothing to do, all restores done and all delayed messages sent.
const QUIET_STEPS: u64 = 50;

/// What a record is to whoever compares: everything but when it was appended.
type Bare = (Option<Vec<u8>>, Option<Vec<u8>>, Vec<(String, Option<Vec<u8>>)>);

impl Run<'_> {
    pub(super) fn decide_again(&mut self) -> Result<(), Wrong> {
        let topics = self.topics();
        let topologies = &self.simulation.topologies;
        let inboxes: Vec<String> =
            topologies.iter().flat_map(|t| t.sources().iter().map(ToString::to_string)).collect();
        let clock = crate::clock::SimClock::default();
        // Everything that was due is due.
        let latest_ms = self.workers.iter().map(|w| w.clock.now_ms()).chain([self.log_clock.now_ms()]).max();
        clock.jump_ms(latest_ms.unwrap_or_default() - clock.now_ms() + 1_000_000);
        let shadow = self.log.shadow(&topics, &inboxes, Arc::new(clock.clone()));
        let mut worker = Worker::new(0, true, clock.clone(), super::disk::DiskKind::Memory);
        worker.start(&shadow, topologies, self.options.places, None, &Outside::default(), Rng::new(0))?;
        let mut quiet = 0;
        for _ in 0..STEPS_MAX {
            match worker.step() {
                Stepped::Next(Next::Now) => quiet = 0,
                Stepped::Next(Next::Wait(at_most)) => {
                    quiet += 1;
                    clock.advance_us(u64::try_from(at_most.as_micros()).unwrap_or(u64::MAX).max(1_000));
                }
                Stepped::Off => return Err("the shadow's power failed".to_owned()),
                Stepped::Ended(why) => return Err(format!("the shadow ended: {why}")),
            }
            if quiet > QUIET_STEPS && shadow.is_calm(APP) {
                break;
            }
        }
        let changelogs: Vec<String> = topologies.iter().map(|t| changelog::topic(APP, t.name())).collect();
        for topic in topics.iter().map(|spec| &spec.name).filter(|t| !inboxes.contains(t) && !changelogs.contains(t)) {
            for partition in 0..self.options.places {
                let (live, again) = (bare(&self.log, topic, partition), bare(&shadow, topic, partition));
                if let Some(record) = live.keys().chain(again.keys()).find(|r| live.get(*r) != again.get(*r)) {
                    return Err(format!(
                        "{topic}-{partition}: {} was sent {} times, and {} times when everything was decided again (I-19)",
                        shown(record),
                        live.get(record).unwrap_or(&0),
                        again.get(record).unwrap_or(&0)
                    ));
                }
            }
        }
        Ok(())
    }
}

/// How often each record is there.
fn bare(log: &MemoryLog, topic: &str, partition: u32) -> BTreeMap<Bare, u64> {
    let mut times = BTreeMap::new();
    for (_, Stored { key, value, headers, .. }) in log.committed(topic, partition) {
        *times.entry((key, value, headers)).or_default() += 1;
    }
    times
}

fn shown((key, value, _): &Bare) -> String {
    let text = |bytes: &Option<Vec<u8>>| String::from_utf8_lossy(bytes.as_deref().unwrap_or_default()).into_owned();
    format!("{:?}: {:?}", text(key), text(value))
}
