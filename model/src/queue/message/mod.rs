//! What the inbox holds, as JSON named by `type`. Every record has its `queueId` for a key.
//!
//! ```json
//! {"type":"create-queue","requestId":"…","queueId":"schedule_456","maxActive":1000,"admitPerSecond":100,"key":"…","guards":[{"type":"schedule","id":"schedule_456"}]}
//! {"type":"change-queue","queueId":"schedule_456","state":"PAUSED"}
//! {"type":"join","requestId":"req_0_…","queueId":"schedule_456","userId":"1001"}
//! {"type":"leave","queueId":"schedule_456","ticket":57,"userId":"1001"}
//! {"type":"touch","queueId":"schedule_456","tickets":[57,58,61]}
//! {"type":"purchased","queueId":"schedule_456","ticket":57,"userId":"1001","subject":{"type":"schedule","id":"schedule_456"}}
//! {"type":"admit","queueId":"schedule_456","dueAt":1773572400000}
//! ```
//! The first four are commands with an outcome. A `touch` speaks of many tickets. `admit`, `open`, `tell`, `active-end` and `silence` are what the
//! topology sends itself later. A tolerant reader: unknown fields are ignored, ids may be numbers.

mod command;
mod join;
mod signal;

pub use command::{ChangeQueue, Command, CreateQueue, Leave};
pub use join::Join;
pub use signal::{ChunkDue, Due, Signal, TicketDue, Touch};

pub use crate::guard::Purchased;
pub use crate::reading::{ID_BYTES_MAX, Unreadable};

use crate::flat::Flat;
use crate::reading::{self, check_lengths, missing, not_blank, unreadable};
use crate::wire::Id;
use serde::Deserialize;

/// One record of the inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message<'a> {
    /// A user wants a ticket.
    Join(Join<'a>),
    /// Another command.
    Command(Command),
    /// What has no outcome.
    Signal(Signal),
}

/// What every record is read as first: a join, and the type of anything else.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Plain<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Id<'a>>,
    #[serde(borrow)]
    event_id: Option<Id<'a>>,
    #[serde(borrow)]
    request_id: Option<Id<'a>>,
    #[serde(borrow)]
    queue_id: Option<Id<'a>>,
    #[serde(borrow)]
    user_id: Option<Id<'a>>,
}

impl<'a> Message<'a> {
    /// Reads the value of a record.
    ///
    /// # Errors
    /// [`Unreadable`] for everything that is no message.
    pub fn parse(value: Option<&'a [u8]>) -> Result<Self, Unreadable> {
        let text = reading::text(value)?;
        let plain = match Plain::of_flat(text) {
            Some(plain) => plain,
            None => reading::object(text)?,
        };
        let ids = [&plain.event_id, &plain.request_id, &plain.queue_id, &plain.user_id];
        check_lengths(ids.into_iter().map(|id| id.as_ref().map(|id| &*id.0)))?;
        let Some(Id(kind)) = &plain.kind else { return Err(missing("type")) };
        if kind == "join" {
            return plain.into_join().map(Self::Join);
        }
        if let Some(command) = Command::read(kind, text)? {
            return Ok(Self::Command(command));
        }
        match Signal::read(kind, text)? {
            Some(signal) => Ok(Self::Signal(signal)),
            None => Err(unreadable("UnknownType", format!("{kind:?} is nothing that a queue understands"))),
        }
    }

    /// Which queue it is about: the key of its record.
    #[must_use]
    pub fn queue_id(&self) -> &str {
        match self {
            Self::Join(join) => &join.queue_id,
            Self::Command(command) => command.queue_id(),
            Self::Signal(signal) => signal.queue_id(),
        }
    }

    /// As JSON, for an append.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        match self {
            Self::Join(join) => join.to_json(),
            Self::Command(command) => command.to_json(),
            Self::Signal(signal) => signal.to_json(),
        }
    }
}

impl<'a> Plain<'a> {
    /// What serde would read, if the text is flat and in the order in which [`Join::to_json`] writes.
    fn of_flat(text: &'a str) -> Option<Self> {
        let mut flat = Flat::read(text)?;
        let plain = Self {
            kind: flat.id("type"),
            event_id: flat.id("eventId"),
            request_id: flat.id("requestId"),
            queue_id: flat.id("queueId"),
            user_id: flat.id("userId"),
        };
        flat.is_sound().then_some(plain)
    }

    fn into_join(self) -> Result<Join<'a>, Unreadable> {
        Ok(Join {
            event_id: not_blank(self.event_id),
            request_id: not_blank(self.request_id),
            queue_id: self.queue_id.ok_or_else(|| missing("queueId"))?.0,
            user_id: self.user_id.ok_or_else(|| missing("userId"))?.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::{QueueKey, Subject, SubjectType};
    use crate::queue::ticket_state::QueueState;
    use crate::wire::When;
    use proptest::prelude::*;
    use std::borrow::Cow;

    fn read(json: &str) -> Message<'_> {
        Message::parse(Some(json.as_bytes())).unwrap()
    }

    fn command(json: &str) -> Command {
        match read(json) {
            Message::Command(command) => command,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_hot_join_copies_nothing() {
        let json = Join::new("req_0_1", "q", "홍길동").to_json();
        assert!(Plain::of_flat(std::str::from_utf8(&json).unwrap()).is_some());
        let Message::Join(join) = Message::parse(Some(&json)).unwrap() else { panic!("no join") };
        for text in [&join.queue_id, &join.user_id, join.request_id.as_ref().unwrap()] {
            assert!(matches!(text, Cow::Borrowed(_)), "{text}");
        }
        let foreign = read(r#"{ "userId":1001, "queueId":7, "type":"join", "eventId":"e", "requestId":" ", "x":[] }"#);
        let expected =
            Join { event_id: Some("e".into()), request_id: None, queue_id: "7".into(), user_id: "1001".into() };
        assert_eq!(expected.identity(), Some("e"));
        assert_eq!(foreign, Message::Join(expected));
    }

    #[test]
    fn commands_are_read_by_type() {
        let secret = QueueKey::new([7; 32]);
        let create = command(&format!(
            r#"{{"type":"create-queue","queueId":1,"maxActive":10,"admitPerSecond":5,"opensAt":"2026-03-15T20:00:00+09:00","shuffle":true,"guards":[{{"type":"coupon","id":1}}],"key":"{}","seed":"short","x":0}}"#,
            secret.to_base64()
        ));
        let expected = CreateQueue {
            queue_id: "1".to_owned(),
            max_active: 10,
            admit_per_second: 5,
            opens_at: Some(When::Ms(1_773_572_400_000)),
            shuffle: Some(true),
            guards: vec![Subject::new(SubjectType::Policy, "1")],
            key: Some(secret),
            ..CreateQueue::default()
        };
        assert_eq!(create, Command::CreateQueue(expected));
        let change = command(r#"{"type":"change-queue","eventId":"e","queueId":"q","state":"DRAINING","maxActive":0}"#);
        let expected = ChangeQueue {
            event_id: Some("e".to_owned()),
            queue_id: "q".to_owned(),
            max_active: Some(0),
            state: Some(QueueState::Draining),
            ..ChangeQueue::default()
        };
        assert_eq!(change, Command::ChangeQueue(expected));
        assert_eq!((change.identity(), change.queue_id()), (Some("e"), "q"));
        let leave = command(r#"{"type":"leave","requestId":"","queueId":"q","ticket":5,"userId":1}"#);
        assert!(matches!(&leave, Command::Leave(c) if c.ticket == 5 && c.user_id == "1"));
        assert_eq!(leave.identity(), None);
    }

    #[test]
    fn what_is_written_is_read() {
        let due = || Due { queue_id: "q".to_owned(), due_at: 7 };
        let purchased = Purchased {
            queue_id: "q".to_owned(),
            ticket: 3,
            user_id: "u".to_owned(),
            subject: Subject::new(SubjectType::Sale, "1"),
        };
        for signal in [
            Signal::Touch(Touch { queue_id: "q".to_owned(), tickets: vec![1, 5] }),
            Signal::Purchased(purchased.clone()),
            Signal::Admit(due()),
            Signal::Open(due()),
            Signal::Tell(due()),
            Signal::ActiveEnd(TicketDue { queue_id: "q".to_owned(), due_at: 7, ticket: 2 }),
            Signal::Silence(ChunkDue { queue_id: "q".to_owned(), due_at: 7, chunk: 0 }),
        ] {
            let json = signal.to_json();
            let message = Message::Signal(signal);
            assert_eq!((message.queue_id(), Message::parse(Some(&json)).unwrap()), ("q", message.clone()));
        }
        assert_eq!(
            Message::parse(Some(&purchased.to_json())).unwrap(),
            Message::Signal(Signal::Purchased(purchased)),
            "as the guarded topologies write it"
        );
        let create = Command::CreateQueue(CreateQueue {
            queue_id: "q".to_owned(),
            key: Some(QueueKey::new([1; 32])),
            seed: Some(QueueKey::new([2; 32])),
            notices: Some(false),
            ..CreateQueue::default()
        });
        assert_eq!(Message::parse(Some(&create.to_json())).unwrap(), Message::Command(create.clone()));
    }

    #[test]
    fn what_the_worker_draws_is_no_part_of_what_a_command_says() {
        let create = |key: u8, max_active| {
            Command::CreateQueue(CreateQueue {
                request_id: Some(key.to_string()),
                queue_id: "q".to_owned(),
                max_active,
                key: Some(QueueKey::new([key; 32])),
                seed: Some(QueueKey::new([key; 32])),
                ..CreateQueue::default()
            })
            .fingerprint()
        };
        assert_eq!(create(1, 5), create(2, 5));
        assert_ne!(create(1, 5), create(1, 6));
        assert_ne!(Join::new("r", "q", "u").fingerprint(), Join::new("r", "q", "v").fingerprint());
        assert_eq!(Join::new("r", "q", "u").fingerprint(), Join::new("s", "q", "u").fingerprint());
    }

    #[test]
    fn every_kind_of_bad_input_has_its_class() {
        let class = |value: &[u8]| Message::parse(Some(value)).unwrap_err().class;
        assert_eq!(Message::parse(None).unwrap_err().class, "NoValue");
        let long = format!(r#"{{"type":"join","queueId":"q","userId":"{}"}}"#, "x".repeat(513));
        for (value, expected) in [
            (b"".as_slice(), "InvalidJson"),
            (b"null", "InvalidField"),
            (b"{}", "MissingField"),
            (br#"{"type":"join","queueId":"q"}"#, "MissingField"),
            (br#"{"type":"join","userId":"q"}"#, "MissingField"),
            (br#"{"type":"join","queueId":true,"userId":"u"}"#, "InvalidField"),
            (br#"{"type":"leave","queueId":"q","userId":"u"}"#, "MissingField"),
            (br#"{"type":"leave","queueId":"q","userId":"u","ticket":-1}"#, "InvalidField"),
            (br#"{"type":"change-queue","queueId":"q","state":"CLOSED"}"#, "InvalidField"),
            (br#"{"type":"create-queue","queueId":"q","maxActive":1}"#, "MissingField"),
            (br#"{"type":"touch","queueId":"q","tickets":["a"]}"#, "InvalidField"),
            (br#"{"type":"silence","queueId":"q","dueAt":1}"#, "MissingField"),
            (br#"{"type":"destroy","queueId":"q"}"#, "UnknownType"),
            (long.as_bytes(), "IdTooLong"),
        ] {
            assert_eq!(class(value), expected, "{}", String::from_utf8_lossy(value));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, object in r#"\{("(type|queueId|userId|ticket|dueAt)":("?[a-z0-9]{0,5}"?|null),?){0,5}\}"#) {
            let _ = Message::parse(Some(&bytes));
            let _ = Message::parse(Some(object.as_bytes()));
        }
    }
}
