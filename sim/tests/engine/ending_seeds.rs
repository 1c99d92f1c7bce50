//! Rows that end under everything that can go wrong: receipts are kept for seconds, and a history lasts for minutes.

use crate::receipts::{IN, KEEP_MS, OUT, Receipt, STEP_MS, chunks, kept_for, stored};
use holdfast_sim::Simulation;
use holdfast_sim::simulation::{Audit, Cursor, History, LiveStores, Workload, World};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

const SEEDS: std::ops::RangeInclusive<u64> = 1..=25;
/// Of a history that lasts for some seconds.
const KEEP_FOR_MS: i64 = KEEP_MS / 10;

/// Few ids, so that many are asked for again, some of them at the edge of their time.
struct Askers;

impl Workload for Askers {
    fn act(&mut self, world: &mut World<'_>) {
        for _ in 0..world.rng().between(1, 5) {
            let key = format!("k{}", world.rng().below(9));
            let id = format!("{key}-{}", world.rng().below(12));
            let verb = match world.rng().below(20) {
                0 => "fail",
                1 => "open",
                7 => "hold",
                2..5 => "renew",
                5 => "note",
                6 => "put",
                _ => "ask",
            };
            world.send(IN, &key, format!("{verb} {id}").as_bytes());
        }
    }
}

/// Decides again, place by place, with rules of its own.
struct Auditor {
    places: BTreeMap<u32, Place>,
    happened: Arc<Happened>,
}

/// What histories have had in them, so that there was something to be wrong about.
#[derive(Debug, Default)]
struct Happened {
    /// An id was asked for whose receipt had ended, deleted or not.
    asked_after_end: AtomicU64,
    /// A receipt had ended and was still stored at the end.
    stored_after_end: AtomicU64,
    deleted: AtomicU64,
}

#[derive(Default)]
struct Place {
    inbox: Cursor,
    outbox: Cursor,
    now_ms: i64,
    last: u64,
    receipts: BTreeMap<String, Receipt>,
    expected: Vec<String>,
    said: usize,
    asked_after_end: u64,
}

impl Place {
    fn is_kept(&self, receipt: &Receipt) -> bool {
        let step_ms = STEP_MS * KEEP_FOR_MS / KEEP_MS;
        receipt.decided_ms > (self.now_ms - KEEP_FOR_MS).div_euclid(step_ms) * step_ms
    }

    fn decide(&mut self, text: &str) {
        let (verb, id) = text.split_once(' ').unwrap_or_default();
        let kept = self.receipts.get(id).cloned().filter(|receipt| self.is_kept(receipt));
        let decided_ms = self.now_ms;
        let receipt = match (verb, kept) {
            ("ask", Some(receipt)) => {
                self.expected.push(format!("again {id} {}", receipt.number));
                return;
            }
            ("ask", None) => {
                self.asked_after_end += u64::from(self.receipts.contains_key(id));
                self.last += 1;
                self.expected.push(format!("new {id} {}", self.last));
                Receipt { decided_ms, number: self.last }
            }
            ("renew", Some(receipt)) => {
                self.expected.push(format!("renewed {id} {}", receipt.number));
                Receipt { decided_ms, ..receipt }
            }
            ("put", _) => Receipt { decided_ms, number: 0 },
            ("open" | "hold", _) => Receipt { decided_ms: i64::MAX, number: 0 },
            _ => return,
        };
        self.receipts.insert(id.to_owned(), receipt);
    }

    fn follow(&mut self, history: &History<'_>, place: u32) -> Result<(), String> {
        for (_, record) in self.inbox.read(history, IN, place) {
            self.now_ms = self.now_ms.max(record.append_ms);
            self.decide(&String::from_utf8_lossy(record.value.as_deref().unwrap_or_default()));
        }
        for (offset, record) in self.outbox.read(history, OUT, place) {
            let said = String::from_utf8_lossy(record.value.as_deref().unwrap_or_default()).into_owned();
            let expected = self.expected.get(self.said);
            if expected != Some(&said) {
                return Err(format!("{OUT}-{place} offset {offset}: {said:?} instead of {expected:?}"));
            }
            self.said += 1;
        }
        Ok(())
    }
}

impl Audit for Auditor {
    fn committed(&mut self, history: &History<'_>) -> Result<(), String> {
        (0..history.places()).try_for_each(|place| self.places.entry(place).or_default().follow(history, place))
    }

    fn settled(&mut self, history: &History<'_>, stores: &LiveStores) -> Result<(), String> {
        self.committed(history)?;
        for task in stores.tasks("clerk") {
            let place = &self.places[&task.place()];
            let here = format!("place {}", task.place());
            if place.said != place.expected.len() {
                return Err(format!("{here}: {} of {} were said", place.said, place.expected.len()));
            }
            let stored = stored(&task);
            let differs = |(id, receipt): (&String, &Receipt)| stored.get(id) != Some(receipt);
            let kept = place.receipts.iter().filter(|(_, receipt)| place.is_kept(receipt));
            if let Some((id, _)) = kept.into_iter().find(|row| differs(*row)) {
                return Err(format!("{here}: {id} is kept, and stored as {:?}", stored.get(id)));
            }
            self.happened.asked_after_end.fetch_add(place.asked_after_end, Relaxed);
            let late = stored.values().filter(|receipt| !place.is_kept(receipt)).count();
            self.happened.stored_after_end.fetch_add(late as u64, Relaxed);
            self.happened.deleted.fetch_add((place.receipts.len() - stored.len()) as u64, Relaxed);
            let entries: BTreeSet<String> = chunks(&task).concat().into_iter().collect();
            for (id, receipt) in &stored {
                if place.receipts.get(id) != Some(receipt) {
                    return Err(format!("{here}: {id} is stored as {receipt:?}, not {:?}", place.receipts.get(id)));
                }
                if receipt.decided_ms != i64::MAX && !entries.contains(id) {
                    return Err(format!("{here}: {id} is stored, and nothing will ever end it"));
                }
            }
        }
        Ok(())
    }
}

#[test]
fn receipts_survive_whatever_happens() {
    let happened = Arc::new(Happened::default());
    let tally = happened.clone();
    let simulation = Simulation::of(&[kept_for(KEEP_FOR_MS)])
        .workload(|| Askers)
        .audit(move || Auditor { places: BTreeMap::new(), happened: tally.clone() });
    for seed in SEEDS {
        let report = simulation.run(seed).unwrap_or_else(|failure| panic!("{failure} [{}]", failure.options));
        assert!(report.commits > 0 && report.records > 0, "seed {seed} did nothing");
    }
    println!("{happened:?}");
    let Happened { asked_after_end, stored_after_end, deleted } = &*happened;
    assert!([asked_after_end, stored_after_end, deleted].iter().all(|count| count.load(Relaxed) > 0), "{happened:?}");
}
