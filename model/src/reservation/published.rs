//! What the records of seats look like, published.

use crate::guard::published::{about, admit, end_admission, guard, unguard};
use crate::published::kind::shared::{EVENT_ID, REQUEST_ID, REQUESTED_AT};
use crate::published::kind::{Field, Kind, may, must, or_null};
use crate::published::{Record, ToldBy, Topic, Way};
use crate::topics::ranking;
use crate::topics::reservation::{CONFIRMED, DEAD_LETTERS, INBOX, SEATS_EXPIRED};

/// The topics of seats.
pub const TOPICS: &[Topic] = &[
    Topic {
        name: INBOX,
        about: "Commands about seats, deadlines that have come, and answers of wallets and coupons.",
        key: "scheduleId, concertId or reservationId",
        way: Way::In,
        records: INBOX_RECORDS,
    },
    Topic {
        name: CONFIRMED,
        about: "Reservations that are paid.",
        key: "reservationId",
        way: Way::Out,
        records: &[Record::new("reservation-confirmed", "A reservation is paid.", ToldBy::Nothing, CONFIRMED_FIELDS)],
    },
    Topic {
        name: SEATS_EXPIRED,
        about: "Holds that were not paid in time.",
        key: "scheduleId",
        way: Way::Out,
        records: &[Record::new("seats-expired", "A seat is free again.", ToldBy::Nothing, SEATS_EXPIRED_FIELDS)],
    },
    Topic {
        name: ranking::INBOX,
        about: "Each sale and each return of a seat: what rankings count.",
        key: "scheduleId",
        way: Way::Out,
        records: &[Record::new("seat-ranked", "A seat was sold, or came back.", ToldBy::Nothing, RANKED)],
    },
    Topic::of_dead_letters(DEAD_LETTERS),
];

const INBOX_RECORDS: &[Record] = &[
    Record::command("create-concert", "There shall be a concert.", CREATE_CONCERT),
    Record::command("create-schedule", "There shall be a schedule with seats.", CREATE_SCHEDULE),
    Record::command("hold", "A user wants a seat.", HOLD),
    Record::command("release", "A user does not want a held seat any more.", OF_A_USER),
    Record::command("pay", "A user pays.", PAY),
    Record::command("cancel", "A user gives a seat back, paid or not.", OF_A_USER),
    Record::command("extend", "A user wants more time.", OF_A_USER),
    Record::command("cancel-schedule", "The show does not take place.", CANCEL_SCHEDULE),
    Record::command("expire", "A deadline may have come.", EXPIRE),
    Record::command("settled", "The wallet has decided about a debit.", SETTLED),
    Record::command("refunded", "The wallet has decided about a refund.", REFUNDED),
    Record::command("cancel-next", "The next part of a cancelled schedule.", CANCEL_NEXT),
    Record::command("coupon-used", "A coupon is used for a payment.", COUPON_USED),
    Record::command("coupon-refused", "A coupon is not used for a payment.", COUPON_REFUSED),
    Record::command("sweep", "Holds of a schedule may be overdue.", SWEEP),
    Record::command("join-waitlist", "A user waits for a seat of a sold-out schedule.", JOIN_WAITLIST),
    Record::command("leave-waitlist", "A user waits no longer.", OF_A_WAITLIST),
    Record::command("tell-waitlist", "Users that wait may be owed a notice.", TELL_WAITLIST),
    Record::command("guard", about::GUARD, GUARD),
    Record::command("unguard", about::UNGUARD, UNGUARD),
    Record::command("admit", about::ADMIT, ADMIT),
    Record::command("end-admission", about::END_ADMISSION, END_ADMISSION),
];

const NONCE: Field = may("nonce", Kind::Id, "What the thing that the command makes is named after.");
const RESERVATION_ID: Field = must("reservationId", Kind::Id, "Which reservation.");
const SCHEDULE_ID: Field = must("scheduleId", Kind::Id, "Which schedule.");
const PAYMENT_ID: Field = must("paymentId", Kind::Id, "Which payment.");
const AMOUNT: Field = must("amount", Kind::Whole, "KRW.");

const GUARD: &[Field] = &guard(SCHEDULE_ID);
const UNGUARD: &[Field] = &unguard(SCHEDULE_ID);
const ADMIT: &[Field] = &admit(SCHEDULE_ID);
const END_ADMISSION: &[Field] = &end_admission(SCHEDULE_ID);

const CREATE_CONCERT: &[Field] = &[
    EVENT_ID,
    REQUEST_ID,
    REQUESTED_AT,
    must("concertId", Kind::Id, "Its id."),
    must("title", Kind::Text, "What it is called."),
    may("date", Kind::Text, "When, as people write it."),
];

const PRICED_SEAT: &[Field] = &[must("seatNo", Kind::Id, "Its number."), must("price", Kind::Whole, "KRW.")];
const SEAT_BLOCK: &[Field] = &[must("count", Kind::Whole, "How many."), must("price", Kind::Whole, "KRW.")];
const LIMITS: &[Field] = &[
    may("seatsPerUser", Kind::Whole, "Most seats of one user."),
    may("openHolds", Kind::Whole, "Most of them that may be unpaid."),
];

const CREATE_SCHEDULE: &[Field] = &[
    EVENT_ID,
    REQUEST_ID,
    REQUESTED_AT,
    must("scheduleId", Kind::Id, "Its id."),
    may("concertId", Kind::Id, "Of which concert."),
    must("concertTitle", Kind::Text, "What the concert is called."),
    may("date", Kind::Text, "When, as people write it."),
    may("startsAt", Kind::When, "When the show begins."),
    may("saleStart", Kind::When, "First moment of the sale; missing = at once."),
    may("saleEnd", Kind::When, "First moment after the sale; missing = never."),
    must(
        "seats",
        Kind::Either(&[Kind::Object(SEAT_BLOCK), Kind::List(&Kind::Object(PRICED_SEAT))]),
        "So many at one price, or each with a price of its own.",
    ),
    may("limits", Kind::Object(LIMITS), "Limits other than the shop's."),
    may(
        "waitlist",
        Kind::Text,
        "What becomes of a released seat while users wait: `OPEN` or `OFFER`; missing = `OPEN`.",
    ),
    may("waitlistNotify", Kind::Whole, "How many users on the waitlist are told of each released seat; missing = 1."),
];

const HOLD: &[Field] = &[
    EVENT_ID,
    REQUEST_ID,
    REQUESTED_AT,
    NONCE,
    must("userId", Kind::Id, "Who."),
    SCHEDULE_ID,
    must("seatNo", Kind::Id, "Which seat."),
];

const OF_A_USER: &[Field] =
    &[EVENT_ID, REQUEST_ID, REQUESTED_AT, RESERVATION_ID, must("userId", Kind::Id, "Whose it must be.")];

const PAY: &[Field] = &[
    EVENT_ID,
    REQUEST_ID,
    REQUESTED_AT,
    NONCE,
    RESERVATION_ID,
    may("paymentId", Kind::Id, "What the payment shall be called; missing = after the record."),
    may("userId", Kind::Id, "Whose it must be; missing = any client that knows the id."),
    must("amount", Kind::Whole, "What is offered, in KRW: what is owed, or the payment fails."),
    may("couponId", Kind::Id, "A coupon to be used for it."),
];

const CANCEL_SCHEDULE: &[Field] = &[EVENT_ID, REQUEST_ID, REQUESTED_AT, SCHEDULE_ID];

const EXPIRE: &[Field] = &[
    EVENT_ID,
    REQUEST_ID,
    RESERVATION_ID,
    may("expiresAt", Kind::When, "The deadline that is meant; missing = the one that stands."),
    may("dueAt", Kind::Whole, "For which time of the sender's clock it was armed, in ms since the epoch."),
];

const SETTLED: &[Field] = &[
    EVENT_ID,
    REQUEST_ID,
    PAYMENT_ID,
    RESERVATION_ID,
    must("result", Kind::Text, "`DEBITED`, or why not: `INSUFFICIENT_POINTS`, `REFUSED`."),
    may("reason", Kind::Text, "Why it was refused, more exactly."),
    AMOUNT,
    may("balanceAfter", Kind::Whole, "What the wallet holds now, in KRW."),
];

const REFUNDED: &[Field] = &[
    EVENT_ID,
    REQUEST_ID,
    must("refundId", Kind::Id, "Which refund."),
    PAYMENT_ID,
    RESERVATION_ID,
    AMOUNT,
    may("result", Kind::Text, "`REFUNDED`, or `REFUSED`; missing = `REFUNDED`."),
    may("reason", Kind::Text, "Why it was refused."),
];

const CANCEL_NEXT: &[Field] = &[EVENT_ID, REQUEST_ID, SCHEDULE_ID, must("step", Kind::Count, "Which part.")];

const COUPON_USED: &[Field] = &[
    REQUEST_ID,
    PAYMENT_ID,
    RESERVATION_ID,
    must("couponId", Kind::Id, "Which coupon."),
    must("orderAmount", Kind::Whole, "Of what it takes something off, in KRW."),
    must("discount", Kind::Whole, "How much, in KRW."),
    may("discountType", Kind::Text, "`FIXED_AMOUNT` or `PERCENTAGE`."),
    may("discountValue", Kind::Count, "KRW, or percent."),
    may("minimumOrderAmount", Kind::Count, "Smallest order, in KRW."),
    may("maximumDiscountAmount", Kind::Count, "Most it takes off, in KRW."),
];

const COUPON_REFUSED: &[Field] = &[
    REQUEST_ID,
    PAYMENT_ID,
    RESERVATION_ID,
    must("couponId", Kind::Id, "Which coupon."),
    must("code", Kind::Text, "Why, for programs."),
    may("reason", Kind::Text, "Why, for people."),
];

const SWEEP: &[Field] = &[
    EVENT_ID,
    REQUEST_ID,
    SCHEDULE_ID,
    must("dueAt", Kind::Whole, "For which time of the sender's clock it was armed, in ms since the epoch."),
    must("fromSeat", Kind::Count, "The first seat that it has not looked at."),
];

const OF_A_WAITLIST: &[Field] =
    &[EVENT_ID, REQUEST_ID, REQUESTED_AT, SCHEDULE_ID, must("userId", Kind::Id, "Which user.")];

const JOIN_WAITLIST: &[Field] =
    &[EVENT_ID, REQUEST_ID, REQUESTED_AT, NONCE, SCHEDULE_ID, must("userId", Kind::Id, "Which user.")];

const TELL_WAITLIST: &[Field] = &[
    EVENT_ID,
    REQUEST_ID,
    SCHEDULE_ID,
    must("dueAt", Kind::Whole, "For which time of the sender's clock it was armed, in ms since the epoch."),
];

const CONFIRMED_FIELDS: &[Field] = &[
    must("reservationId", Kind::Text, "Which."),
    must("userId", Kind::Text, "Whose."),
    must("scheduleId", Kind::Text, "Of which schedule."),
    must("seatNo", Kind::Count, "Which seat."),
    must("amount", Kind::Count, "What was paid, in KRW."),
    must("paymentId", Kind::Text, "By which payment."),
    must("concertTitle", Kind::Text, "What the concert is called."),
    must("confirmedAt", Kind::Time, "When."),
];

const SEATS_EXPIRED_FIELDS: &[Field] = &[
    must("eventId", Kind::Text, "Unique for each expiry."),
    must("seatIds", Kind::List(&Kind::Text), "Which seats: `seat_{scheduleId}_{seatNo}`."),
    must("scheduleId", Kind::Text, "Of which schedule."),
    must("expiredAt", Kind::Time, "When it was freed."),
    must("expiresAt", Kind::Time, "The deadline."),
    must("reservationId", Kind::Text, "Which reservation."),
    must("userId", Kind::Text, "Whose."),
    must("seatNo", Kind::Count, "Which seat."),
];

const RANKED: &[Field] = &[
    must("eventId", Kind::Text, "Unique for each sale and each return."),
    must("type", Kind::OneOf(&["SEAT_SOLD", "SEAT_RETURNED"]), "Which of the two."),
    must("scheduleId", Kind::Text, "Of which schedule."),
    or_null("concertId", Kind::Text, "Of which concert."),
    must("concertTitle", Kind::Text, "What it is called."),
    must("reservationId", Kind::Text, "Which reservation."),
    must("paymentId", Kind::Text, "By which payment."),
    must("reserved", Kind::Count, "How many seats are sold now."),
    must("capacity", Kind::Count, "How many there are."),
    or_null("saleStart", Kind::Time, "When the sale began, as far as it had a beginning."),
    must("occurredAt", Kind::Time, "When."),
];
