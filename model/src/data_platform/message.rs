//! What the topology sends to its own results topic, beside the results of its calls: plain JSON, told from them by having none of their headers.
//!
//! ```json
//! {"type":"retry","reservationId":"res_2_7","call":3}
//! {"type":"paid","reservationId":"res_2_7","paymentId":"pay_2_1","amount":50000}
//! ```

use crate::json::Object;
use crate::reading::{self, Unreadable, missing, not_blank, unreadable};
use crate::wire::Id;
use serde::Deserialize;
use std::borrow::Cow;

/// A record of the results topic that is no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message<'a> {
    /// The wait after a failed call is over.
    Retry {
        /// Of which reservation.
        reservation_id: Cow<'a, str>,
        /// How many calls there were by then: another number is another wait.
        call: u32,
    },
    /// A payment for this reservation is debited.
    Paid {
        /// For which reservation.
        reservation_id: Cow<'a, str>,
        /// Which payment.
        payment_id: Cow<'a, str>,
        /// KRW.
        amount: i64,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    reservation_id: Option<Id<'a>>,
    #[serde(borrow, default)]
    payment_id: Option<Id<'a>>,
    #[serde(default)]
    amount: Option<i64>,
    #[serde(default)]
    call: Option<u32>,
}

impl<'a> Message<'a> {
    /// Reads the value of a record.
    ///
    /// # Errors
    /// [`Unreadable`] for everything that is no such message.
    pub fn parse(value: Option<&'a [u8]>) -> Result<Self, Unreadable> {
        let fields: Fields<'a> = reading::object(reading::text(value)?)?;
        let reservation_id = not_blank(fields.reservation_id).ok_or_else(|| missing("reservationId"))?;
        reading::check_lengths([Some(&*reservation_id)])?;
        match &*fields.kind {
            "retry" => Ok(Self::Retry { reservation_id, call: fields.call.ok_or_else(|| missing("call"))? }),
            "paid" => {
                let payment_id = not_blank(fields.payment_id).ok_or_else(|| missing("paymentId"))?;
                reading::check_lengths([Some(&*payment_id)])?;
                Ok(Self::Paid { reservation_id, payment_id, amount: fields.amount.ok_or_else(|| missing("amount"))? })
            }
            other => Err(unreadable("UnknownType", format!("{other:?} is no type of message"))),
        }
    }

    /// Of which reservation.
    #[must_use]
    pub fn reservation_id(&self) -> &str {
        match self {
            Self::Retry { reservation_id, .. } | Self::Paid { reservation_id, .. } => reservation_id,
        }
    }

    /// Appends it as JSON.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Retry { reservation_id, call } => Object::begin(out)
                .text("type", "retry")
                .text("reservationId", reservation_id)
                .number("call", u64::from(*call))
                .end(),
            Self::Paid { reservation_id, payment_id, amount } => Object::begin(out)
                .text("type", "paid")
                .text("reservationId", reservation_id)
                .text("paymentId", payment_id)
                .integer("amount", *amount)
                .end(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_written_is_read(id in "[^ ].{0,19}", payment in "[^ ].{0,19}", amount: i64, call: u32) {
            prop_assume!(!id.trim().is_empty() && !payment.trim().is_empty());
            let (reservation_id, payment_id) = (Cow::from(id), Cow::from(payment));
            for message in [
                Message::Retry { reservation_id: reservation_id.clone(), call },
                Message::Paid { reservation_id, payment_id, amount },
            ] {
                let mut out = Vec::new();
                message.write(&mut out);
                prop_assert_eq!(Message::parse(Some(&out)), Ok(message));
            }
        }
    }

    #[test]
    fn anything_else_is_named() {
        for (json, class) in [
            (r#"{"type":"dance","reservationId":"r"}"#, "UnknownType"),
            (r#"{"type":"retry","reservationId":"r"}"#, "MissingField"),
            (r#"{"type":"retry","reservationId":"r","call":-1}"#, "InvalidField"),
            (r#"{"type":"paid","reservationId":"r","amount":1}"#, "MissingField"),
            (r#"{"type":"paid","paymentId":"p","amount":1}"#, "MissingField"),
            ("7", "InvalidField"),
        ] {
            assert_eq!(Message::parse(Some(json.as_bytes())).unwrap_err().class, class, "{json}");
        }
    }
}
