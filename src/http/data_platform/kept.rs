//! What became of deliveries, for dead letters.

use crate::dead_letters::{Detail, Outcome};
use crate::http::dlq::outcome::Ledger;
use holdfast_engine::inspect::{QueryError, TaskView};
use holdfast_model::data_platform::fact::Confirmed;
use holdfast_model::data_platform::message::Message;
use holdfast_model::data_platform::{CONFIRMED, DELIVERIES, NAME, RESULTS};

pub(in crate::http) const LEDGER: Ledger = Ledger { topology: NAME, look };

/// A payment that could not be noted has no row where its record lies: it belongs to the place of its reservation.
fn look(view: &TaskView, letter: &Detail) -> Result<Option<Outcome>, QueryError> {
    let id = match &*letter.letter.original_topic {
        CONFIRMED => Confirmed::parse(letter.json()).map(|fact| fact.reservation_id.into_owned()),
        RESULTS => Message::parse(letter.json()).map(|message| message.reservation_id().to_owned()),
        _ => return Ok(None),
    };
    let Ok(id) = id else { return Ok(None) };
    let row = view.get_kept(&DELIVERIES, &id)?;
    Ok(row.map(|row| Outcome { status: row.state.as_str().to_owned(), id }))
}
