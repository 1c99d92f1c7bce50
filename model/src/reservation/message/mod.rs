//! What the inbox holds, as JSON: commands named by `type`.
//!
//! ```json
//! {"type":"create-concert","concertId":"c1","title":"아이유 콘서트","date":"2026-03-15"}
//! {"type":"create-schedule","scheduleId":"schedule_456","concertTitle":"아이유 콘서트","seats":{"count":50,"price":50000}}
//! {"type":"hold","requestId":"req_2_…","userId":"user_123","scheduleId":"schedule_456","seatNo":1,"nonce":"…"}
//! {"type":"pay","requestId":"req_2_…","paymentId":"pay_2_…","reservationId":"res_2_7","amount":50000}
//! {"type":"release","reservationId":"res_2_7","userId":"user_123"}     also: cancel, extend
//! {"type":"cancel-schedule","scheduleId":"schedule_456"}
//! {"type":"expire","reservationId":"res_2_7","expiresAt":"2026-02-28T14:06:00.000Z"}     from the expiration topology
//! {"type":"settled","paymentId":"pay_2_…","reservationId":"res_2_7","result":"DEBITED","amount":50000}     from payment
//! {"type":"refunded","refundId":"ref_pay_2_…","paymentId":"pay_2_…","reservationId":"res_2_7","result":"REFUNDED","amount":50000}     from payment
//! {"type":"coupon-used","paymentId":"pay_2_…","reservationId":"res_2_7","couponId":"cpn_0_1_57","orderAmount":50000,"discount":5000}     from coupon
//! {"type":"coupon-refused","paymentId":"pay_2_…","reservationId":"res_2_7","couponId":"cpn_0_1_57","code":"COUPON_NOT_USABLE"}     from coupon
//! {"type":"cancel-next","scheduleId":"schedule_456","step":1}     from here
//! {"type":"sweep","scheduleId":"schedule_456","dueAt":1772287560000,"fromSeat":0}     from here
//! {"type":"admit","queueId":"q","ticket":57,"userId":"1001","activeUntilMs":1773573000000,"scheduleId":"schedule_456"}     from a queue: see guard
//! {"type":"join-waitlist","scheduleId":"schedule_456","userId":"user_123","nonce":"…"}     also: leave-waitlist
//! {"type":"tell-waitlist","scheduleId":"schedule_456","dueAt":1772287560000}     from here
//! ```
//!
//! # What goes back and forth
//!
//! Each record has an id made of what caused it, each answer is given once, and an answer that has been here changes nothing. `P` is the payment's id.
//!
//! | record | in | its `requestId` | from what |
//! |---|---|---|---|
//! | `use-coupon` | coupon-issue-requests, in the place of the coupon's id | `P.coupon` | a granted `pay` with a `couponId`; `orderId` is `P`, `orderAmount` the seat's price |
//! | `coupon-used`, `coupon-refused` | here, in the `replyPlace`, key reservationId | `P.coupon` | each `use-coupon`, one of them, once |
//! | `debit` | payment.requests, key userId | `P` | a granted `pay`; with a coupon its `coupon-used`, then with `discount: {couponId, amount}` and `amount` = `price` − discount |
//! | `settled` | here, in the `replyPlace`, key scheduleId | `P.settled` | each `debit`, once: `DEBITED`, `INSUFFICIENT_POINTS`, `REFUSED` |
//! | `return-coupon` | coupon-issue-requests, in the place of the coupon's id | `P.return` | a payment that had its coupon and is off: the offer was wrong, the wallet refused, or its money goes back |
//! | `refund` | payment.requests, key userId | `ref_P` | a cancellation of what was paid, or a `DEBITED` with nothing left to pay for |
//! | `refunded` | here, in the `replyPlace`, key reservationId | `ref_P.refunded`, `ref_P.refused` | each `refund`: `REFUNDED`, or `REFUSED` with a `reason`; a refund that an operator has put back may be `REFUNDED` after it was `REFUSED` |
//! `nonce` is what the reservation of a `hold` is named after, and that of an offer to the entry that a `join-waitlist` makes: it stands in the record, so a replay comes to the same name. It is no part of what the command
//! says: repeated under its `requestId` with another nonce it is the same command.
//! A tolerant reader: unknown fields are ignored, ids may be numbers. The writing side is for whoever appends: the worker, tests, load generators.

mod command;
mod coupon;
mod hot;
mod sweep;
mod waitlist;

pub use command::{
    Cancel, CancelNext, CancelSchedule, Command, CreateConcert, CreateSchedule, Expire, Extend, Hold, Limits, Pay,
    PricedSeat, Refunded, Release, Seats, Settled,
};
pub use coupon::{CouponRefused, CouponUsed};
pub use sweep::Sweep;
pub use waitlist::{JoinWaitlist, LeaveWaitlist, TellWaitlist};

pub use crate::reading::{ID_BYTES_MAX, Unreadable};

use crate::reading::{self, check_lengths, missing, not_blank};
use crate::wire::Id;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;

/// One record of the inbox.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// What is wanted.
    #[serde(flatten)]
    pub command: Command,
    /// Id of the event that carries the command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// Id of the command: its outcome is found by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// When somebody asked, by his own watch: passed on as it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested_at: Option<Value>,
    /// Something that nobody can guess, new for each record. What the command makes is named after it, so its name cannot be guessed either.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
}

/// What a record is read as first that is none of [`hot`]'s.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Id<'a>>,
    #[serde(borrow)]
    event_id: Option<Id<'a>>,
    #[serde(borrow)]
    request_id: Option<Id<'a>>,
    requested_at: Option<Value>,
    #[serde(borrow)]
    nonce: Option<Id<'a>>,
}

impl Message {
    /// A command under an id, as the worker appends it.
    #[must_use]
    pub fn new(request_id: impl Into<String>, command: Command) -> Self {
        Self { command, event_id: None, request_id: Some(request_id.into()), requested_at: None, nonce: None }
    }

    /// Reads the value of a record.
    ///
    /// # Errors
    /// [`Unreadable`] for everything that is no message.
    pub fn parse(value: Option<&[u8]>) -> Result<Self, Unreadable> {
        let text = reading::text(value)?;
        let message = match hot::parse(text) {
            Some(message) => message,
            None => Self::parse_slowly(text)?,
        };
        check_lengths(message.command.ids())?;
        check_lengths([message.event_id.as_deref(), message.request_id.as_deref()])?;
        Ok(message)
    }

    /// Reads what it is called first, and what it says then.
    fn parse_slowly(text: &str) -> Result<Self, Unreadable> {
        let head: Head<'_> = reading::object(text)?;
        let kind = head.kind.ok_or_else(|| missing("type"))?;
        Ok(Self {
            command: Command::read(&kind.0, text)?,
            event_id: not_blank(head.event_id).map(Cow::into_owned),
            request_id: not_blank(head.request_id).map(Cow::into_owned),
            requested_at: head.requested_at.filter(|at| !at.is_null()),
            nonce: not_blank(head.nonce).map(Cow::into_owned),
        })
    }

    /// What it is recognised by when it comes again, and what its outcome is found by; none = by where it entered the log.
    #[must_use]
    pub fn identity(&self) -> Option<&str> {
        self.request_id.as_deref().or(self.event_id.as_deref())
    }

    /// As JSON, for an append.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Texts and numbers always encode: there is no failing Serialize in a command.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::{GuardCommand, GuardMessage, Subject, SubjectType};
    use crate::wire::When;
    use proptest::prelude::*;

    fn message(json: &str) -> Message {
        Message::parse(Some(json.as_bytes())).unwrap()
    }

    #[test]
    fn each_kind_is_read() {
        let hold = message(r#"{"type":"hold","requestId":"r","userId":7,"scheduleId":"s","seatNo":"1","more":[{}]}"#);
        let Command::Hold(command) = &hold.command else { panic!("{hold:?}") };
        assert_eq!((&*command.user_id, &*command.schedule_id, command.seat()), ("7", "s", Some(1)));
        assert_eq!(hold.identity(), Some("r"));
        let pay = message(r#"{"type":"pay","eventId":"e","reservationId":"res_0_1","amount":5,"requestedAt":17}"#);
        assert_eq!((pay.identity(), pay.requested_at.as_ref()), (Some("e"), Some(&Value::from(17))));
        let expire = message(r#"{"type":"expire","reservationId":"res_0_1","expiresAt":"1970-01-01T00:00:00.005Z"}"#);
        assert!(matches!(expire.command, Command::Expire(Expire { expires_at: Some(When::Ms(5)), .. })));
        let block = r#"{"type":"create-schedule","scheduleId":"s","concertTitle":"t","seats":{"count":2,"price":5}}"#;
        let list =
            r#"{"type":"create-schedule","scheduleId":"s","concertTitle":"t","seats":[{"seatNo":"4","price":5}]}"#;
        for (json, expected) in [
            (block, Seats::Block { count: 2, price: 5 }),
            (list, Seats::Each(vec![PricedSeat { seat_no: "4".to_owned(), price: 5 }])),
        ] {
            assert!(matches!(message(json).command, Command::CreateSchedule(c) if c.seats == expected), "{json}");
        }
    }

    #[test]
    fn a_seat_number_is_a_positive_number_however_it_is_written() {
        let seat = |json: &str| {
            let text = format!(r#"{{"type":"hold","userId":"u","scheduleId":"s","seatNo":{json}}}"#);
            let Command::Hold(hold) = message(&text).command else { panic!("{text}") };
            hold.seat()
        };
        assert_eq!(["1", "\"12\"", "50000"].map(seat), [Some(1), Some(12), Some(50_000)]);
        for none in ["0", "-1", "\"A1\"", "\"\"", "\"01\"", "\"+1\"", "\"18446744073709551616\""] {
            assert_eq!(seat(none), None, "{none}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for command in [
            Command::CreateConcert(CreateConcert { concert_id: "c".to_owned(), title: "t".to_owned(), date: None }),
            Command::CreateSchedule(CreateSchedule {
                schedule_id: "s".to_owned(),
                starts_at: Some(When::Ms(1)),
                limits: Some(Limits { seats_per_user: Some(2), open_holds: None }),
                ..CreateSchedule::default()
            }),
            Command::Hold(Hold { schedule_id: "s".to_owned(), seat_no: "1".to_owned(), user_id: "u".to_owned() }),
            Command::Pay(Pay { reservation_id: "r".to_owned(), amount: -5, ..Pay::default() }),
            Command::Expire(Expire { reservation_id: "r".to_owned(), expires_at: Some(When::Ms(5)), due_at: Some(6) }),
            Command::CancelNext(CancelNext { schedule_id: "s".to_owned(), step: 3 }),
            Command::CouponUsed(CouponUsed { payment_id: "p".to_owned(), discount: -1, ..CouponUsed::default() }),
            Command::CouponRefused(CouponRefused { code: "c".to_owned(), ..CouponRefused::default() }),
            Command::Refunded(Refunded { result: Some("REFUSED".to_owned()), ..Refunded::default() }),
            Command::Sweep(Sweep { schedule_id: "s".to_owned(), due_at: 5, from_seat: 7 }),
            Command::Guard(GuardMessage {
                queue_id: "q".to_owned(),
                subject: Subject::new(SubjectType::Schedule, "s"),
                command: GuardCommand::Admit { ticket: 5, user_id: "u".to_owned(), active_until_ms: 7 },
            }),
            Command::CreateSchedule(CreateSchedule {
                schedule_id: "s".to_owned(),
                waitlist: Some("OFFER".to_owned()),
                waitlist_notify: Some(-1),
                ..CreateSchedule::default()
            }),
            Command::JoinWaitlist(JoinWaitlist { schedule_id: "s".to_owned(), user_id: "u".to_owned() }),
            Command::LeaveWaitlist(LeaveWaitlist { schedule_id: "s".to_owned(), user_id: "u".to_owned() }),
            Command::TellWaitlist(TellWaitlist { schedule_id: "s".to_owned(), due_at: 5 }),
        ] {
            let mut message = Message::new("id", command);
            assert_eq!(Message::parse(Some(&message.to_json())).unwrap(), message);
            message.request_id = None;
            message.requested_at = Some(Value::from("now"));
            message.nonce = Some("n".to_owned());
            assert_eq!(Message::parse(Some(&message.to_json())).unwrap(), message);
        }
    }

    #[test]
    fn the_same_words_have_the_same_fingerprint_whatever_their_ids() {
        let print = |json: &str| message(json).command.fingerprint();
        let one = print(r#"{"type":"release","requestId":"a","reservationId":"res_0_1","userId":"u"}"#);
        assert_eq!(
            one,
            print(r#"{"userId":"u","requestedAt":5,"nonce":"n","reservationId":"res_0_1","type":"release"}"#)
        );
        assert_ne!(one, print(r#"{"type":"cancel","reservationId":"res_0_1","userId":"u"}"#));
        assert_ne!(one, print(r#"{"type":"release","reservationId":"res_0_1","userId":"v"}"#));
        // Stored, so it must never change.
        assert_eq!(one, 4_253_731_866_976_663_787);
    }

    #[test]
    fn every_kind_of_bad_input_has_its_class() {
        assert_eq!(Message::parse(None).unwrap_err().class, "NoValue");
        let long = format!(r#"{{"type":"hold","userId":"{}","scheduleId":"s","seatNo":1}}"#, "가".repeat(200));
        for (value, expected) in [
            (b"".as_slice(), "InvalidJson"),
            (b"{", "InvalidJson"),
            (b"not json", "InvalidJson"),
            (b"{\"type\":\"\xff\"}", "InvalidUtf8"),
            (b"[1]", "InvalidField"),
            (b"null", "InvalidField"),
            (b"{}", "MissingField"),
            (br#"{"type":"explode"}"#, "UnknownType"),
            (br#"{"type":"hold","userId":"u","scheduleId":"s"}"#, "MissingField"),
            (br#"{"type":"hold","userId":"u","scheduleId":"s","seatNo":1.5}"#, "InvalidField"),
            (br#"{"type":"pay","reservationId":"r"}"#, "MissingField"),
            (br#"{"type":"pay","reservationId":"r","amount":"all"}"#, "InvalidField"),
            (br#"{"type":"create-schedule","scheduleId":"s","concertTitle":"t","seats":5}"#, "InvalidField"),
            (long.as_bytes(), "IdTooLong"),
        ] {
            assert_eq!(Message::parse(Some(value)).unwrap_err().class, expected, "{}", String::from_utf8_lossy(value));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, object in r#"\{"type":"(hold|pay|expire)"(,"(userId|seatNo|amount|reservationId)":("?[a-z0-9]{0,3}"?|null)){0,4}\}"#) {
            let _ = Message::parse(Some(&bytes));
            let _ = Message::parse(Some(object.as_bytes()));
        }
    }
}
