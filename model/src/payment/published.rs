//! What the records of wallets look like, published.

use super::completed::EVENT_TYPE;
use crate::published::kind::shared::{EVENT_ID, REQUEST_ID, REQUESTED_AT};
use crate::published::kind::{Field, Kind, may, must};
use crate::published::{Record, ToldBy, Topic, Way};
use crate::topics::payment::{COMPLETED, DEAD_LETTERS, INBOX};

/// The topics of wallets.
pub const TOPICS: &[Topic] = &[
    Topic {
        name: INBOX,
        about: "What is to be charged, debited and refunded.",
        key: "userId",
        way: Way::In,
        records: &[
            Record::command("charge", "Money comes in.", CHARGE),
            Record::command("debit", "A payment is to be taken from a wallet.", DEBIT),
            Record::command("refund", "Something paid goes back into its wallet.", REFUND),
        ],
    },
    Topic {
        name: COMPLETED,
        about: "Payments that have been debited.",
        key: "userId",
        way: Way::Out,
        records: &[Record::new("payment-completed", "A payment has been debited.", ToldBy::Nothing, ENVELOPE)],
    },
    Topic::of_dead_letters(DEAD_LETTERS),
];

const USER_ID: Field = must("userId", Kind::Id, "Whose wallet.");
const REPLY_PLACE: Field = must("replyPlace", Kind::Count, "The place that waits for the answer.");

const CHARGE: &[Field] =
    &[EVENT_ID, REQUEST_ID, USER_ID, must("amount", Kind::Whole, "How much, in KRW."), REQUESTED_AT];

const DISCOUNT: &[Field] = &[must("couponId", Kind::Id, "Which coupon."), must("amount", Kind::Whole, "KRW.")];

const DEBIT: &[Field] = &[
    EVENT_ID,
    REQUEST_ID,
    must("paymentId", Kind::Id, "Which payment: it is debited once."),
    must("reservationId", Kind::Id, "For which reservation."),
    must("scheduleId", Kind::Id, "Of which schedule."),
    USER_ID,
    must("seatNo", Kind::Id, "Which seat."),
    must("price", Kind::Whole, "What the seat costs, in KRW."),
    must("amount", Kind::Whole, "What is paid: price less discount, in KRW."),
    may("discount", Kind::Object(DISCOUNT), "What a coupon takes off."),
    REPLY_PLACE,
    may("concertTitle", Kind::Any, "What the concert is called."),
    REQUESTED_AT,
];

const REFUND: &[Field] = &[
    EVENT_ID,
    REQUEST_ID,
    must("paymentId", Kind::Id, "Of which payment."),
    must("reservationId", Kind::Id, "For which reservation."),
    USER_ID,
    must("amount", Kind::Whole, "What goes back, in KRW."),
    may("fee", Kind::Whole, "What stays with the shop, in KRW."),
    may("reason", Kind::Id, "`CANCELLED`, `SCHEDULE_CANCELLED`, `NOT_CONFIRMED`, or another word."),
    REPLY_PLACE,
];

const ENVELOPE: &[Field] = &[
    must("eventId", Kind::Text, "Names the fact for ever."),
    must("eventType", Kind::OneOf(&[EVENT_TYPE]), "What kind of fact it is."),
    must("eventTime", Kind::Time, "When it was decided."),
    must("payload", Kind::Object(PAYLOAD), "The fact."),
];

const PAYLOAD: &[Field] = &[
    must("paymentId", Kind::Text, "Which payment."),
    must("userId", Kind::Text, "Who paid."),
    must("reservationId", Kind::Text, "For which reservation."),
    must("seatId", Kind::Text, "Which seat: `seat_{scheduleId}_{seatNo}`."),
    must("amount", Kind::Whole, "What was paid, in KRW."),
    must("concertScheduleId", Kind::Text, "Of which schedule."),
];
