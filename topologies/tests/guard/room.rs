//! A subject, the queues that guard it, and users who want something of it.

use holdfast_engine::inspect::TaskView;
use holdfast_engine::inspect::ports::clock::Clock;
use holdfast_engine::inspect::ports::record::NewRecord;
use holdfast_engine::prelude::place_of;
use holdfast_model::coupon::message::IssueRequest;
use holdfast_model::guard::{GuardCommand, GuardMessage, QUEUE_INBOX, QueueKey, Subject, SubjectType};
use holdfast_model::reservation::message::{Command, Hold, Message, Pay};
use holdfast_model::timesale::message::OrderRequest;
use holdfast_model::timesale::order_id;
use holdfast_model::{coupon, payment, reservation, timesale};
use holdfast_sim::TestDriver;
use holdfast_sim::driver::Out;
use holdfast_topologies::{coupon as coupons, reservation as seats, timesale as sales};
use serde_json::Value;

pub(crate) const PLACES: u32 = 3;
pub(crate) const QUEUE: &str = "opening";
pub(crate) const SCHEDULE: &str = "schedule_456";

/// Longer than any test.
pub(crate) const LONG_MS: i64 = 600_000;

/// All topologies of the shop with the sample data, and one subject of it.
pub(crate) struct Room {
    pub(crate) driver: TestDriver,
    pub(crate) subject: Subject,
    asked: u64,
}

/// A room for each kind of subject.
pub(crate) fn rooms() -> impl Iterator<Item = Room> {
    SubjectType::ALL.into_iter().map(Room::open)
}

impl Room {
    pub(crate) fn open(kind: SubjectType) -> Self {
        let mut driver = TestDriver::of(&holdfast_topologies::all(), PLACES);
        driver.settle();
        let id = match kind {
            SubjectType::Schedule => SCHEDULE,
            SubjectType::Policy | SubjectType::Sale => "1",
        };
        let mut room = Self { driver, subject: Subject::new(kind, id), asked: 0 };
        let features = [&coupon::FEATURE, &reservation::FEATURE, &payment::FEATURE, &timesale::FEATURE];
        for command in features
            .into_iter()
            .flat_map(|feature| (feature.sample.commands)().into_iter().map(move |command| (feature, command)))
        {
            let (feature, command) = command;
            room.append(feature.inbox, &command.key, &command.value);
        }
        room.driver.settle();
        room
    }

    pub(crate) fn append(&mut self, topic: &str, key: &str, value: &[u8]) {
        let partition = place_of(key.as_bytes(), PLACES);
        self.driver.append(&NewRecord {
            topic,
            partition,
            key: Some(key.as_bytes()),
            value: Some(value),
            headers: &[],
        });
    }

    /// The queue says this about the subject. Nothing is decided yet.
    pub(crate) fn say(&mut self, queue_id: &str, command: GuardCommand) {
        let message = GuardMessage { queue_id: queue_id.to_owned(), subject: self.subject.clone(), command };
        let key = self.subject.inbox_key().into_owned();
        self.append(self.subject.kind.inbox(), &key, &message.to_json());
    }

    pub(crate) fn guard(&mut self) {
        self.say(QUEUE, GuardCommand::Guard { key: QueueKey::new([7; 32]) });
    }

    pub(crate) fn admit(&mut self, user_id: &str, ticket: u64, active_until_ms: i64) {
        self.say(QUEUE, GuardCommand::Admit { ticket, user_id: user_id.to_owned(), active_until_ms });
    }

    /// Lets a user in for longer than any test takes.
    pub(crate) fn let_in(&mut self, user_id: &str, ticket: u64) {
        let until_ms = self.now_ms() + LONG_MS;
        self.admit(user_id, ticket, until_ms);
    }

    pub(crate) fn end(&mut self, user_id: &str, ticket: u64) {
        self.say(QUEUE, GuardCommand::EndAdmission { ticket, user_id: user_id.to_owned() });
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.driver.clock().now_ms()
    }

    /// The clock goes on, and nothing is stepped meanwhile.
    pub(crate) fn pass_ms(&self, ms: u64) {
        self.driver.clock().advance_us(ms * 1_000);
    }

    /// A user wants something of the subject, another thing each time: a seat, a coupon, a unit. Returns the request's id; nothing is decided yet.
    pub(crate) fn want(&mut self, user_id: &str) -> String {
        self.asked += 1;
        let (nth, key) = (self.asked, self.subject.inbox_key().into_owned());
        let place = place_of(key.as_bytes(), PLACES);
        let (id, value) = match self.subject.kind {
            SubjectType::Schedule => {
                let hold =
                    Hold { user_id: user_id.to_owned(), schedule_id: SCHEDULE.to_owned(), seat_no: nth.to_string() };
                let id = format!("hold-{nth}");
                (id.clone(), Message::new(id, Command::Hold(hold)).to_json())
            }
            SubjectType::Policy => {
                let id = coupon::request_id(place, &nth.to_string());
                (id.clone(), IssueRequest::new(&id, "1", user_id, 0).to_json())
            }
            SubjectType::Sale => {
                let id = order_id::new(place, &nth.to_string());
                (id.clone(), OrderRequest::new(&id, "1", user_id, 1, 0).to_json())
            }
        };
        self.append(self.subject.kind.inbox(), &key, &value);
        id
    }

    /// The code of the refusal of a request; `GIVEN` without one.
    pub(crate) fn outcome(&self, id: &str) -> &'static str {
        let task = self.task();
        let id = id.to_owned();
        let code = match self.subject.kind {
            SubjectType::Schedule => seats::view::command(&task, &id).unwrap().unwrap().code,
            SubjectType::Policy => match task.get_kept(&coupon::REQUESTS, &id).unwrap().unwrap().outcome {
                coupon::row::RequestOutcome::Issued(_) => None,
                coupon::row::RequestOutcome::Refused(refusal) => Some(refusal.code()),
            },
            SubjectType::Sale => sales::view::order(&task, &id).unwrap().unwrap().code,
        };
        code.unwrap_or("GIVEN")
    }

    /// A user wants something, and this becomes of it.
    pub(crate) fn buy(&mut self, user_id: &str) -> &'static str {
        let id = self.want(user_id);
        self.driver.settle();
        self.outcome(&id)
    }

    /// Pays for the seat that the request `id` holds.
    pub(crate) fn pay(&mut self, id: &str) {
        let reservation_id = seats::view::command(&self.task(), id).unwrap().unwrap().reservation_id.unwrap();
        let pay = Pay { reservation_id, amount: 50_000, ..Pay::default() };
        self.append(reservation::INBOX, SCHEDULE, &Message::new(format!("pay-{id}"), Command::Pay(pay)).to_json());
        self.driver.settle();
    }

    pub(crate) fn task(&self) -> TaskView {
        let name = match self.subject.kind {
            SubjectType::Schedule => reservation::NAME,
            SubjectType::Policy => coupon::NAME,
            SubjectType::Sale => timesale::NAME,
        };
        self.driver.queries().task(name, place_of(self.subject.inbox_key().as_bytes(), PLACES)).unwrap()
    }

    /// What the queue was told: user and ticket of each purchase.
    pub(crate) fn purchases(&self) -> Vec<(String, u64)> {
        let told = |out: &Out| {
            let value: Value = serde_json::from_str(&out.text()).unwrap();
            assert_eq!((value["type"].as_str(), value["queueId"].as_str()), (Some("purchased"), Some(QUEUE)));
            assert_eq!(value["subject"], serde_json::to_value(&self.subject).unwrap());
            assert_eq!((out.key().as_str(), out.partition), (QUEUE, place_of(QUEUE.as_bytes(), PLACES)));
            assert_eq!(out.header("ce_type").as_deref(), Some("queue.purchased"));
            (value["userId"].as_str().unwrap().to_owned(), value["ticket"].as_u64().unwrap())
        };
        self.driver.read(QUEUE_INBOX).iter().map(told).collect()
    }

    /// Every record that is in the inbox now comes once more.
    pub(crate) fn repeat_all(&mut self) {
        let inbox = self.subject.kind.inbox();
        for Out { partition, record, .. } in self.driver.read(inbox) {
            let (key, value) = (record.key.as_deref(), record.value.as_deref());
            self.driver.append(&NewRecord { topic: inbox, partition, key, value, headers: &[] });
        }
        self.driver.settle();
    }

    /// The books of the shop are right.
    pub(crate) fn check(&self) {
        for place in 0..PLACES {
            let task = |name: &str| self.driver.queries().task(name, place).unwrap();
            seats::invariants::Books::load(&task(reservation::NAME)).unwrap().check().unwrap();
            coupons::invariants::Books::load(&task(coupon::NAME)).unwrap().check().unwrap();
            sales::invariants::Books::load(&task(timesale::NAME)).unwrap().check().unwrap();
        }
        for topic in [reservation::DEAD_LETTERS, coupon::DEAD_LETTERS, timesale::DEAD_LETTERS] {
            assert!(self.driver.read(topic).is_empty(), "{topic}");
        }
    }
}
