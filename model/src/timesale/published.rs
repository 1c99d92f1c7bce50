//! What the records of time sales look like, published.

use super::outcome::Status;
use crate::guard::published::{about, admit, end_admission, guard, unguard};
use crate::published::kind::shared::{EVENT_ID, REQUEST_ID, REQUESTED_AT};
use crate::published::kind::{Field, Kind, may, must};
use crate::published::{Record, ToldBy, Topic, Way};
use crate::topics::timesale::{DEAD_LETTERS, FAILURES, INBOX, SUCCESS};

/// The topics of time sales.
pub const TOPICS: &[Topic] = &[
    Topic {
        name: INBOX,
        about: "Orders, and commands.",
        key: "timeSaleId",
        way: Way::In,
        records: &[
            Record::new("order-request", "A user orders units of a sale.", ToldBy::Nothing, ORDER),
            Record::command("create-sale", "There shall be a sale.", CREATE_SALE),
            Record::command("adjust-stock", "There shall be more or fewer units.", ADJUST_STOCK),
            Record::command("cancel-order", "A user cancels a confirmed order.", CANCEL_ORDER),
            Record::command("guard", about::GUARD, GUARD),
            Record::command("unguard", about::UNGUARD, UNGUARD),
            Record::command("admit", about::ADMIT, ADMIT),
            Record::command("end-admission", about::END_ADMISSION, END_ADMISSION),
        ],
    },
    outcomes(SUCCESS, "Orders that were confirmed, and confirmed orders that were cancelled."),
    outcomes(FAILURES, "Orders that were refused, and why."),
    Topic::of_dead_letters(DEAD_LETTERS),
];

const fn outcomes(name: &'static str, about: &'static str) -> Topic {
    Topic { name, about, key: "timeSaleId", way: Way::Out, records: OUTCOMES }
}

const OUTCOMES: &[Record] = &[Record::new("order-outcome", "What became of an order.", ToldBy::Nothing, OUTCOME)];

const TIME_SALE_ID: Field = must("timeSaleId", Kind::Id, "Which sale.");

const GUARD: &[Field] = &guard(TIME_SALE_ID);
const UNGUARD: &[Field] = &unguard(TIME_SALE_ID);
const ADMIT: &[Field] = &admit(TIME_SALE_ID);
const END_ADMISSION: &[Field] = &end_admission(TIME_SALE_ID);

const ORDER: &[Field] = &[
    EVENT_ID,
    REQUEST_ID,
    may("orderId", Kind::Id, "The same as `requestId`."),
    TIME_SALE_ID,
    must("userId", Kind::Id, "Who orders."),
    must("quantity", Kind::Digits, "How many units."),
    REQUESTED_AT,
];

const CREATE_SALE: &[Field] = &[
    EVENT_ID,
    REQUEST_ID,
    TIME_SALE_ID,
    must("title", Kind::Text, "What it is called."),
    may("description", Kind::Text, "A longer text."),
    may("productId", Kind::Id, "What is sold."),
    may("originalPrice", Kind::Whole, "What a unit costs outside the sale, in KRW."),
    must("discountPrice", Kind::Whole, "What a unit costs in the sale, in KRW."),
    must("totalQuantity", Kind::Whole, "How many units there are."),
    may("limitPerUser", Kind::Whole, "Most units of one buyer; missing = no limit."),
    may("startTime", Kind::When, "First moment at which orders are confirmed; missing = at once."),
    may("endTime", Kind::When, "First moment at which they are not any more; missing = never."),
];

const ADJUST_STOCK: &[Field] =
    &[EVENT_ID, REQUEST_ID, TIME_SALE_ID, must("by", Kind::Whole, "How many more; negative = fewer.")];

const CANCEL_ORDER: &[Field] =
    &[EVENT_ID, REQUEST_ID, must("orderId", Kind::Id, "Which order."), must("userId", Kind::Id, "Whose it must be.")];

const STATUSES: [&str; 6] = {
    let [a, b, c, d, e, f] = Status::ALL;
    [a.as_str(), b.as_str(), c.as_str(), d.as_str(), e.as_str(), f.as_str()]
};

const OUTCOME: &[Field] = &[
    must("eventId", Kind::Text, "The order's `eventId`, or its request id; of a cancellation, this event's id."),
    must("requestId", Kind::Text, "The identity of the order's record; of a cancellation, of the command."),
    must("orderId", Kind::Text, "The order."),
    must("timeSaleId", Kind::Text, "In which sale."),
    must("userId", Kind::Text, "Whose order."),
    must("quantity", Kind::Whole, "How many units."),
    must("status", Kind::OneOf(&STATUSES), "What became of it."),
    may("unitPrice", Kind::Count, "What a unit costs, in KRW, of a confirmed order."),
    may("amount", Kind::Count, "What all of them cost, in KRW."),
    must("orderedAt", Kind::Time, "When the order was decided."),
    may("cancelledAt", Kind::Time, "When it was cancelled."),
    REQUESTED_AT,
    may("remaining", Kind::Count, "How many units are left after this decision; missing without a sale."),
    may("reason", Kind::Text, "Why there is none, for people."),
    may("code", Kind::Text, "Why there is none, for programs."),
    may("supersedes", Kind::OneOf(&STATUSES), "The outcome that this one replaces: of an order that was put back."),
];
