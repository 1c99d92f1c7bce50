//! First-come coupons: a fold over `coupon-issue-requests`. The partition's order is who came first.
//!
//! ```text
//! a request                                          a coupon
//!                 ┌─► SUCCESS ── makes ───────────────►  ISSUED ── use-coupon ──► USED
//!                 ├─► VALIDATION_FAILED                     ▲  (once; the same order may ask again)
//!  PENDING ───────┼─► DUPLICATE_REQUEST                     └────── return-coupon ───┘ (only of the payment that has it)
//!  (in the log)   ├─► OUT_OF_STOCK
//!                 ├─► BUSINESS_ERROR
//!                 └─► SYSTEM_ERROR ── redriven from the dead letters, once ──► any of the others
//! ```
//! One record goes in (a request, or a command by `type`: `create-policy`, `adjust-stock`, `use-coupon`) and is decided at once, in one
//! transaction with stock, duplicate mark, coupon, outcome record and notification. A request has exactly one outcome: who asks again under
//! the same identity (`requestId`, else `eventId`, else where the record entered the log) gets the first one, and nothing is sent again.
//! Another request of a user who has a coupon of that policy is a duplicate. Stock changes are records in the same partition, never below
//! what has been issued, so `issued ≤ total` holds at every offset.
//!
//! A payment that is made with a coupon asks by `use-coupon` with a `replyPlace` and is answered there: `coupon-used` with what the coupon takes off,
//! computed here of the policy's terms, or `coupon-refused` with the reason ([`redemption_record`]). There is one answer for each payment, for ever;
//! `return-coupon` gives the coupon back when the payment is off. A use without a `replyPlace` is a command like any other, for good.
//!
//! | topic | key | what |
//! |---|---|---|
//! | [`INBOX`] | `coupon-{policyId}`; a use of a coupon may bring any key, its place is in the coupon's id | requests and commands |
//! | [`SUCCESS`], [`FAILURES`] | `coupon-{policyId}` | the outcome of each request |
//! | [`NOTIFICATIONS`] | user | one for each coupon issued |
//! | [`REPLIES`] | reservation; placed by the `replyPlace` | what became of the wish to pay with a coupon |
//! | [`DEAD_LETTERS`] | as it came | what cannot be read |

pub mod command_outcome;
pub mod coupon_id;
pub mod decide;
pub mod invariants;
pub mod keys;
pub mod message;
pub mod outcome;
pub mod outcome_record;
mod processor;
pub mod redemption_record;
pub mod row;
pub mod sample;
pub mod view;

use crate::place_id::{self, Kind};
use crate::{notification, reservation};
use holdfast_engine::{Table, Topology};
use keys::{CouponKey, IssuedKey};
use row::{CommandRow, CouponRow, IssuedRow, PolicyRow, RedemptionRow, RequestRow, TermsRow};

/// Name of the topology.
pub const NAME: &str = "coupon";
/// Group under which its positions are shown.
pub const GROUP: &str = "coupon-service-group";
/// Where requests and commands come in.
pub const INBOX: &str = "coupon-issue-requests";
/// Outcomes of requests that got a coupon.
pub const SUCCESS: &str = "coupon-issue-success";
/// Outcomes of those that did not.
pub const FAILURES: &str = "coupon-issue-failures";
/// Records that cannot be read.
pub const DEAD_LETTERS: &str = "coupon-issue-dlq";
/// Where notifications are asked for.
pub const NOTIFICATIONS: &str = notification::REQUESTS;
/// Where payments that want a coupon are answered: the inbox of who asks for them.
pub const REPLIES: &str = reservation::INBOX;

/// What a request needs to know of a policy, by policy id: stock, window, title. Read for each request, so it is small.
pub const POLICIES: Table<String, PolicyRow> = Table::new(16, "policies");
/// What only people read of a policy, by policy id: what it was created with, and when.
pub const TERMS: Table<String, TermsRow> = Table::new(17, "terms");
/// The outcome of each request, by request id.
pub const REQUESTS: Table<String, RequestRow> = Table::new(18, "requests");
/// Who has a coupon of which policy: at most one.
pub const ISSUED: Table<IssuedKey, IssuedRow> = Table::new(19, "issued");
/// The coupons.
pub const COUPONS: Table<CouponKey, CouponRow> = Table::new(20, "coupons");
/// The outcome of each command, by command id (its `requestId`, else `eventId`, else where it entered the log).
pub const COMMANDS: Table<String, CommandRow> = Table::new(21, "commands");
/// What became of each wish to pay with a coupon, by payment id.
pub const REDEMPTIONS: Table<String, RedemptionRow> = Table::new(22, "redemptions");

/// The topology.
///
/// # Panics
/// Never: the sentence is constant, and a test builds it.
#[must_use]
pub fn topology() -> Topology {
    Topology::named(NAME)
        .group(GROUP)
        .inbox(INBOX)
        .store(POLICIES.spec())
        .store(TERMS.spec())
        .store(REQUESTS.spec())
        .store(ISSUED.spec())
        .store(COUPONS.spec())
        .store(COMMANDS.spec())
        .store(REDEMPTIONS.spec())
        .sink(SUCCESS)
        .sink(FAILURES)
        .sink(NOTIFICATIONS)
        .sink(REPLIES)
        .dead_letters(DEAD_LETTERS)
        .processor(|| Box::<processor::CouponProcessor>::default())
        .build()
        .expect("the sentence is constant, and a test builds it")
}

/// Key of everything that concerns a policy: it places the record, and with it the decision.
#[must_use]
pub fn inbox_key(policy_id: &str) -> String {
    let mut key = String::new();
    write_inbox_key(&mut key, policy_id);
    key
}

fn write_inbox_key(key: &mut String, policy_id: &str) {
    key.clear();
    key.push_str("coupon-");
    key.push_str(policy_id);
}

/// The id of a request that will be decided in `place`; `unique` is the caller's, a UUID say.
#[must_use]
pub fn request_id(place: u32, unique: &str) -> String {
    place_id::format(Kind::Request, place, unique)
}

/// The place that decides the request `id`; `None` for an id that [`request_id`] did not make.
#[must_use]
pub fn request_place(id: &str) -> Option<u32> {
    place_id::parse(Kind::Request, id).map(|(place, _)| place)
}

/// The place that keeps the coupon `id`; `None` for an id of another shape.
#[must_use]
pub fn coupon_place(id: &str) -> Option<u32> {
    coupon_id::CouponId::parse(id).map(|id| id.place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_can_be_built() {
        let topology = topology();
        assert!(topology.is_deciding());
        assert_eq!((&**topology.name(), topology.group(), &**topology.inbox()), (NAME, GROUP, INBOX));
    }

    #[test]
    fn ids_route_themselves() {
        assert_eq!(inbox_key("1"), "coupon-1");
        assert_eq!(request_place(&request_id(2, "0198c1f2")), Some(2));
        assert_eq!(coupon_place("cpn_1_봄_세일_57"), Some(1));
        for foreign in ["", "evt-1", "req_x_1", "cpn_1_57", "cpn_1_1_x", "cpn__1_1"] {
            assert_eq!((request_place(foreign), coupon_place(foreign)), (None, None), "{foreign:?}");
        }
    }
}
