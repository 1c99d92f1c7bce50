//! D13, the mistakes of another shop, made here on purpose. None of them is in the shop: each is put around its processor.

use super::referee::Referee;
use super::workload::Shop;
use crate::simulation::paper::text;
use crate::simulation::tally::Tally;
use crate::simulation::wrapped::{Around, stumbling, wrapped};
use holdfast_engine::prelude::{Context, ProcessError, Processor, Record};
use holdfast_model::ranking::{PAYMENTS, Settings};
use holdfast_sim::Simulation;
use holdfast_topologies::ranking::topology;
use serde_json::{Value, json};

/// A mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Defect {
    /// A sale that comes again is counted again, as a plain `ZINCRBY` would.
    CountsTwice,
    /// A house is full at fifty seats, whatever the catalogue says.
    FullAtFifty,
    /// A refund takes nothing back.
    RefundsNothing,
}

impl Defect {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::CountsTwice, Self::FullAtFifty, Self::RefundsNothing];

    /// As it is written on a command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::CountsTwice => "ranking-twice",
            Self::FullAtFifty => "ranking-fifty",
            Self::RefundsNothing => "ranking-refunds",
        }
    }
}

/// Rankings with the mistake in them.
pub(crate) fn simulation(defect: Defect) -> Simulation {
    let topology = wrapped(&stumbling(&topology(&Settings::default())), move || defect);
    Simulation::of(&[topology]).workload(Shop::default).audit(|| Referee::telling(Tally::default()))
}

impl Around for Defect {
    fn process(
        &mut self,
        inner: &mut dyn Processor,
        ctx: &mut Context<'_>,
        record: &Record<'_>,
    ) -> Result<(), ProcessError> {
        let mut said: Value = record.value.and_then(|value| serde_json::from_slice(value).ok()).unwrap_or_default();
        let is_sale = said["type"] == "SEAT_SOLD";
        match self {
            Self::RefundsNothing if said["type"] == "SEAT_RETURNED" => Ok(()),
            Self::CountsTwice if is_sale => {
                let payment = text(&said["paymentId"]).unwrap_or_default();
                ctx.delete(PAYMENTS.stored(), &payment)?;
                inner.process(ctx, record)
            }
            Self::FullAtFifty if is_sale && said.is_object() => {
                said["capacity"] = json!(50);
                let value = said.to_string();
                inner.process(ctx, &Record { value: Some(value.as_bytes()), ..*record })
            }
            _ => inner.process(ctx, record),
        }
    }
}
