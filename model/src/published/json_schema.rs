//! A description as a JSON Schema.

use super::kind::{Field, Kind, Presence};
use super::{Record, ToldBy, Topic};
use serde_json::{Map, Value, json};

impl Record {
    /// Names this version of the description, for ever.
    #[must_use]
    pub fn id(&self, topic: &Topic) -> String {
        format!("urn:holdfast:{}:{}:{}", topic.name, self.name, self.version)
    }

    /// Its JSON Schema, of draft 2020-12.
    #[must_use]
    pub fn schema(&self, topic: &Topic) -> Value {
        let mut schema = match self.told_by {
            ToldBy::Anywhere => json!({}),
            ToldBy::NoValue => json!({"type": "null"}),
            ToldBy::Nothing | ToldBy::Type(_) | ToldBy::TypeAnd(..) => object(self.fields),
        };
        if let ToldBy::Type(kind) | ToldBy::TypeAnd(kind, _) = self.told_by {
            schema["properties"]["type"] = json!({"const": kind});
            if let Some(required) = schema["required"].as_array_mut() {
                required.insert(0, json!("type"));
            }
        }
        if !self.one_of.is_empty() {
            // Null is as good as missing.
            let there = |name: &&str| json!({"required": [name], "properties": {*name: {"not": {"type": "null"}}}});
            schema["anyOf"] = self.one_of.iter().map(there).collect();
        }
        schema["$id"] = self.id(topic).into();
        schema["description"] = self.about.into();
        schema
    }
}

fn object(fields: &[Field]) -> Value {
    let required: Vec<_> =
        fields.iter().filter(|field| field.presence != Presence::May).map(|field| field.name).collect();
    let properties: Map<_, _> = fields.iter().map(|field| (field.name.to_owned(), property(field))).collect();
    json!({"type": "object", "properties": properties, "required": required})
}

fn property(field: &Field) -> Value {
    let mut schema = kind(&field.kind);
    if field.presence != Presence::Must && !matches!(field.kind, Kind::Any) {
        schema = json!({"anyOf": [schema, {"type": "null"}]});
    }
    if !field.about.is_empty() {
        schema["description"] = field.about.into();
    }
    schema
}

fn kind(what: &Kind) -> Value {
    match what {
        Kind::Text => json!({"type": "string"}),
        Kind::OneOf(texts) => json!({"enum": texts}),
        Kind::Id | Kind::When => json!({"type": ["string", "integer"]}),
        Kind::Time => json!({"type": "string", "format": "date-time", "pattern": "Z$"}),
        Kind::Whole => json!({"type": "integer"}),
        Kind::Count => json!({"type": "integer", "minimum": 0}),
        Kind::Digits => {
            json!({"anyOf": [{"type": "integer"}, {"type": "string", "pattern": "^[+-]?[0-9]+$"}]})
        }
        Kind::Any => json!({}),
        Kind::List(each) => json!({"type": "array", "items": kind(each)}),
        Kind::Object(fields) => object(fields),
        Kind::Map(each) => json!({"type": "object", "additionalProperties": kind(each)}),
        Kind::Flag => json!({"type": "boolean"}),
        Kind::Either(kinds) => json!({"anyOf": kinds.iter().map(kind).collect::<Vec<_>>()}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::published::{topic, topics};

    #[test]
    fn a_description_is_a_schema() {
        let topic = topic("coupon-issue-requests").unwrap();
        let issue = topic.records.iter().find(|record| record.name == "issue-request").unwrap().schema(topic);
        assert_eq!(issue["$id"], "urn:holdfast:coupon-issue-requests:issue-request:1");
        assert_eq!(issue["required"], json!(["userId"]));
        assert_eq!(issue["anyOf"][1]["required"], json!(["couponId"]));
        assert_eq!(issue["properties"]["userId"]["type"], json!(["string", "integer"]));
        let stock = topic.records.iter().find(|record| record.name == "adjust-stock").unwrap().schema(topic);
        assert_eq!(stock["required"], json!(["type", "policyId", "by"]));
        assert_eq!(stock["properties"]["type"], json!({"const": "adjust-stock"}));
    }

    #[test]
    fn no_schema_forbids_what_it_does_not_name() {
        for topic in topics() {
            for record in topic.records {
                let schema = record.schema(topic).to_string();
                assert!(!schema.contains(r#""additionalProperties":false"#), "{schema}");
            }
        }
    }
}
