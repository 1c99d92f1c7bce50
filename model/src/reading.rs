//! Reading the value of a record: what all inboxes do alike, and say alike of what they cannot read.

use crate::wire::Id;
use holdfast_engine::prelude::ProcessError;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::error::Category;
use std::borrow::Cow;

/// Longest id, in bytes: ids are keys, and a key is read and written for each record.
pub const ID_BYTES_MAX: usize = 512;

/// A record that is no message, and why: it goes to the dead letters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{class}: {message}")]
pub struct Unreadable {
    /// `NoValue`, `InvalidUtf8`, `InvalidJson`, `InvalidField`, `MissingField`, `IdTooLong` or `UnknownType`.
    pub class: &'static str,
    /// For people.
    pub message: String,
}

impl From<Unreadable> for ProcessError {
    fn from(unreadable: Unreadable) -> Self {
        Self::Refuse { class: unreadable.class, message: unreadable.message }
    }
}

/// A record that is no message, for the reason `class`.
pub fn unreadable(class: &'static str, message: impl Into<String>) -> Unreadable {
    Unreadable { class, message: message.into() }
}

/// A record without a field that it needs.
pub fn missing(field: &str) -> Unreadable {
    unreadable("MissingField", format!("missing field `{field}`"))
}

/// The value of a record, which is text.
pub fn text(value: Option<&[u8]>) -> Result<&str, Unreadable> {
    let value = value.ok_or_else(|| unreadable("NoValue", "the record has no value"))?;
    std::str::from_utf8(value).map_err(|e| unreadable("InvalidUtf8", e.to_string()))
}

/// The object that `text` is.
pub fn object<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Unreadable> {
    // An array would be taken for a struct, field by field.
    if !text.trim_start().starts_with('{') {
        return Err(match serde_json::from_str::<IgnoredAny>(text) {
            Ok(_) => unreadable("InvalidField", "the value is no JSON object"),
            Err(e) => unreadable("InvalidJson", e.to_string()),
        });
    }
    fields(text)
}

/// More of the same [`object`].
pub fn fields<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Unreadable> {
    serde_json::from_str(text).map_err(|error| {
        let message = error.to_string();
        let class = match error.classify() {
            // serde has no kind for it, only these words; a test would notice others.
            Category::Data if message.starts_with("missing field") => "MissingField",
            Category::Data => "InvalidField",
            _ => "InvalidJson",
        };
        unreadable(class, message)
    })
}

/// Refuses ids that are too long to be keys.
pub fn check_lengths<'i>(ids: impl IntoIterator<Item = Option<&'i str>>) -> Result<(), Unreadable> {
    match ids.into_iter().flatten().map(str::len).find(|bytes| *bytes > ID_BYTES_MAX) {
        None => Ok(()),
        Some(bytes) => Err(unreadable("IdTooLong", format!("an id of {bytes} bytes: at most {ID_BYTES_MAX}"))),
    }
}

/// An id that says something.
pub fn not_blank(id: Option<Id<'_>>) -> Option<Cow<'_, str>> {
    id.map(|id| id.0).filter(|id| !id.trim().is_empty())
}
