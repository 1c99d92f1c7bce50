//! Records that come twice, astray or unreadable, and commits whose answer is lost.

use crate::bank::{Bank, PLACES, debit, home, refund};
use holdfast_engine::inspect::header;
use holdfast_model::payment;
use holdfast_model::payment::message::Debit;
use holdfast_sim::memory_log::Fault;

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
    bank.driver.lose_disk();
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
