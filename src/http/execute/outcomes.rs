//! Tables of outcomes: waiting for one, and telling what has ended from what never was.

use holdfast_engine::inspect::{OnWake, QueryError, TaskView, Ticket};
use holdfast_engine::prelude::{EndingTable, Ends, Table};
use parking_lot::Mutex;
use std::sync::Arc;

/// A table of outcomes by id, whatever its rows are.
pub trait Outcomes: Send + Sync {
    /// Calls `wake` once, after the next commit that changes the outcome `id`.
    #[expect(clippy::ptr_arg, reason = "it is the key of a table, whose keys are owned")]
    fn wait(&self, view: &TaskView, id: &String, wake: OnWake) -> Ticket;

    /// Outcomes that were decided at this time or before have ended, in ms since the epoch; `None` when none has.
    ///
    /// # Errors
    /// When the view cannot be read.
    fn ended_until_ms(&self, view: &TaskView) -> Result<Option<i64>, QueryError>;
}

impl<V> Outcomes for Table<String, V> {
    fn wait(&self, view: &TaskView, id: &String, wake: OnWake) -> Ticket {
        view.wait_row(self, id, wake)
    }

    fn ended_until_ms(&self, _: &TaskView) -> Result<Option<i64>, QueryError> {
        Ok(None)
    }
}

impl<V: Ends> Outcomes for EndingTable<String, V> {
    fn wait(&self, view: &TaskView, id: &String, wake: OnWake) -> Ticket {
        view.wait_row(self.stored(), id, wake)
    }

    fn ended_until_ms(&self, view: &TaskView) -> Result<Option<i64>, QueryError> {
        let until_ms = TaskView::ended_until_ms(view, self)?;
        Ok((until_ms > i64::MIN).then_some(until_ms))
    }
}

/// Calls `wake` once, after the next commit that changes the outcome `id` in one of the tables.
pub(super) fn wait_any(tables: &[&dyn Outcomes], view: &TaskView, id: &String, wake: OnWake) -> Vec<Ticket> {
    let wake = Arc::new(Mutex::new(Some(wake)));
    let of_table = |table: &&dyn Outcomes| {
        let wake = wake.clone();
        let once = move |how| {
            let wake = wake.lock().take();
            if let Some(wake) = wake {
                wake(how);
            }
        };
        table.wait(view, id, Box::new(once))
    };
    tables.iter().map(of_table).collect()
}

/// Whether the outcome of a request that has no row has ended. A random id tells when it was made, and nothing is decided before that. An id that was derived
/// from an idempotency key tells no time: one that has ended looks like one that never was.
///
/// # Errors
/// When the view cannot be read.
pub(super) fn has_ended(tables: &[&dyn Outcomes], view: &TaskView, id: &str) -> Result<bool, QueryError> {
    let Some(made_ms) = id.rsplit('_').next().and_then(made_ms) else { return Ok(false) };
    let mut until_ms = None;
    for table in tables {
        until_ms = until_ms.max(table.ended_until_ms(view)?);
    }
    Ok(until_ms.is_some_and(|until_ms| made_ms <= until_ms))
}

/// When a random name was made, in ms since the epoch: it is a UUID of version 7.
fn made_ms(name: &str) -> Option<i64> {
    let is_made = name.len() == 32 && name.is_ascii() && name.as_bytes().get(12) == Some(&b'7');
    name.get(..12).filter(|_| is_made).and_then(|ms| i64::from_str_radix(ms, 16).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::idempotency;
    use crate::unique;
    use holdfast_ports::clock::Clock;
    use holdfast_tools::clock::SystemClock;

    #[test]
    fn a_random_id_tells_when_it_was_made_and_a_derived_one_does_not() {
        let clock = SystemClock::new();
        let before_ms = clock.now_ms();
        let made = made_ms(&unique::name(&clock)).unwrap();
        assert!((before_ms..=clock.now_ms()).contains(&made), "{made}");
        assert_eq!(made_ms("01a22cbf604b7cbcb4f2ff580bfcb788"), Some(0x01a2_2cbf_604b));
        let derived = idempotency::derive("1001", "POST /a", "k");
        for name in [&*derived, "never", "", "쿠폰쿠폰쿠폰쿠폰쿠폰12"] {
            assert_eq!(made_ms(name), None, "{name}");
        }
    }
}
