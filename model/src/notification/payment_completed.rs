//! The records of `notifications.payment-completed`, read: a typed fact that becomes a request of the type `PAYMENT_CONFIRMED`.
//!
//! ```json
//! {"eventId":"evt_1","eventType":"payment.completed","eventTime":"2026-03-15T11:00:00.000Z",
//!  "payload":{"paymentId":"pay_0_1","userId":"1001","reservationId":"res_0_1","seatId":"seat_1","amount":50000,
//!             "concertTitle":"아이유 콘서트","concertDate":"2026-03-15"}}
//! ```
//! It is the envelope of `payment.completed` with what the text needs. `userId` is required, and one of `eventId` and `paymentId`, so that a fact that comes
//! twice is told once. The fields may also stand without an envelope, as a plain object.

use super::message::{event_ms, user_id};
use crate::json::Object;
use crate::reading::{self, Unreadable, check_lengths, missing, not_blank};
use crate::wire::{Id, When};
use serde::Deserialize;
use std::borrow::Cow;

/// The type that it is told as.
pub const TOLD_AS: &str = "PAYMENT_CONFIRMED";

/// A payment that is to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct PaymentCompleted<'a> {
    /// Names the notification: `<eventId or paymentId>.PAYMENT_CONFIRMED`.
    pub notification_id: String,
    /// When it was made, in ms since the epoch; none = when the record entered the log.
    pub event_ms: Option<i64>,
    /// Who paid.
    pub user_id: Cow<'a, str>,
    /// What the template and an app need, as JSON.
    pub data: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Enveloped<'a> {
    #[serde(borrow)]
    event_id: Option<Id<'a>>,
    event_time: Option<When>,
    #[serde(borrow)]
    payload: Option<Fact<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fact<'a> {
    #[serde(borrow)]
    payment_id: Option<Id<'a>>,
    #[serde(borrow)]
    user_id: Option<Id<'a>>,
    #[serde(borrow)]
    reservation_id: Option<Id<'a>>,
    #[serde(borrow)]
    seat_id: Option<Id<'a>>,
    #[serde(borrow)]
    amount: Option<Id<'a>>,
    #[serde(borrow)]
    concert_title: Option<Id<'a>>,
    #[serde(borrow)]
    concert_date: Option<Id<'a>>,
}

impl<'a> PaymentCompleted<'a> {
    /// Reads the value of a record.
    ///
    /// # Errors
    /// [`Unreadable`] for everything that is no such fact.
    pub fn parse(value: Option<&'a [u8]>) -> Result<Self, Unreadable> {
        let text = reading::text(value)?;
        let Enveloped { event_id, event_time, payload } = reading::object(text)?;
        let fact = match payload {
            Some(fact) => fact,
            None => reading::fields(text)?,
        };
        let payment_id = not_blank(fact.payment_id);
        let named = not_blank(event_id).or_else(|| payment_id.clone()).ok_or_else(|| missing("eventId"))?;
        let user_id = user_id(fact.user_id)?;
        let mut data = Vec::new();
        let mut object = Object::begin(&mut data).text_if("paymentId", payment_id.as_deref());
        for (name, field) in [
            ("reservationId", fact.reservation_id),
            ("seatId", fact.seat_id),
            ("amount", fact.amount),
            ("concertTitle", fact.concert_title),
            ("concertDate", fact.concert_date),
        ] {
            object = object.text_if(name, not_blank(field).as_deref());
        }
        object.end();
        let notification_id = [&*named, ".", TOLD_AS].concat();
        check_lengths([Some(&*notification_id)])?;
        // It was made of texts.
        let data = String::from_utf8(data).unwrap_or_default();
        Ok(Self { notification_id, event_ms: event_ms(event_time)?, user_id, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_is_read_with_and_without_its_envelope() {
        let fact = r#"{"paymentId":"pay_1","userId":1001,"reservationId":"res_1","amount":50000,"concertTitle":"아이유 콘서트","x":null}"#;
        let expected = PaymentCompleted {
            notification_id: "pay_1.PAYMENT_CONFIRMED".to_owned(),
            event_ms: None,
            user_id: "1001".into(),
            data: r#"{"paymentId":"pay_1","reservationId":"res_1","amount":"50000","concertTitle":"아이유 콘서트"}"#
                .to_owned(),
        };
        assert_eq!(PaymentCompleted::parse(Some(fact.as_bytes())), Ok(expected.clone()));
        let enveloped = format!(r#"{{"eventId":"evt_1","eventTime":7000000000000,"payload":{fact}}}"#);
        let notification_id = "evt_1.PAYMENT_CONFIRMED".to_owned();
        let expected = PaymentCompleted { notification_id, event_ms: Some(7_000_000_000_000), ..expected };
        assert_eq!(PaymentCompleted::parse(Some(enveloped.as_bytes())), Ok(expected));
    }

    #[test]
    fn what_names_nobody_is_refused() {
        for (json, class) in [
            ("x", "InvalidJson"),
            (r#"{"payload":{"userId":"u"}}"#, "MissingField"),
            (r#"{"eventId":"e","payload":{}}"#, "MissingField"),
            (r#"{"eventId":"e","eventTime":"x","userId":"u"}"#, "InvalidField"),
            (r#"{"eventId":"e","payload":[]}"#, "InvalidField"),
        ] {
            assert_eq!(PaymentCompleted::parse(Some(json.as_bytes())).unwrap_err().class, class, "{json}");
        }
    }
}
