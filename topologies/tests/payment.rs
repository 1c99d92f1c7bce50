//! The payment topology in the real step: commits, restores and dead letters included.
#![expect(clippy::unwrap_used, reason = "a test's panic is its report")]

use holdfast_engine::codec;
use holdfast_engine::dead_letter::header;
use holdfast_engine::key::Key;
use holdfast_engine::ports::place::place_of;
use holdfast_engine::ports::record::NewRecord;
use holdfast_engine::queries::TaskView;
use holdfast_sim::TestDriver;
use holdfast_sim::driver::Out;
use holdfast_sim::memory_log::Fault;
use holdfast_topologies::payment::invariants::Books;
use holdfast_topologies::payment::ledger::LedgerRow;
use holdfast_topologies::payment::message::{Charge, Debit, Discount, Refund};
use holdfast_topologies::payment::row::WalletRow;
use holdfast_topologies::payment::view::{self, Cursor};
use holdfast_topologies::payment::{self, Settings, sample};
use holdfast_topologies::rfc3339;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const PLACES: u32 = 3;

/// A bank, and the words to talk to it.
struct Bank {
    driver: TestDriver,
}

fn home(user_id: &str) -> u32 {
    place_of(user_id.as_bytes(), PLACES)
}

fn debit<'a>(payment_id: &'a str, user_id: &'a str, price: i64) -> Debit<'a> {
    Debit {
        payment_id: payment_id.into(),
        reservation_id: format!("res_2_{payment_id}").into(),
        schedule_id: "schedule_456".into(),
        user_id: user_id.into(),
        seat_no: "7".into(),
        price,
        amount: price,
        discount: None,
        reply_place: 2,
    }
}

fn refund<'a>(payment_id: &'a str, user_id: &'a str, amount: i64, fee: i64) -> Refund<'a> {
    Refund {
        event_id: None,
        request_id: Some(format!("ref_{payment_id}").into()),
        payment_id: payment_id.into(),
        reservation_id: format!("res_2_{payment_id}").into(),
        user_id: user_id.into(),
        amount,
        fee,
        reason: "CANCELLED".into(),
        reply_place: 2,
    }
}

impl Bank {
    fn open() -> Self {
        let mut bank = Self { driver: TestDriver::new(&payment::topology(&Settings::default()), PLACES) };
        bank.driver.settle();
        bank
    }

    fn task(&self, user_id: &str) -> TaskView {
        self.driver.queries().task(payment::NAME, home(user_id)).unwrap()
    }

    fn append(&mut self, partition: u32, key: Option<&[u8]>, value: Option<&[u8]>, headers: &[(&str, &[u8])]) {
        self.driver.append(&NewRecord { topic: payment::INBOX, partition, key, value, headers });
    }

    fn pipe(&mut self, user_id: &str, json: &[u8]) {
        self.append(home(user_id), Some(user_id.as_bytes()), Some(json), &[]);
    }

    fn charge(&mut self, id: &str, user_id: &str, amount: i64) {
        self.pipe(user_id, &Charge::new(id, user_id, amount, 0).to_json());
    }

    fn pay(&mut self, payment_id: &str, user_id: &str, price: i64) {
        self.pipe(user_id, &debit(payment_id, user_id, price).to_json());
    }

    fn refund(&mut self, payment_id: &str, user_id: &str, amount: i64, fee: i64) {
        self.pipe(user_id, &refund(payment_id, user_id, amount, fee).to_json());
    }

    fn balance(&self, user_id: &str) -> i64 {
        view::balance(&self.task(user_id), user_id).unwrap().balance
    }

    fn charge_status(&self, id: &str, user_id: &str) -> (&'static str, Option<&'static str>) {
        let charge = view::charge(&self.task(user_id), id).unwrap().unwrap();
        (charge.outcome.status, charge.outcome.code)
    }

    fn refund_status(&self, id: &str, user_id: &str) -> (&'static str, Option<&'static str>) {
        let refund = view::refund(&self.task(user_id), id).unwrap().unwrap();
        (refund.outcome.status, refund.outcome.code)
    }

    fn read(&self, topic: &str) -> Vec<Value> {
        self.driver.read(topic).iter().map(|out| serde_json::from_str(&out.text()).unwrap()).collect()
    }

    /// Payment, result and balance of each reply to a debit.
    fn settled(&self) -> Vec<(String, String, i64)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        self.read(payment::REPLIES)
            .iter()
            .filter(|reply| reply["type"] == "settled")
            .map(|reply| (text(&reply["paymentId"]), text(&reply["result"]), reply["balanceAfter"].as_i64().unwrap()))
            .collect()
    }

    fn dead_letters(&self) -> Vec<Out> {
        self.driver.read(payment::DEAD_LETTERS)
    }

    fn books(&self) -> Vec<Books> {
        self.driver.queries().tasks(payment::NAME).iter().map(|task| Books::load(task).unwrap()).collect()
    }

    fn check(&self) {
        assert_eq!(self.books().len(), PLACES as usize);
        for books in self.books() {
            books.check().unwrap();
        }
    }

    /// Writes rows behind the bank's back: into the changelog, from which a new disk restores.
    fn put(&mut self, user_id: &str, wallet: WalletRow, ledger: LedgerRow) {
        self.driver.stop();
        let mut write = |store: u8, key: &str, value: Vec<u8>| {
            let mut bytes = vec![store];
            key.to_owned().encode(&mut bytes);
            self.driver.append(&NewRecord {
                topic: "sim-payment-changelog",
                partition: home(user_id),
                key: Some(&bytes),
                value: Some(&value),
                headers: &[],
            });
        };
        let (mut wallet_bytes, mut ledger_bytes) = (Vec::new(), Vec::new());
        codec::encode(&wallet, &mut wallet_bytes).unwrap();
        codec::encode(&ledger, &mut ledger_bytes).unwrap();
        write(payment::WALLETS.id().0, user_id, wallet_bytes);
        write(payment::LEDGER.id().0, payment::CURRENCY, ledger_bytes);
        self.driver.wipe_disk();
        self.driver.start();
        self.driver.settle();
    }

    /// Puts a dead letter back where it came from, as an operator does.
    fn redrive(&mut self, out: &Out) {
        let headers: Vec<(&str, &[u8])> = out
            .record
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_deref().unwrap_or_default()))
            .collect();
        self.append(out.partition, out.record.key.as_deref(), out.record.value.as_deref(), &headers);
        self.driver.settle();
    }
}

#[test]
fn a_payment_reads_as_promised() {
    let mut bank = Bank::open();
    for charge in sample::wallets() {
        bank.pipe(&charge.user_id, &charge.to_json());
    }
    // As the reservation writes it.
    let json = concat!(
        r#"{"type":"debit","requestId":"pay_2_9","paymentId":"pay_2_9","reservationId":"res_2_5","scheduleId":"schedule_456","#,
        r#""userId":"user_123","seatNo":7,"price":50000,"amount":45000,"discount":{"couponId":"cpn_0_1_1","amount":5000},"#,
        r#""replyPlace":2,"concertTitle":"아이유 콘서트","requestedAt":1773572400000}"#
    );
    let trace = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    bank.append(home("user_123"), Some(b"user_123"), Some(json.as_bytes()), &[("traceparent", trace)]);
    bank.driver.settle();
    let place = home("user_123");
    let view = view::payment(&bank.task("user_123"), "pay_2_9").unwrap().unwrap();
    let decided_at = view.outcome.decided_at.clone().unwrap();

    let reply = &bank.driver.read(payment::REPLIES)[0];
    assert_eq!(
        reply.text(),
        concat!(
            r#"{"type":"settled","requestId":"pay_2_9.settled","paymentId":"pay_2_9","reservationId":"res_2_5","scheduleId":"schedule_456","#,
            r#""userId":"user_123","result":"DEBITED","reason":null,"amount":45000,"balanceAfter":955000}"#
        )
    );
    // To the place that waits, wherever the schedule's key would go.
    assert_eq!((reply.partition, reply.key().as_str()), (2, "schedule_456"));
    let fact = &bank.driver.read(payment::COMPLETED)[0];
    assert_eq!((fact.partition, fact.key().as_str()), (place, "user_123"));
    let expected = json!({
        "eventId": "pay_2_9.completed", "eventType": "payment.completed", "eventTime": decided_at,
        "payload": {
            "paymentId": "pay_2_9", "userId": "user_123", "reservationId": "res_2_5", "seatId": "seat_schedule_456_7", "amount": 45000,
            "concertScheduleId": "schedule_456"
        }
    });
    assert_eq!(serde_json::from_str::<Value>(&fact.text()).unwrap(), expected);
    for (out, id, kind) in
        [(reply, "pay_2_9.settled", "payment.settled"), (fact, "pay_2_9.completed", "payment.completed")]
    {
        for (name, value) in [
            ("ce_id", id),
            ("ce_source", &*format!("/payment/{place}")),
            ("ce_type", kind),
            ("ce_time", &*decided_at),
            ("traceparent", std::str::from_utf8(trace).unwrap()),
        ] {
            assert_eq!(out.header(name).as_deref(), Some(value), "{name}");
        }
    }
    assert!(rfc3339::parse(&decided_at).is_some());
    assert_eq!((view.outcome.status, view.amount, view.discount), ("SUCCESS", 45_000, Some(5_000)));
    assert_eq!((bank.balance("user_123"), bank.balance("1100"), bank.balance("nobody")), (955_000, 1_000_000, 0));
    assert!(bank.dead_letters().is_empty());
    bank.check();

    // The sample again, as a second start appends it: nothing comes in twice.
    for charge in sample::wallets() {
        bank.pipe(&charge.user_id, &charge.to_json());
    }
    bank.driver.settle();
    assert_eq!((bank.balance("user_123"), bank.balance("user_test")), (955_000, 1_000_000));
    let charged: i64 = bank.books().iter().map(|books| -books.accounts().cash_in).sum();
    assert_eq!(charged, 102 * 1_000_000);
    bank.check();
}

#[test]
fn who_has_too_little_charges_and_pays_under_another_id() {
    let mut bank = Bank::open();
    bank.charge("c1", "u", 10_000);
    bank.pay("p1", "u", 10_001);
    bank.pay("p2", "nobody", 1);
    bank.charge("c2", "u", 1_000);
    // The same payment again has its outcome, however much there is now.
    bank.pay("p1", "u", 10_001);
    bank.pay("p3", "u", 10_001);
    bank.driver.settle();
    let mut settled = bank.settled();
    settled.sort();
    let of = |id: &str, result: &str, balance| (id.to_owned(), result.to_owned(), balance);
    assert_eq!(
        settled,
        [of("p1", "INSUFFICIENT_POINTS", 10_000), of("p2", "INSUFFICIENT_POINTS", 0), of("p3", "DEBITED", 999)]
    );
    let facts = bank.read(payment::COMPLETED);
    assert_eq!((facts.len(), &facts[0]["payload"]["paymentId"]), (1, &json!("p3")));
    bank.check();
}

#[test]
fn nothing_to_pay_is_a_payment() {
    let mut bank = Bank::open();
    let free = Debit {
        amount: 0,
        discount: Some(Discount { coupon_id: "cpn_0_1_1".into(), amount: 5_000 }),
        ..debit("p", "u", 5_000)
    };
    bank.pipe("u", &free.to_json());
    bank.refund("p", "u", 0, 0);
    bank.driver.settle();
    assert_eq!(bank.settled(), [("p".to_owned(), "DEBITED".to_owned(), 0)]);
    assert_eq!(bank.read(payment::COMPLETED)[0]["payload"]["amount"], 0);
    assert_eq!(bank.refund_status("ref_p", "u"), ("SUCCESS", None));
    let lines = view::statement(&bank.task("u"), "u", None, 10).unwrap().lines;
    assert_eq!(lines.iter().map(|line| (line.sequence, line.amount)).collect::<Vec<_>>(), [(2, 0), (1, 0)]);
    bank.check();
}

#[test]
fn a_wallet_and_its_place_never_overflow() {
    let mut bank = Bank::open();
    let full = i64::MAX - 1_500;
    let ledger = LedgerRow { cash_in: -full, wallets: full, ..LedgerRow::default() };
    bank.put("u", WalletRow { balance: full, sequence: 0 }, ledger);
    bank.charge("fits", "u", 1_500);
    bank.charge("over", "u", 1_000);
    // Somebody else's wallet is empty, but the place has taken all it can count.
    let neighbour = (0..).map(|n| format!("n{n}")).find(|user| home(user) == home("u")).unwrap();
    bank.charge("neighbour", &neighbour, 1_000);
    bank.pay("all", "u", i64::MAX);
    bank.pay("more", "u", 1);
    bank.refund("all", "u", i64::MAX, 0);
    bank.driver.settle();
    assert_eq!(bank.charge_status("fits", "u"), ("SUCCESS", None));
    assert_eq!(bank.charge_status("over", "u"), ("REFUSED", Some("WALLET_LIMIT_EXCEEDED")));
    assert_eq!(bank.charge_status("neighbour", &neighbour), ("REFUSED", Some("WALLET_LIMIT_EXCEEDED")));
    let settled: BTreeMap<_, _> = bank.settled().into_iter().map(|(id, result, _)| (id, result)).collect();
    assert_eq!((settled["all"].as_str(), settled["more"].as_str()), ("DEBITED", "INSUFFICIENT_POINTS"));
    assert_eq!(bank.refund_status("ref_all", "u"), ("SUCCESS", None));
    assert_eq!(bank.balance("u"), i64::MAX);
    assert!(bank.dead_letters().is_empty());
}

#[test]
fn a_refund_is_paid_once_and_the_fee_stays() {
    let mut bank = Bank::open();
    bank.charge("c", "u", 100_000);
    bank.pay("p", "u", 50_000);
    bank.pay("q", "u", 30_000);
    bank.pay("broke", "u", 30_000);
    bank.refund("p", "u", 45_000, 5_000);
    bank.refund("p", "u", 45_000, 5_000);
    let again = Refund { request_id: Some("another".into()), ..refund("p", "u", 5_000, 0) };
    bank.pipe("u", &again.to_json());
    bank.refund("q", "u", 30_000, 1);
    bank.refund("broke", "u", 30_000, 0);
    bank.refund("unheard", "u", 1, 0);
    let neighbour = (0..).map(|n| format!("n{n}")).find(|user| home(user) == home("u")).unwrap();
    let stolen = Refund { request_id: Some("stolen".into()), ..refund("q", &neighbour, 30_000, 0) };
    bank.pipe(&neighbour, &stolen.to_json());
    bank.driver.settle();
    for (id, expected) in [
        ("ref_p", ("SUCCESS", None)),
        ("another", ("REFUSED", Some("ALREADY_REFUNDED"))),
        ("ref_q", ("REFUSED", Some("REFUND_EXCEEDS_PAYMENT"))),
        ("ref_broke", ("REFUSED", Some("PAYMENT_NOT_DEBITED"))),
        ("ref_unheard", ("REFUSED", Some("PAYMENT_NOT_FOUND"))),
        ("stolen", ("REFUSED", Some("PAYMENT_NOT_FOUND"))),
    ] {
        assert_eq!(bank.refund_status(id, "u"), expected, "{id}");
    }
    let (refunded, refused): (Vec<Out>, Vec<Out>) = bank
        .driver
        .read(payment::REPLIES)
        .into_iter()
        .filter(|out| out.text().contains(r#""type":"refunded""#))
        .partition(|out| out.text().contains(r#""result":"REFUNDED""#));
    assert_eq!(refunded.len(), 1);
    // Each refusal is told to whoever waits, with its reason.
    let told: BTreeSet<(Option<String>, String)> = refused
        .iter()
        .map(|out| {
            let value: Value = serde_json::from_str(&out.text()).unwrap();
            assert_eq!((&value["result"], out.partition), (&json!("REFUSED"), 2));
            (out.header("ce_id"), value["reason"].as_str().unwrap().to_owned())
        })
        .collect();
    let expected = [
        ("another.refused", "ALREADY_REFUNDED"),
        ("ref_broke.refused", "PAYMENT_NOT_DEBITED"),
        ("ref_q.refused", "REFUND_EXCEEDS_PAYMENT"),
        ("ref_unheard.refused", "PAYMENT_NOT_FOUND"),
        ("stolen.refused", "PAYMENT_NOT_FOUND"),
    ];
    assert_eq!(told, expected.map(|(id, reason)| (Some(id.to_owned()), reason.to_owned())).into());
    assert_eq!(
        refunded[0].text(),
        concat!(
            r#"{"type":"refunded","requestId":"ref_p.refunded","refundId":"ref_p","paymentId":"p","reservationId":"res_2_p","#,
            r#""userId":"u","result":"REFUNDED","reason":null,"amount":45000}"#
        )
    );
    assert_eq!((refunded[0].partition, refunded[0].key().as_str()), (2, "res_2_p"));
    assert_eq!(refunded[0].header("ce_id").as_deref(), Some("ref_p.refunded"));
    assert_eq!((bank.balance("u"), bank.balance(&neighbour)), (65_000, 0));
    let paid = view::payment(&bank.task("u"), "p").unwrap().unwrap();
    assert_eq!((paid.refund_id.as_deref(), paid.refunded_amount), (Some("ref_p"), Some(45_000)));
    let books = &bank.books()[home("u") as usize];
    assert_eq!(books.accounts(), LedgerRow { cash_in: -100_000, wallets: 65_000, revenue: 35_000, refund_payable: 0 });
    bank.check();
}

#[test]
fn the_same_again_changes_nothing_and_an_empty_disk_neither() {
    let mut bank = Bank::open();
    let wishes = |bank: &mut Bank| {
        for n in 0..60 {
            let user = format!("user-{}", n % 20);
            bank.charge(&format!("c-{n}"), &user, 10_000);
            bank.pay(&format!("p-{n}"), &user, 12_000);
            if n % 3 == 0 {
                bank.refund(&format!("p-{n}"), &user, 6_000, 2_000);
            }
        }
        bank.driver.settle();
    };
    wishes(&mut bank);
    let all = |bank: &Bank| (bank.driver.read(payment::REPLIES), bank.driver.read(payment::COMPLETED), bank.books());
    let before = all(&bank);
    assert!(before.0.len() > 60 && before.1.len() < 60 && before.1.len() > 20, "{} {}", before.0.len(), before.1.len());
    bank.check();

    wishes(&mut bank);
    assert_eq!(all(&bank), before);
    bank.driver.restart();
    assert_eq!(all(&bank), before);
    bank.driver.crash();
    bank.driver.wipe_disk();
    bank.driver.start();
    bank.driver.settle();
    assert_eq!(all(&bank), before);
    wishes(&mut bank);
    assert_eq!(all(&bank), before);
    assert!(bank.dead_letters().is_empty());
}

#[test]
fn an_id_that_was_another_request_is_buried() {
    let mut bank = Bank::open();
    bank.charge("c", "u", 10_000);
    bank.pay("p", "u", 1_000);
    bank.refund("p", "u", 500, 0);
    bank.charge("c", "u", 20_000);
    bank.pay("p", "u", 2_000);
    bank.refund("p", "u", 600, 0);
    bank.driver.settle();
    let dead = bank.dead_letters();
    assert_eq!(dead.len(), 3);
    assert!(dead.iter().all(|out| out.header(header::CLASS).as_deref() == Some("RequestIdReused")));
    assert_eq!((bank.balance("u"), bank.settled().len()), (9_500, 1));
    bank.check();
}

#[test]
fn a_misplaced_record_finds_its_wallet() {
    let mut bank = Bank::open();
    let away = (home("u") + 1) % PLACES;
    // No key, somebody else's key, the right key in the wrong partition as another partitioner places it.
    bank.append(away, None, Some(br#"{"type":"charge","userId":"u","amount":5000}"#), &[]);
    bank.driver.settle();
    bank.append(away, Some(b"schedule_456"), Some(&debit("p", "u", 2_000).to_json()), &[]);
    bank.driver.settle();
    bank.append(away, Some(b"u"), Some(&refund("p", "u", 1_000, 0).to_json()), &[]);
    bank.driver.settle();
    assert_eq!(bank.balance("u"), 4_000);
    // Identified by where it entered the log, not by where it was decided.
    assert_eq!(bank.charge_status(&format!("{}-{away}-0", payment::INBOX), "u"), ("SUCCESS", None));
    assert_eq!(bank.settled(), [("p".to_owned(), "DEBITED".to_owned(), 3_000)]);
    assert!(bank.dead_letters().is_empty());
    bank.check();
}

#[test]
fn what_cannot_be_read_goes_to_the_dead_letters_and_holds_nothing_up() {
    let mut bank = Bank::open();
    bank.charge("c", "u", 5_000);
    let nowhere = Debit { reply_place: PLACES, ..debit("nowhere", "u", 1) }.to_json();
    let cases: [(Option<&[u8]>, &str); 9] = [
        (None, "NoValue"),
        (Some(b"not json"), "InvalidJson"),
        (Some(b"{\"userId\":\"\xff\"}"), "InvalidUtf8"),
        (Some(b"[1,2]"), "InvalidField"),
        (Some(br#"{"type":"charge","userId":"u","amount":1000.5}"#), "InvalidField"),
        (Some(br#"{"type":"charge","userId":"u"}"#), "MissingField"),
        (Some(br#"{"userId":"u","amount":1000}"#), "MissingField"),
        (Some(br#"{"type":"transfer","userId":"u","amount":1000}"#), "UnknownType"),
        (Some(&nowhere), "InvalidField"),
    ];
    for (value, _) in cases {
        bank.append(home("u"), Some(b"u"), value, &[("ce_id", b"c-1")]);
    }
    bank.pay("after", "u", 5_000);
    bank.driver.settle();
    let dead = bank.dead_letters();
    assert_eq!(dead.len(), cases.len());
    for (out, (value, class)) in dead.iter().zip(cases) {
        assert_eq!(out.record.value.as_deref(), value);
        assert_eq!(out.header(header::CLASS).as_deref(), Some(class));
        assert_eq!(out.header(header::TOPIC).as_deref(), Some(payment::INBOX));
        assert_eq!((out.header(header::ATTEMPTS).as_deref(), out.header("ce_id").as_deref()), (Some("1"), Some("c-1")));
    }
    assert_eq!(bank.settled(), [("after".to_owned(), "DEBITED".to_owned(), 0)]);
    bank.check();
}

#[test]
fn each_refusal_of_a_charge_says_why() {
    let mut bank = Bank::open();
    for (id, user_id, amount, code) in [
        ("a", "u", 999, "CHARGE_BELOW_MINIMUM"),
        ("b", "u", 1_000_001, "CHARGE_ABOVE_MAXIMUM"),
        ("c", "u", 0, "CHARGE_NOT_POSITIVE"),
        ("d", " ", 1_000, "USER_ID_REQUIRED"),
    ] {
        bank.charge(id, user_id, amount);
        bank.driver.settle();
        assert_eq!(bank.charge_status(id, user_id), ("REFUSED", Some(code)));
    }
    assert!(bank.books().iter().all(|books| books.wallets.is_empty() && books.ledger.is_empty()));
    bank.check();
}

#[test]
fn with_broken_books_nothing_moves_until_they_are_mended() {
    let mut bank = Bank::open();
    bank.charge("before", "u", 9_000);
    bank.pay("paid", "u", 4_000);
    bank.driver.settle();
    let sound = LedgerRow { cash_in: -9_000, wallets: 5_000, revenue: 4_000, refund_payable: 0 };
    let wallet = WalletRow { balance: 5_000, sequence: 2 };
    bank.put("u", wallet, LedgerRow { revenue: 4_001, ..sound });
    bank.charge("c", "u", 1_000);
    bank.pay("p", "u", 1_000);
    bank.refund("paid", "u", 4_000, 0);
    bank.driver.settle();
    assert_eq!(bank.charge_status("c", "u"), ("SYSTEM_ERROR", Some("SYSTEM_ERROR")));
    assert_eq!(bank.refund_status("ref_paid", "u"), ("SYSTEM_ERROR", Some("SYSTEM_ERROR")));
    // Whoever holds the seat is not left waiting.
    let replies = bank.read(payment::REPLIES);
    assert_eq!(
        (replies.len(), &replies[1]["result"], &replies[1]["reason"]),
        (3, &json!("REFUSED"), &json!("SYSTEM_ERROR"))
    );
    assert_eq!(replies[1]["balanceAfter"], 5_000);
    assert_eq!(
        (&replies[2]["type"], &replies[2]["result"], &replies[2]["reason"]),
        (&json!("refunded"), &json!("REFUSED"), &json!("SYSTEM_ERROR"))
    );
    let dead = bank.dead_letters();
    assert_eq!(dead.len(), 3);
    assert!(dead.iter().all(|out| out.header(header::CLASS).as_deref() == Some("BrokenBooks")));
    assert_eq!(dead[0].header(header::ATTEMPTS).as_deref(), Some("4"));
    for out in &dead {
        bank.redrive(out);
    }
    assert_eq!(bank.read(payment::REPLIES), replies);

    // Mended. Charge and refund come through when they are put back, once; the payment does not, since the seat may be somebody else's.
    bank.put("u", wallet, sound);
    for out in dead.iter().chain(&dead) {
        bank.redrive(out);
    }
    assert_eq!(bank.charge_status("c", "u"), ("SUCCESS", None));
    assert_eq!(bank.refund_status("ref_paid", "u"), ("SUCCESS", None));
    let payment = view::payment(&bank.task("u"), "p").unwrap().unwrap();
    assert_eq!((payment.outcome.status, payment.outcome.code), ("SYSTEM_ERROR", Some("SYSTEM_ERROR")));
    assert_eq!((bank.balance("u"), bank.settled().len()), (10_000, 2));
    // The refund was refused, and is paid after all.
    let replies = bank.read(payment::REPLIES);
    assert_eq!((replies.len(), &replies[3]["result"]), (4, &json!("REFUNDED")));
    bank.check();
}

#[test]
fn a_statement_is_read_page_by_page_from_the_latest_line() {
    let mut bank = Bank::open();
    for n in 1..=7 {
        bank.charge(&format!("c-{n}"), "u", n * 1_000);
    }
    // A name that begins like the other's.
    bank.charge("other", "u1", 1_000);
    bank.driver.settle();
    let page = |bank: &Bank, cursor: Option<&str>, limit| {
        let cursor = cursor.map(|text| Cursor::parse(text).unwrap());
        let page = view::statement(&bank.task("u"), "u", cursor, limit).unwrap();
        let lines: Vec<_> = page.lines.iter().map(|line| (line.sequence, line.balance_after)).collect();
        (lines, page.next_cursor)
    };
    let (first, cursor) = page(&bank, None, 3);
    assert_eq!((first, cursor.as_deref()), (vec![(7, 28_000), (6, 21_000), (5, 15_000)], Some("4")));
    // What is posted between two pages moves nothing.
    bank.pay("p", "u", 500);
    bank.driver.settle();
    let (second, cursor) = page(&bank, cursor.as_deref(), 3);
    assert_eq!((second, cursor.as_deref()), (vec![(4, 10_000), (3, 6_000), (2, 3_000)], Some("1")));
    assert_eq!(page(&bank, cursor.as_deref(), 3), (vec![(1, 1_000)], None));
    assert_eq!(page(&bank, None, 0), (vec![(8, 27_500)], Some("7".to_owned())));
    assert_eq!(page(&bank, Some("99"), 1000).0.len(), 8);
    let nobody = view::statement(&bank.task("nobody"), "nobody", None, 10).unwrap();
    assert_eq!((nobody.balance, nobody.lines.len(), nobody.next_cursor), (0, 0, None));
}

#[test]
fn a_lost_answer_to_a_commit_moves_no_money_twice() {
    for fault in [Fault::LostAnswer, Fault::LostRequest, Fault::Retry] {
        let mut bank = Bank::open();
        for n in 0..50 {
            let user = format!("user-{n}");
            bank.charge(&format!("c-{n}"), &user, 5_000);
            bank.pay(&format!("p-{n}"), &user, 2_000);
        }
        bank.driver.log().inject(fault);
        bank.driver.settle();
        assert_eq!((bank.settled().len(), bank.read(payment::COMPLETED).len()), (50, 50), "{fault:?}");
        assert!((0..50).all(|n| bank.balance(&format!("user-{n}")) == 3_000), "{fault:?}");
        bank.check();
    }
}

#[derive(Debug, Clone)]
enum Event {
    Charge { user: u8, id: u8, amount: i64 },
    Pay { user: u8, id: u8, price: i64 },
    Refund { user: u8, id: u8, amount: i64 },
    Settle,
    Restart,
    WipeDisk,
    Fault(u8),
}

fn event() -> impl Strategy<Value = Event> {
    // Few ids, so that repetitions and stolen ids are frequent; an id fixes its amount often enough that retries are, too.
    let amounts = prop_oneof![Just(500i64), Just(2_000), Just(3_000)];
    prop_oneof![
        4 => (0u8..4, 0u8..12, prop_oneof![Just(500i64), Just(2_000), Just(2_000)])
            .prop_map(|(user, id, amount)| Event::Charge { user, id, amount }),
        6 => (0u8..4, 0u8..16, amounts.clone()).prop_map(|(user, id, price)| Event::Pay { user, id, price }),
        4 => (0u8..4, 0u8..16, amounts).prop_map(|(user, id, amount)| Event::Refund { user, id, amount }),
        3 => Just(Event::Settle),
        1 => Just(Event::Restart),
        1 => Just(Event::WipeDisk),
        1 => (0u8..3).prop_map(Event::Fault),
    ]
}

/// What a bank of one book would say: decided anew, in the order in which each user asked.
#[derive(Default)]
struct Model {
    balances: BTreeMap<u8, i64>,
    charged: i64,
    ids: BTreeMap<(u32, String), (u8, i64)>,
    paid: BTreeMap<(u32, u8), (u8, i64)>,
    refunded: BTreeSet<(u32, u8)>,
    /// Result of each debit, by place and payment.
    settled: BTreeMap<(u32, u8), &'static str>,
    buried: usize,
}

impl Model {
    /// Whether it is new; counts what is buried.
    fn is_new(&mut self, place: u32, id: String, user: u8, amount: i64) -> bool {
        let earlier = *self.ids.entry((place, id.clone())).or_insert((user, amount));
        let is_first = self.ids.insert((place, format!("seen {id}")), (0, 0)).is_none();
        if earlier != (user, amount) {
            self.buried += 1;
        }
        is_first
    }

    fn hear(&mut self, event: &Event) {
        match *event {
            Event::Charge { user, id, amount } => {
                let is_new = self.is_new(home(&name(user)), format!("c-{id}"), user, amount);
                let taken = if is_new && amount >= 1_000 { amount } else { 0 };
                *self.balances.entry(user).or_default() += taken;
                self.charged += taken;
            }
            Event::Pay { user, id, price } => {
                let place = home(&name(user));
                if self.is_new(place, format!("p-{id}"), user, price) {
                    let balance = self.balances.entry(user).or_default();
                    let is_good = *balance >= price;
                    if is_good {
                        *balance -= price;
                        self.paid.insert((place, id), (user, price));
                    }
                    self.settled.insert((place, id), if is_good { "DEBITED" } else { "INSUFFICIENT_POINTS" });
                }
            }
            Event::Refund { user, id, amount } => {
                let place = home(&name(user));
                if self.is_new(place, format!("ref_p-{id}"), user, amount)
                    && self.paid.get(&(place, id)).is_some_and(|(payer, price)| *payer == user && amount <= *price)
                {
                    *self.balances.entry(user).or_default() += amount;
                    self.refunded.insert((place, id));
                }
            }
            _ => {}
        }
    }
}

fn name(user: u8) -> String {
    format!("user-{user}")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_money_is_conserved(events in proptest::collection::vec(event(), 1..70)) {
        let mut bank = Bank::open();
        let mut model = Model::default();
        for event in &events {
            model.hear(event);
            match *event {
                Event::Charge { user, id, amount } => bank.charge(&format!("c-{id}"), &name(user), amount),
                Event::Pay { user, id, price } => bank.pay(&format!("p-{id}"), &name(user), price),
                Event::Refund { user, id, amount } => bank.refund(&format!("p-{id}"), &name(user), amount, 0),
                Event::Settle => bank.driver.settle(),
                Event::Restart => bank.driver.restart(),
                Event::WipeDisk => {
                    bank.driver.crash();
                    bank.driver.wipe_disk();
                    bank.driver.start();
                    bank.driver.settle();
                }
                Event::Fault(which) => {
                    let fault = [Fault::LostAnswer, Fault::LostRequest, Fault::Retry][usize::from(which)];
                    bank.driver.log().inject(fault);
                }
            }
        }
        bank.driver.settle();
        bank.check();
        for user in 0..4 {
            prop_assert_eq!(bank.balance(&name(user)), model.balances.get(&user).copied().unwrap_or(0));
        }
        let accounts: Vec<LedgerRow> = bank.books().iter().map(Books::accounts).collect();
        let kept: i64 = accounts.iter().map(|ledger| ledger.wallets + ledger.revenue + ledger.refund_payable).sum();
        prop_assert_eq!(kept, model.charged);
        prop_assert_eq!(bank.dead_letters().len(), model.buried);
        let mut settled: Vec<(String, String)> = bank.settled().into_iter().map(|(id, result, _)| (id, result)).collect();
        let mut expected: Vec<(String, String)> =
            model.settled.iter().map(|((_, id), result)| (format!("p-{id}"), (*result).to_owned())).collect();
        settled.sort();
        expected.sort();
        prop_assert_eq!(settled, expected);
        let replies = bank.read(payment::REPLIES);
        prop_assert_eq!(replies.iter().filter(|reply| reply["result"] == "REFUNDED").count(), model.refunded.len());
        let answered = replies.iter().filter(|reply| reply["type"] == "refunded").count();
        prop_assert_eq!(answered, model.ids.keys().filter(|(_, id)| id.starts_with("ref_")).count());
        prop_assert_eq!(bank.read(payment::COMPLETED).len(), model.paid.len());
    }
}
