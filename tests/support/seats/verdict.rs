//! What the buyers were told, compared with what is true when everything is over. The books of the log itself are `stream-worker audit`'s.
//!
//! | he was told | then |
//! |---|---|
//! | that a seat is held | it is the one he asked for, it is his until then, and the log says the same |
//! | that he has paid | the seat is his and was paid once, unless he has given it back: then it is not, and the money is his again |
//! | no, or he has not asked | it is not his, and what he had he has |
//! | that nothing was accepted | nothing of it is in the log |
//! | nothing | all, or nothing |
//!
//! And what is sold is sold to somebody in the book. `e2e/verdict.rs` tells one lie after the other, and each is found.

use super::book::{Book, Hold, KILLED, Story, Told};
use super::{CHARGE, House, PRICE};
use crate::support::topics::{PARTITIONS, Seen, read_all};
use crate::support::wait;
use crate::support::worker::Worker;
use holdfast_ports::log::Log;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const INBOX: &str = "reservation.requests";
pub(crate) const DEADLINES: &str = "reservation.expiration";
pub(crate) const CONFIRMED: &str = "reservation.confirmed";
pub(crate) const COMPLETED: &str = "payment.completed";

/// Where one can ask when everything is over.
pub(crate) trait Truth {
    /// What a GET is answered.
    fn answer(&self, path: &str) -> Value;
    /// All records of a topic.
    fn records(&self, topic: &str) -> Vec<Value>;
}

/// A worker that runs, and the log.
struct Live<'a> {
    worker: &'a Worker,
    log: &'a dyn Log,
}

impl Truth for Live<'_> {
    fn answer(&self, path: &str) -> Value {
        self.worker.get(path).json().unwrap()
    }

    fn records(&self, topic: &str) -> Vec<Value> {
        values(self.log, topic)
    }
}

/// Where a wallet is looked at.
pub(crate) fn statement_of(user: &str) -> String {
    format!("/api/points/statement?userId={user}&limit=100")
}

/// Where a user finds all of a reservation.
pub(crate) fn page_of(reservation: &str, user: &str) -> String {
    format!("/reservations/{reservation}?userId={user}")
}

/// Where the seats of a schedule are.
pub(crate) fn map_of(schedule: &str) -> String {
    format!("/api/schedules/{schedule}/seats")
}

/// The texts of a field, of all records in which it is one.
fn texts<'v>(values: &'v [Value], pointer: &str) -> Vec<&'v str> {
    values.iter().filter_map(|value| value.pointer(pointer)?.as_str()).collect()
}

/// All of a topic. What is no JSON is nobody's here.
pub(crate) fn values(log: &dyn Log, topic: &str) -> Vec<Value> {
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
    (held.difference(&asked).count(), of(CONFIRMED, "/userId", "/reservationId").len())
}

/// A field of all commands of this kind.
fn of_kind(commands: &[Value], kind: &str, pointer: &str) -> BTreeSet<String> {
    let these = commands.iter().filter(|command| command["type"] == kind);
    these.filter_map(|command| Some(command.pointer(pointer)?.as_str()?.to_owned())).collect()
}

/// Stories of users whose names begin so and who were killed: nobody knows what they were told.
pub(crate) fn of_the_dead(deadlines: &[Value], begin: &str) -> Vec<Story> {
    let theirs = deadlines.iter().map(|deadline| &deadline["payload"]).filter(|told| {
        let user = told["userId"].as_str().unwrap();
        user.starts_with(begin)
    });
    let story = |told: &Value| Story {
        user: told["userId"].as_str().unwrap().to_owned(),
        way: KILLED,
        charged: Told::Nothing,
        held: Told::Done(Hold::of(told)),
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
    /// What its lines come to.
    sum: i64,
    charges: i64,
    payments: i64,
    refunds: i64,
}

impl Wallet {
    fn of(truth: &dyn Truth, user: &str) -> Self {
        let statement = truth.answer(&statement_of(user));
        let lines = statement["lines"].as_array().unwrap_or_else(|| panic!("{user}: {statement}"));
        let count = |kind| i64::try_from(lines.iter().filter(|line| line["type"] == kind).count()).unwrap();
        Self {
            balance: statement["balance"].as_i64().unwrap(),
            sum: lines.iter().map(|line| line["amount"].as_i64().unwrap()).sum(),
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
    /// Records that have confirmed one, by reservation.
    confirmed: BTreeMap<String, Vec<Value>>,
    /// Payments that were debited, by reservation.
    completed: BTreeMap<String, Vec<Value>>,
    /// Users who have asked for a hold.
    holders: BTreeSet<String>,
    /// Reservations that were made, by user.
    held: BTreeMap<String, BTreeSet<String>>,
    /// Reservations that somebody has asked to pay for.
    payments: BTreeSet<String>,
}

impl Facts {
    fn of(truth: &dyn Truth) -> Self {
        let by_reservation = |topic: &str, at: &str| {
            let mut all = BTreeMap::<String, Vec<Value>>::new();
            for value in truth.records(topic) {
                let fact = value.pointer(at).unwrap().clone();
                all.entry(fact["reservationId"].as_str().unwrap().to_owned()).or_default().push(fact);
            }
            all
        };
        let mut held = BTreeMap::<String, BTreeSet<String>>::new();
        for deadline in truth.records(DEADLINES) {
            let text = |field: &str| deadline["payload"][field].as_str().unwrap().to_owned();
            held.entry(text("userId")).or_default().insert(text("reservationId"));
        }
        let inbox = truth.records(INBOX);
        Self {
            confirmed: by_reservation(CONFIRMED, ""),
            completed: by_reservation(COMPLETED, "/payload"),
            holders: of_kind(&inbox, "hold", "/userId"),
            held,
            payments: of_kind(&inbox, "pay", "/reservationId"),
        }
    }
}

/// Asks `worker`, which runs, and the log about every buyer. All deadlines are over and everything is decided.
pub(crate) fn true_to(book: &Book, house: &House, worker: &Worker, log: &dyn Log) {
    println!("{}", book.counts());
    assert_eq!(lies(book, house, &Live { worker, log }), Vec::<String>::new());
    let sold: usize = book.sold().iter().sum();
    println!("{} buyers, {sold} were told of a seat", book.stories.lock().unwrap().len());
    assert!(sold >= PARTITIONS as usize, "nothing is shown when nothing is sold");
}

/// What is not as it was told, and what nobody should ever have been told. All deadlines are over and everything is decided.
pub(crate) fn lies(book: &Book, house: &House, truth: &dyn Truth) -> Vec<String> {
    let mut lies = book.surprises.lock().unwrap().clone();
    let facts = Facts::of(truth);
    let mut owners = BTreeMap::<(String, u64), String>::new();
    let mut known = BTreeSet::new();
    for story in &*book.stories.lock().unwrap() {
        let mut case = Case { story, facts: &facts, wallet: Wallet::of(truth, &story.user), lies: Vec::new() };
        case.money();
        match &story.held {
            Told::Done(hold) => {
                let page = truth.answer(&page_of(&hold.id, &story.user));
                case.hold(hold, &page);
                case.payment(hold, &page);
                known.insert(hold.id.clone());
                let seat = (hold.schedule.clone(), hold.seat_no);
                if page["status"] == "CONFIRMED"
                    && let Some(other) = owners.insert(seat, story.user.clone())
                {
                    case.lies.push(format!("{other} has this seat as well: {story:?}"));
                }
            }
            _ => case.no_hold(truth),
        }
        lies.append(&mut case.lies);
    }
    for id in facts.confirmed.keys().chain(facts.completed.keys()).filter(|id| !known.contains(*id)) {
        lies.push(format!("{id} was sold, and nobody was told so"));
    }
    for schedule in &house.schedules {
        let theirs = owners.keys().filter(|(of, _)| of == schedule).map(|(_, seat_no)| *seat_no).collect();
        lies.extend(wrong_seats(schedule, &truth.answer(&map_of(schedule)), house.seats, &theirs));
    }
    lies
}

/// What is wrong with the map of a schedule in which these seats are sold and no other is taken.
fn wrong_seats(schedule: &str, map: &Value, seats: u64, sold: &BTreeSet<u64>) -> Option<String> {
    let expected: Vec<Value> = (1..=seats)
        .map(|seat_no| {
            let status = if sold.contains(&seat_no) { "RESERVED" } else { "AVAILABLE" };
            json!({"seatNo": seat_no, "status": status, "price": PRICE})
        })
        .collect();
    let shown = map["seats"].as_array().cloned().unwrap_or_default();
    if shown != expected {
        let odd: Vec<&Value> = shown.iter().filter(|seat| !expected.contains(seat)).collect();
        return Some(format!(
            "{schedule}: {} of {seats} seats are shown, sold are {sold:?}, not so: {odd:?}",
            shown.len()
        ));
    }
    let counts = ["capacity", "reserved", "temporaryReserved", "available"].map(|count| map[count].as_u64());
    let taken = sold.len() as u64;
    (counts != [Some(seats), Some(taken), Some(0), Some(seats - taken)])
        .then(|| format!("{schedule}: sold are {sold:?}, counted {counts:?}"))
}

/// One buyer.
struct Case<'a> {
    story: &'a Story,
    facts: &'a Facts,
    wallet: Wallet,
    lies: Vec<String>,
}

impl Case<'_> {
    fn expect(&mut self, is_so: bool, otherwise: &str, page: &Value) {
        if !is_so {
            self.lies.push(format!("{otherwise}: {:?} {:?} {page}", self.story, self.wallet));
        }
    }

    fn is_dead(&self) -> bool {
        self.story.way == KILLED
    }

    /// Whatever he was told of a seat.
    fn money(&mut self) {
        let (wallet, none) = (&self.wallet, Value::Null);
        let charged = match self.story.charged {
            Told::Done(()) => wallet.charges == 1,
            // What the dead have charged only they know.
            Told::Nothing => wallet.charges <= 1 || self.is_dead(),
            Told::NotAsked | Told::Refused(_) | Told::NotAccepted => wallet.charges == 0,
        };
        let balance = wallet.charges * CHARGE - wallet.is_paid() * PRICE;
        let is_right = wallet.balance == wallet.sum && (self.is_dead() || wallet.balance == balance);
        let (is_once, is_back_once) = (wallet.payments <= 1, wallet.refunds <= wallet.payments);
        self.expect(charged, "charged otherwise than he was told", &none);
        self.expect(is_right, "his balance is another", &none);
        self.expect(is_once, "paid twice", &none);
        self.expect(is_back_once, "given back what was not paid", &none);
    }

    /// Whoever knows no reservation has paid for none.
    fn no_hold(&mut self, truth: &dyn Truth) {
        let none = Value::Null;
        let (user, facts) = (&self.story.user, self.facts);
        let ids = facts.held.get(user).cloned().unwrap_or_default();
        let is_asked = facts.holders.contains(user);
        self.expect((self.wallet.payments, self.wallet.refunds) == (0, 0), "he has paid for no seat", &none);
        match self.story.held {
            Told::Nothing => {
                self.expect(ids.len() <= 1, "more than one hold", &none);
                for id in &ids {
                    let page = truth.answer(&page_of(id, user));
                    self.expect(page["status"] == "EXPIRED", "nobody has paid it or given it back", &page);
                }
            }
            Told::Refused(_) => self.expect(ids.is_empty(), "refused, and he has it", &none),
            _ => self.expect(ids.is_empty() && !is_asked, "it was accepted", &none),
        }
    }

    /// The reservation is what he was told, and the log says so.
    fn hold(&mut self, hold: &Hold, page: &Value) {
        let user = &self.story.user;
        let told = json!({"reservationId": hold.id, "userId": user, "scheduleId": hold.schedule, "seatNo": hold.seat_no,
            "price": PRICE, "expiresAt": hold.expires_at});
        let is_told = told.as_object().unwrap().iter().all(|(field, value)| page[field] == *value);
        let ids = self.facts.held.get(user).cloned().unwrap_or_default();
        let is_one = ids.contains(&hold.id) && (self.is_dead() || ids.len() == 1);
        let is_in_the_log = self.facts.holders.contains(user);
        self.expect(is_told, "another hold than he was told of", page);
        self.expect(is_one, "by the log his holds are others", page);
        self.expect(is_in_the_log, "nobody has asked for it", page);
    }

    /// All or nothing, whatever he was told; and what he was told.
    fn payment(&mut self, hold: &Hold, page: &Value) {
        let (story, facts) = (self.story, self.facts);
        let status = page["status"].as_str().unwrap_or_default();
        let paid = self.wallet.is_paid();
        self.expect(paid == i64::from(status == "CONFIRMED"), "seat and money are not both his", page);
        let none = Vec::new();
        let confirmed = facts.confirmed.get(&hold.id).unwrap_or(&none);
        let completed = facts.completed.get(&hold.id).unwrap_or(&none);
        let is_confirmed = confirmed.len() == usize::from(status == "CONFIRMED" || status == "REFUNDED");
        self.expect(is_confirmed, "confirmed otherwise in the log", page);
        let is_debited = i64::try_from(completed.len()).unwrap() == self.wallet.payments;
        self.expect(is_debited, "debited otherwise in the log", page);
        let is_his = |fact: &Value, schedule: &str| {
            fact["userId"] == story.user && fact["amount"] == PRICE && fact[schedule] == hold.schedule
        };
        let is_the_seat = confirmed.iter().all(|fact| is_his(fact, "scheduleId") && fact["seatNo"] == hold.seat_no)
            && completed.iter().all(|fact| is_his(fact, "concertScheduleId"));
        self.expect(is_the_seat, "the log says that of somebody or something else", page);
        if let Told::Done(payment) = &story.paid {
            let is_this = |facts: &[Value]| matches!(facts, [fact] if fact["paymentId"] == payment.as_str());
            let is_this = is_this(confirmed) && is_this(completed) && page["paymentId"] == payment.as_str();
            self.expect(is_this, "another payment than he was told of", page);
        }
        self.expect(self.ends().contains(&status), "it has ended otherwise", page);
        let is_accepted = facts.payments.contains(&hold.id);
        let is_silent = matches!(story.paid, Told::NotAsked | Told::NotAccepted);
        self.expect(!(is_silent && is_accepted), "a payment was accepted", page);
        let is_answered = matches!(story.paid, Told::Done(_) | Told::Refused(_));
        self.expect(is_accepted || !is_answered, "his payment is not in the log", page);
    }

    /// How his hold may have ended, by what he was told of payment and return.
    fn ends(&self) -> &'static [&'static str] {
        match (&self.story.paid, &self.story.given_back) {
            (Told::Done(_), Told::Done(())) => &["REFUNDED"],
            (Told::Done(_), Told::Nothing) => &["CONFIRMED", "REFUNDED"],
            (Told::Done(_), _) => &["CONFIRMED"],
            (Told::Nothing, Told::Done(())) => &["CANCELLED", "REFUNDED"],
            (Told::Nothing, Told::Nothing) => &["CONFIRMED", "EXPIRED", "CANCELLED", "REFUNDED"],
            (Told::Nothing, _) => &["CONFIRMED", "EXPIRED"],
            (_, Told::Done(())) => &["CANCELLED"],
            (_, Told::Nothing) => &["EXPIRED", "CANCELLED"],
            (_, _) => &["EXPIRED"],
        }
    }
}
