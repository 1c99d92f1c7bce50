//! Records whose key belongs to another place: a producer that set no key, or another partitioner.

use crate::context::Context;
use crate::output::Payload;
use crate::processor::ProcessError;
use holdfast_ports::record::Record;

/// Header of a forwarded record: topic, partition and offset at which it entered the log. Keeps its identity, and marks it as forwarded once.
pub const ORIGIN: &str = "x-origin";

/// Header of a record that stands for one that was given up in a foreign place, before it could be forwarded: only its
/// outcome is to be decided. Says where.
pub const GIVEN_UP: &str = "x-given-up";

/// Sends `value`, which says what `record` wants in few bytes, to `place`, or to where `key` lives, for the outcome of
/// a record that was given up here. A record
/// that has been forwarded before is not sent on again.
pub(crate) fn give_up(
    ctx: &mut Context<'_>,
    record: &Record<'_>,
    place: Option<u32>,
    key: Option<&[u8]>,
    value: &[u8],
) -> Result<(), ProcessError> {
    if record.header(ORIGIN).is_some() {
        return Ok(());
    }
    let origin = ctx.origin(record);
    let here = format!("{}-{}-{}", ctx.source, ctx.place, ctx.offset);
    // The last one says which task made the copy.
    let headers: [(&str, &[u8]); 2] = [(GIVEN_UP, here.as_bytes()), (ORIGIN, origin.as_bytes())];
    ctx.send_back(place, &Payload { key, value: Some(value), headers: &headers });
    Ok(())
}

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
    ctx.send_back(place, &Payload { key, value: record.value, headers: &headers });
    Ok(())
}
