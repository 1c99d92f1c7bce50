//! The coupon topology in the real step: commits, restores and dead letters included.
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
use holdfast_topologies::coupon::invariants::Books;
use holdfast_topologies::coupon::message::{AdjustStock, Command, CreatePolicy, IssueRequest, UseCoupon};
use holdfast_topologies::coupon::outcome::Refusal;
use holdfast_topologies::coupon::row::PolicyRow;
use holdfast_topologies::coupon::{self, sample, view};
use holdfast_topologies::rfc3339;
use holdfast_topologies::wire::When;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const PLACES: u32 = 3;

/// A shop with the sample policy, and the words to talk to it.
struct Shop {
    driver: TestDriver,
}

impl Shop {
    fn open() -> Self {
        let mut shop = Self { driver: TestDriver::new(&coupon::topology(), PLACES) };
        shop.driver.settle();
        shop.command("1", &Command::CreatePolicy(sample::policy()));
        shop
    }

    fn place(policy_id: &str) -> u32 {
        place_of(coupon::inbox_key(policy_id).as_bytes(), PLACES)
    }

    fn task(&self, policy_id: &str) -> TaskView {
        self.driver.queries().task(coupon::NAME, Self::place(policy_id)).unwrap()
    }

    fn ask(&mut self, request_id: &str, user_id: &str) {
        let json = IssueRequest::new(request_id, "1", user_id, 1_772_287_260_000).to_json();
        self.pipe(Some("coupon-1"), std::str::from_utf8(&json).unwrap());
    }

    fn pipe(&mut self, key: Option<&str>, value: &str) {
        self.driver.pipe(coupon::INBOX, key, value);
    }

    fn pipe_bytes(&mut self, partition: u32, key: Option<&[u8]>, value: Option<&[u8]>, headers: &[(&str, &[u8])]) {
        self.driver.append(&NewRecord { topic: coupon::INBOX, partition, key, value, headers });
    }

    fn command(&mut self, policy_id: &str, command: &Command) {
        self.pipe_bytes(Self::place(policy_id), None, Some(&command.to_json()), &[]);
        self.driver.settle();
    }

    fn policy(&self) -> view::PolicyView {
        view::policy(&self.task("1"), "1").unwrap().unwrap()
    }

    fn command_status(&self, id: &str) -> (&'static str, Option<&'static str>) {
        let command = view::command(&self.task("1"), id).unwrap().unwrap();
        (command.status, command.code)
    }

    fn read(&self, topic: &str) -> Vec<Value> {
        self.driver.read(topic).iter().map(|out| serde_json::from_str(&out.text()).unwrap()).collect()
    }

    fn dead_letters(&self) -> Vec<Out> {
        self.driver.read(coupon::DEAD_LETTERS)
    }

    fn check(&self) {
        for place in 0..PLACES {
            let task = self.driver.queries().task(coupon::NAME, place).unwrap();
            Books::load(&task).unwrap().check().unwrap();
        }
    }

    /// Writes the row of policy 1 behind the shop's back: into the changelog, from which a new disk restores.
    fn put_policy(&mut self, row: &PolicyRow) {
        let mut key = vec![coupon::POLICIES.id().0];
        "1".to_owned().encode(&mut key);
        let mut value = Vec::new();
        codec::encode(row, &mut value).unwrap();
        self.driver.stop();
        let (partition, value) = (Self::place("1"), Some(value.as_slice()));
        self.driver.append(&NewRecord {
            topic: "sim-coupon-changelog",
            partition,
            key: Some(&key),
            value,
            headers: &[],
        });
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
        self.pipe_bytes(out.partition, out.record.key.as_deref(), out.record.value.as_deref(), &headers);
        self.driver.settle();
    }
}

fn texts<'a>(records: &'a [Value], field: &str) -> Vec<&'a str> {
    records.iter().map(|record| record[field].as_str().unwrap_or_default()).collect()
}

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
    shop.driver.crash();
    shop.driver.wipe_disk();
    shop.driver.start();
    shop.driver.settle();
    for user in 1..=1000 {
        shop.ask(&format!("r-{user}"), &user.to_string());
    }
    shop.driver.settle();
    assert_eq!((shop.read(coupon::SUCCESS), shop.read(coupon::FAILURES)), (issued, refused));
    assert_eq!(shop.driver.read(coupon::NOTIFICATIONS), notified);
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
fn the_same_policy_may_be_created_again_and_another_may_not() {
    let mut shop = Shop::open();
    shop.ask("a", "u");
    let again = CreatePolicy { request_id: Some("again".to_owned()), ..sample::policy() };
    let other = CreatePolicy { request_id: Some("other".to_owned()), total_quantity: 5, ..sample::policy() };
    let bad = CreatePolicy { request_id: Some("bad".to_owned()), total_quantity: -5, ..sample::policy() };
    for command in [again, other.clone(), bad] {
        shop.command("1", &Command::CreatePolicy(command));
    }
    assert_eq!(shop.command_status("sample-coupon-policy-1"), ("SUCCESS", None));
    assert_eq!(shop.command_status("again"), ("SUCCESS", None));
    assert_eq!(shop.command_status("other"), ("CONFLICT", Some("POLICY_ALREADY_EXISTS")));
    assert_eq!(shop.command_status("bad"), ("VALIDATION_FAILED", Some("INVALID_QUANTITY")));
    assert_eq!((shop.policy().total_quantity, shop.policy().issued), (100, 1));

    // An id that said something else before.
    shop.command("1", &Command::CreatePolicy(CreatePolicy { title: "다른".to_owned(), ..other }));
    assert_eq!(shop.dead_letters()[0].header(header::CLASS).as_deref(), Some("RequestIdReused"));
    assert_eq!(view::policies(&shop.task("1")).unwrap(), vec![shop.policy()]);
}

#[test]
fn stock_is_adjusted_in_log_order() {
    let mut shop = Shop::open();
    let adjust = |id: &str, by| {
        Command::AdjustStock(AdjustStock {
            request_id: Some(id.to_owned()),
            policy_id: "1".to_owned(),
            by,
            ..AdjustStock::default()
        })
    };
    shop.ask("a", "1");
    shop.ask("b", "2");
    shop.command("1", &adjust("down", -98));
    shop.command("1", &adjust("too-far", -1));
    shop.ask("c", "3");
    shop.command("1", &adjust("up", 1));
    shop.command("1", &adjust("up", 1));
    // A retry of the refused one stays refused; a new request gets the new coupon.
    shop.ask("c", "3");
    shop.ask("d", "3");
    shop.driver.settle();
    assert_eq!(shop.command_status("down"), ("SUCCESS", None));
    assert_eq!(shop.command_status("too-far"), ("CONFLICT", Some("STOCK_BELOW_ISSUED")));
    assert_eq!(shop.command_status("up"), ("SUCCESS", None));
    assert_eq!(texts(&shop.read(coupon::SUCCESS), "requestId"), ["a", "b", "d"]);
    assert_eq!(texts(&shop.read(coupon::FAILURES), "requestId"), ["c"]);
    let policy = shop.policy();
    assert_eq!((policy.total_quantity, policy.issued, policy.remaining), (3, 3, 0));
    shop.check();
}

#[test]
fn a_coupon_is_used_once() {
    let mut shop = Shop::open();
    shop.ask("a", "u");
    shop.driver.settle();
    let place = Shop::place("1");
    let id = format!("cpn_{place}_1_1");
    let with = |command_id: &str, coupon_id: &str, user_id: &str, order_id: &str| {
        Command::UseCoupon(UseCoupon {
            request_id: Some(command_id.to_owned()),
            coupon_id: coupon_id.to_owned(),
            user_id: user_id.to_owned(),
            order_id: order_id.to_owned(),
            ..UseCoupon::default()
        })
    };
    shop.command("1", &with("stranger", &id, "v", "o1"));
    shop.command("1", &with("use", &id, "u", "o1"));
    shop.command("1", &with("same", &id, "u", "o1"));
    shop.command("1", &with("other", &id, "u", "o2"));
    shop.command("1", &with("none", &format!("cpn_{place}_1_9"), "u", "o1"));
    shop.command("1", &with("shapeless", "coupon 1", "u", "o1"));
    shop.command("1", &with("made-up", &format!("cpn_{}_1_1", (place + 1) % PLACES), "u", "o1"));
    for (command_id, expected) in [
        ("stranger", ("NOT_FOUND", Some("COUPON_NOT_FOUND"))),
        ("use", ("SUCCESS", None)),
        ("same", ("SUCCESS", None)),
        ("other", ("CONFLICT", Some("COUPON_NOT_USABLE"))),
        ("none", ("NOT_FOUND", Some("COUPON_NOT_FOUND"))),
        ("shapeless", ("NOT_FOUND", Some("COUPON_NOT_FOUND"))),
        ("made-up", ("NOT_FOUND", Some("COUPON_NOT_FOUND"))),
    ] {
        assert_eq!(shop.command_status(command_id), expected, "{command_id}");
    }
    let coupon = view::coupon(&shop.task("1"), &id).unwrap().unwrap();
    assert_eq!((coupon.status, coupon.order_id.as_deref()), ("USED", Some("o1")));

    // In a foreign place the id brings it home.
    let json = with("astray", &id, "u", "o1").to_json();
    shop.pipe_bytes((place + 1) % PLACES, None, Some(&json), &[]);
    shop.driver.settle();
    assert_eq!(shop.command_status("astray"), ("SUCCESS", None));
    assert!(shop.dead_letters().is_empty());
    shop.check();
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
