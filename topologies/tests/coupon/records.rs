//! Records that come twice, astray or unreadable, are given up and put back, and commits whose answer is lost.

use crate::shop::{PLACES, Shop, texts};
use holdfast_engine::inspect::header;
use holdfast_model::coupon;
use holdfast_model::coupon::message::{AdjustStock, Command};
use holdfast_model::coupon::row::PolicyRow;
use holdfast_sim::memory_log::Fault;
use holdfast_topologies::coupon::view;
use serde_json::json;
use std::collections::BTreeSet;

#[test]
fn a_duplicate_is_another_request_and_a_retry_is_the_same() {
    let mut shop = Shop::open();
    shop.ask("a", "u");
    shop.ask("a", "u");
    shop.ask("b", "u");
    shop.ask("b", "u");
    shop.driver.settle();
    assert_eq!(texts(&shop.read(coupon::SUCCESS), "requestId"), ["a"]);
    let refused = shop.read(coupon::FAILURES);
    assert_eq!(texts(&refused, "requestId"), ["b"]);
    assert_eq!(
        (&refused[0]["status"], &refused[0]["reason"]),
        (&json!("DUPLICATE_REQUEST"), &json!("이미 발급받은 쿠폰입니다"))
    );
    assert_eq!(refused[0]["remaining"], 99);

    // Somebody else's id: refused, the first outcome untouched.
    shop.ask("a", "v");
    shop.driver.settle();
    assert_eq!(shop.dead_letters()[0].header(header::CLASS).as_deref(), Some("RequestIdReused"));
    assert_eq!(view::request(&shop.task("1"), "a").unwrap().unwrap().user_id.as_deref(), Some("u"));
    assert_eq!(shop.policy().issued, 1);
    shop.check();
}

#[test]
fn a_record_without_key_finds_its_place() {
    let mut shop = Shop::open();
    let home = Shop::place("1");
    let away = (home + 1) % PLACES;
    let json = br#"{"policyId":"1","userId":"1001"}"#;
    shop.pipe_bytes(away, None, Some(json), &[]);
    // Nor a key that lives elsewhere, nor the right key in the wrong partition, as another partitioner places it.
    shop.pipe_bytes(away, Some(b"1002"), Some(br#"{"policyId":"1","userId":"1002"}"#), &[]);
    shop.pipe_bytes(away, Some(b"coupon-1"), Some(br#"{"policyId":"1","userId":"1003"}"#), &[]);
    // In the right place any key will do.
    shop.pipe_bytes(home, Some(b"whatever"), Some(br#"{"policyId":"1","userId":"1004"}"#), &[]);
    shop.driver.settle();
    let issued = shop.read(coupon::SUCCESS);
    assert_eq!(texts(&issued, "userId").into_iter().collect::<BTreeSet<_>>(), ["1001", "1002", "1003", "1004"].into());
    // Identified by where it entered the log, not by where it was decided.
    let of_first = issued.iter().find(|record| record["userId"] == "1001").unwrap();
    assert_eq!(of_first["requestId"], format!("{}-{away}-0", coupon::INBOX));
    assert_eq!(of_first["eventId"], of_first["requestId"]);
    assert!(shop.dead_letters().is_empty());
    assert_eq!(shop.policy().issued, 4);
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
        (Some(br#"{"policyId":"1","userId":["u"]}"#), "InvalidField"),
        (Some(br#"{"policyId":"1"}"#), "MissingField"),
        (Some(br#"{"type":"create-policy","policyId":"1"}"#), "MissingField"),
        (Some(br#"{"type":"drop-policy","policyId":"1"}"#), "UnknownType"),
    ];
    for (value, _) in cases {
        shop.pipe_bytes(Shop::place("1"), Some(b"coupon-1"), value, &[("ce_id", b"c-1")]);
    }
    shop.ask("after", "u");
    shop.driver.settle();
    let dead = shop.dead_letters();
    assert_eq!(dead.len(), cases.len());
    for (out, (value, class)) in dead.iter().zip(cases) {
        assert_eq!(out.record.value.as_deref(), value);
        assert_eq!(out.header(header::CLASS).as_deref(), Some(class));
        assert_eq!(out.header(header::TOPIC).as_deref(), Some(coupon::INBOX));
        assert_eq!((out.header(header::ATTEMPTS).as_deref(), out.header("ce_id").as_deref()), (Some("1"), Some("c-1")));
        assert!(!out.header(header::MESSAGE).unwrap().is_empty());
    }
    assert_eq!(texts(&shop.read(coupon::SUCCESS), "requestId"), ["after"]);
    assert!(shop.read(coupon::FAILURES).is_empty());
}

#[test]
fn a_request_that_is_given_up_has_its_outcome_and_a_redrive_supersedes_it_once() {
    let mut shop = Shop::open();
    // Books that are broken on disk: every attempt fails.
    let good = PolicyRow { total: 100, issued: 0, starts_ms: None, ends_ms: None, title: "t".to_owned() };
    shop.put_policy(&PolicyRow { issued: 101, ..good.clone() });
    shop.ask("r", "u");
    let adjust = AdjustStock {
        request_id: Some("adjust".to_owned()),
        policy_id: "1".to_owned(),
        by: 1,
        ..AdjustStock::default()
    };
    shop.command("1", &Command::AdjustStock(adjust));
    let refused = shop.read(coupon::FAILURES);
    assert_eq!((texts(&refused, "status"), texts(&refused, "requestId")), (vec!["SYSTEM_ERROR"], vec!["r"]));
    assert_eq!(shop.command_status("adjust"), ("SYSTEM_ERROR", Some("SYSTEM_ERROR")));
    let dead = shop.dead_letters();
    assert_eq!(dead.len(), 2);
    assert_eq!(
        (dead[0].header(header::CLASS).as_deref(), dead[0].header(header::ATTEMPTS).as_deref()),
        (Some("BrokenPolicy"), Some("4"))
    );

    // Redriven while it is still broken: given up again, and no second outcome.
    shop.redrive(&dead[0]);
    assert_eq!(shop.read(coupon::FAILURES), refused);

    // Mended. A retry gets the outcome that stands; a redrive gets a new one, and a second redrive gets that.
    shop.put_policy(&good);
    shop.ask("r", "u");
    shop.driver.settle();
    assert!(shop.read(coupon::SUCCESS).is_empty());
    for out in [&dead[0], &dead[1], &dead[0], &dead[1]] {
        shop.redrive(out);
    }
    let issued = shop.read(coupon::SUCCESS);
    assert_eq!((texts(&issued, "requestId"), texts(&issued, "supersedes")), (vec!["r"], vec!["SYSTEM_ERROR"]));
    assert_eq!(shop.driver.read(coupon::SUCCESS)[0].header("ce_id").as_deref(), Some("r.outcome.2"));
    assert_eq!(shop.read(coupon::FAILURES), refused);
    assert_eq!(view::request(&shop.task("1"), "r").unwrap().unwrap().status, "SUCCESS");
    assert_eq!(shop.command_status("adjust"), ("SUCCESS", None));
    assert_eq!((shop.policy().total_quantity, shop.policy().issued), (101, 1));
    shop.check();
}

#[test]
fn a_lost_answer_to_a_commit_sells_nothing_twice() {
    for fault in [Fault::LostAnswer, Fault::LostRequest, Fault::Retry] {
        let mut shop = Shop::open();
        for user in 1..=150 {
            shop.ask(&format!("r-{user}"), &user.to_string());
        }
        shop.driver.log().inject(fault);
        shop.driver.settle();
        assert_eq!((shop.read(coupon::SUCCESS).len(), shop.read(coupon::FAILURES).len()), (100, 50), "{fault:?}");
        let coupons: BTreeSet<String> =
            texts(&shop.read(coupon::SUCCESS), "couponId").into_iter().map(str::to_owned).collect();
        assert_eq!(coupons.len(), 100);
        shop.check();
    }
}
