//! What deliveries look like from outside: reservations that are paid and confirmed, facts that come again and in any order, producers without keys,
//! strangers who write into the results topic, and an operator who puts letters back.

use super::platform;
use crate::simulation::paper::head;
use crate::simulation::tally::Tally;
use crate::simulation::wrapped::put_back;
use holdfast_engine::inspect::header;
use holdfast_engine::inspect::ports::record::NewRecord;
use holdfast_engine::prelude::place_of;
use holdfast_engine::runtime::Effect;
use holdfast_model::data_platform::{COMPLETED, CONFIRMED, DEAD_LETTERS, RESULTS};
use holdfast_sim::memory_log::Stored;
use holdfast_sim::simulation::workload::Call;
use holdfast_sim::simulation::{Workload, World};
use std::collections::BTreeMap;

/// How often the shop waits at the end for what waits for its retry.
const WAITS_MAX: u32 = 200;
/// How long each time, in ms.
const WAIT_MS: i64 = 2_000;

/// The shop. It remembers what it has sent, to send it again.
pub(crate) struct Shop {
    tally: Tally,
    last: u64,
    confirmed: Vec<String>,
    letters: Vec<(u32, i64, Stored)>,
    read: BTreeMap<u32, i64>,
    waits: u32,
}

/// The value of a confirmation.
fn value(id: &str) -> String {
    format!(
        r#"{{"reservationId":"{id}","userId":"u","scheduleId":"s","seatNo":1,"amount":50000,"paymentId":"p","concertTitle":"t","confirmedAt":1773561600000}}"#
    )
}

impl Shop {
    pub(crate) fn new(tally: Tally) -> Self {
        platform::with(|received| *received = platform::Received::default());
        let (confirmed, letters, read) = (Vec::new(), Vec::new(), BTreeMap::new());
        Self { tally, last: 0, confirmed, letters, read, waits: 0 }
    }

    /// Sends to where `key` lives, mostly: a producer without keys hits any partition.
    fn send(world: &mut World<'_>, topic: &str, key: &str, value: &str, headers: &[(&str, &[u8])]) {
        let home = place_of(key.as_bytes(), world.places());
        let is_keyless = world.rng().chance(10);
        let places = u64::from(world.places());
        let anywhere = u32::try_from(world.rng().below(places)).unwrap_or(0);
        let partition = if is_keyless { anywhere } else { home };
        let key = Some(key.as_bytes()).filter(|_| !is_keyless);
        world.append(&NewRecord { topic, partition, key, value: Some(value.as_bytes()), headers });
    }

    fn confirm(&mut self, world: &mut World<'_>) {
        self.last += 1;
        let id = format!("res_{}_{}", self.last % 3, self.last);
        if world.rng().chance(50) {
            self.pay(world, &id);
        }
        Self::send(world, CONFIRMED, &id, &value(&id), &[("ce_id", id.as_bytes())]);
        self.tally.add("confirmed", 1);
        self.confirmed.push(id);
    }

    fn pay(&self, world: &mut World<'_>, id: &str) {
        let json = format!(r#"{{"payload":{{"reservationId":"{id}","paymentId":"p","amount":50000}}}}"#);
        let user = format!("user_{}", world.rng().below(20));
        Self::send(world, COMPLETED, &user, &json, &[]);
        self.tally.add("paid", 1);
    }

    fn again(&self, world: &mut World<'_>) {
        let Some(id) = world.rng().pick(&self.confirmed).cloned() else { return };
        Self::send(world, CONFIRMED, &id, &value(&id), &[]);
        self.tally.add("came again", 1);
    }

    /// A stranger writes where results come in.
    fn meddle(&self, world: &mut World<'_>) {
        let Some(id) = world.rng().pick(&self.confirmed).cloned() else { return };
        let call = world.rng().below(4);
        match world.rng().below(4) {
            0 => Self::send(world, RESULTS, &id, r#"{"type":"dance"}"#, &[]),
            1 => Self::send(world, CONFIRMED, &id, r#"{"reservationId":"#, &[]),
            2 => {
                let json = format!(r#"{{"type":"retry","reservationId":"{id}","call":{call}}}"#);
                Self::send(world, RESULTS, &id, &json, &[]);
            }
            _ => {
                let place = place_of(id.as_bytes(), world.places());
                let name = format!("{}/data-platform/{place}/{call}", world.app());
                let headers: [(&str, &[u8]); 3] = [
                    (header::EFFECT_ID, name.as_bytes()),
                    (header::EFFECT_LANE, b"data-platform/1"),
                    (header::EFFECT_PROOF, b"00000000000000000000000000000000"),
                ];
                let (key, value) = (Some(id.as_bytes()), Some(&br#"{"ended":"DONE","beganAt":0}"#[..]));
                world.append(&NewRecord { topic: RESULTS, partition: place, key, value, headers: &headers });
                self.tally.add("forged", 1);
            }
        }
    }

    fn look(&mut self, world: &World<'_>) {
        for place in 0..world.places() {
            let next = self.read.entry(place).or_default();
            for (offset, letter) in world.read(DEAD_LETTERS, place, *next) {
                *next = offset + 1;
                if head(&letter, header::CLASS).is_some_and(|class| class.starts_with("Delivery")) {
                    self.tally.add("given up", 1);
                    self.letters.push((place, offset, letter));
                }
            }
        }
    }

    /// The operator puts letters back, in any order, and one of them twice.
    fn redrive(&mut self, world: &mut World<'_>, letters_max: usize) {
        self.look(world);
        for _ in 0..letters_max.min(self.letters.len()) {
            let nth = usize::try_from(world.rng().below(self.letters.len() as u64)).unwrap_or(0);
            let (place, offset, letter) = self.letters.swap_remove(nth);
            for _ in 0..=u64::from(world.rng().chance(33)) {
                put_back(world, place, offset, &letter, DEAD_LETTERS);
            }
            self.tally.add("put back", 1);
        }
    }
}

impl Workload for Shop {
    fn act(&mut self, world: &mut World<'_>) {
        for _ in 0..world.rng().between(1, 4) {
            match world.rng().below(12) {
                0 => self.again(world),
                1 => self.meddle(world),
                2 => self.redrive(world, 2),
                3 => {
                    let id = format!("res_0_never_{}", world.rng().below(5));
                    self.pay(world, &id);
                }
                _ => self.confirm(world),
            }
        }
    }

    fn perform(&mut self, effect: &Effect, call: Call, world: &mut World<'_>) -> Vec<u8> {
        let result = platform::with(|received| received.call(effect, call, world));
        self.tally.add(&format!("{:?}{}", result.ended, if result.channel_away { ", away" } else { "" }), 1);
        serde_json::to_vec(&result).unwrap_or_default()
    }

    fn close(&mut self, world: &mut World<'_>) {
        platform::with(|received| received.is_willing = true);
        self.redrive(world, usize::MAX);
        let is_open = |id: &&String| platform::with(|received| !received.taken.contains_key(*id));
        let open = self.confirmed.iter().find(is_open).cloned();
        // What waits for its retry is waited for: meanwhile a confirmation that came before comes again.
        if let Some(id) = open.filter(|_| self.waits < WAITS_MAX) {
            self.waits += 1;
            world.wait_until(world.now_ms() + WAIT_MS, WAIT_MS);
            let (partition, value) = (place_of(id.as_bytes(), world.places()), value(&id));
            let (key, value) = (Some(id.as_bytes()), Some(value.as_bytes()));
            world.append_on_top(&NewRecord { topic: CONFIRMED, partition, key, value, headers: &[] });
        }
    }
}
