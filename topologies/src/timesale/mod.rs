//! Time sales: a fold over `timesale-order-requests`. The partition's order is the order in which units are sold.
//!
//! ```text
//!  QUEUED ────────┬─► CONFIRMED ── cancel-order, by its buyer, once ──► CANCELLED (its units are for sale again)
//!  (in the log)   └─► FAILED: VALIDATION_FAILED, OUT_OF_STOCK, BUSINESS_ERROR
//!                         or SYSTEM_ERROR ── redriven from the dead letters, once ──► CONFIRMED or FAILED
//! ```
//! An order gets all its units or none, in the order of the log. Stock, the buyer's count, the order, its outcome record and its notification are one
//! transaction, so no crash loses a unit between the stock and the order. An order has exactly one outcome: the same order again under the same identity
//! (`requestId` or `orderId`, else `eventId`, else where the record entered the log) changes nothing and sends nothing. Without an identity in common, two equal
//! orders are two orders. Stock changes are records in the same partition, never below what is sold, so `sold ≤ total` holds at every offset.
//!
//! A sale can be guarded by queues (`guard`): then an order is confirmed only while its buyer is let in, and uses the admission up.
//!
//! A cancelled order leaves its row: it keeps the identity, and gives its units back once. They are sold to the next order that the log brings, not to orders that
//! were refused before.
//!
//! | topic | key | what |
//! |---|---|---|
//! | [`INBOX`] | timeSaleId; a `cancel-order` may bring any key, its place is in the order's id | orders and commands |
//! | [`SUCCESS`], [`FAILURES`] | timeSaleId | the outcome of each order; on [`SUCCESS`] also that a confirmed order was cancelled |
//! | [`NOTIFICATIONS`] | user | one for each confirmed order, and one for each valid order that was refused |
//! | [`QUEUES`] | queueId | that the purchase is done for which a queue has let the user in |
//! | [`DEAD_LETTERS`] | as it came | what cannot be read |

pub mod decide;
pub mod invariants;
mod outcomes;
mod processor;
mod sinks;
pub mod view;

use holdfast_model::timesale::*;

use crate::guard::Guarded;
use crate::shell::Shell;
use holdfast_engine::prelude::Topology;
use holdfast_model::guard::SubjectType;

/// The feature, as the command shell knows it.
#[derive(Debug)]
pub(crate) enum TimeSale {}

/// What queues that guard sales say, and where.
static GUARDED: Guarded =
    Guarded { kind: SubjectType::Sale, guards: &GUARDS, admissions: &ADMISSIONS, queues: &sinks::QUEUES };

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
        .store(SALES.spec())
        .store(TERMS.spec())
        .store(ORDERS.spec())
        .ends(&REFUSED, settings.outcome_retention_ms)
        .store(BUYERS.spec())
        .ends(&COMMANDS, settings.outcome_retention_ms)
        .store(SETTINGS.spec())
        .store(GUARDS.spec())
        .ends(&ADMISSIONS, settings.outcome_retention_ms)
        .sink(&sinks::SUCCESS)
        .sink(&sinks::FAILURES)
        .sink(&sinks::NOTIFICATIONS)
        .sink(&sinks::QUEUES)
        .dead_letters(DEAD_LETTERS)
        .processor(move || Box::new(Shell::<TimeSale>::new(settings)))
        .build()
        .expect("the definition is constant, and a test builds it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_can_be_built() {
        let topology = topology();
        assert!(topology.is_deciding());
        assert_eq!((&**topology.name(), topology.group(), &**topology.inbox()), (NAME, GROUP, INBOX));
    }
}
