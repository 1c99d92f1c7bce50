//! What is kept of charges and refunds, for dead letters that were put back.

use crate::http::dlq::outcome::{Kept, named};
use holdfast_engine::inspect::{QueryError, TaskView};
use holdfast_model::payment;

pub(in crate::http) const KEPT: Kept = Kept { topology: payment::NAME, look };

fn look(view: &TaskView, id: &String) -> Result<Option<String>, QueryError> {
    let outcome = match view.get_kept(&payment::CHARGES, id)? {
        Some(charge) => Some(charge.outcome),
        None => view.get_kept(&payment::REFUNDS, id)?.map(|refund| refund.outcome),
    };
    Ok(outcome.map(|outcome| named(outcome.refusal())))
}
