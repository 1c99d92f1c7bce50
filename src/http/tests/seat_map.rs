//! The seat map page by page.

use super::seats::{held, post};
use super::{Worker, is_problem, running};
use crate::http::error::answer;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The seats of all pages, each asked for with `limit`; `between` is done after each.
async fn paged(worker: &Worker, schedule: &str, limit: usize, between: impl AsyncFn(usize)) -> Vec<Value> {
    let uri = format!("/api/schedules/{schedule}/seats?limit={limit}");
    let (mut seats, mut page, mut pages) = (Vec::new(), uri.clone(), 0);
    loop {
        let (response, map) = worker.get(&page).await;
        assert_eq!(response.status(), answer::OK, "{map}");
        assert_eq!(response.headers()["etag"], format!("\"{}\"", map["version"]));
        let some = map["seats"].as_array().unwrap();
        assert!(some.len() == limit || map.get("nextCursor").is_none(), "{} of {limit}", some.len());
        seats.extend_from_slice(some);
        pages += 1;
        between(pages).await;
        match map["nextCursor"].as_str() {
            Some(next) => page = format!("{uri}&cursor={next}"),
            None => return seats,
        }
    }
}

fn numbers(seats: &[Value]) -> Vec<u64> {
    seats.iter().map(|seat| seat["seatNo"].as_u64().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_seat_map_comes_in_pages_that_fit_whatever_is_sold_meanwhile() {
    let worker = running().await;
    let one_more = async |seat_no: u64| {
        held(&worker, &format!("u{seat_no}"), seat_no).await;
    };
    // Each page is taken while seats before and behind it go.
    let seats = paged(&worker, "schedule_456", 20, async |page| {
        one_more(page as u64).await;
        one_more(50 - page as u64).await;
    })
    .await;
    assert_eq!(numbers(&seats), (1..=50).collect::<Vec<_>>());
    let taken: Vec<Value> = seats.into_iter().filter(|seat| seat["status"] == "TEMPORARY_RESERVED").collect();
    assert_eq!(numbers(&taken), [48, 49], "as they were when they were looked at");
    for (limit, pages) in [(25, 2), (49, 2), (50, 1), (51, 1), (1, 50)] {
        let count = AtomicUsize::new(0);
        let seats = paged(&worker, "schedule_456", limit, async |page| {
            count.store(page, Ordering::SeqCst);
        })
        .await;
        assert_eq!((seats.len(), count.into_inner()), (50, pages), "{limit}");
        assert_eq!(seats.iter().filter(|seat| seat["status"] != "AVAILABLE").count(), 6);
    }

    // A page has the tag of its map.
    let uri = "/api/schedules/schedule_456/seats?limit=20&cursor=21";
    let (response, page) = worker.get(uri).await;
    let tag = response.headers()["etag"].clone();
    assert_eq!((numbers(page["seats"].as_array().unwrap())[0], page["nextCursor"].as_str()), (21, Some("41")));
    assert_eq!(page["capacity"], 50);
    let again = || Request::get(uri).header("if-none-match", tag.clone()).body(Body::empty()).unwrap();
    assert_eq!(worker.ask(again()).await.0.status(), answer::UNCHANGED);
    one_more(25).await;
    let (response, page) = worker.ask(again()).await;
    assert_eq!((response.status(), page["seats"][4]["status"].as_str()), (answer::OK, Some("TEMPORARY_RESERVED")));
    let (_, beyond) = worker.get("/api/schedules/schedule_456/seats?cursor=51").await;
    assert_eq!((&beyond["seats"], beyond.get("nextCursor"), &beyond["capacity"]), (&json!([]), None, &json!(50)));
    for query in ["limit=0", "limit=10001", "limit=x", "limit=-1", "cursor=x", "cursor=-1", "cursor=007", "cursor="] {
        let (response, json) = worker.get(&format!("/api/schedules/schedule_456/seats?{query}")).await;
        is_problem(&response, &json, StatusCode::UNPROCESSABLE_ENTITY, "VALIDATION_FAILED");
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_house_and_one_with_gaps_come_in_pages_too() {
    let worker = running().await;
    let large = json!({"scheduleId": "large", "concertTitle": "t", "seats": {"count": 20_001, "price": 1}});
    assert_eq!(post(&worker, "/api/schedules", large).await.0.status(), answer::CREATED);
    for seat_no in [10_000, 10_001, 20_001] {
        let (response, json) =
            post(&worker, "/reservations", json!({"userId": "u", "scheduleId": "large", "seatNo": seat_no})).await;
        assert_eq!(response.status(), answer::CREATED, "{json}");
    }
    let (_, first) = worker.get("/api/schedules/large/seats").await;
    assert_eq!((first["seats"].as_array().map(Vec::len), first["nextCursor"].as_str()), (Some(10_000), Some("10001")));
    assert_eq!((&first["capacity"], &first["temporaryReserved"]), (&json!(20_001), &json!(3)));
    let seats = paged(&worker, "large", 10_000, async |_| ()).await;
    assert_eq!(numbers(&seats), (1..=20_001).collect::<Vec<_>>());
    let taken: Vec<Value> = seats.into_iter().filter(|seat| seat["status"] != "AVAILABLE").collect();
    assert_eq!(numbers(&taken), [10_000, 10_001, 20_001]);

    let each: Vec<Value> = [3, 8, 90, 256, 70_000].map(|seat_no| json!({"seatNo": seat_no, "price": seat_no})).to_vec();
    let gaps = json!({"scheduleId": "gaps", "concertTitle": "t", "seats": each});
    assert_eq!(post(&worker, "/api/schedules", gaps).await.0.status(), answer::CREATED);
    post(&worker, "/reservations", json!({"userId": "u", "scheduleId": "gaps", "seatNo": 90})).await;
    for limit in 1..=6 {
        let seats = paged(&worker, "gaps", limit, async |_| ()).await;
        assert_eq!(numbers(&seats), [3, 8, 90, 256, 70_000], "{limit}");
        let status: Vec<_> = seats.iter().map(|seat| seat["status"] == "AVAILABLE").collect();
        assert_eq!(status, [true, true, false, true, true]);
        assert!(seats.iter().all(|seat| seat["price"] == seat["seatNo"]));
    }
    // A cursor between two seats leads to the later one.
    let (_, page) = worker.get("/api/schedules/gaps/seats?cursor=91&limit=1").await;
    assert_eq!((numbers(page["seats"].as_array().unwrap()), &page["nextCursor"]), (vec![256], &json!("70000")));
    worker.stop().await;
}
