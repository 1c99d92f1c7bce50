//! Charges and debits: what moves, what is refused, and who hears of it.

use crate::bank::{Bank, debit, home};
use holdfast_model::payment::ledger::LedgerRow;
use holdfast_model::payment::message::{Debit, Discount};
use holdfast_model::payment::row::WalletRow;
use holdfast_model::payment::{self, sample};
use holdfast_model::rfc3339;
use holdfast_topologies::payment::view;
use serde_json::{Value, json};
use std::collections::BTreeMap;

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
fn each_refusal_of_a_charge_says_why() {
    let mut bank = Bank::open();
    for (id, user_id, amount, code) in [
        ("a", "u", 999, "CHARGE_BELOW_MINIMUM"),
        ("b", "u", 1_000_001, "CHARGE_ABOVE_MAXIMUM"),
        ("c", "u", 0, "CHARGE_NOT_POSITIVE"),
        ("d", " ", 1_000, "USER_ID_REQUIRED"),
        ("e", "u ", 1_000, "INVALID_USER_ID"),
        ("f", "..", 1_000, "INVALID_USER_ID"),
    ] {
        bank.charge(id, user_id, amount);
        bank.driver.settle();
        assert_eq!(bank.charge_status(id, user_id), ("REFUSED", Some(code)));
    }
    assert!(bank.books().iter().all(|books| books.wallets.is_empty() && books.ledger.is_empty()));
    bank.check();
}
