//! The reservation and expiration topologies in the real step, together: deadlines, payments, restores and dead letters included. The wallet is played
//! by the test.
#![expect(clippy::unwrap_used, reason = "a test's panic is its report")]

use holdfast_engine::Topology;
use holdfast_engine::dead_letter::header;
use holdfast_engine::ports::place::place_of;
use holdfast_engine::ports::record::NewRecord;
use holdfast_engine::queries::TaskView;
use holdfast_sim::TestDriver;
use holdfast_sim::driver::Out;
use holdfast_sim::memory_log::Fault;
use holdfast_topologies::reservation::invariants::Books;
use holdfast_topologies::reservation::message::{
    Cancel, CancelSchedule, Command, CreateSchedule, Expire, Extend, Hold, Message, Pay, PricedSeat, Release, Seats,
};
use holdfast_topologies::reservation::{self, Settings, ids, sample, view};
use holdfast_topologies::{expiration, rfc3339};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const PLACES: u32 = 3;
const SCHEDULE: &str = "schedule_456";
const HOLD_MS: i64 = 300_000;

/// A shop with the sample schedules, and the words to talk to it.
struct Shop {
    driver: TestDriver,
    asked: usize,
}

impl Shop {
    fn open() -> Self {
        Self::with(&Settings::default())
    }

    fn with(settings: &Settings) -> Self {
        Self::of(&[reservation::topology(settings), expiration::topology()])
    }

    fn of(topologies: &[Topology]) -> Self {
        let mut shop = Self { driver: TestDriver::of(topologies, PLACES), asked: 0 };
        shop.driver.settle();
        for (key, message) in sample::commands() {
            shop.append(place_of(key.as_bytes(), PLACES), &message.to_json());
        }
        shop.driver.settle();
        shop
    }

    fn place() -> u32 {
        place_of(SCHEDULE.as_bytes(), PLACES)
    }

    fn task(&self) -> TaskView {
        self.driver.queries().task(reservation::NAME, Self::place()).unwrap()
    }

    fn append(&mut self, partition: u32, value: &[u8]) -> i64 {
        let record = NewRecord { topic: reservation::INBOX, partition, key: None, value: Some(value), headers: &[] };
        self.driver.append(&record).offset
    }

    /// Appends a command under a new id, and returns the id.
    fn send(&mut self, command: Command) -> String {
        self.asked += 1;
        let id = format!("r-{}", self.asked);
        self.append(Self::place(), &Message::new(id.clone(), command).to_json());
        id
    }

    fn outcome(&self, id: &str) -> view::CommandView {
        view::command(&self.task(), id).unwrap().unwrap_or_else(|| panic!("{id} has no outcome"))
    }

    /// Sends a command, and returns its outcome.
    fn ask(&mut self, command: Command) -> view::CommandView {
        let id = self.send(command);
        self.driver.settle();
        self.outcome(&id)
    }

    fn code(&mut self, command: Command) -> &'static str {
        self.ask(command).code.unwrap_or("SUCCESS")
    }

    /// Holds a seat that is free.
    fn hold(&mut self, user_id: &str, seat_no: u64) -> String {
        let outcome = self.ask(hold(user_id, seat_no));
        assert_eq!(outcome.status, "SUCCESS", "{outcome:?}");
        outcome.reservation_id.unwrap()
    }

    fn reservation(&self, id: &str) -> view::ReservationView {
        view::reservation(&self.task(), id).unwrap().unwrap()
    }

    fn status(&self, id: &str) -> &'static str {
        self.reservation(id).status
    }

    fn schedule(&self) -> view::ScheduleView {
        view::schedule(&self.task(), SCHEDULE).unwrap().unwrap()
    }

    fn seat(&self, seat_no: usize) -> &'static str {
        view::seats(&self.task(), SCHEDULE).unwrap().unwrap()[seat_no - 1].status
    }

    fn expires_ms(&self, id: &str) -> i64 {
        rfc3339::parse(&self.reservation(id).expires_at).unwrap()
    }

    /// The log's clock shows `ms`, and nothing has been stepped meanwhile.
    fn clock_to(&self, ms: i64) {
        let ahead_ms = u64::try_from(ms - self.now_ms()).expect("the clock goes forward");
        self.driver.clock().advance_us(ahead_ms * 1_000);
    }

    fn now_ms(&self) -> i64 {
        use holdfast_engine::ports::clock::Clock;
        self.driver.clock().now_ms()
    }

    fn read(&self, topic: &str) -> Vec<Value> {
        self.driver.read(topic).iter().map(|out| serde_json::from_str(&out.text()).unwrap()).collect()
    }

    /// Notices of a kind, by user.
    fn notices(&self, kind: &str) -> Vec<(String, String)> {
        let of = |record: &Value| {
            let text = |field: &str| record["payload"][field].as_str().unwrap().to_owned();
            (text("userId"), text("message"))
        };
        self.read(reservation::NOTIFICATIONS).iter().filter(|r| r["payload"]["type"] == kind).map(of).collect()
    }

    /// The wallet answers what it has been asked since, each as `decide` says.
    fn wallet(&mut self, decide: impl Fn(&Value) -> &'static str) {
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

    fn check(&self) {
        for place in 0..PLACES {
            let task = self.driver.queries().task(reservation::NAME, place).unwrap();
            Books::load(&task).unwrap().check().unwrap();
        }
    }

    fn dead_letters(&self) -> Vec<Out> {
        self.driver.read(reservation::DEAD_LETTERS)
    }

    /// Everything that was ever sent.
    fn sent(&self) -> Vec<Out> {
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

fn answer(request: &Value, result: &str) -> Value {
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

fn hold(user_id: &str, seat_no: u64) -> Command {
    Command::Hold(Hold { user_id: user_id.to_owned(), schedule_id: SCHEDULE.to_owned(), seat_no: seat_no.to_string() })
}

fn pay(reservation_id: &str, amount: i64) -> Command {
    Command::Pay(Pay { reservation_id: reservation_id.to_owned(), amount, ..Pay::default() })
}

fn release(reservation_id: &str, user_id: &str) -> Command {
    Command::Release(Release { reservation_id: reservation_id.to_owned(), user_id: user_id.to_owned() })
}

fn cancel(reservation_id: &str, user_id: &str) -> Command {
    Command::Cancel(Cancel { reservation_id: reservation_id.to_owned(), user_id: user_id.to_owned() })
}

fn expire(reservation_id: &str) -> Command {
    Command::Expire(Expire { reservation_id: reservation_id.to_owned(), ..Expire::default() })
}

#[test]
fn a_hold_that_nobody_pays_is_over_at_its_deadline_and_not_before() {
    let mut shop = Shop::open();
    let id = shop.hold("user_123", 1);
    let expires_ms = shop.expires_ms(&id);
    assert_eq!(expires_ms - rfc3339::parse(&shop.reservation(&id).held_at).unwrap(), HOLD_MS);
    let out = &shop.driver.read(reservation::EXPIRATIONS)[0];
    assert_eq!((out.key(), out.partition), (id.clone(), Shop::place()));
    let at = rfc3339::to_string(expires_ms);
    assert_eq!(
        serde_json::from_str::<Value>(&out.text()).unwrap(),
        json!({
            "eventId": format!("evt_{id}.expiration"), "eventType": "reservation.expiration", "eventTime": at,
            "payload": {
                "reservationId": id, "userId": "user_123", "seatId": "seat_schedule_456_1", "expiresAt": at, "scheduleId": SCHEDULE, "seatNo": 1
            },
            "occurredAt": shop.reservation(&id).held_at
        })
    );
    assert_eq!((shop.seat(1), shop.seat(2)), ("TEMPORARY_RESERVED", "AVAILABLE"));

    shop.clock_to(expires_ms - 100);
    shop.driver.settle();
    assert_eq!(shop.status(&id), "HELD");
    shop.driver.advance_ms(150);
    assert_eq!((shop.status(&id), shop.seat(1)), ("EXPIRED", "AVAILABLE"));
    let expired = shop.read(reservation::SEATS_EXPIRED);
    assert_eq!((expired.len(), &expired[0]["seatIds"]), (1, &json!(["seat_schedule_456_1"])));
    assert!(rfc3339::parse(expired[0]["expiredAt"].as_str().unwrap()).unwrap() >= expires_ms);
    let notice = ("user_123".to_owned(), "5분 이내 결제하지 않아 예약이 만료되었습니다.".to_owned());
    assert_eq!(shop.notices("RESERVATION_EXPIRED"), [notice]);
    shop.check();

    // Restarted on an empty disk, and the deadline's record once more: nothing happens twice.
    let sent = shop.sent();
    shop.driver.crash();
    shop.driver.wipe_disk();
    shop.driver.start();
    shop.driver.settle();
    let again = out.text();
    let place = Shop::place();
    let record = NewRecord {
        topic: expiration::INBOX,
        partition: place,
        key: Some(id.as_bytes()),
        value: Some(again.as_bytes()),
        headers: &[],
    };
    shop.driver.append(&record);
    shop.driver.advance_ms(50);
    shop.send(expire(&id));
    shop.driver.settle();
    assert_eq!(shop.status(&id), "EXPIRED");
    assert_eq!(shop.sent().len(), sent.len() + 1, "the repeated deadline itself and nothing else");
    assert_eq!(shop.notices("RESERVATION_EXPIRED").len(), 1);
    assert_ne!(shop.hold("user_9", 1), id);
    shop.check();
}

#[test]
fn a_deadline_outlives_a_crash_of_the_worker_and_of_its_disk() {
    let mut shop = Shop::open();
    let id = shop.hold("u", 1);
    let expires_ms = shop.expires_ms(&id);
    shop.driver.crash();
    shop.driver.wipe_disk();
    shop.driver.start();
    shop.driver.settle();
    assert_eq!(shop.status(&id), "HELD");
    shop.driver.crash();
    shop.clock_to(expires_ms + 60_000);
    shop.driver.start();
    shop.driver.settle();
    shop.driver.advance_ms(50);
    assert_eq!(shop.status(&id), "EXPIRED");
    shop.check();
}

#[test]
fn an_early_expire_ends_nothing() {
    let mut shop = Shop::open();
    let id = shop.hold("u", 1);
    let expires_ms = shop.expires_ms(&id);
    for _ in 0..3 {
        shop.send(expire(&id));
    }
    shop.driver.settle();
    shop.clock_to(expires_ms - 100);
    shop.send(expire(&id));
    shop.driver.settle();
    assert_eq!(shop.status(&id), "HELD");
    shop.driver.advance_ms(150);
    assert_eq!(shop.status(&id), "EXPIRED");
    assert_eq!(shop.notices("RESERVATION_EXPIRED").len(), 1);
    shop.check();
}

/// The expiration topology is far behind, or an operator has reset its topic.
#[test]
fn a_hold_without_its_deadlines_record_is_swept() {
    let settings = Settings { overdue_grace_ms: 60_000, ..Settings::default() };
    let mut shop = Shop::of(&[reservation::topology(&settings)]);
    let first = shop.hold("u", 1);
    let first_ends = shop.expires_ms(&first);
    shop.driver.advance_ms(200_000);
    let second = shop.hold("v", 2);
    let paying = shop.hold("w", 3);
    shop.ask(pay(&paying, 50_000));
    shop.driver.restart();
    // At its deadline nothing comes, and a late payment is refused all the same.
    shop.clock_to(first_ends + 50_000);
    shop.driver.settle();
    assert_eq!((shop.status(&first), shop.code(pay(&first, 50_000))), ("HELD", "RESERVATION_EXPIRED"));
    shop.driver.advance_ms(11_000);
    assert_eq!((shop.status(&first), shop.seat(1), shop.status(&second)), ("EXPIRED", "AVAILABLE", "HELD"));
    assert_eq!((shop.read(reservation::SEATS_EXPIRED).len(), shop.notices("RESERVATION_EXPIRED").len()), (1, 1));
    shop.check();
    // The next one comes within a hold's time and the grace after the deadline, whatever crashed meanwhile; who is paying stays.
    shop.driver.crash();
    shop.driver.wipe_disk();
    shop.driver.start();
    shop.driver.settle();
    shop.clock_to(shop.expires_ms(&second) + HOLD_MS + 60_100);
    shop.driver.settle();
    shop.driver.advance_ms(50);
    assert_eq!((shop.status(&second), shop.status(&paying)), ("EXPIRED", "PAYING"));
    shop.wallet(|_| "INSUFFICIENT_POINTS");
    assert_eq!(shop.status(&paying), "EXPIRED");
    shop.check();
    // Nothing is held, so in the end nothing is swept: a sweep that is put back, or one made up, changes nothing.
    shop.driver.advance_ms(400_000);
    shop.driver.advance_ms(400_000);
    assert!(Books::load(&shop.task()).unwrap().sweeps.is_empty());
    let held = shop.hold("u", 1);
    let sweeps = shop.read(reservation::INBOX).into_iter().filter(|record| record["type"] == "sweep");
    for sweep in sweeps.collect::<Vec<_>>() {
        shop.append(Shop::place(), sweep.to_string().as_bytes());
    }
    shop.driver.settle();
    assert_eq!((shop.status(&held), Books::load(&shop.task()).unwrap().sweeps.len()), ("HELD", 1));
    assert!(shop.dead_letters().is_empty());
    shop.check();
}

#[test]
fn a_big_house_is_swept_bit_by_bit() {
    let limits = Settings { seats_per_user_max: u32::MAX, open_holds_max: u32::MAX, ..Settings::default() };
    let mut shop = Shop::of(&[reservation::topology(&limits)]);
    let schedule_id = (0..).map(|n| format!("big-{n}")).find(|id| place_of(id.as_bytes(), PLACES) == Shop::place());
    let schedule_id = schedule_id.unwrap();
    let create = CreateSchedule {
        schedule_id: schedule_id.clone(),
        concert_title: "t".to_owned(),
        seats: Seats::Block { count: 3_000, price: 1 },
        ..CreateSchedule::default()
    };
    shop.ask(Command::CreateSchedule(create));
    for seat_no in 1..=2_500 {
        let seat_no = seat_no.to_string();
        shop.send(Command::Hold(Hold { user_id: "u".to_owned(), schedule_id: schedule_id.clone(), seat_no }));
    }
    shop.driver.settle();
    let held = |shop: &Shop| view::schedule(&shop.task(), &schedule_id).unwrap().unwrap().temporary_reserved;
    assert_eq!(held(&shop), 2_500);
    shop.driver.advance_ms(361_000);
    shop.driver.advance_ms(1_000);
    assert_eq!((held(&shop), shop.read(reservation::SEATS_EXPIRED).len()), (0, 2_500));
    assert!(shop.read(reservation::INBOX).iter().filter(|record| record["type"] == "sweep").count() >= 3);
    shop.check();
}

#[test]
fn a_ms_before_the_deadline_nothing_is_over() {
    let mut shop = Shop::open();
    let id = shop.hold("u", 1);
    // Both in the log in the last ms, the deadline's command first.
    shop.driver.crash();
    shop.clock_to(shop_expires(&shop.driver) - 1);
    shop.send(expire(&id));
    let request = shop.send(pay(&id, 50_000));
    shop.driver.start();
    shop.driver.settle();
    assert_eq!((shop.outcome(&request).code, shop.status(&id)), (None, "PAYING"));
    shop.check();
}

#[test]
fn a_deadline_that_came_too_early_comes_again() {
    // Without the topology that keeps deadlines: there is nothing but the early command, as a clock that is ahead sends it.
    let mut shop = Shop::of(&[reservation::topology(&Settings::default())]);
    let id = shop.hold("u", 1);
    let expires_ms = shop.expires_ms(&id);
    shop.clock_to(expires_ms - 2_000);
    shop.send(expire(&id));
    shop.driver.settle();
    shop.driver.restart();
    shop.clock_to(expires_ms + 1_000);
    shop.driver.settle();
    assert_eq!(shop.status(&id), "HELD");
    // As late as it was early: by a clock that is so much ahead this is the deadline.
    shop.driver.advance_ms(1_050);
    assert_eq!(shop.status(&id), "EXPIRED");
    shop.check();
}

#[test]
fn a_deadline_that_came_too_early_while_the_wallet_decided_comes_again() {
    let mut shop = Shop::of(&[reservation::topology(&Settings::default())]);
    let id = shop.hold("u", 1);
    let expires_ms = shop.expires_ms(&id);
    shop.send(pay(&id, 50_000));
    shop.clock_to(expires_ms - 2_000);
    // A clock that is ahead sends the one command there will be for this deadline.
    shop.send(expire(&id));
    shop.driver.settle();
    assert_eq!(shop.status(&id), "PAYING");
    shop.wallet(|_| "INSUFFICIENT_POINTS");
    assert_eq!(shop.status(&id), "HELD");
    shop.driver.advance_ms(4_100);
    assert_eq!(shop.status(&id), "EXPIRED");
    shop.check();
}

#[test]
fn five_hundred_ask_for_one_seat_and_the_first_gets_it() {
    let mut shop = Shop::open();
    let ids: Vec<String> = (0..500).map(|user| shop.send(hold(&format!("user-{user}"), 7))).collect();
    shop.driver.settle();
    assert_eq!(shop.outcome(&ids[0]).status, "SUCCESS");
    for id in &ids[1..] {
        assert_eq!(shop.outcome(id).code, Some("SEAT_ALREADY_RESERVED"));
    }
    assert_eq!((shop.schedule().temporary_reserved, shop.schedule().available), (1, 49));
    assert_eq!(shop.read(reservation::EXPIRATIONS).len(), 1);
    shop.check();
}

#[test]
fn the_same_wish_is_the_same_hold_and_there_are_limits() {
    let mut shop = Shop::open();
    let id = shop.hold("u", 1);
    assert_eq!(shop.hold("u", 1), id);
    for seat_no in 2..=4 {
        shop.hold("u", seat_no);
    }
    assert_eq!(shop.code(hold("u", 5)), "SEAT_LIMIT_EXCEEDED");
    assert_eq!(shop.hold("u", 1), id);
    assert_eq!(shop.code(hold("u", 51)), "SEAT_NOT_FOUND");
    assert_eq!(shop.code(hold("u", 0)), "SEAT_NOT_FOUND");
    assert_eq!(shop.code(hold(" ", 9)), "USER_ID_REQUIRED");
    let elsewhere = (0..).map(|n| format!("none-{n}")).find(|id| place_of(id.as_bytes(), PLACES) == Shop::place());
    let none = Hold { user_id: "u".to_owned(), schedule_id: elsewhere.unwrap(), seat_no: "1".to_owned() };
    assert_eq!(shop.code(Command::Hold(none)), "SCHEDULE_NOT_FOUND");

    // Given back, it is anybody's; and somebody else gives nothing back.
    assert_eq!(shop.code(release(&id, "v")), "RESERVATION_NOT_FOUND");
    assert_eq!(shop.code(release(&id, "u")), "SUCCESS");
    assert_eq!(shop.code(release(&id, "u")), "SUCCESS");
    assert_eq!((shop.status(&id), shop.seat(1)), ("CANCELLED", "AVAILABLE"));
    shop.hold("v", 1);
    assert_eq!(shop.code(release("res_789", "u")), "RESERVATION_NOT_FOUND");
    shop.check();
}

#[test]
fn a_retry_gets_its_outcome_and_another_command_under_the_same_id_none() {
    let mut shop = Shop::open();
    let json = Message::new("mine", hold("u", 1)).to_json();
    shop.append(Shop::place(), &json);
    shop.append(Shop::place(), &json);
    shop.append(Shop::place(), &Message::new("mine", hold("v", 2)).to_json());
    shop.driver.settle();
    assert_eq!(shop.read(reservation::EXPIRATIONS).len(), 1);
    assert_eq!(shop.dead_letters()[0].header(header::CLASS).as_deref(), Some("RequestIdReused"));
    let first = shop.outcome("mine");
    shop.driver.restart();
    // When the hold is long over, the retry still gets the first outcome.
    shop.driver.advance_ms(400_000);
    shop.append(Shop::place(), &json);
    shop.driver.settle();
    assert_eq!(shop.outcome("mine"), first);
    assert_eq!((shop.seat(1), shop.seat(2)), ("AVAILABLE", "AVAILABLE"));
    shop.check();
}

#[test]
fn a_paid_seat_is_sold_and_everybody_hears_of_it_once() {
    let mut shop = Shop::open();
    let id = shop.hold("user_123", 1);
    let outcome = shop.ask(pay(&id, 50_000));
    let payment_id = outcome.payment_id.unwrap();
    assert_eq!((outcome.status, shop.status(&id)), ("SUCCESS", "PAYING"));
    let debit = &shop.driver.read(reservation::PAYMENTS)[0];
    assert_eq!((debit.key(), debit.partition), ("user_123".to_owned(), place_of(b"user_123", PLACES)));
    assert_eq!(
        serde_json::from_str::<Value>(&debit.text()).unwrap(),
        json!({
            "type": "debit", "requestId": payment_id, "paymentId": payment_id, "reservationId": id, "scheduleId": SCHEDULE, "userId": "user_123",
            "seatNo": 1, "price": 50000, "amount": 50000, "discount": null, "replyPlace": Shop::place(), "concertTitle": "아이유 콘서트", "requestedAt": null
        })
    );
    // Another payment is told which came first; the seat is not released while the wallet decides, deadline or not.
    let second = shop.ask(pay(&id, 50_000));
    assert_eq!((second.code, second.payment_id.as_ref()), (Some("PAYMENT_CONFLICT"), Some(&payment_id)));
    assert_eq!(shop.code(release(&id, "user_123")), "PAYMENT_IN_PROGRESS");
    shop.driver.advance_ms(400_000);
    assert_eq!((shop.status(&id), shop.seat(1)), ("PAYING", "TEMPORARY_RESERVED"));
    for _ in 0..3 {
        shop.wallet(|_| "DEBITED");
    }
    assert_eq!((shop.status(&id), shop.seat(1)), ("CONFIRMED", "RESERVED"));
    let confirmed = shop.read(reservation::CONFIRMED);
    assert_eq!(
        (confirmed.len(), &confirmed[0]["paymentId"], &confirmed[0]["amount"], &confirmed[0]["concertTitle"]),
        (1, &json!(payment_id), &json!(50_000), &json!("아이유 콘서트"))
    );
    let notice = ("user_123".to_owned(), "아이유 콘서트 예약이 확정되었습니다.".to_owned());
    assert_eq!(shop.notices("PAYMENT_CONFIRMED"), [notice]);
    assert!(shop.notices("RESERVATION_EXPIRED").is_empty());
    assert_eq!(shop.read(reservation::RANKING).len(), 1);
    let payment = view::payment(&shop.task(), &payment_id).unwrap().unwrap();
    assert_eq!((payment.status, payment.is_decided()), ("SUCCESS", true));
    assert_eq!(shop.code(pay(&id, 50_000)), "PAYMENT_CONFLICT");
    shop.check();
}

#[test]
fn payment_and_deadline_are_judged_by_the_time_of_the_record() {
    for (offset_ms, expected) in [(-1, "SUCCESS"), (0, "RESERVATION_EXPIRED"), (1, "RESERVATION_EXPIRED")] {
        let mut shop = Shop::open();
        let id = shop.hold("u", 1);
        // The payment is in the log before anything is stepped: it is processed late, and was appended when it was.
        shop.driver.crash();
        shop.clock_to(shop_expires(&shop.driver) + offset_ms);
        let request = shop.send(pay(&id, 50_000));
        shop.clock_to(shop.now_ms() + 5_000);
        shop.driver.start();
        shop.driver.settle();
        shop.driver.advance_ms(50);
        assert_eq!(shop.outcome(&request).code.unwrap_or("SUCCESS"), expected, "{offset_ms}");
        let asked = shop.read(reservation::PAYMENTS).len();
        assert_eq!((asked, shop.status(&id)), if offset_ms < 0 { (1, "PAYING") } else { (0, "EXPIRED") });
        shop.check();
    }
}

/// The only deadline there is.
fn shop_expires(driver: &TestDriver) -> i64 {
    let record: Value = serde_json::from_str(&driver.read(reservation::EXPIRATIONS)[0].text()).unwrap();
    rfc3339::parse(record["payload"]["expiresAt"].as_str().unwrap()).unwrap()
}

#[test]
fn a_refused_debit_leads_back_to_the_deadline_that_always_was() {
    let mut shop = Shop::open();
    let id = shop.hold("u", 1);
    let expires_ms = shop.expires_ms(&id);
    assert_eq!(shop.code(pay(&id, 1)), "AMOUNT_MISMATCH");
    assert_eq!(shop.code(pay(&id, 50_000)), "SUCCESS");
    shop.wallet(|_| "INSUFFICIENT_POINTS");
    assert_eq!((shop.status(&id), shop.expires_ms(&id)), ("HELD", expires_ms));

    // Refused again after the deadline: over at once, one notice.
    let outcome = shop.ask(pay(&id, 50_000));
    assert_eq!(outcome.status, "SUCCESS");
    shop.driver.advance_ms(400_000);
    assert_eq!(shop.status(&id), "PAYING");
    shop.wallet(|_| "INSUFFICIENT_POINTS");
    shop.driver.advance_ms(1_000);
    assert_eq!((shop.status(&id), shop.seat(1)), ("EXPIRED", "AVAILABLE"));
    assert_eq!(shop.notices("RESERVATION_EXPIRED").len(), 1);
    let payment = view::payment(&shop.task(), &outcome.payment_id.unwrap()).unwrap().unwrap();
    assert_eq!((payment.status, payment.code.as_deref()), ("FAILED", Some("INSUFFICIENT_POINTS")));
    shop.check();
}

#[test]
fn a_wallet_that_pays_after_it_has_refused_gets_its_money_back_once() {
    let mut shop = Shop::open();
    let id = shop.hold("u", 1);
    shop.ask(pay(&id, 50_000));
    shop.wallet(|_| "REFUSED");
    assert_eq!(shop.status(&id), "HELD");
    for _ in 0..3 {
        shop.wallet(|_| "DEBITED");
    }
    assert_eq!(shop.status(&id), "HELD");
    let requests = shop.read(reservation::PAYMENTS);
    assert_eq!(requests.iter().map(|r| r["type"].as_str().unwrap()).collect::<Vec<_>>(), ["debit", "refund"]);
    assert_eq!(requests[1]["reason"], "NOT_CONFIRMED");
    assert_eq!(shop.notices("REFUNDED"), [("u".to_owned(), "아이유 콘서트 50000원이 환불되었습니다.".to_owned())]);
    shop.check();
}

#[test]
fn a_payment_id_is_debited_once() {
    let mut shop = Shop::open();
    let id = shop.hold("u", 1);
    let payment_id = ids::payment(Shop::place(), "abc");
    let named = |payment_id: &str, amount| {
        let payment_id = Some(payment_id.to_owned());
        Command::Pay(Pay { reservation_id: id.clone(), payment_id, amount, ..Pay::default() })
    };
    assert_eq!(shop.code(named("pay_123", 50_000)), "INVALID_PAYMENT_ID");
    assert_eq!(shop.code(named(&payment_id, 50_000)), "SUCCESS");
    assert_eq!(shop.code(named(&payment_id, 50_000)), "SUCCESS");
    shop.wallet(|_| "INSUFFICIENT_POINTS");
    // The wallet has answered for this id: it would not answer again.
    assert_eq!(shop.code(named(&payment_id, 50_000)), "SUCCESS");
    assert_eq!((shop.read(reservation::PAYMENTS).len(), shop.status(&id)), (1, "HELD"));
    // Coupons are asked elsewhere: what cannot be one is known here.
    for coupon_id in ["cpn_0_1", "cpn_3_1_1", "x"] {
        let coupon_id = Some(coupon_id.to_owned());
        let wish = Pay { reservation_id: id.clone(), amount: 50_000, coupon_id, ..Pay::default() };
        assert_eq!(shop.code(Command::Pay(wish)), "COUPON_NOT_FOUND");
    }
    shop.check();
}

#[test]
fn a_cancelled_reservation_gives_the_money_back_once() {
    let mut shop = Shop::open();
    let id = shop.hold("u", 1);
    shop.ask(pay(&id, 50_000));
    shop.wallet(|_| "DEBITED");
    assert_eq!(shop.code(release(&id, "u")), "RESERVATION_ALREADY_CONFIRMED");
    assert_eq!(shop.code(cancel(&id, "v")), "RESERVATION_NOT_FOUND");
    let outcome = shop.ask(cancel(&id, "u"));
    assert_eq!((outcome.status, shop.status(&id), shop.seat(1)), ("SUCCESS", "CANCELLED", "AVAILABLE"));
    assert_eq!(shop.code(cancel(&id, "u")), "SUCCESS");
    let refunds: Vec<Value> =
        shop.read(reservation::PAYMENTS).into_iter().filter(|request| request["type"] == "refund").collect();
    let payment_id = outcome.payment_id.unwrap();
    assert_eq!(
        refunds,
        [json!({
            "type": "refund", "requestId": format!("ref_{payment_id}"), "paymentId": payment_id, "reservationId": id, "userId": "u",
            "amount": 50000, "fee": 0, "reason": "CANCELLED", "replyPlace": Shop::place()
        })]
    );
    shop.wallet(|_| "DEBITED");
    shop.wallet(|_| "DEBITED");
    assert_eq!(shop.status(&id), "REFUNDED");
    assert_eq!(shop.notices("REFUNDED").len(), 1);
    assert!(view::payment(&shop.task(), &payment_id).unwrap().unwrap().refunded);
    shop.check();
}

#[test]
fn a_refused_refund_is_told_and_may_be_paid_yet() {
    let mut shop = Shop::open();
    let id = shop.hold("u", 1);
    shop.ask(pay(&id, 50_000));
    shop.wallet(|_| "DEBITED");
    let payment_id = shop.ask(cancel(&id, "u")).payment_id.unwrap();
    let refund = shop.read(reservation::PAYMENTS).into_iter().find(|request| request["type"] == "refund").unwrap();
    let told = |result: &str| {
        let mut told = answer(&refund, "");
        told["result"] = json!(result);
        told["reason"] = if result == "REFUSED" { json!("SYSTEM_ERROR") } else { Value::Null };
        told.to_string()
    };
    let status = |shop: &Shop| {
        let payment = view::payment(&shop.task(), &payment_id).unwrap().unwrap();
        (shop.status(&id), payment.refund_status, payment.refund_code)
    };
    assert_eq!(status(&shop), ("CANCELLED", Some("REQUESTED"), None));
    for _ in 0..2 {
        shop.append(Shop::place(), told("REFUSED").as_bytes());
        shop.driver.restart();
        assert_eq!(status(&shop), ("CANCELLED", Some("FAILED"), Some("SYSTEM_ERROR".to_owned())));
    }
    let notice = ("u".to_owned(), "아이유 콘서트 환불이 지연되고 있습니다. 확인 후 처리해 드리겠습니다.".to_owned());
    assert_eq!(shop.notices("REFUND_FAILED"), [notice]);
    shop.check();
    // An operator has put it back, and it was paid; the refusal comes once more, late.
    for result in ["REFUNDED", "REFUNDED", "REFUSED"] {
        shop.append(Shop::place(), told(result).as_bytes());
        shop.driver.settle();
        assert_eq!(status(&shop), ("REFUNDED", Some("COMPLETED"), None));
    }
    assert_eq!((shop.notices("REFUNDED").len(), shop.notices("REFUND_FAILED").len()), (1, 1));
    assert!(shop.dead_letters().is_empty());
    shop.check();
}

#[test]
fn a_cancelled_schedule_returns_everything_at_a_bounded_rate() {
    let settings = Settings { cancel_batch_max: 2, cancel_pause_ms: 1_000, ..Settings::default() };
    let mut shop = Shop::with(&settings);
    let held: Vec<String> = (1..=5).map(|seat| shop.hold(&format!("user-{seat}"), seat)).collect();
    for id in &held[..3] {
        shop.ask(pay(id, 50_000));
    }
    // One is paid, two are being paid, two are held.
    let first = held[0].clone();
    let request = shop.read(reservation::PAYMENTS).into_iter().find(|r| r["reservationId"] == *first).unwrap();
    shop.append(Shop::place(), answer(&request, "DEBITED").to_string().as_bytes());
    shop.driver.settle();
    let wish = || Command::CancelSchedule(CancelSchedule { schedule_id: SCHEDULE.to_owned() });
    assert_eq!(shop.code(wish()), "SUCCESS");
    assert_eq!(shop.code(wish()), "SUCCESS");
    let live = |shop: &Shop| shop.schedule().temporary_reserved + shop.schedule().reserved;
    assert_eq!((live(&shop), shop.schedule().cancelled), (3, true));
    assert_eq!(shop.code(hold("late", 9)), "SCHEDULE_CANCELLED");
    assert_eq!(shop.code(pay(&held[4], 50_000)), "SCHEDULE_CANCELLED");
    shop.driver.restart();
    shop.driver.advance_ms(1_000);
    assert_eq!(live(&shop), 1);
    shop.driver.advance_ms(1_000);
    assert_eq!(live(&shop), 0);
    assert_eq!(shop.notices("RESERVATION_CANCELLED").len(), 5);
    // Money that is debited now comes back; what is refused needs nothing.
    let third = held[2].clone();
    for _ in 0..3 {
        let third = third.clone();
        shop.wallet(move |request| if request["reservationId"] == *third { "REFUSED" } else { "DEBITED" });
    }
    let reasons: BTreeMap<String, String> = shop
        .read(reservation::PAYMENTS)
        .iter()
        .filter(|request| request["type"] == "refund")
        .map(|r| (r["reservationId"].as_str().unwrap().to_owned(), r["reason"].as_str().unwrap().to_owned()))
        .collect();
    let expected = [(&held[0], "SCHEDULE_CANCELLED"), (&held[1], "NOT_CONFIRMED")];
    assert_eq!(reasons, expected.map(|(id, reason)| (id.clone(), reason.to_owned())).into());
    let statuses: Vec<&str> = held.iter().map(|id| shop.status(id)).collect();
    assert_eq!(statuses, ["REFUNDED", "REFUNDED", "CANCELLED", "CANCELLED", "CANCELLED"]);
    shop.check();
}

#[test]
fn a_record_in_a_foreign_place_finds_its_own() {
    let mut shop = Shop::open();
    let away = (Shop::place() + 1) % PLACES;
    shop.append(away, &Message::new("astray", hold("u", 1)).to_json());
    shop.driver.settle();
    let id = shop.outcome("astray").reservation_id.unwrap();
    assert_eq!(ids::parse_reservation(&id).map(|(place, _)| place), Some(Shop::place()));
    shop.append(away, &Message::new("pays", pay(&id, 50_000)).to_json());
    shop.driver.settle();
    assert_eq!(shop.outcome("pays").status, "SUCCESS");
    shop.append(away, &Message::new("made-up", release("res_99_1", "u")).to_json());
    shop.driver.settle();
    let elsewhere = shop.driver.queries().task(reservation::NAME, away).unwrap();
    let outcome = view::command(&elsewhere, "made-up").unwrap().unwrap();
    assert_eq!(outcome.code, Some("RESERVATION_NOT_FOUND"));
    // A deadline whose producer has placed it by its key.
    let out = shop.driver.read(reservation::EXPIRATIONS)[0].text();
    let record = NewRecord {
        topic: expiration::INBOX,
        partition: away,
        key: Some(id.as_bytes()),
        value: Some(out.as_bytes()),
        headers: &[],
    };
    shop.driver.append(&record);
    shop.driver.settle();
    assert!(shop.dead_letters().is_empty() && shop.driver.read(expiration::DEAD_LETTERS).is_empty());
    shop.check();
}

#[test]
fn what_cannot_be_read_goes_to_the_dead_letters_and_holds_nothing_up() {
    let mut shop = Shop::open();
    let cases: [(&str, &str); 7] = [
        ("not json", "InvalidJson"),
        ("[]", "InvalidField"),
        ("{}", "MissingField"),
        (r#"{"type":"explode"}"#, "UnknownType"),
        (r#"{"type":"hold","userId":"u","scheduleId":"s"}"#, "MissingField"),
        (r#"{"type":"expire","reservationId":"res_789"}"#, "UnknownReservation"),
        (
            r#"{"type":"settled","paymentId":"pay_1","reservationId":"res_789","result":"DEBITED","amount":1}"#,
            "UnexpectedAnswer",
        ),
    ];
    for (value, _) in cases {
        shop.append(Shop::place(), value.as_bytes());
    }
    shop.hold("u", 1);
    let classes: Vec<Option<String>> = shop.dead_letters().iter().map(|out| out.header(header::CLASS)).collect();
    assert_eq!(classes, cases.map(|(_, class)| Some(class.to_owned())));
    for value in ["{", r#"{"payload":{"reservationId":"res_789","expiresAt":"2026-02-28T14:06:00.000Z"}}"#] {
        shop.driver.pipe(expiration::INBOX, None, value);
    }
    shop.driver.settle();
    let dead = shop.driver.read(expiration::DEAD_LETTERS);
    let classes: Vec<Option<String>> = dead.iter().map(|out| out.header(header::CLASS)).collect();
    assert_eq!(classes, ["InvalidJson", "UnknownReservation"].map(|class| Some(class.to_owned())));
    shop.check();
}

#[test]
fn a_hold_is_extended_where_that_is_the_policy() {
    let extend = |id: &str, user_id: &str| {
        Command::Extend(Extend { reservation_id: id.to_owned(), user_id: user_id.to_owned() })
    };
    let mut shop = Shop::open();
    let id = shop.hold("u", 1);
    assert_eq!(shop.code(extend(&id, "u")), "HOLD_NOT_EXTENDABLE");
    let mut shop = Shop::with(&Settings { extend_ms: 60_000, ..Settings::default() });
    let id = shop.hold("u", 1);
    let expires_ms = shop.expires_ms(&id);
    assert_eq!(shop.code(extend(&id, "v")), "RESERVATION_NOT_FOUND");
    assert_eq!(shop.code(extend(&id, "u")), "SUCCESS");
    assert_eq!(shop.code(extend(&id, "u")), "HOLD_NOT_EXTENDABLE");
    assert_eq!(shop.expires_ms(&id), expires_ms + 60_000);
    shop.clock_to(expires_ms + 50);
    shop.driver.settle();
    assert_eq!(shop.status(&id), "HELD");
    shop.driver.advance_ms(60_000);
    assert_eq!(shop.status(&id), "EXPIRED");
    shop.check();
}

#[test]
fn seats_may_have_prices_of_their_own() {
    let mut shop = Shop::open();
    let schedule_id = (0..).map(|n| format!("vip-{n}")).find(|id| place_of(id.as_bytes(), PLACES) == Shop::place());
    let schedule_id = schedule_id.unwrap();
    let seat = |seat_no: &str, price| PricedSeat { seat_no: seat_no.to_owned(), price };
    let create = CreateSchedule {
        schedule_id: schedule_id.clone(),
        concert_title: "t".to_owned(),
        seats: Seats::Each(vec![seat("3", 0), seat("8", 9_000)]),
        ..CreateSchedule::default()
    };
    assert_eq!(shop.code(Command::CreateSchedule(create.clone())), "SUCCESS");
    assert_eq!(shop.code(Command::CreateSchedule(create.clone())), "SUCCESS");
    let other = CreateSchedule { concert_title: "other".to_owned(), ..create };
    assert_eq!(shop.code(Command::CreateSchedule(other)), "SCHEDULE_ALREADY_EXISTS");
    let mut hold = |seat_no: &str| {
        let wish = Hold { user_id: "u".to_owned(), schedule_id: schedule_id.clone(), seat_no: seat_no.to_owned() };
        shop.ask(Command::Hold(wish))
    };
    assert_eq!(hold("1").code, Some("SEAT_NOT_FOUND"));
    let free = hold("3").reservation_id.unwrap();
    hold("8");
    let seats = view::seats(&shop.task(), &schedule_id).unwrap().unwrap();
    assert_eq!(seats.iter().map(|seat| (seat.seat_no, seat.price)).collect::<Vec<_>>(), [(3, 0), (8, 9_000)]);
    // Nothing is a price, too.
    assert_eq!(shop.code(pay(&free, 0)), "SUCCESS");
    shop.wallet(|_| "DEBITED");
    assert_eq!(shop.status(&free), "CONFIRMED");
    shop.check();
}

#[test]
fn a_lost_answer_to_a_commit_holds_and_expires_nothing_twice() {
    for fault in [Fault::LostAnswer, Fault::LostRequest, Fault::Retry] {
        let mut shop = Shop::open();
        for seat in 1..=50 {
            shop.send(hold(&format!("user-{seat}"), seat));
        }
        shop.driver.log().inject(fault);
        shop.driver.settle();
        assert_eq!((shop.schedule().temporary_reserved, shop.read(reservation::EXPIRATIONS).len()), (50, 50));
        shop.driver.log().inject(fault);
        shop.driver.advance_ms(300_000);
        shop.driver.advance_ms(1_000);
        assert_eq!((shop.schedule().available, shop.read(reservation::SEATS_EXPIRED).len()), (50, 50), "{fault:?}");
        assert_eq!(shop.notices("RESERVATION_EXPIRED").len(), 50);
        shop.check();
    }
}

/// What a random customer, wallet or clock does next.
#[derive(Debug, Clone)]
enum Act {
    Hold(u8, u64),
    Pay(usize, bool),
    Release(usize, u8),
    Cancel(usize, u8),
    Expire(usize),
    Again(usize),
    Wallet(bool),
    Wait(u64),
    Restart,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        5 => (0u8..4, 1u64..4).prop_map(|(user, seat)| Act::Hold(user, seat)),
        3 => (0usize..8, proptest::bool::weighted(0.9)).prop_map(|(nth, right)| Act::Pay(nth, right)),
        1 => (0usize..8, 0u8..4).prop_map(|(nth, user)| Act::Release(nth, user)),
        1 => (0usize..8, 0u8..4).prop_map(|(nth, user)| Act::Cancel(nth, user)),
        1 => (0usize..8).prop_map(Act::Expire),
        1 => (0usize..30).prop_map(Act::Again),
        2 => any::<bool>().prop_map(Act::Wallet),
        3 => (0u64..200_000).prop_map(Act::Wait),
        1 => Just(Act::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens in whatever order: the books are right after each act, each seat has one live owner, who holds first has it, no hold ends early and
    /// none outlives its deadline unless it is being paid. Said by the records that went out, not by the rows that were written.
    #[test]
    fn any_history_keeps_the_promises(acts in proptest::collection::vec(act(), 1..40)) {
        let mut shop = Shop::open();
        let mut sent: Vec<Vec<u8>> = Vec::new();
        let mut reservations: Vec<String> = Vec::new();
        let user = |user: u8| format!("user-{user}");
        for act in acts {
            let nth = |nth: usize| reservations.get(nth % reservations.len().max(1)).cloned().unwrap_or("res_789".to_owned());
            let command = match act {
                Act::Hold(who, seat) => Some(hold(&user(who), seat)),
                Act::Pay(which, right) => Some(pay(&nth(which), if right { 50_000 } else { 1 })),
                Act::Release(which, who) => Some(release(&nth(which), &user(who))),
                Act::Cancel(which, who) => Some(cancel(&nth(which), &user(who))),
                Act::Expire(which) if !reservations.is_empty() => {
                    shop.send(expire(&nth(which)));
                    None
                }
                Act::Again(which) if !sent.is_empty() => {
                    let again = sent[which % sent.len()].clone();
                    let outputs = shop.sent();
                    shop.append(Shop::place(), &again);
                    shop.driver.settle();
                    // A few ms pass, so something else may fall due; but no command has a second effect.
                    let kinds = |outs: &[Out]| outs.iter().filter(|out| {
                        out.header("ce_type").is_some_and(|kind| kind == "payment.debit" || kind == reservation::facts::EXPIRATION)
                    }).count();
                    prop_assert_eq!(kinds(&outputs), kinds(&shop.sent()));
                    None
                }
                Act::Wallet(pays) => {
                    shop.wallet(|_| if pays { "DEBITED" } else { "INSUFFICIENT_POINTS" });
                    None
                }
                Act::Wait(ms) => {
                    shop.driver.advance_ms(ms);
                    None
                }
                Act::Restart => {
                    shop.driver.restart();
                    None
                }
                Act::Expire(_) | Act::Again(_) => None,
            };
            if let Some(command) = command {
                let is_hold = matches!(command, Command::Hold(_));
                let id = shop.send(command.clone());
                sent.push(Message::new(id.clone(), command).to_json());
                shop.driver.settle();
                let outcome = shop.outcome(&id);
                if let Some(reservation_id) = outcome.reservation_id.filter(|_| is_hold)
                    && !reservations.contains(&reservation_id)
                {
                    reservations.push(reservation_id);
                }
            }
            shop.driver.settle();
            shop.check();
            let books = Books::load(&shop.task()).unwrap();
            // A settled shop has done what was due: a few ms are the settling itself.
            prop_assert!(books.overdue_ms(shop.now_ms()).is_none_or(|late_ms| late_ms <= 20), "{:?}", books.overdue_ms(shop.now_ms()));
        }
        // At rest nothing is held or being paid for ever.
        shop.wallet(|_| "DEBITED");
        shop.driver.advance_ms(400_000);
        shop.wallet(|_| "DEBITED");
        shop.driver.advance_ms(1_000);
        let schedule = shop.schedule();
        prop_assert_eq!(schedule.temporary_reserved, 0);
        prop_assert_eq!(schedule.available + schedule.reserved, 50);
        let count = |topic: &str| shop.read(topic).len();
        let ended: Vec<&str> = reservations.iter().map(|id| shop.status(id)).collect();
        let of = |status: &str| ended.iter().filter(|s| **s == status).count();
        prop_assert_eq!(count(reservation::EXPIRATIONS), reservations.len());
        prop_assert_eq!(count(reservation::SEATS_EXPIRED), of("EXPIRED"));
        prop_assert_eq!(shop.notices("RESERVATION_EXPIRED").len(), of("EXPIRED"));
        // A debit that came too late goes back too, without there having been anything to confirm.
        let refunds = shop.read(reservation::PAYMENTS).into_iter().filter(|r| r["reason"] == "CANCELLED");
        let given_back: BTreeSet<String> = refunds.map(|r| r["reservationId"].as_str().unwrap().to_owned()).collect();
        let was_confirmed = |(id, status): (&String, &&str)| *status == "CONFIRMED" || *status == "REFUNDED" && given_back.contains(id);
        prop_assert_eq!(count(reservation::CONFIRMED), reservations.iter().zip(&ended).filter(|pair| was_confirmed(*pair)).count());
        for expired in shop.read(reservation::SEATS_EXPIRED) {
            let at = |field: &str| rfc3339::parse(expired[field].as_str().unwrap()).unwrap();
            prop_assert!(at("expiredAt") >= at("expiresAt"));
        }
        prop_assert!(shop.dead_letters().is_empty());
        shop.check();
    }
}
