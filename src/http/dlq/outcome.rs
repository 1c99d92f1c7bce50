//! What a topology keeps of a record that was put back.

use super::super::feature::{KEPT, LEDGERS};
use crate::dead_letters::{Detail, Outcome};
use holdfast_engine::inspect::{QueryError, TaskView};
use holdfast_engine::prelude::EndingTable;
use holdfast_model::command_row::CommandRow;
use holdfast_model::problem::Refusal;
use serde::de::DeserializeOwned;

/// The outcomes that a feature keeps, as dead letters show them.
pub struct Kept {
    /// The topology that keeps them.
    pub topology: &'static str,
    /// Looks for the outcome under an id: `SUCCESS`, or the code of a refusal.
    pub look: fn(&TaskView, &String) -> Result<Option<String>, QueryError>,
}

/// A ledger that a topology keeps under ids of its own, as dead letters show it.
pub struct Ledger {
    /// The topology that keeps it.
    pub topology: &'static str,
    /// Looks for what the record of a letter is about, and how far the ledger says that is.
    pub look: fn(&TaskView, &Detail) -> Result<Option<Outcome>, QueryError>,
}

/// What the topology of `view` keeps of the record of a letter.
///
/// # Errors
/// When the view cannot be read.
pub(super) fn of(view: &TaskView, letter: &Detail) -> Result<Option<Outcome>, QueryError> {
    let id = letter.identity.clone();
    for kept in KEPT.iter().filter(|kept| kept.topology == view.topology()) {
        if let Some(status) = (kept.look)(view, &id)? {
            return Ok(Some(Outcome { id, status }));
        }
    }
    for ledger in LEDGERS.iter().filter(|ledger| ledger.topology == view.topology()) {
        if let Some(outcome) = (ledger.look)(view, letter)? {
            return Ok(Some(outcome));
        }
    }
    Ok(None)
}

/// The text for a refusal, or for none.
#[must_use]
pub fn named<R: Refusal>(refused: Option<R>) -> String {
    refused.map_or("SUCCESS", |refusal| refusal.problem().code).to_owned()
}

/// Looks for the outcome of a command.
///
/// # Errors
/// When the view cannot be read.
pub fn command<R: Refusal + DeserializeOwned>(
    view: &TaskView,
    table: &EndingTable<String, CommandRow<R>>,
    id: &String,
) -> Result<Option<String>, QueryError> {
    Ok(view.get_kept(table, id)?.map(|row| named(row.refused)))
}
