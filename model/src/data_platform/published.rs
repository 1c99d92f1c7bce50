//! What the records of deliveries look like, published.

use crate::call_result;
use crate::published::kind::{Field, Kind, must};
use crate::published::{Record, ToldBy, Topic, Way};
use crate::topics::data_platform::{DEAD_LETTERS, RESULTS};

/// The topics of deliveries.
pub const TOPICS: &[Topic] = &[
    Topic {
        name: RESULTS,
        about: "How calls ended, that a wait is over, and payments that are noted.",
        key: "reservationId",
        way: Way::Within,
        records: &[
            Record::new("call-result", "How a call ended.", ToldBy::Nothing, call_result::PUBLISHED),
            Record::command("retry", "The wait after a failed call is over.", RETRY),
            Record::command("paid", "A payment for a reservation is debited.", PAID),
        ],
    },
    Topic::of_dead_letters(DEAD_LETTERS),
];

const RESERVATION_ID: Field = must("reservationId", Kind::Id, "Which reservation.");

const RETRY: &[Field] = &[RESERVATION_ID, must("call", Kind::Count, "How many calls there were by then.")];

const PAID: &[Field] = &[
    RESERVATION_ID,
    must("paymentId", Kind::Id, "Which payment."),
    must("amount", Kind::Whole, "What was paid, in KRW."),
];
