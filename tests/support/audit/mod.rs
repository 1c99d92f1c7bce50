//! The auditor. After whatever happened he takes the inbox, decides the whole sale again by [`rules`], which know nothing of the topology's code,
//! and compares: with the outcomes, the notifications, the dead letters, with what clients were told, and (in [`stores`]) with the disks.
//!
//! | | holds |
//! |---|---|
//! | I-9 | each request in the log has exactly one outcome, and there is none without a request; what was promised is in the log, what was refused is not |
//! | I-10 | what was told over HTTP is the outcome in the topic |
//! | I-11 | never more coupons than there are, never two of a policy for one user, and none kept back |
//! | I-12 | who got one are the first valid distinct users in the order of the log |
//! | I-18 | a store rebuilt from the changelog on an empty disk is the live one, row by row |
//! | I-21 | each bad record is buried once, as it was, with where it came from and why |
//! | I-25 | each record of the inbox is decided, buried, or sent on once to where it belongs |

pub(crate) mod rules;
pub(crate) mod stores;

use crate::support::ledger::Ledger;
use crate::support::load::Sale;
use crate::support::topics::{INBOX, Seen, read_all};
use crate::support::worker::Worker;
use holdfast_ports::log::Log;
use rules::{Decided, Fate, text};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

/// Asks `worker` about every request that was promised and every policy, so that the answers are compared as well. All must be decided.
pub(crate) fn ask_everything(worker: &Worker, ledger: &Ledger, sale: &Sale) {
    let ids: Vec<String> = ledger.promises.lock().unwrap().keys().cloned().collect();
    for id in ids {
        let answer = worker.get(&format!("/api/coupons/requests/{id}?waitMs=5000"));
        assert_eq!(answer.status(), 200, "{id} was promised: {}", answer.text().unwrap());
        ledger.tell(&id, answer.json().unwrap());
    }
    for (id, stock) in &sale.policies {
        let policy = worker.policy(id);
        let count = |name: &str| policy[name].as_u64().unwrap();
        assert_eq!(count("totalQuantity"), *stock, "{policy}");
        assert_eq!(count("issued") + count("remaining"), *stock, "{policy}");
    }
}

/// Compares the topics with each other and with what clients know. Every worker may be gone by now.
pub(crate) fn topics(log: &dyn Log, ledger: &Ledger) {
    let inbox = read_all(log, INBOX);
    let sale = rules::decide_again(&inbox);
    let outcomes = outcomes(log);
    println!(
        "audit: {} records in the inbox, {} requests, {} promised over HTTP, {} appended by a producer, {} outcomes told, {} refused, 503: {:?}, blinks: {}",
        inbox.len(),
        sale.decided.len(),
        ledger.promises.lock().unwrap().len(),
        ledger.acknowledged.lock().unwrap().len(),
        ledger.told.lock().unwrap().len(),
        ledger.refused.lock().unwrap().len(),
        ledger.unavailable.lock().unwrap(),
        ledger.blinks.load(Ordering::SeqCst),
    );
    assert_eq!(*ledger.surprises.lock().unwrap(), Vec::<String>::new());
    what_clients_hold(&inbox, ledger);
    exactly_one_outcome(&sale.decided, &outcomes);
    what_was_told(ledger, &outcomes);
    coupons(&sale, &outcomes);
    notifications(log, &outcomes);
    dead_letters(log, &inbox, &sale.fates);
    sent_on_once(&inbox, &sale.fates);
}

type Outcomes = BTreeMap<String, Vec<Value>>;

fn outcomes(log: &dyn Log) -> Outcomes {
    let mut outcomes = Outcomes::new();
    for topic in ["coupon-issue-success", "coupon-issue-failures"] {
        for record in read_all(log, topic) {
            let value = record.json();
            assert_eq!(value["status"] == "SUCCESS", topic == "coupon-issue-success", "{value}");
            outcomes.entry(text(&value["requestId"])).or_default().push(value);
        }
    }
    outcomes
}

/// I-9, the half that is about the way in: 202 and an acknowledgement mean "in the log", and "nothing was accepted" means that.
fn what_clients_hold(inbox: &[Seen], ledger: &Ledger) {
    let at: BTreeMap<(u32, i64), &Seen> = inbox.iter().map(|seen| ((seen.partition, seen.offset), seen)).collect();
    let by_id: BTreeMap<String, &Seen> =
        inbox.iter().filter_map(|seen| Some((rules::identity(&rules::json(seen)?)?, seen))).collect();
    for (id, promise) in &*ledger.promises.lock().unwrap() {
        let seen = match promise.position {
            Some(position) => at.get(&position).copied(),
            None => by_id.get(id).copied(),
        };
        let record = seen
            .and_then(rules::json)
            .unwrap_or_else(|| panic!("{id} was promised, {promise:?}, and is not in the log"));
        assert_eq!(text(&record["requestId"]), *id, "{promise:?}");
        assert_eq!(
            (text(&record["policyId"]), text(&record["userId"])),
            (promise.policy.clone(), promise.user.clone())
        );
    }
    for record in &*ledger.acknowledged.lock().unwrap() {
        let seen = at.get(&(record.partition, record.offset)).unwrap_or_else(|| panic!("lost: {record:?}"));
        assert_eq!(seen.value.as_deref(), Some(&record.value[..]), "{record:?}");
    }
    let refused = ledger.refused.lock().unwrap();
    for seen in inbox {
        if let Some(user) = rules::json(seen).map(|record| text(&record["userId"])) {
            assert!(!refused.contains(&user), "{user} was told that nothing was accepted: {seen:?}");
        }
    }
}

/// I-9.
fn exactly_one_outcome(decided: &BTreeMap<String, Decided>, outcomes: &Outcomes) {
    for (id, decided) in decided {
        let told = outcomes.get(id).unwrap_or_else(|| panic!("{id} has no outcome: {decided:?}"));
        assert_eq!(told.len(), 1, "{id} has one outcome: {told:?}");
        assert_eq!(told[0]["status"], decided.status, "{id}: {decided:?}");
        assert_eq!(
            (text(&told[0]["policyId"]), text(&told[0]["userId"])),
            (decided.policy.clone(), decided.user.clone()),
            "{id}"
        );
    }
    assert_eq!(outcomes.len(), decided.len(), "no outcome without a request");
}

/// I-10.
fn what_was_told(ledger: &Ledger, outcomes: &Outcomes) {
    for (id, told) in &*ledger.told.lock().unwrap() {
        let outcome = &outcomes.get(id).unwrap_or_else(|| panic!("{id}: told {told}, and there is no outcome"))[0];
        for field in ["status", "policyId", "userId", "couponId", "reason"] {
            assert_eq!(told[field], outcome[field], "{field} of {id}: told {told}, in the topic {outcome}");
        }
    }
}

/// I-11, I-12.
fn coupons(sale: &rules::Sale, outcomes: &Outcomes) {
    let mut ids = BTreeSet::new();
    for (policy, stock) in &sale.stock {
        let winners = &sale.winners[policy];
        let issued: Vec<&Value> = outcomes
            .values()
            .flatten()
            .filter(|o| o["status"] == "SUCCESS" && text(&o["policyId"]) == *policy)
            .collect();
        assert_eq!(
            issued.len() as u64,
            (*stock).min(sale.wanted[policy].len() as u64),
            "{policy}: all that were wanted, none more"
        );
        let users: BTreeSet<String> = issued.iter().map(|o| text(&o["userId"])).collect();
        assert_eq!(users.len(), issued.len(), "{policy}: one coupon a user");
        for (rank, id) in winners.iter().enumerate() {
            // The first of them left one less than there were, the second two less.
            assert_eq!(
                outcomes[id][0]["remaining"],
                stock - 1 - rank as u64,
                "{policy}: place {rank} in the queue, {id}"
            );
        }
        ids.extend(issued.iter().map(|o| text(&o["couponId"])));
    }
    let issued = outcomes.values().flatten().filter(|o| o["status"] == "SUCCESS").count();
    assert_eq!(ids.len(), issued, "no coupon twice");
}

/// One notification for each coupon.
fn notifications(log: &dyn Log, outcomes: &Outcomes) {
    let mut announced = Vec::new();
    for record in read_all(log, "notification.request") {
        let payload = &record.json()["payload"];
        if payload["type"] == "COUPON_ISSUED" {
            announced.push(text(&payload["data"]["couponId"]));
        }
    }
    announced.sort();
    let mut issued: Vec<String> =
        outcomes.values().flatten().filter(|o| o["status"] == "SUCCESS").map(|o| text(&o["couponId"])).collect();
    issued.sort();
    assert_eq!(announced, issued, "one notification for each coupon");
}

/// I-21.
fn dead_letters(log: &dyn Log, inbox: &[Seen], fates: &[Fate]) {
    let mut letters: BTreeMap<(u32, i64), Vec<Seen>> = BTreeMap::new();
    for letter in read_all(log, "coupon-issue-dlq") {
        let of = |name: &str| {
            let bytes = letter.headers.get(name).unwrap_or_else(|| panic!("no {name}: {letter:?}"));
            String::from_utf8(bytes.clone()).unwrap()
        };
        assert_eq!(of("X-Original-Topic"), INBOX);
        assert!(!of("X-Exception-Class").is_empty() && !of("X-Exception-Message").is_empty(), "{letter:?}");
        assert!((1..=4).contains(&of("X-Attempts").parse::<u32>().unwrap()), "{letter:?}");
        assert!(of("X-Failed-Timestamp").parse::<i64>().unwrap() > 0, "{letter:?}");
        let origin = (of("X-Original-Partition").parse().unwrap(), of("X-Original-Offset").parse().unwrap());
        letters.entry(origin).or_default().push(letter);
    }
    let mut bad = 0;
    for (seen, _) in inbox.iter().zip(fates).filter(|(_, fate)| **fate == Fate::Bad) {
        bad += 1;
        let buried = letters.get(&(seen.partition, seen.offset)).map(Vec::as_slice).unwrap_or_default();
        assert_eq!(buried.len(), 1, "{seen:?} is buried once: {buried:?}");
        assert_eq!(buried[0].value, seen.value);
    }
    assert_eq!(letters.len(), bad, "nothing else is buried");
}

/// I-25: what came to the wrong place is in the right one as often as it came.
fn sent_on_once(inbox: &[Seen], fates: &[Fate]) {
    let mut balance: BTreeMap<&[u8], (i64, i64)> = BTreeMap::new();
    for (seen, fate) in inbox.iter().zip(fates) {
        let value = seen.value.as_deref().unwrap_or_default();
        match fate {
            Fate::Misplaced => balance.entry(value).or_default().0 += 1,
            Fate::Request | Fate::Command => balance.entry(value).or_default().1 += 1,
            Fate::Bad => {}
        }
    }
    for (value, (came, arrived)) in balance {
        // The crowd sends an event to the wrong place or to the right one, never to both.
        assert!(
            came == 0 || came == arrived,
            "{came} times misplaced, {arrived} times sent on: {}",
            String::from_utf8_lossy(value)
        );
    }
}
