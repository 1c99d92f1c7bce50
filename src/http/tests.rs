//! The routes on a real embedded log and a real stream thread, without a socket.

mod admin;
mod bodies;
mod eventful;
mod expired;
mod guards;
mod keys;
mod live;
mod notifications;
mod peers;
mod positions;
mod queue;
mod repetitions;
mod seat_map;
mod seats;
mod series;
mod strangers;
mod strict;
mod timesales;
mod waitlist;
mod web;

use super::error::answer;
use super::*;
use crate::worker::topics::Wanted;
use crate::worker::{observer, sample, stream};
use axum::body::{Body, to_bytes};
use axum::http::{HeaderValue, Request, Response, StatusCode};
use eventful::Eventful;
use holdfast_engine::inspect::EngineMetrics;
use holdfast_engine::runtime::{self, CommitConfig, StreamConfig};
use holdfast_log_embedded::{EmbeddedConfig, EmbeddedLog};
use holdfast_ports::membership::{Member, Owner};
use holdfast_state::{RocksStores, StateConfig};
use holdfast_tools::clock::SystemClock;
use parking_lot::Mutex;
use serde_json::{Value, json};
use server::Connection;
use std::time::Duration;
use tempfile::TempDir;
use tower::ServiceExt;

const PLACES: u32 = 3;

struct Worker {
    api: Api,
    appender: Arc<Eventful>,
    stream: Option<stream::Running>,
    observer: Option<observer::Observer>,
    stop: watch::Sender<bool>,
    _dir: TempDir,
}

/// A worker whose places do not run.
fn idle(admin_token: Option<&str>) -> Worker {
    idle_of(admin_token, holdfast_topologies::all())
}

/// A worker of these topologies whose places do not run.
fn idle_of(admin_token: Option<&str>, topologies: Vec<Topology>) -> Worker {
    let dir = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let log: Arc<dyn Log> = EmbeddedLog::open(EmbeddedConfig::new(dir.path().join("log"), clock.clone())).unwrap();
    let appender = Arc::new(Eventful { inner: log.appender().unwrap(), before: Mutex::default() });
    let registry = Registry::new();
    let (stop, stopping) = watch::channel(false);
    let settings = ApiSettings {
        app: "test".to_owned(),
        places: PLACES,
        record_bytes_max: 10_000,
        endpoint: "http://here".to_owned(),
        admin_token: admin_token.map(Secret::new),
        secret: signature::draw().unwrap(),
        role: Role::All,
        peer_connections_max: 8,
        streams_max: 4,
        sample: true,
    };
    let api = Api::new(Parts {
        settings,
        topologies,
        clock,
        appender: appender.clone(),
        log,
        queries: Arc::new(Queries::default()),
        status: Status::default(),
        claims: Claims::default(),
        lag: LagBoard::register(&registry).unwrap(),
        alerts: AlertBoard::register(&registry).unwrap(),
        expiries: ExpiryBoard::default(),
        metrics: HttpMetrics::register(&registry).unwrap(),
        registry,
        loaded: Arc::new(AtomicBool::new(true)),
        topics: TopicBoard::default(),
        stopping,
    });
    let api = api.unwrap().listening_on("127.0.0.1:1".parse().unwrap());
    Worker { api, appender, stream: None, observer: None, stop, _dir: dir }
}

/// A worker that runs, with the sample policy.
async fn running() -> Worker {
    running_as(idle(None)).await
}

async fn running_as(mut worker: Worker) -> Worker {
    let api = &worker.api;
    let member = Member { app: "test".to_owned(), worker: None, places: PLACES };
    let owner = Owner::new("http://here", "test-0");
    let wanted = Wanted::of(&api.topologies, "test", PLACES, None);
    let parts = runtime::Parts {
        config: StreamConfig::new(member, owner, CommitConfig::EMBEDDED),
        topologies: api.topologies.clone(),
        log: api.log.clone(),
        stores: Arc::new(RocksStores::open(StateConfig::new(worker._dir.path().join("state"))).unwrap()),
        clock: api.clock.clone(),
        queries: api.queries.clone(),
        status: api.status.clone(),
        metrics: EngineMetrics::register(&Registry::new()).unwrap(),
        performer: Box::new(holdfast_sim::NoEffects),
        assistant: None,
    };
    worker.stream = Some(stream::spawn(parts, wanted).unwrap());
    worker.observer = Some(observer::spawn(
        api.log.clone(),
        api.clock.clone(),
        api.status.clone(),
        api.topologies.clone(),
        api.lag.clone(),
        api.expiries.clone(),
    ));
    let mut look = tokio::time::interval(Duration::from_millis(5));
    while !api.every_place_runs() {
        look.tick().await;
    }
    sample::load(api).await.unwrap();
    worker
}

/// Status and body of an answer.
async fn answered(api: &Api, request: Request<Body>) -> (StatusCode, Value) {
    let response = router(api.clone()).oneshot(from_here(request)).await.unwrap();
    let (status, body) = (response.status(), to_bytes(response.into_body(), 10 << 20).await.unwrap());
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

impl Worker {
    fn set_role(&mut self, role: Role) {
        Arc::get_mut(&mut self.api.shared).expect("nobody has asked yet").parts.settings.role = role;
    }

    async fn ask(&self, request: Request<Body>) -> (Response<Body>, Value) {
        self.ask_as_it_is(from_here(request)).await
    }

    async fn ask_as_it_is(&self, request: Request<Body>) -> (Response<Body>, Value) {
        let mut response = router(self.api.clone()).oneshot(request).await.unwrap();
        let body = to_bytes(std::mem::take(response.body_mut()), 10 << 20).await.unwrap();
        let json = serde_json::from_slice(&body).unwrap_or(Value::Null);
        (response, json)
    }

    async fn get(&self, uri: &str) -> (Response<Body>, Value) {
        self.ask(Request::get(uri).body(Body::empty()).unwrap()).await
    }

    async fn post(&self, uri: &str, headers: &[(&str, &str)], body: &str) -> (Response<Body>, Value) {
        let mut request = Request::post(uri).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.ask(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// The places move away, to nobody, when the next record is about to be appended.
    fn stop_before_next_append(&mut self) {
        let (stream, runtime) = (self.stream.take().unwrap(), tokio::runtime::Handle::current());
        *self.appender.before.lock() = Some(Box::new(move || {
            let stop = move || runtime.block_on(stream.stop(Duration::from_secs(10)));
            std::thread::spawn(stop).join().unwrap().unwrap();
        }));
    }

    /// This is asked, and answered, when the next record is about to be appended.
    fn ask_before_next_append(&self, request: Request<Body>) {
        self.ask_all_before_next_append(vec![request]);
    }

    /// These are asked, and answered, one after the other when the next record is about to be appended.
    fn ask_all_before_next_append(&self, requests: Vec<Request<Body>>) {
        let (router, runtime) = (router(self.api.clone()), tokio::runtime::Handle::current());
        *self.appender.before.lock() = Some(Box::new(move || {
            for request in requests {
                let (router, runtime) = (router.clone(), runtime.clone());
                let ask = move || runtime.block_on(router.oneshot(from_here(request))).unwrap().status();
                let status = std::thread::spawn(ask).join().unwrap();
                assert!(status.is_success(), "{status}");
            }
        }));
    }

    /// From now on only what a test shows is seen of the lag.
    async fn stop_observing(&mut self) {
        let before = Arc::strong_count(&self.api.log);
        if let Some(observer) = self.observer.take() {
            observer.stop();
        }
        // It holds the log until it has gone.
        let mut look = tokio::time::interval(Duration::from_millis(5));
        while Arc::strong_count(&self.api.log) >= before {
            look.tick().await;
        }
    }

    async fn stop(mut self) {
        if let Some(observer) = self.observer.take() {
            observer.stop();
        }
        if let Some(stream) = self.stream.take() {
            stream.stop(Duration::from_secs(10)).await.unwrap();
        }
    }
}

/// The request as a program on this machine sends it, unless it says otherwise: over the loopback, with a `Host` of it.
fn from_here(mut request: Request<Body>) -> Request<Body> {
    if request.extensions().get::<Connection>().is_none() {
        request.extensions_mut().insert(between("127.0.0.1:5", "127.0.0.1:1"));
    }
    request.headers_mut().entry("host").or_insert(HeaderValue::from_static("127.0.0.1:1"));
    request
}

fn between(peer: &str, local: &str) -> Connection {
    Connection { peer: peer.parse().unwrap(), local: local.parse().unwrap() }
}

fn is_problem(response: &Response<Body>, json: &Value, status: StatusCode, code: &str) {
    assert_eq!((response.status(), json["code"].as_str()), (status, Some(code)), "{json}");
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert_eq!(json["status"], status.as_u16());
    for member in ["type", "title", "detail", "instance", "requestId"] {
        assert!(json[member].as_str().is_some_and(|text| !text.is_empty()), "{member} in {json}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_a_problem() {
    let worker = idle(None);
    let issue = "/api/coupons/issue";
    for (headers, body, status, code) in [
        (vec![], "{", StatusCode::BAD_REQUEST, "MALFORMED_REQUEST"),
        (vec![], "[]", StatusCode::UNPROCESSABLE_ENTITY, "VALIDATION_FAILED"),
        (vec![], r#"{"policyId":"1"}"#, StatusCode::UNPROCESSABLE_ENTITY, "VALIDATION_FAILED"),
        (vec![], r#"{"policyId":"1","userId":""}"#, StatusCode::UNPROCESSABLE_ENTITY, "VALIDATION_FAILED"),
        (vec![], r#"{"policyId":1.5,"userId":"1"}"#, StatusCode::UNPROCESSABLE_ENTITY, "VALIDATION_FAILED"),
    ] {
        let (response, json) = worker.post(issue, &headers, body).await;
        is_problem(&response, &json, status, code);
        assert_eq!(json["instance"], issue);
    }
    let form = Request::post(issue)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from("policyId=1"))
        .unwrap();
    let (response, json) = worker.ask(form).await;
    is_problem(&response, &json, StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE");
    let (response, json) = worker.post(issue, &[], &"x".repeat(BODY_BYTES_MAX + 1)).await;
    is_problem(&response, &json, StatusCode::PAYLOAD_TOO_LARGE, "BODY_TOO_LARGE");
    let (response, json) = worker.post("/api/coupons/issue?strategy=v4", &[], r#"{"policyId":"1","userId":"1"}"#).await;
    is_problem(&response, &json, StatusCode::UNPROCESSABLE_ENTITY, "VALIDATION_FAILED");
}

#[tokio::test]
async fn unknown_routes_and_methods_are_problems() {
    let worker = idle(None);
    let (response, json) = worker.get("/nowhere").await;
    is_problem(&response, &json, StatusCode::NOT_FOUND, "ROUTE_NOT_FOUND");
    let (response, json) = worker.get("/api/coupons/issue").await;
    is_problem(&response, &json, StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED");
    assert_eq!(response.headers()["allow"], "POST");
    let given = Request::get("/nowhere").header("x-request-id", "mine").body(Body::empty()).unwrap();
    assert_eq!(worker.ask(given).await.1["requestId"], "mine");
}

#[tokio::test]
async fn while_no_place_runs_nothing_is_accepted() {
    let worker = idle(None);
    let (response, json) = worker.post("/api/coupons/issue", &[], r#"{"policyId":"1","userId":"1"}"#).await;
    is_problem(&response, &json, StatusCode::SERVICE_UNAVAILABLE, "PLACE_UNAVAILABLE");
    assert_eq!((&response.headers()["retry-after"], &json["retryAfterMs"]), (&"1".parse().unwrap(), &1000.into()));
    let (response, json) = worker.get("/health/ready").await;
    assert_eq!(
        (response.status(), json["reasons"].as_array().is_some_and(|r| !r.is_empty())),
        (answer::NOT_READY, true),
        "{json}"
    );
    assert_eq!(worker.get("/health/live").await.0.status(), StatusCode::OK);
    assert_eq!(worker.get("/").await.0.status(), StatusCode::OK);
    assert_eq!(worker.get("/openapi.json").await.0.status(), StatusCode::OK);
    assert_eq!(worker.get("/metrics").await.0.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_accepted_and_then_decided() {
    let worker = running().await;
    let (response, json) =
        worker.post("/api/coupons/issue?strategy=v3", &[], r#"{"policyId":"1","userId":"1001"}"#).await;
    assert_eq!(response.status(), answer::ACCEPTED);
    let id = json["requestId"].as_str().unwrap().to_owned();
    assert_eq!(
        json,
        serde_json::json!({
            "status": "PENDING", "message": "쿠폰 발급 요청이 접수되었습니다. 잠시 후 확인해주세요.", "policyId": "1", "userId": "1001", "requestId": id
        })
    );
    assert_eq!(response.headers()["location"], format!("/api/coupons/requests/{id}"));
    let (_, json) = worker.get(&format!("/api/coupons/requests/{id}?waitMs=5000")).await;
    assert_eq!((json["status"].as_str(), json["couponId"].as_str()), (Some("SUCCESS"), Some("cpn_0_1_1")), "{json}");

    let (response, json) = worker.post("/api/coupons/1/issue?userId=16", &[], "").await;
    assert_eq!((response.status(), &json["success"]), (answer::ACCEPTED, &true.into()));
    assert_eq!(json["message"], "쿠폰 발급 요청이 정상적으로 접수되었습니다. 잠시 후 쿠폰이 발급됩니다.");
    let (_, json) =
        worker.get(&format!("/api/coupons/requests/{}?waitMs=5000", json["requestId"].as_str().unwrap())).await;
    assert_eq!(json["status"], "SUCCESS");

    let (response, json) = worker.post("/api/coupons/1/issue?userId=16", &[], "").await;
    is_problem(&response, &json, StatusCode::CONFLICT, "DUPLICATE_REQUEST");
    assert_eq!(json["detail"], "이미 발급받은 쿠폰입니다");
    let (response, json) = worker.post("/api/coupons/9/issue?userId=16", &[], "").await;
    is_problem(&response, &json, StatusCode::NOT_FOUND, "POLICY_NOT_FOUND");
    let (_, json) = worker.get("/api/coupons/policies/1").await;
    assert_eq!((&json["issued"], &json["remaining"]), (&2.into(), &98.into()));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_synchronous_forms_answer_with_the_outcome_and_a_retry_with_the_same() {
    let worker = running().await;
    let (uri, body) = ("/api/coupons/issue?strategy=v1", r#"{"policyId":1,"userId":7}"#);
    let (response, first) = worker.post(uri, &[("idempotency-key", "\"k\"")], body).await;
    assert_eq!(
        (response.status(), first["status"].as_str(), first["userId"].as_str()),
        (answer::OK, Some("SUCCESS"), Some("7")),
        "{first}"
    );
    assert!(!response.headers().contains_key("idempotent-replayed"));
    let (response, again) = worker.post(uri, &[("idempotency-key", "k")], body).await;
    assert_eq!(
        (response.status(), &response.headers()["idempotent-replayed"], again),
        (answer::OK, &"true".parse().unwrap(), first)
    );
    for other in [r#"{"policyId":"2","userId":"7"}"#, r#"{"policyId":"other","userId":"7"}"#] {
        let (response, json) = worker.post(uri, &[("idempotency-key", "k")], other).await;
        is_problem(&response, &json, StatusCode::UNPROCESSABLE_ENTITY, "IDEMPOTENCY_KEY_REUSED");
    }
    let (response, json) = worker.post(uri, &[("idempotency-key", "l")], body).await;
    is_problem(&response, &json, StatusCode::CONFLICT, "DUPLICATE_REQUEST");
    worker.stop().await;
}

/// What is in the log will be decided, if not here: no client may be told "not now" about it, and ask a second time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_whose_place_moves_away_after_the_append_is_not_refused() {
    for (uri, body, status) in [
        ("/api/coupons/issue?strategy=v1", r#"{"policyId":1,"userId":7}"#, answer::ACCEPTED),
        ("/api/coupons/policies", r#"{"policyId":"2","title":"t","totalQuantity":1}"#, StatusCode::SERVICE_UNAVAILABLE),
    ] {
        let mut worker = running().await;
        worker.stop_before_next_append();
        let (response, json) = worker.post(uri, &[], body).await;
        assert_eq!(response.status(), status, "{uri}: {json}");
        assert!(json["requestId"].is_string(), "it can be asked for: {json}");
        assert!(status == answer::ACCEPTED || json["code"] == "OUTCOME_UNKNOWN", "{json}");
        let (response, json) = worker.post(uri, &[], body).await;
        is_problem(&response, &json, StatusCode::SERVICE_UNAVAILABLE, "PLACE_UNAVAILABLE");
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_requests_are_not_found_and_a_stop_ends_a_long_poll() {
    let worker = running().await;
    for id in ["req_0_never", "req_2_never", "req_9_x", "nonsense", "req__", "%20"] {
        let (response, json) = worker.get(&format!("/api/coupons/requests/{id}")).await;
        is_problem(&response, &json, StatusCode::NOT_FOUND, "REQUEST_NOT_FOUND");
    }
    // The client says that it was accepted there: it is pending for as long as that is not decided.
    worker.api.ends.note(holdfast_model::coupon::INBOX, 0, 1_000_000);
    let far = "/api/coupons/requests/req_0_never?after=coupon-0-1000000&waitMs=30000";
    let polled = worker.get(far);
    let stopped = async {
        tokio::task::yield_now().await;
        worker.stop.send(true).unwrap();
    };
    let ((response, json), ()) =
        tokio::time::timeout(Duration::from_secs(5), async { tokio::join!(polled, stopped) }).await.unwrap();
    assert_eq!((response.status(), json["status"].as_str()), (answer::OK, Some("PENDING")), "{json}");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_coupon_is_used_once() {
    let worker = running().await;
    let (_, json) = worker.post("/api/coupons/issue?strategy=v2", &[], r#"{"policyId":"1","userId":"u"}"#).await;
    let uri = format!("/api/coupons/{}/use", json["couponId"].as_str().unwrap());
    let (response, json) = worker.post(&uri, &[], r#"{"userId":"u","orderId":"o"}"#).await;
    assert_eq!((response.status(), json["status"].as_str()), (answer::OK, Some("USED")), "{json}");
    let (response, json) = worker.post(&uri, &[], r#"{"userId":"u","orderId":"p"}"#).await;
    is_problem(&response, &json, StatusCode::CONFLICT, "COUPON_NOT_USABLE");
    assert_eq!(json["detail"], "사용 가능한 쿠폰이 아닙니다");
    let (response, json) = worker.post("/api/coupons/nothing/use", &[], r#"{"userId":"u","orderId":"p"}"#).await;
    is_problem(&response, &json, StatusCode::NOT_FOUND, "COUPON_NOT_FOUND");
    let (_, json) = worker.get("/api/coupons/users/u").await;
    assert_eq!(json["coupons"].as_array().map(Vec::len), Some(1));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn policies_are_created_and_adjusted() {
    let worker = running().await;
    let uri = "/api/coupons/policies";
    let body = r#"{"policyId":"p","title":"봄","totalQuantity":1,"startTime":"2020-01-01T00:00:00+09:00","endTime":"2020-01-02T00:00:00+09:00"}"#;
    let (response, json) = worker.post(uri, &[("idempotency-key", "c")], body).await;
    assert_eq!((response.status(), &json["remaining"]), (answer::CREATED, &1.into()), "{json}");
    assert_eq!(response.headers()["location"], "/api/coupons/policies/p");
    let (response, _) = worker.post(uri, &[("idempotency-key", "c")], body).await;
    assert_eq!((response.status(), response.headers().contains_key("idempotent-replayed")), (answer::CREATED, true));
    let (response, json) = worker.post(uri, &[], r#"{"policyId":"p","title":"봄","totalQuantity":2}"#).await;
    is_problem(&response, &json, StatusCode::CONFLICT, "POLICY_ALREADY_EXISTS");
    let (response, json) = worker.post("/api/coupons/policies/p/stock", &[], r#"{"by":4}"#).await;
    assert_eq!((response.status(), &json["totalQuantity"]), (answer::OK, &5.into()), "{json}");
    let (response, json) = worker.post("/api/coupons/policies/p/stock", &[], r#"{"by":-6}"#).await;
    is_problem(&response, &json, StatusCode::CONFLICT, "STOCK_BELOW_ISSUED");
    let (response, json) = worker.post("/api/coupons/p/issue?userId=1", &[], "").await;
    is_problem(&response, &json, StatusCode::CONFLICT, "OUTSIDE_ISSUE_WINDOW");
    assert_eq!(json["detail"], "쿠폰 발급 가능 시간이 아닙니다");
    worker.stop().await;
}
