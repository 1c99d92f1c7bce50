//! A deadline in, a delayed command out.

use super::COMMANDS;
use holdfast_engine::prelude::{Context, Output, ProcessError, Processor, Record};
use holdfast_model::json::Object;
use holdfast_model::reservation::ids;
use holdfast_model::wire::{Id, When};
use serde::Deserialize;

/// What is read of a deadline's record.
#[derive(Deserialize)]
struct Expiration<'a> {
    #[serde(borrow)]
    payload: Payload<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    #[serde(borrow)]
    reservation_id: Id<'a>,
    expires_at: When,
}

/// Arms the deadlines of one place.
#[derive(Debug, Default)]
pub(super) struct ExpirationProcessor {
    /// A buffer.
    value: Vec<u8>,
}

impl Processor for ExpirationProcessor {
    fn process(&mut self, ctx: &mut Context<'_>, record: &Record<'_>) -> Result<(), ProcessError> {
        let value = record.value.ok_or_else(|| ProcessError::refuse("NoValue", "the record has no value"))?;
        let Expiration { payload } =
            serde_json::from_slice(value).map_err(|e| ProcessError::refuse("InvalidJson", e.to_string()))?;
        let Some(expires_ms) = payload.expires_at.ms() else {
            return Err(ProcessError::refuse("InvalidField", "expiresAt is no time"));
        };
        let id = &*payload.reservation_id.0;
        match ids::parse_reservation(id) {
            Some((place, _)) if place == ctx.place() => {}
            Some((place, _)) if place < ctx.places() => return ctx.forward_to(record, place),
            _ => return Err(ProcessError::refuse("UnknownReservation", format!("{id:?} is no reservation of ours"))),
        }
        self.value.clear();
        write_expire(&mut self.value, id, expires_ms);
        let (place, key, value) = (Some(ctx.place()), Some(id.as_bytes()), Some(&*self.value));
        ctx.send_at(expires_ms, &Output { to: &COMMANDS, place, key, value, headers: &[] }).map(|_| ())
    }
}

/// Appends the command: as `reservation::message` writes it, by hand, since there is one for each hold.
fn write_expire(out: &mut Vec<u8>, id: &str, expires_ms: i64) {
    Object::begin(out)
        .text("type", "expire")
        .text("reservationId", id)
        .time("expiresAt", expires_ms)
        .text("requestId", &[id, ".expire"].concat())
        .end();
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_model::reservation::message::{Command, Expire, Message};

    #[test]
    fn it_writes_what_the_reservations_read() {
        let mut value = Vec::new();
        write_expire(&mut value, "res_2_7", 300_000);
        let expire = Expire { reservation_id: "res_2_7".to_owned(), expires_at: Some(When::Ms(300_000)), due_at: None };
        let message = Message::new("res_2_7.expire", Command::Expire(expire));
        assert_eq!(String::from_utf8_lossy(&value), String::from_utf8_lossy(&message.to_json()));
    }
}
