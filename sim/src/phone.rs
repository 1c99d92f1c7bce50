//! A small app that lives on the outside: it makes calls, and tries again when one fails. Simulated like any user's own topology with several sources.
//!
//! | record | in | what becomes of it |
//! |---|---|---|
//! | `call NAME` | [`REQUESTS`] | an effect, its first attempt |
//! | `done NAME N` or `failed NAME N`, the result of an effect | [`RESULTS`] | `called NAME` in [`OUTBOX`]; or a delayed `retry NAME N+1`, and `gave-up NAME` after the last |
//! | `retry NAME N` | [`RESULTS`] | an effect, attempt N |

use crate::simulation::{Audit, Call, Cursor, History, LiveStores, Simulation, Workload, World};
use holdfast_engine::prelude::{
    Context, InvalidTopology, NewEffect, Output, ProcessError, Processor, Sink, Table, Topology, header,
};
use holdfast_engine::runtime::Effect;
use holdfast_ports::record::Record;
use std::collections::{BTreeMap, BTreeSet};

/// Where calls are asked for.
pub const REQUESTS: &str = "phone-requests";
/// Where their results come back, and attempts to be made again.
pub const RESULTS: &str = "phone-results";
/// What has become of them.
pub const OUTBOX: &str = "phone-calls";
/// What it did not understand, or believe.
pub const DEAD_LETTERS: &str = "phone-dlq";

static CALLED: Sink = Sink::to(OUTBOX);
static LATER: Sink = Sink::to(RESULTS);
const CALLS: Table<String, bool> = Table::new(16, "calls");
/// Attempts at a call, at most.
const ATTEMPTS_MAX: u64 = 4;
/// How long after a failure it is tried again, in ms, for each attempt that was made.
const BACKOFF_MS: i64 = 40;

/// The topology.
///
/// # Errors
/// Never: a test builds it.
pub fn topology() -> Result<Topology, InvalidTopology> {
    Topology::named("phone")
        .source(REQUESTS)
        .results(RESULTS)
        .store(CALLS.spec())
        .sink(&CALLED)
        .sink(&LATER)
        .dead_letters(DEAD_LETTERS)
        .processor(|| Box::new(Phone))
        .build()
}

/// The app under simulation.
///
/// # Errors
/// As [`topology`].
pub fn simulation() -> Result<Simulation, InvalidTopology> {
    Ok(Simulation::of(&[topology()?]).workload(Callers::default).audit(Auditor::default).in_any_order())
}

struct Phone;

impl Phone {
    fn ask(ctx: &mut Context<'_>, name: &str, attempt: u64) -> Result<(), ProcessError> {
        let payload = format!("{name} {attempt}");
        let (channel, urgency) = lane(name);
        ctx.effect(&NewEffect { channel, urgency, key: name.as_bytes(), payload: payload.as_bytes() }).map(drop)
    }

    fn say(ctx: &mut Context<'_>, what: &str) -> Result<(), ProcessError> {
        let place = Some(ctx.place());
        ctx.send_output(&Output { to: &CALLED, place, key: None, value: Some(what.as_bytes()), headers: &[] })
    }
}

/// Two channels, and two degrees of urgency.
fn lane(name: &str) -> (&'static str, u8) {
    let sum: u32 = name.bytes().map(u32::from).sum();
    (if sum.is_multiple_of(2) { "home" } else { "mobile" }, u8::from(sum.is_multiple_of(3)))
}

impl Processor for Phone {
    fn process(&mut self, ctx: &mut Context<'_>, record: &Record<'_>) -> Result<(), ProcessError> {
        let text = std::str::from_utf8(record.value.unwrap_or_default())
            .map_err(|error| ProcessError::refuse("InvalidUtf8", error.to_string()))?;
        let is_result = record.header(header::EFFECT_ID).is_some();
        let words: Vec<&str> = text.split(' ').collect();
        match (&words[..], is_result) {
            (["call", name], false) => {
                let name = (*name).to_owned();
                if ctx.contains(&CALLS, &name)? {
                    return Ok(());
                }
                ctx.put(&CALLS, &name, &false)?;
                Self::ask(ctx, &name, 1)
            }
            (["retry", name, attempt], false) => Self::ask(ctx, name, number(attempt)),
            (["done", name, _], true) => {
                ctx.put(&CALLS, &(*name).to_owned(), &true)?;
                Self::say(ctx, &format!("called {name}"))
            }
            (["failed", name, attempt], true) if number(attempt) >= ATTEMPTS_MAX => {
                ctx.put(&CALLS, &(*name).to_owned(), &true)?;
                Self::say(ctx, &format!("gave-up {name}"))
            }
            (["failed", name, attempt], true) => {
                let next = number(attempt) + 1;
                let value = format!("retry {name} {next}");
                let due_ms = ctx.now_ms() + BACKOFF_MS * number(attempt).cast_signed();
                let (place, key) = (Some(ctx.place()), Some(name.as_bytes()));
                let again = Output { to: &LATER, place, key, value: Some(value.as_bytes()), headers: &[] };
                ctx.send_at(due_ms, &again).map(drop)
            }
            _ => Err(ProcessError::refuse("UnknownVerb", text.to_owned())),
        }
    }
}

fn number(word: &str) -> u64 {
    word.parse().unwrap_or(0)
}

/// Asks for calls, some of them twice; and says that calls are done which are not.
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
            if world.rng().chance(5) {
                forge(world, &key, &name);
            } else {
                world.send(REQUESTS, &key, format!("call {name}").as_bytes());
            }
        }
    }

    fn perform(&mut self, effect: &Effect, call: Call, _: &mut World<'_>) -> Vec<u8> {
        let verb = if call == Call::Done { "done" } else { "failed" };
        format!("{verb} {}", String::from_utf8_lossy(&effect.payload)).into_bytes()
    }
}

/// A stranger knows how results look, and what effects are called; not the secret.
fn forge(world: &mut World<'_>, key: &str, name: &str) {
    let partition = holdfast_engine::prelude::place_of(key.as_bytes(), world.places());
    let id = world.rng().below(50);
    let (channel, urgency) = lane(name);
    let of = format!("{}/phone/{partition}/{id}", world.app());
    let (of_lane, proof) = (format!("{channel}/{urgency}"), "0".repeat(32));
    let value = format!("done {name} 1");
    world.append(&holdfast_ports::record::NewRecord {
        topic: RESULTS,
        partition,
        key: Some(key.as_bytes()),
        value: Some(value.as_bytes()),
        headers: &[
            (header::EFFECT_ID, of.as_bytes()),
            (header::EFFECT_LANE, of_lane.as_bytes()),
            (header::EFFECT_PROOF, proof.as_bytes()),
        ],
    });
}

/// Decides the results again, place by place: each that is no forgery once, in their order.
#[derive(Default)]
struct Auditor {
    places: BTreeMap<u32, Place>,
}

#[derive(Default)]
struct Place {
    requests: Cursor,
    results: Cursor,
    outbox: Cursor,
    asked: BTreeSet<String>,
    /// Effects whose first result was seen.
    ended: BTreeSet<String>,
    /// Retries that a failure has asked for, and those that came.
    retries: (BTreeSet<String>, BTreeSet<String>),
    expected: Vec<String>,
    said: usize,
}

impl Place {
    fn follow(&mut self, history: &History<'_>, place: u32) -> Result<(), String> {
        for (_, record) in self.requests.read(history, REQUESTS, place) {
            let text = String::from_utf8_lossy(record.value.as_deref().unwrap_or_default()).into_owned();
            self.asked.extend(text.strip_prefix("call ").map(str::to_owned));
        }
        for (offset, record) in self.results.read(history, RESULTS, place) {
            let text = String::from_utf8_lossy(record.value.as_deref().unwrap_or_default()).into_owned();
            let of = |name: &str| {
                let found = record.headers.iter().find(|(header, _)| header == name)?.1.clone();
                found.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            };
            let words: Vec<&str> = text.split(' ').collect();
            let Some(effect) = of(header::EFFECT_ID) else {
                if !self.retries.0.contains(&text) || !self.retries.1.insert(text.clone()) {
                    return Err(format!("{RESULTS}-{place} offset {offset}: {text} was not asked for, or came twice"));
                }
                continue;
            };
            // Strangers prove nothing; the first result of an effect counts.
            if of(header::EFFECT_PROOF) == Some("0".repeat(32)) || !self.ended.insert(effect) {
                continue;
            }
            match words[..] {
                ["done", name, _] => self.expected.push(format!("called {name}")),
                ["failed", name, attempt] if number(attempt) >= ATTEMPTS_MAX => {
                    self.expected.push(format!("gave-up {name}"));
                }
                ["failed", name, attempt] => {
                    self.retries.0.insert(format!("retry {name} {}", number(attempt) + 1));
                }
                _ => return Err(format!("{RESULTS}-{place} offset {offset}: {text}")),
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

    /// Each call was made or given up, once; each retry that was asked for came.
    fn is_complete(&self) -> Result<(), String> {
        for name in &self.asked {
            let ends = [format!("called {name}"), format!("gave-up {name}")];
            let times = self.expected.iter().filter(|said| ends.contains(said)).count();
            if times != 1 {
                return Err(format!("{name} was ended {times} times"));
            }
        }
        if self.retries.0 != self.retries.1 {
            return Err(format!("asked for {:?}, and {:?} came", self.retries.0, self.retries.1));
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
