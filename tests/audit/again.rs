//! Ids that come again: after its outcome has ended a request is decided afresh, and before it is not.

use crate::crimes::expect;
use crate::shop::{APP, SCHEDULE, Shop, home};
use holdfast_engine::prelude::{Context, ProcessError, Processor, Topology};
use holdfast_model::{coupon, payment, reservation, timesale};
use holdfast_ports::record::Record;
use holdfast_topologies::features;
use serde_json::{Value, json};
use stream_worker::commands::audit::report::{Report, Verdict};
use stream_worker::commands::audit::{Question, examine};

/// How long outcomes are kept, in ms.
const KEEP_MS: i64 = 600_000;
/// A time sale.
const SALE: &str = "summer";
/// The key of policy `p`.
const KEY: &str = "coupon-p";

/// All topologies, which keep outcomes for so long.
fn keeping(keep_ms: i64) -> Vec<Topology> {
    let outcome_retention_ms = keep_ms;
    let seats = reservation::Settings { outcome_retention_ms, ..reservation::Settings::default() };
    let wallets = payment::Settings { outcome_retention_ms, ..payment::Settings::default() };
    let jsons = [
        (coupon::NAME, json!(coupon::Settings { outcome_retention_ms }).to_string()),
        (payment::NAME, json!(wallets).to_string()),
        (reservation::NAME, seats.to_json()),
        (timesale::NAME, json!(timesale::Settings { outcome_retention_ms }).to_string()),
    ];
    features::topologies(|name| jsons.iter().find(|(of, _)| *of == name).map(|(_, json)| &**json)).unwrap()
}

/// A shop after some trade, in which a client goes on asking.
struct Old(Shop);

impl Old {
    fn of(topologies: Vec<Topology>) -> Self {
        let mut shop = Shop::of(topologies);
        shop.trade();
        shop.hold("g1", "1003", 20);
        shop.driver.pipe(coupon::INBOX, Some(KEY), &adjust().to_string());
        let sale = json!({"type": "create-sale", "requestId": "sale", "timeSaleId": SALE, "title": "t", "originalPrice": 20_000, "discountPrice": 9_900, "totalQuantity": 3});
        for value in [sale, order("o1", 2), order("o2", 2), cancel()] {
            shop.driver.pipe(timesale::INBOX, Some(SALE), &value.to_string());
        }
        shop.driver.settle();
        Self(shop)
    }

    fn wait(&mut self, ms: i64) {
        self.0.driver.advance_ms(ms.unsigned_abs());
    }

    fn pipe(&mut self, topic: &str, key: &str, value: &Value) {
        self.0.driver.pipe(topic, Some(key), &value.to_string());
        self.0.driver.settle();
    }

    /// Asks for what was asked for before, under its id. Returns how many requests that were.
    fn ask_all_again(&mut self) -> u64 {
        let refund = self.refund();
        let user = refund["userId"].as_str().unwrap().to_owned();
        let requests = [
            (coupon::INBOX, KEY, request("k0", "1")),
            (coupon::INBOX, KEY, request("k3", "3")),
            (coupon::INBOX, KEY, adjust()),
            (
                coupon::INBOX,
                KEY,
                json!({"type": "create-policy", "requestId": "cp", "policyId": "p", "title": "t", "totalQuantity": 2}),
            ),
            (payment::INBOX, "1001", charge()),
            (payment::INBOX, &user, refund.clone()),
            (
                reservation::INBOX,
                SCHEDULE,
                json!({"type": "hold", "requestId": "h1", "userId": "user_123", "scheduleId": SCHEDULE, "seatNo": 1, "nonce": "h1"}),
            ),
            (
                reservation::INBOX,
                SCHEDULE,
                json!({"type": "hold", "requestId": "g1", "userId": "1003", "scheduleId": SCHEDULE, "seatNo": 20, "nonce": "g1"}),
            ),
            (
                reservation::INBOX,
                "schedule_test",
                json!({"type": "cancel-schedule", "requestId": "cs", "scheduleId": "schedule_test"}),
            ),
        ];
        for (topic, key, value) in &requests {
            self.pipe(topic, key, value);
        }
        // Pays, releases and cancels what has long been paid, released and cancelled.
        let before = ["p1", "p3", "p4", "r1", "x1"];
        for id in before {
            let value = self.0.last(reservation::INBOX, |value| value["requestId"] == id);
            self.pipe(reservation::INBOX, SCHEDULE, &value);
        }
        // What is known by its order or its payment is known for ever.
        self.pipe(timesale::INBOX, SALE, &order("o1", 2));
        let debit = self.0.last(payment::INBOX, |value| value["type"] == "debit");
        self.pipe(payment::INBOX, debit["userId"].as_str().unwrap(), &debit);
        (requests.len() + before.len()) as u64
    }

    fn refund(&self) -> Value {
        self.0.last(payment::INBOX, |value| value["type"] == "refund")
    }
}

fn request(id: &str, user: &str) -> Value {
    json!({"requestId": id, "policyId": "p", "userId": user})
}

fn order(id: &str, quantity: i64) -> Value {
    json!({"requestId": id, "timeSaleId": SALE, "userId": "1001", "quantity": quantity})
}

/// Gives the units of the first order back.
fn cancel() -> Value {
    let order = timesale::order_id::of(home(SALE), "o1");
    json!({"type": "cancel-order", "requestId": "back", "orderId": order, "userId": "1001"})
}

fn adjust() -> Value {
    json!({"type": "adjust-stock", "requestId": "more", "policyId": "p", "by": 1})
}

fn charge() -> Value {
    json!({"type": "charge", "requestId": "c-1001-1000000", "userId": "1001", "amount": 1_000_000})
}

fn counted(report: &Report, id: &str, what: &str) -> u64 {
    let counted = report.line(id).unwrap().counted.iter().find(|counted| counted.what == what);
    counted.map_or(0, |counted| counted.n)
}

fn proved(report: &Report) {
    assert_eq!(report.verdict, Verdict::Proved, "{}", report.text());
}

const AGAIN: &str = "ids that came again after their outcome had ended";

#[test]
fn what_comes_again_after_its_end_is_decided_afresh() {
    let mut old = Old::of(keeping(KEEP_MS));
    let balance = |old: &Old| {
        let row: payment::row::WalletRow =
            old.0.row(payment::NAME, home("1001"), &payment::WALLETS, &"1001".to_owned());
        row.balance
    };
    let had = balance(&old);
    old.ask_all_again();
    let report = old.0.audit();
    proved(&report);
    assert_eq!((balance(&old), counted(&report, "I-14", AGAIN)), (had, 0), "before its end it is known");

    old.wait(KEEP_MS + 10_000);
    let asked = old.ask_all_again();
    let report = old.0.audit();
    proved(&report);
    assert_eq!((balance(&old), counted(&report, "I-14", AGAIN)), (had + 1_000_000, asked), "{}", report.text());
    // It is known again from now on, and another request under its id is none.
    old.ask_all_again();
    old.pipe(coupon::INBOX, KEY, &request("k0", "somebody else"));
    let report = old.0.audit();
    proved(&report);
    assert_eq!((balance(&old), counted(&report, "I-14", AGAIN)), (had + 1_000_000, asked));

    // … until that has ended, too. By then it may be another request.
    old.wait(KEEP_MS + 10_000);
    old.pipe(coupon::INBOX, KEY, &request("k0", "somebody else"));
    old.pipe(
        payment::INBOX,
        "1001",
        &json!({"type": "charge", "requestId": "c-1001-1000000", "userId": "1001", "amount": 5_000}),
    );
    let report = old.0.audit();
    proved(&report);
    assert_eq!((balance(&old), counted(&report, "I-14", AGAIN)), (had + 1_005_000, asked + 2));
}

#[test]
fn a_second_outcome_before_the_end_is_one_too_many() {
    let mut old = Old::of(keeping(KEEP_MS));
    old.wait(KEEP_MS / 2);
    old.pipe(coupon::INBOX, KEY, &request("k3", "3"));
    let told = json!({"requestId": "k3", "policyId": "p", "userId": "3", "status": "OUT_OF_STOCK"});
    old.0.tell(coupon::NAME, home(KEY), coupon::FAILURES, home(KEY), &told);
    expect(&old.0, "I-9", "k3 has one outcome");
}

/// After its end a request has one outcome more, and not two.
#[test]
fn a_second_outcome_after_the_end_is_the_only_one() {
    let mut old = Old::of(keeping(KEEP_MS));
    old.wait(KEEP_MS + 10_000);
    old.pipe(coupon::INBOX, KEY, &request("k0", "1"));
    proved(&old.0.audit());
    let told = json!({"requestId": "k0", "policyId": "p", "userId": "1", "status": "DUPLICATE_REQUEST"});
    old.0.tell(coupon::NAME, home(KEY), coupon::FAILURES, home(KEY), &told);
    expect(&old.0, "I-9", "k0 has one outcome");
}

/// What comes again and is passed over as if it were known has no outcome.
#[test]
fn an_outcome_after_the_end_is_missed() {
    let mut old = Old::of(keeping(KEEP_MS));
    old.wait(KEEP_MS + 10_000);
    old.pipe(coupon::INBOX, KEY, &request("last", "77"));
    let at = old.0.put(coupon::INBOX, home(KEY), request("k0", "1").to_string().as_bytes(), &[]);
    old.0.stand(coupon::NAME, home(KEY), coupon::INBOX, at + 1);
    expect(&old.0, "I-9", "k0 has no outcome");
}

/// A topology that forgets a request while its outcome is kept.
struct Forgetful(Topology, Box<dyn Processor>);

/// The ids that it forgets each time.
const FORGOTTEN: [&str; 5] = ["k0", "more", "c-1001-1000000", "g1", ""];

impl Processor for Forgetful {
    fn process(&mut self, ctx: &mut Context<'_>, record: &Record<'_>) -> Result<(), ProcessError> {
        let value: Value = serde_json::from_slice(record.value.unwrap_or_default()).unwrap_or_default();
        let is_refund = value["type"] == "refund";
        let id = value["requestId"].as_str().unwrap_or_default().to_owned();
        if is_refund || FORGOTTEN.contains(&&*id) {
            match (&**self.0.inbox(), is_refund) {
                (coupon::INBOX, _) if value["type"].is_null() => ctx.delete(coupon::REQUESTS.stored(), &id)?,
                (coupon::INBOX, _) => ctx.delete(coupon::COMMANDS.stored(), &id)?,
                (payment::INBOX, true) => ctx.delete(payment::REFUNDS.stored(), &id)?,
                (payment::INBOX, false) => ctx.delete(payment::CHARGES.stored(), &id)?,
                (reservation::INBOX, _) => ctx.delete(reservation::COMMANDS.stored(), &id)?,
                _ => {}
            }
        }
        self.1.process(ctx, record)
    }

    fn on_dead_letter(
        &mut self,
        ctx: &mut Context<'_>,
        record: &Record<'_>,
        why: &ProcessError,
    ) -> Result<(), ProcessError> {
        self.1.on_dead_letter(ctx, record, why)
    }
}

#[test]
fn a_topology_that_forgets_too_early_is_found() {
    type Case = (&'static str, &'static str, fn(&mut Old));
    let again: [Case; 5] = [
        ("I-9", "k0 has one outcome", |old| old.pipe(coupon::INBOX, KEY, &request("k0", "1"))),
        ("I-11", "policy p", |old| old.pipe(coupon::INBOX, KEY, &adjust())),
        ("I-4", "wallet of 1001", |old| old.pipe(payment::INBOX, "1001", &charge())),
        ("I-9", "was answered at", |old| {
            let refund = old.refund();
            old.pipe(payment::INBOX, refund["userId"].as_str().unwrap(), &refund);
        }),
        ("I-10", "\"1003\", \"schedule_456\"), by the log None", |old| {
            old.wait(400_000);
            old.0.hold("g1", "1003", 20);
        }),
    ];
    for (invariant, said, ask) in again {
        let topologies = keeping(KEEP_MS).into_iter().map(|usual| {
            let made = usual.clone();
            usual.decided_by(move || Box::new(Forgetful(made.clone(), made.make_processor())))
        });
        let mut shop = Old::of(topologies.collect());
        ask(&mut shop);
        expect(&shop.0, invariant, said);
    }
}

/// Settings say how long outcomes are kept: a topology that keeps them otherwise forgets too early.
#[test]
fn outcomes_are_kept_as_long_as_was_set() {
    for (nth, name) in [coupon::NAME, payment::NAME, reservation::NAME].into_iter().enumerate() {
        let set = keeping(2 * KEEP_MS);
        let topologies = keeping(KEEP_MS).into_iter().zip(set).map(|(short, set)| {
            if **short.name() == *name { short.decided_by(move || set.make_processor()) } else { short }
        });
        let old = Old::of(topologies.collect());
        let store = ["store requests", "store charges", "store commands"][nth];
        expect(&old.0, "I-9", store);
    }
}

/// Rows have ended on the disk and in the changelog, at different moments; and what was set was changed meanwhile, to more and to less.
#[test]
fn stores_and_replays_of_a_shop_whose_rows_have_ended_are_proved() {
    let mut old = Old::of(keeping(KEEP_MS));
    old.wait(KEEP_MS + 10_000);
    old.ask_all_again();
    old.wait(KEEP_MS + 10_000);
    old.ask_all_again();
    proved(&on_disk(&mut old));
    for keep_ms in [4 * KEEP_MS, KEEP_MS / 4] {
        old.0.deploy(keeping(keep_ms));
        old.ask_all_again();
        old.wait(KEEP_MS);
        old.ask_all_again();
        old.wait(KEEP_MS / 2);
        old.0.hold(&format!("late-{keep_ms}"), "1002", 30);
        let report = on_disk(&mut old);
        proved(&report);
        assert!(counted(&report, "I-18", "tables whose rows end in time") > 0, "{}", report.text());
    }
    let report = old.0.audit();
    let notes = report.line("I-19").unwrap().notes.join("\n");
    assert!(notes.contains("outcomeRetentionMs 150000 instead of 2400000"), "{notes}");
}

/// A retention that somebody writes down afterwards, or strikes out, is not what the shop decided with.
#[test]
fn a_retention_that_was_not_in_force_is_found() {
    let mut old = Old::of(keeping(KEEP_MS));
    old.wait(KEEP_MS + 10_000);
    old.pipe(coupon::INBOX, KEY, &request("k0", "somebody else"));
    proved(&old.0.audit());
    // The period of store 18 from the beginning on: outcomes were kept for ever.
    let key = [&[holdfast_engine::inspect::ending::STORE.id.0, 2, 18][..], &0_u64.to_be_bytes()].concat();
    old.0.write(coupon::NAME, home(KEY), &key, None);
    expect(&old.0, "I-9", "outcomes are kept for 9223372036854775807 ms from offset 0 on, set are Some(600000)");
    expect(&old.0, "I-14", "k0 was something else");
    expect(&old.0, "I-19", "coupon");
}

/// What was told of the one decision and of the other is right, and what was told of neither is not.
#[test]
fn what_was_told_before_the_end_and_after_it_is_right() {
    let mut old = Old::of(keeping(KEEP_MS));
    let is_k0 = |value: &Value| value["requestId"] == "k0";
    let coupon_id = old.0.last(coupon::SUCCESS, is_k0)["couponId"].clone();
    let wallet = |old: &Old| -> payment::row::WalletRow {
        old.0.row(payment::NAME, home("1001"), &payment::WALLETS, &"1001".to_owned())
    };
    old.wait(KEEP_MS + 10_000);
    old.ask_all_again();
    let balance = wallet(&old).balance;
    let line =
        |path: &str, status: u16, said: Value| json!({"method": "POST", "path": path, "status": status, "said": said});
    let issued = |status: &str, coupon_id: &Value| {
        line("/api/coupons/issue", 200, json!({"requestId": "k0", "status": status, "couponId": coupon_id}))
    };
    let charged = |balance: i64| {
        let said =
            json!({"requestId": "c-1001-1000000", "userId": "1001", "amount": 1_000_000, "balanceAfter": balance});
        line("/api/points/charge", 200, said)
    };
    let refused = |id: &str| line("/reservations", 409, json!({"code": "SEAT_ALREADY_RESERVED", "requestId": id}));
    let right = [
        issued("SUCCESS", &coupon_id),
        issued("DUPLICATE_REQUEST", &Value::Null),
        charged(1_000_000),
        charged(balance),
        refused("h2"),
    ];
    let audit = |lines: &[Value]| {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("answers");
        std::fs::write(&file, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
        let only = ["I-9", "I-10", "I-14"].map(|id| id.parse().unwrap()).to_vec();
        examine(old.0.driver.log(), &Question { only, answers: Some(file), ..old.0.question() }).unwrap()
    };
    let report = audit(&right);
    proved(&report);
    assert_eq!(counted(&report, "I-10", "answers over HTTP"), 4, "{}", report.text());
    assert_eq!(counted(&report, "I-10", "refusals over HTTP whose outcome has ended"), 1, "{}", report.text());
    for (at, lie) in [
        (0, issued("OUT_OF_STOCK", &Value::Null)),
        (1, issued("DUPLICATE_REQUEST", &coupon_id)),
        (2, charged(999_999)),
        (3, charged(balance + 1)),
        (4, refused("nobody")),
    ] {
        let mut lines = right.to_vec();
        lines[at] = lie;
        let line = audit(&lines).line("I-10").unwrap().clone();
        let found = line.at.as_deref().unwrap_or_default();
        assert!(line.verdict == Verdict::Breached && found.ends_with(&format!("line {}", at + 1)), "{at}: {line:?}");
    }
}

/// Audits with the stores on the worker's disk, which goes on afterwards.
fn on_disk(old: &mut Old) -> Report {
    let driver = &mut old.0.driver;
    driver.stop();
    let disk = driver.change_disk(None);
    let question = Question { app_dir: Some(disk.path().join(APP)), ..old.0.question() };
    let report = examine(old.0.driver.log(), &question).unwrap();
    drop(old.0.driver.change_disk(Some(disk)));
    old.0.driver.start();
    old.0.driver.settle();
    report
}
