//! Dead letters looked at and put back: what the command line and the admin routes have in common.
//!
//! A dead letter is named by where it lies: `<topic>-<partition>-<offset>`. Putting it back appends a copy to the partition that it came from, with its
//! identity, the operator's name and the time; the letter stays. The log is the record of all redrives: a copy says which letter it is of. A letter that
//! was put back is left alone by the next redrive, unless that is forced; then the topology recognises the copy like any repetition.
//!
//! | module | holds |
//! |---|---|
//! | [`letter_id`], [`letter`] | a letter's name; a letter as it lies and as it is shown |
//! | [`filter`], [`moment`], [`catalogue`] | which letters are asked for, and whether what that names exists |
//! | [`scan`], [`copies`] | reading letters, and reading which have been put back |
//! | [`page`], [`detail`] | letters listed; one letter whole |
//! | [`redrive`], [`session`], [`copy_of_letter`] | putting back: all of it, one transaction, one record |
//! | [`report`] | what a redrive has come to |

mod catalogue;
mod copies;
mod copy_of_letter;
mod detail;
mod filter;
mod letter;
mod letter_id;
pub mod moment;
mod page;
mod redrive;
mod report;
mod scan;
mod session;

pub use detail::{Became, Detail, Header, Outcome, RedriveShown};
pub use filter::{Filter, NoSuch};
pub use letter::Letter;
pub use letter_id::LetterId;
pub use page::{Cursor, Page};
pub use redrive::{Order, RATE_DEFAULT, RATE_MAX, Which};
pub use report::{Counts, Progress, Redriven, Report, Skipped, State};

use catalogue::Catalogue;
use copies::Copies;
use holdfast_engine::prelude::Topology;
use holdfast_ports::clock::Clock;
use holdfast_ports::log::Log;
use holdfast_tools::Failure;
use parking_lot::Mutex;
use session::Session;
use std::sync::Arc;

/// Letters on a page, when the operator does not say how many.
pub const LIMIT_DEFAULT: usize = 100;
/// Most letters on a page.
pub const LIMIT_MAX: usize = 10_000;

/// Why letters could not be shown or put back.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Trouble {
    /// A filter names nothing.
    #[error("a filter names nothing: {0:?}")]
    NoSuch(NoSuch),
    /// The log cannot be read or written to.
    #[error("{0}")]
    Log(String),
}

impl From<NoSuch> for Trouble {
    fn from(no_such: NoSuch) -> Self {
        Self::NoSuch(no_such)
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Log(failure.to_string())
    }
}

/// The dead letters of an app. One for the whole process: redrives beside each other share a writer.
pub struct DeadLetters {
    app: String,
    log: Arc<dyn Log>,
    clock: Arc<dyn Clock>,
    catalogue: Catalogue,
    /// Locked after `session`, where both are.
    copies: Mutex<Copies>,
    session: Mutex<Session>,
}

impl DeadLetters {
    /// Those of `topologies`, in `log`.
    #[must_use]
    pub fn of(app: &str, log: Arc<dyn Log>, clock: Arc<dyn Clock>, topologies: Vec<Topology>) -> Self {
        let catalogue = Catalogue::of(topologies);
        Self { app: app.to_owned(), log, clock, catalogue, copies: Mutex::default(), session: Mutex::default() }
    }

    /// Refuses filters that name nothing, as far as that is seen without the log.
    ///
    /// # Errors
    /// The first filter that names nothing.
    pub fn check_names(filter: &Filter, topologies: Vec<Topology>) -> Result<(), NoSuch> {
        filter.check_names(&Catalogue::of(topologies))
    }

    /// The topology that reads the topic which `detail` came from, and the group under which its positions are shown.
    #[must_use]
    pub fn reader_of(&self, detail: &Detail) -> Option<(String, String)> {
        let reader = self.catalogue.reader(&detail.letter.original_topic)?;
        Some((reader.name().to_string(), reader.group().to_owned()))
    }
}
