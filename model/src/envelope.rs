//! CloudEvents 1.0 headers of what goes out (Kafka binding, binary mode): the value stays the plain JSON that a console consumer shows.
//!
//! An id is made of what caused the event and what kind of event it is, never of chance: a replay writes the same id, so whoever reads can
//! recognise a repetition.

use crate::rfc3339;

/// Header names.
pub mod header {
    /// CloudEvents version.
    pub const SPECVERSION: &str = "ce_specversion";
    /// The event's id, unique within its source.
    pub const ID: &str = "ce_id";
    /// Which topology in which place wrote it.
    pub const SOURCE: &str = "ce_source";
    /// What kind of event it is.
    pub const TYPE: &str = "ce_type";
    /// When it happened.
    pub const TIME: &str = "ce_time";
    /// Of the value.
    pub const CONTENT_TYPE: &str = "content-type";
    /// W3C trace context, passed on as it came.
    pub const TRACEPARENT: &str = "traceparent";
}

/// What the headers of one event say.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'a> {
    /// Unique within `source`, and the same in every replay.
    pub id: &'a str,
    /// As [`source`] makes it.
    pub source: &'a str,
    /// What kind of event: `coupon.issued` …
    pub kind: &'a str,
    /// When it was decided, in ms since the epoch.
    pub time_ms: i64,
    /// The trace of the record that caused it.
    pub traceparent: Option<&'a [u8]>,
}

impl Envelope<'_> {
    /// Calls `send` with the headers in order.
    pub fn with_headers<R>(&self, send: impl FnOnce(&[(&str, &[u8])]) -> R) -> R {
        let time = rfc3339::format(self.time_ms);
        let headers = [
            (header::SPECVERSION, b"1.0".as_slice()),
            (header::ID, self.id.as_bytes()),
            (header::SOURCE, self.source.as_bytes()),
            (header::TYPE, self.kind.as_bytes()),
            (header::TIME, time.as_bytes()),
            (header::CONTENT_TYPE, b"application/json"),
            (header::TRACEPARENT, self.traceparent.unwrap_or_default()),
        ];
        send(if self.traceparent.is_some() { &headers } else { &headers[..headers.len() - 1] })
    }
}

/// The source of a topology's events in a place. Ids of requests are unique within a place only, so the place is part of it.
#[must_use]
pub fn source(topology: &str, place: u32) -> String {
    format!("/{topology}/{place}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_headers_stand_in_order_and_the_trace_only_when_there_is_one() {
        let mut envelope = Envelope {
            id: "r1.outcome",
            source: &source("coupon", 2),
            kind: "coupon.issued",
            time_ms: 0,
            traceparent: None,
        };
        let names = |e: &Envelope<'_>| {
            e.with_headers(|headers| headers.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(names(&envelope), ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "content-type"]);
        envelope.traceparent = Some(b"00-01-02-03");
        assert_eq!(names(&envelope).last().map(String::as_str), Some("traceparent"));
        envelope.with_headers(|headers| {
            assert!(headers.contains(&("ce_source", b"/coupon/2")));
            assert!(headers.contains(&("ce_time", b"1970-01-01T00:00:00.000Z")));
        });
    }
}
