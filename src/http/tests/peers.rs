//! What replicas say to each other is signed; what a stranger says in their name is not heard.

use super::seats::seat;
use super::{PLACES, Worker, idle, is_problem, running, running_as};
use crate::http::error::answer;
use crate::http::handover::{NOT_OWNER, RESUMED};
use crate::http::peer::{FORWARDED, PLACES as OF_PLACES};
use crate::http::server::{ConnectionLimit, ConnectionMetrics, Limits};
use crate::http::signature::{SIGNATURE, Signed, VOUCHED, draw};
use crate::http::{idempotency, router, server};
use crate::worker::Role;
use axum::Router;
use axum::body::Body;
use axum::extract::Request as Incoming;
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::Redirect;
use holdfast_model::place_id::{self, Kind};
use holdfast_ports::membership::{Owner, PeerSecret};
use holdfast_ports::place::place_of;
use prometheus::Registry;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::TcpListener;
use tokio::sync::watch;

fn post(uri: &str, headers: &[(&str, &str)], body: String) -> Request<Body> {
    let mut request = Request::post(uri).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::from(body)).unwrap()
}

/// The request as a peer of `worker` sends it.
async fn signed(worker: &Worker, request: Request<Body>) -> Request<Body> {
    let (mut parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    parts.headers.insert(FORWARDED, HeaderValue::from_static("1"));
    let target = parts.uri.path_and_query().unwrap().as_str();
    let of = Signed { method: &parts.method, target, headers: &parts.headers, body: &body };
    let value = of.sign(&worker.api.settings.secret, worker.api.clock.now_ms()).unwrap();
    parts.headers.insert(SIGNATURE, value);
    Request::from_parts(parts, Body::from(body))
}

/// What the issue did: an outcome for nothing, under any name, out of place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_is_not_taken_for_a_peer() {
    let worker = running().await;
    let never = "0-0-req_0_never\",\"x\":\"";
    for (uri, body, status) in [
        ("/api/coupons/1/issue?userId=16", String::new(), answer::ACCEPTED),
        ("/api/coupons/issue?strategy=v3", r#"{"policyId":"1","userId":"17"}"#.to_owned(), answer::ACCEPTED),
        ("/api/coupons/issue?strategy=v1", r#"{"policyId":"1","userId":"18"}"#.to_owned(), answer::OK),
        ("/reservations", seat("a", 1).to_string(), answer::CREATED),
        ("/api/points/charge", r#"{"userId":"a","amount":1000}"#.to_owned(), answer::OK),
    ] {
        let (response, json) =
            worker.ask(post(uri, &[("holdfast-forwarded", "1"), ("holdfast-resumed", never)], body)).await;
        assert_eq!(response.status(), status, "{uri}: {json}");
        assert!(json.is_object() && !json.to_string().contains("never"), "{uri}: {json}");
    }
    // It is all done, and not only said to be.
    assert_eq!(worker.get("/api/points/balance?userId=a").await.1["balance"], 1_000);
    let part =
        Request::get("/api/schedules").header(FORWARDED, "1").header(OF_PLACES, "7").body(Body::empty()).unwrap();
    assert_eq!(worker.ask(part).await.1["schedules"].as_array().map(Vec::len), Some(2), "all of them");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_is_heard_and_a_signature_that_is_wrong_is_sent_back() {
    let worker = running().await;
    let hold = || post("/reservations", &[("idempotency-key", "k")], seat("a", 1).to_string());
    let (response, held) = worker.ask(signed(&worker, hold()).await).await;
    assert_eq!(response.status(), answer::CREATED, "{held}");
    // A record that the peer has appended: it is waited for and told of, and nothing is appended.
    let position = response.headers()["holdfast-position"].clone();
    let place = place_of(b"schedule_456", PLACES);
    let id = place_id::format(Kind::Request, place, &idempotency::derive("a", "POST /reservations", "k"));
    let resumed = format!("{}-{id}", position.to_str().unwrap().replace("reservation-", ""));
    let again = post("/reservations", &[("holdfast-resumed", &resumed)], seat("a", 1).to_string());
    let (response, json) = worker.ask(signed(&worker, again).await).await;
    assert_eq!((response.status(), &json), (answer::CREATED, &held));
    assert_eq!(response.headers()["holdfast-position"], position);
    let part = Request::get("/api/schedules").header(OF_PLACES, "").body(Body::empty()).unwrap();
    assert_eq!(worker.ask(signed(&worker, part).await).await.1["schedules"].as_array().map(Vec::len), Some(0));

    let change = |change: fn(&mut Request<Body>)| {
        let worker = &worker;
        async move {
            let mut request = signed(worker, hold()).await;
            change(&mut request);
            worker.ask(request).await
        }
    };
    let changes: [fn(&mut Request<Body>); 5] = [
        |request| *request.body_mut() = Body::from(seat("b", 2).to_string()),
        |request| *request.uri_mut() = "/reserve".parse().unwrap(),
        |request| drop(request.headers_mut().insert(RESUMED, HeaderValue::from_static("0-0-req_0_never"))),
        |request| drop(request.headers_mut().insert(VOUCHED, HeaderValue::from_static("1"))),
        |request| drop(request.headers_mut().insert(SIGNATURE, HeaderValue::from_static("1.00"))),
    ];
    for (nth, one) in changes.into_iter().enumerate() {
        let (response, json) = change(one).await;
        is_problem(&response, &json, StatusCode::MISDIRECTED_REQUEST, "PEER_NOT_VERIFIED");
        assert!(response.headers().contains_key(NOT_OWNER), "change {nth}");
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_processor_answers_its_peers() {
    let mut worker = idle(None);
    worker.set_role(Role::Processor);
    let worker = running_as(worker).await;
    for uri in
        ["/", "/health/live", "/health/ready", "/metrics", "/openapi.json", "/asyncapi.json", "/api/lag", "/api/places"]
    {
        assert_eq!(worker.get(uri).await.0.status(), StatusCode::OK, "{uri}");
    }
    let shop = ["/api/coupons/policies/1", "/api/coupons/requests/evt-1", "/api/concerts", "/reservations/res_0_1"];
    for uri in shop.into_iter().chain(["/payments/pay_0_1", "/api/points/balance?userId=a", "/api/dlq"]) {
        for headers in [&[][..], &[("holdfast-forwarded", "1"), ("holdfast-admin", "1")]] {
            let mut request = Request::get(uri);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let (response, json) = worker.ask(request.body(Body::empty()).unwrap()).await;
            is_problem(&response, &json, StatusCode::NOT_IMPLEMENTED, "NOT_SERVED_HERE");
        }
    }
    let hold = post("/reservations", &[("holdfast-forwarded", "1")], seat("a", 1).to_string());
    let (response, json) = worker.ask(hold).await;
    is_problem(&response, &json, StatusCode::NOT_IMPLEMENTED, "NOT_SERVED_HERE");
    let hold = signed(&worker, post("/reservations", &[], seat("a", 1).to_string())).await;
    let (response, json) = worker.ask(hold).await;
    assert_eq!(response.status(), answer::CREATED, "{json}");
    worker.stop().await;
}

/// Where `worker` listens.
pub(super) async fn served(worker: &Worker) -> String {
    let listener = server::listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let local = listener.local_addr().unwrap();
    let metrics = ConnectionMetrics::register(&Registry::new()).unwrap();
    let limit = ConnectionLimit::new(Limits::new(100, 10), metrics);
    let routers = watch::channel(router(worker.api.listening_on(local))).1;
    tokio::spawn(server::serve(listener, routers, limit, worker.stop.subscribe()));
    format!("http://{local}")
}

/// Where `router` is served, as a replica that is none of ours.
async fn served_as(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let local = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{local}")
}

pub(super) fn all_places_are_at(asker: &Worker, endpoint: &str, secret: Option<PeerSecret>) {
    for place in 0..PLACES {
        let owner = Owner { secret: secret.clone(), ..Owner::new(endpoint, "test-w-0") };
        asker.api.claims.set(place as usize, Some(owner));
    }
}

/// The owner wants a token of its own, which the asker has never heard of: it takes the asker's word that an admin asks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_on_is_signed_for_its_owner() {
    let (owner, asker) = (running_as(idle(Some("the owner's"))).await, idle(Some("the asker's")));
    all_places_are_at(&asker, &served(&owner).await, Some(owner.api.settings.secret.clone()));
    let (response, json) = asker.ask(post("/reservations", &[], seat("a", 1).to_string())).await;
    assert_eq!(response.status(), answer::CREATED, "{json}");
    let policy = r#"{"policyId":"p","title":"봄","totalQuantity":1}"#;
    let token = ("authorization", "Bearer the asker's");
    let (response, json) = asker.ask(post("/api/coupons/policies", &[token], policy.to_owned())).await;
    assert_eq!(response.status(), answer::CREATED, "{json}");
    let (response, json) = asker.ask(post("/api/coupons/policies", &[], policy.to_owned())).await;
    is_problem(&response, &json, StatusCode::UNAUTHORIZED, "UNAUTHORIZED");
    // Lists of all places, and a schedule whose concert another replica looks up.
    let (_, json) = asker.get("/api/schedules?x=%EA%B3%B5%EC%97%B0").await;
    assert_eq!(json["schedules"].as_array().map(Vec::len), Some(2), "{json}");
    let (_, json) = asker.get("/api/coupons/requests/evt-1").await;
    assert_eq!(json["code"], "REQUEST_NOT_FOUND", "{json}");
    let (_, json) = asker.get("/api/places").await;
    assert!(json["places"].as_array().unwrap().iter().all(|place| place["state"] == "running"), "{json}");
    let secret = owner.api.settings.secret.reveal();
    assert!(!json.to_string().contains(secret) && !format!("{:?}", asker.api.claims).contains(secret));
    owner.stop().await;
}

/// The owner has started anew, and the asker has not read its new claim yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_secret_is_looked_up_again() {
    let (owner, asker) = (running().await, Arc::new(idle(None)));
    let refused = Arc::new(AtomicUsize::new(0));
    let (counted, reader) = (refused.clone(), asker.clone());
    let secret = owner.api.settings.secret.clone();
    let endpoint = Arc::new(std::sync::OnceLock::<String>::new());
    let known = endpoint.clone();
    let layer = from_fn(move |request: Incoming, next: Next| {
        let (counted, reader, secret, known) = (counted.clone(), reader.clone(), secret.clone(), known.clone());
        async move {
            let response = next.run(request).await;
            // The claim comes after the second question.
            if response.status() == StatusCode::MISDIRECTED_REQUEST && counted.fetch_add(1, Ordering::SeqCst) == 1 {
                all_places_are_at(&reader, known.get().unwrap(), Some(secret));
            }
            response
        }
    });
    let at = served_as(router(owner.api.clone()).layer(layer)).await;
    endpoint.set(at.clone()).unwrap();
    all_places_are_at(&asker, &at, Some(draw().unwrap()));
    let (response, json) = asker.ask(post("/reservations", &[], seat("a", 1).to_string())).await;
    assert_eq!((response.status(), refused.load(Ordering::SeqCst)), (answer::CREATED, 2), "{json}");
    // And one that never becomes right is an owner that is not there.
    all_places_are_at(&asker, &at, Some(draw().unwrap()));
    refused.store(2, Ordering::SeqCst);
    let (response, json) = asker.ask(post("/reservations", &[], seat("b", 2).to_string())).await;
    is_problem(&response, &json, StatusCode::SERVICE_UNAVAILABLE, "PLACE_UNAVAILABLE");
    owner.stop().await;
}

/// An endpoint that only a claim names gets no token, and leads nowhere else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_is_told_no_token_and_leads_nowhere() {
    let asker = idle(Some("secret"));
    let led = Arc::new(AtomicUsize::new(0));
    let counted = led.clone();
    let elsewhere = Router::new().fallback(async move || {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    let elsewhere = served_as(elsewhere).await;
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel::<(Method, HeaderMap)>();
    let peer = Router::new().fallback(async move |request: Incoming| {
        tell.send((request.method().clone(), request.headers().clone())).unwrap();
        Redirect::temporary(&elsewhere)
    });
    let at = served_as(peer).await;
    for secret in [Some(draw().unwrap()), None] {
        all_places_are_at(&asker, &at, secret.clone());
        let headers = [("authorization", "Bearer secret"), ("cookie", "c=1"), ("holdfast-admin", "2")];
        let policy = r#"{"policyId":"p","title":"봄","totalQuantity":1}"#.to_owned();
        let (response, _) = asker.ask(post("/api/coupons/policies", &headers, policy)).await;
        assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT);
        let (method, headers) = told.recv().await.unwrap();
        assert_eq!((method, &headers["holdfast-forwarded"]), (Method::POST, &HeaderValue::from_static("1")));
        assert!(!headers.contains_key("authorization") && !headers.contains_key("cookie"), "{headers:?}");
        assert_eq!(headers.get_all(VOUCHED).iter().collect::<Vec<_>>(), ["1"]);
        assert_eq!(headers.contains_key(SIGNATURE), secret.is_some());
        let (response, json) = asker.get("/api/concerts").await;
        assert!(!response.status().is_success(), "{json}");
        told.recv().await.unwrap();
    }
    assert_eq!(led.load(Ordering::SeqCst), 0);
    // A place that another one claims meanwhile is looked at again, and nothing is sent to the one before.
    let place = place_of(b"coupon-p", PLACES);
    let gone = asker.api.peers.read("http://127.0.0.1:9", &[place], "/api/concerts").await;
    assert!(gone.is_err() && told.try_recv().is_err());
}
