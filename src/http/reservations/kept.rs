//! What is kept of commands, for dead letters that were put back.

use crate::http::dlq::outcome::{Kept, named};
use holdfast_engine::inspect::{QueryError, TaskView};
use holdfast_model::reservation;

pub(in crate::http) const KEPT: Kept = Kept { topology: reservation::NAME, look };

fn look(view: &TaskView, id: &String) -> Result<Option<String>, QueryError> {
    Ok(view.get_kept(&reservation::COMMANDS, id)?.map(|row| named(row.refused)))
}
