//! What a topology keeps of a record that was put back: one line for each table of outcomes.

use super::detail::Outcome;
use holdfast_engine::inspect::{QueryError, TaskView};
use holdfast_engine::prelude::EndingTable;
use holdfast_model::command_row::CommandRow;
use holdfast_model::problem::Refusal;
use holdfast_model::{coupon, payment, reservation, timesale};
use serde::de::DeserializeOwned;

/// Looks for the outcome that is kept under an id.
type Look = fn(&TaskView, &String) -> Result<Option<String>, QueryError>;

/// The outcomes of each topology. One that is not here keeps none, or decides what it is told as its rows say.
const OUTCOMES: &[(&str, &[Look])] = &[
    (coupon::NAME, &[coupon_request, |view, id| command(view, &coupon::COMMANDS, id)]),
    (reservation::NAME, &[reservation_command]),
    (payment::NAME, &[charge, refund]),
    (timesale::NAME, &[order, |view, id| command(view, &timesale::COMMANDS, id)]),
];

/// What the topology of `view` keeps of the record with this identity.
///
/// # Errors
/// When the view cannot be read.
pub fn of(view: &TaskView, identity: &str) -> Result<Option<Outcome>, QueryError> {
    let looks = OUTCOMES.iter().filter(|(name, _)| *name == view.topology()).flat_map(|(_, looks)| *looks);
    let id = identity.to_owned();
    for look in looks {
        if let Some(status) = look(view, &id)? {
            return Ok(Some(Outcome { id, status }));
        }
    }
    Ok(None)
}

fn named(refusal: Option<&'static str>) -> String {
    refusal.unwrap_or("SUCCESS").to_owned()
}

fn command<R: Refusal + DeserializeOwned>(
    view: &TaskView,
    table: &EndingTable<String, CommandRow<R>>,
    id: &String,
) -> Result<Option<String>, QueryError> {
    Ok(view.get_kept(table, id)?.map(|row| named(row.refused.map(|refusal| refusal.problem().code))))
}

fn coupon_request(view: &TaskView, id: &String) -> Result<Option<String>, QueryError> {
    Ok(view.get_kept(&coupon::REQUESTS, id)?.map(|row| match row.outcome {
        coupon::row::RequestOutcome::Issued(_) => named(None),
        coupon::row::RequestOutcome::Refused(refusal) => named(Some(refusal.problem().code)),
    }))
}

fn reservation_command(view: &TaskView, id: &String) -> Result<Option<String>, QueryError> {
    let row = view.get_kept(&reservation::COMMANDS, id)?;
    Ok(row.map(|row| named(row.refused.map(|refusal| refusal.problem().code))))
}

fn payment_outcome(outcome: payment::row::Outcome) -> String {
    named(outcome.refusal().map(|refusal| refusal.problem().code))
}

fn charge(view: &TaskView, id: &String) -> Result<Option<String>, QueryError> {
    Ok(view.get_kept(&payment::CHARGES, id)?.map(|row| payment_outcome(row.outcome)))
}

fn refund(view: &TaskView, id: &String) -> Result<Option<String>, QueryError> {
    Ok(view.get_kept(&payment::REFUNDS, id)?.map(|row| payment_outcome(row.outcome)))
}

fn order(view: &TaskView, identity: &String) -> Result<Option<String>, QueryError> {
    let id = if timesale::order_id::place(identity) == Some(view.place()) {
        identity.clone()
    } else {
        timesale::order_id::of(view.place(), identity)
    };
    if view.get(&timesale::ORDERS, &id)?.is_some() {
        return Ok(Some(named(None)));
    }
    Ok(view.get_kept(&timesale::REFUSED, &id)?.map(|row| named(Some(row.refusal.problem().code))))
}
