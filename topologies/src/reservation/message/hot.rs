//! The commands that come by the thousand, read in one pass over their JSON instead of two.
//!
//! It only ever says yes to what the two passes would say yes to, and then the same; whatever it does not like is left to them, since they know how to
//! say what is wrong.

use super::{Command, Expire, Hold, Message, Pay, Settled, not_blank};
use crate::wire::{Id, When};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// The fields of all these commands.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hot<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Id<'a>>,
    #[serde(borrow)]
    event_id: Option<Id<'a>>,
    #[serde(borrow)]
    request_id: Option<Id<'a>>,
    #[serde(borrow)]
    requested_at: Option<&'a RawValue>,
    #[serde(borrow)]
    user_id: Option<Id<'a>>,
    #[serde(borrow)]
    schedule_id: Option<Id<'a>>,
    #[serde(borrow)]
    seat_no: Option<Id<'a>>,
    #[serde(borrow)]
    reservation_id: Option<Id<'a>>,
    #[serde(borrow)]
    payment_id: Option<Id<'a>>,
    #[serde(borrow)]
    coupon_id: Option<Id<'a>>,
    amount: Option<i64>,
    expires_at: Option<When>,
    due_at: Option<i64>,
    result: Option<String>,
    reason: Option<String>,
}

/// The message in `text`, if it is one of these commands and has all that it needs.
pub(super) fn parse(text: &str) -> Option<Message> {
    let hot: Hot<'_> = serde_json::from_str(text).ok()?;
    let owned = |id: Option<Id<'_>>| id.map(|id| id.0.into_owned());
    let command = match &*hot.kind?.0 {
        "hold" => Command::Hold(Hold {
            user_id: owned(hot.user_id)?,
            schedule_id: owned(hot.schedule_id)?,
            seat_no: owned(hot.seat_no)?,
        }),
        "pay" => Command::Pay(Pay {
            reservation_id: owned(hot.reservation_id)?,
            payment_id: owned(hot.payment_id),
            user_id: owned(hot.user_id),
            amount: hot.amount?,
            coupon_id: owned(hot.coupon_id),
        }),
        "expire" => Command::Expire(Expire {
            reservation_id: owned(hot.reservation_id)?,
            expires_at: hot.expires_at,
            due_at: hot.due_at,
        }),
        "settled" => Command::Settled(Settled {
            payment_id: owned(hot.payment_id)?,
            reservation_id: owned(hot.reservation_id)?,
            result: hot.result?,
            reason: hot.reason,
            amount: hot.amount?,
        }),
        _ => return None,
    };
    let requested_at = match hot.requested_at {
        Some(raw) => Some(serde_json::from_str::<Value>(raw.get()).ok()?),
        None => None,
    };
    Some(Message { command, event_id: not_blank(hot.event_id), request_id: not_blank(hot.request_id), requested_at })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn both(json: &str) -> (Option<Message>, Option<Message>) {
        (parse(json), Message::parse_slowly(json).ok())
    }

    #[test]
    fn each_of_them_is_read() {
        for json in [
            r#"{"type":"hold","requestId":"r","userId":1001,"scheduleId":"s","seatNo":1,"requestedAt":5}"#,
            r#"{"requestedAt":null,"seatNo":"1","scheduleId":"s","userId":"\uc544","eventId":7,"type":"hold","unknown":[{}]}"#,
            r#"{"type":"pay","reservationId":"res_0_1","amount":50000,"couponId":null}"#,
            r#"{"type":"expire","reservationId":"res_0_1","expiresAt":"2026-02-28T14:06:00.000Z","requestId":" "}"#,
            r#"{"type":"settled","paymentId":"p","reservationId":"r","result":"DEBITED","reason":null,"amount":1}"#,
        ] {
            let (hot, slow) = both(json);
            assert!(hot.is_some(), "{json}");
            assert_eq!(hot, slow, "{json}");
        }
    }

    #[test]
    fn what_it_does_not_like_is_left_to_the_others() {
        for json in [
            r#"{"type":"release","reservationId":"r","userId":"u"}"#,
            r#"{"type":"hold","userId":"u","scheduleId":"s","seatNo":1,"amount":"much"}"#,
            r#"{"type":"hold","userId":"u","scheduleId":"s"}"#,
            r#"{"type":"hold","userId":"u","scheduleId":"s","seatNo":1} {}"#,
        ] {
            assert_eq!(parse(json), None, "{json}");
        }
    }

    proptest! {
        #[test]
        fn it_never_says_yes_where_the_two_passes_say_no(
            json in r#"\{"type":"(hold|pay|expire|settled|cancel)"(,"(userId|scheduleId|seatNo|amount|reservationId|paymentId|result|reason|expiresAt|dueAt|requestedAt|requestId|couponId|x)":("[a-z0-9]{0,2}"|[0-9]{1,2}|1.5|null|\[\]|\{"a":1\})){0,7}\}"#
        ) {
            let (hot, slow) = both(&json);
            if hot.is_some() {
                prop_assert_eq!(hot, slow);
            }
        }
    }
}
