//! What the records of coupons look like, published.

use super::outcome::Status;
use crate::guard::published::{about, admit, end_admission, guard, unguard};
use crate::published::kind::shared::{EVENT_ID, REQUEST_ID, REQUESTED_AT};
use crate::published::kind::{Field, Kind, may, must};
use crate::published::{Record, ToldBy, Topic, Way};
use crate::topics::coupon::{DEAD_LETTERS, FAILURES, INBOX, SUCCESS};

/// The topics of coupons.
pub const TOPICS: &[Topic] = &[
    Topic {
        name: INBOX,
        about: "Requests for coupons, and commands.",
        key: "coupon-{policyId}",
        way: Way::In,
        records: &[
            Record::new("issue-request", "A user wants a coupon of a policy.", ToldBy::Nothing, ISSUE)
                .with_one_of(&["policyId", "couponId"]),
            Record::command("create-policy", "There shall be a policy.", CREATE_POLICY),
            Record::command("adjust-stock", "There shall be more or fewer coupons.", ADJUST_STOCK),
            Record::new(
                "use-coupon-for-payment",
                "A payment wants to be made with a coupon. Its answer goes to the place that waits for it.",
                ToldBy::TypeAnd("use-coupon", "replyPlace"),
                USE_FOR_PAYMENT,
            ),
            Record::command("use-coupon", "A user uses a coupon for an order.", USE_COUPON),
            Record::command("return-coupon", "A payment that had a coupon is off.", RETURN_COUPON),
            Record::command("guard", about::GUARD, GUARD),
            Record::command("unguard", about::UNGUARD, UNGUARD),
            Record::command("admit", about::ADMIT, ADMIT),
            Record::command("end-admission", about::END_ADMISSION, END_ADMISSION),
        ],
    },
    outcomes(SUCCESS, "Requests that got a coupon."),
    outcomes(FAILURES, "Requests that got none, and why."),
    Topic::of_dead_letters(DEAD_LETTERS),
];

const fn outcomes(name: &'static str, about: &'static str) -> Topic {
    Topic { name, about, key: "coupon-{policyId}", way: Way::Out, records: OUTCOMES }
}

const OUTCOMES: &[Record] = &[Record::new("coupon-outcome", "What became of a request.", ToldBy::Nothing, OUTCOME)];

const POLICY_ID: Field = must("policyId", Kind::Id, "Of which policy.");
const COUPON_ID: Field = must("couponId", Kind::Id, "Which coupon.");
const USER_ID: Field = must("userId", Kind::Id, "Whose it must be.");
const ORDER_ID: Field = must("orderId", Kind::Id, "For which order.");

const GUARD: &[Field] = &guard(POLICY_ID);
const UNGUARD: &[Field] = &unguard(POLICY_ID);
const ADMIT: &[Field] = &admit(POLICY_ID);
const END_ADMISSION: &[Field] = &end_admission(POLICY_ID);

const ISSUE: &[Field] = &[
    EVENT_ID,
    REQUEST_ID,
    may("policyId", Kind::Id, "Of which policy."),
    may("couponId", Kind::Id, "The same, in the older shape."),
    must("userId", Kind::Id, "Who wants it."),
    REQUESTED_AT,
    may("timestamp", Kind::Any, "The same as `requestedAt`, in the older shape."),
    may("version", Kind::Any, "In the older shape; nothing is made of it."),
];

const CREATE_POLICY: &[Field] = &[
    EVENT_ID,
    REQUEST_ID,
    POLICY_ID,
    must("title", Kind::Text, "What it is called."),
    may("description", Kind::Text, "A longer text."),
    must("totalQuantity", Kind::Whole, "How many coupons there are."),
    may("startTime", Kind::When, "First moment at which they are issued; missing = at once."),
    may("endTime", Kind::When, "First moment at which they are not issued any more; missing = never."),
    may("discountType", Kind::Text, "`FIXED_AMOUNT` or `PERCENTAGE`."),
    may("discountValue", Kind::Whole, "KRW, or percent."),
    may("minimumOrderAmount", Kind::Whole, "Smallest order, in KRW."),
    may("maximumDiscountAmount", Kind::Whole, "Most it takes off, in KRW."),
];

const ADJUST_STOCK: &[Field] =
    &[EVENT_ID, REQUEST_ID, POLICY_ID, must("by", Kind::Whole, "How many more; negative = fewer.")];

const USE_COUPON: &[Field] = &[EVENT_ID, REQUEST_ID, COUPON_ID, USER_ID, ORDER_ID];

const USE_FOR_PAYMENT: &[Field] = &[
    REQUEST_ID,
    COUPON_ID,
    USER_ID,
    must("orderId", Kind::Id, "The payment."),
    must("reservationId", Kind::Id, "For which reservation."),
    must("orderAmount", Kind::Whole, "What it costs without the coupon, in KRW."),
    must("replyPlace", Kind::Count, "The place that waits for the answer."),
    may("minimumDiscount", Kind::Whole, "What the coupon has to take off at least, in KRW."),
];

const RETURN_COUPON: &[Field] = &[REQUEST_ID, COUPON_ID, USER_ID, ORDER_ID];

const STATUSES: [&str; 6] = {
    let [a, b, c, d, e, f] = Status::ALL;
    [a.as_str(), b.as_str(), c.as_str(), d.as_str(), e.as_str(), f.as_str()]
};

const OUTCOME: &[Field] = &[
    must("eventId", Kind::Text, "The request's `eventId`, or its identity."),
    must("requestId", Kind::Text, "The request's identity."),
    must("policyId", Kind::Text, "Of which policy."),
    must("userId", Kind::Text, "Who asked."),
    must("status", Kind::OneOf(&STATUSES), "What became of it."),
    may("couponId", Kind::Text, "The coupon, of a success."),
    must("issuedAt", Kind::Time, "When it was decided."),
    REQUESTED_AT,
    may("remaining", Kind::Count, "How many are left after this decision; missing without a policy."),
    may("reason", Kind::Text, "Why there is none, for people."),
    may("code", Kind::Text, "Why there is none, for programs."),
    may("supersedes", Kind::OneOf(&STATUSES), "The outcome that this one replaces: of a request that was put back."),
];
