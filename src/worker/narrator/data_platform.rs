//! Of deliveries to the data platform: a confirmation that has come before is skipped.

use super::{Source, Story, TARGET};
use holdfast_engine::inspect::Queries;
use holdfast_model::data_platform::fact::Confirmed;
use holdfast_model::data_platform::row::DeliveryRow;
use holdfast_model::data_platform::{CONFIRMED, DELIVERIES, NAME};
use holdfast_ports::record::Record;
use std::collections::VecDeque;

/// Confirmations that come again.
#[derive(Default)]
pub(super) struct Repetitions {
    open: VecDeque<Came>,
}

/// A confirmation that may not be decided yet.
struct Came {
    place: u32,
    offset: i64,
    reservation_id: String,
}

impl Story for Repetitions {
    fn topology(&self) -> &'static str {
        NAME
    }

    fn topics(&self) -> &'static [&'static str] {
        &[CONFIRMED]
    }

    fn read(&mut self, source: Source, record: &Record<'_>) {
        if let Ok(fact) = Confirmed::parse(record.value) {
            let reservation_id = fact.reservation_id.into_owned();
            self.open.push_back(Came { place: source.place, offset: record.offset, reservation_id });
        }
    }

    fn look(&mut self, queries: &Queries) {
        self.open.retain(|came| {
            // A place that has left is told of by the worker that has it.
            let Ok(view) = queries.task(NAME, came.place) else { return false };
            if view.next_offset() <= came.offset {
                return true;
            }
            let row = view.get_kept(&DELIVERIES, &came.reservation_id).ok().flatten();
            if row.is_some_and(|row| has_come_before(&row, came.offset)) {
                let reservation = &*came.reservation_id;
                tracing::info!(target: TARGET, reservation, "[DataPlatformConsumer] 이미 처리된 메시지 스킵");
            }
            false
        });
    }

    fn pass(&mut self) {
        self.open.clear();
    }
}

/// Whether the confirmation at `offset` has changed nothing: an earlier one is delivered.
fn has_come_before(row: &DeliveryRow, offset: i64) -> bool {
    row.fact_offset.is_some_and(|delivered| delivered < offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_model::data_platform::row::State;

    #[test]
    fn the_first_confirmation_is_no_repetition() {
        let row = DeliveryRow {
            state: State::Delivered,
            changed_ms: 0,
            attempts: 1,
            calls: 1,
            fact_offset: Some(7),
            payment: None,
            original: None,
        };
        assert!(!has_come_before(&row, 7) && has_come_before(&row, 8));
        // One that was put back since is the one that is delivered.
        assert!(!has_come_before(&row, 3));
        assert!(!has_come_before(&DeliveryRow { fact_offset: None, ..row }, 8));
    }
}
