//! A sale or a return, as the reservations write it: see [`crate::reservation::facts::Ranked`].
//!
//! ```json
//! {"eventId":"evt_res_2_7.sold","type":"SEAT_SOLD","scheduleId":"schedule_456","concertId":"concert_1","concertTitle":"아이유 콘서트",
//!  "reservationId":"res_2_7","paymentId":"pay_2_1","reserved":50,"capacity":50,"saleStart":null,"occurredAt":"2026-03-15T11:00:00.000Z"}
//! ```

use crate::reading::{self, Unreadable, missing, not_blank, unreadable};
use crate::wire::{Id, When};
use serde::Deserialize;
use std::borrow::Cow;

/// What has happened to a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It was sold: its reservation is confirmed.
    Sold,
    /// It came back: its reservation is cancelled after it was confirmed.
    Returned,
}

/// A sale or a return.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RankingEvent<'a> {
    /// Which of them.
    pub kind: Kind,
    /// Of which schedule.
    pub schedule_id: Cow<'a, str>,
    /// Of which concert, if the schedule belongs to one.
    pub concert_id: Option<Cow<'a, str>>,
    /// What the concert is called; empty when the record does not say.
    pub concert_title: Cow<'a, str>,
    /// By which payment the seat was sold. A payment has one sale and at most one return.
    pub payment_id: Cow<'a, str>,
    /// Whether every seat of the catalogue was sold after this.
    pub fills: bool,
    /// When the sale of the schedule opened, in ms since the epoch; `None` when it was open from the beginning.
    pub sale_start_ms: Option<i64>,
    /// When it happened, in ms since the epoch: the confirmation of a sale, the cancellation of a return.
    pub occurred_ms: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    schedule_id: Option<Id<'a>>,
    #[serde(borrow, default)]
    concert_id: Option<Id<'a>>,
    #[serde(borrow, default)]
    concert_title: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    payment_id: Option<Id<'a>>,
    #[serde(default)]
    reserved: Option<u64>,
    #[serde(default)]
    capacity: Option<u64>,
    #[serde(default)]
    sale_start: Option<When>,
    #[serde(default)]
    occurred_at: Option<When>,
}

impl<'a> RankingEvent<'a> {
    /// Reads the value of a record.
    ///
    /// # Errors
    /// [`Unreadable`] for everything that is no sale and no return, or does not say of which payment and when.
    pub fn parse(value: Option<&'a [u8]>) -> Result<Self, Unreadable> {
        let fields: Fields<'a> = reading::object(reading::text(value)?)?;
        let kind = match &*fields.kind {
            "SEAT_SOLD" => Kind::Sold,
            "SEAT_RETURNED" => Kind::Returned,
            other => return Err(unreadable("UnknownType", format!("{other:?} is no type of event"))),
        };
        let schedule_id = not_blank(fields.schedule_id).ok_or_else(|| missing("scheduleId"))?;
        let payment_id = not_blank(fields.payment_id).ok_or_else(|| missing("paymentId"))?;
        let concert_id = not_blank(fields.concert_id);
        let concert_title = fields.concert_title.unwrap_or_default();
        reading::check_lengths([Some(&*schedule_id), Some(&*payment_id), concert_id.as_deref()])?;
        let moment = |field: &str, when: Option<When>| {
            let is_unreadable = when.is_some_and(|when| when.ms().is_none());
            let ms = when.and_then(When::ms);
            if is_unreadable { Err(unreadable("InvalidField", format!("{field} is no time"))) } else { Ok(ms) }
        };
        Ok(Self {
            kind,
            schedule_id,
            concert_id,
            concert_title,
            payment_id,
            fills: fields.capacity.is_some_and(|capacity| capacity > 0 && fields.reserved >= Some(capacity)),
            sale_start_ms: moment("saleStart", fields.sale_start)?,
            occurred_ms: moment("occurredAt", fields.occurred_at)?.ok_or_else(|| missing("occurredAt"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reservation::facts::{At, Ranked};

    fn ranked(kind: &str, reserved: u64) -> Vec<u8> {
        serde_json::to_vec(&Ranked {
            event_id: "evt_res_2_7.sold",
            kind,
            schedule_id: "schedule_456",
            concert_id: None,
            concert_title: "아이유 콘서트",
            reservation_id: "res_2_7",
            payment_id: "pay_2_1",
            reserved,
            capacity: 50,
            sale_start: Some(At(1_000)),
            occurred_at: At(5_000),
        })
        .unwrap()
    }

    #[test]
    fn what_the_reservations_write_is_read() {
        let value = ranked("SEAT_SOLD", 50);
        let event = RankingEvent::parse(Some(&value)).unwrap();
        assert_eq!(
            event,
            RankingEvent {
                kind: Kind::Sold,
                schedule_id: "schedule_456".into(),
                concert_id: None,
                concert_title: "아이유 콘서트".into(),
                payment_id: "pay_2_1".into(),
                fills: true,
                sale_start_ms: Some(1_000),
                occurred_ms: 5_000,
            }
        );
        let value = ranked("SEAT_RETURNED", 49);
        let event = RankingEvent::parse(Some(&value)).unwrap();
        assert_eq!((event.kind, event.fills), (Kind::Returned, false));
    }

    #[test]
    fn a_record_that_says_little_is_read_and_one_that_says_nothing_is_not() {
        let least = r#"{"type":"SEAT_SOLD","scheduleId":1,"paymentId":"p","occurredAt":1773561600000}"#;
        let event = RankingEvent::parse(Some(least.as_bytes())).unwrap();
        assert_eq!((&*event.schedule_id, &*event.concert_title, event.fills), ("1", "", false));
        for (json, class) in [
            ("{", "InvalidJson"),
            ("[]", "InvalidField"),
            (r#"{"scheduleId":"s"}"#, "MissingField"),
            (r#"{"type":"SEAT_PAINTED","scheduleId":"s","paymentId":"p","occurredAt":1}"#, "UnknownType"),
            (r#"{"type":"SEAT_SOLD","paymentId":"p","occurredAt":1}"#, "MissingField"),
            (r#"{"type":"SEAT_SOLD","scheduleId":"s","occurredAt":1}"#, "MissingField"),
            (r#"{"type":"SEAT_SOLD","scheduleId":"s","paymentId":" ","occurredAt":1}"#, "MissingField"),
            (r#"{"type":"SEAT_SOLD","scheduleId":"s","paymentId":"p"}"#, "MissingField"),
            (r#"{"type":"SEAT_SOLD","scheduleId":"s","paymentId":"p","occurredAt":"soon"}"#, "InvalidField"),
            (r#"{"type":"SEAT_SOLD","scheduleId":"s","paymentId":"p","occurredAt":1,"saleStart":"x"}"#, "InvalidField"),
            (r#"{"type":"SEAT_SOLD","scheduleId":"s","paymentId":"p","occurredAt":1,"reserved":-1}"#, "InvalidField"),
        ] {
            assert_eq!(RankingEvent::parse(Some(json.as_bytes())).unwrap_err().class, class, "{json}");
        }
        assert_eq!(RankingEvent::parse(None).unwrap_err().class, "NoValue");
    }

    #[test]
    fn a_house_without_seats_is_never_full() {
        let json = r#"{"type":"SEAT_SOLD","scheduleId":"s","paymentId":"p","occurredAt":1,"reserved":0,"capacity":0}"#;
        assert!(!RankingEvent::parse(Some(json.as_bytes())).unwrap().fills);
    }
}
