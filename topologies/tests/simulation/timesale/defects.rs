//! D12, a mistake of another shop, made here on purpose: stock and order are two writes, and a crash between them loses units.

use super::referee::Referee;
use super::workload::Crowd;
use crate::simulation::paper;
use crate::simulation::wrapped::{Around, stumbling, wrapped};
use holdfast_engine::prelude::{Context, ProcessError, Processor, Record};
use holdfast_model::timesale::SALES;
use holdfast_sim::Simulation;
use holdfast_topologies::timesale;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeSet;

/// As it is written on a command line.
pub(crate) const NAME: &str = "d12";

thread_local! {
    /// The orders whose units the first write has taken, by place and offset: it is a commit of its own, so no rollback and no crash gives them back.
    /// A history has a thread of its own, and begins with an empty set.
    static TAKEN: RefCell<BTreeSet<(u32, i64)>> = RefCell::default();
}

/// The sale with the mistake in it.
pub(crate) fn simulation() -> Simulation {
    let topology = wrapped(&stumbling(&timesale::topology()), || TwoWrites);
    let crowd = || {
        TAKEN.with_borrow_mut(BTreeSet::clear);
        Crowd::default()
    };
    Simulation::of(&[topology]).workload(crowd).audit(Referee::default)
}

/// Takes the units first and writes the order second. An order that is decided again, since a crash or a failed commit has undone the second write only,
/// takes its units again.
struct TwoWrites;

impl Around for TwoWrites {
    fn process(
        &mut self,
        inner: &mut dyn Processor,
        ctx: &mut Context<'_>,
        record: &Record<'_>,
    ) -> Result<(), ProcessError> {
        let value: Value = record.value.and_then(|value| serde_json::from_slice(value).ok()).unwrap_or_default();
        let is_second =
            value["type"].is_null() && !TAKEN.with_borrow_mut(|taken| taken.insert((ctx.place(), record.offset)));
        if is_second {
            lose(ctx, &value)?;
        }
        inner.process(ctx, record)
    }
}

/// The units that the first attempt has taken: no order has them.
fn lose(ctx: &mut Context<'_>, order: &Value) -> Result<(), ProcessError> {
    let id = paper::text(&order["timeSaleId"]).unwrap_or_default();
    let quantity = order["quantity"].as_u64().unwrap_or_default();
    if let Some(mut sale) = ctx.get(&SALES, &id)?
        && sale.remaining() >= quantity
    {
        sale.sold += quantity;
        ctx.put(&SALES, &id, &sale)?;
    }
    Ok(())
}
