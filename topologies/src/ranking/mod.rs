//! Rankings: which schedules sell most, and which were sold out fastest. A fold over the sales and returns that the reservations send.
//!
//! ```text
//!  reservation ── SEAT_SOLD, SEAT_RETURNED ──► ranking.events ──► is the payment known? ──┬─► yes: nothing changes
//!                    by scheduleId                                                        └─► no: all time, day, last hour, day and week
//! ```
//! **Once.** A payment has one sale and at most one return, and a row that says which of them are counted. A record that comes again, from a producer that
//! tried twice or from the dead letters, changes nothing. A record older than payments are kept may have been counted already, so it is not counted.
//!
//! **When.** A sale is counted at the time of its confirmation, which its record says, and never at the time at which it was read. A time behind the
//! record's own append time is a clock that is ahead, and becomes the append time.
//!
//! **Returns.** A return takes its sale back: out of all time always, out of a window while that can be corrected. So each bucket holds the sales of its
//! time that were not returned, and a recount of the facts comes to the same. A return that comes before its sale waits in the row of the payment.
//!
//! **Late.** A window can be corrected for an hour after its end ([`window`]). A sale that comes later counts for all time, and in [`row::TotalsRow`] as late.
//!
//! **Sold out** is a schedule at the confirmation after which every seat of the catalogue is sold. Recorded once: a cancellation adds `reopened`.
//!
//! Nothing is sent. A ranking that stands still holds up nobody: its records wait in the inbox, and no payment waits for it.
//!
//! | topic | key | what |
//! |---|---|---|
//! | [`INBOX`] | scheduleId | each sale and each return |
//! | [`DEAD_LETTERS`] | as it came | what cannot be read, and a payment of another schedule |

pub mod buckets;
pub mod decide;
pub mod invariants;
mod processor;
pub mod view;

use holdfast_model::ranking::window::SLIDING;
use holdfast_model::ranking::*;

use crate::shell::Shell;
use holdfast_engine::prelude::Topology;

/// The feature, as the command shell knows it.
#[derive(Debug)]
pub(crate) enum Ranking {}

/// The topology.
///
/// # Panics
/// Never, with a retention above 0: the definition is constant, and a test builds it.
#[must_use]
pub fn topology(settings: &Settings) -> Topology {
    let settings = *settings;
    let definition = Topology::named(NAME)
        .group(GROUP)
        .inbox(INBOX)
        .store(SCHEDULES.spec())
        .ends(&PAYMENTS, settings.ranking_retention_ms)
        .store(POPULAR.spec())
        .store(SOLD_OUT.spec())
        .ends(&DAYS, settings.ranking_retention_ms);
    SLIDING
        .iter()
        .fold(definition, |definition, window| definition.ends(window.table, window.keep_ms()))
        .store(TOTALS.spec())
        .store(SETTINGS.spec())
        .dead_letters(DEAD_LETTERS)
        .processor(move || Box::new(Shell::<Ranking>::new(settings)))
        .build()
        .expect("the definition is constant, and a test builds it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_can_be_built() {
        let topology = topology(&Settings::default());
        assert!(topology.is_deciding() && !topology.has_effects());
        assert_eq!((&**topology.name(), topology.group(), &**topology.inbox()), (NAME, GROUP, INBOX));
    }
}
