//! What a time sale looks like from outside: sales with little stock and short windows, buyers who order, retry and cancel, thieves, clients that send
//! nonsense, and an operator who changes the stock and puts dead letters back.

use super::guards;
use crate::simulation::paper::{head, json, text};
use crate::simulation::wrapped::{CLUMSY, STUMBLED, put_back};
use holdfast_engine::inspect::header;
use holdfast_engine::inspect::ports::record::NewRecord;
use holdfast_engine::prelude::place_of;
use holdfast_model::timesale::{DEAD_LETTERS, INBOX, SUCCESS};
use holdfast_sim::memory_log::Stored;
use holdfast_sim::simulation::{Workload, World};
use std::collections::BTreeMap;

const SALES: u64 = 4;
const USERS: u64 = 12;
/// How long the window of every other sale is open, in ms.
const WINDOW_MS: i64 = 8_000;

/// The crowd. It remembers what it has sent, to send it again, and which orders were confirmed, to cancel them.
#[derive(Default)]
pub(crate) struct Crowd {
    last: u64,
    created: u64,
    sent: Vec<(String, String)>,
    /// Orders that were confirmed, with their buyers.
    confirmed: Vec<(String, String)>,
    letters: Vec<(u32, i64, Stored)>,
    read: BTreeMap<(&'static str, u32), i64>,
}

fn is_of_clumsy(json: &str) -> bool {
    json.contains(&format!("\"userId\":\"{CLUMSY}"))
}

impl Crowd {
    fn id(&mut self, kind: &str) -> String {
        self.last += 1;
        format!("{kind}-{}", self.last)
    }

    /// Sends to where `sale` lives, mostly: a producer without keys hits any partition.
    fn send(world: &mut World<'_>, sale: &str, value: &str) {
        let home = place_of(sale.as_bytes(), world.places());
        // What a shop stumbles over is given up where it comes in: that is for the tests of the shell.
        let is_keyless = world.rng().chance(12) && !is_of_clumsy(value);
        let places = u64::from(world.places());
        let anywhere = u32::try_from(world.rng().below(places)).unwrap_or(0);
        let partition = if is_keyless { anywhere } else { home };
        let key = Some(sale.as_bytes()).filter(|_| !is_keyless);
        world.append(&NewRecord { topic: INBOX, partition, key, value: Some(value.as_bytes()), headers: &[] });
    }

    fn remember(&mut self, world: &mut World<'_>, sale: &str, json: String) {
        Self::send(world, sale, &json);
        self.sent.push((sale.to_owned(), json));
    }

    fn create(&mut self, world: &mut World<'_>) {
        let n = self.created;
        self.created += 1;
        let id = self.id("create");
        let (stock, limit, price) = (world.rng().between(3, 40), world.rng().between(2, 8), world.rng().below(20_000));
        let limit = if n == 2 { String::new() } else { format!(r#","limitPerUser":{limit}"#) };
        let now_ms = world.now_ms();
        let window = if n % 2 == 1 {
            format!(r#","startTime":{},"endTime":{}"#, now_ms + 500, now_ms + WINDOW_MS)
        } else {
            String::new()
        };
        let json = format!(
            r#"{{"type":"create-sale","requestId":"{id}","timeSaleId":"t{n}","title":"t","discountPrice":{price},"totalQuantity":{stock}{limit}{window}}}"#
        );
        self.remember(world, &format!("t{n}"), json);
    }

    fn order(&mut self, world: &mut World<'_>) {
        let sale = format!("t{}", world.rng().below(SALES + 1));
        let user = match world.rng().below(USERS) {
            0 => format!("{CLUMSY}{}", world.rng().below(3)),
            user => user.to_string(),
        };
        let quantity = world.rng().between(1, 6).cast_signed() - i64::from(world.rng().chance(4)) * 6;
        let id = self.id("o");
        let home = place_of(sale.as_bytes(), world.places());
        let json = match world.rng().below(7) {
            0 => format!(r#"{{"eventId":"{id}","timeSaleId":"{sale}","userId":"{user}","quantity":{quantity}}}"#),
            1 => format!(r#"{{"timeSaleId":"{sale}","userId":"{user}","quantity":"{quantity}","requestedAt":"7"}}"#),
            2 if user == "1" => {
                format!(r#"{{"requestId":"{id}","timeSaleId":"{sale}","userId":" ","quantity":{quantity}}}"#)
            }
            3 => format!(r#"{{"orderId":"{id}","timeSaleId":"{sale}","userId":"{user}","quantity":{quantity}}}"#),
            _ => format!(
                r#"{{"requestId":"ord_{home}_{id}","timeSaleId":"{sale}","userId":"{user}","quantity":{quantity},"requestedAt":1}}"#
            ),
        };
        self.remember(world, &sale, json);
    }

    fn cancel(&mut self, world: &mut World<'_>) {
        self.look(world);
        let (order, buyer) = match world.rng().pick(&self.confirmed).cloned() {
            Some(confirmed) if !world.rng().chance(10) => confirmed,
            // An order that is refused, not decided, or was never made.
            _ => {
                let nth = world.rng().below(self.last + 9);
                (format!("ord_{}_o-{nth}", world.rng().below(4)), world.rng().below(USERS).to_string())
            }
        };
        let user = if world.rng().chance(10) { "thief".to_owned() } else { buyer };
        let json = format!(
            r#"{{"type":"cancel-order","requestId":"{}","orderId":"{order}","userId":"{user}"}}"#,
            self.id("cancel")
        );
        // Any sale will do for a key: the order leads to its place. A clumsy buyer's goes there by itself.
        let home = holdfast_model::timesale::order_id::place(&order).filter(|place| *place < world.places());
        match home.filter(|_| is_of_clumsy(&json)) {
            Some(partition) => {
                let value = Some(json.as_bytes());
                world.append(&NewRecord { topic: INBOX, partition, key: None, value, headers: &[] });
            }
            None => {
                let sale = format!("t{}", world.rng().below(SALES));
                self.remember(world, &sale, json);
            }
        }
    }

    fn adjust(&mut self, world: &mut World<'_>) {
        let sale = format!("t{}", world.rng().below(SALES));
        let by = world.rng().below(13).cast_signed() - 6;
        let json =
            format!(r#"{{"type":"adjust-stock","requestId":"{}","timeSaleId":"{sale}","by":{by}}}"#, self.id("adjust"));
        self.remember(world, &sale, json);
    }

    /// A queue says something about one of the sales that are guarded.
    fn queue(&mut self, world: &mut World<'_>) {
        let sale = format!("t{}", world.rng().between(2, SALES));
        let user = match world.rng().below(USERS) {
            0 => format!("{CLUMSY}{}", world.rng().below(3)),
            user => user.to_string(),
        };
        let json = guards::message(world, &sale, &user);
        self.remember(world, &sale, json);
    }

    fn nonsense(world: &mut World<'_>) {
        let sale = format!("t{}", world.rng().below(SALES));
        let value = match world.rng().below(5) {
            0 => r#"{"timeSaleId":"#,
            1 => r#"{"timeSaleId":"t0","userId":"1","quantity":1.5}"#,
            2 => "[1,2]",
            3 => r#"{"timeSaleId":"t1","userId":"1"}"#,
            _ => r#"{"type":"dance"}"#,
        };
        Self::send(world, &sale, value);
    }

    /// Another user's order, or another quantity, under an id that was used.
    fn steal(&mut self, world: &mut World<'_>) {
        let (sale, nth) = (format!("t{}", world.rng().below(SALES)), world.rng().between(1, self.last + 1));
        let home = place_of(sale.as_bytes(), world.places());
        let json =
            format!(r#"{{"requestId":"ord_{home}_o-{nth}","timeSaleId":"{sale}","userId":"thief","quantity":9}}"#);
        Self::send(world, &sale, &json);
    }

    /// Reads what was told since the last look.
    fn look(&mut self, world: &World<'_>) {
        for place in 0..world.places() {
            let next = self.read.entry((SUCCESS, place)).or_default();
            for (offset, record) in world.read(SUCCESS, place, *next) {
                *next = offset + 1;
                let value = json(&record).unwrap_or_default();
                self.confirmed.extend(text(&value["orderId"]).zip(text(&value["userId"])));
            }
            let next = self.read.entry((DEAD_LETTERS, place)).or_default();
            for (offset, letter) in world.read(DEAD_LETTERS, place, *next) {
                *next = offset + 1;
                if head(&letter, header::CLASS).as_deref() == Some(STUMBLED) {
                    self.letters.push((place, offset, letter));
                }
            }
        }
    }

    /// The operator puts back what stumbled, in any order.
    fn redrive(&mut self, world: &mut World<'_>, letters_max: usize) {
        self.look(world);
        for _ in 0..letters_max.min(self.letters.len()) {
            let nth = usize::try_from(world.rng().below(self.letters.len() as u64)).unwrap_or(0);
            let (place, offset, letter) = self.letters.swap_remove(nth);
            put_back(world, place, offset, &letter, DEAD_LETTERS);
        }
    }
}

impl Workload for Crowd {
    fn act(&mut self, world: &mut World<'_>) {
        if self.created < SALES && (self.created == 0 || world.rng().chance(40)) {
            return self.create(world);
        }
        for _ in 0..world.rng().between(1, 8) {
            match world.rng().below(30) {
                0 => Self::nonsense(world),
                1 => self.adjust(world),
                2..5 => self.cancel(world),
                5..8 => {
                    // A retry: the same bytes once more.
                    if let Some((sale, json)) = world.rng().pick(&self.sent).cloned() {
                        Self::send(world, &sale, &json);
                    }
                }
                8 => self.steal(world),
                9 => self.redrive(world, 2),
                10..16 => self.queue(world),
                _ => self.order(world),
            }
        }
    }

    fn close(&mut self, world: &mut World<'_>) {
        self.redrive(world, usize::MAX);
    }
}
