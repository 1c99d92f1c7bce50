//! What is kept of requests and commands, for dead letters that were put back.

use crate::http::dlq::outcome::{Kept, command, named};
use holdfast_engine::inspect::{QueryError, TaskView};
use holdfast_model::coupon;
use holdfast_model::coupon::row::RequestOutcome;

pub(in crate::http) const KEPT: Kept = Kept { topology: coupon::NAME, look };

fn look(view: &TaskView, id: &String) -> Result<Option<String>, QueryError> {
    let status = view.get_kept(&coupon::REQUESTS, id)?.map(|row| match row.outcome {
        RequestOutcome::Issued(_) => named::<coupon::outcome::Refusal>(None),
        RequestOutcome::Refused(refusal) => named(Some(refusal)),
    });
    match status {
        Some(status) => Ok(Some(status)),
        None => command(view, &coupon::COMMANDS, id),
    }
}
