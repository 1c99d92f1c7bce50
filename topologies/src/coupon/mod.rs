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
//! A policy can be guarded by queues (`guard`): then a coupon is issued only while its user is let in, and uses the admission up.
//!
//! | topic | key | what |
//! |---|---|---|
//! | [`INBOX`] | `coupon-{policyId}`; a use of a coupon may bring any key, its place is in the coupon's id | requests and commands |
//! | [`SUCCESS`], [`FAILURES`] | `coupon-{policyId}` | the outcome of each request |
//! | [`NOTIFICATIONS`] | user | one for each coupon issued |
//! | [`REPLIES`] | reservation; placed by the `replyPlace` | what became of the wish to pay with a coupon |
//! | [`QUEUES`] | queueId | that the purchase is done for which a queue has let the user in |
//! | [`DEAD_LETTERS`] | as it came | what cannot be read |

pub mod decide;
pub mod invariants;
mod outcomes;
mod processor;
mod sinks;
pub mod view;

use holdfast_model::coupon::*;

use crate::guard::Guarded;
use crate::shell::Shell;
use holdfast_engine::prelude::Topology;
use holdfast_model::guard::SubjectType;

/// The feature, as the command shell knows it.
#[derive(Debug)]
pub(crate) enum Coupon {}

/// What queues that guard policies say, and where.
static GUARDED: Guarded =
    Guarded { kind: SubjectType::Policy, guards: &GUARDS, admissions: &ADMISSIONS, queues: &sinks::QUEUES };

/// The topology as it usually is.
#[must_use]
pub fn topology() -> Topology {
    topology_with(&Settings::default())
}

/// The topology.
///
/// # Panics
/// Never, with a retention above 0: the definition is constant, and a test builds it.
#[must_use]
pub fn topology_with(settings: &Settings) -> Topology {
    let settings = *settings;
    Topology::named(NAME)
        .group(GROUP)
        .inbox(INBOX)
        .store(POLICIES.spec())
        .store(TERMS.spec())
        .ends(&REQUESTS, settings.outcome_retention_ms)
        .store(ISSUED.spec())
        .store(COUPONS.spec())
        .ends(&COMMANDS, settings.outcome_retention_ms)
        .store(REDEMPTIONS.spec())
        .store(SETTINGS.spec())
        .store(GUARDS.spec())
        .ends(&ADMISSIONS, settings.outcome_retention_ms)
        .sink(&sinks::SUCCESS)
        .sink(&sinks::FAILURES)
        .sink(&sinks::NOTIFICATIONS)
        .sink(&sinks::QUEUES)
        .sink(&sinks::REPLIES)
        .dead_letters(DEAD_LETTERS)
        .processor(move || Box::new(Shell::<Coupon>::new(settings)))
        .build()
        .expect("the sentence is constant, and a test builds it")
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
}
