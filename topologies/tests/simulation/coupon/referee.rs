//! A second pair of eyes on a sale: decides the inbox again from the rules alone (requirements, section 5), knowing nothing of the topology's code,
//! and compares what was told, record by record.

use crate::simulation::paper::{json, text};
use holdfast_engine::inspect::header::{self, ORIGIN};
use holdfast_engine::prelude::place_of;
use holdfast_model::coupon;
use holdfast_model::coupon::{DEAD_LETTERS, FAILURES, INBOX, NOTIFICATIONS, SUCCESS};
use holdfast_sim::memory_log::Stored;
use holdfast_sim::simulation::{Audit, Cursor, History, LiveStores};
use holdfast_topologies::coupon::invariants::Books;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The referee of all places.
#[derive(Default)]
pub(crate) struct Referee {
    places: BTreeMap<u32, Place>,
}

#[derive(Default)]
struct Policy {
    total: i64,
    issued: i64,
    start_ms: Option<i64>,
    end_ms: Option<i64>,
}

/// What has been told in one topic, against what has to be told: always its beginning.
#[derive(Default)]
struct Told {
    cursor: Cursor,
    expected: Vec<String>,
    told: usize,
}

impl Told {
    fn follow(
        &mut self,
        history: &History<'_>,
        topic: &str,
        place: u32,
        say: impl Fn(&Stored) -> String,
    ) -> Result<(), String> {
        for (offset, record) in self.cursor.read(history, topic, place) {
            let (said, expected) = (say(&record), self.expected.get(self.told));
            if expected != Some(&said) {
                return Err(format!(
                    "{topic}-{place} offset {offset} says {said:?}, by the rules {expected:?} (I-9, I-12)"
                ));
            }
            self.told += 1;
        }
        Ok(())
    }

    fn is_complete(&self, topic: &str, place: u32) -> Result<(), String> {
        match self.expected.get(self.told) {
            None => Ok(()),
            Some(missing) => Err(format!("{topic}-{place}: nothing says {missing:?} (I-9, I-25)")),
        }
    }
}

#[derive(Default)]
struct Place {
    inbox: Cursor,
    now_ms: i64,
    policies: BTreeMap<String, Policy>,
    holders: BTreeSet<(String, String)>,
    requests: BTreeMap<String, (String, String)>,
    commands: BTreeSet<String>,
    successes: Told,
    failures: Told,
    letters: Told,
    /// Users who have to be notified.
    notified: Vec<String>,
}

fn head(record: &Stored, name: &str) -> Option<String> {
    let (_, value) = record.headers.iter().find(|(key, _)| key == name)?;
    Some(String::from_utf8_lossy(value.as_deref()?).into_owned())
}

/// What an outcome says that matters.
fn outcome(record: &Stored) -> String {
    let value = json(record).unwrap_or_default();
    ["requestId", "policyId", "userId", "status", "couponId"]
        .map(|field| text(&value[field]).unwrap_or_default())
        .join("|")
}

impl Place {
    fn follow(&mut self, history: &History<'_>, place: u32) -> Result<(), String> {
        for (offset, record) in self.inbox.read(history, INBOX, place) {
            self.now_ms = self.now_ms.max(record.append_ms);
            let origin = head(&record, ORIGIN);
            let here = (place, history.places());
            if self.decide(&record, here, origin, offset).is_none() {
                self.letters.expected.push(offset.to_string());
            }
        }
        self.successes.follow(history, SUCCESS, place, outcome)?;
        self.failures.follow(history, FAILURES, place, outcome)?;
        self.letters.follow(history, DEAD_LETTERS, place, |letter| head(letter, header::OFFSET).unwrap_or_default())
    }

    /// One record by the rules; `None` when it belongs to the dead letters.
    fn decide(&mut self, record: &Stored, here: (u32, u32), origin: Option<String>, offset: i64) -> Option<()> {
        let value = json(record)?;
        match value["type"].as_str() {
            None => {}
            Some("create-policy" | "adjust-stock" | "use-coupon") => return self.command(&value, here),
            Some(_) => return None,
        }
        let policy_id = text(&value["policyId"]).or_else(|| text(&value["couponId"]))?;
        let user = text(&value["userId"])?;
        if place_of(coupon::inbox_key(&policy_id).as_bytes(), here.1) != here.0 {
            return Some(());
        }
        let entered = origin.unwrap_or_else(|| format!("{INBOX}-{}-{offset}", here.0));
        let id = text(&value["requestId"]).or_else(|| text(&value["eventId"])).unwrap_or(entered);
        let who = (policy_id.clone(), user.clone());
        match self.requests.get(&id) {
            Some(earlier) if *earlier == who => return Some(()),
            Some(_) => return None,
            None => self.requests.insert(id.clone(), who.clone()),
        };
        let now_ms = self.now_ms;
        let status = match self.policies.get_mut(&policy_id) {
            None => "VALIDATION_FAILED",
            Some(_)
                if user.trim() != user || ["", ".", ".."].contains(&&*user) || user.chars().any(char::is_control) =>
            {
                "VALIDATION_FAILED"
            }
            Some(p) if p.start_ms.is_some_and(|start| now_ms < start) => "VALIDATION_FAILED",
            Some(p) if p.end_ms.is_some_and(|end| now_ms >= end) => "VALIDATION_FAILED",
            Some(_) if self.holders.contains(&who) => "DUPLICATE_REQUEST",
            Some(p) if p.issued >= p.total => "OUT_OF_STOCK",
            Some(p) => {
                p.issued += 1;
                self.holders.insert(who);
                self.notified.push(user.clone());
                let coupon = format!("cpn_{}_{policy_id}_{}", here.0, p.issued);
                self.successes.expected.push(format!("{id}|{policy_id}|{user}|SUCCESS|{coupon}"));
                return Some(());
            }
        };
        self.failures.expected.push(format!("{id}|{policy_id}|{user}|{status}|"));
        Some(())
    }

    fn command(&mut self, value: &Value, (place, places): (u32, u32)) -> Option<()> {
        let Some(policy_id) = text(&value["policyId"]) else {
            // A use of a coupon changes neither stock nor outcomes.
            return Some(());
        };
        let is_home = place_of(coupon::inbox_key(&policy_id).as_bytes(), places) == place;
        if !is_home || !self.commands.insert(text(&value["requestId"])?) {
            return Some(());
        }
        if value["type"] == "create-policy" {
            self.policies.entry(policy_id).or_insert_with(|| Policy {
                total: value["totalQuantity"].as_i64().unwrap_or_default(),
                issued: 0,
                start_ms: value["startTime"].as_i64(),
                end_ms: value["endTime"].as_i64(),
            });
        } else if let (Some(policy), Some(by)) = (self.policies.get_mut(&policy_id), value["by"].as_i64())
            && policy.total + by >= policy.issued
        {
            policy.total += by;
        }
        Some(())
    }

    fn is_complete(&self, place: u32) -> Result<(), String> {
        self.successes.is_complete(SUCCESS, place)?;
        self.failures.is_complete(FAILURES, place)?;
        self.letters.is_complete(DEAD_LETTERS, place)
    }
}

impl Audit for Referee {
    fn committed(&mut self, history: &History<'_>) -> Result<(), String> {
        for place in 0..history.places() {
            self.places.entry(place).or_default().follow(history, place)?;
        }
        Ok(())
    }

    fn settled(&mut self, history: &History<'_>, stores: &LiveStores) -> Result<(), String> {
        self.committed(history)?;
        let mut expected: Vec<String> = Vec::new();
        for (place, referee) in &self.places {
            referee.is_complete(*place)?;
            expected.extend(referee.notified.iter().cloned());
        }
        let mut told: Vec<String> = Vec::new();
        for place in 0..history.places() {
            let asked = history.read(NOTIFICATIONS, place, 0);
            told.extend(
                asked.iter().map(|(_, n)| String::from_utf8_lossy(n.key.as_deref().unwrap_or_default()).into_owned()),
            );
        }
        expected.sort();
        told.sort();
        if expected != told {
            return Err(format!("{} notifications for {} coupons", told.len(), expected.len()));
        }
        for task in stores.tasks(coupon::NAME) {
            let books = Books::load(&task).map_err(|error| error.to_string())?;
            books.check().map_err(|broken| format!("{broken} (I-11)"))?;
            let referee = self.places.get(&task.place());
            for (id, row) in &books.policies {
                let by_rules = referee.and_then(|r| r.policies.get(id)).map(|p| (p.issued, p.total));
                let in_store = (row.issued.cast_signed(), row.total.cast_signed());
                if by_rules != Some(in_store) {
                    return Err(format!("policy {id}: {in_store:?} in the store, {by_rules:?} by the rules (I-11)"));
                }
            }
        }
        Ok(())
    }
}
