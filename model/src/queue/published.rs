//! What the records of waiting rooms look like, published.

use super::fact::{ADMITTED, ENTERED, TICKET_ENDED};
use crate::published::kind::shared::{EVENT_ID, REQUEST_ID};
use crate::published::kind::{Field, Kind, may, must};
use crate::published::{Record, ToldBy, Topic, Way};
use crate::topics::queue::{DEAD_LETTERS, EVENTS, INBOX};

/// The topics of waiting rooms.
pub const TOPICS: &[Topic] = &[
    Topic {
        name: INBOX,
        about: "Commands about queues and tickets, signs of life, purchases that are done, and what the topology sends itself.",
        key: "queueId",
        way: Way::In,
        records: INBOX_RECORDS,
    },
    Topic {
        name: EVENTS,
        about: "What became of queues and tickets.",
        key: "queueId",
        way: Way::Out,
        records: EVENT_RECORDS,
    },
    Topic::of_dead_letters(DEAD_LETTERS),
];

const INBOX_RECORDS: &[Record] = &[
    Record::command("create-queue", "There shall be a queue.", CREATE_QUEUE),
    Record::command("change-queue", "A queue shall work otherwise.", CHANGE_QUEUE),
    Record::command("join", "A user wants a ticket.", JOIN),
    Record::command("leave", "A user gives a ticket back.", LEAVE),
    Record::command("touch", "Clients have asked after these tickets.", TOUCH),
    Record::command("purchased", "What a user was admitted for is bought.", PURCHASED),
    Record::command("admit", "There may be room for admissions.", DUE),
    Record::command("open", "The time has come at which the queue opens.", DUE),
    Record::command("tell", "Users that wait may be told so.", DUE),
    Record::command("active-end", "An ACTIVE ticket may have ended.", TICKET_DUE),
    Record::command("silence", "A chunk of tickets may have silent ones.", CHUNK_DUE),
];

const EVENT_RECORDS: &[Record] = &[
    Record::new("ticket-entered", "A ticket was given out.", ToldBy::Type(ENTERED), TICKET_ENTERED),
    Record::new("ticket-admitted", "A ticket is ACTIVE.", ToldBy::Type(ADMITTED), TICKET_ADMITTED),
    Record::new("ticket-ended", "A ticket has ended.", ToldBy::Type(TICKET_ENDED), ENDED),
    Record::new("queue-created", "There is a queue.", ToldBy::Type("CREATED"), QUEUE),
    Record::new("queue-changed", "A queue works otherwise.", ToldBy::Type("CHANGED"), QUEUE),
    Record::new("queue-opened", "The tickets of a queue have positions.", ToldBy::Type("OPENED"), QUEUE),
];

const QUEUE_ID: Field = must("queueId", Kind::Id, "Which queue.");
const TICKET: Field = must("ticket", Kind::Count, "Which ticket: its number in the queue.");
const DUE_AT: Field = must("dueAt", Kind::Whole, "When it was to come, in ms since the epoch.");

const SUBJECT: &[Field] =
    &[must("type", Kind::Text, "`schedule`, `policy` or `sale`."), must("id", Kind::Id, "Its id.")];
const GUARDS: Kind = Kind::List(&Kind::Object(SUBJECT));

const CREATE_QUEUE: &[Field] = &[
    EVENT_ID,
    REQUEST_ID,
    QUEUE_ID,
    must("maxActive", Kind::Whole, "Most tickets that may be ACTIVE at a time."),
    must("admitPerSecond", Kind::Whole, "Most admissions in any second."),
    may("activeMs", Kind::Whole, "How long a ticket is ACTIVE at most, in ms."),
    may("silenceMs", Kind::Whole, "How long nothing may be heard of an ACTIVE ticket, in ms."),
    may("keepMs", Kind::Whole, "How long the position of a WAITING ticket is kept when nothing is heard of it, in ms."),
    may("noticeAfterMs", Kind::Whole, "How long a ticket waits until its user is told of its position, in ms."),
    may("notices", Kind::Flag, "Whether users are told."),
    may("opensAt", Kind::When, "When the queue opens; missing = at once."),
    may("shuffle", Kind::Flag, "Whether tickets that were given out before are put in line by a draw."),
    may("guards", GUARDS, "What only users with an ACTIVE ticket may buy."),
    may("key", Kind::Text, "The secret of its tokens, in base64: drawn by the worker."),
    may("seed", Kind::Text, "What the draw is made of, in base64: drawn by the worker."),
];

const CHANGE_QUEUE: &[Field] = &[
    EVENT_ID,
    REQUEST_ID,
    QUEUE_ID,
    may("maxActive", Kind::Whole, "Most tickets that may be ACTIVE at a time."),
    may("admitPerSecond", Kind::Whole, "Most admissions in any second."),
    may("activeMs", Kind::Whole, "How long a ticket is ACTIVE at most, in ms."),
    may("guards", GUARDS, "What only users with an ACTIVE ticket may buy: all of it."),
    may("state", Kind::Text, "`OPEN`, `PAUSED` or `DRAINING`."),
];

const JOIN: &[Field] = &[EVENT_ID, REQUEST_ID, QUEUE_ID, must("userId", Kind::Id, "Which user.")];
const LEAVE: &[Field] = &[EVENT_ID, REQUEST_ID, QUEUE_ID, TICKET, must("userId", Kind::Id, "Whose it must be.")];
const TOUCH: &[Field] = &[QUEUE_ID, must("tickets", Kind::List(&Kind::Count), "Which, in any order.")];
const PURCHASED: &[Field] = &[
    QUEUE_ID,
    TICKET,
    must("userId", Kind::Id, "Whose it is."),
    must("subject", Kind::Object(SUBJECT), "What was bought."),
];
const DUE: &[Field] = &[QUEUE_ID, DUE_AT];
const TICKET_DUE: &[Field] = &[QUEUE_ID, DUE_AT, TICKET];
const CHUNK_DUE: &[Field] = &[QUEUE_ID, DUE_AT, must("chunk", Kind::Count, "Which chunk.")];

const EVENT: Field = must("eventId", Kind::Text, "Id of this event.");
const OF_QUEUE: Field = must("queueId", Kind::Text, "Of which queue.");
const USER_ID: Field = must("userId", Kind::Text, "Whose it is.");
const OCCURRED_AT: Field = must("occurredAt", Kind::Time, "When.");

const TICKET_ENTERED: &[Field] = &[
    EVENT,
    OF_QUEUE,
    TICKET,
    USER_ID,
    may("position", Kind::Count, "Its position then; missing = the queue is not open yet."),
    OCCURRED_AT,
];
const TICKET_ADMITTED: &[Field] =
    &[EVENT, OF_QUEUE, TICKET, USER_ID, must("activeUntil", Kind::Time, "Until then at most."), OCCURRED_AT];
const ENDED: &[Field] = &[EVENT, OF_QUEUE, TICKET, USER_ID, must("reason", Kind::Text, "Why."), OCCURRED_AT];

const QUEUE: &[Field] = &[
    EVENT,
    OF_QUEUE,
    must("maxActive", Kind::Count, "Most tickets that may be ACTIVE at a time."),
    must("admitPerSecond", Kind::Count, "Most admissions in any second."),
    must("activeMs", Kind::Count, "How long a ticket stays ACTIVE at most, in ms."),
    must("state", Kind::Text, "`OPEN`, `PAUSED` or `DRAINING`."),
    may("opensAt", Kind::Time, "When it opens."),
    must("shuffle", Kind::Flag, "Whether tickets that came before are drawn."),
    must("guards", GUARDS, "What it guards."),
    may("seedHash", Kind::Text, "SHA-256 of the seed of its draw, in hexadecimal digits."),
    may("seed", Kind::Text, "The seed, in hexadecimal digits, once the queue has opened."),
    may("drawn", Kind::Count, "Tickets up to this one were drawn."),
    OCCURRED_AT,
];
