//! The house with the waiting room that the tests talk to.

use holdfast_engine::inspect::TaskView;
use holdfast_engine::inspect::ports::record::NewRecord;
use holdfast_engine::prelude::place_of;
use holdfast_model::guard::QueueKey;
use holdfast_model::queue;
use holdfast_model::queue::message::{ChangeQueue, Command, CreateQueue, Join, Leave, Signal, Touch};
use holdfast_sim::TestDriver;
use holdfast_sim::driver::Out;
use holdfast_topologies::queue::invariants::Books;
use holdfast_topologies::queue::view::{self, QueueView, TicketView};
use serde_json::Value;

pub(crate) const PLACES: u32 = 3;
/// The queue of most tests.
pub(crate) const Q: &str = "q";

/// A house with one queue, and the words to talk to it.
pub(crate) struct House {
    pub(crate) driver: TestDriver,
    commands: u32,
}

/// A queue for 10 users at a time, 50 admissions a second.
pub(crate) fn terms() -> CreateQueue {
    CreateQueue {
        queue_id: Q.to_owned(),
        max_active: 10,
        admit_per_second: 50,
        key: Some(QueueKey::new([1; 32])),
        seed: Some(QueueKey::new([2; 32])),
        ..CreateQueue::default()
    }
}

impl House {
    pub(crate) fn open(terms: CreateQueue) -> Self {
        let mut house = Self { driver: TestDriver::new(&holdfast_topologies::queue::topology(), PLACES), commands: 0 };
        house.driver.settle();
        assert_eq!(house.command(Command::CreateQueue(terms)), ("SUCCESS", None));
        house
    }

    pub(crate) fn place() -> u32 {
        place_of(Q.as_bytes(), PLACES)
    }

    pub(crate) fn task(&self) -> TaskView {
        self.driver.queries().task(queue::NAME, Self::place()).unwrap()
    }

    pub(crate) fn now_ms(&self) -> i64 {
        use holdfast_engine::inspect::ports::clock::Clock;
        self.driver.clock().now_ms()
    }

    /// Appends a record and decides nothing.
    pub(crate) fn pipe(&mut self, value: &[u8]) {
        let record = NewRecord {
            topic: queue::INBOX,
            partition: Self::place(),
            key: Some(Q.as_bytes()),
            value: Some(value),
            headers: &[],
        };
        self.driver.append(&record);
    }

    pub(crate) fn command(&mut self, mut command: Command) -> (&'static str, Option<&'static str>) {
        self.commands += 1;
        let id = format!("c-{}", self.commands);
        command.set_request_id(&id);
        self.pipe(&command.to_json());
        self.driver.settle();
        let view = view::command(&self.task(), &id).unwrap().unwrap();
        (view.status, view.code)
    }

    pub(crate) fn change(&mut self, change: ChangeQueue) {
        let change = ChangeQueue { queue_id: Q.to_owned(), ..change };
        assert_eq!(self.command(Command::ChangeQueue(change)), ("SUCCESS", None));
    }

    /// Appends joins of these users.
    pub(crate) fn send_joins<'a>(&mut self, users: impl IntoIterator<Item = &'a str>) {
        for user in users {
            self.commands += 1;
            let id = format!("j-{}", self.commands);
            self.pipe(&Join::new(&id, Q, user).to_json());
        }
    }

    /// Appends joins of `user-{n}` for each number.
    pub(crate) fn send_crowd(&mut self, numbers: std::ops::RangeInclusive<u32>) {
        let users: Vec<String> = numbers.map(|n| format!("user-{n}")).collect();
        self.send_joins(users.iter().map(String::as_str));
    }

    pub(crate) fn join(&mut self, user: &str) -> Result<u64, &'static str> {
        self.send_joins([user]);
        self.driver.settle();
        let view = view::command(&self.task(), &format!("j-{}", self.commands)).unwrap().unwrap();
        view.ticket.ok_or(view.code.unwrap_or_default())
    }

    pub(crate) fn leave(&mut self, ticket: u64, user: &str) -> (&'static str, Option<&'static str>) {
        let (queue_id, user_id) = (Q.to_owned(), user.to_owned());
        self.command(Command::Leave(Leave { queue_id, ticket, user_id, ..Leave::default() }))
    }

    pub(crate) fn touch(&mut self, tickets: impl IntoIterator<Item = u64>) {
        let touch = Touch { queue_id: Q.to_owned(), tickets: tickets.into_iter().collect() };
        self.pipe(&Signal::Touch(touch).to_json());
        self.driver.settle();
    }

    pub(crate) fn queue(&self) -> QueueView {
        view::queue(&self.task(), Q).unwrap().unwrap()
    }

    pub(crate) fn ticket(&self, ticket: u64) -> TicketView {
        view::ticket(&self.task(), Q, ticket, self.now_ms()).unwrap().unwrap()
    }

    /// State and position of a ticket.
    pub(crate) fn standing(&self, ticket: u64) -> (&'static str, Option<u64>) {
        let view = self.ticket(ticket);
        (view.state.as_str(), view.position)
    }

    pub(crate) fn reason(&self, ticket: u64) -> Option<&'static str> {
        self.ticket(ticket).ended.map(|(_, reason)| reason.as_str())
    }

    pub(crate) fn read(&self, topic: &str) -> Vec<Value> {
        self.driver.read(topic).iter().map(|out| serde_json::from_str(&out.text()).unwrap()).collect()
    }

    /// Tickets of the facts of a type, in their order.
    pub(crate) fn facts(&self, kind: &str) -> Vec<u64> {
        let facts = self.read(queue::EVENTS).into_iter().filter(|fact| fact["type"] == kind);
        facts.map(|fact| fact["ticket"].as_u64().unwrap()).collect()
    }

    pub(crate) fn notices(&self, kind: &str) -> Vec<Value> {
        let notices = self.read(queue::NOTIFICATIONS).into_iter().map(|mut notice| notice["payload"].take());
        notices.filter(|payload| payload["type"] == kind).collect()
    }

    pub(crate) fn dead_letters(&self) -> Vec<Out> {
        self.driver.read(queue::DEAD_LETTERS)
    }

    /// How many records of a type the topology has sent itself.
    pub(crate) fn own(&self, kind: &str) -> usize {
        self.read(queue::INBOX).iter().filter(|record| record["type"] == kind).count()
    }

    pub(crate) fn check(&self) {
        for place in 0..PLACES {
            let task = self.driver.queries().task(queue::NAME, place).unwrap();
            Books::of(&task).unwrap().check().unwrap();
        }
    }

    /// Time passes in small steps, so that what falls due is decided when it does.
    pub(crate) fn pass_ms(&mut self, ms: u64) {
        let end_ms = self.now_ms() + i64::try_from(ms).unwrap();
        while self.now_ms() < end_ms {
            let step = u64::try_from(end_ms - self.now_ms()).unwrap().min(10);
            self.driver.advance_ms(step);
        }
    }
}
