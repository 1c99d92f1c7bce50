//! A second pair of eyes on a waiting room: follows its facts by the rules alone (requirements, I-23), knowing nothing of the topology's code; compares
//! positions with a count after every commit; and asks at the end whether every join has its ticket and every end its cause.

use super::line::Queue;
use super::rows::Rows;
use crate::simulation::paper::{self, head, is_redriven, json, text};
use crate::simulation::tally::Tally;
use crate::simulation::wrapped::CLUMSY;
use holdfast_engine::inspect::header;
use holdfast_engine::prelude::place_of;
use holdfast_model::queue::{COMMANDS, DEAD_LETTERS, EVENTS, INBOX, NAME, NOTIFICATIONS};
use holdfast_sim::memory_log::Stored;
use holdfast_sim::simulation::{Audit, Cursor, History, LiveStores};
use holdfast_topologies::queue::invariants::Books;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What a client is told of a ticket: its position, from the rows and from what was published when it was given out.
pub(crate) type Tell = fn(&Books, &str, u64, Option<u64>) -> Option<u64>;

/// As the house tells it: counted.
pub(crate) fn counted(books: &Books, queue: &str, ticket: u64, _: Option<u64>) -> Option<u64> {
    books.position(queue, ticket)
}

/// The referee of all places.
pub(crate) struct Referee {
    rows: BTreeMap<u32, Rows>,
    facts: BTreeMap<u32, Cursor>,
    inboxes: BTreeMap<u32, Inbox>,
    queues: BTreeMap<String, Queue>,
    tell: Tell,
    happened: Vec<String>,
    tally: Tally,
}

/// What a queue was asked, in its own place.
#[derive(Default)]
struct Asked {
    silence_ms: i64,
    keep_ms: i64,
    /// When tickets were asked after: by a touch, or by a join of a user who had one.
    touches: Vec<(i64, u64)>,
    leaves: Vec<(u64, String)>,
    purchases: Vec<(u64, String)>,
}

/// A join that was to be decided where it is.
struct Join {
    identity: String,
    queue: String,
    user: String,
    offset: i64,
}

/// The inbox of a place.
#[derive(Default)]
struct Inbox {
    cursor: Cursor,
    now_ms: i64,
    asked: BTreeMap<String, Asked>,
    joins: Vec<Join>,
    redriven: usize,
}

impl Referee {
    /// A referee that counts what happened, of a house that tells positions so.
    pub(crate) fn telling(tally: Tally, tell: Tell) -> Self {
        Self {
            rows: BTreeMap::new(),
            facts: BTreeMap::new(),
            inboxes: BTreeMap::new(),
            queues: BTreeMap::new(),
            tell,
            happened: Vec::new(),
            tally,
        }
    }

    fn follow(&mut self, history: &History<'_>, place: u32) -> Result<(), String> {
        for (offset, record) in self.facts.entry(place).or_default().read(history, EVENTS, place) {
            let fact = json(&record).ok_or_else(|| format!("{EVENTS}-{place} offset {offset} is no fact"))?;
            let id = text(&fact["queueId"]).unwrap_or_default();
            let happened = self.queues.entry(id.clone()).or_default().follow(&fact);
            self.happened.push(happened.map_err(|why| format!("{EVENTS}-{place} offset {offset}, queue {id}: {why}"))?);
        }
        Ok(())
    }

    /// Positions as they are told, against a count.
    fn check_positions(&mut self, place: u32) -> Result<(), String> {
        let Some(rows) = self.rows.get(&place) else { return Ok(()) };
        for id in rows.books.queues.keys() {
            let Some(queue) = self.queues.get_mut(id) else { return Err(format!("nothing was told of queue {id}")) };
            let counted: Vec<_> = queue.positions().collect();
            for (ticket, position) in counted {
                let Some(live) = queue.live.get_mut(&ticket) else { continue };
                let told = (self.tell)(&rows.books, id, ticket, live.entered);
                if told != Some(position) {
                    return Err(format!("queue {id}, ticket {ticket}: told {told:?}, counted {position} (I-23)"));
                }
                if live.told.is_some_and(|before| before < position) {
                    return Err(format!("queue {id}, ticket {ticket}: {position} after {:?} (I-23)", live.told));
                }
                live.told = told;
            }
        }
        Ok(())
    }

    /// Reads the inbox of a place, before the log forgets it.
    fn listen(&mut self, history: &History<'_>, place: u32) {
        let inbox = self.inboxes.entry(place).or_default();
        for (offset, record) in inbox.cursor.read(history, INBOX, place) {
            inbox.now_ms = inbox.now_ms.max(record.append_ms);
            let now_ms = inbox.now_ms;
            let Some(value) = json(&record) else { continue };
            let Some(id) = text(&value["queueId"]) else { continue };
            if place_of(id.as_bytes(), history.places()) != place {
                continue;
            }
            inbox.redriven += usize::from(is_redriven(&record));
            let queue = inbox.asked.entry(id.clone()).or_default();
            let user = text(&value["userId"]).unwrap_or_default();
            let ticket = value["ticket"].as_u64().unwrap_or_default();
            match value["type"].as_str().unwrap_or_default() {
                "create-queue" if queue.keep_ms == 0 => {
                    queue.silence_ms = value["silenceMs"].as_i64().unwrap_or(60_000);
                    queue.keep_ms = value["keepMs"].as_i64().unwrap_or(180_000);
                }
                "touch" => {
                    let tickets = value["tickets"].as_array().cloned().unwrap_or_default();
                    queue.touches.extend(tickets.iter().filter_map(Value::as_u64).map(|ticket| (now_ms, ticket)));
                }
                "join" if text(&value["userId"]).is_some() && !user.starts_with(CLUMSY) => {
                    let identity = paper::identity(&record, &value, (INBOX, place, offset));
                    inbox.joins.push(Join { identity, queue: id, user, offset });
                }
                "leave" => queue.leaves.push((ticket, user)),
                "purchased" => queue.purchases.push((ticket, user)),
                _ => {}
            }
        }
    }

    /// Every end has its cause.
    fn check_ends(&self, asked: &BTreeMap<String, Asked>) -> Result<(), String> {
        for (id, asked) in asked {
            let Some(queue) = self.queues.get(id) else { continue };
            for (ticket, (was, reason, ended_ms)) in &queue.ended {
                let own = (*ticket, was.user.clone());
                let has_cause = match &**reason {
                    "LEFT" => asked.leaves.contains(&own),
                    "PURCHASED" => asked.purchases.contains(&own),
                    "SILENT" => {
                        let kept_ms = if was.active.is_some() { asked.silence_ms } else { asked.keep_ms };
                        // A sign of life is kept to a tenth of a second.
                        let heard = |at_ms: i64| at_ms < *ended_ms && at_ms >= ended_ms - kept_ms + 100;
                        let is_heard = asked.touches.iter().any(|(at_ms, of)| of == ticket && heard(*at_ms));
                        !is_heard && *ended_ms >= queue.silent_since(was) + kept_ms
                    }
                    _ => true,
                };
                if !has_cause {
                    return Err(format!("queue {id}, ticket {ticket}: {reason} without a cause (I-23)"));
                }
            }
        }
        Ok(())
    }

    /// Every join that was decided has a ticket of its user, or was refused.
    fn check_joins(&self, history: &History<'_>, stores: &LiveStores) -> Result<(), String> {
        for task in stores.tasks(NAME) {
            let place = task.place();
            for Join { identity, queue, user, offset } in self.inboxes.get(&place).iter().flat_map(|inbox| &inbox.joins)
            {
                let row = task.get_kept(&COMMANDS, identity).map_err(|error| error.to_string())?;
                let Some(row) = row else { return Err(format!("join {identity} has no outcome (I-9)")) };
                let Ok(ticket) = row.result else { continue };
                let of = |queue: &Queue| {
                    let live = queue.live.get(&ticket).map(|live| live.user.clone());
                    live.or_else(|| queue.ended.get(&ticket).map(|(was, ..)| was.user.clone()))
                };
                let owner = self.queues.get(queue).and_then(of);
                // Another user's words under an id that was used are among the dead letters.
                if owner.as_ref() != Some(user) && !Self::is_refused(history, place, *offset) {
                    return Err(format!("join {identity} of {user} has ticket {ticket} of {owner:?} (I-23)"));
                }
            }
        }
        Ok(())
    }

    fn is_refused(history: &History<'_>, place: u32, offset: i64) -> bool {
        let is_of = |letter: &Stored| head(letter, header::OFFSET) == Some(offset.to_string());
        history.read(DEAD_LETTERS, place, 0).iter().any(|(_, letter)| is_of(letter))
    }

    /// Nobody is told twice, and each admission is told.
    fn check_notices(&self, history: &History<'_>) -> Result<(), String> {
        let mut told = BTreeSet::new();
        for place in 0..history.places() {
            for (_, notice) in history.read(NOTIFICATIONS, place, 0) {
                let payload = json(&notice).unwrap_or_default()["payload"].take();
                let of = |field: &str| text(&payload["data"][field]).unwrap_or_default();
                let kind = text(&payload["type"]).unwrap_or_default();
                if !told.insert((kind.clone(), of("queueId"), of("ticket"))) {
                    return Err(format!("{kind} of ticket {} told twice (I-15)", of("ticket")));
                }
            }
        }
        for (id, queue) in &self.queues {
            let live = queue.live.iter();
            let ended = queue.ended.iter().map(|(ticket, (was, ..))| (ticket, was));
            for (ticket, was) in live.chain(ended) {
                let is_told = told.contains(&("SEAT_OPENED".to_owned(), id.clone(), ticket.to_string()));
                if is_told != was.active.is_some() {
                    return Err(format!("queue {id}, ticket {ticket}: told of an admission: {is_told} (I-15)"));
                }
            }
        }
        Ok(())
    }
}

impl Audit for Referee {
    fn committed(&mut self, history: &History<'_>) -> Result<(), String> {
        for place in 0..history.places() {
            let rows = self.rows.entry(place).or_default();
            rows.follow(history, place)?;
            rows.books.check().map_err(|broken| format!("after a commit: {broken} (I-23)"))?;
            self.listen(history, place);
            self.follow(history, place)?;
            self.check_positions(place)?;
        }
        Ok(())
    }

    fn settled(&mut self, history: &History<'_>, stores: &LiveStores) -> Result<(), String> {
        self.committed(history)?;
        self.inboxes.values().try_for_each(|inbox| self.check_ends(&inbox.asked))?;
        self.check_joins(history, stores)?;
        self.check_notices(history)?;
        if let Some((id, _)) = self.queues.iter().find(|(_, queue)| queue.is_stuck()) {
            return Err(format!("queue {id}: there is room, and nobody is let in (I-23)"));
        }
        let redriven = self.inboxes.values().map(|inbox| inbox.redriven).sum();
        self.tally.add("redriven", redriven);
        self.happened.iter().for_each(|what| self.tally.add(what, 1));
        Ok(())
    }
}
