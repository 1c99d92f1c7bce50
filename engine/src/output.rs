//! A record on its way out: where to, and what of.

use crate::sink::Sink;

/// A record on its way out, as a processor sends it.
#[derive(Debug, Clone, Copy)]
pub struct Output<'a> {
    /// Where to: a sink of the topology, or [`Sink::inbox`].
    pub to: &'a Sink,
    /// Which place; `None` = where the key lives.
    pub place: Option<u32>,
    /// The key. A record without key and place stays in the sender's place.
    pub key: Option<&'a [u8]>,
    /// The value.
    pub value: Option<&'a [u8]>,
    /// Headers in order.
    pub headers: &'a [(&'a str, &'a [u8])],
}

impl<'a> Output<'a> {
    pub(crate) fn payload(&self) -> Payload<'a> {
        Payload { key: self.key, value: self.value, headers: self.headers }
    }
}

/// What a record consists of, wherever it goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Payload<'a> {
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) headers: &'a [(&'a str, &'a [u8])],
}
