//! A deadline in, a delayed command out.

use super::SINK;
use crate::reservation::ids;
use crate::reservation::message::{Command, Expire, Message};
use crate::wire::{self, When};
use holdfast_engine::ports::record::Record;
use holdfast_engine::{Context, Output, ProcessError, Processor};
use serde::Deserialize;

/// What is read of a deadline's record.
#[derive(Deserialize)]
struct Expiration {
    payload: Payload,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    #[serde(deserialize_with = "wire::id")]
    reservation_id: String,
    expires_at: When,
}

/// Arms the deadlines of one place.
#[derive(Debug)]
pub(super) struct ExpirationProcessor;

impl Processor for ExpirationProcessor {
    fn process(&mut self, ctx: &mut Context<'_>, record: &Record<'_>) -> Result<(), ProcessError> {
        let value = record.value.ok_or_else(|| ProcessError::refuse("NoValue", "the record has no value"))?;
        let Expiration { payload } =
            serde_json::from_slice(value).map_err(|e| ProcessError::refuse("InvalidJson", e.to_string()))?;
        let When::Ms(expires_ms) = payload.expires_at else {
            return Err(ProcessError::refuse("InvalidField", "expiresAt is no time"));
        };
        let id = payload.reservation_id;
        match ids::parse_reservation(&id) {
            Some((place, _)) if place == ctx.place() => {}
            Some((place, _)) if place < ctx.places() => return ctx.forward_to(record, place),
            _ => return Err(ProcessError::refuse("UnknownReservation", format!("{id:?} is no reservation of ours"))),
        }
        let expire = Expire { reservation_id: id.clone(), expires_at: Some(payload.expires_at), due_at: None };
        let value = Message::new(format!("{id}.expire"), Command::Expire(expire)).to_json();
        let place = Some(ctx.place());
        let output = Output { topic: SINK, place, key: Some(id.as_bytes()), value: Some(&value), headers: &[] };
        ctx.send_at(expires_ms, &output).map(|_| ())
    }
}
