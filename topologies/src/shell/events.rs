//! Events that a decision sends, in their envelope.

use holdfast_engine::prelude::{Context, Output, ProcessError, Sink};
use holdfast_model::envelope::Envelope;
use serde::Serialize;

/// An event on its way out, but for its value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Event<'a> {
    /// Its id, in parts: made of what caused it and what happened, never of chance, so a replay sends the same.
    pub(crate) id: &'a [&'a str],
    /// What kind of event it is: `coupon.issued` …
    pub(crate) kind: &'a str,
    /// Where to.
    pub(crate) to: &'a Sink,
    /// Which place; `None` = where the key lives.
    pub(crate) place: Option<u32>,
    /// The record's key.
    pub(crate) key: &'a str,
}

/// Sends events of one record.
pub(crate) struct Events<'a> {
    source: &'a str,
    traceparent: Option<&'a [u8]>,
    /// A buffer.
    id: &'a mut String,
    /// A buffer.
    value: &'a mut Vec<u8>,
}

impl<'a> Events<'a> {
    #[inline]
    pub(super) fn new(
        source: &'a str,
        traceparent: Option<&'a [u8]>,
        id: &'a mut String,
        value: &'a mut Vec<u8>,
    ) -> Self {
        Self { source, traceparent, id, value }
    }

    /// Sends `event` with the value that `write` appends; it is given the event's id.
    ///
    /// # Errors
    /// As [`Context::send`].
    #[inline]
    pub(crate) fn send(
        &mut self,
        ctx: &mut Context<'_>,
        event: &Event<'_>,
        write: impl FnOnce(&str, &mut Vec<u8>),
    ) -> Result<(), ProcessError> {
        self.name(event.id);
        self.value.clear();
        write(self.id, self.value);
        self.send_written(ctx, event)
    }

    /// [`Events::send`] with `fact` as JSON.
    ///
    /// # Errors
    /// As [`Context::send`].
    #[inline]
    pub(crate) fn send_json(
        &mut self,
        ctx: &mut Context<'_>,
        event: &Event<'_>,
        fact: &impl Serialize,
    ) -> Result<(), ProcessError> {
        self.name(event.id);
        self.value.clear();
        // Texts and numbers always encode: there is no failing Serialize in a fact.
        serde_json::to_writer(&mut *self.value, fact)
            .map_err(|error| ProcessError::fail("Unwritable", error.to_string()))?;
        self.send_written(ctx, event)
    }

    #[inline]
    fn name(&mut self, parts: &[&str]) {
        self.id.clear();
        for part in parts {
            self.id.push_str(part);
        }
    }

    fn send_written(&self, ctx: &mut Context<'_>, event: &Event<'_>) -> Result<(), ProcessError> {
        let Event { kind, to, place, key, .. } = *event;
        let envelope =
            Envelope { id: self.id, source: self.source, kind, time_ms: ctx.now_ms(), traceparent: self.traceparent };
        let (key, value) = (Some(key.as_bytes()), Some(self.value.as_slice()));
        envelope.with_headers(|headers| ctx.send_output(&Output { to, place, key, value, headers }))
    }
}
