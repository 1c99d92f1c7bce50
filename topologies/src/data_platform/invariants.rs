//! What must hold of the ledger, whatever happens.

use holdfast_engine::inspect::{QueryError, TaskView};
use holdfast_model::data_platform::row::{DeliveryRow, State};
use holdfast_model::data_platform::{ATTEMPTS_MAX, DELIVERIES};

/// A row that says what cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reservation_id}: {what}")]
pub struct Broken {
    /// Of which reservation.
    pub reservation_id: String,
    /// What.
    pub what: String,
}

/// Checks the row of a reservation.
///
/// # Errors
/// The first thing that is wrong.
pub fn delivery(reservation_id: &str, row: &DeliveryRow) -> Result<(), Broken> {
    let broken =
        |what: &str| Err(Broken { reservation_id: reservation_id.to_owned(), what: format!("{what}: {row:?}") });
    let is_under_way = matches!(row.state, State::Sending { .. } | State::Waiting);
    let is_confirmed = row.state != State::Unconfirmed;
    if row.original.is_some() != is_under_way {
        return broken("the confirmation is kept exactly while it is on its way");
    }
    if row.fact_offset.is_some() != is_confirmed {
        return broken("what is delivered has a confirmation, and what is not has none");
    }
    if !is_confirmed && (row.payment.is_none() || row.calls > 0) {
        return broken("an unconfirmed reservation has a payment and no call");
    }
    if row.attempts > ATTEMPTS_MAX || is_under_way && row.attempts == ATTEMPTS_MAX {
        return broken("there is one try and three retries");
    }
    if row.attempts > row.calls {
        return broken("a call that counts was made");
    }
    if matches!(row.state, State::Delivered | State::Dead) && row.attempts == 0 {
        return broken("nothing ends without a call");
    }
    Ok(())
}

/// Checks all rows of a task.
///
/// # Errors
/// The first row that is wrong, or why the view cannot be read.
pub fn check(task: &TaskView) -> Result<(), String> {
    let rows = crate::rows::all_kept(task, &DELIVERIES).map_err(|error: QueryError| error.to_string())?.0;
    rows.iter().try_for_each(|(id, row)| delivery(id, row)).map_err(|broken| broken.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_model::data_platform::row::{Original, PaymentNote};

    fn sending() -> DeliveryRow {
        DeliveryRow {
            state: State::Sending { effect: 1 },
            changed_ms: 0,
            attempts: 1,
            calls: 2,
            fact_offset: Some(0),
            payment: None,
            original: Some(Original { key: None, value: Vec::new(), headers: Vec::new() }),
        }
    }

    fn unconfirmed() -> DeliveryRow {
        let payment = Some(PaymentNote { payment_id: "p".to_owned(), amount: 1, noted_ms: 0 });
        let state = State::Unconfirmed;
        DeliveryRow { state, attempts: 0, calls: 0, fact_offset: None, payment, original: None, ..sending() }
    }

    #[test]
    fn good_rows_are_good() {
        let waiting = DeliveryRow { state: State::Waiting, attempts: 3, calls: 3, ..sending() };
        let delivered = DeliveryRow { state: State::Delivered, original: None, ..sending() };
        let dead = DeliveryRow { state: State::Dead, attempts: 4, calls: 9, original: None, ..sending() };
        for row in [sending(), unconfirmed(), waiting, delivered, dead] {
            assert_eq!(delivery("r", &row), Ok(()));
        }
    }

    #[test]
    fn each_way_of_being_wrong_is_found() {
        for (n, row) in [
            DeliveryRow { original: None, ..sending() },
            DeliveryRow { state: State::Delivered, ..sending() },
            DeliveryRow { fact_offset: None, ..sending() },
            DeliveryRow { fact_offset: Some(1), ..unconfirmed() },
            DeliveryRow { payment: None, ..unconfirmed() },
            DeliveryRow { calls: 1, ..unconfirmed() },
            DeliveryRow { attempts: 4, calls: 4, ..sending() },
            DeliveryRow { attempts: 5, calls: 5, state: State::Dead, original: None, ..sending() },
            DeliveryRow { attempts: 3, calls: 2, ..sending() },
            // Marked before it was done.
            DeliveryRow { attempts: 0, state: State::Delivered, original: None, ..sending() },
        ]
        .into_iter()
        .enumerate()
        {
            assert!(delivery("r", &row).is_err(), "case {n}: {row:?}");
        }
    }
}
