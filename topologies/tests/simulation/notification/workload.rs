//! What notifications look like from outside: senders that repeat themselves, facts that are old, users who set preferences and have their contacts erased,
//! clients that send nonsense, and an operator who puts dead letters back, some of them twice.

use super::outside;
use crate::simulation::paper::head;
use crate::simulation::wrapped::put_back;
use holdfast_engine::inspect::ports::record::NewRecord;
use holdfast_engine::prelude::place_of;
use holdfast_engine::runtime::Effect;
use holdfast_model::notification::{DEAD_LETTERS, INBOX, PAYMENT_COMPLETED, USER_CONTACTS, letter};
use holdfast_sim::memory_log::Stored;
use holdfast_sim::simulation::{Call, Workload, World};
use std::collections::BTreeMap;

const USERS: u64 = 12;
/// What every contact in a history begins with: it must not lie anywhere else.
pub(crate) const PHONE: &str = "+8210";

/// The office. It remembers what it has sent, to send it again.
#[derive(Default)]
pub(crate) struct Office {
    last: u64,
    sent: Vec<(String, String)>,
    letters: Vec<(u32, i64, Stored)>,
    put_back: Vec<(u32, i64, Stored)>,
    read: BTreeMap<u32, i64>,
}

impl Office {
    /// At the beginning of a history.
    pub(crate) fn new() -> Self {
        outside::begin();
        Self::default()
    }

    fn user(world: &mut World<'_>) -> String {
        format!("u{}", world.rng().below(USERS))
    }

    /// Sends to where `user` lives, mostly: a producer without keys hits any partition.
    fn send(world: &mut World<'_>, user: &str, value: &str) {
        let is_keyless = world.rng().chance(12);
        let places = u64::from(world.places());
        let anywhere = u32::try_from(world.rng().below(places)).unwrap_or(0);
        let partition = if is_keyless { anywhere } else { place_of(user.as_bytes(), world.places()) };
        let key = Some(user.as_bytes()).filter(|_| !is_keyless);
        world.append(&NewRecord { topic: INBOX, partition, key, value: Some(value.as_bytes()), headers: &[] });
    }

    fn ask(&mut self, world: &mut World<'_>) {
        self.last += 1;
        let (user, id) = (Self::user(world), self.last);
        let kinds = ["PAYMENT_CONFIRMED", "SEAT_OPENED", "RESERVATION_EXPIRED", "COUPON_ISSUED", "QUEUE_ENTERED"];
        let kind = kinds[usize::try_from(world.rng().below(5)).unwrap_or(0)];
        let old_ms = if world.rng().chance(15) { 8 * 86_400_000 } else { 0 };
        let time = holdfast_model::rfc3339::to_string(world.now_ms() - old_ms);
        let json = format!(
            r#"{{"eventId":"evt-{id}","eventTime":"{time}","payload":{{"userId":"{user}","type":"{kind}","data":{{"concertTitle":"c"}}}}}}"#
        );
        Self::send(world, &user, &json);
        self.sent.push((user, json));
    }

    fn prefer(&mut self, world: &mut World<'_>) {
        self.last += 1;
        let (user, channel) = (Self::user(world), ["fcm", "kakao"][usize::from(world.rng().chance(50))]);
        let is_on = world.rng().chance(50);
        let json = format!(
            r#"{{"type":"set-preferences","requestId":"set-{}","userId":"{user}","channels":{{"{channel}":{is_on}}}}}"#,
            self.last
        );
        Self::send(world, &user, &json);
    }

    fn contact(world: &mut World<'_>) {
        let user = Self::user(world);
        let number = world.rng().below(100_000_000);
        let value = match world.rng().below(4) {
            0 => None,
            1 => Some(format!("{PHONE}{number:08} is no contact")),
            _ => Some(format!(r#"{{"phone":"{PHONE}{number:08}"}}"#)),
        };
        let (partition, key) = (place_of(user.as_bytes(), world.places()), Some(user.as_bytes()));
        let value = value.as_deref().map(str::as_bytes);
        world.append(&NewRecord { topic: USER_CONTACTS, partition, key, value, headers: &[] });
    }

    fn pay(&mut self, world: &mut World<'_>) {
        self.last += 1;
        let (user, id) = (Self::user(world), self.last);
        let json = format!(r#"{{"eventId":"pay-{id}","payload":{{"userId":"{user}","concertTitle":"c"}}}}"#);
        world.send(PAYMENT_COMPLETED, &user, json.as_bytes());
    }

    fn nonsense(world: &mut World<'_>) {
        let user = Self::user(world);
        let value = match world.rng().below(4) {
            0 => r#"{"payload":"#,
            1 => r#"{"payload":{"userId":"u1"}}"#,
            2 => r#"{"eventId":"evt-1","payload":{"userId":"u1","type":"NEWS"}}"#,
            _ => r#"{"type":"dance"}"#,
        };
        Self::send(world, &user, value);
    }

    /// The operator puts back what was given up: in any order, and now and then what was put back before.
    fn redrive(&mut self, world: &mut World<'_>, letters_max: usize) {
        for place in 0..world.places() {
            let next = self.read.entry(place).or_default();
            for (offset, record) in world.read(DEAD_LETTERS, place, *next) {
                *next = offset + 1;
                if head(&record, letter::DEATHS).is_some() {
                    self.letters.push((place, offset, record));
                }
            }
        }
        for _ in 0..letters_max.min(self.letters.len()) {
            let nth = usize::try_from(world.rng().below(self.letters.len() as u64)).unwrap_or(0);
            let spent = self.letters.swap_remove(nth);
            let (place, offset, letter) = &spent;
            put_back(world, *place, *offset, letter, DEAD_LETTERS);
            self.put_back.push(spent);
        }
        if letters_max < usize::MAX
            && world.rng().chance(30)
            && let Some((place, offset, letter)) = world.rng().pick(&self.put_back).cloned()
        {
            put_back(world, place, offset, &letter, DEAD_LETTERS);
        }
    }
}

impl Workload for Office {
    fn act(&mut self, world: &mut World<'_>) {
        for _ in 0..world.rng().between(1, 6) {
            match world.rng().below(24) {
                0 => Self::nonsense(world),
                1 => self.prefer(world),
                2 | 3 => Self::contact(world),
                4 => self.pay(world),
                5..8 => {
                    // A retry: the same bytes once more.
                    if let Some((user, json)) = world.rng().pick(&self.sent).cloned() {
                        Self::send(world, &user, &json);
                    }
                }
                8 => self.redrive(world, 2),
                _ => self.ask(world),
            }
        }
    }

    fn perform(&mut self, effect: &Effect, call: Call, world: &mut World<'_>) -> Vec<u8> {
        let result = outside::call(&effect.payload, call, world);
        // Names and numbers always encode.
        serde_json::to_vec(&result).unwrap_or_default()
    }

    fn close(&mut self, world: &mut World<'_>) {
        // A letter that is put back may be given up again: a few times are enough to see that nothing goes round for ever.
        if self.put_back.len() < 200 {
            self.redrive(world, usize::MAX);
        }
    }
}
