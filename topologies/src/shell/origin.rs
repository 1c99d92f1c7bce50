//! What a record's headers say to a topology: where it has been, and which trace it is part of.

use holdfast_engine::prelude::{Origin as Entered, Record, header};
use holdfast_model::envelope;
use std::fmt::Display;

/// The headers that matter to a decision, found in one pass.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Origin<'a> {
    /// Trace of the record, to be passed on.
    pub(crate) traceparent: Option<&'a [u8]>,
    entered: Entered<'a>,
    is_given_up: bool,
}

impl<'a> Origin<'a> {
    /// Reads the headers of `record`.
    #[must_use]
    pub(crate) fn of(record: &Record<'a>) -> Self {
        let mut origin = Self::default();
        record.headers.each(&mut |name, value| match name {
            envelope::header::TRACEPARENT => origin.traceparent = value,
            header::GIVEN_UP => origin.is_given_up = true,
            _ => origin.entered.note(name, value),
        });
        origin
    }

    /// Whether the record has been among the dead letters and was put back by an operator.
    #[must_use]
    pub(crate) fn is_redriven(&self) -> bool {
        self.entered.is_redriven()
    }

    /// Whether the record stands for one that was given up in a foreign place: nothing is decided but its outcome.
    #[must_use]
    pub(crate) fn is_given_up(&self) -> bool {
        self.is_given_up
    }

    /// Where the record first entered the log: its identity when it brings none. `here` is its topic, place and offset now.
    #[must_use]
    pub(crate) fn identity(&self, here: (impl Display, u32, i64)) -> String {
        self.entered.identity(here)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trace_and_origin_are_found_among_each_other() {
        let header = |name: &str, value: &str| (name.to_owned(), Some(value.as_bytes().to_vec()));
        let headers =
            vec![header("x-origin", "in-2-5"), header("traceparent", "00-01"), header("X-Original-Topic", "in")];
        let record = Record { offset: 7, append_ms: 0, key: None, value: None, headers: &headers };
        let origin = Origin::of(&record);
        assert_eq!(origin.traceparent, Some(&b"00-01"[..]));
        assert_eq!((origin.identity(("in", 1, 7)), origin.is_redriven()), ("in-2-5".to_owned(), true));
    }
}
