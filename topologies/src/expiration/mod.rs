//! Deadlines of holds: each record of `reservation.expiration` becomes an `expire` command when its time has come.
//!
//! ```text
//!   reservation.expiration ──► kept until expiresAt ──► expire ──► reservation.requests, which decides
//! ```
//! Nothing is decided here. Too early a command is "not yet" there, a second one "known", so a record that is sent or read twice does no harm, and a clock
//! that is ahead ends nothing early. Waiting costs a row, not a thread: a million deadlines may be open, and a restart forgets none.
//!
//! | topic | key | what |
//! |---|---|---|
//! | [`INBOX`] | reservationId, in the place of its schedule; the place is in the id | one deadline for each hold |
//! | [`SINK`] | reservationId | `expire`, at `expiresAt` |
//! | [`DEAD_LETTERS`] | as it came | what cannot be read |

mod processor;

use holdfast_model::expiration::*;

use crate::shell::Shell;
use holdfast_engine::prelude::{Sink, Topology};
use holdfast_model::reservation;

/// The feature, as the command shell knows it.
#[derive(Debug)]
pub(crate) enum Expirations {}

/// The handle of [`SINK`].
static COMMANDS: Sink = Sink::to(SINK);

/// The topology.
///
/// # Panics
/// Never: the sentence is constant, and a test builds it.
#[must_use]
pub fn topology() -> Topology {
    Topology::named(NAME)
        .group(GROUP)
        .inbox(INBOX)
        .sink(&COMMANDS)
        .dead_letters(DEAD_LETTERS)
        .retention(INBOX, reservation::EXPIRATIONS_RETENTION_MS)
        .processor(|| Box::new(Shell::<Expirations>::new(())))
        .build()
        .expect("the sentence is constant, and a test builds it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_can_be_built() {
        let topology = topology();
        assert_eq!((&**topology.name(), topology.group(), &**topology.inbox()), (NAME, GROUP, INBOX));
    }
}
