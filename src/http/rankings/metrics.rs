//! What rankings have counted in the places that run here, read from their committed state whenever metrics are read.

use holdfast_engine::inspect::Queries;
use holdfast_model::ranking::NAME;
use holdfast_model::ranking::row::TotalsRow;
use holdfast_topologies::ranking::view;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntGaugeVec, Opts, Registry};
use std::sync::Arc;

/// Sales and returns of the places that run here, by place and by what became of them.
struct Totals {
    queries: Arc<Queries>,
    records: IntGaugeVec,
}

/// Registers them.
///
/// # Errors
/// When the registry has metrics of this name already.
pub fn register(registry: &Registry, queries: Arc<Queries>) -> Result<(), prometheus::Error> {
    let about = "Sales and returns that rankings have decided: sold and returned are counted for all time, late_* came too late for that window, \
        too_old are not counted";
    let records = IntGaugeVec::new(Opts::new("holdfast_ranking_records", about), &["place", "what"])?;
    registry.register(Box::new(Totals { queries, records }))
}

fn lines(row: &TotalsRow) -> [(&'static str, u64); 7] {
    [
        ("sold", row.sold),
        ("returned", row.returned),
        ("late_1h", row.late_1h),
        ("late_24h", row.late_24h),
        ("late_7d", row.late_7d),
        ("late_day", row.late_day),
        ("too_old", row.too_old),
    ]
}

impl Collector for Totals {
    fn desc(&self) -> Vec<&Desc> {
        self.records.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        // A place that has left is told of by the worker that has it.
        self.records.reset();
        for task in self.queries.tasks(NAME) {
            let Ok(row) = view::totals(&task) else { continue };
            let place = task.place().to_string();
            for (what, n) in lines(&row) {
                self.records.with_label_values(&[&*place, what]).set(i64::try_from(n).unwrap_or(i64::MAX));
            }
        }
        self.records.collect()
    }
}
