//! Bytes are read strictly, ids are ids wherever they stand, and each problem says which field and what is allowed, in the language that is asked for.

use super::*;
use axum::http::header;

const UNPROCESSABLE: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;
const UNSUPPORTED: StatusCode = StatusCode::UNSUPPORTED_MEDIA_TYPE;

fn fields(json: &Value) -> Vec<&str> {
    json["errors"].as_array().into_iter().flatten().map(|error| error["field"].as_str().unwrap()).collect()
}

/// Two users in another encoding are not one user: what cannot be read is not replaced.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_utf8_is_refused_wherever_it_stands() {
    let worker = running().await;
    for uri in ["/api/coupons/1/issue?userId=%B1%E8", "/api/coupons/1/issue?userId=%C0%CC"] {
        let (response, json) = worker.post(uri, &[], "").await;
        is_problem(&response, &json, StatusCode::BAD_REQUEST, "MALFORMED_REQUEST");
        assert_eq!(fields(&json), ["userId"], "{json}");
    }
    for uri in [
        "/api/points/balance?userId=%zz",
        "/api/points/balance?userId=u&other=%FF",
        "/api/coupons/users/%B1%E8",
        "/api/concerts/%FF",
        "/nowhere/%FF",
    ] {
        let (response, json) = worker.get(uri).await;
        is_problem(&response, &json, StatusCode::BAD_REQUEST, "MALFORMED_REQUEST");
    }
    let (response, json) = worker.get("/api/points/balance?userId=%EA%B9%80").await;
    assert_eq!((response.status(), &json["userId"]), (answer::OK, &"김".into()), "{json}");
    worker.stop().await;
}

#[tokio::test]
async fn an_id_is_one_in_paths_queries_and_bodies() {
    let worker = idle(None);
    for (id, escaped) in [
        ("..", ".."),
        (".", "."),
        (" u", "%20u"),
        ("u ", "u%20"),
        ("u\\n1", "u%0A1"),
        ("u\\u0000", "u%00"),
        ("u\\u007f", "u%7F"),
    ] {
        for path in ["/api/coupons/users/", "/api/coupons/policies/", "/api/concerts/", "/api/schedules/"] {
            let (response, json) = worker.get(&format!("{path}{escaped}")).await;
            is_problem(&response, &json, UNPROCESSABLE, "VALIDATION_FAILED");
            assert!(fields(&json)[0].ends_with("Id"), "{path}: {json}");
        }
        for uri in ["/api/points/balance?userId=", "/api/points/statement?userId="] {
            let (response, json) = worker.get(&format!("{uri}{escaped}")).await;
            is_problem(&response, &json, UNPROCESSABLE, "VALIDATION_FAILED");
            assert_eq!(fields(&json), ["userId"], "{json}");
        }
        for (uri, body) in [
            ("/api/coupons/issue", format!(r#"{{"policyId":"1","userId":"{id}"}}"#)),
            ("/reservations", format!(r#"{{"scheduleId":"s","seatNo":1,"userId":"{id}"}}"#)),
            ("/api/points/charge", format!(r#"{{"amount":1000,"userId":"{id}"}}"#)),
        ] {
            let (response, json) = worker.post(uri, &[], &body).await;
            is_problem(&response, &json, UNPROCESSABLE, "VALIDATION_FAILED");
            assert_eq!(fields(&json), ["userId"], "{uri}: {json}");
        }
    }
}

#[tokio::test]
async fn a_body_is_utf8_json_as_it_is() {
    let worker = idle(None);
    let (issue, body) = ("/api/coupons/issue", r#"{"policyId":"1","userId":"u"}"#);
    let (response, json) = worker.post(issue, &[("content-encoding", "gzip")], body).await;
    is_problem(&response, &json, UNSUPPORTED, "UNSUPPORTED_CONTENT_ENCODING");
    assert_eq!(response.headers()[header::ACCEPT_ENCODING], "identity");
    let ask = |kind: &str| Request::post(issue).header("content-type", kind).body(Body::from(body)).unwrap();
    for kind in ["application/json; charset=utf-16", "application/json; charset=EUC-KR"] {
        let (response, json) = worker.ask(ask(kind)).await;
        is_problem(&response, &json, UNSUPPORTED, "UNSUPPORTED_CHARSET");
    }
    // Read, so that only the missing place is left.
    let (response, json) = worker.ask(ask("application/json; charset=UTF-8")).await;
    is_problem(&response, &json, StatusCode::SERVICE_UNAVAILABLE, "PLACE_UNAVAILABLE");
}

#[tokio::test]
async fn a_request_has_one_host() {
    let worker = idle(None);
    for hosts in [&[][..], &["a", "a"], &[""], &["u@h"]] {
        let mut request = Request::get("/api/lag").body(Body::empty()).unwrap();
        for host in hosts {
            request.headers_mut().append("host", host.parse().unwrap());
        }
        let (response, json) = worker.ask_as_it_is(request).await;
        is_problem(&response, &json, StatusCode::BAD_REQUEST, "INVALID_HOST");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_location_leads_to_what_was_made() {
    let worker = running().await;
    for (uri, body) in [
        ("/api/concerts", r#"{"concertId":"공연1","title":"t"}"#),
        ("/api/schedules", r#"{"scheduleId":"회차1","concertTitle":"t","seats":{"count":1,"price":1}}"#),
        ("/api/coupons/policies", r#"{"policyId":"쿠폰1","title":"t","totalQuantity":1}"#),
    ] {
        let (response, json) = worker.post(uri, &[], body).await;
        assert_eq!(response.status(), answer::CREATED, "{json}");
        let location = response.headers()[header::LOCATION].to_str().expect("ASCII").to_owned();
        let (response, json) = worker.get(&location).await;
        assert_eq!(response.status(), answer::OK, "{location}: {json}");
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_that_could_not_be_issued_is_not_created() {
    let worker = running().await;
    for id in ["users", "requests", "policies", ".", ".."] {
        let body = format!(r#"{{"policyId":"{id}","title":"t","totalQuantity":1}}"#);
        let (response, json) = worker.post("/api/coupons/policies", &[], &body).await;
        assert_eq!(response.status(), UNPROCESSABLE, "{json}");
        assert_eq!(fields(&json), ["policyId"], "{json}");
    }
    worker.stop().await;
}

/// Each wrong value is told by its path and by what is allowed, never by a type of Rust.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_value_is_told_by_its_field_in_both_languages() {
    let worker = running().await;
    for (uri, body, code, field) in [
        ("/api/coupons/issue", r#"{"policyId":1.5,"userId":"u"}"#, "VALIDATION_FAILED", "policyId"),
        ("/api/coupons/issue", r#"{"policyId":"1"}"#, "VALIDATION_FAILED", "userId"),
        ("/api/coupons/issue", "[]", "VALIDATION_FAILED", ""),
        (
            "/api/coupons/policies",
            r#"{"policyId":"p","title":"t","totalQuantity":"many"}"#,
            "VALIDATION_FAILED",
            "totalQuantity",
        ),
        ("/api/coupons/policies", r#"{"policyId":"p","title":"t"}"#, "VALIDATION_FAILED", "totalQuantity"),
        (
            "/api/coupons/policies",
            r#"{"policyId":"p","title":"t","totalQuantity":1,"endTime":"tomorrow"}"#,
            "INVALID_TIME",
            "endTime",
        ),
        (
            "/api/coupons/policies",
            r#"{"policyId":"p","title":"t","totalQuantity":1,"discountType":"HALF","discountValue":1}"#,
            "INVALID_DISCOUNT",
            "discountType",
        ),
        ("/api/coupons/policies/1/stock", r#"{"by":"5"}"#, "VALIDATION_FAILED", "by"),
        (
            "/api/schedules",
            r#"{"scheduleId":"s","concertTitle":"t","seats":{"count":1}}"#,
            "VALIDATION_FAILED",
            "seats",
        ),
        (
            "/api/schedules",
            r#"{"scheduleId":"s","concertTitle":"t","seats":[{"seatNo":1,"price":1},{"seatNo":1,"price":1}]}"#,
            "INVALID_SEATS",
            "seats[1].seatNo",
        ),
        (
            "/api/schedules",
            r#"{"scheduleId":"s","concertTitle":"t","seats":{"count":1,"price":1},"limits":{"openHolds":"1"}}"#,
            "VALIDATION_FAILED",
            "limits.openHolds",
        ),
        (
            "/api/schedules",
            r#"{"scheduleId":"s","concertTitle":"t","seats":{"count":1,"price":1},"startsAt":"soon"}"#,
            "INVALID_TIME",
            "startsAt",
        ),
        ("/payments", r#"{"reservationId":"res_0_1","amount":"all"}"#, "VALIDATION_FAILED", "amount"),
        ("/api/points/charge", r#"{"userId":"u","amount":1.5}"#, "VALIDATION_FAILED", "amount"),
        ("/api/points/charge", r#"{"userId":"u","amount":5}"#, "CHARGE_BELOW_MINIMUM", "amount"),
        ("/api/dlq/redrive", r#"{"all":true,"topolgy":"coupon"}"#, "VALIDATION_FAILED", "topolgy"),
    ] {
        let (response, korean) = worker.post(uri, &[], body).await;
        is_problem(&response, &korean, UNPROCESSABLE, code);
        assert_eq!(
            (fields(&korean), &response.headers()["content-language"]),
            (vec![field], &"ko".parse().unwrap()),
            "{korean}"
        );
        let (response, english) = worker.post(uri, &[("accept-language", "en-GB, ko;q=0.5")], body).await;
        is_problem(&response, &english, UNPROCESSABLE, code);
        assert_eq!(
            (fields(&english), &response.headers()["content-language"]),
            (vec![field], &"en".parse().unwrap()),
            "{english}"
        );
        for member in ["title", "detail"] {
            assert!(english[member].as_str().unwrap().is_ascii(), "{english}");
        }
        let (ko, en) =
            (korean["errors"][0]["reason"].as_str().unwrap(), english["errors"][0]["reason"].as_str().unwrap());
        assert!(ko.chars().any(|c| ('가'..='힣').contains(&c)) && !en.is_empty() && ko != en, "{korean} {english}");
        for rust in ["u32", "u64", "i64", "struct", "enum", "expected", "invalid type"] {
            assert!(!ko.contains(rust) && !en.contains(rust), "{rust}: {ko} {en}");
        }
    }
    for (uri, field) in [
        ("/api/points/statement?userId=u&limit=x", "limit"),
        ("/api/points/statement?userId=u&limit=0", "limit"),
        ("/api/points/balance?userId=u&userId=v", "userId"),
        ("/api/points/balance", "userId"),
        ("/api/coupons/requests/req_0_x?waitMs=-1", "waitMs"),
        ("/api/dlq?place=x", "place"),
        ("/api/dlq?topolgy=coupon", "topolgy"),
    ] {
        let (response, json) = worker.get(uri).await;
        is_problem(&response, &json, UNPROCESSABLE, "VALIDATION_FAILED");
        assert_eq!(fields(&json), [field], "{uri}: {json}");
    }
    worker.stop().await;
}

/// What is no JSON is told by where it breaks.
#[tokio::test]
async fn broken_json_is_told_by_where_it_breaks() {
    let worker = idle(None);
    for (body, ko, en) in [("{\n\"a\":}", "2번째 줄", "line 2"), ("", "비어 있습니다", "empty")] {
        let (_, json) = worker.post("/api/coupons/issue", &[], body).await;
        assert!(json["detail"].as_str().unwrap().contains(ko), "{json}");
        let (_, json) = worker.post("/api/coupons/issue", &[("accept-language", "en")], body).await;
        assert!(json["detail"].as_str().unwrap().contains(en), "{json}");
    }
}
