//! The auditor in the tests. The books of the log itself are `stream-worker audit`'s, whose rules know nothing of the topologies' code; here they are compared
//! with what clients were told, which no log knows, and (in [`stores`]) with the disks.
//!
//! | | holds |
//! |---|---|
//! | I-9 | each request in the log has exactly one outcome, and there is none without a request; what was promised is in the log, what was refused is not |
//! | I-10 | what was told over HTTP is the outcome in the topic |
//! | I-11 | never more coupons than there are, never two of a policy for one user, and none kept back |
//! | I-12 | who got one are the first valid distinct users in the order of the log |
//! | I-15 | a notice was asked for once for each coupon |
//! | I-18 | a store rebuilt from the changelog on an empty disk is the live one, row by row |
//! | I-21 | each bad record is buried once, as it was, with where it came from and why |
//! | I-25 | each record of the inbox is decided, buried, or sent on once to where it belongs |
//! | I-32 | each record fits what is published of its topic, or is buried |

pub(crate) mod stores;

use crate::support::ledger::Ledger;
use crate::support::load::Sale;
use crate::support::topics::{INBOX, Seen, read_all};
use crate::support::worker::Worker;
use holdfast_ports::log::Log;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use stream_worker::commands::audit::invariant::Invariant;
use stream_worker::commands::audit::report::{Report, Verdict};
use stream_worker::commands::audit::{Question, examine};

/// What the log alone can tell of a sale.
const BY_THE_LOG: [Invariant; 11] = [
    Invariant::OneOutcome,
    Invariant::Agreement,
    Invariant::Stock,
    Invariant::FirstCome,
    Invariant::Retries,
    Invariant::Notices,
    Invariant::Letters,
    Invariant::NoGap,
    Invariant::OneWriter,
    Invariant::Times,
    Invariant::Published,
];

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
    let outcomes = outcomes(log);
    println!(
        "audit: {} records in the inbox, {} outcomes, {} promised over HTTP, {} appended by a producer, {} outcomes told, {} refused, 503: {:?}, blinks: {}",
        inbox.len(),
        outcomes.len(),
        ledger.promises.lock().unwrap().len(),
        ledger.acknowledged.lock().unwrap().len(),
        ledger.told.lock().unwrap().len(),
        ledger.refused.lock().unwrap().len(),
        ledger.unavailable.lock().unwrap(),
        ledger.blinks.load(Ordering::SeqCst),
    );
    assert_eq!(*ledger.surprises.lock().unwrap(), Vec::<String>::new());
    what_clients_hold(&inbox, ledger);
    what_was_told(ledger, &outcomes);
    by_the_log(log);
}

/// The audit of the log. One without changelogs was written by a test: everything in it counts as decided.
pub(crate) fn by_the_log(log: &dyn Log) -> Report {
    let is_all_decided = log.partitions("holdfast-coupon-changelog").unwrap().is_none();
    let question = Question {
        app: "holdfast".to_owned(),
        topologies: holdfast_topologies::all(),
        only: BY_THE_LOG.to_vec(),
        is_settled: true,
        overdue_ms_max: 10_000,
        hold_ms: 300_000,
        held_ms: Vec::new(),
        app_dir: None,
        is_all_decided,
        answers: None,
        alerts: None,
        sink: None,
    };
    let report = examine(log, &question).unwrap();
    assert_eq!(report.verdict, Verdict::Proved, "{}", report.text());
    report
}

/// A JSON value as text: ids may come as numbers.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn json(record: &Seen) -> Option<Value> {
    serde_json::from_slice(record.value.as_deref()?).ok()
}

/// Under which id a request is known.
fn identity(value: &Value) -> Option<String> {
    ["requestId", "eventId"].iter().map(|name| &value[*name]).find(|id| !id.is_null()).map(text)
}

type Outcomes = BTreeMap<String, Vec<Value>>;

fn outcomes(log: &dyn Log) -> Outcomes {
    let mut outcomes = Outcomes::new();
    for topic in ["coupon-issue-success", "coupon-issue-failures"] {
        for record in read_all(log, topic) {
            let value = record.json();
            outcomes.entry(text(&value["requestId"])).or_default().push(value);
        }
    }
    outcomes
}

/// I-9, the half that is about the way in: 202 and an acknowledgement mean "in the log", and "nothing was accepted" means that.
fn what_clients_hold(inbox: &[Seen], ledger: &Ledger) {
    let at: BTreeMap<(u32, i64), &Seen> = inbox.iter().map(|seen| ((seen.partition, seen.offset), seen)).collect();
    let by_id: BTreeMap<String, &Seen> =
        inbox.iter().filter_map(|seen| Some((identity(&json(seen)?)?, seen))).collect();
    for (id, promise) in &*ledger.promises.lock().unwrap() {
        let seen = match promise.position {
            Some(position) => at.get(&position).copied(),
            None => by_id.get(id).copied(),
        };
        let record =
            seen.and_then(json).unwrap_or_else(|| panic!("{id} was promised, {promise:?}, and is not in the log"));
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
        if let Some(user) = json(seen).map(|record| text(&record["userId"])) {
            assert!(!refused.contains(&user), "{user} was told that nothing was accepted: {seen:?}");
        }
    }
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
