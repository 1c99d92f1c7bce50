//! Records whose key belongs to another place: a producer that set no key, or another partitioner.

use crate::context::{Context, Output};
use crate::processor::ProcessError;
use holdfast_ports::record::Record;

/// Header of a forwarded record: topic, partition and offset at which it entered the log. Keeps its identity, and marks it as forwarded once.
pub const ORIGIN: &str = "x-origin";

/// Forwards to `place`, or to where `key` lives.
pub(crate) fn forward(
    ctx: &mut Context<'_>,
    record: &Record<'_>,
    place: Option<u32>,
    key: Option<&[u8]>,
) -> Result<(), ProcessError> {
    if let Some(origin) = record.header(ORIGIN) {
        let origin = String::from_utf8_lossy(origin);
        return Err(ProcessError::refuse("Misplaced", format!("forwarded from {origin} and still not in its place")));
    }
    let origin = ctx.origin(record);
    let mut headers = Vec::new();
    record.headers.each(&mut |name, value| headers.push((name, value.unwrap_or_default())));
    headers.push((ORIGIN, origin.as_bytes()));
    let inbox = ctx.source.clone();
    ctx.send_output(&Output { topic: &inbox, place, key, value: record.value, headers: &headers })
}
