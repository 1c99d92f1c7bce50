//! Mistakes of another shop, made here on purpose. None of them is in the shop: each is put around its processor.

use super::{of, topology};
use crate::simulation::paper;
use crate::simulation::tally::Tally;
use crate::simulation::wrapped::{Around, wrapped};
use holdfast_engine::prelude::{Context, Origin, ProcessError, Processor, Record};
use holdfast_model::data_platform::row::{DeliveryRow, State};
use holdfast_model::data_platform::{CONFIRMED, DELIVERIES};
use holdfast_sim::Simulation;
use serde_json::Value;

/// A mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Defect {
    /// D1: a delivery is marked as done when it is asked for, so its failure finds nothing to try again.
    MarkedFirst,
    /// D2: a letter that is put back finds the mark of the attempt that failed, and is skipped.
    RedriveSkipped,
}

impl Defect {
    /// All of them.
    pub(crate) const ALL: [Self; 2] = [Self::MarkedFirst, Self::RedriveSkipped];

    /// As it is written on a command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::MarkedFirst => "platform-d1",
            Self::RedriveSkipped => "platform-d2",
        }
    }
}

/// Deliveries with the mistake in them.
pub(crate) fn simulation(defect: Defect) -> Simulation {
    of(&wrapped(&topology(), move || defect), &Tally::default())
}

impl Around for Defect {
    fn process(
        &mut self,
        inner: &mut dyn Processor,
        ctx: &mut Context<'_>,
        record: &Record<'_>,
    ) -> Result<(), ProcessError> {
        if ctx.topic() != CONFIRMED {
            return inner.process(ctx, record);
        }
        match self {
            Self::RedriveSkipped if Origin::of(record).is_redriven() => Ok(()),
            Self::RedriveSkipped => inner.process(ctx, record),
            Self::MarkedFirst => {
                inner.process(ctx, record)?;
                mark(ctx, record)
            }
        }
    }
}

/// Says that the delivery is done, which has only been asked for.
fn mark(ctx: &mut Context<'_>, record: &Record<'_>) -> Result<(), ProcessError> {
    let value: Value = record.value.and_then(|value| serde_json::from_slice(value).ok()).unwrap_or_default();
    let Some(id) = paper::text(&value["reservationId"]) else { return Ok(()) };
    let Some(row) = ctx.get_kept(&DELIVERIES, &id)? else { return Ok(()) };
    if !matches!(row.state, State::Sending { .. }) {
        return Ok(());
    }
    let marked = DeliveryRow { state: State::Delivered, attempts: 1, calls: row.calls + 1, original: None, ..row };
    ctx.put_kept(&DELIVERIES, &id, &marked)
}
