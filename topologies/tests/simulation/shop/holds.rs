//! Nothing but holds, a great many, under clocks that are five seconds wrong and more, and one question: does any of them end before its time?
//!
//! A hold lasts 2.5 s, so a clock that is ahead asks for its end at once, and one that is behind asks late. Every record that the workload counts is a
//! hold: `make sim ONLY=holds SEEDS=2500` is a million of them.

use super::{HOLD_MS, settings};
use crate::simulation::paper;
use holdfast_engine::inspect::ports::record::NewRecord;
use holdfast_engine::prelude::place_of;
use holdfast_model::reservation;
use holdfast_model::reservation::ids;
use holdfast_model::reservation::message::{Command, CreateSchedule, Expire, Hold, Message, Seats};
use holdfast_sim::Simulation;
use holdfast_sim::simulation::{Audit, Cursor, History, LiveStores, Workload, World};
use holdfast_topologies::expiration;
use std::collections::BTreeMap;

const SCHEDULES: u64 = 9;
const SEATS: i64 = 1_000_000;
/// Holds that come at once, at most.
const AT_ONCE_MAX: u64 = 40;

/// The holds under simulation.
pub(crate) fn simulation() -> Simulation {
    // By the first rules, whose ids can be counted up: so a client can try to end a hold that it knows nothing of.
    let first_rules = reservation::Settings { rules: 1, ..settings() };
    Simulation::of(&[holdfast_topologies::reservation::topology(&first_rules), expiration::topology()])
        .workload(Queue::default)
        .audit(Watch::default)
}

/// Everybody gets a seat of his own.
#[derive(Default)]
struct Queue {
    holds: u64,
}

impl Queue {
    fn command(world: &World<'_>, key: &str, id: String, command: Command) -> (u32, Vec<u8>) {
        (place_of(key.as_bytes(), world.places()), Message::new(id, command).to_json())
    }
}

impl Workload for Queue {
    fn act(&mut self, world: &mut World<'_>) {
        if self.holds == 0 {
            for n in 0..SCHEDULES {
                let schedule_id = format!("s{n}");
                let seats = Seats::Block { count: SEATS, price: 1_000 };
                let concert_title = "t".to_owned();
                let create =
                    CreateSchedule { schedule_id: schedule_id.clone(), concert_title, seats, ..Default::default() };
                let (partition, value) =
                    Self::command(world, &schedule_id, format!("c{n}"), Command::CreateSchedule(create));
                let (topic, key) = (reservation::INBOX, Some(schedule_id.as_bytes()));
                world.append_on_top(&NewRecord { topic, partition, key, value: Some(&value), headers: &[] });
            }
        }
        for _ in 0..world.rng().between(1, AT_ONCE_MAX) {
            self.holds += 1;
            let n = self.holds;
            let schedule_id = format!("s{}", world.rng().below(SCHEDULES));
            let hold = Hold { user_id: format!("u{n}"), schedule_id: schedule_id.clone(), seat_no: n.to_string() };
            let (partition, value) = Self::command(world, &schedule_id, format!("h{n}"), Command::Hold(hold));
            let (topic, key) = (reservation::INBOX, Some(schedule_id.as_bytes()));
            world.append(&NewRecord { topic, partition, key, value: Some(&value), headers: &[] });
        }
        // Somebody tries to end what may be a hold.
        let places = u64::from(world.places());
        let place = u32::try_from(world.rng().below(places)).unwrap_or(0);
        let serial = world.rng().below(self.holds + 1);
        let expire = Expire { reservation_id: ids::reservation(place, serial.into()), ..Expire::default() };
        let value = Message::new("x", Command::Expire(expire)).to_json();
        world.append_on_top(&NewRecord {
            topic: reservation::INBOX,
            partition: place,
            key: None,
            value: Some(&value),
            headers: &[],
        });
    }
}

/// Knows when each hold was made, and watches when it ends.
#[derive(Default)]
struct Watch {
    places: BTreeMap<u32, Watched>,
}

#[derive(Default)]
struct Watched {
    inbox: Cursor,
    facts: Cursor,
    now_ms: i64,
    /// Holds that have not ended: by id, when they may.
    open: BTreeMap<String, i64>,
}

impl Watched {
    fn follow(&mut self, history: &History<'_>, place: u32) -> Result<(), String> {
        for (offset, record) in self.inbox.read(history, reservation::INBOX, place) {
            self.now_ms = self.now_ms.max(record.append_ms);
            if paper::json(&record).is_some_and(|value| value["type"] == "hold") {
                self.open.insert(ids::reservation(place, offset.unsigned_abs().into()), self.now_ms + HOLD_MS);
            }
        }
        for (_, record) in self.facts.read(history, reservation::SEATS_EXPIRED, place) {
            let value = paper::json(&record).unwrap_or_default();
            let id = paper::text(&value["reservationId"]).unwrap_or_default();
            let expires_ms =
                self.open.remove(&id).ok_or_else(|| format!("{value} ends no hold, or ends it again (I-6)"))?;
            let expired_ms = paper::moment(&value["expiredAt"]).unwrap_or_default();
            // The time of the record that ended it is a time of this place, and the place has had a record at the deadline or later.
            if expired_ms < expires_ms || self.now_ms < expires_ms || expired_ms > self.now_ms {
                return Err(format!("{value} is over before {expires_ms}, at {} (I-6)", self.now_ms));
            }
        }
        Ok(())
    }
}

impl Audit for Watch {
    fn committed(&mut self, history: &History<'_>) -> Result<(), String> {
        (0..history.places()).try_for_each(|place| self.places.entry(place).or_default().follow(history, place))
    }

    fn settled(&mut self, history: &History<'_>, _: &LiveStores) -> Result<(), String> {
        self.committed(history)?;
        match self.places.values().find_map(|watched| watched.open.first_key_value()) {
            None => Ok(()),
            Some((id, expires_ms)) => Err(format!("{id} was to end at {expires_ms}, and has not (I-7)")),
        }
    }
}
