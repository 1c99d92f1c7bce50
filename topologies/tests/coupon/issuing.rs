//! Who gets a coupon, who does not, and how it is said.

use crate::shop::{PLACES, Shop, texts};
use holdfast_engine::prelude::place_of;
use holdfast_model::coupon;
use holdfast_model::coupon::message::{Command, CreatePolicy, IssueRequest};
use holdfast_model::coupon::outcome::Refusal;
use holdfast_model::rfc3339;
use holdfast_model::wire::When;
use holdfast_sim::driver::Out;
use holdfast_topologies::coupon::view;
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[test]
fn eleven_requests_leave_eighty_nine() {
    let mut shop = Shop::open();
    shop.ask("first", "16");
    for user in 17..=26 {
        // The other shape of a request, as its producer writes it.
        let json = json!({"eventId": format!("e-{user}"), "userId": user, "couponId": 1, "timestamp": 1_772_287_260_000_i64, "version": 1});
        shop.pipe(Some("coupon-1"), &json.to_string());
    }
    shop.driver.settle();
    let policy = shop.policy();
    assert_eq!((policy.total_quantity, policy.issued, policy.remaining), (100, 11, 89));
    let issued = shop.read(coupon::SUCCESS);
    assert_eq!(issued.len(), 11);
    assert_eq!(issued.last().unwrap()["remaining"], 89);
    assert_eq!(
        (&issued[10]["userId"], &issued[10]["policyId"], &issued[10]["requestedAt"]),
        (&json!("26"), &json!("1"), &json!(1_772_287_260_000_i64))
    );
    assert_eq!(shop.read(coupon::NOTIFICATIONS).len(), 11);
    assert!(shop.read(coupon::FAILURES).is_empty() && shop.dead_letters().is_empty());
    shop.check();
}

#[test]
fn a_thousand_users_get_a_hundred_coupons_in_log_order() {
    let mut shop = Shop::open();
    for user in 1..=1000 {
        shop.ask(&format!("r-{user}"), &user.to_string());
    }
    shop.driver.settle();
    let winners: Vec<String> = (1..=100).map(|user| user.to_string()).collect();
    let issued = shop.read(coupon::SUCCESS);
    assert_eq!(texts(&issued, "userId"), winners);
    let refused = shop.read(coupon::FAILURES);
    assert_eq!(refused.len(), 900);
    assert!(texts(&refused, "status").iter().all(|status| *status == "OUT_OF_STOCK"));
    let notified = shop.driver.read(coupon::NOTIFICATIONS);
    assert_eq!(
        notified.iter().map(Out::key).collect::<BTreeSet<_>>(),
        winners.iter().cloned().collect::<BTreeSet<_>>()
    );
    shop.check();

    // The same again, after a crash and on an empty disk: every outcome stands, nothing is sent.
    shop.driver.lose_disk();
    for user in 1..=1000 {
        shop.ask(&format!("r-{user}"), &user.to_string());
    }
    shop.driver.settle();
    assert_eq!((shop.read(coupon::SUCCESS), shop.read(coupon::FAILURES)), (issued, refused));
    assert_eq!(shop.driver.read(coupon::NOTIFICATIONS), notified);
    shop.check();
}

/// Records of foreign producers have passed no HTTP: the rule for ids is the topology's.
#[test]
fn who_nobody_may_be_gets_an_outcome_and_no_coupon() {
    let mut shop = Shop::open();
    for (id, user) in [("a", " u"), ("b", "u "), ("c", "u\n1"), ("d", "u\u{7f}"), ("e", "."), ("f", "..")] {
        let json = json!({"requestId": id, "policyId": "1", "userId": user});
        shop.pipe(Some("coupon-1"), &json.to_string());
    }
    shop.driver.settle();
    let refused = shop.read(coupon::FAILURES);
    assert_eq!(texts(&refused, "status"), ["VALIDATION_FAILED"; 6]);
    assert_eq!(texts(&refused, "reason"), [Refusal::BadUser.reason(); 6]);
    assert!(shop.read(coupon::SUCCESS).is_empty() && shop.dead_letters().is_empty());
    shop.check();
}

#[test]
fn an_outcome_reads_as_promised() {
    let mut shop = Shop::open();
    let trace = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let json = br#"{"eventId":"e","requestId":"r","policyId":"1","userId":"1001","requestedAt":"just now"}"#;
    shop.pipe_bytes(Shop::place("1"), Some(b"coupon-1"), Some(json), &[("traceparent", trace)]);
    shop.driver.settle();
    let place = Shop::place("1");
    let request = view::request(&shop.task("1"), "r").unwrap().unwrap();
    let decided_at = request.decided_at.clone().unwrap();
    assert!(rfc3339::parse(&decided_at).is_some());

    let out = &shop.driver.read(coupon::SUCCESS)[0];
    let coupon_id = format!("cpn_{place}_1_1");
    assert_eq!(
        out.text(),
        format!(
            r#"{{"eventId":"e","requestId":"r","policyId":"1","userId":"1001","status":"SUCCESS","couponId":"{coupon_id}","issuedAt":"{decided_at}","requestedAt":"just now","remaining":99}}"#
        )
    );
    assert_eq!((out.key().as_str(), out.partition), ("coupon-1", place));
    for (name, value) in [
        ("ce_specversion", "1.0"),
        ("ce_id", "r.outcome"),
        ("ce_source", &format!("/coupon/{place}")),
        ("ce_type", "coupon.issued"),
        ("ce_time", &decided_at),
        ("content-type", "application/json"),
        ("traceparent", std::str::from_utf8(trace).unwrap()),
    ] {
        assert_eq!(out.header(name).as_deref(), Some(value), "{name}");
    }

    let notified = &shop.driver.read(coupon::NOTIFICATIONS)[0];
    assert_eq!((notified.key().as_str(), notified.partition), ("1001", place_of(b"1001", PLACES)));
    let expected = json!({
        "eventId": format!("{coupon_id}.issued"), "eventType": "notification.request", "eventTime": decided_at,
        "payload": {
            "userId": "1001", "type": "COUPON_ISSUED", "priority": "MEDIUM", "title": "쿠폰 발급 완료", "message": "첫 구매 쿠폰 발급이 완료되었습니다.",
            "data": {"couponId": coupon_id, "policyId": "1", "couponTitle": "첫 구매 쿠폰"}
        }
    });
    assert_eq!(serde_json::from_str::<Value>(&notified.text()).unwrap(), expected);

    assert_eq!(
        (request.status, request.coupon_id.as_deref(), request.user_id.as_deref()),
        ("SUCCESS", Some(&*coupon_id), Some("1001"))
    );
    assert_eq!(coupon::coupon_place(&coupon_id), Some(place));
    let mine = view::coupons_of_user(&shop.task("1"), "1001").unwrap();
    assert_eq!(mine, vec![view::coupon(&shop.task("1"), &coupon_id).unwrap().unwrap()]);
    assert_eq!((mine[0].status, mine[0].issued_at.as_str()), ("ISSUED", &*decided_at));
}

#[test]
fn each_validation_says_why() {
    let mut shop = Shop::open();
    let now = "2026-02-28T14:01:00Z";
    let now_ms = rfc3339::parse(now).unwrap();
    for (policy_id, start_ms, end_ms) in
        [("early", now_ms + 3_600_000, now_ms + 7_200_000), ("late", now_ms - 7_200_000, now_ms - 3_600_000)]
    {
        let command = CreatePolicy {
            policy_id: policy_id.to_owned(),
            title: "t".to_owned(),
            total_quantity: 5,
            start_time: Some(When::Ms(start_ms)),
            end_time: Some(When::Ms(end_ms)),
            ..CreatePolicy::default()
        };
        shop.command(policy_id, &Command::CreatePolicy(command));
    }
    for (request_id, policy_id, user_id) in
        [("a", "early", "u"), ("b", "late", "u"), ("c", "none", "u"), ("d", "1", "  ")]
    {
        let json = IssueRequest::new(request_id, policy_id, user_id, 0).to_json();
        shop.pipe(Some(&coupon::inbox_key(policy_id)), std::str::from_utf8(&json).unwrap());
    }
    shop.driver.settle();
    let mut refused = shop.read(coupon::FAILURES);
    refused.sort_by_key(|record| record["requestId"].to_string());
    assert!(texts(&refused, "status").iter().all(|status| *status == "VALIDATION_FAILED"));
    assert_eq!(
        texts(&refused, "reason"),
        [
            "쿠폰 발급 가능 시간이 아닙니다",
            "쿠폰 발급 가능 시간이 아닙니다",
            "쿠폰 정책을 찾을 수 없습니다",
            "사용자 ID가 필요합니다"
        ]
    );
    assert_eq!((&refused[0]["remaining"], refused[2].get("remaining")), (&json!(5), None));
    let hint = view::hint(&shop.task("early"), "early", "u", now_ms).unwrap();
    assert_eq!(hint, Some(Refusal::OutsideWindow));
    assert_eq!(view::hint(&shop.task("1"), "1", "u", now_ms).unwrap(), None);

    // An hour later the early one is open, and an earlier refusal stands.
    shop.driver.advance_ms(3_600_000);
    for request_id in ["a", "e"] {
        let json = IssueRequest::new(request_id, "early", "u", 0).to_json();
        shop.pipe(Some("coupon-early"), std::str::from_utf8(&json).unwrap());
    }
    shop.driver.settle();
    assert_eq!(texts(&shop.read(coupon::SUCCESS), "requestId"), ["e"]);
    shop.check();
}
