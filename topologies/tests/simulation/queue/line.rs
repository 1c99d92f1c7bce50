//! A queue as its facts tell it: the line is a list, and a position is found by counting.

use crate::simulation::paper::{moment, text};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// A live ticket.
pub(crate) struct Ticket {
    pub(crate) user: String,
    pub(crate) joined_ms: i64,
    /// Since when and until when it is ACTIVE.
    pub(crate) active: Option<(i64, i64)>,
    /// Position when it was given out.
    pub(crate) entered: Option<u64>,
    /// The last position that anybody was told.
    pub(crate) told: Option<u64>,
}

/// A queue.
#[derive(Default)]
pub(crate) struct Queue {
    max_active: u64,
    rate: usize,
    state: String,
    is_open: bool,
    opened_ms: i64,
    seed_hash: Option<String>,
    issued: u64,
    /// Waiting tickets, the first one first.
    pub(crate) line: Vec<u64>,
    pub(crate) live: BTreeMap<u64, Ticket>,
    admissions_ms: Vec<i64>,
    /// Ended tickets with what they were.
    pub(crate) ended: BTreeMap<u64, (Ticket, String, i64)>,
}

impl Queue {
    /// Takes a fact, or says what is wrong with it. Returns what happened.
    pub(crate) fn follow(&mut self, fact: &Value) -> Result<String, String> {
        let at_ms = moment(&fact["occurredAt"]).ok_or("no time")?;
        match fact["type"].as_str().unwrap_or_default() {
            "CREATED" | "CHANGED" => self.changed(fact),
            "OPENED" => self.opened(fact, at_ms),
            "ENTERED" => self.entered(fact, at_ms),
            "ADMITTED" => self.admitted(fact, at_ms),
            "ENDED" => self.ended(fact, at_ms),
            other => Err(format!("what is {other}?")),
        }
    }

    fn changed(&mut self, fact: &Value) -> Result<String, String> {
        self.max_active = fact["maxActive"].as_u64().unwrap_or_default();
        self.rate = usize::try_from(fact["admitPerSecond"].as_u64().unwrap_or_default()).unwrap_or_default();
        self.state = text(&fact["state"]).unwrap_or_default();
        self.seed_hash = text(&fact["seedHash"]);
        if !self.is_open && !fact["seed"].is_null() {
            return Err("the seed is told before it is used (I-23)".to_owned());
        }
        Ok(format!("now {}", self.state))
    }

    fn opened(&mut self, fact: &Value, at_ms: i64) -> Result<String, String> {
        if self.is_open {
            return Err("opened twice (I-23)".to_owned());
        }
        (self.is_open, self.opened_ms) = (true, at_ms);
        let opens_ms = moment(&fact["opensAt"]).unwrap_or(i64::MIN);
        if at_ms < opens_ms {
            return Err("opened before its time (I-23)".to_owned());
        }
        if fact["shuffle"] != true || self.line.is_empty() {
            return Ok("opened".to_owned());
        }
        let seed: Vec<u8> = unhex(&text(&fact["seed"]).ok_or("a draw without a seed")?);
        if self.seed_hash.as_deref() != Some(&*hex(&Sha256::digest(&seed))) {
            return Err("another seed than was published (I-23)".to_owned());
        }
        let rank = |ticket: &u64| Sha256::digest([seed.as_slice(), &ticket.to_be_bytes()].concat());
        self.line.sort_by_cached_key(rank);
        Ok("drawn".to_owned())
    }

    fn entered(&mut self, fact: &Value, joined_ms: i64) -> Result<String, String> {
        let (ticket, user) = of(fact)?;
        self.issued += 1;
        if ticket != self.issued {
            return Err(format!("ticket {ticket}, {} is next (I-23)", self.issued));
        }
        if let Some((other, _)) = self.live.iter().find(|(_, live)| live.user == user) {
            return Err(format!("user {user} has ticket {other} (I-23)"));
        }
        if self.state == "DRAINING" {
            return Err("it takes no joins (I-23)".to_owned());
        }
        self.line.push(ticket);
        let counted = self.is_open.then_some(self.line.len() as u64);
        let entered = fact["position"].as_u64();
        if entered != counted {
            return Err(format!("position {entered:?}, counted {counted:?} (I-23)"));
        }
        self.live.insert(ticket, Ticket { user, joined_ms, active: None, entered, told: None });
        Ok("entered".to_owned())
    }

    fn admitted(&mut self, fact: &Value, at_ms: i64) -> Result<String, String> {
        let (ticket, user) = of(fact)?;
        if self.line.first() != Some(&ticket) {
            return Err(format!("ticket {ticket} is admitted, {:?} is first (I-23)", self.line.first()));
        }
        self.line.remove(0);
        if !self.is_open || self.state == "PAUSED" {
            return Err(format!("ticket {ticket} is admitted to a queue that admits nobody (I-23)"));
        }
        let active = self.live.values().filter(|live| live.active.is_some()).count() as u64;
        if active >= self.max_active {
            return Err(format!("{active} are active already, {} may be (I-23)", self.max_active));
        }
        self.admissions_ms.push(at_ms);
        let in_second = self.admissions_ms.iter().filter(|other| at_ms - **other < 1_000).count();
        if in_second > self.rate {
            return Err(format!("{in_second} admissions in a second, {} may be (I-23)", self.rate));
        }
        let live = self.live.get_mut(&ticket).filter(|live| live.user == user).ok_or("nobody's ticket")?;
        live.active = Some((at_ms, moment(&fact["activeUntil"]).ok_or("no time")?));
        Ok("admitted".to_owned())
    }

    fn ended(&mut self, fact: &Value, at_ms: i64) -> Result<String, String> {
        let (ticket, user) = of(fact)?;
        let live = self.live.remove(&ticket).filter(|live| live.user == user);
        let live = live.ok_or_else(|| format!("ticket {ticket} ends and is not live (I-23)"))?;
        self.line.retain(|other| *other != ticket);
        let reason = text(&fact["reason"]).unwrap_or_default();
        let is_right = match (&*reason, live.active) {
            ("LEFT", _) => true,
            ("SILENT", None) => self.is_open,
            ("SILENT" | "PURCHASED", Some(_)) => true,
            ("TIMED_OUT", Some((_, until_ms))) => at_ms >= until_ms,
            _ => false,
        };
        if !is_right {
            return Err(format!("ticket {ticket} ends as {reason} (I-23)"));
        }
        let was = if live.active.is_some() { "active" } else { "waiting" };
        let happened = format!("{was} {}", reason.to_lowercase());
        self.ended.insert(ticket, (live, reason, at_ms));
        Ok(happened)
    }

    /// Since when a ticket that ended has been silent, if it was never asked after: since it was let in, or in line.
    pub(crate) fn silent_since(&self, ticket: &Ticket) -> i64 {
        ticket.active.map_or_else(|| ticket.joined_ms.max(self.opened_ms), |(admitted_ms, _)| admitted_ms)
    }

    /// What a ticket in line is told: its position.
    pub(crate) fn positions(&self) -> impl Iterator<Item = (u64, u64)> {
        let line: &[u64] = if self.is_open { &self.line } else { &[] };
        line.iter().copied().zip(1..)
    }

    /// Whether somebody waits who could be let in.
    pub(crate) fn is_stuck(&self) -> bool {
        let active = self.live.len() - self.line.len();
        self.is_open && self.state != "PAUSED" && !self.line.is_empty() && (active as u64) < self.max_active
    }
}

fn of(fact: &Value) -> Result<(u64, String), String> {
    let ticket = fact["ticket"].as_u64().ok_or("no ticket")?;
    Ok((ticket, text(&fact["userId"]).ok_or("no user")?))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2).filter_map(|pair| std::str::from_utf8(pair).ok());
    digits.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}
