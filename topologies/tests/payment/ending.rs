//! Outcomes that end: a charge and a refund are forgotten some time after they were decided, and money, lines and payments are not.

use crate::bank::Bank;
use holdfast_model::payment::{CHARGES, REFUNDS, Settings};
use holdfast_topologies::payment::{topology, view};
use std::ops::ControlFlow;

const HOUR_MS: i64 = 3_600_000;

fn open() -> Bank {
    Bank::of(&topology(&Settings { outcome_retention_ms: HOUR_MS, ..Settings::default() }))
}

/// Rows of charges and refunds that are stored in the place of `user_id`, ended or not.
fn stored(bank: &Bank, user_id: &str) -> (usize, usize) {
    let (mut charges, mut refunds) = (0, 0);
    let task = bank.task(user_id);
    task.scan(CHARGES.stored(), &[], &mut |_, _| {
        charges += 1;
        ControlFlow::Continue(())
    })
    .unwrap();
    task.scan(REFUNDS.stored(), &[], &mut |_, _| {
        refunds += 1;
        ControlFlow::Continue(())
    })
    .unwrap();
    (charges, refunds)
}

#[test]
fn charges_and_refunds_end_and_the_books_stay() {
    let mut bank = open();
    bank.charge("c", "u", 100_000);
    bank.pay("p", "u", 50_000);
    bank.refund("p", "u", 45_000, 5_000);
    bank.driver.settle();
    bank.driver.advance_ms(55 * 60_000);
    bank.charge("c", "u", 100_000);
    bank.driver.settle();
    assert_eq!((bank.balance("u"), stored(&bank, "u")), (95_000, (1, 1)), "a retry");
    bank.check();

    bank.driver.advance_ms(10 * 60_000);
    for (id, amount) in [("d", 1_000), ("e", 2_000)] {
        bank.charge(id, "u", amount);
        bank.driver.settle();
    }
    assert_eq!(view::charge(&bank.task("u"), "c").unwrap(), None);
    assert_eq!(view::refund(&bank.task("u"), "ref_p").unwrap(), None);
    assert_eq!(stored(&bank, "u"), (2, 0));
    bank.check();

    // A payment is debited once and refunded once, for ever.
    let before = bank.balance("u");
    bank.pay("p", "u", 50_000);
    bank.refund("p", "u", 45_000, 5_000);
    bank.driver.settle();
    assert_eq!((bank.balance("u"), bank.refund_status("ref_p", "u")), (before, ("REFUSED", Some("ALREADY_REFUNDED"))));
    bank.check();
    bank.driver.lose_disk();
    bank.check();
}

#[test]
fn books_are_broken_without_what_has_not_ended() {
    let mut bank = open();
    bank.charge("c", "u", 100_000);
    bank.pay("p", "u", 50_000);
    bank.refund("p", "u", 45_000, 5_000);
    bank.driver.settle();
    let books = bank.books().into_iter().find(|books| !books.charges.is_empty()).unwrap();
    let posted_ms = books.charges["c"].decided_ms;
    for (ended_ms, is_good) in [(None, false), (Some(posted_ms - 1), false), (Some(posted_ms + 1_000), true)] {
        let mut without_charge = books.clone();
        without_charge.charges.clear();
        without_charge.charges_ended_ms = ended_ms;
        assert_eq!(without_charge.check().is_ok(), is_good, "charge, {ended_ms:?}");
        let mut without_refund = books.clone();
        without_refund.refunds.clear();
        without_refund.refunds_ended_ms = ended_ms;
        assert_eq!(without_refund.check().is_ok(), is_good, "refund, {ended_ms:?}");
    }
}
