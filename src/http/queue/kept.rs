//! What is kept of joins and commands, for dead letters that were put back.

use crate::http::dlq::outcome::{Kept, named};
use holdfast_engine::inspect::{QueryError, TaskView};
use holdfast_model::queue;

pub(in crate::http) const KEPT: Kept = Kept { topology: queue::NAME, look };

fn look(view: &TaskView, id: &String) -> Result<Option<String>, QueryError> {
    Ok(view.get_kept(&queue::COMMANDS, id)?.map(|row| named(row.result.err())))
}
