//! The shop that the tests talk to.

use holdfast_engine::inspect::TaskView;
use holdfast_engine::inspect::ports::record::NewRecord;
use holdfast_engine::prelude::{Topology, place_of};
use holdfast_model::reservation;
use holdfast_model::reservation::message::{Cancel, Command, Expire, Hold, Message, Pay, Release};
use holdfast_model::reservation::{Settings, sample};
use holdfast_model::rfc3339;
use holdfast_sim::TestDriver;
use holdfast_sim::driver::Out;
use holdfast_topologies::expiration;
use holdfast_topologies::reservation::invariants::Books;
use holdfast_topologies::reservation::view;
use serde_json::{Value, json};

pub(crate) const PLACES: u32 = 3;
pub(crate) const SCHEDULE: &str = "schedule_456";
pub(crate) const HOLD_MS: i64 = 300_000;

/// A shop with the sample schedules, and the words to talk to it.
pub(crate) struct Shop {
    pub(crate) driver: TestDriver,
    asked: usize,
}

impl Shop {
    pub(crate) fn open() -> Self {
        Self::with(&Settings::default())
    }

    pub(crate) fn with(settings: &Settings) -> Self {
        Self::of(&[holdfast_topologies::reservation::topology(settings), expiration::topology()])
    }

    pub(crate) fn of(topologies: &[Topology]) -> Self {
        let mut shop = Self { driver: TestDriver::of(topologies, PLACES), asked: 0 };
        shop.driver.settle();
        for (key, message) in sample::commands() {
            shop.append(place_of(key.as_bytes(), PLACES), &message.to_json());
        }
        shop.driver.settle();
        shop
    }

    pub(crate) fn place() -> u32 {
        place_of(SCHEDULE.as_bytes(), PLACES)
    }

    pub(crate) fn task(&self) -> TaskView {
        self.driver.queries().task(reservation::NAME, Self::place()).unwrap()
    }

    pub(crate) fn append(&mut self, partition: u32, value: &[u8]) -> i64 {
        let record = NewRecord { topic: reservation::INBOX, partition, key: None, value: Some(value), headers: &[] };
        self.driver.append(&record).offset
    }

    /// Appends a command under a new id, and returns the id.
    pub(crate) fn send(&mut self, command: Command) -> String {
        self.asked += 1;
        let id = format!("r-{}", self.asked);
        self.append(Self::place(), &Message::new(id.clone(), command).to_json());
        id
    }

    pub(crate) fn outcome(&self, id: &str) -> view::CommandView {
        view::command(&self.task(), id).unwrap().unwrap_or_else(|| panic!("{id} has no outcome"))
    }

    /// Sends a command, and returns its outcome.
    pub(crate) fn ask(&mut self, command: Command) -> view::CommandView {
        let id = self.send(command);
        self.driver.settle();
        self.outcome(&id)
    }

    pub(crate) fn code(&mut self, command: Command) -> &'static str {
        self.ask(command).code.unwrap_or("SUCCESS")
    }

    /// Holds a seat that is free.
    pub(crate) fn hold(&mut self, user_id: &str, seat_no: u64) -> String {
        let outcome = self.ask(hold(user_id, seat_no));
        assert_eq!(outcome.status, "SUCCESS", "{outcome:?}");
        outcome.reservation_id.unwrap()
    }

    pub(crate) fn reservation(&self, id: &str) -> view::ReservationView {
        view::reservation(&self.task(), id).unwrap().unwrap()
    }

    pub(crate) fn status(&self, id: &str) -> &'static str {
        self.reservation(id).status
    }

    pub(crate) fn schedule(&self) -> view::ScheduleView {
        view::schedule(&self.task(), SCHEDULE).unwrap().unwrap()
    }

    pub(crate) fn seat(&self, seat_no: usize) -> &'static str {
        view::seats(&self.task(), SCHEDULE).unwrap().unwrap()[seat_no - 1].status
    }

    pub(crate) fn expires_ms(&self, id: &str) -> i64 {
        rfc3339::parse(&self.reservation(id).expires_at).unwrap()
    }

    /// The log's clock shows `ms`, and nothing has been stepped meanwhile.
    pub(crate) fn clock_to(&self, ms: i64) {
        let ahead_ms = u64::try_from(ms - self.now_ms()).expect("the clock goes forward");
        self.driver.clock().advance_us(ahead_ms * 1_000);
    }

    pub(crate) fn now_ms(&self) -> i64 {
        use holdfast_engine::inspect::ports::clock::Clock;
        self.driver.clock().now_ms()
    }

    pub(crate) fn read(&self, topic: &str) -> Vec<Value> {
        self.driver.read(topic).iter().map(|out| serde_json::from_str(&out.text()).unwrap()).collect()
    }

    /// Notices of a kind, by user.
    pub(crate) fn notices(&self, kind: &str) -> Vec<(String, String)> {
        let of = |record: &Value| {
            let text = |field: &str| record["payload"][field].as_str().unwrap().to_owned();
            (text("userId"), text("message"))
        };
        self.read(reservation::NOTIFICATIONS).iter().filter(|r| r["payload"]["type"] == kind).map(of).collect()
    }

    /// The wallet answers what it has been asked since, each as `decide` says.
    pub(crate) fn wallet(&mut self, decide: impl Fn(&Value) -> &'static str) {
        // In the order of asking within a place; any order between places is legal.
        let requests = self.read(reservation::PAYMENTS);
        let mut sent: Vec<Value> = requests.iter().filter(|r| !r["requestId"].is_null()).cloned().collect();
        sent.sort_by_key(|request| request["requestId"].to_string());
        for request in sent {
            let answer = answer(&request, decide(&request));
            self.append(Self::place(), answer.to_string().as_bytes());
        }
        self.driver.settle();
    }

    pub(crate) fn check(&self) {
        for place in 0..PLACES {
            let task = self.driver.queries().task(reservation::NAME, place).unwrap();
            Books::load(&task).unwrap().check().unwrap();
        }
    }

    pub(crate) fn dead_letters(&self) -> Vec<Out> {
        self.driver.read(reservation::DEAD_LETTERS)
    }

    /// Everything that was ever sent.
    pub(crate) fn sent(&self) -> Vec<Out> {
        [
            reservation::EXPIRATIONS,
            reservation::PAYMENTS,
            reservation::CONFIRMED,
            reservation::SEATS_EXPIRED,
            reservation::RANKING,
            reservation::NOTIFICATIONS,
        ]
        .iter()
        .flat_map(|topic| self.driver.read(topic))
        .collect()
    }
}

pub(crate) fn answer(request: &Value, result: &str) -> Value {
    if request["type"] == "debit" {
        let id = format!("{}.settled", request["paymentId"].as_str().unwrap());
        json!({
            "type": "settled", "requestId": id, "paymentId": request["paymentId"], "reservationId": request["reservationId"],
            "scheduleId": request["scheduleId"], "userId": request["userId"], "result": result, "reason": null, "amount": request["amount"]
        })
    } else {
        let id = format!("{}.refunded", request["requestId"].as_str().unwrap());
        json!({
            "type": "refunded", "requestId": id, "refundId": request["requestId"], "paymentId": request["paymentId"],
            "reservationId": request["reservationId"], "userId": request["userId"], "amount": request["amount"]
        })
    }
}

pub(crate) fn hold(user_id: &str, seat_no: u64) -> Command {
    Command::Hold(Hold { user_id: user_id.to_owned(), schedule_id: SCHEDULE.to_owned(), seat_no: seat_no.to_string() })
}

pub(crate) fn pay(reservation_id: &str, amount: i64) -> Command {
    Command::Pay(Pay { reservation_id: reservation_id.to_owned(), amount, ..Pay::default() })
}

pub(crate) fn release(reservation_id: &str, user_id: &str) -> Command {
    Command::Release(Release { reservation_id: reservation_id.to_owned(), user_id: user_id.to_owned() })
}

pub(crate) fn cancel(reservation_id: &str, user_id: &str) -> Command {
    Command::Cancel(Cancel { reservation_id: reservation_id.to_owned(), user_id: user_id.to_owned() })
}

pub(crate) fn expire(reservation_id: &str) -> Command {
    Command::Expire(Expire { reservation_id: reservation_id.to_owned(), ..Expire::default() })
}

/// The only deadline there is.
pub(crate) fn shop_expires(driver: &TestDriver) -> i64 {
    let record: Value = serde_json::from_str(&driver.read(reservation::EXPIRATIONS)[0].text()).unwrap();
    rfc3339::parse(record["payload"]["expiresAt"].as_str().unwrap()).unwrap()
}
