//! A mistake made here on purpose: an admission that comes late, or once more, opens again what has ended.

use super::referee::Referee;
use super::workload::Crowd;
use crate::simulation::paper;
use crate::simulation::wrapped::{Around, stumbling, wrapped};
use holdfast_engine::prelude::{Context, ProcessError, Processor, Record};
use holdfast_model::guard::AdmissionKey;
use holdfast_model::timesale::ADMISSIONS;
use holdfast_sim::Simulation;
use holdfast_topologies::timesale;
use serde_json::Value;

/// As it is written on a command line.
pub(crate) const NAME: &str = "reopened";

/// The sale with the mistake in it.
pub(crate) fn simulation() -> Simulation {
    let topology = wrapped(&stumbling(&timesale::topology()), || Forgetful);
    Simulation::of(&[topology]).workload(Crowd::default).audit(Referee::default)
}

/// Forgets what it knows of a user before it lets the user in.
struct Forgetful;

impl Around for Forgetful {
    fn process(
        &mut self,
        inner: &mut dyn Processor,
        ctx: &mut Context<'_>,
        record: &Record<'_>,
    ) -> Result<(), ProcessError> {
        let value: Value = record.value.and_then(|value| serde_json::from_slice(value).ok()).unwrap_or_default();
        if value["type"] == "admit" {
            let id = |field: &str| paper::text(&value[field]).unwrap_or_default();
            let key = AdmissionKey { subject_id: id("timeSaleId"), queue_id: id("queueId"), user_id: id("userId") };
            ctx.delete(ADMISSIONS.stored(), &key)?;
        }
        inner.process(ctx, record)
    }
}
