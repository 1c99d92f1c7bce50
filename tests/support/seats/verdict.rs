//! What the buyers were told, compared with what is true when everything is over. The books of the log itself are `stream-worker audit`'s.
//!
//! | he was told | then |
//! |---|---|
//! | that he has paid | the seat is his and was paid once, unless he has given it back: then it is not, and the money is his again |
//! | no, or he has not asked | it is not his, and what he had he has |
//! | that nothing was accepted | nothing of it is in the log |
//! | nothing | all, or nothing |

use super::book::{Book, Story, Told};
use super::{House, PRICE};
use crate::support::topics::{PARTITIONS, Seen, read_all};
use crate::support::wait;
use crate::support::worker::Worker;
use holdfast_ports::log::Log;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const INBOX: &str = "reservation.requests";
const DEADLINES: &str = "reservation.expiration";

/// The texts of a field, of all records in which it is one.
fn texts<'v>(values: &'v [Value], pointer: &str) -> Vec<&'v str> {
    values.iter().filter_map(|value| value.pointer(pointer)?.as_str()).collect()
}

/// All of a topic. What is no JSON is nobody's here.
fn values(log: &dyn Log, topic: &str) -> Vec<Value> {
    let json = |seen: &Seen| serde_json::from_slice(seen.value.as_deref()?).ok();
    read_all(log, topic).iter().filter_map(json).collect()
}

/// Reservations of users whose names begin so: how many nobody has asked to pay for, and how many are confirmed.
pub(crate) fn of_users(log: &dyn Log, begin: &str) -> (usize, usize) {
    let of = |topic, user: &str, reservation: &str| -> BTreeSet<String> {
        let is_theirs =
            |value: &Value| value.pointer(user).and_then(Value::as_str).is_some_and(|u| u.starts_with(begin));
        let theirs: Vec<Value> = values(log, topic).into_iter().filter(is_theirs).collect();
        texts(&theirs, reservation).into_iter().map(str::to_owned).collect()
    };
    let held = of(DEADLINES, "/payload/userId", "/payload/reservationId");
    let asked = of_kind(&values(log, INBOX), "pay", "/reservationId");
    (held.difference(&asked).count(), of("reservation.confirmed", "/userId", "/reservationId").len())
}

/// A field of all commands of this kind.
fn of_kind(commands: &[Value], kind: &str, pointer: &str) -> BTreeSet<String> {
    let these = commands.iter().filter(|command| command["type"] == kind);
    these.filter_map(|command| Some(command.pointer(pointer)?.as_str()?.to_owned())).collect()
}

/// Stories of users whose names begin so and who were killed: nobody knows what they were told.
pub(crate) fn of_the_dead(log: &dyn Log, begin: &str) -> Vec<Story> {
    let deadlines = values(log, DEADLINES);
    let theirs = deadlines.iter().map(|deadline| &deadline["payload"]).filter(|told| {
        let user = told["userId"].as_str().unwrap();
        user.starts_with(begin)
    });
    let story = |told: &Value| Story {
        user: told["userId"].as_str().unwrap().to_owned(),
        way: "is killed",
        charged: Told::Nothing,
        held: Told::Done(told["reservationId"].as_str().unwrap().to_owned()),
        paid: Told::Nothing,
        given_back: Told::NotAsked,
    };
    theirs.map(story).collect()
}

/// Returns when the deadline of every hold has come and was decided: then no seat is held any more.
pub(crate) fn wait_until_all_is_due(log: &dyn Log) {
    wait::until("every deadline has come", || {
        let due = texts(&values(log, INBOX), "/type").iter().filter(|kind| **kind == "expire").count();
        due >= values(log, DEADLINES).len()
    });
}

/// How a wallet stands.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wallet {
    balance: i64,
    charges: i64,
    payments: i64,
    refunds: i64,
}

impl Wallet {
    fn of(worker: &Worker, user: &str) -> Self {
        let statement: Value = worker.get(&format!("/api/points/statement?userId={user}&limit=100")).json().unwrap();
        let lines = statement["lines"].as_array().unwrap_or_else(|| panic!("{user}: {statement}"));
        let count = |kind| i64::try_from(lines.iter().filter(|line| line["type"] == kind).count()).unwrap();
        Self {
            balance: statement["balance"].as_i64().unwrap(),
            charges: count("CHARGE"),
            payments: count("PAYMENT"),
            refunds: count("REFUND"),
        }
    }

    fn is_paid(&self) -> i64 {
        self.payments - self.refunds
    }
}

/// What the log says about reservations.
struct Facts {
    /// Payments that have confirmed one, by reservation.
    confirmed: BTreeMap<String, Vec<String>>,
    /// Payments that were debited, by reservation.
    completed: BTreeMap<String, Vec<String>>,
    /// Users who have asked for a hold.
    holders: BTreeSet<String>,
    /// Reservations that somebody has asked to pay for.
    payments: BTreeSet<String>,
}

impl Facts {
    fn read(log: &dyn Log) -> Self {
        let by_reservation = |topic: &str, at: &str| {
            let mut all = BTreeMap::<String, Vec<String>>::new();
            for value in values(log, topic) {
                let text = |field: &str| value.pointer(&format!("{at}/{field}")).unwrap().as_str().unwrap().to_owned();
                all.entry(text("reservationId")).or_default().push(text("paymentId"));
            }
            all
        };
        let inbox = values(log, INBOX);
        Self {
            confirmed: by_reservation("reservation.confirmed", ""),
            completed: by_reservation("payment.completed", "/payload"),
            holders: of_kind(&inbox, "hold", "/userId"),
            payments: of_kind(&inbox, "pay", "/reservationId"),
        }
    }
}

/// Asks `worker`, which runs, and the log about every buyer. All deadlines are over and everything is decided.
pub(crate) fn true_to(book: &Book, house: &House, worker: &Worker, log: &dyn Log) {
    println!("{}", book.counts());
    assert_eq!(*book.surprises.lock().unwrap(), Vec::<String>::new());
    let facts = Facts::read(log);
    let mut owned = BTreeSet::new();
    for story in &*book.stories.lock().unwrap() {
        let reservation = true_to_one(story, worker, &facts);
        if let Some(reservation) = reservation.filter(|reservation| reservation["status"] == "CONFIRMED") {
            let seat = (reservation["scheduleId"].to_string(), reservation["seatNo"].as_u64().unwrap());
            assert!(owned.insert(seat), "somebody else has this seat as well: {story:?} {reservation}");
        }
    }
    for schedule in &house.schedules {
        let map: Value = worker.get(&format!("/api/schedules/{schedule}/seats")).json().unwrap();
        let seats = map["seats"].as_array().unwrap();
        let having = |status: &str| -> BTreeSet<u64> {
            let these = seats.iter().filter(|seat| seat["status"] == status);
            these.map(|seat| seat["seatNo"].as_u64().unwrap()).collect()
        };
        assert_eq!(having("TEMPORARY_RESERVED"), BTreeSet::new(), "{schedule}: all deadlines are over");
        let name = Value::from(schedule.as_str()).to_string();
        let theirs: BTreeSet<u64> = owned.iter().filter(|(of, _)| *of == name).map(|(_, seat)| *seat).collect();
        assert_eq!(having("RESERVED"), theirs, "{schedule}: sold seats and their owners");
    }
    let sold: usize = book.sold().iter().sum();
    println!("{} buyers, {sold} were told of a seat, {} have one", book.stories.lock().unwrap().len(), owned.len());
    assert!(sold >= PARTITIONS as usize, "nothing is shown when nothing is sold");
}

/// His reservation, if he was told of one.
fn true_to_one(story: &Story, worker: &Worker, facts: &Facts) -> Option<Value> {
    let wallet = Wallet::of(worker, &story.user);
    let Some(id) = story.held.done() else {
        // Whoever knows no reservation has paid for none.
        assert_eq!((wallet.payments, wallet.refunds), (0, 0), "{story:?} {wallet:?}");
        let is_in_the_log = facts.holders.contains(&story.user);
        assert!(!(story.held == Told::NotAccepted && is_in_the_log), "it was accepted: {story:?}");
        return None;
    };
    let reservation: Value = worker.get(&format!("/reservations/{id}")).json().unwrap();
    let said = || format!("{story:?} {wallet:?} {reservation}");
    if story.charged == Told::Done(()) {
        assert_eq!(wallet.charges, 1, "{}", said());
    }
    // All or nothing, whatever he was told.
    let status = reservation["status"].as_str().unwrap_or_else(|| panic!("{}", said()));
    assert!(["CONFIRMED", "EXPIRED", "CANCELLED", "REFUNDED"].contains(&status), "not over: {}", said());
    assert_eq!(wallet.is_paid(), i64::from(status == "CONFIRMED"), "{}", said());
    assert!(wallet.payments <= 1, "paid twice: {}", said());
    let charged = wallet.charges * super::buyer::CHARGE;
    let is_dead = story.charged == Told::Nothing;
    assert!(is_dead || wallet.balance == charged - wallet.is_paid() * PRICE, "{}", said());
    let none = Vec::new();
    let of = |facts: &BTreeMap<String, Vec<String>>| facts.get(id).unwrap_or(&none).clone();
    let (confirmed, completed) = (of(&facts.confirmed), of(&facts.completed));
    assert_eq!(confirmed.len(), usize::from(status == "CONFIRMED" || status == "REFUNDED"), "{}", said());
    assert_eq!(i64::try_from(completed.len()).unwrap(), wallet.payments, "{}", said());
    match &story.paid {
        Told::Done(payment) => {
            assert_eq!(
                (&confirmed[..], &completed[..]),
                (&[payment.clone()][..], &[payment.clone()][..]),
                "{}",
                said()
            );
            let expected: &[&str] = match story.given_back {
                Told::NotAsked => &["CONFIRMED"],
                Told::Done(()) => &["REFUNDED"],
                Told::Nothing => &["CONFIRMED", "REFUNDED"],
                Told::Refused(_) | Told::NotAccepted => &[],
            };
            assert!(expected.contains(&status), "{}", said());
        }
        Told::Nothing => {}
        Told::NotAsked | Told::Refused(_) | Told::NotAccepted => {
            assert_eq!(wallet.payments, 0, "{}", said());
            assert!(confirmed.is_empty(), "{}", said());
            if story.given_back == Told::Done(()) {
                assert_eq!(status, "CANCELLED", "{}", said());
            }
        }
    }
    if story.paid == Told::NotAccepted {
        assert!(!facts.payments.contains(id), "it was accepted: {}", said());
    }
    Some(reservation)
}
