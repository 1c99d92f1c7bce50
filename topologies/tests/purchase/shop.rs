//! The shop that the tests talk to, and what goes wrong in it.

use holdfast_engine::inspect::TaskView;
use holdfast_engine::inspect::ports::record::NewRecord;
use holdfast_engine::prelude::place_of;
use holdfast_model::coupon::message::{Command as CouponCommand, CreatePolicy, IssueRequest};
use holdfast_model::payment::message::Charge;
use holdfast_model::reservation::message::{Cancel, Command, CreateSchedule, Hold, Message, Pay, Seats};
use holdfast_model::{coupon, payment, reservation};
use holdfast_model::{expiration, rfc3339};
use holdfast_sim::TestDriver;
use holdfast_sim::driver::Out;
use serde_json::Value;
use std::collections::BTreeMap;

pub(crate) const PLACES: u32 = 3;
const PRICE: i64 = 50_000;
pub(crate) const SCHEDULE: &str = "schedule_456";

/// What goes wrong after each step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    Nothing,
    /// The worker is gone after one step, after two more, after four more with its disk …
    Crashes,
    /// Every record that anybody has sent comes once more.
    Twice,
}

pub(crate) const TROUBLES: [Trouble; 3] = [Trouble::Nothing, Trouble::Crashes, Trouble::Twice];

/// Topics that are read by a topology of the shop.
const INBOXES: [&str; 4] = [reservation::INBOX, expiration::INBOX, payment::INBOX, coupon::INBOX];
/// Topics that tell the world what happened: each event once.
const FACTS: [&str; 7] = [
    reservation::CONFIRMED,
    reservation::SEATS_EXPIRED,
    reservation::RANKING,
    reservation::NOTIFICATIONS,
    payment::COMPLETED,
    coupon::SUCCESS,
    coupon::FAILURES,
];

/// Names that live where they should: schedule, policy and user each in a place of its own, so that every hop crosses places.
fn named(prefix: &str, place: u32, key: impl Fn(&str) -> String) -> String {
    (0..).map(|n| format!("{prefix}{n}")).find(|name| place_of(key(name).as_bytes(), PLACES) == place).unwrap()
}

pub(crate) struct Shop {
    pub(crate) driver: TestDriver,
    trouble: Trouble,
    asked: usize,
    /// Whether something is meant to be among the dead letters.
    pub(crate) is_buried: bool,
    /// Up to where each inbox has come twice.
    repeated: BTreeMap<(&'static str, u32), i64>,
    pub(crate) user: String,
    pub(crate) policy: String,
}

impl Shop {
    /// A shop in which `user` has one coupon of 15 %, at most 5,000 KRW, for orders from 10,000 KRW, and so much money.
    pub(crate) fn open(trouble: Trouble, balance: i64) -> Self {
        let seats = place_of(SCHEDULE.as_bytes(), PLACES);
        let user = named("user-", (seats + 1) % PLACES, str::to_owned);
        let policy = named("p", (seats + 2) % PLACES, coupon::inbox_key);
        let mut driver = TestDriver::of(&holdfast_topologies::all(), PLACES);
        driver.settle();
        let mut shop = Self {
            driver,
            trouble: Trouble::Nothing,
            asked: 0,
            is_buried: false,
            repeated: BTreeMap::new(),
            user,
            policy,
        };
        let create = CreateSchedule {
            schedule_id: SCHEDULE.to_owned(),
            concert_title: "아이유 콘서트".to_owned(),
            seats: Seats::Block { count: 50, price: PRICE },
            ..CreateSchedule::default()
        };
        shop.ask(Command::CreateSchedule(create));
        let terms = CreatePolicy {
            request_id: Some("create".to_owned()),
            policy_id: shop.policy.clone(),
            title: "할인".to_owned(),
            total_quantity: 10,
            discount_type: Some("PERCENTAGE".to_owned()),
            discount_value: Some(15),
            minimum_order_amount: Some(10_000),
            maximum_discount_amount: Some(5_000),
            ..CreatePolicy::default()
        };
        shop.tell_policy(&CouponCommand::CreatePolicy(terms).to_json());
        let user = shop.user.clone();
        shop.tell_policy(&IssueRequest::new("issue", &shop.policy.clone(), &user, 0).to_json());
        shop.charge("first", balance);
        shop.note_repeated();
        shop.trouble = trouble;
        shop
    }

    fn append(&mut self, topic: &str, partition: u32, value: &[u8]) {
        self.driver.append(&NewRecord { topic, partition, key: None, value: Some(value), headers: &[] });
    }

    fn tell_policy(&mut self, value: &[u8]) {
        let place = place_of(coupon::inbox_key(&self.policy).as_bytes(), PLACES);
        self.append(coupon::INBOX, place, value);
        self.settle();
    }

    pub(crate) fn tell_wallet(&mut self, value: &[u8]) {
        let place = place_of(self.user.as_bytes(), PLACES);
        self.append(payment::INBOX, place, value);
        self.settle();
    }

    pub(crate) fn charge(&mut self, id: &str, amount: i64) {
        if amount > 0 {
            let user = self.user.clone();
            self.tell_wallet(&Charge::new(id, &user, amount, 0).to_json());
        }
    }

    /// Appends a command under a new id, and returns the id. Nothing is decided yet.
    pub(crate) fn send(&mut self, command: Command) -> String {
        self.asked += 1;
        let id = format!("r-{}", self.asked);
        let place = place_of(SCHEDULE.as_bytes(), PLACES);
        self.append(reservation::INBOX, place, &Message::new(id.clone(), command).to_json());
        id
    }

    pub(crate) fn ask(&mut self, command: Command) -> holdfast_topologies::reservation::view::CommandView {
        let id = self.send(command);
        self.settle();
        self.outcome(&id)
    }

    pub(crate) fn outcome(&self, id: &str) -> holdfast_topologies::reservation::view::CommandView {
        holdfast_topologies::reservation::view::command(&self.seats(), id)
            .unwrap()
            .unwrap_or_else(|| panic!("{id} has no outcome"))
    }

    pub(crate) fn hold(&mut self, seat_no: u64) -> String {
        let wish = Hold { user_id: self.user.clone(), schedule_id: SCHEDULE.to_owned(), seat_no: seat_no.to_string() };
        let outcome = self.ask(Command::Hold(wish));
        outcome.reservation_id.unwrap_or_else(|| panic!("{:?}", outcome.code))
    }

    pub(crate) fn pay(&mut self, id: &str, amount: i64, coupon_id: Option<&str>) -> String {
        let outcome = self.ask(pay(id, amount, coupon_id));
        assert_eq!(outcome.status, "SUCCESS", "{outcome:?}");
        outcome.payment_id.unwrap()
    }

    pub(crate) fn cancel(&mut self, id: &str) {
        let wish = Cancel { reservation_id: id.to_owned(), user_id: self.user.clone() };
        assert_eq!(self.ask(Command::Cancel(wish)).status, "SUCCESS");
    }

    /// Everything that is due is done, whatever goes wrong meanwhile.
    pub(crate) fn settle(&mut self) {
        match self.trouble {
            Trouble::Nothing => {}
            Trouble::Crashes => {
                for steps in [1, 2, 4, 7] {
                    for _ in 0..steps {
                        self.driver.step();
                        self.driver.clock().advance_us(100);
                    }
                    self.driver.crash();
                    if steps == 4 {
                        self.driver.wipe_disk();
                    }
                    self.driver.start();
                }
            }
            Trouble::Twice => {
                self.driver.settle();
                let facts = self.facts();
                for topic in INBOXES {
                    for out in self.driver.read(topic) {
                        if out.offset < self.repeated[&(topic, out.partition)] {
                            continue;
                        }
                        let (key, value) = (out.record.key.as_deref(), out.record.value.as_deref());
                        let partition = out.partition;
                        self.driver.append(&NewRecord { topic, partition, key, value, headers: &[] });
                    }
                }
                self.driver.settle();
                assert_eq!(self.facts(), facts, "what comes twice has happened once");
                self.note_repeated();
            }
        }
        self.driver.settle();
        self.check();
    }

    /// All that is in the inboxes now has come twice, or need not.
    fn note_repeated(&mut self) {
        for topic in INBOXES {
            for partition in 0..PLACES {
                let of_it = |out: &Out| (out.partition == partition).then_some(out.offset + 1);
                let end = self.driver.read(topic).iter().filter_map(of_it).max().unwrap_or(0);
                self.repeated.insert((topic, partition), end);
            }
        }
    }

    fn facts(&self) -> Vec<Out> {
        FACTS.iter().flat_map(|topic| self.driver.read(topic)).collect()
    }

    fn seats(&self) -> TaskView {
        self.driver.queries().task(reservation::NAME, place_of(SCHEDULE.as_bytes(), PLACES)).unwrap()
    }

    pub(crate) fn status(&self, id: &str) -> &'static str {
        holdfast_topologies::reservation::view::reservation(&self.seats(), id).unwrap().unwrap().status
    }

    pub(crate) fn expires_ms(&self, id: &str) -> i64 {
        rfc3339::parse(
            &holdfast_topologies::reservation::view::reservation(&self.seats(), id).unwrap().unwrap().expires_at,
        )
        .unwrap()
    }

    pub(crate) fn payment(&self, id: &str) -> holdfast_topologies::reservation::view::PaymentView {
        holdfast_topologies::reservation::view::payment(&self.seats(), id).unwrap().unwrap()
    }

    pub(crate) fn balance(&self) -> i64 {
        let place = place_of(self.user.as_bytes(), PLACES);
        let task = self.driver.queries().task(payment::NAME, place).unwrap();
        holdfast_topologies::payment::view::balance(&task, &self.user).unwrap().balance
    }

    pub(crate) fn coupon_id(&self) -> String {
        format!("cpn_{}_{}_1", place_of(coupon::inbox_key(&self.policy).as_bytes(), PLACES), self.policy)
    }

    /// `ISSUED` or `USED`, and for which payment.
    pub(crate) fn coupon(&self) -> (&'static str, Option<String>) {
        let id = self.coupon_id();
        let task = self.driver.queries().task(coupon::NAME, coupon::coupon_place(&id).unwrap()).unwrap();
        let view = holdfast_topologies::coupon::view::coupon(&task, &id).unwrap().unwrap();
        (view.status, view.order_id)
    }

    pub(crate) fn notices(&self, kind: &str) -> usize {
        let of = |out: &Out| serde_json::from_str::<Value>(&out.text()).unwrap()["payload"]["type"] == kind;
        self.driver.read(reservation::NOTIFICATIONS).iter().filter(|out| of(out)).count()
    }

    pub(crate) fn sent(&self, topic: &str, kind: &str) -> usize {
        let of = |out: &Out| {
            // Those that a test has put there a second time bring no headers.
            let value: Value = serde_json::from_str(&out.text()).unwrap();
            value["type"] == kind && out.header("ce_id").is_some()
        };
        self.driver.read(topic).iter().filter(|out| of(out)).count()
    }

    /// The books of all places are right by themselves, and say the same of each coupon and each won.
    fn check(&self) {
        let mut wanted = 0;
        for place in 0..PLACES {
            let task = |name: &str| self.driver.queries().task(name, place).unwrap();
            let seats = holdfast_topologies::reservation::invariants::Books::load(&task(reservation::NAME)).unwrap();
            seats.check().unwrap();
            holdfast_topologies::payment::invariants::Books::load(&task(payment::NAME)).unwrap().check().unwrap();
            holdfast_topologies::coupon::invariants::Books::load(&task(coupon::NAME)).unwrap().check().unwrap();
            wanted += seats
                .coupons
                .values()
                .filter(|coupon| matches!(coupon.state, reservation::row::CouponState::Used { .. }))
                .count();
        }
        assert_eq!(wanted, usize::from(self.coupon_is_there() && self.coupon().0 == "USED"));
        for topic in [reservation::DEAD_LETTERS, expiration::DEAD_LETTERS, payment::DEAD_LETTERS, coupon::DEAD_LETTERS]
        {
            assert!(self.is_buried || self.driver.read(topic).is_empty(), "{topic}");
        }
    }

    fn coupon_is_there(&self) -> bool {
        !self.driver.read(coupon::SUCCESS).is_empty()
    }
}

pub(crate) fn pay(id: &str, amount: i64, coupon_id: Option<&str>) -> Command {
    let (reservation_id, coupon_id) = (id.to_owned(), coupon_id.map(str::to_owned));
    Command::Pay(Pay { reservation_id, amount, coupon_id, ..Pay::default() })
}
