//! Books that do not add up.

use crate::bank::Bank;
use holdfast_engine::inspect::header;
use holdfast_model::payment;
use holdfast_model::payment::ledger::LedgerRow;
use holdfast_model::payment::row::WalletRow;
use holdfast_topologies::payment::view;
use serde_json::json;

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
