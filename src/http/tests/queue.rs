//! Waiting rooms over HTTP: tickets, tokens, streams.

use super::peers::{all_places_are_at, served};
use super::{PLACES, Worker, answered, idle, is_problem, running};
use crate::http::error::answer;
use axum::body::Body;
use axum::http::{HeaderName, Request, Response, StatusCode, header};
use holdfast_engine::prelude::place_of;
use holdfast_model::queue::NAME;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::time::Duration;
use tower::ServiceExt;

async fn post(worker: &Worker, uri: &str, body: Value) -> (Response<Body>, Value) {
    worker.post(uri, &[], &body.to_string()).await
}

/// A queue that admits `active` users and then nobody.
async fn create(worker: &Worker, queue_id: &str, active: u64) {
    let body = json!({"queueId": queue_id, "maxActive": active, "admitPerSecond": 1_000, "notices": false});
    let (response, json) = post(worker, "/api/queues", body).await;
    assert_eq!(response.status(), answer::CREATED, "{json}");
    assert_eq!(response.headers()[header::LOCATION], format!("/api/queues/{queue_id}"));
}

async fn join(worker: &Worker, queue_id: &str, user: &str) -> (StatusCode, Value) {
    let (response, json) = post(worker, "/api/queue/token", json!({"userId": user, "queueId": queue_id})).await;
    (response.status(), json)
}

fn asking(method: &str, uri: &str, token: &str) -> Request<Body> {
    let request = Request::builder().method(method).uri(uri).header("authorization", format!("Bearer {token}"));
    request.body(Body::empty()).unwrap()
}

async fn status(worker: &Worker, token: &str) -> (Response<Body>, Value) {
    worker.ask(asking("GET", "/api/queue/status", token)).await
}

fn token(ticket: &Value) -> &str {
    ticket["token"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_has_one_ticket_and_it_only_comes_nearer() {
    let worker = running().await;
    create(&worker, "q", 1).await;
    let mut tickets = Vec::new();
    for user in ["a", "b", "c", "d"] {
        let (status, ticket) = join(&worker, "q", user).await;
        assert_eq!(status, answer::CREATED, "{ticket}");
        tickets.push(ticket);
    }
    assert_eq!((&tickets[0]["status"], &tickets[0]["queuePosition"]), (&json!("ACTIVE"), &json!(0)), "{}", tickets[0]);
    assert!(tickets[0]["activeUntil"].is_string());
    let (_, third) = status(&worker, token(&tickets[3])).await;
    assert_eq!(
        (&third["status"], &third["queuePosition"], &third["isEstimate"]),
        (&json!("WAITING"), &json!(3), &json!(true))
    );
    assert!(third["pollAfterMs"].as_u64().is_some_and(|ms| (1_000..=10_000).contains(&ms)), "{third}");
    assert!(third.get("token").is_none(), "{third}");
    // Another tab, a reload: the same ticket, at its place, without a record.
    let place = place_of(b"q", PLACES);
    let before = worker.api.queries.task(NAME, place).unwrap().next_offset();
    let (again, ticket) = join(&worker, "q", "d").await;
    assert_eq!((again, token(&ticket), &ticket["queuePosition"]), (answer::OK, token(&tickets[3]), &json!(3)));
    let (response, left) = worker.ask(asking("DELETE", "/api/queue/token", token(&tickets[1]))).await;
    assert_eq!((response.status(), &left["status"], &left["reason"]), (answer::OK, &json!("ENDED"), &json!("LEFT")));
    assert!(worker.api.queries.task(NAME, place).unwrap().next_offset() > before);
    assert_eq!(status(&worker, token(&tickets[3])).await.1["queuePosition"], 2);
    let (response, again) = worker.ask(asking("DELETE", "/api/queue/token", token(&tickets[1]))).await;
    assert_eq!((response.status(), again), (answer::OK, left.clone()), "asking again changes nothing");
    assert_eq!(status(&worker, token(&tickets[1])).await.1, left);
    // Who has left may come again, at the end.
    let (again, ticket) = join(&worker, "q", "b").await;
    assert_eq!((again, &ticket["queuePosition"]), (answer::CREATED, &json!(3)));
    assert_ne!(token(&ticket), token(&tickets[1]));
    // Who was let in makes room for the next.
    worker.ask(asking("DELETE", "/api/queue/token", token(&tickets[0]))).await;
    assert_eq!(status(&worker, token(&tickets[2])).await.1["status"], "ACTIVE");
    let (_, queue) = worker.get("/api/queues/q").await;
    assert_eq!((&queue["waiting"], &queue["active"], &queue["admitted"]), (&json!(2), &json!(1), &json!(2)), "{queue}");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_makes_a_retry_the_same_join() {
    let worker = running().await;
    create(&worker, "q", 1).await;
    let body = json!({"userId": "u", "queueId": "q"}).to_string();
    let key = [("idempotency-key", "k")];
    let (response, first) = worker.post("/api/queue/token", &key, &body).await;
    assert_eq!(response.status(), answer::CREATED, "{first}");
    let (response, again) = worker.post("/api/queue/token", &key, &body).await;
    assert_eq!((response.status(), token(&again)), (answer::CREATED, token(&first)));
    assert_eq!(response.headers()["idempotent-replayed"], "true");
    // Also of a join that came to a ticket of before, and when that has ended.
    let later = [("idempotency-key", "later")];
    let (response, known) = worker.post("/api/queue/token", &later, &body).await;
    assert_eq!((response.status(), token(&known)), (answer::OK, token(&first)));
    worker.ask(asking("DELETE", "/api/queue/token", token(&first))).await;
    let (response, again) = worker.post("/api/queue/token", &later, &body).await;
    assert_eq!((response.status(), token(&again), &again["status"]), (answer::OK, token(&first), &json!("ENDED")));
    create(&worker, "r", 1).await;
    let (response, json) = worker.post("/api/queue/token", &key, r#"{"userId":"u","queueId":"r"}"#).await;
    // Where both are decided here; elsewhere it would be another request.
    is_problem(&response, &json, StatusCode::UNPROCESSABLE_ENTITY, "IDEMPOTENCY_KEY_REUSED");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_taken_in_place_of_a_token() {
    let worker = running().await;
    create(&worker, "q", 1).await;
    let (_, mine) = join(&worker, "q", "me").await;
    let (_, theirs) = join(&worker, "q", "them").await;
    let mine = token(&mine);
    let parts: Vec<&str> = mine.split('.').collect();
    let theirs: Vec<&str> = token(&theirs).split('.').collect();
    let with = |ticket: &str, proof: &str| format!("{}.{ticket}.{}.{proof}", parts[0], parts[2]);
    let last = if mine.ends_with('A') { "E" } else { "A" };
    let elsewhere = format!("{}.{}.{}.{}", 1 - place_of(b"q", PLACES).min(1), parts[1], parts[2], parts[3]);
    let changed = format!("{}{last}", &mine[..mine.len() - 1]);
    let forged = [&*with(theirs[1], parts[3]), &with("99", parts[3]), &with("1", theirs[3]), &elsewhere, &changed];
    for forged in forged.into_iter().chain(["", "x", "1", "me", "...", &mine[1..], "99.1.cQ.x"]) {
        for (method, uri) in
            [("GET", "/api/queue/status"), ("GET", "/api/queue/stream"), ("DELETE", "/api/queue/token")]
        {
            let (response, json) = worker.ask(asking(method, uri, forged)).await;
            is_problem(&response, &json, StatusCode::UNAUTHORIZED, "INVALID_TOKEN");
            assert!(response.headers().contains_key(header::WWW_AUTHENTICATE));
        }
    }
    let elsewhere: [(HeaderName, String); 4] = [
        (HeaderName::from_static("x-queue-token"), mine.to_owned()),
        (header::COOKIE, format!("token={mine}")),
        (header::AUTHORIZATION, format!("Basic {mine}")),
        (header::AUTHORIZATION, mine.to_owned()),
    ];
    for (name, value) in elsewhere {
        let request = Request::get("/api/queue/status").header(name, value).body(Body::empty()).unwrap();
        let (response, json) = worker.ask(request).await;
        is_problem(&response, &json, StatusCode::UNAUTHORIZED, "INVALID_TOKEN");
    }
    let both = Request::get("/api/queue/status").header("authorization", format!("Bearer {mine}"));
    let (response, _) = worker.ask(both.header("authorization", "Bearer x").body(Body::empty()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    for uri in ["/api/queue/status", &format!("/api/queue/status?token={mine}")] {
        assert_eq!(worker.get(uri).await.0.status(), StatusCode::UNAUTHORIZED, "{uri}");
    }
    assert_eq!(status(&worker, mine).await.0.status(), answer::OK);
    // A queue that was never made is none, whoever asks.
    let unknown = holdfast_model::queue::token::of(
        &holdfast_model::guard::QueueKey::new([1; 32]),
        place_of(b"none", PLACES),
        "none",
        1,
        "u",
    );
    let (response, json) = status(&worker, &unknown).await;
    is_problem(&response, &json, StatusCode::NOT_FOUND, "QUEUE_NOT_FOUND");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_shows_its_settings_and_no_secret() {
    let worker = running().await;
    let opens = "2999-01-01T00:00:00Z";
    let body = json!({"queueId": "q", "maxActive": 5, "admitPerSecond": 2, "opensAt": opens, "shuffle": true, "key": "AAAA", "seed": "AAAA",
        "guards": [{"type": "SCHEDULE", "id": "schedule_456"}, {"type": "coupon", "id": 1}, {"type": "timesale", "id": "1"}]});
    let (response, queue) = post(&worker, "/api/queues", body.clone()).await;
    assert_eq!(response.status(), answer::CREATED, "{queue}");
    assert_eq!(
        (&queue["queueId"], &queue["maxActive"], &queue["admitPerSecond"], &queue["activeMs"], &queue["state"]),
        (&json!("q"), &json!(5), &json!(2), &json!(600_000), &json!("OPEN")),
        "{queue}"
    );
    let guards: Vec<_> = queue["guards"].as_array().unwrap().iter().map(|guard| guard["type"].clone()).collect();
    assert_eq!(guards, ["schedule", "policy", "sale"]);
    assert!(queue["seedHash"].as_str().is_some_and(|hash| hash.len() >= 43), "{queue}");
    assert!(queue.get("seed").is_none_or(Value::is_null) && queue.get("key").is_none(), "{queue}");
    // The same command again changes nothing, whatever is drawn for it; another queue is refused.
    let (response, again) = post(&worker, "/api/queues", body).await;
    assert_eq!((response.status(), &again["seedHash"]), (answer::CREATED, &queue["seedHash"]));
    let other = json!({"queueId": "q", "maxActive": 6, "admitPerSecond": 2});
    let (response, json) = post(&worker, "/api/queues", other).await;
    is_problem(&response, &json, StatusCode::CONFLICT, "QUEUE_ALREADY_EXISTS");
    // Before it opens there are no positions.
    let (created, ticket) = join(&worker, "q", "early").await;
    assert_eq!((created, &ticket["status"], ticket.get("queuePosition")), (answer::CREATED, &json!("PRE_QUEUE"), None));
    worker.stop().await;
}

async fn patch(worker: &Worker, uri: &str, body: &Value) -> (Response<Body>, Value) {
    let request = Request::patch(uri).header("content-type", "application/json").body(Body::from(body.to_string()));
    worker.ask(request.unwrap()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_is_changed_and_what_makes_no_sense_is_refused() {
    let worker = running().await;
    create(&worker, "q", 1).await;
    let (response, queue) = patch(&worker, "/api/queues/q", &json!({"maxActive": 2, "state": "PAUSED"})).await;
    assert_eq!(
        (response.status(), &queue["maxActive"], &queue["state"], &queue["admitPerSecond"]),
        (answer::OK, &json!(2), &json!("PAUSED"), &json!(1_000))
    );
    let (_, ticket) = join(&worker, "q", "a").await;
    assert_eq!((&ticket["status"], &ticket["queuePosition"]), (&json!("WAITING"), &json!(1)));
    patch(&worker, "/api/queues/q", &json!({"state": "DRAINING"})).await;
    assert_eq!(status(&worker, token(&ticket)).await.1["status"], "ACTIVE");
    let (response, json) = post(&worker, "/api/queue/token", json!({"userId": "b", "queueId": "q"})).await;
    is_problem(&response, &json, StatusCode::CONFLICT, "QUEUE_CLOSED");
    assert_eq!(join(&worker, "q", "a").await.0, answer::OK, "a ticket that is there is shown");
    let (invalid, not_found) = (StatusCode::UNPROCESSABLE_ENTITY, StatusCode::NOT_FOUND);
    let queue = |change: Value| {
        let mut body = json!({"queueId": "r", "maxActive": 1, "admitPerSecond": 1});
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        body
    };
    for (uri, body, status, code) in [
        ("/api/queues", json!({"queueId": "r"}), invalid, "VALIDATION_FAILED"),
        ("/api/queues", queue(json!({"maxActive": 0})), invalid, "INVALID_MAX_ACTIVE"),
        ("/api/queues", queue(json!({"admitPerSecond": 0})), invalid, "INVALID_ADMIT_PER_SECOND"),
        ("/api/queues", queue(json!({"activeMs": 1})), invalid, "INVALID_DURATION"),
        ("/api/queues", queue(json!({"opensAt": "noon"})), invalid, "INVALID_TIME"),
        ("/api/queues", queue(json!({"guards": [{"type": "seat", "id": "1"}]})), invalid, "VALIDATION_FAILED"),
        ("/api/queues", queue(json!({"queueId": " "})), invalid, "VALIDATION_FAILED"),
        ("/api/queue/token", json!({"userId": "u", "queueId": "none"}), not_found, "QUEUE_NOT_FOUND"),
        ("/api/queue/token", json!({}), invalid, "VALIDATION_FAILED"),
    ] {
        let (response, json) = post(&worker, uri, body).await;
        is_problem(&response, &json, status, code);
    }
    let (_, json) = post(&worker, "/api/queue/token", json!({})).await;
    let fields: Vec<_> = json["errors"].as_array().unwrap().iter().map(|error| error["field"].clone()).collect();
    assert_eq!(fields, ["userId", "queueId"]);
    let (response, json) = patch(&worker, "/api/queues/q", &json!({"state": "CLOSED"})).await;
    is_problem(&response, &json, invalid, "VALIDATION_FAILED");
    let (response, json) = patch(&worker, "/api/queues/none", &json!({"maxActive": 1})).await;
    is_problem(&response, &json, not_found, "QUEUE_NOT_FOUND");
    let (response, json) = worker.get("/api/queues/none").await;
    is_problem(&response, &json, not_found, "QUEUE_NOT_FOUND");
    worker.stop().await;
}

/// An open stream.
struct Stream(Response<Body>);

impl Stream {
    async fn open(worker: &Worker, request: Request<Body>) -> Self {
        let response = super::router(worker.api.clone()).oneshot(super::from_here(request)).await.unwrap();
        Self(response)
    }

    async fn of(worker: &Worker, token: &str) -> Self {
        let stream = Self::open(worker, asking("GET", "/api/queue/stream", token)).await;
        assert_eq!(stream.0.status(), answer::OK);
        stream
    }

    /// The next piece of it; none: it has ended.
    async fn piece(&mut self) -> Option<String> {
        let frame = tokio::time::timeout(Duration::from_secs(20), self.0.body_mut().frame()).await.unwrap()?;
        Some(String::from_utf8(frame.unwrap().into_data().unwrap().to_vec()).unwrap())
    }

    /// The data of the next event.
    async fn event(&mut self) -> Value {
        loop {
            let piece = self.piece().await.expect("the stream goes on");
            if let Some(data) = piece.lines().find_map(|line| line.strip_prefix("data: ")) {
                return serde_json::from_str(data).unwrap();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_tells_every_change_and_ends_with_its_ticket() {
    let worker = running().await;
    create(&worker, "q", 1).await;
    let (_, a) = join(&worker, "q", "a").await;
    let (_, b) = join(&worker, "q", "b").await;
    let (_, c) = join(&worker, "q", "c").await;
    let mut stream = Stream::of(&worker, token(&c)).await;
    assert_eq!(stream.0.headers()["content-type"], "text/event-stream");
    let first = stream.event().await;
    assert_eq!((&first["status"], &first["queuePosition"]), (&json!("WAITING"), &json!(2)), "{first}");
    worker.ask(asking("DELETE", "/api/queue/token", token(&b))).await;
    assert_eq!(stream.event().await["queuePosition"], 1);
    worker.ask(asking("DELETE", "/api/queue/token", token(&a))).await;
    let active = stream.event().await;
    assert_eq!((&active["status"], &active["queuePosition"]), (&json!("ACTIVE"), &json!(0)));
    worker.ask(asking("DELETE", "/api/queue/token", token(&c))).await;
    let ended = stream.event().await;
    assert_eq!((&ended["status"], &ended["reason"]), (&json!("ENDED"), &json!("LEFT")));
    assert_eq!(stream.piece().await, None);
    // A browser asks again, and hears that there is nothing more.
    let mut again = asking("GET", "/api/queue/stream", token(&c));
    again.headers_mut().insert("last-event-id", "ended".parse().unwrap());
    assert_eq!(Stream::open(&worker, again).await.0.status(), answer::NOTHING);
    let by_query = Request::get(format!("/api/queue/stream?token={}", token(&c))).body(Body::empty()).unwrap();
    let mut stream = Stream::open(&worker, by_query).await;
    assert_eq!(stream.event().await["status"], "ENDED");
    assert_eq!(stream.piece().await, None);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_are_bounded_and_end_when_the_worker_stops() {
    let worker = running().await;
    create(&worker, "q", 1).await;
    let (_, ticket) = join(&worker, "q", "a").await;
    let mut streams = Vec::new();
    for _ in 0..worker.api.settings.streams_max {
        streams.push(Stream::of(&worker, token(&ticket)).await);
    }
    let (code, json) = answered(&worker.api, asking("GET", "/api/queue/stream", token(&ticket))).await;
    assert_eq!((code, &json["code"]), (answer::NOT_READY, &json!("OVERLOADED")));
    assert!(json["retryAfterMs"].is_u64());
    streams.pop();
    streams.push(Stream::of(&worker, token(&ticket)).await);
    worker.stop.send_replace(true);
    for mut stream in streams {
        let mut all = String::new();
        while let Some(piece) = stream.piece().await {
            all.push_str(&piece);
        }
        assert!(all.ends_with("retry: 1000\n\n"), "{all}");
    }
    let mut late = Stream::of(&worker, token(&ticket)).await;
    while late.piece().await.is_some() {}
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signs_of_life_are_told_once_a_second_and_not_once_a_question() {
    let worker = running().await;
    create(&worker, "q", 1).await;
    let (_, ticket) = join(&worker, "q", "a").await;
    let place = place_of(b"q", PLACES);
    let next = || worker.api.queries.task(NAME, place).unwrap().next_offset();
    let before = next();
    for _ in 0..50 {
        assert_eq!(status(&worker, token(&ticket)).await.0.status(), answer::OK);
    }
    let mut look = tokio::time::interval(Duration::from_millis(20));
    while next() == before {
        look.tick().await;
    }
    assert!(next() <= before + 4, "{} records of 50 questions", next() - before);
    let metrics = prometheus::TextEncoder::new().encode_to_string(&worker.api.registry.gather()).unwrap();
    for line in [
        "holdfast_queue_touches_total 1",
        "holdfast_queue_tickets{state=\"ACTIVE\"} 1",
        "holdfast_queue_tickets{state=\"WAITING\"} 0",
        "holdfast_queue_streams 0",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_does_not_own_the_queue_serves_its_clients() {
    let (owner, asker) = (running().await, idle(None));
    all_places_are_at(&asker, &served(&owner).await, Some(owner.api.settings.secret.clone()));
    create(&asker, "q", 1).await;
    let (code, a) = join(&asker, "q", "a").await;
    assert_eq!((code, &a["status"]), (answer::CREATED, &json!("ACTIVE")), "{a}");
    let (_, b) = join(&owner, "q", "b").await;
    assert_eq!(join(&asker, "q", "b").await, (answer::OK, b.clone()), "the same ticket, whoever is asked");
    let (response, json) = status(&asker, token(&b)).await;
    assert_eq!((response.status(), &json["queuePosition"]), (answer::OK, &json!(1)), "{json}");
    for uri in ["/api/queue/status", "/api/queue/stream"] {
        let (response, json) = asker.ask(asking("GET", uri, &format!("{}A", token(&b)))).await;
        assert_eq!((response.status(), &json["code"]), (StatusCode::UNAUTHORIZED, &json!("INVALID_TOKEN")), "{uri}");
    }
    let mut stream = Stream::of(&asker, token(&b)).await;
    assert_eq!(stream.event().await["queuePosition"], 1);
    let (response, json) = asker.ask(asking("DELETE", "/api/queue/token", token(&a))).await;
    assert_eq!((response.status(), &json["status"]), (answer::OK, &json!("ENDED")), "{json}");
    assert_eq!(stream.event().await["status"], "ACTIVE");
    // What replicas ask each other is for replicas.
    let body = json!({"queueId": "q", "tickets": [1]});
    let (response, json) = post(&owner, "/api/queue/standings", body).await;
    is_problem(&response, &json, StatusCode::NOT_FOUND, "ROUTE_NOT_FOUND");
    owner.stop().await;
}
