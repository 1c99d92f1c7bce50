//! The stream of snapshots: who may listen, what is told, and that it says what the API says.

use super::super::live::hub::LISTENERS_MAX;
use super::*;
use http_body_util::BodyExt;

/// The events of an answer that has ended.
fn events(body: &str) -> Vec<Value> {
    let event = |text: &str| serde_json::from_str(text.strip_prefix("event: snapshot\ndata: ").unwrap()).unwrap();
    body.split_terminator("\n\n").map(event).collect()
}

async fn listened(worker: &Worker, snapshots: usize) -> Vec<Value> {
    let request = Request::get(format!("/api/live?snapshots={snapshots}")).body(Body::empty()).unwrap();
    let response = router(worker.api.clone()).oneshot(from_here(request)).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["cache-control"], "no-store");
    let body = to_bytes(response.into_body(), 10 << 20).await.unwrap();
    events(std::str::from_utf8(&body).unwrap())
}

/// Begins to listen and hears the first piece.
async fn listening(worker: &Worker) -> Body {
    let request = Request::get("/api/live").body(Body::empty()).unwrap();
    let mut body = router(worker.api.clone()).oneshot(from_here(request)).await.unwrap().into_body();
    assert!(body.frame().await.unwrap().unwrap().is_data());
    body
}

/// What the document says of a value: nothing that is not told of, nothing missing that is required, everything of its type.
fn check(document: &Value, schema: &Value, value: &Value, path: &str) {
    if let Some(name) = schema["$ref"].as_str() {
        let named = &document["components"]["schemas"][name.rsplit('/').next().unwrap()];
        assert!(named.is_object(), "{name}");
        return check(document, named, value, path);
    }
    if let Some(parts) = schema["allOf"].as_array() {
        // Each part knows a share of the members: together they know all.
        let mut whole = json!({"type": "object", "properties": {}, "required": []});
        for part in parts {
            let part = match part["$ref"].as_str() {
                Some(name) => &document["components"]["schemas"][name.rsplit('/').next().unwrap()],
                None => part,
            };
            whole["properties"].as_object_mut().unwrap().extend(part["properties"].as_object().unwrap().clone());
            whole["required"].as_array_mut().unwrap().extend(part["required"].as_array().cloned().unwrap_or_default());
        }
        return check(document, &whole, value, path);
    }
    if let Some(ways) = schema["oneOf"].as_array() {
        let way = ways.iter().find(|way| way["type"] != "null").unwrap();
        return check(document, way, value, path);
    }
    let kinds = match &schema["type"] {
        Value::Array(kinds) => kinds.clone(),
        kind => vec![kind.clone()],
    };
    let is = |kind: &Value| match kind.as_str().unwrap_or_default() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        _ => false,
    };
    assert!(kinds.iter().any(is), "{path}: {value} is no {kinds:?}");
    if let (Some(members), Some(known)) = (value.as_object(), schema["properties"].as_object()) {
        for (name, member) in members {
            let of_member = known.get(name).unwrap_or_else(|| panic!("{path}.{name} is not in the document"));
            check(document, of_member, member, &format!("{path}.{name}"));
        }
        for name in schema["required"].as_array().into_iter().flatten() {
            assert!(members.contains_key(name.as_str().unwrap()), "{path}: {name} is missing");
        }
    }
    for item in value.as_array().into_iter().flatten() {
        check(document, &schema["items"], item, &format!("{path}[]"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snapshots_say_what_the_api_says_and_what_the_document_allows() {
    let worker = running().await;
    for user in 0..3 {
        let body = json!({"policyId": "1", "userId": user.to_string()}).to_string();
        assert_eq!(worker.post("/api/coupons/issue?strategy=v2", &[], &body).await.0.status(), StatusCode::OK);
    }
    let told = listened(&worker, 2).await;
    assert_eq!(told.len(), 2);
    let document: Value = serde_json::from_str(&openapi::document()).unwrap();
    let schema = &document["paths"]["/api/live"]["get"]["responses"]["200"]["content"]["text/event-stream"]["schema"];
    assert!(schema.is_object(), "{schema}");
    for snapshot in &told {
        check(&document, schema, snapshot, "$");
    }
    // Without a second before there is no rate; with one there is.
    assert!(told[0]["requests"]["perSecond"].is_null() && told[1]["requests"]["perSecond"].is_number(), "{told:#?}");
    let now = &told[1];
    assert_eq!(
        (&now["ready"], &now["sample"], &now["log"]),
        (&true.into(), &true.into(), &"embedded".into()),
        "{now:#}"
    );
    let lag = worker.get("/api/lag").await.1;
    let coupon = |list: &Value| list.as_array().unwrap().iter().find(|one| one["name"] == "coupon").cloned();
    assert!(coupon(&now["topologies"]).is_some_and(|one| one["lag"]["records"] == 0), "{now:#}");
    assert_eq!(lag["totalLagRecords"], now["lag"]["records"]);
    assert!(now["requests"]["total"].as_u64() >= Some(4), "{now:#}");
    let places = now["places"].as_array().unwrap();
    assert_eq!(places.len(), PLACES as usize);
    assert!(places.iter().all(|place| place["state"] == "running" && place["here"] == true), "{now:#}");
    assert_eq!(now["expiries"]["early"], 0);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listeners_are_counted_and_one_too_many_is_told_when_to_come_back() {
    let worker = idle(None);
    let mut listeners = Vec::new();
    for _ in 0..LISTENERS_MAX {
        listeners.push(listening(&worker).await);
    }
    let (response, json) = worker.get("/api/live").await;
    is_problem(&response, &json, StatusCode::SERVICE_UNAVAILABLE, "OVERLOADED");
    assert!(response.headers().contains_key("retry-after"));
    // One that goes away makes room.
    listeners.pop();
    let mut look = tokio::time::interval(Duration::from_millis(5));
    while worker.get("/api/live?snapshots=1").await.0.status() != StatusCode::OK {
        look.tick().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_ends_when_the_worker_stops() {
    let worker = idle(None);
    let stream = listening(&worker).await;
    worker.stop.send_replace(true);
    // It ends: this would wait for ever otherwise.
    assert!(to_bytes(stream, 10 << 20).await.is_ok());
}

#[tokio::test]
async fn a_number_of_snapshots_that_is_none_is_refused() {
    let worker = idle(None);
    for wanted in ["0", "86401"] {
        let (response, json) = worker.get(&format!("/api/live?snapshots={wanted}")).await;
        is_problem(&response, &json, StatusCode::UNPROCESSABLE_ENTITY, "VALIDATION_FAILED");
        assert_eq!(json["errors"][0]["field"], "snapshots");
    }
}
