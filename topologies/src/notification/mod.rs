//! Notifications: what the shop has to tell its users becomes effects, at most one success for each channel, and a ledger of what became of them.
//!
//! ```text
//!  notification.request ──────────┐
//!  notifications.payment-completed┼─► ledger row, a delivery for each channel ─► effects ─► the outside
//!  user-contact ─► contacts       │        ▲                                                   │
//!                                 │        └── notification.results ◄── how each try ended ────┘
//!                                 │                   ▲ └► failed: `due`, delayed ─┐
//!                                 │                   └────────────────────────────┘
//!                                 └◄─ redrive ◄─ notification.request.dlq ◄─ refused, or attempts used up
//! ```
//! A delivery is `QUEUED` (quiet hours), `SENDING`, `RETRY`, `SENT`, `DEAD`, `SUPPRESSED` or `STALE`; [`decide::delivery`] draws how it moves. The row says
//! `SENDING` before the call and `SENT` after it, never the other way round: a crash between leaves the effect, which is performed again. So a notification
//! arrives at least once, and twice only if the worker ends between a call and its result; the receiver can tell by the notification's id.
//!
//! A request is recognised by its `eventId`, else by where it entered the log: one that comes again changes nothing. Age is counted from `eventTime`, by
//! type ([`kinds`]): what is too old is `STALE`, at the first try and at each later one.
//!
//! The order of the sources is nobody's promise, and need not be: a preference or a contact holds from when it is decided, and a result meets the row that
//! its effect was committed with.
//!
//! | topic | key | what |
//! |---|---|---|
//! | [`INBOX`] | userId | requests, and commands about preferences |
//! | [`PAYMENT_COMPLETED`] | userId | payments that are told as `PAYMENT_CONFIRMED` |
//! | [`USER_CONTACTS`] | userId | how to reach a user; without a value: not any more |
//! | [`RESULTS`] | the try, in the place of its user | results of effects; the topology's own `due` |
//! | [`DEAD_LETTERS`] | as it came | what cannot be read, and requests that a channel was given up for |
//!
//! Contacts are read by the channels when they call, and by no decision. They lie in `user-contact` and in one store: not in effects, the ledger, the history,
//! dead letters or results.

pub mod decide;
pub mod invariants;
pub mod kinds;
mod parameters;
mod processor;
mod sinks;
pub mod templates;
pub mod view;

use holdfast_model::notification::*;

use crate::shell::Described;
use holdfast_engine::prelude::{Table, Topology};
use holdfast_model::settings::SettingsRow;
use processor::Notifications;

/// The feature.
#[derive(Debug)]
pub(crate) enum Notification {}

impl Described for Notification {
    const NAME: &'static str = NAME;
    const SETTINGS: Option<&'static Table<u64, SettingsRow>> = Some(&SETTINGS);
    type Settings = Settings;

    fn topology(settings: &Settings) -> Topology {
        topology_with(settings)
    }
}

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
    let settings = settings.clone();
    Topology::named(NAME)
        .group(GROUP)
        .source(INBOX)
        .source(PAYMENT_COMPLETED)
        .compacted_source(USER_CONTACTS)
        .results(RESULTS)
        .store(CONTACTS.spec())
        .ends(&NOTICES, settings.retention_ms)
        .ends(&HISTORY, settings.retention_ms)
        .store(PREFERENCES.spec())
        .ends(&COMMANDS, settings.retention_ms)
        .store(SETTINGS.spec())
        .sink(&sinks::RESULTS)
        .dead_letters(DEAD_LETTERS)
        .processor(move || Box::new(Notifications::new(settings.clone())))
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
        assert_eq!((&**topology.name(), topology.group(), &**topology.inbox()), (NAME, GROUP, INBOX));
    }
}
