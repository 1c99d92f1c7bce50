//! What rankings look like from outside: a shop that sells seats and takes them back, producers that try twice, records that overtake each other or come
//! hours late, clients that send nonsense, and an operator who puts dead letters back.

use crate::simulation::paper::head;
use crate::simulation::wrapped::{CLUMSY, STUMBLED, put_back};
use holdfast_engine::inspect::header;
use holdfast_engine::inspect::ports::record::NewRecord;
use holdfast_engine::prelude::place_of;
use holdfast_model::ranking::{DEAD_LETTERS, INBOX};
use holdfast_sim::memory_log::Stored;
use holdfast_sim::simulation::{Workload, World};
use std::collections::BTreeMap;

const SCHEDULES: u64 = 6;
const MINUTE_MS: i64 = 60_000;
/// How late a record may come, in ms: within the last hour, and after each window has closed.
const LATE_MS: [i64; 5] =
    [40 * MINUTE_MS, 3 * 60 * MINUTE_MS, 30 * 60 * MINUTE_MS, 9 * 24 * 60 * MINUTE_MS, -10 * MINUTE_MS];

/// The shop. It remembers what it has sent, to send it again.
#[derive(Default)]
pub(crate) struct Shop {
    last: u64,
    /// Payments whose seat is sold, by schedule.
    sold: BTreeMap<u64, Vec<String>>,
    sent: Vec<(String, String)>,
    /// Records that others overtake.
    held_back: Vec<(String, String)>,
    letters: Vec<(u32, i64, Stored)>,
    read: BTreeMap<u32, i64>,
}

impl Shop {
    /// Seats of a schedule: more than fifty of one of them.
    fn capacity(schedule: u64) -> u64 {
        if schedule == 0 { 70 } else { 2 + schedule }
    }

    /// Sends to where `schedule` lives, mostly: a producer without keys hits any partition.
    fn send(world: &mut World<'_>, schedule: &str, value: &str) {
        let home = place_of(schedule.as_bytes(), world.places());
        // What a shop stumbles over is given up where it comes in: that is for the tests of the shell.
        let is_keyless = world.rng().chance(10) && !value.contains(CLUMSY);
        let places = u64::from(world.places());
        let anywhere = u32::try_from(world.rng().below(places)).unwrap_or(0);
        let partition = if is_keyless { anywhere } else { home };
        let key = Some(schedule.as_bytes()).filter(|_| !is_keyless);
        world.append(&NewRecord { topic: INBOX, partition, key, value: Some(value.as_bytes()), headers: &[] });
    }

    fn tell(&mut self, world: &mut World<'_>, kind: &str, schedule: u64, payment: &str) {
        let id = format!("s{schedule}");
        let reserved = self.sold.get(&schedule).map_or(0, Vec::len);
        let late_ms = if world.rng().chance(12) { *world.rng().pick(&LATE_MS).unwrap_or(&0) } else { 0 };
        let at_ms = world.now_ms() - late_ms;
        let opened =
            if schedule.is_multiple_of(2) { format!(r#","saleStart":{}"#, at_ms - 5_000) } else { String::new() };
        let user = if world.rng().chance(5) { format!(r#","userId":"{CLUMSY}""#) } else { String::new() };
        let capacity = Self::capacity(schedule);
        let json = format!(
            r#"{{"type":"{kind}","scheduleId":"{id}","concertTitle":"t{schedule}","paymentId":"{payment}","reserved":{reserved},"capacity":{capacity}{opened},"occurredAt":{at_ms}{user}}}"#
        );
        self.sent.push((id.clone(), json.clone()));
        if world.rng().chance(10) {
            self.held_back.push((id, json));
        } else {
            Self::send(world, &id, &json);
        }
    }

    fn sell(&mut self, world: &mut World<'_>) {
        // Half of all sales are of the large house, so that it passes fifty.
        let schedule = if world.rng().chance(50) { 0 } else { world.rng().below(SCHEDULES) };
        let sold = self.sold.entry(schedule).or_default();
        if sold.len() as u64 >= Self::capacity(schedule) {
            return self.give_back(world, schedule);
        }
        self.last += 1;
        let payment = format!("pay_{}", self.last);
        sold.push(payment.clone());
        self.tell(world, "SEAT_SOLD", schedule, &payment);
    }

    fn give_back(&mut self, world: &mut World<'_>, schedule: u64) {
        let sold = self.sold.entry(schedule).or_default();
        if sold.is_empty() {
            return;
        }
        let nth = usize::try_from(world.rng().below(sold.len() as u64)).unwrap_or(0);
        let payment = sold.swap_remove(nth);
        self.tell(world, "SEAT_RETURNED", schedule, &payment);
    }

    fn nonsense(&self, world: &mut World<'_>) {
        let schedule = format!("s{}", world.rng().below(SCHEDULES));
        let now_ms = world.now_ms();
        let nth = world.rng().between(1, self.last + 2);
        let stolen = format!(
            r#"{{"type":"SEAT_SOLD","scheduleId":"{schedule}","paymentId":"pay_{nth}","occurredAt":{now_ms}}}"#
        );
        let unknown = format!(
            r#"{{"type":"SEAT_RETURNED","scheduleId":"{schedule}","paymentId":"never_{nth}","occurredAt":{now_ms}}}"#
        );
        let value = match world.rng().below(5) {
            0 => "{",
            1 => r#"{"type":"SEAT_SOLD","scheduleId":"s1","occurredAt":1}"#,
            2 => r#"{"type":"SEAT_SOLD","scheduleId":"s1","paymentId":"ancient","occurredAt":0}"#,
            3 => &stolen,
            _ => &unknown,
        };
        Self::send(world, &schedule, value);
    }

    fn look(&mut self, world: &World<'_>) {
        for place in 0..world.places() {
            let next = self.read.entry(place).or_default();
            for (offset, letter) in world.read(DEAD_LETTERS, place, *next) {
                *next = offset + 1;
                if head(&letter, header::CLASS).as_deref() == Some(STUMBLED) {
                    self.letters.push((place, offset, letter));
                }
            }
        }
    }

    /// The operator puts back what stumbled, in any order, and sometimes twice.
    fn redrive(&mut self, world: &mut World<'_>, letters_max: usize) {
        self.look(world);
        for _ in 0..letters_max.min(self.letters.len()) {
            let nth = usize::try_from(world.rng().below(self.letters.len() as u64)).unwrap_or(0);
            let (place, offset, letter) = self.letters.swap_remove(nth);
            for _ in 0..=u64::from(world.rng().chance(33)) {
                put_back(world, place, offset, &letter, DEAD_LETTERS);
            }
        }
    }
}

impl Workload for Shop {
    fn act(&mut self, world: &mut World<'_>) {
        for _ in 0..world.rng().between(1, 6) {
            match world.rng().below(24) {
                0 => self.nonsense(world),
                1..4 => {
                    let schedule = world.rng().below(SCHEDULES);
                    self.give_back(world, schedule);
                }
                4..7 => {
                    // A producer that did not hear of its success: the same bytes once more.
                    if let Some((schedule, json)) = world.rng().pick(&self.sent).cloned() {
                        Self::send(world, &schedule, &json);
                    }
                }
                7 | 8 => {
                    if let Some((schedule, json)) = self.held_back.pop() {
                        Self::send(world, &schedule, &json);
                    }
                }
                9 => self.redrive(world, 2),
                _ => self.sell(world),
            }
        }
    }

    fn close(&mut self, world: &mut World<'_>) {
        for (schedule, json) in std::mem::take(&mut self.held_back) {
            let partition = place_of(schedule.as_bytes(), world.places());
            let (key, value) = (Some(schedule.as_bytes()), Some(json.as_bytes()));
            world.append_on_top(&NewRecord { topic: INBOX, partition, key, value, headers: &[] });
        }
        self.redrive(world, usize::MAX);
    }
}
