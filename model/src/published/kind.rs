//! Fields of records, and what a field may be.

/// A field.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Whether it has to be there.
    pub presence: Presence,
    /// What it says.
    pub about: &'static str,
}

/// Whether a field has to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It is there.
    Must,
    /// It may be missing, or null, which means the same.
    May,
    /// It is there, and null when there is nothing to say.
    OrNull,
}

/// What the value of a field is.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A text.
    Text,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// An id: a text, or a whole number that stands for its digits.
    Id,
    /// A moment as the shop writes it: RFC 3339 in UTC.
    Time,
    /// A moment in others' words: RFC 3339 with any offset, or ms since the epoch as a number or in digits. What is none of these is refused with an outcome.
    When,
    /// A whole number.
    Whole,
    /// A whole number from 0 on.
    Count,
    /// A whole number, or a text of its digits.
    Digits,
    /// Anything: it is passed on as it came.
    Any,
    /// A list of these.
    List(&'static Self),
    /// An object with these fields.
    Object(&'static [Field]),
    /// An object whose fields have names of others' choice, and this kind.
    Map(&'static Self),
    /// Yes or no.
    Flag,
    /// One of these kinds.
    Either(&'static [Self]),
}

/// A field that is always there.
#[must_use]
pub const fn must(name: &'static str, kind: Kind, about: &'static str) -> Field {
    Field { name, kind, presence: Presence::Must, about }
}

/// A field that may be missing.
#[must_use]
pub const fn may(name: &'static str, kind: Kind, about: &'static str) -> Field {
    Field { name, kind, presence: Presence::May, about }
}

/// A field that is there and may be null.
#[must_use]
pub const fn or_null(name: &'static str, kind: Kind, about: &'static str) -> Field {
    Field { name, kind, presence: Presence::OrNull, about }
}

/// Fields that records of several kinds share.
pub mod shared {
    use super::{Field, Kind, may};

    /// Id of the event that carries the record.
    pub const EVENT_ID: Field = may("eventId", Kind::Id, "Id of the event that carries the record.");
    /// Id of the request or command.
    pub const REQUEST_ID: Field = may("requestId", Kind::Id, "Id of the request: its outcome is found by it.");
    /// When it was asked for.
    pub const REQUESTED_AT: Field =
        may("requestedAt", Kind::Any, "When it was asked for, by the client's clock: passed on as it came.");
}
