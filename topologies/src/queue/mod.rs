//! The waiting room: a fold over `queue.requests`. The partition's order is the order of the line.
//!
//! ```text
//!  join ─► PRE_QUEUE ── the queue opens ──► WAITING ── there is room ──► ACTIVE ──► ENDED
//!              │        (drawn or in order)    │                           │
//!              └── leave ──────────────────────┴── leave, silence ─────────┴── leave, silence, time over, purchase
//! ```
//! A ticket is a number, one more for each that the queue gives out, in the order of the log. A user has one live ticket of a queue: a join from another tab, or
//! after a lost answer, gets the same one. A ticket that has ended is worth nothing, and the next join gives a new one at the end of the line.
//!
//! **Position** is the number of waiting tickets ahead, and one more. It is counted when it is asked for, in [`line`], from a few small rows: it falls when
//! a ticket ahead leaves or is let in, and never grows. A number that was stored at the join would be wrong with the next record.
//!
//! **Admission** is in the order of the line: never more ACTIVE tickets than `maxActive`, never more admissions in any second than `admitPerSecond`, and spread
//! over the second ([`decide::pace`]). Whatever makes room admits in the same record; when the rate is what tickets wait for, one delayed message of the queue
//! is on its way. Where nobody waits nothing happens.
//!
//! **Silence.** A client asks after its ticket, and the worker tells of all tickets that were asked after within a second in one `touch`. An ACTIVE ticket has
//! one delayed message at its earliest end, which is armed again if the ticket was heard of; waiting tickets have one for each 1,024. No message is sent for a
//! touch. The end of a silent one that waits may come up to [`CHUNK_PAUSE_MS`] late.
//!
//! **The draw.** Tickets of a queue that opens later have no position before. When it opens, those that are live are put in line by a draw whose seed was
//! published as a hash before ([`holdfast_model::queue::draw`]), or in the order of their numbers; joins from then on stand behind them. The first record at
//! or after `opensAt` opens the queue, its own message or another.
//!
//! Messages to itself may get lost among the dead letters. So every record of a queue looks whether an admission is overdue, every touch whether its chunk is,
//! every chunk whether its ACTIVE tickets are.
//!
//! | topic | key | what |
//! |---|---|---|
//! | [`INBOX`] | queueId | commands, signs of life, purchases, and what the topology tells itself |
//! | [`EVENTS`] | queueId | queue created, changed, opened; ticket entered, admitted, ended |
//! | [`NOTIFICATIONS`] | userId | QUEUE_ENTERED for tickets that wait long enough, SEAT_OPENED for each admission |
//! | inboxes of what is guarded | of the subject | guard, unguard, admit, end-admission: [`holdfast_model::guard`] |
//! | [`DEAD_LETTERS`] | as it came | what cannot be read |

pub mod decide;
pub mod invariants;
pub mod line;
mod outcomes;
mod processor;
mod sinks;
pub mod view;

use holdfast_model::queue::*;
pub use processor::CHUNK_PAUSE_MS;

use crate::shell::Shell;
use holdfast_engine::prelude::Topology;

/// The feature, as the command shell knows it.
#[derive(Debug)]
pub(crate) enum Queue {}

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
        .store(QUEUES.spec())
        .store(COUNTS.spec())
        .store(PACE.spec())
        .store(TICKETS.spec())
        .store(USERS.spec())
        .ends(&ENDED, settings.outcome_retention_ms)
        .store(LINE.spec())
        .store(NODES.spec())
        .store(SEEN.spec())
        .store(DRAWN_PLACES.spec())
        .store(DRAWN_TICKETS.spec())
        .ends(&COMMANDS, settings.outcome_retention_ms)
        .store(SETTINGS.spec())
        .sink(&sinks::EVENTS)
        .sink(&sinks::NOTIFICATIONS)
        .sink(&sinks::SCHEDULES)
        .sink(&sinks::POLICIES)
        .sink(&sinks::SALES)
        .dead_letters(DEAD_LETTERS)
        .processor(move || Box::new(Shell::<Queue>::new(settings)))
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
