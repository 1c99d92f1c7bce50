//! Seats, deadlines, wallets and coupons together in the real step: whole purchases, undisturbed, with crashes after few and many steps and an emptied disk in
//! between, and with every record a second time. What comes of them is the same.
#![expect(clippy::unwrap_used, reason = "a test's panic is its report")]

use holdfast_engine::ports::clock::Clock;
use holdfast_engine::ports::place::place_of;
use holdfast_engine::ports::record::NewRecord;
use holdfast_engine::queries::TaskView;
use holdfast_sim::TestDriver;
use holdfast_sim::driver::Out;
use holdfast_topologies::coupon::message::{Command as CouponCommand, CreatePolicy, IssueRequest};
use holdfast_topologies::payment::message::{Charge, Refund};
use holdfast_topologies::reservation::message::{
    Cancel, CancelSchedule, Command, CreateSchedule, Hold, Message, Pay, Seats,
};
use holdfast_topologies::{coupon, expiration, payment, reservation, rfc3339};
use serde_json::Value;
use std::collections::BTreeMap;

const PLACES: u32 = 3;
const PRICE: i64 = 50_000;
const SCHEDULE: &str = "schedule_456";

/// What goes wrong after each step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Nothing,
    /// The worker is gone after one step, after two more, after four more with its disk …
    Crashes,
    /// Every record that anybody has sent comes once more.
    Twice,
}

const TROUBLES: [Trouble; 3] = [Trouble::Nothing, Trouble::Crashes, Trouble::Twice];

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

struct Shop {
    driver: TestDriver,
    trouble: Trouble,
    asked: usize,
    /// Whether something is meant to be among the dead letters.
    is_buried: bool,
    /// Up to where each inbox has come twice.
    repeated: BTreeMap<(&'static str, u32), i64>,
    user: String,
    policy: String,
}

impl Shop {
    /// A shop in which `user` has one coupon of 15 %, at most 5,000 KRW, for orders from 10,000 KRW, and so much money.
    fn open(trouble: Trouble, balance: i64) -> Self {
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

    fn tell_wallet(&mut self, value: &[u8]) {
        let place = place_of(self.user.as_bytes(), PLACES);
        self.append(payment::INBOX, place, value);
        self.settle();
    }

    fn charge(&mut self, id: &str, amount: i64) {
        if amount > 0 {
            let user = self.user.clone();
            self.tell_wallet(&Charge::new(id, &user, amount, 0).to_json());
        }
    }

    /// Appends a command under a new id, and returns the id. Nothing is decided yet.
    fn send(&mut self, command: Command) -> String {
        self.asked += 1;
        let id = format!("r-{}", self.asked);
        let place = place_of(SCHEDULE.as_bytes(), PLACES);
        self.append(reservation::INBOX, place, &Message::new(id.clone(), command).to_json());
        id
    }

    fn ask(&mut self, command: Command) -> reservation::view::CommandView {
        let id = self.send(command);
        self.settle();
        self.outcome(&id)
    }

    fn outcome(&self, id: &str) -> reservation::view::CommandView {
        reservation::view::command(&self.seats(), id).unwrap().unwrap_or_else(|| panic!("{id} has no outcome"))
    }

    fn hold(&mut self, seat_no: u64) -> String {
        let wish = Hold { user_id: self.user.clone(), schedule_id: SCHEDULE.to_owned(), seat_no: seat_no.to_string() };
        let outcome = self.ask(Command::Hold(wish));
        outcome.reservation_id.unwrap_or_else(|| panic!("{:?}", outcome.code))
    }

    fn pay(&mut self, id: &str, amount: i64, coupon_id: Option<&str>) -> String {
        let outcome = self.ask(pay(id, amount, coupon_id));
        assert_eq!(outcome.status, "SUCCESS", "{outcome:?}");
        outcome.payment_id.unwrap()
    }

    fn cancel(&mut self, id: &str) {
        let wish = Cancel { reservation_id: id.to_owned(), user_id: self.user.clone() };
        assert_eq!(self.ask(Command::Cancel(wish)).status, "SUCCESS");
    }

    /// Everything that is due is done, whatever goes wrong meanwhile.
    fn settle(&mut self) {
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

    fn status(&self, id: &str) -> &'static str {
        reservation::view::reservation(&self.seats(), id).unwrap().unwrap().status
    }

    fn expires_ms(&self, id: &str) -> i64 {
        rfc3339::parse(&reservation::view::reservation(&self.seats(), id).unwrap().unwrap().expires_at).unwrap()
    }

    fn payment(&self, id: &str) -> reservation::view::PaymentView {
        reservation::view::payment(&self.seats(), id).unwrap().unwrap()
    }

    fn balance(&self) -> i64 {
        let place = place_of(self.user.as_bytes(), PLACES);
        let task = self.driver.queries().task(payment::NAME, place).unwrap();
        payment::view::balance(&task, &self.user).unwrap().balance
    }

    fn coupon_id(&self) -> String {
        format!("cpn_{}_{}_1", place_of(coupon::inbox_key(&self.policy).as_bytes(), PLACES), self.policy)
    }

    /// `ISSUED` or `USED`, and for which payment.
    fn coupon(&self) -> (&'static str, Option<String>) {
        let id = self.coupon_id();
        let task = self.driver.queries().task(coupon::NAME, coupon::coupon_place(&id).unwrap()).unwrap();
        let view = coupon::view::coupon(&task, &id).unwrap().unwrap();
        (view.status, view.order_id)
    }

    fn notices(&self, kind: &str) -> usize {
        let of = |out: &Out| serde_json::from_str::<Value>(&out.text()).unwrap()["payload"]["type"] == kind;
        self.driver.read(reservation::NOTIFICATIONS).iter().filter(|out| of(out)).count()
    }

    fn sent(&self, topic: &str, kind: &str) -> usize {
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
            let seats = reservation::invariants::Books::load(&task(reservation::NAME)).unwrap();
            seats.check().unwrap();
            payment::invariants::Books::load(&task(payment::NAME)).unwrap().check().unwrap();
            coupon::invariants::Books::load(&task(coupon::NAME)).unwrap().check().unwrap();
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

fn pay(id: &str, amount: i64, coupon_id: Option<&str>) -> Command {
    let (reservation_id, coupon_id) = (id.to_owned(), coupon_id.map(str::to_owned));
    Command::Pay(Pay { reservation_id, amount, coupon_id, ..Pay::default() })
}

#[test]
fn a_seat_is_paid_with_a_coupon_and_given_back() {
    for trouble in TROUBLES {
        let mut shop = Shop::open(trouble, 100_000);
        let id = shop.hold(1);
        let coupon = shop.coupon_id();
        let payment_id = shop.pay(&id, 45_000, Some(&coupon));
        assert_eq!((shop.status(&id), shop.balance()), ("CONFIRMED", 55_000), "{trouble:?}");
        assert_eq!(shop.coupon(), ("USED", Some(payment_id.clone())));
        let payment = shop.payment(&payment_id);
        assert_eq!(
            (payment.status, payment.amount, payment.coupon_id.as_deref(), payment.discount),
            ("SUCCESS", 45_000, Some(&*coupon), Some(5_000))
        );
        let confirmed: Value = serde_json::from_str(&shop.driver.read(reservation::CONFIRMED)[0].text()).unwrap();
        assert_eq!(confirmed["amount"], 45_000);

        // What was paid goes back, not what the seat costs; and the coupon.
        shop.cancel(&id);
        assert_eq!((shop.status(&id), shop.balance(), shop.coupon()), ("REFUNDED", 100_000, ("ISSUED", None)));
        let payment = shop.payment(&payment_id);
        assert_eq!((payment.refund_amount, payment.refund_status), (Some(45_000), Some("COMPLETED")));
        assert_eq!((shop.notices("PAYMENT_CONFIRMED"), shop.notices("REFUNDED")), (1, 1));
        let sent = |topic, kind| shop.sent(topic, kind);
        assert_eq!((sent(coupon::INBOX, "use-coupon"), sent(coupon::INBOX, "return-coupon")), (1, 1));
        assert_eq!((sent(payment::INBOX, "debit"), sent(payment::INBOX, "refund")), (1, 1));

        // It can be used again, for another payment.
        let again = shop.hold(1);
        let payment_id = shop.pay(&again, 45_000, Some(&coupon));
        assert_eq!((shop.status(&again), shop.coupon()), ("CONFIRMED", ("USED", Some(payment_id))));
    }
}

#[test]
fn a_refused_debit_gives_the_coupon_back() {
    for trouble in TROUBLES {
        let mut shop = Shop::open(trouble, 40_000);
        let id = shop.hold(1);
        let (coupon, expires_ms) = (shop.coupon_id(), shop.expires_ms(&id));
        let refused = shop.pay(&id, 45_000, Some(&coupon));
        let payment = shop.payment(&refused);
        assert_eq!((payment.status, payment.code.as_deref()), ("FAILED", Some("INSUFFICIENT_POINTS")), "{trouble:?}");
        assert_eq!((shop.status(&id), shop.expires_ms(&id), shop.coupon()), ("HELD", expires_ms, ("ISSUED", None)));
        shop.charge("more", 5_000);
        let paid = shop.pay(&id, 45_000, Some(&coupon));
        assert_eq!((shop.status(&id), shop.balance(), shop.coupon()), ("CONFIRMED", 0, ("USED", Some(paid))));
        assert_eq!(shop.payment(&refused).status, "FAILED");
    }
}

#[test]
fn an_offer_that_is_not_what_is_owed_gives_the_coupon_back() {
    for trouble in TROUBLES {
        let mut shop = Shop::open(trouble, 100_000);
        let (id, coupon) = (shop.hold(1), shop.coupon_id());
        for amount in [44_999, 45_001, 50_000, 0] {
            let payment_id = shop.pay(&id, amount, Some(&coupon));
            let payment = shop.payment(&payment_id);
            assert_eq!((payment.status, payment.code.as_deref()), ("FAILED", Some("AMOUNT_MISMATCH")), "{amount}");
            assert_eq!((shop.status(&id), shop.balance(), shop.coupon()), ("HELD", 100_000, ("ISSUED", None)));
        }
        assert_eq!(shop.ask(pay(&id, 50_001, Some(&coupon))).code, Some("AMOUNT_MISMATCH"));
        // And without a coupon the price is owed.
        assert_eq!(shop.ask(pay(&id, 45_000, None)).code, Some("AMOUNT_MISMATCH"));
        shop.pay(&id, 50_000, None);
        assert_eq!((shop.status(&id), shop.balance(), shop.coupon()), ("CONFIRMED", 50_000, ("ISSUED", None)));
        assert_eq!(shop.sent(payment::INBOX, "debit"), 1, "no wallet hears of a wrong offer");
    }
}

#[test]
fn a_coupon_is_used_for_one_payment() {
    for trouble in TROUBLES {
        let mut shop = Shop::open(trouble, 1_000_000);
        let (first, second, coupon) = (shop.hold(1), shop.hold(2), shop.coupon_id());
        // Both are in the log before anything is decided.
        shop.send(pay(&first, 45_000, Some(&coupon)));
        let late = shop.send(pay(&second, 45_000, Some(&coupon)));
        shop.settle();
        let payment = shop.payment(&shop.outcome(&late).payment_id.unwrap());
        assert_eq!((shop.status(&first), shop.status(&second)), ("CONFIRMED", "HELD"), "{trouble:?}");
        assert_eq!((payment.status, payment.code.as_deref()), ("FAILED", Some("COUPON_NOT_USABLE")));
        // One that was never issued, and one whose place is not its policy's.
        let away = (coupon::coupon_place(&coupon).unwrap() + 1) % PLACES;
        for coupon_id in [format!("{coupon}7"), format!("cpn_{away}_{}_1", shop.policy)] {
            let payment_id = shop.pay(&second, 45_000, Some(&coupon_id));
            let payment = shop.payment(&payment_id);
            assert_eq!((payment.status, payment.code.as_deref()), ("FAILED", Some("COUPON_NOT_FOUND")));
        }
        assert_eq!((shop.status(&second), shop.balance()), ("HELD", 955_000));
    }
}

#[test]
fn a_deadline_that_comes_while_the_coupon_or_the_wallet_decides() {
    for trouble in TROUBLES {
        for (balance, status) in [(100_000, "CONFIRMED"), (40_000, "EXPIRED")] {
            let mut shop = Shop::open(trouble, balance);
            let (id, coupon) = (shop.hold(1), shop.coupon_id());
            let expires_ms = shop.expires_ms(&id);
            // In the log in the last ms; all that follows comes after the deadline.
            shop.driver.crash();
            let wait_ms = u64::try_from(expires_ms - 1 - shop.driver.clock().now_ms()).unwrap();
            shop.driver.clock().advance_us(wait_ms * 1_000);
            let request = shop.send(pay(&id, 45_000, Some(&coupon)));
            shop.driver.clock().advance_us(10_000_000);
            shop.driver.start();
            shop.driver.settle();
            shop.settle();
            let payment_id = shop.outcome(&request).payment_id.unwrap();
            assert_eq!(shop.status(&id), status, "{trouble:?}");
            let is_paid = status == "CONFIRMED";
            assert_eq!(shop.balance(), if is_paid { 55_000 } else { 40_000 });
            assert_eq!(shop.coupon(), if is_paid { ("USED", Some(payment_id)) } else { ("ISSUED", None) });
            assert_eq!(shop.notices("RESERVATION_EXPIRED"), usize::from(!is_paid));
            assert_eq!(shop.driver.read(reservation::SEATS_EXPIRED).len(), usize::from(!is_paid));
        }
    }
}

#[test]
fn a_deadline_that_comes_before_the_coupon_has_refused_ends_the_hold() {
    for trouble in TROUBLES {
        let mut shop = Shop::open(trouble, 100_000);
        let (id, coupon) = (shop.hold(1), format!("{}7", shop.coupon_id()));
        let expires_ms = shop.expires_ms(&id);
        shop.driver.crash();
        let wait_ms = u64::try_from(expires_ms - 1 - shop.driver.clock().now_ms()).unwrap();
        shop.driver.clock().advance_us(wait_ms * 1_000);
        shop.send(pay(&id, 45_000, Some(&coupon)));
        shop.driver.clock().advance_us(10_000_000);
        shop.driver.start();
        shop.driver.settle();
        shop.settle();
        assert_eq!((shop.status(&id), shop.balance(), shop.notices("RESERVATION_EXPIRED")), ("EXPIRED", 100_000, 1));
    }
}

#[test]
fn a_schedule_that_is_cancelled_while_the_coupon_decides_takes_nothing() {
    for trouble in TROUBLES {
        let mut shop = Shop::open(trouble, 100_000);
        let (id, coupon) = (shop.hold(1), shop.coupon_id());
        let request = shop.send(pay(&id, 45_000, Some(&coupon)));
        shop.send(Command::CancelSchedule(CancelSchedule { schedule_id: SCHEDULE.to_owned() }));
        shop.settle();
        let payment = shop.payment(&shop.outcome(&request).payment_id.unwrap());
        assert_eq!((shop.status(&id), shop.balance(), shop.coupon()), ("CANCELLED", 100_000, ("ISSUED", None)));
        assert_eq!((payment.status, payment.code.as_deref()), ("FAILED", Some("RESERVATION_CANCELLED")), "{trouble:?}");
        assert_eq!((shop.sent(payment::INBOX, "debit"), shop.sent(coupon::INBOX, "return-coupon")), (0, 1));
    }
}

#[test]
fn a_schedule_that_is_cancelled_gives_back_what_was_paid_and_the_coupon() {
    for trouble in TROUBLES {
        let mut shop = Shop::open(trouble, 100_000);
        let (id, coupon) = (shop.hold(1), shop.coupon_id());
        shop.pay(&id, 45_000, Some(&coupon));
        shop.ask(Command::CancelSchedule(CancelSchedule { schedule_id: SCHEDULE.to_owned() }));
        assert_eq!((shop.status(&id), shop.balance(), shop.coupon()), ("REFUNDED", 100_000, ("ISSUED", None)));
        assert_eq!(shop.notices("RESERVATION_CANCELLED"), 1, "{trouble:?}");
    }
}

#[test]
fn a_refund_that_is_refused_is_told_and_waits_for_nobody() {
    for trouble in TROUBLES {
        let mut shop = Shop::open(trouble, 100_000);
        let (id, coupon) = (shop.hold(1), shop.coupon_id());
        let payment_id = shop.pay(&id, 45_000, Some(&coupon));
        // Somebody has given the money back by hand: the wallet does so once for each payment.
        let user = shop.user.clone();
        let by_hand = Refund {
            request_id: Some("by-hand".into()),
            payment_id: payment_id.as_str().into(),
            reservation_id: id.as_str().into(),
            user_id: user.as_str().into(),
            amount: 45_000,
            reason: "BY_HAND".into(),
            ..Refund::default()
        };
        shop.is_buried = true;
        shop.tell_wallet(&by_hand.to_json());
        assert_eq!((shop.status(&id), shop.balance()), ("CONFIRMED", 100_000));
        shop.cancel(&id);
        assert_eq!((shop.status(&id), shop.balance(), shop.coupon()), ("CANCELLED", 100_000, ("ISSUED", None)));
        let payment = shop.payment(&payment_id);
        assert_eq!(
            (payment.status, payment.refunded, payment.refund_status, payment.refund_code.as_deref()),
            ("CANCELLED", false, Some("FAILED"), Some("ALREADY_REFUNDED")),
            "{trouble:?}"
        );
        assert_eq!((shop.notices("REFUND_FAILED"), shop.notices("REFUNDED")), (1, 0));
        // The seat is free all the same.
        let again = shop.hold(1);
        assert_eq!(shop.status(&again), "HELD");
    }
}
