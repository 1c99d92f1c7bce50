//! `/asyncapi.json`: every topic, and a JSON Schema for each kind of record in it, made of what `holdfast_model::published` describes.

use super::Api;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use holdfast_model::published::{Record, Topic, Way, topics};
use serde_json::{Map, Value, json};

/// The document as JSON.
#[must_use]
pub fn document() -> String {
    let (mut channels, mut operations, mut messages) = (Map::new(), Map::new(), Map::new());
    for topic in topics() {
        let mut carried = Map::new();
        for record in topic.records {
            let name = format!("{}.{}", topic.name, record.name);
            carried.insert(record.name.to_owned(), json!({"$ref": format!("#/components/messages/{name}")}));
            messages.insert(name, message(topic, record));
        }
        for action in actions(topic.way) {
            let channel = json!({"$ref": format!("#/channels/{}", topic.name)});
            operations.insert(format!("{action}-{}", topic.name), json!({"action": action, "channel": channel}));
        }
        let channel = json!({"address": topic.name, "description": topic.about, "messages": carried});
        channels.insert(topic.name.to_owned(), channel);
    }
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Holdfast",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The topics of the shop. Values are JSON in UTF-8; fields that are not named here are allowed and ignored. A kind of record is told by `type` \
                where it has one. Headers carry CloudEvents 1.0 in binary mode. `$id` of a schema ends with its version: it grows when a change is more than an addition.",
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages},
    })
    .to_string()
}

/// What the shop does with a topic whose records go this way.
fn actions(way: Way) -> &'static [&'static str] {
    match way {
        Way::In => &["receive"],
        Way::Out => &["send"],
        Way::Within => &["send", "receive"],
    }
}

fn message(topic: &Topic, record: &Record) -> Value {
    json!({
        "name": record.name,
        "summary": record.about,
        "contentType": "application/json",
        "payload": record.schema(topic),
        "bindings": {"kafka": {"key": {"type": "string", "description": topic.key}}},
    })
}

/// Every topic, and what its records look like.
#[utoipa::path(get, path = "/asyncapi.json", tag = "operations", responses((status = 200, description = "AsyncAPI 3.0", body = serde_json::Value, content_type = "application/json")))]
pub(super) async fn asyncapi(State(api): State<Api>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], api.asyncapi.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_leads_somewhere() {
        let document: Value = serde_json::from_str(&document()).unwrap();
        assert_eq!(document["asyncapi"], "3.0.0");
        let channels = document["channels"].as_object().unwrap();
        assert!(channels.contains_key("reservation.confirmed") && channels.contains_key("coupon-issue-dlq"));
        for (name, channel) in channels {
            for (message, to) in channel["messages"].as_object().unwrap() {
                let to = to["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
                assert_eq!(document["components"]["messages"][to]["name"], **message, "{name}");
            }
        }
        for (name, operation) in document["operations"].as_object().unwrap() {
            let channel = operation["channel"]["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
            assert!(channels.contains_key(channel), "{name}");
        }
    }

    #[test]
    fn every_topic_of_every_topology_is_published() {
        for topology in holdfast_topologies::all() {
            let topics = topology.sources().iter().chain(topology.sinks()).chain([topology.dead_letters()]);
            for topic in topics {
                let why = "describe its records in model/src/<feature>/published.rs";
                assert!(holdfast_model::published::topic(topic).is_some(), "{topic}: {why}");
            }
        }
    }
}
