//! Deliveries to the data platform: each confirmed reservation is sent there once, and is done only when the platform has it.
//!
//! ```text
//!  payment.completed ──► UNCONFIRMED                     (seen, never sent)
//!                             │ reservation.confirmed
//!            ┌────────────────▼
//!   ───────► SENDING ── DONE ──────────────────────────────► DELIVERED
//!            ▲  │ │
//!      retry │  │ └─ REFUSED, or FAILED for the 4th time ──► DEAD ── redriven from reservation.confirmed.dlq, once ──► SENDING
//!            │  │ FAILED
//!            └─ RETRY        a failure while the channel is away is tried again for as long as it takes
//! ```
//! One row for each reservation, in the place of its id, is both the ledger and the lock: a reservation has one call at a time, so what is said of it
//! arrives in order, and a confirmation that comes again changes nothing. The row says that a delivery is done only after the result of its call, in the
//! same commit as that result, and a redrive may pass a row that says DEAD. The call carries the reservation's id as its idempotency key, for the one case
//! in which it is made twice: a crash after the call and before its result.
//!
//! A failed call is asked for again by a delayed message to the results topic, so a wait survives restarts and moves.
//!
//! | topic | key | what |
//! |---|---|---|
//! | [`CONFIRMED`] | reservationId | what is delivered, byte for byte |
//! | [`COMPLETED`] | userId | noted in the place of its reservation, through [`RESULTS`]; causes no call |
//! | [`RESULTS`] | reservationId | results of calls; `retry`, when a wait is over; `paid` |
//! | [`DEAD_LETTERS`] | as it came | confirmations that were given up, and what cannot be read |

pub mod decide;
pub mod invariants;
mod processor;
pub mod view;

use holdfast_model::data_platform::*;

use crate::shell::Described;
use holdfast_engine::prelude::{Sink, Table, Topology};
use holdfast_model::settings::SettingsRow;
use processor::Deliveries;

/// The feature, in the list of all.
#[derive(Debug)]
pub(crate) enum DataPlatform {}

impl Described for DataPlatform {
    const NAME: &'static str = NAME;
    const SETTINGS: Option<&'static Table<u64, SettingsRow>> = Some(&SETTINGS);
    type Settings = Settings;

    fn topology(settings: &Settings) -> Topology {
        topology_with(settings)
    }
}

/// The handle of [`RESULTS`].
static TO_RESULTS: Sink = Sink::to(RESULTS);

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
        .source(CONFIRMED)
        .source(COMPLETED)
        .results(RESULTS)
        .ends(&DELIVERIES, settings.delivery_retention_ms)
        .store(SETTINGS.spec())
        .sink(&TO_RESULTS)
        .dead_letters(DEAD_LETTERS)
        .processor(move || Box::new(Deliveries::new(settings)))
        .build()
        .expect("the definition is constant, and a test builds it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_can_be_built() {
        let topology = topology();
        assert!(!topology.is_deciding() && topology.has_effects());
        assert_eq!((&**topology.name(), topology.group(), &**topology.inbox()), (NAME, GROUP, CONFIRMED));
    }
}
