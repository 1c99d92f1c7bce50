//! What is read of the facts. The value of `reservation.confirmed` goes to the data platform as it stands, so only what names and places the delivery is
//! read, and the other fields are checked for their kind.

use crate::reading::{self, Unreadable, missing, not_blank, unreadable};
use crate::wire::{Id, When};
use serde::Deserialize;
use std::borrow::Cow;

/// A reservation is paid and confirmed: the value of a record in `reservation.confirmed`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmed<'a> {
    /// Which reservation: also the idempotency key of its delivery.
    pub reservation_id: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConfirmedFields<'a> {
    #[serde(borrow, default)]
    reservation_id: Option<Id<'a>>,
    #[serde(borrow, default)]
    user_id: Option<Id<'a>>,
    #[serde(borrow, default)]
    schedule_id: Option<Id<'a>>,
    #[serde(borrow, default)]
    seat_no: Option<Id<'a>>,
    #[serde(borrow, default)]
    payment_id: Option<Id<'a>>,
    #[serde(default)]
    amount: Option<u64>,
    #[serde(borrow, default)]
    concert_title: Option<Cow<'a, str>>,
    #[serde(default)]
    confirmed_at: Option<When>,
}

impl<'a> Confirmed<'a> {
    /// Reads the value of a record. Only `reservationId` has to be there; a field that is there has to be of its kind.
    ///
    /// # Errors
    /// [`Unreadable`] for everything that is no such fact.
    pub fn parse(value: Option<&'a [u8]>) -> Result<Self, Unreadable> {
        let fields: ConfirmedFields<'a> = reading::object(reading::text(value)?)?;
        let ConfirmedFields { user_id, schedule_id, seat_no, payment_id, amount, concert_title, .. } = fields;
        let _ = (amount, concert_title);
        let others = [&user_id, &schedule_id, &seat_no, &payment_id];
        reading::check_lengths(others.map(|id| id.as_ref().map(|id| &*id.0)))?;
        if fields.confirmed_at == Some(When::Unreadable) {
            return Err(unreadable("InvalidField", "confirmedAt is no time"));
        }
        Ok(Self { reservation_id: named(fields.reservation_id, "reservationId")? })
    }
}

/// A payment is debited: the value of a record in `payment.completed`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completed<'a> {
    /// For which reservation.
    pub reservation_id: Cow<'a, str>,
    /// Which payment.
    pub payment_id: Cow<'a, str>,
    /// KRW.
    pub amount: i64,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    payload: CompletedFields<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CompletedFields<'a> {
    #[serde(borrow, default)]
    reservation_id: Option<Id<'a>>,
    #[serde(borrow, default)]
    payment_id: Option<Id<'a>>,
    amount: i64,
}

impl<'a> Completed<'a> {
    /// Reads the value of a record.
    ///
    /// # Errors
    /// [`Unreadable`] for everything that is no such fact.
    pub fn parse(value: Option<&'a [u8]>) -> Result<Self, Unreadable> {
        let Envelope { payload } = reading::object(reading::text(value)?)?;
        Ok(Self {
            reservation_id: named(payload.reservation_id, "payload.reservationId")?,
            payment_id: named(payload.payment_id, "payload.paymentId")?,
            amount: payload.amount,
        })
    }
}

fn named<'a>(id: Option<Id<'a>>, field: &str) -> Result<Cow<'a, str>, Unreadable> {
    let id = not_blank(id).ok_or_else(|| missing(field))?;
    reading::check_lengths([Some(&*id)])?;
    // The id is the value of an HTTP header.
    if id.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(unreadable("InvalidField", format!("{field} has a control character")));
    }
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn confirmed(json: &str) -> Result<String, &'static str> {
        Confirmed::parse(Some(json.as_bytes())).map(|fact| fact.reservation_id.into_owned()).map_err(|e| e.class)
    }

    #[test]
    fn a_confirmation_has_an_id_and_fields_of_their_kind() {
        let ours = r#"{"reservationId":"res_2_7","userId":"u","scheduleId":"s","seatNo":1,"amount":50000,"paymentId":"pay_2_1","concertTitle":"콘서트","confirmedAt":"2026-03-15T11:00:00.000Z"}"#;
        assert_eq!(confirmed(ours).as_deref(), Ok("res_2_7"));
        assert_eq!(confirmed(r#"{"reservationId":7,"unheardOf":[1]}"#).as_deref(), Ok("7"));
        assert_eq!(confirmed(r#"{"reservationId":"예약_1"}"#).as_deref(), Ok("예약_1"));
        for (json, class) in [
            ("{", "InvalidJson"),
            ("[]", "InvalidField"),
            ("{}", "MissingField"),
            (r#"{"reservationId":" "}"#, "MissingField"),
            (r#"{"reservationId":null}"#, "MissingField"),
            (r#"{"reservationId":["r"]}"#, "InvalidField"),
            (r#"{"reservationId":"a\nb"}"#, "InvalidField"),
            (r#"{"reservationId":"r","amount":"much"}"#, "InvalidField"),
            (r#"{"reservationId":"r","confirmedAt":"soon"}"#, "InvalidField"),
        ] {
            assert_eq!(confirmed(json), Err(class), "{json}");
        }
        let long = format!(r#"{{"reservationId":"{}"}}"#, "x".repeat(reading::ID_BYTES_MAX + 1));
        assert_eq!(confirmed(&long), Err("IdTooLong"));
        assert_eq!(Confirmed::parse(None).unwrap_err().class, "NoValue");
        assert_eq!(Confirmed::parse(Some(b"\xff")).unwrap_err().class, "InvalidUtf8");
    }

    #[test]
    fn what_the_wallets_write_is_read() {
        let mut value = Vec::new();
        crate::payment::completed::Completed {
            event_id: "pay_2_1.completed",
            time_ms: 7,
            payment_id: "pay_2_1",
            user_id: "user_123",
            reservation_id: "res_2_1",
            seat_id: "seat_schedule_456_7",
            amount: 50_000,
            schedule_id: "schedule_456",
        }
        .write(&mut value);
        let read = Completed::parse(Some(&value)).unwrap();
        assert_eq!((&*read.reservation_id, &*read.payment_id, read.amount), ("res_2_1", "pay_2_1", 50_000));
        for json in [r#"{"payload":{}}"#, r#"{"payload":{"reservationId":"r","amount":1}}"#, r#"{"reservationId":"r"}"#]
        {
            assert_eq!(Completed::parse(Some(json.as_bytes())).unwrap_err().class, "MissingField", "{json}");
        }
    }
}
