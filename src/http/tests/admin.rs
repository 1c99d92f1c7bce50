//! Which requests may use the admin routes, and what a page in a browser cannot do on any route.

use super::{Worker, between, idle, is_problem, running};
use crate::http::error::answer;
use axum::body::Body;
use axum::http::{Request, StatusCode, Version};

const POLICIES: &str = "/api/coupons/policies";
const HERE: (&str, &str) = ("127.0.0.1:5", "127.0.0.1:1");

async fn create_policy(worker: &Worker, (peer, local): (&str, &str), headers: &[(&str, &str)]) -> StatusCode {
    let mut request = Request::post(POLICIES).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.extension(between(peer, local)).body(Body::from("{}")).unwrap();
    let (response, json) = worker.ask(request).await;
    // What an admin sends is read, and makes no sense.
    if response.status() != StatusCode::UNPROCESSABLE_ENTITY {
        assert!(
            ["ADMIN_FORBIDDEN", "UNAUTHORIZED", "FOREIGN_PAGE"].contains(&json["code"].as_str().unwrap()),
            "{json}"
        );
    }
    response.status()
}

#[tokio::test]
async fn admin_routes_want_the_token() {
    let guarded = idle(Some("secret"));
    for headers in [vec![], vec![("authorization", "Bearer wrong")], vec![("authorization", "secret")]] {
        let (response, json) = guarded.post(POLICIES, &headers, "{}").await;
        is_problem(&response, &json, StatusCode::UNAUTHORIZED, "UNAUTHORIZED");
        assert!(response.headers().contains_key("www-authenticate"));
    }
    let token = ("authorization", "Bearer secret");
    let public = ("203.0.113.9:5", "10.0.0.1:1");
    for headers in [
        &[token][..],
        &[token, ("host", "shop.example"), ("x-forwarded-for", "203.0.113.9")],
        // A page of our own, behind a proxy that rewrites `Host`.
        &[token, ("origin", "https://shop.example"), ("sec-fetch-site", "same-origin")],
        &[token, ("origin", "https://shop.example"), ("host", "shop.example")],
    ] {
        assert_eq!(create_policy(&guarded, public, headers).await, StatusCode::UNPROCESSABLE_ENTITY, "{headers:?}");
    }
    for headers in [
        &[token, ("origin", "https://evil.example")][..],
        &[token, ("origin", "null")],
        &[token, ("sec-fetch-site", "cross-site")],
    ] {
        assert_eq!(create_policy(&guarded, public, headers).await, StatusCode::FORBIDDEN, "{headers:?}");
    }
}

#[tokio::test]
async fn without_a_token_only_a_program_on_this_machine_is_admin() {
    let open = idle(None);
    for (ends, headers) in [
        (HERE, &[][..]),
        (HERE, &[("host", "localhost:3000")]),
        (("[::1]:5", "[::1]:1"), &[("host", "[::1]:3000")]),
        (HERE, &[("origin", "http://127.0.0.1:1"), ("sec-fetch-site", "same-origin")]),
    ] {
        assert_eq!(create_policy(&open, ends, headers).await, StatusCode::UNPROCESSABLE_ENTITY, "{headers:?}");
    }
    for (ends, headers) in [
        (("10.0.0.9:5", "127.0.0.1:1"), &[][..]),
        (("127.0.0.1:5", "10.0.0.9:1"), &[]),
        (HERE, &[("host", "evil.example:3000")]),
        (HERE, &[("origin", "http://evil.example")]),
        (HERE, &[("origin", "http://localhost:5173")]),
        (HERE, &[("sec-fetch-site", "same-site")]),
        (HERE, &[("sec-fetch-site", "cross-site")]),
        (HERE, &[("x-forwarded-for", "203.0.113.9")]),
        (HERE, &[("x-forwarded-proto", "https")]),
        (HERE, &[("x-real-ip", "203.0.113.9")]),
        (HERE, &[("forwarded", "for=203.0.113.9")]),
        (HERE, &[("via", "1.1 proxy")]),
        // A claim of our own, from a stranger.
        (HERE, &[("host", "evil.example"), ("holdfast-forwarded", "1"), ("holdfast-admin", "1")]),
    ] {
        assert_eq!(create_policy(&open, ends, headers).await, StatusCode::FORBIDDEN, "{ends:?} {headers:?}");
    }
    let mut public = idle(None);
    public.api.loopback = false;
    let (response, json) = public.post(POLICIES, &[], "{}").await;
    is_problem(&response, &json, StatusCode::FORBIDDEN, "ADMIN_FORBIDDEN");
    assert!(json["detail"].as_str().unwrap().contains("ADMIN_TOKEN"), "it says what to do: {json}");
    let mut old = Request::post(POLICIES).header("content-type", "application/json").body(Body::from("{}")).unwrap();
    *old.version_mut() = Version::HTTP_10;
    let (response, json) = open.ask(old).await;
    is_problem(&response, &json, StatusCode::FORBIDDEN, "ADMIN_FORBIDDEN");
}

/// What the issue did: a page on another site, and a show is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_cancels_no_show() {
    let worker = running().await;
    let uri = "/api/schedules/schedule_456";
    let cancel = |headers: &[(&str, &str)]| {
        let mut request = Request::post(format!("{uri}/cancel"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        worker.ask(request.body(Body::empty()).unwrap())
    };
    let text = ("content-type", "text/plain");
    for headers in [
        &[text, ("origin", "http://evil.example")][..],
        &[text, ("origin", "http://evil.example"), ("sec-fetch-site", "cross-site")],
        // The name of the page's own server, which leads here meanwhile.
        &[("host", "evil.example:3000"), ("origin", "http://evil.example:3000"), ("sec-fetch-site", "same-origin")],
    ] {
        let (response, json) = cancel(headers).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{headers:?}: {json}");
    }
    assert_ne!(worker.get(uri).await.1["cancelled"], true);
    assert_eq!(cancel(&[]).await.0.status(), answer::OK, "a program on this machine does");
    assert_eq!(worker.get(uri).await.1["cancelled"], true);
    worker.stop().await;
}

/// A page of another site can send what its browser does not ask about: it acts for nobody, on any route.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_acts_for_nobody() {
    let worker = running().await;
    let post = |uri: &str, headers: &[(&str, &str)], body: &'static str| {
        let mut request = Request::post(uri).header("sec-fetch-site", "cross-site");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        worker.ask(request.body(Body::from(body)).unwrap())
    };
    for uri in ["/api/coupons/1/issue?userId=16", "/payments/pay_0_1/refund", "/reservations"] {
        for headers in [&[][..], &[("content-type", "text/plain")]] {
            let (response, json) = post(uri, headers, "").await;
            is_problem(&response, &json, StatusCode::FORBIDDEN, "FOREIGN_PAGE");
        }
    }
    let hold = r#"{"userId":"u","scheduleId":"schedule_456","seatNo":1}"#;
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        let (response, json) = post("/reservations", &[("content-type", kind)], hold).await;
        is_problem(&response, &json, StatusCode::FORBIDDEN, "FOREIGN_PAGE");
        // And whatever the browser says: only JSON is read as JSON.
        let form = Request::post("/reservations").header("content-type", kind).body(Body::from(hold)).unwrap();
        let (response, json) = worker.ask(form).await;
        is_problem(&response, &json, StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE");
    }
    assert_eq!(worker.get("/api/coupons/policies/1").await.1["issued"], 0);
    // What a shop's page on another site sends through a gateway that answers for it.
    let (response, json) = post("/reservations", &[("content-type", "application/json")], hold).await;
    assert_eq!(response.status(), answer::CREATED, "{json}");
    let (response, json) = post("/api/coupons/1/issue?userId=16", &[("idempotency-key", "k")], "").await;
    assert_eq!(response.status(), answer::ACCEPTED, "{json}");
    worker.stop().await;
}
