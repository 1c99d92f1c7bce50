//! A shop with some traffic, and what is needed to forge its books.

use holdfast_engine::inspect::position::{self, Position};
use holdfast_engine::inspect::{changelog, codec};
use holdfast_engine::prelude::{Key, Table, Topology};
use holdfast_model::reservation::serial::{self, Secret};
use holdfast_model::{coupon, payment, reservation};
use holdfast_ports::log::{End, Log};
use holdfast_ports::place::place_of;
use holdfast_ports::record::{NewRecord, Topic, TopicPartition};
use holdfast_sim::TestDriver;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use stream_worker::commands::audit::invariant::{Invariant, Owner};
use stream_worker::commands::audit::report::Report;
use stream_worker::commands::audit::{Question, examine};

pub(crate) const APP: &str = "sim";
pub(crate) const PLACES: u32 = 3;
pub(crate) const SCHEDULE: &str = "schedule_456";
pub(crate) const PRICE: i64 = 50_000;
pub(crate) const HOLD_MS: i64 = 300_000;

/// All topologies on one simulated worker.
pub(crate) struct Shop {
    pub(crate) driver: TestDriver,
    topologies: Vec<Topology>,
}

/// The place of a key.
pub(crate) fn home(key: &str) -> u32 {
    place_of(key.as_bytes(), PLACES)
}

/// The id of what the record at `offset` has made, which brought `nonce`.
pub(crate) fn named(kind: &str, key: &str, offset: i64, nonce: &str) -> String {
    let serial = serial::made(offset.unsigned_abs(), Secret::of_nonce(nonce));
    format!("{kind}_{}_{}", home(key), serial::to_text(serial))
}

impl Shop {
    /// One with the sample data.
    pub(crate) fn open() -> Self {
        Self::of(holdfast_topologies::all())
    }

    /// One in which nothing has happened.
    pub(crate) fn bare(topologies: Vec<Topology>) -> Self {
        let mut shop = Self { driver: TestDriver::of(&topologies, PLACES), topologies };
        shop.driver.settle();
        shop
    }

    /// One with these topologies and the sample data.
    pub(crate) fn of(topologies: Vec<Topology>) -> Self {
        let mut shop = Self::bare(topologies);
        for (key, message) in reservation::sample::commands() {
            let text = String::from_utf8(message.to_json()).unwrap();
            shop.driver.pipe(reservation::INBOX, Some(&key), &text);
        }
        for user in ["user_123", "1001", "1002", "1003"] {
            shop.charge(user, 1_000_000);
        }
        shop.driver.settle();
        shop
    }

    /// Its worker is started again with these instead.
    pub(crate) fn deploy(&mut self, topologies: Vec<Topology>) {
        self.driver.settle();
        self.driver.stop();
        topologies.iter().for_each(|topology| self.driver.deploy(topology));
        self.driver.start();
        self.driver.settle();
        self.topologies = topologies;
    }

    pub(crate) fn charge(&mut self, user: &str, amount: i64) {
        let value =
            json!({"type": "charge", "requestId": format!("c-{user}-{amount}"), "userId": user, "amount": amount});
        self.driver.pipe(payment::INBOX, Some(user), &value.to_string());
    }

    /// A command about [`SCHEDULE`], decided.
    pub(crate) fn ask(&mut self, value: &Value) -> i64 {
        let at = self.driver.pipe(reservation::INBOX, Some(SCHEDULE), &value.to_string()).offset;
        self.driver.settle();
        at
    }

    /// Holds a seat; the reservation's id, whether it was granted or not.
    pub(crate) fn hold(&mut self, request: &str, user: &str, seat: u64) -> String {
        let wish = json!({"type": "hold", "requestId": request, "userId": user, "scheduleId": SCHEDULE, "seatNo": seat, "nonce": request});
        named("res", SCHEDULE, self.ask(&wish), request)
    }

    /// Pays; the payment's id if it is granted.
    pub(crate) fn pay(&mut self, request: &str, reservation: &str, amount: i64) -> String {
        let wish = json!({"type": "pay", "requestId": request, "reservationId": reservation, "amount": amount, "nonce": request});
        named("pay", SCHEDULE, self.ask(&wish), request)
    }

    /// Everything that may happen, well decided.
    pub(crate) fn trade(&mut self) {
        self.seats();
        self.coupons();
        self.oddities();
    }

    fn seats(&mut self) {
        let first = self.hold("h1", "user_123", 1);
        self.hold("h2", "1001", 1);
        self.hold("h3", "user_123", 1);
        self.pay("p0", &first, PRICE - 1);
        self.pay("p1", &first, PRICE);
        self.pay("p2", &first, PRICE);
        let second = self.hold("h4", "1001", 2);
        self.ask(&json!({"type": "release", "requestId": "r1", "reservationId": second, "userId": "1001"}));
        let late = self.hold("h5", "1002", 2);
        self.charge("poor", 1_000);
        let poor = self.hold("h6", "poor", 3);
        self.pay("p3", &poor, PRICE);
        let given_back = self.hold("h7", "1003", 4);
        self.pay("p4", &given_back, PRICE);
        self.ask(&json!({"type": "cancel", "requestId": "x1", "reservationId": given_back, "userId": "1003"}));
        self.driver.advance_ms(HOLD_MS.unsigned_abs() + 50);
        self.pay("p5", &late, PRICE);
        let again = self.hold("h8", "1001", 2);
        self.pay("p6", &again, PRICE);
        let cancelled = "schedule_test";
        for (seat, user) in [(1, "1001"), (2, "1002"), (3, "1003")] {
            let wish = json!({"type": "hold", "requestId": format!("t{seat}"), "userId": user, "scheduleId": cancelled, "seatNo": seat, "nonce": "t"});
            let at = self.driver.pipe(reservation::INBOX, Some(cancelled), &wish.to_string()).offset;
            self.driver.settle();
            if seat == 2 {
                let wish = json!({"type": "pay", "requestId": "tp", "reservationId": named("res", cancelled, at, "t"), "amount": PRICE});
                self.driver.pipe(reservation::INBOX, Some(cancelled), &wish.to_string());
                self.driver.settle();
            }
        }
        let wish = json!({"type": "cancel-schedule", "requestId": "cs", "scheduleId": cancelled});
        self.driver.pipe(reservation::INBOX, Some(cancelled), &wish.to_string());
        self.driver.advance_ms(1_000);
    }

    fn coupons(&mut self) {
        let key = "coupon-p";
        let create =
            json!({"type": "create-policy", "requestId": "cp", "policyId": "p", "title": "t", "totalQuantity": 2});
        self.driver.pipe(coupon::INBOX, Some(key), &create.to_string());
        for (n, user) in ["1", "2", "1", "3"].into_iter().enumerate() {
            let wish = json!({"requestId": format!("k{n}"), "policyId": "p", "userId": user});
            self.driver.pipe(coupon::INBOX, Some(key), &wish.to_string());
        }
        self.driver.settle();
    }

    /// Records that come twice, to the wrong place, or make no sense.
    fn oddities(&mut self) {
        let wrong = (home("coupon-p") + 1) % PLACES;
        let request = json!({"requestId": "k4", "policyId": "p", "userId": "4"}).to_string();
        self.put(coupon::INBOX, wrong, request.as_bytes(), &[]);
        self.driver.pipe(coupon::INBOX, Some("coupon-p"), r#"{"requestId":"k0","policyId":"p","userId":"1"}"#);
        self.driver.pipe(coupon::INBOX, Some("coupon-p"), r#"{"requestId":"k0","policyId":"p","userId":"other"}"#);
        for inbox in [coupon::INBOX, reservation::INBOX, payment::INBOX] {
            self.driver.pipe(inbox, Some("x"), "not json");
        }
        let wish =
            json!({"type": "hold", "requestId": "h9", "userId": "9", "scheduleId": SCHEDULE, "seatNo": 9}).to_string();
        self.put(reservation::INBOX, (home(SCHEDULE) + 1) % PLACES, wish.as_bytes(), &[]);
        self.hold("h9", "9", 9);
        self.driver.pipe(
            payment::INBOX,
            Some("1001"),
            r#"{"type":"charge","requestId":"c-1001-1000000","userId":"1001","amount":1000000}"#,
        );
        self.driver.pipe(payment::INBOX, Some("1001"), r#"{"type":"charge","userId":"1001","amount":5}"#);
        self.driver.settle();
    }

    // ---- forging ----------------------------------------------------------------------------------------------------------------------------

    /// Appends exactly this.
    pub(crate) fn put(&mut self, topic: &str, partition: u32, value: &[u8], headers: &[(&str, &[u8])]) -> i64 {
        self.driver.append(&NewRecord { topic, partition, key: None, value: Some(value), headers }).offset
    }

    /// Appends JSON as the task of `topology` in `place` would.
    pub(crate) fn tell(&mut self, topology: &str, place: u32, topic: &str, partition: u32, value: &Value) {
        let source = format!("/{topology}/{place}");
        self.put(topic, partition, value.to_string().as_bytes(), &[("ce_source", source.as_bytes())]);
    }

    /// A row as it is kept.
    pub(crate) fn row<K: Key, V: DeserializeOwned>(
        &self,
        topology: &str,
        place: u32,
        table: &Table<K, V>,
        key: &K,
    ) -> V {
        self.driver.queries().task(topology, place).unwrap().get(table, key).unwrap().unwrap()
    }

    /// Writes a row into the changelog of `topology`, or deletes it.
    pub(crate) fn forge<K: Key, V: Serialize>(
        &mut self,
        topology: &str,
        place: u32,
        table: &Table<K, V>,
        key: &K,
        row: Option<&V>,
    ) {
        let mut bytes = vec![table.id().0];
        key.encode(&mut bytes);
        let mut value = Vec::new();
        if let Some(row) = row {
            codec::encode(row, &mut value).unwrap();
        }
        self.write(topology, place, &bytes, row.map(|_| &*value));
    }

    /// Writes a row of a changelog, byte by byte.
    pub(crate) fn write(&mut self, topology: &str, place: u32, key: &[u8], value: Option<&[u8]>) {
        let topic = changelog::topic(APP, topology);
        self.driver.append(&NewRecord { topic: &topic, partition: place, key: Some(key), value, headers: &[] });
    }

    /// Says that the task stands so many records further, or before.
    pub(crate) fn pass(&mut self, topology: &str, place: u32, inbox: &str, by: i64) {
        let next = self.driver.queries().task(topology, place).unwrap().next_offset();
        self.stand(topology, place, inbox, next + by);
    }

    /// Says that the task has decided everything before `next`.
    pub(crate) fn stand(&mut self, topology: &str, place: u32, inbox: &str, next: i64) {
        let mut key = vec![position::STORE.id.0];
        key.extend_from_slice(position::KEY);
        let kept = self.driver.log().committed(&changelog::topic(APP, topology), place);
        let kept = kept.into_iter().rfind(|(_, record)| record.key.as_ref() == Some(&key));
        let mut position: Position =
            kept.map_or_else(Position::default, |(_, r)| codec::decode(&r.value.unwrap()).unwrap());
        position.advance(inbox, next);
        let mut value = Vec::new();
        codec::encode(&position, &mut value).unwrap();
        self.write(topology, place, &key, Some(&value));
    }

    /// The value of the last record in `topic` that `is`.
    pub(crate) fn last(&self, topic: &str, is: impl Fn(&Value) -> bool) -> Value {
        let mut values = self.driver.read(topic).into_iter().filter_map(|out| serde_json::from_str(&out.text()).ok());
        values.rfind(is).unwrap()
    }

    pub(crate) fn question(&self) -> Question {
        Question {
            app: APP.to_owned(),
            topologies: self.topologies.clone(),
            only: Invariant::ALL.into_iter().filter(|invariant| invariant.owner() != Owner::Receivers).collect(),
            is_settled: false,
            overdue_ms_max: 10_000,
            hold_ms: HOLD_MS,
            held_ms: Vec::new(),
            app_dir: None,
            is_all_decided: false,
            answers: None,
            alerts: None,
            sink: None,
        }
    }

    /// Whether a transaction is open: it ends when the worker goes on, and the audit would wait for that.
    pub(crate) fn is_committing(&self) -> bool {
        let mut fetcher = self.driver.log().fetcher().unwrap();
        let changelogs = self.topologies.iter().map(|t| changelog::topic(APP, t.name()).into());
        let topics: Vec<Topic> =
            self.topologies.iter().flat_map(|t| [t.sources(), t.sinks()].concat()).chain(changelogs).collect();
        topics.into_iter().any(|topic| {
            (0..PLACES).any(|place| {
                let source = TopicPartition::new(topic.clone(), place);
                fetcher.end(&source, End::Stable).unwrap() < fetcher.end(&source, End::Written).unwrap()
            })
        })
    }

    pub(crate) fn audit(&self) -> Report {
        examine(self.driver.log(), &self.question()).unwrap()
    }
}
