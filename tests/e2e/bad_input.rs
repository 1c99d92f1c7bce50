//! Bad input of every kind ends in a 4xx problem or in the dead letters with its reason, and the worker goes on.

use crate::support::topics::{PARTITIONS, append, read_all};
use crate::support::wait;
use crate::support::worker::{Setup, Worker};
use holdfast_ports::log::Log;
use holdfast_ports::place::place_of;
use serde_json::{Value, json};

#[test]
fn over_http_on_the_embedded_log() {
    let data = tempfile::tempdir().unwrap();
    let worker = Worker::start(&Setup::embedded(data.path()));
    over_http(&worker);
}

pub(crate) fn over_http(worker: &Worker) {
    let json = "application/json";
    for (what, content_type, body, status) in [
        ("not JSON", json, b"{{{".to_vec(), 400),
        ("empty", json, Vec::new(), 400),
        ("invalid UTF-8", json, b"{\"policyId\":\"\xff\",\"userId\":\"1\"}".to_vec(), 400),
        ("missing field", json, b"{\"policyId\":\"1\"}".to_vec(), 422),
        ("wrong type", json, b"{\"policyId\":{},\"userId\":[1]}".to_vec(), 422),
        ("not JSON by its own word", "text/plain", b"{\"policyId\":\"1\",\"userId\":\"1\"}".to_vec(), 415),
        ("10 MB", json, vec![b' '; 10 << 20], 413),
        ("unknown policy", json, b"{\"policyId\":\"nope\",\"userId\":\"1\"}".to_vec(), 404),
    ] {
        let answer = worker.post_bytes("/api/coupons/issue", content_type, body);
        assert_eq!(answer.status(), status, "{what}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{what}");
        let problem: Value = answer.json().unwrap();
        assert_eq!(problem["status"], status, "{what}");
        assert!(problem["code"].is_string() && problem["detail"].is_string(), "{what}: {problem}");
    }
    assert_eq!(worker.get("/api/coupons/issue").status(), 405);
    assert_eq!(
        worker.post("/api/coupons/issue?strategy=v9", &json!({"policyId": "1", "userId": "1"})).status().as_u16() / 100,
        4
    );
    assert_eq!(
        worker.post("/api/coupons/issue", &json!({"policyId": "1", "userId": "ok"})).status(),
        202,
        "and the worker goes on"
    );
}

/// Anybody's producer writes garbage into the inbox.
pub(crate) fn over_the_log(worker: &Worker, log: &dyn Log) {
    worker.create_policy("bad", 5);
    let inbox = "coupon-issue-requests";
    let home = place_of(b"coupon-bad", PARTITIONS);
    let appender = log.appender().unwrap();
    let key: Option<&[u8]> = Some(b"coupon-bad");
    let bad: [(&[u8], &str); 6] = [
        (b"not json", "InvalidJson"),
        (b"{\"policyId\":\"bad\",\"userId\":\"\xff\"}", "InvalidUtf8"),
        (b"{\"policyId\":\"bad\"}", "MissingField"),
        (b"{\"policyId\":[1],\"userId\":\"1\"}", ""),
        (b"{\"type\":\"explode\",\"policyId\":\"bad\"}", "UnknownType"),
        (b"[]", ""),
    ];
    let mut expected = Vec::new();
    for (value, class) in bad {
        let landed = append(&*appender, inbox, home, key, Some(value));
        expected.push((landed.offset, value.to_vec(), class));
    }
    append(&*appender, inbox, home, key, None);
    // No key and the wrong key: not bad, only misplaced. They are decided where they belong.
    let foreign = (home + 1) % PARTITIONS;
    append(&*appender, inbox, foreign, None, Some(br#"{"policyId":"bad","userId":"keyless"}"#));
    append(&*appender, inbox, foreign, Some(b"whatever"), Some(br#"{"policyId":"bad","userId":"wrong-key"}"#));
    // Both shapes are understood, numbers too.
    append(
        &*appender,
        inbox,
        home,
        key,
        Some(br#"{"eventId":"e-s3","userId":77,"couponId":"bad","timestamp":1,"version":1}"#),
    );
    // An unknown policy and a closed window are decided, not silent.
    let nope = place_of(b"coupon-nope", PARTITIONS);
    append(
        &*appender,
        inbox,
        nope,
        Some(b"coupon-nope"),
        Some(br#"{"eventId":"e-nope","policyId":"nope","userId":"1"}"#),
    );
    wait::until("three issued", || worker.policy("bad")["issued"] == 3);
    assert_eq!(worker.outcome("e-nope")["status"], "VALIDATION_FAILED");
    assert_eq!(worker.outcome("e-s3")["status"], "SUCCESS");

    let mut letters = Vec::new();
    wait::until("seven dead letters", || {
        letters = read_all(log, "coupon-issue-dlq").into_iter().filter(|l| l.partition == home).collect();
        letters.len() >= 7
    });
    for (offset, value, class) in expected {
        let of = |name: &str, letter: &crate::support::topics::Seen| {
            String::from_utf8_lossy(&letter.headers[name]).into_owned()
        };
        let letter = letters.iter().find(|l| of("X-Original-Offset", l) == offset.to_string()).unwrap();
        assert_eq!(letter.value.as_deref(), Some(&value[..]));
        assert_eq!(of("X-Original-Topic", letter), inbox);
        let said = of("X-Exception-Class", letter);
        assert!(class.is_empty() || said == class, "{}: {said}, not {class}", String::from_utf8_lossy(&value));
        assert!(!of("X-Exception-Message", letter).is_empty());
    }
    assert_eq!(letters.len(), 7, "each once");
}
