//! The second book of a queue: its line, whom it has let in and when, as its facts tell it one after the other.
//!
//! A ticket is a number, one more each time. The line is in the order of the numbers, behind those that were drawn. Positions are counted here by the length of
//! the line, admissions by a list of their times.

use super::message::Fact;
use crate::known::short;
use holdfast_model::queue::draw;
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, VecDeque};

/// Where a waiting ticket stands: those that were drawn before all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Spot {
    Drawn([u8; 32], u64),
    Numbered(u64),
}

/// A live ticket.
#[derive(Debug, Clone, Copy)]
struct Live {
    user: u64,
    spot: Spot,
    /// Until when it is ACTIVE, in ms since the epoch.
    until_ms: Option<i64>,
}

/// What became of a ticket, to be compared with its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Waiting,
    Active,
    /// With the hash of the reason.
    Ended(u64),
}

/// A queue.
#[derive(Debug, Default)]
pub(super) struct Hall {
    max_active: u64,
    rate: usize,
    state: String,
    seed_hash: Option<String>,
    is_created: bool,
    is_open: bool,
    active: u64,
    line: BTreeMap<Spot, u64>,
    live: FxHashMap<u64, Live>,
    /// The live ticket of each user.
    users: FxHashMap<u64, u64>,
    /// Hash of the user of each ticket, and of the reason for its end.
    tickets: Vec<(u64, Option<u64>)>,
    admissions_ms: VecDeque<i64>,
}

impl Hall {
    /// Takes the next fact; what it was, or what is wrong with it.
    pub(super) fn follow(&mut self, fact: &Fact<'_>) -> Result<&'static str, String> {
        let at_ms = fact.occurred_at.when().ok_or("a fact without its time")?;
        let kind = fact.kind.text();
        if (kind == "CREATED") == self.is_created {
            return Err(format!("{kind} of a queue that is {}", if self.is_created { "there" } else { "not there" }));
        }
        match kind {
            "CREATED" | "CHANGED" => self.terms(fact),
            "OPENED" => self.open(fact, at_ms),
            "ENTERED" => self.enter(fact),
            "ADMITTED" => self.admit(fact, at_ms),
            "ENDED" => self.end(fact, at_ms),
            _ => Err(format!("{kind:?} is nothing that happens to a queue")),
        }
    }

    /// The hash of the user of a ticket, and what became of it.
    pub(super) fn ticket(&self, ticket: u64) -> Option<(u64, Fate)> {
        let at = usize::try_from(ticket.checked_sub(1)?).ok()?;
        let (user, reason) = *self.tickets.get(at)?;
        let fate = match (reason, self.live.get(&ticket)) {
            (Some(reason), _) => Fate::Ended(reason),
            (None, Some(Live { until_ms: Some(_), .. })) => Fate::Active,
            (None, _) => Fate::Waiting,
        };
        Some((user, fate))
    }

    fn terms(&mut self, fact: &Fact<'_>) -> Result<&'static str, String> {
        let number = |field: &crate::record::Field<'_>| field.int().and_then(|n| u64::try_from(n).ok());
        self.max_active = number(&fact.max_active).ok_or("no maxActive")?;
        self.rate = number(&fact.admit_per_second).and_then(|n| usize::try_from(n).ok()).ok_or("no admitPerSecond")?;
        fact.state.text().clone_into(&mut self.state);
        let hash = fact.seed_hash.id().map(|hash| hash.into_owned());
        if self.is_created && self.seed_hash != hash {
            return Err("its seed was exchanged".to_owned());
        }
        if !self.is_open && fact.seed.id().is_some() {
            return Err("its seed was told before the draw".to_owned());
        }
        (self.seed_hash, self.is_created) = (hash, true);
        Ok("queues created and changed")
    }

    fn open(&mut self, fact: &Fact<'_>, at_ms: i64) -> Result<&'static str, String> {
        if self.is_open {
            return Err("it was open already".to_owned());
        }
        self.is_open = true;
        if fact.opens_at.when().is_some_and(|opens_ms| at_ms < opens_ms) {
            return Err("it opened before its time".to_owned());
        }
        let Some(drawn) = fact.drawn.int() else { return Ok("queues opened") };
        if u64::try_from(drawn) != Ok(self.tickets.len() as u64) {
            return Err(format!("{drawn} tickets were drawn, {} were given out", self.tickets.len()));
        }
        let seed = fact.seed.id().and_then(|seed| unhex(&seed)).ok_or("a draw without its seed")?;
        if self.seed_hash.as_deref() != Some(&*draw::hex(&draw::seed_hash(&seed))) {
            return Err("the seed of the draw is not the one that was published".to_owned());
        }
        let early: Vec<u64> = std::mem::take(&mut self.line).into_values().collect();
        for ticket in early {
            let spot = Spot::Drawn(draw::rank(&seed, ticket), ticket);
            self.line.insert(spot, ticket);
            if let Some(live) = self.live.get_mut(&ticket) {
                live.spot = spot;
            }
        }
        Ok("draws made again")
    }

    fn enter(&mut self, fact: &Fact<'_>) -> Result<&'static str, String> {
        let (ticket, user) = of(fact)?;
        let next = self.tickets.len() as u64 + 1;
        if ticket != next {
            return Err(format!("ticket {ticket} was given out, the next one is {next}"));
        }
        if let Some(other) = self.users.get(&user) {
            return Err(format!("ticket {ticket} was given to the user of ticket {other}, which is live"));
        }
        if self.state == "DRAINING" {
            return Err(format!("ticket {ticket} was given out by a queue that takes no joins"));
        }
        let spot = Spot::Numbered(ticket);
        self.line.insert(spot, ticket);
        self.live.insert(ticket, Live { user, spot, until_ms: None });
        self.users.insert(user, ticket);
        self.tickets.push((user, None));
        let counted = self.is_open.then_some(self.line.len() as u64);
        let told = fact.position.int().and_then(|n| u64::try_from(n).ok());
        if told != counted {
            return Err(format!("ticket {ticket} was told position {told:?}, counted are {counted:?}"));
        }
        Ok("tickets given out")
    }

    fn admit(&mut self, fact: &Fact<'_>, at_ms: i64) -> Result<&'static str, String> {
        let (ticket, user) = of(fact)?;
        let first = self.line.first_key_value().map(|(_, ticket)| *ticket);
        if first != Some(ticket) {
            return Err(format!("ticket {ticket} was let in, first in line is {first:?}"));
        }
        self.line.pop_first();
        if !self.is_open || self.state == "PAUSED" {
            return Err(format!("ticket {ticket} was let into a queue that lets nobody in"));
        }
        if self.active >= self.max_active {
            return Err(format!("ticket {ticket} was let in beside {}, {} may be in", self.active, self.max_active));
        }
        self.active += 1;
        while self.admissions_ms.front().is_some_and(|before| at_ms - before >= 1_000) {
            self.admissions_ms.pop_front();
        }
        self.admissions_ms.push_back(at_ms);
        if self.admissions_ms.len() > self.rate {
            let (n, rate) = (self.admissions_ms.len(), self.rate);
            return Err(format!("ticket {ticket} was admission {n} within a second, {rate} may be"));
        }
        let until_ms = fact.active_until.when().filter(|until_ms| *until_ms > at_ms);
        match self.live.get_mut(&ticket).filter(|live| live.user == user) {
            Some(live) if until_ms.is_some() => live.until_ms = until_ms,
            _ => return Err(format!("ticket {ticket} was let in for another user, or until no time")),
        }
        Ok("admissions in the order of the line")
    }

    fn end(&mut self, fact: &Fact<'_>, at_ms: i64) -> Result<&'static str, String> {
        let (ticket, user) = of(fact)?;
        let Some(live) = self.live.remove(&ticket).filter(|live| live.user == user) else {
            return Err(format!("ticket {ticket} ended and was not live, or another user's"));
        };
        self.users.remove(&user);
        if live.until_ms.is_some() {
            self.active = self.active.saturating_sub(1);
        } else {
            self.line.remove(&live.spot);
        }
        let reason = fact.reason.text();
        let at = usize::try_from(ticket - 1).ok();
        if let Some(kept) = at.and_then(|at| self.tickets.get_mut(at)) {
            kept.1 = Some(short(reason));
        }
        let is_right = match (reason, live.until_ms) {
            ("LEFT", _) | ("PURCHASED" | "SILENT", Some(_)) => true,
            ("SILENT", None) => self.is_open,
            ("TIMED_OUT", Some(until_ms)) => at_ms >= until_ms,
            _ => false,
        };
        if is_right { Ok("tickets ended") } else { Err(format!("ticket {ticket} ended as {reason}")) }
    }
}

/// Ticket and hash of its user.
fn of(fact: &Fact<'_>) -> Result<(u64, u64), String> {
    let ticket = fact.ticket.int().and_then(|n| u64::try_from(n).ok()).filter(|ticket| *ticket > 0);
    let ticket = ticket.ok_or("a fact of no ticket")?;
    Ok((ticket, short(&*fact.user_id.id().ok_or("a ticket of no user")?)))
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect();
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests;
