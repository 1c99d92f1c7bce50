//! What a waiting room looks like from outside: small queues, one that opens later with a draw; users who join, join again, ask, leave and buy; thieves, clients
//! that send nonsense, and an operator who changes the rules and puts dead letters back.

use crate::simulation::paper::{head, json, text};
use crate::simulation::wrapped::{CLUMSY, STUMBLED, put_back};
use holdfast_engine::inspect::header;
use holdfast_engine::inspect::ports::record::NewRecord;
use holdfast_engine::prelude::place_of;
use holdfast_model::queue::{DEAD_LETTERS, EVENTS, INBOX};
use holdfast_sim::memory_log::Stored;
use holdfast_sim::simulation::{Workload, World};
use std::collections::BTreeMap;

const QUEUES: u64 = 3;
const USERS: u64 = 24;
/// 32 bytes.
const SECRET: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

/// The crowd. It remembers what it has sent, to send it again, and which tickets were given out, to ask after them.
#[derive(Default)]
pub(crate) struct Crowd {
    last: u64,
    created: u64,
    sent: Vec<(String, String)>,
    /// Tickets that were given out, with their users.
    tickets: Vec<(String, u64, String)>,
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

    fn any_queue(world: &mut World<'_>) -> String {
        format!("q{}", world.rng().below(QUEUES))
    }

    /// Sends to where the queue lives, mostly: a producer without keys hits any partition.
    fn send(world: &mut World<'_>, queue: &str, value: &str) {
        let home = place_of(queue.as_bytes(), world.places());
        // What a house stumbles over is given up where it comes in: that is for the tests of the shell.
        let is_keyless = world.rng().chance(12) && !is_of_clumsy(value);
        let places = u64::from(world.places());
        let anywhere = u32::try_from(world.rng().below(places)).unwrap_or(0);
        let partition = if is_keyless { anywhere } else { home };
        let key = Some(queue.as_bytes()).filter(|_| !is_keyless);
        world.append(&NewRecord { topic: INBOX, partition, key, value: Some(value.as_bytes()), headers: &[] });
    }

    fn remember(&mut self, world: &mut World<'_>, queue: &str, json: String) {
        Self::send(world, queue, &json);
        self.sent.push((queue.to_owned(), json));
    }

    fn create(&mut self, world: &mut World<'_>) {
        let n = self.created;
        self.created += 1;
        let id = self.id("create");
        let (max, rate) = (world.rng().between(1, 5), world.rng().between(1, 12));
        let (active, silence) = (world.rng().between(2_000, 6_000), world.rng().between(1_000, 3_000));
        let (keep, notice) = (world.rng().between(1_500, 5_000), world.rng().between(0, 1_500));
        let opens_ms = world.now_ms() + 1_500;
        let opens = if n == 1 { format!(r#","opensAt":{opens_ms},"shuffle":true"#) } else { String::new() };
        let json = format!(
            r#"{{"type":"create-queue","requestId":"{id}","queueId":"q{n}","maxActive":{max},"admitPerSecond":{rate},"activeMs":{active},"silenceMs":{silence},"keepMs":{keep},"noticeAfterMs":{notice},"key":"{SECRET}","seed":"{SECRET}","guards":[{{"type":"sale","id":"1"}}]{opens}}}"#
        );
        self.remember(world, &format!("q{n}"), json);
    }

    fn join(&mut self, world: &mut World<'_>) {
        let queue = format!("q{}", world.rng().below(QUEUES + 1));
        let user = match world.rng().below(USERS) {
            0 => format!("{CLUMSY}{}", world.rng().below(3)),
            user => user.to_string(),
        };
        let id = self.id("j");
        let json = match world.rng().below(8) {
            0 => format!(r#"{{"type":"join","eventId":"{id}","queueId":"{queue}","userId":"{user}"}}"#),
            1 => format!(r#"{{"queueId":"{queue}","userId":"{user}","type":"join"}}"#),
            2 if user == "1" => format!(r#"{{"type":"join","requestId":"{id}","queueId":"{queue}","userId":" "}}"#),
            _ => format!(r#"{{"type":"join","requestId":"{id}","queueId":"{queue}","userId":"{user}"}}"#),
        };
        self.remember(world, &queue, json);
    }

    /// A ticket that was given out, or one that was not.
    fn any_ticket(&mut self, world: &mut World<'_>) -> (String, u64, String) {
        self.look(world);
        match world.rng().pick(&self.tickets).cloned() {
            Some(ticket) if !world.rng().chance(10) => ticket,
            _ => (Self::any_queue(world), world.rng().below(40), world.rng().below(USERS).to_string()),
        }
    }

    fn leave(&mut self, world: &mut World<'_>) {
        let (queue, ticket, owner) = self.any_ticket(world);
        let user = if world.rng().chance(10) { "thief".to_owned() } else { owner };
        let id = self.id("leave");
        let json =
            format!(r#"{{"type":"leave","requestId":"{id}","queueId":"{queue}","ticket":{ticket},"userId":"{user}"}}"#);
        self.remember(world, &queue, json);
    }

    fn purchased(&mut self, world: &mut World<'_>) {
        let (queue, ticket, owner) = self.any_ticket(world);
        let user = if world.rng().chance(10) { "thief".to_owned() } else { owner };
        let json = format!(
            r#"{{"type":"purchased","queueId":"{queue}","ticket":{ticket},"userId":"{user}","subject":{{"type":"sale","id":"1"}}}}"#
        );
        self.remember(world, &queue, json);
    }

    fn touch(&mut self, world: &mut World<'_>) {
        self.look(world);
        let queue = Self::any_queue(world);
        let mut tickets = vec![world.rng().below(50)];
        for (of, ticket, _) in &self.tickets {
            if *of == queue && world.rng().chance(60) {
                tickets.push(*ticket);
            }
        }
        let json = format!(r#"{{"type":"touch","queueId":"{queue}","tickets":{tickets:?}}}"#);
        self.remember(world, &queue, json);
    }

    fn change(&mut self, world: &mut World<'_>) {
        let queue = Self::any_queue(world);
        let id = self.id("change");
        let what = match world.rng().below(8) {
            0..2 => format!(r#""maxActive":{}"#, world.rng().between(1, 6)),
            2..4 => format!(r#""admitPerSecond":{}"#, world.rng().between(1, 15)),
            4 => r#""state":"PAUSED""#.to_owned(),
            5 => r#""state":"DRAINING""#.to_owned(),
            _ => r#""state":"OPEN""#.to_owned(),
        };
        let json = format!(r#"{{"type":"change-queue","requestId":"{id}","queueId":"{queue}",{what}}}"#);
        self.remember(world, &queue, json);
    }

    /// Messages that the topology sends itself, by somebody else: stale, early or made up.
    fn pretend(world: &mut World<'_>) {
        let queue = Self::any_queue(world);
        let due = world.now_ms() + world.rng().below(2_000).cast_signed() - 1_000;
        let json = match world.rng().below(5) {
            0 => format!(r#"{{"type":"open","queueId":"{queue}","dueAt":{due}}}"#),
            1 => format!(r#"{{"type":"tell","queueId":"{queue}","dueAt":{due}}}"#),
            2 => format!(r#"{{"type":"silence","queueId":"{queue}","dueAt":{due},"chunk":0}}"#),
            3 => format!(r#"{{"type":"active-end","queueId":"{queue}","dueAt":{due},"ticket":1}}"#),
            _ => format!(r#"{{"type":"admit","queueId":"{queue}","dueAt":{due}}}"#),
        };
        Self::send(world, &queue, &json);
    }

    fn nonsense(world: &mut World<'_>) {
        let queue = Self::any_queue(world);
        let value = match world.rng().below(5) {
            0 => r#"{"type":"join","queueId":"#,
            1 => r#"{"type":"join","queueId":"q0","userId":true}"#,
            2 => "[1,2]",
            3 => r#"{"type":"leave","queueId":"q0","userId":"1"}"#,
            _ => r#"{"type":"dance","queueId":"q0"}"#,
        };
        Self::send(world, &queue, value);
    }

    /// Another user's words under an id that was used.
    fn steal(&mut self, world: &mut World<'_>) {
        let (queue, nth) = (Self::any_queue(world), world.rng().between(1, self.last + 1));
        let json = format!(r#"{{"type":"join","requestId":"j-{nth}","queueId":"{queue}","userId":"thief"}}"#);
        Self::send(world, &queue, &json);
    }

    /// Reads what was told since the last look.
    fn look(&mut self, world: &World<'_>) {
        for place in 0..world.places() {
            let next = self.read.entry((EVENTS, place)).or_default();
            for (offset, record) in world.read(EVENTS, place, *next) {
                *next = offset + 1;
                let value = json(&record).unwrap_or_default();
                if value["type"] == "ENTERED" {
                    let (queue, user) = (text(&value["queueId"]), text(&value["userId"]));
                    let ticket = value["ticket"].as_u64().unwrap_or_default();
                    self.tickets.push((queue.unwrap_or_default(), ticket, user.unwrap_or_default()));
                }
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
        if self.created < QUEUES && (self.created == 0 || world.rng().chance(40)) {
            return self.create(world);
        }
        for _ in 0..world.rng().between(1, 6) {
            match world.rng().below(28) {
                0 => Self::nonsense(world),
                1 => self.change(world),
                2..5 => self.leave(world),
                5..7 => self.purchased(world),
                7..10 => self.touch(world),
                10..13 => {
                    // A retry: the same bytes once more.
                    if let Some((queue, json)) = world.rng().pick(&self.sent).cloned() {
                        Self::send(world, &queue, &json);
                    }
                }
                13 => self.steal(world),
                14 => self.redrive(world, 2),
                15 => Self::pretend(world),
                _ => self.join(world),
            }
        }
    }

    fn close(&mut self, world: &mut World<'_>) {
        self.redrive(world, usize::MAX);
    }
}
