//! The auditor at work, as an operator calls him: on both logs, beside live workers, and on books that somebody has forged.

use crate::coupon_flow;
use crate::support::broker::Cluster;
use crate::support::command::{Said, said};
use crate::support::topics::{self, PARTITIONS, append, read_all};
use crate::support::wait;
use crate::support::worker::{Setup, Worker};
use holdfast_model::reservation::ids;
use holdfast_model::reservation::serial::{self, Secret};
use holdfast_ports::log::{Appender, Log};
use holdfast_ports::place::place_of;
use holdfast_ports::store::{StoreId, Stores, TaskId};
use holdfast_state::{RocksStores, StateConfig};
use serde_json::{Value, json};
use std::path::Path;

const SCHEDULE: &str = "schedule_456";
const SEATS: &str = "reservation.requests";
const CONFIRMED: &str = "reservation.confirmed";
const CONTACTS: &str = "user-contact";
const EXPIRED: &str = "seats.expired";
/// Long enough for a payment on a busy machine, short enough to wait for.
const HOLD_MS: &str = "3000";

fn home() -> u32 {
    place_of(SCHEDULE.as_bytes(), PARTITIONS)
}

/// Appends a command about the schedule, and returns its offset.
fn ask(appender: &dyn Appender, value: &Value) -> i64 {
    append(appender, SEATS, home(), Some(SCHEDULE.as_bytes()), Some(value.to_string().as_bytes())).offset
}

/// Holds of so many users, from `first` on, each on the seat of his number, each sent twice; every second pays, and everybody wants the first's seat as well.
/// And something that nobody can read.
fn storm(appender: &dyn Appender, first: u64, users: u64) -> Vec<String> {
    append(appender, SEATS, home(), None, Some(b"garbage"));
    // A user who can be reached, and wants to be forgotten.
    let (user, contact) = ("1001", json!({"phone": "+821012345678"}).to_string());
    for value in [Some(contact.as_bytes()), None] {
        append(appender, CONTACTS, place_of(user.as_bytes(), PARTITIONS), Some(user.as_bytes()), value);
    }
    let mut held = Vec::new();
    for n in first..first + users {
        let user = (1000 + n).to_string();
        let hold = |id: &str, seat: u64| json!({"type": "hold", "requestId": format!("{id}-{n}"), "userId": user, "scheduleId": SCHEDULE, "seatNo": seat, "nonce": id});
        let serial = serial::made(ask(appender, &hold("hold", n)).unsigned_abs(), Secret::of_nonce("hold"));
        let id = ids::reservation(home(), serial);
        ask(appender, &hold("also", first));
        // Once more, as a client does who has heard nothing.
        ask(appender, &hold("hold", n));
        if n % 2 == 0 {
            ask(
                appender,
                &json!({"type": "pay", "requestId": format!("pay-{n}"), "reservationId": id, "amount": 50_000}),
            );
        }
        held.push(id);
    }
    held
}

fn count(log: &dyn Log, topic: &str) -> usize {
    read_all(log, topic).len()
}

pub(crate) fn report(said: &Said) -> Value {
    serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{said:?}"))
}

pub(crate) fn line<'r>(report: &'r Value, id: &str) -> &'r Value {
    report["lines"].as_array().unwrap().iter().find(|line| line["invariant"] == id).unwrap()
}

fn setup(data: &Path, brokers: Option<&str>) -> Setup {
    let mut setup = brokers.map_or_else(|| Setup::embedded(data), |brokers| Setup::kafka(data, brokers));
    setup.env.insert("HOLD_MS".to_owned(), HOLD_MS.to_owned());
    setup
}

/// Everything is proved, and something of each kind has happened, but for waitlists: those have a scene of their own (`waitlist.rs`), which is audited.
fn proved(setup: &Setup) {
    let all = said(setup, &["audit", "--settled", "--format", "json"]);
    assert_eq!(all.code, 0, "{all:?}");
    let report = report(&all);
    assert_eq!((&report["verdict"], &report["inFlight"]), (&json!("PROVED"), &json!(0)), "{report}");
    for line in report["lines"].as_array().unwrap().iter().filter(|line| line["invariant"] != "I-27") {
        assert_eq!(line["verdict"], "PROVED", "{line}");
    }
    let counted = |id: &str, what: &str| {
        let counted = line(&report, id)["counted"].as_array().unwrap();
        counted.iter().find(|c| c["what"] == what).map_or(0, |c| c["n"].as_u64().unwrap())
    };
    assert!(counted("I-1", "holds of taken seats refused") > 0, "{report}");
    assert!(counted("I-3", "refunds paid") > 0, "{report}");
    assert!(counted("I-6", "holds ended at their deadline or later") > 0, "{report}");
    assert!(counted("I-18", "rows") > 100, "{report}");
    let text = said(setup, &["audit"]);
    assert!(text.code == 0 && text.out.contains("I-1   PROVED") && text.out.contains(" 0 breached"), "{text:?}");
}

/// So many answers of this type lie in the inbox of the seats.
fn answers(log: &dyn Log, kind: &str) -> usize {
    let begin = format!("{{\"type\":\"{kind}\"");
    let is = |value: Option<&Vec<u8>>| value.is_some_and(|value| value.starts_with(begin.as_bytes()));
    read_all(log, SEATS).iter().filter(|record| is(record.value.as_ref())).count()
}

/// Lets a worker run on the embedded log, again and again, until what it leaves `is` as wanted.
fn until_the_log(setup: &Setup, what: &str, is: impl Fn(&dyn Log) -> bool) {
    wait::until(what, || {
        let worker = Worker::start(setup);
        settled(&worker);
        assert!(worker.terminate().success());
        is(&*topics::embedded(&setup.data))
    });
}

/// Traffic while a worker runs on `log`: a storm, a cancellation, deadlines that pass.
fn trade(log: &dyn Log, first: u64) {
    let appender = log.appender().unwrap();
    let (sold, expired, refunded) = (count(log, CONFIRMED), count(log, EXPIRED), answers(log, "refunded"));
    let held = storm(&*appender, first, 6);
    wait::until("three are paid", || count(log, CONFIRMED) == sold + 3);
    let user = (first + 1001).to_string();
    ask(
        &*appender,
        &json!({"type": "cancel", "requestId": format!("cancel-{first}"), "reservationId": held[1], "userId": user}),
    );
    wait::until("the money is back", || answers(log, "refunded") > refunded);
    wait::until("the others have run out", || count(log, EXPIRED) == expired + 3);
    wait::until("every deadline has come", || answers(log, "expire") == count(log, "reservation.expiration"));
}

/// What the worker has read is decided, by a look that it takes from now on.
pub(crate) fn settled(worker: &Worker) {
    let look = || -> Value { worker.get("/api/lag").json().unwrap() };
    let first = look()["at"].clone();
    wait::until("nothing is left to decide", || {
        let lag = look();
        lag["at"] != first && lag["totalLagRecords"] == 0
    });
}

#[test]
fn on_the_embedded_log() {
    let data = tempfile::tempdir().unwrap();
    let setup = setup(data.path(), None);
    let nothing = said(&setup, &["audit"]);
    assert!(nothing.code == 1 && nothing.err.contains("there is no log"), "{nothing:?}");
    assert_eq!(said(&setup, &["audit", "--only", "I-99"]).code, 2);

    let worker = Worker::start(&setup);
    coupon_flow::flow(&worker);
    let busy = said(&setup, &["audit"]);
    assert!(busy.code == 1 && busy.err.contains("in use by another process"), "{busy:?}");
    assert!(worker.terminate().success());

    // The log is one process's: what others would send waits in it when the worker starts, and a worker that is killed in the middle goes on.
    let held = {
        let log = topics::embedded(data.path());
        storm(&*log.appender().unwrap(), 1, 6)
    };
    Worker::start(&setup).kill9();
    until_the_log(&setup, "three have paid", |log| count(log, CONFIRMED) == 3);
    {
        let log = topics::embedded(data.path());
        let cancel = json!({"type": "cancel", "requestId": "x", "reservationId": held[1], "userId": "1002"});
        ask(&*log.appender().unwrap(), &cancel);
    }
    until_the_log(&setup, "the money is back", |log| answers(log, "refunded") == 1);
    until_the_log(&setup, "the others have run out", |log| {
        count(log, EXPIRED) == 3 && answers(log, "expire") == count(log, "reservation.expiration")
    });
    proved(&setup);
    forged(&setup);
}

/// Somebody changes a row on the disk, and another one in the changelog.
fn forged(setup: &Setup) {
    let log = topics::embedded(&setup.data);
    let changelog = "holdfast-payment-changelog";
    // Store 16 holds the wallets.
    let row = read_all(&*log, changelog).into_iter().rfind(|row| row.key.as_ref().unwrap()[0] == 16).unwrap();
    let mut value = row.value.unwrap();
    *value.last_mut().unwrap() ^= 1;
    let key = row.key.unwrap();
    {
        let stores = RocksStores::open(StateConfig::new(setup.data.join("holdfast"))).unwrap();
        let task = TaskId { topology: "payment".into(), place: row.partition };
        let specs = holdfast_topologies::by_name("payment").unwrap().all_stores();
        let mut store = stores.open(&task, &specs).unwrap();
        let stands_at = store.changelog_next().unwrap();
        store.put(StoreId(16), &key[1..], &value).unwrap();
        store.commit(stands_at).unwrap();
        store.flush().unwrap();
    }
    let only = |log: std::sync::Arc<dyn Log>| {
        drop(log);
        let caught = said(setup, &["audit", "--format", "json"]);
        assert_eq!(caught.code, 1, "{caught:?}");
        report(&caught)
    };
    let disk = only(log);
    assert_eq!(
        (&line(&disk, "I-18")["verdict"], &disk["lines"][3]["verdict"]),
        (&json!("BREACHED"), &json!("PROVED")),
        "{disk}"
    );
    assert!(line(&disk, "I-18")["at"].as_str().unwrap().contains("store wallets"), "{disk}");

    let log = topics::embedded(&setup.data);
    append(&*log.appender().unwrap(), changelog, row.partition, Some(&key), Some(&value));
    let books = only(log);
    for id in ["I-4", "I-19"] {
        assert_eq!(line(&books, id)["verdict"], "BREACHED", "{books}");
    }
}

#[test]
fn beside_live_workers_on_kafka() {
    let cluster = Cluster::start(1);
    let data = tempfile::tempdir().unwrap();
    let setup = setup(data.path(), Some(&cluster.brokers));
    let worker = Worker::start(&setup);
    let log = topics::kafka(&cluster.brokers);
    coupon_flow::flow(&worker);
    std::thread::scope(|scope| {
        let trading = scope.spawn(|| {
            for first in [1, 11, 21] {
                trade(&*log, first);
            }
        });
        let mut audits = 0;
        while !trading.is_finished() || audits == 0 {
            let live = said(&setup, &["audit", "--overdue-ms-max", "600000"]);
            assert!(live.code == 0 && live.out.contains(" 0 breached"), "{live:?}");
            audits += 1;
        }
        println!("{audits} audits beside the trade");
        trading.join().unwrap();
    });
    settled(&worker);
    assert!(worker.terminate().success());
    proved(&setup);

    // A seat is confirmed for somebody who has not paid.
    let sold = read_all(&*log, CONFIRMED).pop().unwrap();
    append(&*log.appender().unwrap(), CONFIRMED, sold.partition, sold.key.as_deref(), sold.value.as_deref());
    let caught = said(&setup, &["audit", "--only", "I-1,I-3", "--format", "json"]);
    assert_eq!(caught.code, 1, "{caught:?}");
    let report = report(&caught);
    assert_eq!(
        (&line(&report, "I-1")["verdict"], &line(&report, "I-3")["verdict"]),
        (&json!("PROVED"), &json!("BREACHED"))
    );
    assert!(line(&report, "I-3")["at"].as_str().unwrap().starts_with("reservation.confirmed-"), "{report}");
}
