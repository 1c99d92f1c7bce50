//! What is kept of orders and commands, for dead letters that were put back.

use crate::http::dlq::outcome::{Kept, command, named};
use holdfast_engine::inspect::{QueryError, TaskView};
use holdfast_model::timesale;
use holdfast_model::timesale::order_id;
use holdfast_model::timesale::outcome::Refusal;

pub(in crate::http) const KEPT: Kept = Kept { topology: timesale::NAME, look };

fn look(view: &TaskView, id: &String) -> Result<Option<String>, QueryError> {
    // An order that another producer appended has an order id of its own.
    let order = if order_id::place(id) == Some(view.place()) { id.clone() } else { order_id::of(view.place(), id) };
    if view.get(&timesale::ORDERS, &order)?.is_some() {
        return Ok(Some(named::<Refusal>(None)));
    }
    match view.get_kept(&timesale::REFUSED, &order)? {
        Some(row) => Ok(Some(named(Some(row.refusal)))),
        None => command(view, &timesale::COMMANDS, id),
    }
}
