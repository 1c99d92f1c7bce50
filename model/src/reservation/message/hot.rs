//! The commands that come by the thousand, read in one pass over their JSON instead of two.
//!
//! It only ever says yes to what the two passes would say yes to, and then the same; whatever it does not like is left to them, since they know how to
//! say what is wrong.

use super::{Command, Expire, Hold, Message, Pay, Settled, not_blank};
use crate::flat::Flat;
use crate::wire::Id;
use serde_json::Value;
use std::borrow::Cow;

/// The message in `text`, if it is one of these commands, has all that it needs, and has it in the order of whoever writes it.
pub(super) fn parse(text: &str) -> Option<Message> {
    let mut flat = Flat::read(text)?;
    let owned = |id: Option<Id<'_>>| id.map(|id| id.0.into_owned());
    let (command, ids) = match &*flat.id("type")?.0 {
        "hold" => {
            let hold = Hold {
                user_id: owned(flat.id("userId"))?,
                schedule_id: owned(flat.id("scheduleId"))?,
                seat_no: owned(flat.id("seatNo"))?,
            };
            (Command::Hold(hold), ids(&mut flat))
        }
        "pay" => {
            let pay = Pay {
                reservation_id: owned(flat.id("reservationId"))?,
                payment_id: owned(flat.id("paymentId")),
                user_id: owned(flat.id("userId")),
                amount: flat.number("amount")?,
                coupon_id: owned(flat.id("couponId")),
            };
            (Command::Pay(pay), ids(&mut flat))
        }
        "expire" => {
            let expire = Expire {
                reservation_id: owned(flat.id("reservationId"))?,
                expires_at: flat.when("expiresAt"),
                due_at: flat.number("dueAt"),
            };
            (Command::Expire(expire), ids(&mut flat))
        }
        // Written by payments, which put the id first and say more.
        "settled" => {
            let ids = ids(&mut flat);
            let (payment_id, reservation_id) = (owned(flat.id("paymentId"))?, owned(flat.id("reservationId"))?);
            flat.skip("scheduleId");
            flat.skip("userId");
            let (result, reason) = (flat.text("result")?.to_owned(), flat.text("reason").map(str::to_owned));
            let amount = flat.number("amount")?;
            flat.skip("balanceAfter");
            (Command::Settled(Settled { payment_id, reservation_id, result, reason, amount }), ids)
        }
        _ => return None,
    };
    let requested_at = match flat.raw("requestedAt") {
        Some(raw) => Some(serde_json::from_str::<Value>(raw.0).ok()?),
        None => None,
    };
    let nonce = not_blank(flat.id("nonce")).map(Cow::into_owned);
    let (event_id, request_id) = ids;
    flat.is_sound().then_some(Message { command, event_id, request_id, requested_at, nonce })
}

fn ids(flat: &mut Flat<'_>) -> (Option<String>, Option<String>) {
    let mut next = |name| not_blank(flat.id(name)).map(Cow::into_owned);
    (next("eventId"), next("requestId"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payment;
    use crate::payment::outcome::Refusal;
    use crate::wire::When;
    use proptest::prelude::*;

    fn both(json: &str) -> (Option<Message>, Option<Message>) {
        (parse(json), Message::parse_slowly(json).ok())
    }

    #[test]
    fn each_of_them_is_read() {
        for json in [
            r#"{"type":"hold","userId":1001,"scheduleId":"s","seatNo":1,"eventId":7,"requestId":"r","requestedAt":5}"#,
            r#"{"type":"hold","userId":"아","scheduleId":"s","seatNo":"1","eventId":" ","requestedAt":"now"}"#,
            r#"{"type":"pay","reservationId":"res_0_1","amount":50000,"couponId":null,"requestedAt":null}"#,
            r#"{"type":"expire","reservationId":"res_0_1","expiresAt":"2026-02-28T14:06:00.000Z","requestId":" "}"#,
            r#"{"type":"settled","paymentId":"p","reservationId":"r","result":"DEBITED","reason":null,"amount":1}"#,
        ] {
            let (hot, slow) = both(json);
            assert!(hot.is_some(), "{json}");
            assert_eq!(hot, slow, "{json}");
        }
    }

    #[test]
    fn what_is_written_by_the_thousand_is_read_in_one_pass() {
        let hold = Hold { user_id: "u".to_owned(), schedule_id: "s".to_owned(), seat_no: "1".to_owned() };
        let pay = Pay {
            reservation_id: "res_0_1".to_owned(),
            payment_id: Some("pay_0_1".to_owned()),
            user_id: Some("u".to_owned()),
            amount: 5,
            coupon_id: Some("cpn_0_1_1".to_owned()),
        };
        let reservation_id = "res_0_1".to_owned();
        let expire = Expire { reservation_id, expires_at: Some(When::Ms(300_000)), due_at: Some(300_007) };
        for command in [Command::Hold(hold), Command::Pay(pay), Command::Expire(expire)] {
            for nonce in [None, Some("0198c1f2".to_owned())] {
                let message =
                    Message { requested_at: Some(5.into()), nonce, ..Message::new("req_0_1", command.clone()) };
                let json = String::from_utf8(message.to_json()).unwrap();
                assert_eq!(parse(&json), Some(message), "{json}");
            }
        }
        for refused in [None, Some(Refusal::InsufficientPoints)] {
            let mut json = Vec::new();
            payment::settled::Settled {
                request_id: "pay_0_1.settled",
                payment_id: "pay_0_1",
                reservation_id: "res_0_1",
                schedule_id: "s",
                user_id: "u",
                refused,
                amount: 5,
                balance_after: 7,
            }
            .write(&mut json);
            let (hot, slow) = both(std::str::from_utf8(&json).unwrap());
            assert!(hot.is_some(), "{refused:?}");
            assert_eq!(hot, slow);
        }
    }

    #[test]
    fn what_it_does_not_like_is_left_to_the_others() {
        for json in [
            r#"{"type":"release","reservationId":"r","userId":"u"}"#,
            r#"{"type":"hold","userId":"u","scheduleId":"s","seatNo":1,"amount":"much"}"#,
            r#"{"type":"hold","userId":"u","scheduleId":"s"}"#,
            r#"{"type":"hold","userId":"u","scheduleId":"s","seatNo":1} {}"#,
            r#"{"type":"hold","scheduleId":"s","userId":"u","seatNo":1}"#,
            r#"{"type":"settled","requestId":null,"paymentId":"p","reservationId":"r","result":"DEBITED","amount":1,"requestId":"r"}"#,
        ] {
            assert_eq!(parse(json), None, "{json}");
        }
    }

    proptest! {
        #[test]
        fn it_never_says_yes_where_the_two_passes_say_no(
            json in r#"\{"type":"(hold|pay|expire|settled|cancel)"(,"(userId|scheduleId|seatNo|amount|reservationId|paymentId|result|reason|expiresAt|dueAt|requestedAt|requestId|couponId|nonce|x)":("[a-z0-9]{0,2}"|[0-9]{1,2}|1.5|null|\[\]|\{"a":1\})){0,7}\}"#
        ) {
            let (hot, slow) = both(&json);
            if hot.is_some() {
                prop_assert_eq!(hot, slow);
            }
        }

        // The same, of fields that come in order nearly always.
        #[test]
        fn it_sees_what_the_two_passes_see(
            json in r#"\{"type":"(hold|pay|expire|settled)"(,"requestId":("r"|null))?(,"(reservationId|paymentId)":("r"|1|null)){0,2}(,"(userId|result|expiresAt)":"u")?(,"(scheduleId|reason)":("s"|null))?(,"(seatNo|amount|dueAt)":(1|"1"|null))?(,"(eventId|requestId|balanceAfter)":("e"|5)){0,2}(,"requestedAt":(5|"x"|null|1.5))?(,"nonce":("n"|" "|5|null|\[\]))?\}"#
        ) {
            let (hot, slow) = both(&json);
            if hot.is_some() {
                prop_assert_eq!(hot, slow);
            }
        }
    }
}
