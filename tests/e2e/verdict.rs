//! The verdict on what buyers of seats were told (`support/seats/verdict.rs`): of what is true it says nothing, and each lie it finds.
//!
//! Answers and records are those of a worker that has sold some seats; then one thing at a time is forged.

use crate::seats::{becomes, refused, told};
use crate::support::seats::book::{Book, Hold, Story, Told};
use crate::support::seats::verdict::{self, COMPLETED, CONFIRMED, DEADLINES, INBOX, Truth};
use crate::support::seats::{CHARGE, House, PRICE};
use crate::support::topics;
use crate::support::worker::{Setup, Worker};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Long enough for a payment on a busy machine, short enough to be waited for.
const HOLD_MS: &str = "6000";
const SEATS: u64 = 12;

/// What is told and what is true. Reservations and wallets go by their user.
#[derive(Clone)]
struct World {
    stories: BTreeMap<&'static str, Story>,
    surprises: Vec<String>,
    /// By path.
    answers: BTreeMap<String, Value>,
    /// By topic.
    records: BTreeMap<&'static str, Vec<Value>>,
    /// The reservation of each.
    ids: BTreeMap<&'static str, String>,
    schedules: Vec<String>,
}

impl Truth for World {
    fn answer(&self, path: &str) -> Value {
        self.answers.get(path).cloned().unwrap_or(Value::Null)
    }

    fn records(&self, topic: &str) -> Vec<Value> {
        self.records[topic].clone()
    }
}

/// A sale that goes on.
struct Sale<'a> {
    worker: &'a Worker,
    schedules: Vec<String>,
    stories: BTreeMap<&'static str, Story>,
    ids: BTreeMap<&'static str, String>,
}

impl Sale<'_> {
    fn comes(&mut self, user: &'static str) -> &mut Story {
        told(self.worker, "/api/points/charge", &json!({"userId": user, "amount": CHARGE}), 200);
        let story = Story { user: user.to_owned(), way: "comes", charged: Told::Done(()), ..Story::default() };
        self.stories.entry(user).or_insert(story)
    }

    /// Comes and holds a seat.
    fn holds(&mut self, user: &'static str, schedule: usize, seat_no: u64) -> String {
        self.comes(user);
        let body = json!({"userId": user, "scheduleId": self.schedules[schedule], "seatNo": seat_no});
        let hold = Hold::of(&told(self.worker, "/reservations", &body, 201));
        let id = hold.id.clone();
        self.ids.insert(user, id.clone());
        self.story(user).held = Told::Done(hold);
        id
    }

    /// Comes, holds a seat and pays.
    fn buys(&mut self, user: &'static str, schedule: usize, seat_no: u64) -> String {
        let id = self.holds(user, schedule, seat_no);
        let paid = told(self.worker, "/payments", &json!({"reservationId": id, "amount": PRICE}), 200);
        self.story(user).paid = Told::Done(paid["paymentId"].as_str().unwrap().to_owned());
        id
    }

    fn gives_back(&mut self, user: &'static str) {
        let id = &self.ids[user];
        assert_eq!(self.worker.delete(&format!("/reservations/{id}?userId={user}")).status(), 200);
        self.story(user).given_back = Told::Done(());
    }

    fn story(&mut self, user: &str) -> &mut Story {
        self.stories.get_mut(user).unwrap()
    }
}

impl World {
    /// Everything that a buyer may be told, and all of it true.
    fn right() -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut setup = Setup::embedded(data.path()).with("HOLD_MS", HOLD_MS);
        setup.args = vec!["run".to_owned()];
        let worker = Worker::start(&setup);
        let house = House::new(SEATS);
        house.open(&worker);
        let schedules = house.schedules.clone();
        let (stories, ids) = (BTreeMap::new(), BTreeMap::new());
        let mut sale = Sale { worker: &worker, schedules: schedules.clone(), stories, ids };

        sale.buys("pays", 0, 1);
        sale.buys("neighbour", 1, 1);
        sale.comes("loses").held = Told::Refused("SEAT_ALREADY_RESERVED".to_owned());
        let taken = json!({"userId": "loses", "scheduleId": schedules[0], "seatNo": 1});
        refused(&worker, "/reservations", &taken, 409, "SEAT_ALREADY_RESERVED");
        sale.comes("rejected").held = Told::NotAccepted;
        let returned = sale.buys("returns", 0, 2);
        sale.gives_back("returns");
        sale.holds("releases", 0, 3);
        sale.gives_back("releases");
        becomes(&worker, &returned, "REFUNDED");
        sale.buys("rival", 0, 2);
        // He has paid, and does not know.
        sale.buys("unheard", 0, 7);
        sale.story("unheard").paid = Told::Nothing;
        let unpaid = ["sleeps", "late", "hangs-up", "breaks-off", "mix-dead"];
        for (user, seat_no) in unpaid.into_iter().zip(4..) {
            sale.holds(user, 2, seat_no);
        }
        sale.story("hangs-up").held = Told::Nothing;
        sale.story("breaks-off").paid = Told::NotAccepted;
        for user in unpaid {
            becomes(&worker, &sale.ids[user], "EXPIRED");
        }
        let too_late = json!({"reservationId": sale.ids["late"], "amount": PRICE});
        refused(&worker, "/payments", &too_late, 410, "RESERVATION_EXPIRED");
        sale.story("late").paid = Told::Refused("RESERVATION_EXPIRED".to_owned());

        let Sale { mut stories, ids, .. } = sale;
        let paths = stories.keys().map(|user| verdict::statement_of(user));
        let paths = paths.chain(ids.iter().map(|(user, id)| verdict::page_of(id, user)));
        let paths: Vec<String> = paths.chain(schedules.iter().map(|id| verdict::map_of(id))).collect();
        let answer = |path: String| {
            let said = worker.get(&path).json().unwrap();
            (path, said)
        };
        let answers = paths.into_iter().map(answer).collect();
        assert!(worker.terminate().success());
        let log = topics::embedded(data.path());
        let records: BTreeMap<_, _> =
            [INBOX, DEADLINES, CONFIRMED, COMPLETED].map(|topic| (topic, verdict::values(&*log, topic))).into();
        let dead = verdict::of_the_dead(&records[DEADLINES], "mix-");
        stories.insert("mix-dead", dead.into_iter().next().unwrap());
        Self { stories, surprises: Vec::new(), answers, records, ids, schedules }
    }

    fn lies(&self) -> Vec<String> {
        let book = Book::default();
        book.stories.lock().unwrap().extend(self.stories.values().cloned());
        for surprise in &self.surprises {
            book.surprise(surprise.clone());
        }
        let house = House { schedules: self.schedules.clone(), seats: SEATS };
        verdict::lies(&book, &house, self)
    }

    // ---- what is forged -----------------------------------------------------------------------------------------------------------------------

    fn story(&mut self, user: &str) -> &mut Story {
        self.stories.get_mut(user).unwrap()
    }

    fn hold(&mut self, user: &str) -> &mut Hold {
        match &mut self.story(user).held {
            Told::Done(hold) => hold,
            other => panic!("{other:?}"),
        }
    }

    fn page(&mut self, user: &str) -> &mut Value {
        self.answers.get_mut(&verdict::page_of(&self.ids[user], user)).unwrap()
    }

    fn wallet(&mut self, user: &str) -> &mut Value {
        self.answers.get_mut(&verdict::statement_of(user)).unwrap()
    }

    /// A line in somebody's statement, with all that it does to his balance.
    fn post(&mut self, user: &str, kind: &str, amount: i64) {
        let wallet = self.wallet(user);
        wallet["balance"] = json!(wallet["balance"].as_i64().unwrap() + amount);
        wallet["lines"].as_array_mut().unwrap().push(json!({"type": kind, "amount": amount}));
    }

    /// Takes such a line away.
    fn unpost(&mut self, user: &str, kind: &str) {
        let wallet = self.wallet(user);
        let lines = wallet["lines"].as_array_mut().unwrap();
        let line = lines.remove(lines.iter().position(|line| line["type"] == kind).unwrap());
        wallet["balance"] = json!(wallet["balance"].as_i64().unwrap() - line["amount"].as_i64().unwrap());
    }

    fn map(&mut self, schedule: usize) -> &mut Value {
        self.answers.get_mut(&verdict::map_of(&self.schedules[schedule])).unwrap()
    }

    /// The record about somebody's reservation, or the command of this kind.
    fn record(&mut self, topic: &'static str, kind: &str, user: &str) -> (usize, &mut Vec<Value>) {
        let id = self.ids[user].clone();
        let is_it = |record: &Value| {
            let fact = record.get("payload").unwrap_or(record);
            let is_about = fact["reservationId"] == *id || record["type"] == "hold" && record["userId"] == user;
            is_about && (kind.is_empty() || record["type"] == kind)
        };
        let records = self.records.get_mut(topic).unwrap();
        (records.iter().position(is_it).unwrap(), records)
    }

    fn lose(&mut self, topic: &'static str, kind: &str, user: &str) {
        let (at, records) = self.record(topic, kind, user);
        records.remove(at);
    }

    fn repeat(&mut self, topic: &'static str, user: &str) {
        let (at, records) = self.record(topic, "", user);
        records.push(records[at].clone());
    }

    /// Sets a field of the record about somebody's reservation.
    fn forge(&mut self, topic: &'static str, user: &str, pointer: &str, value: Value) {
        let (at, records) = self.record(topic, "", user);
        *records[at].pointer_mut(pointer).unwrap() = value;
    }
}

type Lie = (&'static str, &'static str, fn(&mut World));

/// Told yes, and it is not so.
const TOLD_YES: [Lie; 17] = [
    ("pays", "nobody has asked for it", |w| w.lose(INBOX, "hold", "pays")),
    ("sleeps", "by the log his holds are others", |w| w.lose(DEADLINES, "", "sleeps")),
    ("pays", "his payment is not in the log", |w| w.lose(INBOX, "pay", "pays")),
    ("pays", "confirmed otherwise in the log", |w| w.lose(CONFIRMED, "", "pays")),
    ("pays", "debited otherwise in the log", |w| w.lose(COMPLETED, "", "pays")),
    ("pays", "it has ended otherwise", |w| w.page("pays")["status"] = json!("EXPIRED")),
    ("pays", "not both his", |w| w.unpost("pays", "PAYMENT")),
    ("pays", "another payment", |w| w.story("pays").paid = Told::Done("pay_0_x".to_owned())),
    ("pays", "another payment", |w| w.forge(COMPLETED, "pays", "/payload/paymentId", json!("pay_0_x"))),
    ("sleeps", "another hold", |w| w.hold("sleeps").id = w.ids["late"].clone()),
    ("sleeps", "another hold", |w| w.hold("sleeps").expires_at = "2031-01-01T00:00:00.000Z".to_owned()),
    ("sleeps", "another hold", |w| w.hold("sleeps").seat_no = 12),
    ("sleeps", "another hold", |w| w.page("sleeps")["userId"] = json!("late")),
    ("loses", "charged otherwise", |w| w.unpost("loses", "CHARGE")),
    ("pays", "it has ended otherwise", |w| w.story("pays").given_back = Told::Done(())),
    ("returns", "not both his", |w| w.unpost("returns", "REFUND")),
    ("releases", "it has ended otherwise", |w| w.page("releases")["status"] = json!("EXPIRED")),
];

/// Told no, or that nothing was accepted, and it was done.
const TOLD_NO: [Lie; 14] = [
    ("late", "not both his", |w| w.page("late")["status"] = json!("CONFIRMED")),
    ("late", "not both his", |w| w.post("late", "PAYMENT", -PRICE)),
    ("late", "it has ended otherwise", |w| w.page("late")["status"] = json!("CANCELLED")),
    ("pays", "it has ended otherwise", |w| w.story("pays").paid = Told::Refused("RESERVATION_EXPIRED".to_owned())),
    ("late", "confirmed otherwise", |w| w.confirm("late")),
    ("sleeps", "refused, and he has it", |w| {
        w.story("sleeps").held = Told::Refused("SEAT_ALREADY_RESERVED".to_owned())
    }),
    ("pays", "he has paid for no seat", |w| w.story("pays").held = Told::Refused("SEAT_ALREADY_RESERVED".to_owned())),
    ("sleeps", "it was accepted", |w| w.story("sleeps").held = Told::NotAccepted),
    ("loses", "it was accepted", |w| w.story("loses").held = Told::NotAccepted),
    ("breaks-off", "a payment was accepted", |w| w.ask_to_pay("breaks-off")),
    ("sleeps", "a payment was accepted", |w| w.ask_to_pay("sleeps")),
    ("returns", "it has ended otherwise", |w| w.story("returns").given_back = Told::NotAsked),
    ("releases", "it has ended otherwise", |w| {
        w.story("releases").given_back = Told::Refused("RESERVATION_EXPIRED".to_owned())
    }),
    ("loses", "charged otherwise", |w| w.story("loses").charged = Told::NotAccepted),
];

/// Told nothing, and half of it was done.
const TOLD_NOTHING: [Lie; 7] = [
    ("unheard", "debited otherwise", |w| w.lose(COMPLETED, "", "unheard")),
    ("unheard", "confirmed otherwise", |w| w.lose(CONFIRMED, "", "unheard")),
    ("unheard", "not both his", |w| w.page("unheard")["status"] = json!("EXPIRED")),
    ("hangs-up", "nobody has paid it", |w| w.page("hangs-up")["status"] = json!("CONFIRMED")),
    ("hangs-up", "more than one hold", |w| w.forge(DEADLINES, "sleeps", "/payload/userId", json!("hangs-up"))),
    ("hangs-up", "paid for no seat", |w| w.post("hangs-up", "PAYMENT", -PRICE)),
    ("mix-dead", "not both his", |w| w.page("mix-dead")["status"] = json!("CONFIRMED")),
];

/// Money and seats that were given twice, or to somebody else, or never come to rest.
const BOOKS: [Lie; 22] = [
    ("pays", "paid twice", |w| w.post("pays", "PAYMENT", -PRICE)),
    ("pays", "debited otherwise", |w| w.repeat(COMPLETED, "pays")),
    ("pays", "confirmed otherwise", |w| w.repeat(CONFIRMED, "pays")),
    ("pays", "charged otherwise", |w| w.post("pays", "CHARGE", CHARGE)),
    ("releases", "given back what was not paid", |w| w.post("releases", "REFUND", PRICE)),
    ("rejected", "his balance is another", |w| w.wallet("rejected")["balance"] = json!(CHARGE - 1)),
    ("returns", "his balance is another", |w| {
        w.unpost("returns", "REFUND");
        w.post("returns", "REFUND", PRICE - 1);
    }),
    ("mix-dead", "his balance is another", |w| w.wallet("mix-dead")["balance"] = json!(0)),
    ("rival", "has this seat as well", |w| {
        w.hold("rival").seat_no = 1;
        w.page("rival")["seatNo"] = json!(1);
        w.forge(CONFIRMED, "rival", "/seatNo", json!(1));
    }),
    ("returns", "not both his", |w| w.page("returns")["status"] = json!("CONFIRMED")),
    ("pays", "somebody or something else", |w| w.forge(COMPLETED, "pays", "/payload/userId", json!("loses"))),
    ("pays", "somebody or something else", |w| w.forge(COMPLETED, "pays", "/payload/amount", json!(PRICE - 1))),
    ("pays", "somebody or something else", |w| w.forge(CONFIRMED, "pays", "/seatNo", json!(12))),
    ("res_", "was sold, and nobody was told so", |w| drop(w.stories.remove("pays"))),
    ("sleeps", "it has ended otherwise", |w| w.page("sleeps")["status"] = json!("HELD")),
    ("sleeps", "it has ended otherwise", |w| *w.page("sleeps") = json!({"code": "RESERVATION_NOT_FOUND"})),
    ("tour-", "not so", |w| w.map(0)["seats"][0]["status"] = json!("AVAILABLE")),
    ("tour-", "not so", |w| w.map(1)["seats"][5]["status"] = json!("RESERVED")),
    ("tour-", "not so", |w| w.map(2)["seats"][5]["status"] = json!("TEMPORARY_RESERVED")),
    ("tour-", "11 of 12 seats", |w| drop(w.map(0)["seats"].as_array_mut().unwrap().pop())),
    ("tour-", "counted", |w| w.map(0)["available"] = json!(12)),
    ("told two payments", "told two payments", |w| w.surprises.push("told two payments".to_owned())),
];

impl World {
    /// The log says that somebody's reservation is confirmed.
    fn confirm(&mut self, user: &str) {
        let id = json!(self.ids[user]);
        let facts = self.records.get_mut(CONFIRMED).unwrap();
        let mut fact = facts[0].clone();
        fact["reservationId"] = id;
        facts.push(fact);
    }

    fn ask_to_pay(&mut self, user: &str) {
        let ask = json!({"type": "pay", "reservationId": self.ids[user], "amount": PRICE});
        self.records.get_mut(INBOX).unwrap().push(ask);
    }
}

#[test]
fn of_what_is_true_nothing_is_said_and_each_lie_is_found() {
    let right = World::right();
    assert_eq!(right.lies(), Vec::<String>::new());
    for (of, found, lie) in [&TOLD_YES[..], &TOLD_NO, &TOLD_NOTHING, &BOOKS].concat() {
        let mut world = right.clone();
        lie(&mut world);
        let lies = world.lies();
        let is_found = lies.iter().any(|said| said.contains(found) && said.contains(of));
        assert!(is_found, "{of}, {found:?} was found as {lies:#?}");
    }
}
