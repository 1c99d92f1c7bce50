//! A deadline in, a delayed command out.

use super::{COMMANDS, Expirations};
use crate::shell::{Case, Feature, Handled, Home};
use holdfast_engine::prelude::{Output, ProcessError, Table, Topology};
use holdfast_model::expiration::NAME;
use holdfast_model::json::Object;
use holdfast_model::reservation::ids;
use holdfast_model::settings::SettingsRow;
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

/// A deadline that is to come.
#[derive(Debug)]
pub(crate) struct Deadline<'a> {
    reservation_id: Id<'a>,
    expires_ms: i64,
}

impl Feature for Expirations {
    const NAME: &'static str = NAME;
    const SETTINGS: Option<&'static Table<u64, SettingsRow>> = None;
    type Settings = ();
    /// The command.
    type Buffers = Vec<u8>;
    type Message<'a> = Deadline<'a>;

    fn topology((): &()) -> Topology {
        super::topology()
    }

    fn parse(value: Option<&[u8]>) -> Result<Deadline<'_>, ProcessError> {
        let value = value.ok_or_else(|| ProcessError::refuse("NoValue", "the record has no value"))?;
        let Expiration { payload } =
            serde_json::from_slice(value).map_err(|e| ProcessError::refuse("InvalidJson", e.to_string()))?;
        match payload.expires_at.ms() {
            Some(expires_ms) => Ok(Deadline { reservation_id: payload.reservation_id, expires_ms }),
            None => Err(ProcessError::refuse("InvalidField", "expiresAt is no time")),
        }
    }

    fn home<'m>(message: &'m Deadline<'_>, _: &'m mut Vec<u8>, places: u32) -> Result<Home<'m>, ProcessError> {
        let id = &*message.reservation_id.0;
        match ids::parse_reservation(id) {
            Some((place, _)) if place < places => Ok(Home::Place(place)),
            _ => Err(ProcessError::refuse("UnknownReservation", format!("{id:?} is no reservation of ours"))),
        }
    }

    #[inline]
    fn decide(case: Case<'_, '_, Self>, message: &Deadline<'_>) -> Result<Handled, ProcessError> {
        case.answer(|cx| {
            let id = &*message.reservation_id.0;
            cx.buffers.clear();
            write_expire(cx.buffers, id, message.expires_ms);
            let (place, key, value) = (Some(cx.ctx.place()), Some(id.as_bytes()), Some(cx.buffers.as_slice()));
            let expire = Output { to: &COMMANDS, place, key, value, headers: &[] };
            cx.ctx.send_at(message.expires_ms, &expire).map(|_| ())
        })
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
