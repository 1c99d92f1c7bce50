//! What is given back.

use crate::bank::{Bank, home, refund};
use holdfast_model::payment;
use holdfast_model::payment::ledger::LedgerRow;
use holdfast_model::payment::message::Refund;
use holdfast_sim::driver::Out;
use holdfast_topologies::payment::view;
use serde_json::{Value, json};
use std::collections::BTreeSet;

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
