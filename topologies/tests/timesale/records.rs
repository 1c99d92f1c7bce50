//! Records that come twice, astray or unreadable, are given up and put back, and commits whose answer is lost.

use crate::shop::{PLACES, Shop, texts};
use holdfast_engine::inspect::header;
use holdfast_model::timesale;
use holdfast_model::timesale::row::SaleRow;
use holdfast_sim::memory_log::Fault;
use serde_json::json;
use std::collections::BTreeSet;

#[test]
fn a_retry_is_the_same_order_and_another_one_under_its_id_is_refused() {
    let mut shop = Shop::open();
    shop.order("a", "u", 2);
    shop.order("a", "u", 2);
    shop.driver.settle();
    assert_eq!((shop.read(timesale::SUCCESS).len(), shop.stock()), (1, (2, 98)));
    for (user, quantity) in [("v", 2), ("u", 3)] {
        shop.order("a", user, quantity);
    }
    shop.driver.settle();
    let classes: Vec<_> = shop.dead_letters().iter().map(|out| out.header(header::CLASS).unwrap()).collect();
    assert_eq!(classes, ["RequestIdReused"; 2]);
    assert_eq!((shop.stock(), shop.read(timesale::SUCCESS).len()), ((2, 98), 1));
    assert!(shop.read(timesale::FAILURES).is_empty());
    shop.check();
}

#[test]
fn a_record_without_key_finds_its_place() {
    let mut shop = Shop::open();
    let home = Shop::place("1");
    let away = (home + 1) % PLACES;
    let order = |user: u32| format!(r#"{{"timeSaleId":"1","userId":"{user}","quantity":1}}"#);
    shop.pipe_bytes(away, None, Some(order(1001).as_bytes()), &[]);
    // Nor a key that lives elsewhere, nor the right key in the wrong partition, as another partitioner places it.
    shop.pipe_bytes(away, Some(b"1002"), Some(order(1002).as_bytes()), &[]);
    shop.pipe_bytes(away, Some(b"1"), Some(order(1003).as_bytes()), &[]);
    // In the right place any key will do.
    shop.pipe_bytes(home, Some(b"whatever"), Some(order(1004).as_bytes()), &[]);
    shop.driver.settle();
    let confirmed = shop.read(timesale::SUCCESS);
    assert_eq!(
        texts(&confirmed, "userId").into_iter().collect::<BTreeSet<_>>(),
        ["1001", "1002", "1003", "1004"].into()
    );
    // Identified by where it entered the log, not by where it was decided; its order id leads to where it was decided.
    let of_first = confirmed.iter().find(|record| record["userId"] == "1001").unwrap();
    let entered = format!("{}-{away}-0", timesale::INBOX);
    assert_eq!((&of_first["requestId"], &of_first["eventId"]), (&json!(entered), &json!(entered)));
    assert_eq!(of_first["orderId"], format!("ord_{home}_{entered}"));
    assert!(shop.dead_letters().is_empty());
    assert_eq!(shop.stock(), (4, 96));
    shop.check();
}

#[test]
fn what_cannot_be_read_goes_to_the_dead_letters_and_holds_nothing_up() {
    let mut shop = Shop::open();
    let cases: [(Option<&[u8]>, &str); 8] = [
        (None, "NoValue"),
        (Some(b"not json"), "InvalidJson"),
        (Some(b"{\"userId\":\"\xff\"}"), "InvalidUtf8"),
        (Some(b"[1,2]"), "InvalidField"),
        (Some(br#"{"timeSaleId":"1","userId":"u","quantity":1.5}"#), "InvalidField"),
        (Some(br#"{"timeSaleId":"1","userId":"u"}"#), "MissingField"),
        (Some(br#"{"type":"create-sale","timeSaleId":"1"}"#), "MissingField"),
        (Some(br#"{"type":"drop-sale","timeSaleId":"1"}"#), "UnknownType"),
    ];
    for (value, _) in cases {
        shop.pipe_bytes(Shop::place("1"), Some(b"1"), value, &[("ce_id", b"c-1")]);
    }
    shop.order("after", "u", 1);
    shop.driver.settle();
    let dead = shop.dead_letters();
    assert_eq!(dead.len(), cases.len());
    for (out, (value, class)) in dead.iter().zip(cases) {
        assert_eq!(out.record.value.as_deref(), value);
        assert_eq!(out.header(header::CLASS).as_deref(), Some(class));
        assert_eq!(out.header(header::TOPIC).as_deref(), Some(timesale::INBOX));
        assert_eq!((out.header(header::ATTEMPTS).as_deref(), out.header("ce_id").as_deref()), (Some("1"), Some("c-1")));
    }
    assert_eq!(shop.order_view(&Shop::order_id("after")).status, "CONFIRMED");
    assert!(shop.read(timesale::FAILURES).is_empty());
}

#[test]
fn an_order_that_is_given_up_has_its_outcome_and_a_redrive_supersedes_it_once() {
    let mut shop = Shop::open();
    shop.order("before", "u", 1);
    shop.driver.settle();
    // Books that are broken on disk: every attempt fails (S4-28: at most three retries, then the dead letters).
    let good = SaleRow {
        total: 100,
        sold: 1,
        limit_per_user: Some(5),
        starts_ms: None,
        ends_ms: None,
        discount_price: 9_900,
        title: "t".to_owned(),
    };
    shop.put_sale(&SaleRow { sold: 101, ..good.clone() });
    shop.order("r", "u", 2);
    shop.driver.settle();
    let cancelled = shop.cancel("c", &Shop::order_id("before"), "u");
    assert_eq!(cancelled, ("SYSTEM_ERROR", Some("SYSTEM_ERROR")));
    let id = Shop::order_id("r");
    let refused = shop.read(timesale::FAILURES);
    assert_eq!((texts(&refused, "status"), texts(&refused, "orderId")), (vec!["SYSTEM_ERROR"], vec![&*id]));
    assert_eq!((shop.order_view(&id).status, shop.order_view(&id).code), ("FAILED", Some("SYSTEM_ERROR")));
    assert_eq!(shop.read(timesale::NOTIFICATIONS).len(), 1, "what may still be confirmed is not told to have failed");
    let dead = shop.dead_letters();
    assert_eq!(dead.len(), 2);
    assert_eq!(
        (dead[0].header(header::CLASS).as_deref(), dead[0].header(header::ATTEMPTS).as_deref()),
        (Some("BrokenSale"), Some("4"))
    );

    // Redriven while it is still broken: given up again, and no second outcome.
    shop.redrive(&dead[0]);
    assert_eq!(shop.read(timesale::FAILURES), refused);

    // Mended. A retry gets the outcome that stands; a redrive gets a new one, and a second redrive gets that.
    shop.put_sale(&good);
    shop.order("r", "u", 2);
    shop.driver.settle();
    assert_eq!(shop.read(timesale::SUCCESS).len(), 1);
    for out in [&dead[0], &dead[1], &dead[0], &dead[1]] {
        shop.redrive(out);
    }
    let told = shop.read(timesale::SUCCESS);
    assert_eq!(texts(&told, "status"), ["SUCCESS", "SUCCESS", "CANCELLED"]);
    assert_eq!((told[1]["orderId"].as_str(), told[1]["supersedes"].as_str()), (Some(&*id), Some("SYSTEM_ERROR")));
    assert_eq!(shop.driver.read(timesale::SUCCESS)[1].header("ce_id"), Some(format!("{id}.outcome.2")));
    assert_eq!(shop.read(timesale::FAILURES), refused);
    assert_eq!(shop.order_view(&id).status, "CONFIRMED");
    assert_eq!(shop.command_status("c"), ("SUCCESS", None));
    assert_eq!(shop.stock(), (2, 98));
    shop.check();
}

#[test]
fn a_lost_answer_to_a_commit_sells_nothing_twice() {
    for fault in [Fault::LostAnswer, Fault::LostRequest, Fault::Retry] {
        let mut shop = Shop::open();
        for user in 1..=150 {
            shop.order(&format!("r-{user}"), &user.to_string(), 1);
        }
        shop.driver.log().inject(fault);
        shop.driver.settle();
        assert_eq!((shop.read(timesale::SUCCESS).len(), shop.read(timesale::FAILURES).len()), (100, 50), "{fault:?}");
        assert_eq!(shop.stock(), (100, 0));
        shop.check();
    }
}
