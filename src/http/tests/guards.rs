//! Subjects that a queue guards, through the router: who brings no token of a live admission is refused before anything is appended.

use super::seats::seat;
use super::{PLACES, Worker, is_problem, running};
use crate::http::error::answer;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use holdfast_model::guard::{GuardCommand, GuardMessage, QueueKey, Subject, SubjectType};
use holdfast_model::queue::token;
use holdfast_model::{coupon, reservation, timesale};
use holdfast_ports::log::Appender;
use holdfast_ports::place::place_of;
use holdfast_ports::record::NewRecord;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::oneshot;

const QUEUE: &str = "opening";

fn key() -> QueueKey {
    QueueKey::new([7; 32])
}

/// The token of a ticket of this user, as the queue's door makes it.
fn token_of(queue_id: &str, ticket: u64, user_id: &str) -> String {
    token::of(&key(), place_of(queue_id.as_bytes(), PLACES), queue_id, ticket, user_id)
}

/// A route by which something of a subject is asked for.
#[derive(Clone)]
struct Way {
    subject: Subject,
    uri: &'static str,
    body: fn(&str) -> Value,
    /// The status of a request that is taken in.
    good: StatusCode,
}

fn ways() -> Vec<Way> {
    let way = |kind, id: &str, uri, body, good| Way { subject: Subject::new(kind, id), uri, body, good };
    let order = |user: &str| json!({"userId": user, "quantity": 1});
    let coupon = |user: &str| json!({"policyId": "1", "userId": user});
    let (schedule, policy, sale) = (SubjectType::Schedule, SubjectType::Policy, SubjectType::Sale);
    vec![
        way(schedule, "schedule_456", "/reservations", |user| seat(user, 7), answer::CREATED),
        way(schedule, "schedule_456", "/reserve", |user| seat(user, 7), answer::CREATED),
        way(policy, "1", "/api/coupons/issue", coupon, answer::ACCEPTED),
        way(policy, "1", "/api/coupons/issue?strategy=v1", coupon, answer::OK),
        way(policy, "1", "/api/coupons/1/issue?userId=u", |_| Value::Null, answer::ACCEPTED),
        way(sale, "1", "/api/timesales/1/orders", order, answer::ACCEPTED),
        way(sale, "1", "/api/timesales/1/orders?strategy=v2", order, answer::OK),
    ]
}

impl Way {
    fn topology(&self) -> &'static str {
        match self.subject.kind {
            SubjectType::Schedule => reservation::NAME,
            SubjectType::Policy => coupon::NAME,
            SubjectType::Sale => timesale::NAME,
        }
    }

    fn place(&self) -> u32 {
        place_of(self.subject.inbox_key().as_bytes(), PLACES)
    }

    /// Asks as user `u`.
    async fn ask(&self, worker: &Worker, headers: &[(&str, &str)]) -> (Response<Body>, Value) {
        worker.post(self.uri, headers, &(self.body)("u").to_string()).await
    }

    /// How many records the subject's inbox has in its place.
    fn inbox_end(&self, worker: &Worker) -> i64 {
        let source = holdfast_ports::record::TopicPartition::new(self.subject.kind.inbox(), self.place());
        let mut fetcher = worker.api.log.fetcher().unwrap();
        fetcher.end(&source, holdfast_ports::log::End::Stable).unwrap()
    }
}

/// Appends what a queue says; where it lies.
async fn append(worker: &Worker, way: &Way, queue_id: &str, command: GuardCommand) -> i64 {
    let message = GuardMessage { queue_id: queue_id.to_owned(), subject: way.subject.clone(), command };
    let (key, value) = (way.subject.inbox_key().into_owned(), message.to_json());
    let (topic, partition) = (way.subject.kind.inbox(), way.place());
    let record = NewRecord { topic, partition, key: Some(key.as_bytes()), value: Some(&value), headers: &[] };
    let (done, appended) = oneshot::channel();
    let tell = move |result| drop(done.send(result));
    worker.appender.append(record, Box::new(tell));
    appended.await.unwrap().unwrap().offset
}

/// What a queue says, decided.
async fn say(worker: &Worker, way: &Way, command: GuardCommand) {
    let offset = append(worker, way, QUEUE, command).await;
    let view = worker.api.queries.task(way.topology(), way.place()).unwrap();
    worker.api.wait_position(&view, offset, Duration::from_secs(10)).await.unwrap();
}

fn admit(worker: &Worker, ticket: u64, for_ms: i64) -> GuardCommand {
    let active_until_ms = worker.api.clock.now_ms() + for_ms;
    GuardCommand::Admit { ticket, user_id: "u".to_owned(), active_until_ms }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guarded_subject_is_for_those_that_were_let_in() {
    for way in ways() {
        let worker = running().await;
        // A header is not looked at where nothing is guarded.
        say(&worker, &way, GuardCommand::Guard { key: key() }).await;
        say(&worker, &way, admit(&worker, 5, 60_000)).await;
        let before = way.inbox_end(&worker);
        let good = token_of(QUEUE, 5, "u");
        let mut forged = good.clone();
        forged.replace_range(forged.len() - 1.., if good.ends_with('A') { "E" } else { "A" });
        for (what, token) in [
            ("none", None),
            ("nonsense", Some("nonsense".to_owned())),
            ("blank", Some(String::new())),
            ("forged", Some(forged)),
            ("another user's", Some(token_of(QUEUE, 5, "v"))),
            ("another queue's", Some(token_of("other", 5, "u"))),
            ("an older ticket's", Some(token_of(QUEUE, 4, "u"))),
        ] {
            let headers: Vec<_> = token.iter().map(|token| ("x-queue-token", &**token)).collect();
            let (response, json) = way.ask(&worker, &headers).await;
            is_problem(&response, &json, StatusCode::FORBIDDEN, "QUEUE_NOT_ACTIVE");
            assert_eq!(json["detail"], "입장 순서가 되지 않았거나 입장 시간이 끝났습니다", "{what}");
        }
        let (response, json) = way.ask(&worker, &[("x-queue-token", &good), ("x-queue-token", &good)]).await;
        is_problem(&response, &json, StatusCode::FORBIDDEN, "QUEUE_NOT_ACTIVE");
        assert_eq!(way.inbox_end(&worker), before, "nothing is appended");
        let (response, json) = way.ask(&worker, &[("X-Queue-Token", &good)]).await;
        assert_eq!(response.status(), way.good, "{} {json}", way.uri);
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admission_that_is_over_is_none() {
    for way in ways() {
        let worker = running().await;
        say(&worker, &way, GuardCommand::Guard { key: key() }).await;
        say(&worker, &way, admit(&worker, 5, 0)).await;
        let token = token_of(QUEUE, 5, "u");
        let (response, json) = way.ask(&worker, &[("x-queue-token", &token)]).await;
        is_problem(&response, &json, StatusCode::FORBIDDEN, "QUEUE_NOT_ACTIVE");
        say(&worker, &way, admit(&worker, 6, 60_000)).await;
        say(&worker, &way, GuardCommand::EndAdmission { ticket: 6, user_id: "u".to_owned() }).await;
        let token = token_of(QUEUE, 6, "u");
        let (response, json) = way.ask(&worker, &[("x-queue-token", &token)]).await;
        is_problem(&response, &json, StatusCode::FORBIDDEN, "QUEUE_NOT_ACTIVE");
        say(&worker, &way, GuardCommand::Unguard).await;
        let (response, json) = way.ask(&worker, &[]).await;
        assert_eq!(response.status(), way.good, "{json}");
        worker.stop().await;
    }
}

/// The client has read `ACTIVE` of the queue before the subject's place has decided the admission.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admission_that_is_on_its_way_is_waited_for() {
    let worker = running().await;
    let way = ways().remove(0);
    say(&worker, &way, GuardCommand::Guard { key: key() }).await;
    let token = token_of(QUEUE, 5, "u");
    let headers = [("x-queue-token", &*token)];
    let admitted = append(&worker, &way, QUEUE, admit(&worker, 5, 60_000));
    let ((response, json), _) = tokio::join!(way.ask(&worker, &headers), admitted);
    assert_eq!(response.status(), way.good, "{json}");
    // One that does not come is not waited for without end.
    let later = token_of(QUEUE, 9, "u");
    let (response, json) = way.ask(&worker, &[("x-queue-token", &later)]).await;
    is_problem(&response, &json, StatusCode::FORBIDDEN, "QUEUE_NOT_ACTIVE");
    worker.stop().await;
}

/// A retry under its key gets what its request came to, with or without an admission.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repetition_gets_its_outcome_when_the_admission_is_over() {
    for way in ways().into_iter().filter(|way| way.good != answer::ACCEPTED) {
        let worker = running().await;
        say(&worker, &way, GuardCommand::Guard { key: key() }).await;
        let (response, json) = way.ask(&worker, &[("idempotency-key", "k")]).await;
        is_problem(&response, &json, StatusCode::FORBIDDEN, "QUEUE_NOT_ACTIVE");
        say(&worker, &way, admit(&worker, 5, 60_000)).await;
        let token = token_of(QUEUE, 5, "u");
        // Refused at the door, the key is still free.
        let (response, first) = way.ask(&worker, &[("idempotency-key", "k"), ("x-queue-token", &token)]).await;
        assert_eq!(response.status(), way.good, "{first}");
        say(&worker, &way, GuardCommand::EndAdmission { ticket: 5, user_id: "u".to_owned() }).await;
        let (response, again) = way.ask(&worker, &[("idempotency-key", "k")]).await;
        assert_eq!(
            (response.status(), &response.headers()["idempotent-replayed"]),
            (way.good, &"true".parse().unwrap())
        );
        assert_eq!(again, first);
        worker.stop().await;
    }
}

/// A hold that there is, is paid without a token.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_is_paid_without_a_token() {
    let worker = running().await;
    let way = ways().remove(0);
    let (response, held) = worker.post("/reservations", &[], &seat("user_123", 3).to_string()).await;
    assert_eq!(response.status(), answer::CREATED, "{held}");
    say(&worker, &way, GuardCommand::Guard { key: key() }).await;
    let pay = json!({"reservationId": held["reservationId"], "amount": 50_000});
    let (response, json) = worker.post("/payments", &[], &pay.to_string()).await;
    assert_eq!((response.status(), json["status"].as_str()), (answer::OK, Some("SUCCESS")), "{json}");
    worker.stop().await;
}
