//! A value against its description.

use super::kind::{Field, Kind, Presence};
use super::{Record, ToldBy, Topic};
use crate::rfc3339;
use serde_json::{Map, Value};
use std::fmt;

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// Which field, `a.b` for one in an object; empty = the value as a whole.
    pub field: String,
    /// What it must be.
    pub must: String,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() { f.write_str(&self.must) } else { write!(f, "{} {}", self.field, self.must) }
    }
}

fn misfit<T>(field: impl Into<String>, must: impl Into<String>) -> Result<T, Misfit> {
    Err(Misfit { field: field.into(), must: must.into() })
}

impl Topic {
    /// Which kind of record of this topic `value` is, if it is well formed.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, value: Option<&[u8]>) -> Result<&'static Record, Misfit> {
        let records = self.records;
        if let Some(anywhere) = records.iter().find(|record| record.told_by == ToldBy::Anywhere) {
            return Ok(anywhere);
        }
        let Some(value) = value else {
            let empty = records.iter().find(|record| record.told_by == ToldBy::NoValue);
            return empty.map_or_else(|| misfit("", "must have a value"), Ok);
        };
        let value: Value = match serde_json::from_slice(value) {
            Ok(value) => value,
            Err(error) => return misfit("", format!("must be JSON: {error}")),
        };
        let Value::Object(fields) = value else { return misfit("", "must be a JSON object") };
        let record = self.kind_of(&fields)?;
        record.check(&fields)?;
        Ok(record)
    }

    /// Which kind of record says `fields`.
    fn kind_of(&self, fields: &Map<String, Value>) -> Result<&'static Record, Misfit> {
        let said = fields.get("type").and_then(Value::as_str);
        let has = |name: &str| fields.get(name).is_some_and(|value| !value.is_null());
        let is_it = |record: &&Record| match record.told_by {
            ToldBy::Type(kind) => said == Some(kind),
            ToldBy::TypeAnd(kind, field) => said == Some(kind) && has(field),
            ToldBy::Nothing => !has("type") || self.records.len() == 1,
            ToldBy::NoValue | ToldBy::Anywhere => false,
        };
        let found = self.records.iter().find(is_it);
        found.map_or_else(|| misfit("type", "must name a kind of record of this topic"), Ok)
    }
}

impl Record {
    fn check(&self, fields: &Map<String, Value>) -> Result<(), Misfit> {
        object(self.fields, fields, "")?;
        let is_there = |name: &&str| fields.get(*name).is_some_and(|value| !value.is_null());
        if !self.one_of.is_empty() && !self.one_of.iter().any(is_there) {
            return misfit("", format!("must have one of {}", self.one_of.join(", ")));
        }
        Ok(())
    }
}

fn object(described: &[Field], fields: &Map<String, Value>, path: &str) -> Result<(), Misfit> {
    let named = |field: &Field| if path.is_empty() { field.name.to_owned() } else { format!("{path}.{}", field.name) };
    for field in described {
        match (fields.get(field.name), field.presence) {
            (None | Some(Value::Null), Presence::May) | (Some(Value::Null), Presence::OrNull) => {}
            (None, _) => return misfit(named(field), "must be there"),
            (Some(value), _) => {
                if !fits(&field.kind, value) {
                    // Only what does not fit pays for its name.
                    return Err(why(&field.kind, value, &named(field)));
                }
            }
        }
    }
    Ok(())
}

fn is_whole(value: &Value) -> bool {
    value.is_i64() || value.is_u64()
}

/// Whether `value` is of this kind.
fn fits(kind: &Kind, value: &Value) -> bool {
    match (kind, value) {
        (Kind::Any, _) | (Kind::Text | Kind::Id | Kind::When, Value::String(_)) | (Kind::Flag, Value::Bool(_)) => true,
        (Kind::Id | Kind::When | Kind::Whole | Kind::Digits, value) if is_whole(value) => true,
        (Kind::Count, value) => value.is_u64(),
        (Kind::OneOf(texts), Value::String(text)) => texts.contains(&&**text),
        (Kind::Time, Value::String(text)) => text.ends_with('Z') && rfc3339::parse(text).is_some(),
        (Kind::Digits, Value::String(text)) => text.parse::<i64>().is_ok(),
        (Kind::List(each), Value::Array(list)) => list.iter().all(|value| fits(each, value)),
        (Kind::Object(described), Value::Object(fields)) => object(described, fields, "").is_ok(),
        (Kind::Map(each), Value::Object(fields)) => fields.values().all(|value| fits(each, value)),
        (Kind::Either(kinds), value) => kinds.iter().any(|kind| fits(kind, value)),
        _ => false,
    }
}

/// Why `value`, which is called `path`, does not fit.
fn why(kind: &Kind, value: &Value, path: &str) -> Misfit {
    if let (Kind::Object(described), Value::Object(fields)) = (kind, value)
        && let Err(inner) = object(described, fields, path)
    {
        return inner;
    }
    Misfit { field: path.to_owned(), must: format!("must be {}", name(kind)) }
}

/// What a field of this kind must be, in words.
fn name(kind: &Kind) -> String {
    match kind {
        Kind::Text => "a text".to_owned(),
        Kind::OneOf(texts) => format!("one of {}", texts.join(", ")),
        Kind::Id => "a text or a whole number".to_owned(),
        Kind::Time => "a time in UTC".to_owned(),
        Kind::When => "a time, as a text or a number".to_owned(),
        Kind::Whole => "a whole number".to_owned(),
        Kind::Count => "a whole number from 0 on".to_owned(),
        Kind::Digits => "a whole number, or its digits".to_owned(),
        Kind::Any => "there".to_owned(),
        Kind::List(each) => format!("a list, each {}", name(each)),
        Kind::Object(_) => "an object".to_owned(),
        Kind::Map(each) => format!("an object, each field {}", name(each)),
        Kind::Flag => "true or false".to_owned(),
        Kind::Either(kinds) => kinds.iter().map(name).collect::<Vec<_>>().join(", or "),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Way;
    use super::super::kind::{may, must, or_null};
    use super::*;

    const INNER: &[Field] = &[must("n", Kind::Count, ""), may("t", Kind::Time, "")];
    const FIELDS: &[Field] = &[
        must("id", Kind::Id, ""),
        may("s", Kind::OneOf(&["A", "B"]), ""),
        or_null("o", Kind::Object(INNER), ""),
        may("l", Kind::Either(&[Kind::List(&Kind::Text), Kind::Map(&Kind::Flag)]), ""),
        may("d", Kind::Digits, ""),
        may("w", Kind::When, ""),
    ];
    const TOPIC: Topic = Topic {
        name: "t",
        about: "",
        key: "",
        way: Way::In,
        records: &[
            Record::new("plain", "", ToldBy::Nothing, FIELDS),
            Record::new("more", "", ToldBy::TypeAnd("go", "x"), &[must("x", Kind::Whole, "")]),
            Record::command("go", "", &[may("a", Kind::Any, ""), may("b", Kind::Any, "")]).with_one_of(&["a", "b"]),
            Record::new("none", "", ToldBy::NoValue, &[]),
        ],
    };

    fn said(json: &str) -> String {
        TOPIC.check(Some(json.as_bytes())).map_or_else(|misfit| misfit.to_string(), |record| record.name.to_owned())
    }

    #[test]
    fn what_fits_is_named() {
        for (json, name) in [
            (r#"{"id":"a","o":null,"more":[1]}"#, "plain"),
            (
                r#"{"id":7,"type":null,"s":"B","o":{"n":0,"t":"2026-03-15T11:00:00.000Z"},"l":["x"],"d":"-5","w":5}"#,
                "plain",
            ),
            (r#"{"id":7,"o":null,"s":null,"l":{"x":true},"d":5,"w":"soon"}"#, "plain"),
            (r#"{"type":"go","x":-1}"#, "more"),
            (r#"{"type":"go","x":null,"b":0}"#, "go"),
        ] {
            assert_eq!(said(json), name, "{json}");
        }
        assert_eq!(TOPIC.check(None).map(|record| record.name), Ok("none"));
        let letters = Topic::of_dead_letters("d");
        assert!(letters.check(None).is_ok() && letters.check(Some(b"\xff")).is_ok());
    }

    #[test]
    fn what_does_not_is_told_why() {
        for (json, why) in [
            ("[]", "must be a JSON object"),
            (r#"{"o":null}"#, "id must be there"),
            (r#"{"id":null,"o":null}"#, "id must be a text or a whole number"),
            (r#"{"id":1.5,"o":null}"#, "id must be a text or a whole number"),
            (r#"{"id":1}"#, "o must be there"),
            (r#"{"id":1,"o":{"n":-1}}"#, "o.n must be a whole number from 0 on"),
            (r#"{"id":1,"o":{"n":1,"t":"2026-03-15T20:00:00+09:00"}}"#, "o.t must be a time in UTC"),
            (r#"{"id":1,"o":null,"s":"C"}"#, "s must be one of A, B"),
            (r#"{"id":1,"o":null,"d":"five"}"#, "d must be a whole number, or its digits"),
            (r#"{"id":1,"o":null,"l":[1]}"#, "l must be a list, each a text, or an object, each field true or false"),
            (r#"{"id":1,"o":null,"w":true}"#, "w must be a time, as a text or a number"),
            (r#"{"type":"stop"}"#, "type must name a kind of record of this topic"),
            (r#"{"type":"go"}"#, "must have one of a, b"),
        ] {
            assert_eq!(said(json), why, "{json}");
        }
        assert!(said("{").starts_with("must be JSON"));
    }
}
