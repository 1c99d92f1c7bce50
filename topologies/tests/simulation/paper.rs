//! Records as anybody could read them, knowing the documents and none of the topologies' code.

use holdfast_engine::inspect::header;
use holdfast_model::rfc3339;
use holdfast_sim::memory_log::Stored;
use serde_json::Value;

/// The object that a record's value is.
pub(crate) fn json(record: &Stored) -> Option<Value> {
    serde_json::from_slice(record.value.as_deref()?).ok().filter(Value::is_object)
}

/// An id, as text or as number.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A time as it is written out, in ms since the epoch.
pub(crate) fn moment(value: &Value) -> Option<i64> {
    rfc3339::parse(value.as_str()?)
}

/// The last header called `name`.
pub(crate) fn head(record: &Stored, name: &str) -> Option<String> {
    let (_, value) = record.headers.iter().rfind(|(key, _)| key == name)?;
    Some(String::from_utf8_lossy(value.as_deref()?).into_owned())
}

/// Whether it was put back by an operator.
pub(crate) fn is_redriven(record: &Stored) -> bool {
    head(record, header::TOPIC).is_some()
}

/// Whether it was forwarded from another place.
pub(crate) fn is_forwarded(record: &Stored) -> bool {
    head(record, header::ORIGIN).is_some()
}

/// What a command is known by: its own id, or where it entered the log.
pub(crate) fn identity(record: &Stored, value: &Value, here: (&str, u32, i64)) -> String {
    let own = |field: &str| text(&value[field]).filter(|id| !id.trim().is_empty());
    let entered = || head(record, header::ORIGIN).or_else(|| head(record, header::ENTERED));
    own("requestId")
        .or_else(|| own("eventId"))
        .or_else(entered)
        .unwrap_or_else(|| format!("{}-{}-{}", here.0, here.1, here.2))
}
