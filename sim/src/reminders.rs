//! A small app that lives on what coupons do not need: it reminds when asked to, and calls somebody outside. Simulated like any user's own topology.
//!
//! | record in [`INBOX`] | what becomes of it |
//! |---|---|
//! | `set NAME MS` | a delayed message `fire NAME DUE` into the inbox, that many ms after the record |
//! | `fire NAME DUE` | `rang NAME` in [`OUTBOX`], once; too early by the record's time: armed again |
//! | `call NAME` | an effect; its result comes back as `called NAME` |
//! | `called NAME` | the same in [`OUTBOX`], once, however often it was performed |

use crate::simulation::{Audit, Call, Cursor, History, LiveStores, Simulation, Workload, World};
use holdfast_engine::prelude::{
    Context, InvalidTopology, NewEffect, Output, ProcessError, Processor, Sink, Table, Topology,
};
use holdfast_engine::runtime::Effect;
use holdfast_ports::record::Record;
use std::collections::{BTreeMap, BTreeSet};

/// Where it is told what to do.
pub const INBOX: &str = "reminders";
/// What it has done.
pub const OUTBOX: &str = "reminded";
/// What it did not understand.
pub const DEAD_LETTERS: &str = "reminders-dlq";

static REMINDED: Sink = Sink::to(OUTBOX);
const ARMED: Table<String, i64> = Table::new(16, "armed");
const CALLS: Table<String, bool> = Table::new(17, "calls");
/// Longest delay that the workload asks for, in ms.
const DELAY_MAX_MS: u64 = 5_000;

/// The topology.
///
/// # Errors
/// Never: a test builds it.
pub fn topology() -> Result<Topology, InvalidTopology> {
    Topology::named("reminders")
        .inbox(INBOX)
        .store(ARMED.spec())
        .store(CALLS.spec())
        .sink(&REMINDED)
        .dead_letters(DEAD_LETTERS)
        .effects()
        .processor(|| Box::new(Reminders))
        .build()
}

/// The app under simulation.
///
/// # Errors
/// As [`topology`].
pub fn simulation() -> Result<Simulation, InvalidTopology> {
    Ok(Simulation::of(&[topology()?]).workload(Callers::default).audit(Auditor::default))
}

struct Reminders;

impl Reminders {
    fn say(ctx: &mut Context<'_>, what: &str) -> Result<(), ProcessError> {
        let place = Some(ctx.place());
        ctx.send_output(&Output { to: &REMINDED, place, key: None, value: Some(what.as_bytes()), headers: &[] })
    }

    fn arm(ctx: &mut Context<'_>, name: &str, due_ms: i64) -> Result<(), ProcessError> {
        let value = format!("fire {name} {due_ms}");
        let place = Some(ctx.place());
        ctx.send_at(
            due_ms,
            &Output {
                to: Sink::inbox(),
                place,
                key: Some(name.as_bytes()),
                value: Some(value.as_bytes()),
                headers: &[],
            },
        )?;
        Ok(())
    }
}

impl Processor for Reminders {
    fn process(&mut self, ctx: &mut Context<'_>, record: &Record<'_>) -> Result<(), ProcessError> {
        let text = std::str::from_utf8(record.value.unwrap_or_default())
            .map_err(|error| ProcessError::refuse("InvalidUtf8", error.to_string()))?;
        let mut words = text.split(' ');
        let (verb, name) = (words.next().unwrap_or_default(), words.next().unwrap_or_default().to_owned());
        let number = words.next().and_then(|word| word.parse::<i64>().ok()).unwrap_or(0);
        match verb {
            "set" => {
                if ctx.contains(&ARMED, &name)? {
                    return Ok(());
                }
                let due_ms = ctx.now_ms() + number;
                ctx.put(&ARMED, &name, &due_ms)?;
                Self::arm(ctx, &name, due_ms)
            }
            // The worker's clock may be ahead of the log's: the record's time decides.
            "fire" if ctx.now_ms() < number => Self::arm(ctx, &name, number),
            "fire" => Self::say(ctx, &format!("rang {name}")),
            "call" => {
                if !ctx.contains(&CALLS, &name)? {
                    ctx.put(&CALLS, &name, &false)?;
                    let (key, payload) = (name.as_bytes(), name.as_bytes());
                    ctx.effect(&NewEffect { channel: "call", urgency: 0, key, payload })?;
                }
                Ok(())
            }
            "called" => {
                if ctx.get(&CALLS, &name)? == Some(false) {
                    ctx.put(&CALLS, &name, &true)?;
                    Self::say(ctx, text)?;
                }
                Ok(())
            }
            _ => Err(ProcessError::refuse("UnknownVerb", verb.to_owned())),
        }
    }
}

/// Asks for reminders and calls, some of them twice, some of them nonsense.
#[derive(Default)]
struct Callers {
    last: u64,
}

impl Workload for Callers {
    fn act(&mut self, world: &mut World<'_>) {
        for _ in 0..world.rng().between(1, 5) {
            self.last += 1;
            let key = format!("k{}", world.rng().below(20));
            let name = format!("{key}-{}", if world.rng().chance(10) { self.last / 2 } else { self.last });
            let text = match world.rng().below(10) {
                0 => "what".to_owned(),
                1..5 => format!("call {name}"),
                _ => format!("set {name} {}", world.rng().below(DELAY_MAX_MS)),
            };
            world.send(INBOX, &key, text.as_bytes());
        }
    }

    fn perform(&mut self, effect: &Effect, _: Call, _: &mut World<'_>) -> Vec<u8> {
        format!("called {}", String::from_utf8_lossy(&effect.payload)).into_bytes()
    }
}

/// Decides again, place by place, what has to be said, and in which order.
#[derive(Default)]
struct Auditor {
    places: BTreeMap<u32, Place>,
}

#[derive(Default)]
struct Place {
    inbox: Cursor,
    outbox: Cursor,
    now_ms: i64,
    due_ms: BTreeMap<String, i64>,
    calls: BTreeSet<String>,
    expected: Vec<String>,
    said: usize,
}

impl Place {
    fn follow(&mut self, history: &History<'_>, place: u32) -> Result<(), String> {
        for (offset, record) in self.inbox.read(history, INBOX, place) {
            self.now_ms = self.now_ms.max(record.append_ms);
            let text = String::from_utf8_lossy(record.value.as_deref().unwrap_or_default()).into_owned();
            let words: Vec<&str> = text.split(' ').collect();
            match words[..] {
                ["set", name, ms] => {
                    let due_ms = self.now_ms + ms.parse::<i64>().map_err(|e| e.to_string())?;
                    self.due_ms.entry(name.to_owned()).or_insert(due_ms);
                }
                ["fire", name, due] => {
                    if self.due_ms.get(name).map(ToString::to_string).as_deref() != Some(due) {
                        return Err(format!("{INBOX}-{place} offset {offset}: {text} was never armed"));
                    }
                    if due.parse::<i64>().map_err(|e| e.to_string())? <= self.now_ms {
                        self.expected.push(format!("rang {name}"));
                    }
                }
                ["call", name] => {
                    self.calls.insert(name.to_owned());
                }
                ["called", _] if !self.expected.contains(&text) => self.expected.push(text),
                _ => {}
            }
        }
        for (offset, record) in self.outbox.read(history, OUTBOX, place) {
            let said = String::from_utf8_lossy(record.value.as_deref().unwrap_or_default()).into_owned();
            let expected = self.expected.get(self.said);
            if expected != Some(&said) {
                return Err(format!("{OUTBOX}-{place} offset {offset}: {said:?} instead of {expected:?}"));
            }
            self.said += 1;
        }
        Ok(())
    }

    /// Each reminder has rung once, each call was made.
    fn is_complete(&self) -> Result<(), String> {
        let rang = self.due_ms.keys().map(|name| format!("rang {name}"));
        let called = self.calls.iter().map(|name| format!("called {name}"));
        for what in rang.chain(called) {
            let times = self.expected.iter().filter(|said| **said == what).count();
            if times != 1 {
                return Err(format!("{what}: {times} times"));
            }
        }
        if self.said == self.expected.len() {
            Ok(())
        } else {
            Err(format!("{} of {} were said", self.said, self.expected.len()))
        }
    }
}

impl Audit for Auditor {
    fn committed(&mut self, history: &History<'_>) -> Result<(), String> {
        for place in 0..history.places() {
            self.places.entry(place).or_default().follow(history, place)?;
        }
        Ok(())
    }

    fn settled(&mut self, history: &History<'_>, _: &LiveStores) -> Result<(), String> {
        self.committed(history)?;
        self.places.iter().try_for_each(|(place, p)| p.is_complete().map_err(|why| format!("place {place}: {why}")))
    }
}
