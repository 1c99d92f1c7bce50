//! Bodies: when one is read (not for a request that is refused by its head), and how large it may be.

use super::*;
use axum::body::{Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A body of so many bytes, of which none comes.
struct Never(u64);

impl HttpBody for Never {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0)
    }
}

#[tokio::test]
async fn a_request_that_is_refused_by_its_head_does_not_wait_for_its_body() {
    let worker = idle(Some("secret"));
    let too_large = BODY_BYTES_MAX as u64 + 1;
    for (method, uri, bytes, status, code) in [
        ("POST", "/api/coupons/policies", 5, StatusCode::UNAUTHORIZED, "UNAUTHORIZED"),
        ("POST", "/api/dlq/redrive", 5, StatusCode::UNAUTHORIZED, "UNAUTHORIZED"),
        ("POST", "/nowhere", 5, StatusCode::NOT_FOUND, "ROUTE_NOT_FOUND"),
        ("PUT", "/api/coupons/issue", 5, StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED"),
        ("POST", "/api/coupons/issue", too_large, StatusCode::PAYLOAD_TOO_LARGE, "BODY_TOO_LARGE"),
    ] {
        let request = Request::builder().method(method).uri(uri).header("content-type", "application/json");
        let asked = worker.ask(request.body(Body::new(Never(bytes))).unwrap());
        let answered = tokio::time::timeout(Duration::from_secs(20), asked).await;
        let (response, json) = answered.unwrap_or_else(|_| panic!("{method} {uri} waits for its body"));
        is_problem(&response, &json, status, code);
    }
}

/// The body is read, and the record that it would become is larger than `RECORD_BYTES_MAX`.
#[tokio::test]
async fn a_request_that_is_too_large_for_a_record_is_refused() {
    let worker = running().await;
    let policy = |title: usize| json!({"policyId": "new", "title": "x".repeat(title), "totalQuantity": 1}).to_string();
    let (response, json) = worker.post("/api/coupons/policies", &[], &policy(10_000)).await;
    is_problem(&response, &json, StatusCode::PAYLOAD_TOO_LARGE, "BODY_TOO_LARGE");
    let (response, json) = worker.post("/api/coupons/policies", &[], &policy(100)).await;
    assert!(response.status().is_success(), "{json}");
}
