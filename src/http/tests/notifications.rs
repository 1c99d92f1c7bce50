//! Histories, preferences and contacts. No effect is performed here: what is told stays `SENDING`.

use super::{PLACES, Worker, is_problem, running};
use crate::http::error::answer;
use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode};
use holdfast_model::notification::{self, INBOX, NotificationRequest, Priority, USER_CONTACTS};
use holdfast_ports::log::{Appender, Start};
use holdfast_ports::place::place_of;
use holdfast_ports::record::{NewRecord, TopicPartition};
use holdfast_tools::{Failure, reading};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::oneshot;

const PHONE: &str = "+821012345678";

async fn ask(worker: &Worker, method: Method, uri: &str, body: Option<Value>) -> (Response<Body>, Value) {
    keyed(worker, method, uri, body, None).await
}

async fn keyed(
    worker: &Worker,
    method: Method,
    uri: &str,
    body: Option<Value>,
    key: Option<&str>,
) -> (Response<Body>, Value) {
    let mut request = Request::builder().method(method).uri(uri).header("content-type", "application/json");
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    worker.ask(request.body(body).unwrap()).await
}

/// Asks for a notification through the log, as the shop's topologies do, and returns the position of its record.
async fn notify(worker: &Worker, event_id: &str, user_id: &str, kind: &str, data: &[(&str, &str)]) -> String {
    let mut value = Vec::new();
    let (time_ms, priority) = (worker.api.clock.now_ms(), Priority::High);
    NotificationRequest { event_id, time_ms, user_id, kind, priority, title: "제목", message: "본문", data }
        .write(&mut value);
    let partition = place_of(user_id.as_bytes(), PLACES);
    let (tell, told) = oneshot::channel();
    let record =
        NewRecord { topic: INBOX, partition, key: Some(user_id.as_bytes()), value: Some(&value), headers: &[] };
    worker.appender.append(record, Box::new(move |outcome| drop(tell.send(outcome))));
    format!("{}-{partition}-{}", notification::NAME, told.await.unwrap().unwrap().offset)
}

fn ids(json: &Value) -> Vec<&str> {
    json["items"].as_array().unwrap().iter().map(|item| item["notificationId"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_reads_what_was_told_the_newest_first() {
    let worker = running().await;
    let (_, json) = worker.get("/api/notifications?userId=u").await;
    assert_eq!(json, json!({"items": []}));
    notify(
        &worker,
        "evt_1",
        "u",
        "PAYMENT_CONFIRMED",
        &[("concertTitle", "아이유 콘서트"), ("reservationId", "res_0_1")],
    )
    .await;
    notify(&worker, "evt_other", "v", "SEAT_OPENED", &[]).await;
    notify(&worker, "evt_2", "u", "NEWS", &[("reservationId", "res_0_2")]).await;
    let position = notify(&worker, "evt_3", "u", "REFUNDED", &[("reservationId", "res_0_1")]).await;
    let (response, json) = worker.get(&format!("/api/notifications?userId=u&after={position}")).await;
    assert_eq!((response.status(), &response.headers()["cache-control"]), (answer::OK, &"no-store".parse().unwrap()));
    let mut listed = ids(&json);
    // Those of the same millisecond are in the order of their ids.
    listed.sort_unstable();
    assert_eq!(listed, ["evt_1", "evt_2", "evt_3"], "{json}");
    assert!(json.get("nextCursor").is_none(), "{json}");
    let (_, one) = worker.get("/api/notifications?userId=u&reservationId=res_0_1&type=PAYMENT_CONFIRMED").await;
    let item = &one["items"][0];
    assert_eq!(
        (&item["title"], &item["message"], &item["channel"], &item["status"], &item["attempts"]),
        (
            &json!("결제 완료"),
            &json!("아이유 콘서트 예약이 확정되었습니다."),
            &json!("log"),
            &json!("SENDING"),
            &json!(1)
        ),
        "{one}"
    );
    assert!(item["createdAt"].as_str().unwrap().ends_with('Z') && item.get("sentAt").is_none(), "{one}");
    for (filter, expected) in
        [("type=NEWS", 1), ("status=SENDING", 3), ("status=SENT", 0), ("reservationId=res_0_1", 2)]
    {
        let (_, json) = worker.get(&format!("/api/notifications?userId=u&{filter}")).await;
        assert_eq!(ids(&json).len(), expected, "{filter}: {json}");
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_follow_each_other_without_gap_or_repetition() {
    let worker = running().await;
    let mut position = String::new();
    for n in 0..7 {
        position = notify(&worker, &format!("evt_{n}"), "u", "NEWS", &[]).await;
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let (_, json) = worker.get(&format!("/api/notifications?userId=u&limit=3&after={position}{cursor}")).await;
        seen.extend(ids(&json).into_iter().map(str::to_owned));
        match json["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
        assert!(seen.len() <= 7, "it does not end: {seen:?}");
    }
    let (mut sorted, count) = (seen.clone(), seen.len());
    sorted.sort();
    sorted.dedup();
    assert_eq!((sorted.len(), count), (7, 7), "{seen:?}");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn questions_that_make_no_sense_name_their_field() {
    let worker = running().await;
    for (query, field) in [
        ("", "userId"),
        ("userId=%20", "userId"),
        ("userId=u&cursor=none", "cursor"),
        ("userId=u&limit=0", "limit"),
        ("userId=u&limit=101", "limit"),
        ("userId=u&status=LOST", "status"),
        ("userId=u&after=x", "after"),
    ] {
        let (response, json) = worker.get(&format!("/api/notifications?{query}")).await;
        is_problem(&response, &json, StatusCode::UNPROCESSABLE_ENTITY, "VALIDATION_FAILED");
        assert_eq!(json["errors"][0]["field"], field, "{query}: {json}");
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_notification_is_shown_to_its_user_only() {
    let worker = running().await;
    let position = notify(&worker, "evt_1", "u", "NEWS", &[]).await;
    let (_, json) = worker.get(&format!("/api/notifications?userId=u&after={position}")).await;
    assert_eq!(ids(&json), ["evt_1"]);
    let (response, json) = worker.get("/api/notifications/evt_1?userId=u").await;
    assert_eq!((response.status(), ids(&json)), (answer::OK, vec!["evt_1"]), "{json}");
    for uri in ["/api/notifications/evt_1?userId=v", "/api/notifications/evt_2?userId=u"] {
        let (response, json) = worker.get(uri).await;
        is_problem(&response, &json, StatusCode::NOT_FOUND, "NOTIFICATION_NOT_FOUND");
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn preferences_are_set_through_the_log_and_hold_for_what_comes_after() {
    let worker = running().await;
    let uri = "/api/notifications/preferences";
    let (_, json) = worker.get(&format!("{uri}?userId=u")).await;
    assert_eq!(json, json!({"userId": "u", "locale": "ko", "channels": {}, "types": {}}));
    let wanted = json!({
        "userId": "u", "locale": "en", "channels": {"sms": false, "fcm": true}, "types": {"NEWS": false},
        "quietHours": {"from": "22:00", "to": "08:00"}
    });
    let (response, json) = keyed(&worker, Method::PUT, uri, Some(wanted.clone()), Some("k")).await;
    assert_eq!(response.status(), answer::OK, "{json}");
    assert!(response.headers().contains_key("holdfast-position"));
    assert_eq!(
        (&json["locale"], &json["channels"], &json["types"], &json["quietHours"]),
        (&json!("en"), &json!({"sms": false}), &json!({"NEWS": false}), &json!({"from": "22:00", "to": "08:00"}))
    );
    let (response, again) = keyed(&worker, Method::PUT, uri, Some(wanted.clone()), Some("k")).await;
    assert_eq!((response.status(), response.headers()["idempotent-replayed"].as_bytes()), (answer::OK, &b"true"[..]));
    assert_eq!(again, json);
    let (response, other) = keyed(&worker, Method::PUT, uri, Some(json!({"userId": "u"})), Some("k")).await;
    is_problem(&response, &other, StatusCode::UNPROCESSABLE_ENTITY, "IDEMPOTENCY_KEY_REUSED");
    let position = notify(&worker, "evt_1", "u", "NEWS", &[]).await;
    let (_, told) = worker.get(&format!("/api/notifications?userId=u&after={position}")).await;
    assert_eq!(
        (&told["items"][0]["status"], &told["items"][0]["reason"]),
        (&json!("SUPPRESSED"), &json!("USER_TYPE_OFF")),
        "{told}"
    );
    // What is left out is as if it had never been set.
    let (_, json) = ask(&worker, Method::PUT, uri, Some(json!({"userId": "u"}))).await;
    assert_eq!((&json["locale"], &json["types"], json.get("quietHours")), (&json!("ko"), &json!({}), None), "{json}");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn preferences_that_make_no_sense_are_not_appended() {
    let worker = running().await;
    let place = place_of(b"u", PLACES);
    let next = worker.api.queries.task(notification::NAME, place).unwrap().next_offset();
    for (body, field) in [
        (json!({}), "userId"),
        (json!({"userId": " "}), "userId"),
        (json!({"userId": "u", "locale": "fr"}), "locale"),
        (json!({"userId": "u", "channels": {"email": true}}), "channels"),
        (json!({"userId": "u", "quietHours": {"from": "22:00", "to": "22:00"}}), "quietHours"),
        (json!({"userId": "u", "quietHours": {"from": "22:00"}}), "quietHours.to"),
        (json!({"userId": "u", "quietHours": {"from": "24:00", "to": "1:00"}}), "quietHours"),
    ] {
        let (response, json) = ask(&worker, Method::PUT, "/api/notifications/preferences", Some(body.clone())).await;
        is_problem(&response, &json, StatusCode::UNPROCESSABLE_ENTITY, "VALIDATION_FAILED");
        assert_eq!(json["errors"][0]["field"], field, "{body}: {json}");
    }
    assert_eq!(worker.api.queries.task(notification::NAME, place).unwrap().next_offset(), next);
    worker.stop().await;
}

/// Everything that was ever appended to `user-contact` in the place of `user`.
fn contacts_in_the_log(worker: &Worker, user: &str) -> Vec<Option<Vec<u8>>> {
    let source = TopicPartition::new(USER_CONTACTS, place_of(user.as_bytes(), PLACES));
    let mut fetcher = worker.api.log.fetcher().unwrap();
    let end = reading::settled_end(&mut *fetcher, &source).unwrap();
    let mut values = Vec::new();
    reading::read::<Failure>(&mut *fetcher, &source, Start::Earliest, end, &mut |record| {
        assert_eq!(record.key, Some(user.as_bytes()));
        values.push(record.value.map(<[u8]>::to_vec));
        Ok(())
    })
    .unwrap();
    values
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_is_kept_shown_masked_and_erased() {
    let worker = running().await;
    let uri = "/api/contacts/u";
    let none = json!({"userId": "u", "fcmTokens": 0, "discord": false, "slack": false});
    assert_eq!(worker.get(uri).await.1, none);
    let contact = json!({"phone": PHONE, "fcmTokens": ["device-token-1"], "slackUserId": "U012AB3CD"});
    for _ in 0..2 {
        let (response, json) = ask(&worker, Method::PUT, uri, Some(contact.clone())).await;
        assert_eq!(response.status(), answer::OK, "{json}");
        let shown = json!({"userId": "u", "phone": "***********78", "fcmTokens": 1, "discord": false, "slack": true});
        assert_eq!(json, shown);
        assert_eq!(worker.get(uri).await.1, shown, "what was written is read at once");
    }
    let (response, json) = ask(&worker, Method::DELETE, uri, None).await;
    assert_eq!((response.status(), &json), (answer::OK, &none));
    assert_eq!(worker.get(uri).await.1, none);
    let (response, json) = ask(&worker, Method::DELETE, uri, None).await;
    assert_eq!((response.status(), json), (answer::OK, none), "erasing it again changes nothing");
    let log = contacts_in_the_log(&worker, "u");
    assert_eq!(log.len(), 4);
    assert!(log[0].is_some() && log[3].is_none(), "an erasure is a record without a value");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_that_nobody_could_be_reached_by_is_refused_without_repeating_it() {
    let worker = running().await;
    for (body, field) in [
        (json!({"phone": "010-1234-5678"}), "phone"),
        (json!({"phone": 821012345678_u64}), "phone"),
        (json!({"kakaoPhone": "+82"}), "kakaoPhone"),
        (json!({"fcmTokens": [""]}), "fcmTokens"),
        (json!({"fcmTokens": vec!["t"; 11]}), "fcmTokens"),
        (json!({"discordUserId": "somebody"}), "discordUserId"),
        (json!({"slackUserId": "u1"}), "slackUserId"),
        (json!({"webhookUrl": "http://169.254.169.254/latest"}), "webhookUrl"),
    ] {
        for language in ["ko", "en"] {
            let request = Request::put("/api/contacts/u")
                .header("content-type", "application/json")
                .header("accept-language", language)
                .body(Body::from(body.to_string()))
                .unwrap();
            let (response, json) = worker.ask(request).await;
            is_problem(&response, &json, StatusCode::UNPROCESSABLE_ENTITY, "VALIDATION_FAILED");
            assert_eq!(json["errors"][0]["field"], field, "{body}: {json}");
            for secret in ["1234", "169.254", "somebody"] {
                assert!(!json.to_string().contains(secret), "{json}");
            }
        }
    }
    assert!(contacts_in_the_log(&worker, "u").is_empty());
    let request = Request::delete("/api/contacts/u").header("idempotency-key", "").body(Body::empty()).unwrap();
    let (response, json) = worker.ask(request).await;
    is_problem(&response, &json, StatusCode::BAD_REQUEST, "INVALID_IDEMPOTENCY_KEY");
    worker.stop().await;
}

/// What is in the log will be taken over, if not here: no client may be told that it was not accepted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_whose_place_moves_away_after_the_append_is_not_refused() {
    let mut worker = running().await;
    worker.stop_before_next_append();
    let put = ask(&worker, Method::PUT, "/api/contacts/u", Some(json!({"phone": PHONE})));
    let (response, json) = tokio::time::timeout(Duration::from_secs(20), put).await.unwrap();
    is_problem(&response, &json, StatusCode::SERVICE_UNAVAILABLE, "OUTCOME_UNKNOWN");
    assert_eq!(contacts_in_the_log(&worker, "u").len(), 1, "it was appended once");
    worker.stop().await;
}
