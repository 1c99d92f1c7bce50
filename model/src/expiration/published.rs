//! What the records of deadlines look like, published.

use crate::published::kind::{Field, Kind, may, must};
use crate::published::{Record, ToldBy, Topic, Way};
use crate::topics::expiration::{DEAD_LETTERS, INBOX};

/// The topics of deadlines.
pub const TOPICS: &[Topic] = &[
    Topic {
        name: INBOX,
        about: "Deadlines of holds. `eventTime` is the deadline, which lies in the future; `occurredAt` is when it was set.",
        key: "reservationId, in the place of its schedule",
        way: Way::Within,
        records: &[Record::new("reservation-expiration", "A hold has this deadline.", ToldBy::Nothing, DEADLINE)],
    },
    Topic::of_dead_letters(DEAD_LETTERS),
];

const DEADLINE: &[Field] = &[
    may("eventId", Kind::Id, "Unique for each deadline."),
    may("eventType", Kind::Text, "`reservation.expiration`."),
    may("eventTime", Kind::When, "The deadline."),
    must("payload", Kind::Object(PAYLOAD), "What it is about."),
    may("occurredAt", Kind::When, "When the deadline was set."),
];

const PAYLOAD: &[Field] = &[
    must("reservationId", Kind::Id, "Which reservation."),
    may("userId", Kind::Id, "Whose."),
    may("seatId", Kind::Text, "Which seat: `seat_{scheduleId}_{seatNo}`."),
    must("expiresAt", Kind::When, "First moment at which it is over."),
    may("scheduleId", Kind::Id, "Of which schedule."),
    may("seatNo", Kind::Id, "Which seat."),
];
