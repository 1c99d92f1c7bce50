//! Mistakes of other waiting rooms, made here on purpose.

use super::referee::{Referee, counted};
use super::workload::Crowd;
use crate::simulation::tally::Tally;
use crate::simulation::wrapped::{Around, stumbling, wrapped};
use holdfast_engine::prelude::{Context, ProcessError, Processor, Record};
use holdfast_model::queue::keys::{ChunkKey, NodeKey};
use holdfast_model::queue::row::{BitsRow, NodeRow};
use holdfast_model::queue::{COUNTS, LINE, NODES, QUEUES};
use holdfast_sim::Simulation;
use holdfast_topologies::queue::line::{self, Rows, RowsMut};
use holdfast_topologies::queue::{invariants::Books, topology};
use serde_json::Value;

/// As they are written on a command line: D14, one too many, one that is passed over.
pub(crate) const STORED: &str = "d14";
pub(crate) const OVERFULL: &str = "admit-over-max";
pub(crate) const SKIPPING: &str = "skip-a-ticket";

/// All of them, by name.
pub(crate) fn all() -> Vec<(&'static str, Simulation)> {
    vec![(STORED, stored()), (OVERFULL, overfull()), (SKIPPING, skipping())]
}

/// D14: the position is counted once, when the ticket is given out, and told ever after.
pub(crate) fn stored() -> Simulation {
    let tell = |_: &Books, _: &str, _: u64, entered: Option<u64>| entered;
    Simulation::of(&[stumbling(&topology())])
        .workload(Crowd::default)
        .audit(move || Referee::telling(Tally::default(), tell))
}

/// One more is let in than may be.
pub(crate) fn overfull() -> Simulation {
    with(|| OneMore)
}

/// The first in line is passed over.
pub(crate) fn skipping() -> Simulation {
    with(|| PassingOver)
}

fn with<A: Around + 'static>(make: impl Fn() -> A + Send + Sync + 'static) -> Simulation {
    Simulation::of(&[wrapped(&stumbling(&topology()), make)])
        .workload(Crowd::default)
        .audit(|| Referee::telling(Tally::default(), counted))
}

fn value_of(record: &Record<'_>) -> Value {
    record.value.and_then(|value| serde_json::from_slice(value).ok()).unwrap_or_default()
}

fn queue_of(record: &Record<'_>) -> Option<String> {
    Some(value_of(record)["queueId"].as_str()?.to_owned())
}

struct OneMore;

impl Around for OneMore {
    fn process(
        &mut self,
        inner: &mut dyn Processor,
        ctx: &mut Context<'_>,
        record: &Record<'_>,
    ) -> Result<(), ProcessError> {
        let Some(id) = queue_of(record) else { return inner.process(ctx, record) };
        let Some(mut before) = ctx.get(&QUEUES, &id)? else { return inner.process(ctx, record) };
        before.max_active += 1;
        ctx.put(&QUEUES, &id, &before)?;
        inner.process(ctx, record)?;
        // Told as it should be, decided by one more.
        let Some(mut after) = ctx.get(&QUEUES, &id)? else { return Ok(()) };
        if after.max_active == before.max_active {
            after.max_active -= 1;
        }
        ctx.put(&QUEUES, &id, &after)
    }
}

struct PassingOver;

impl Around for PassingOver {
    fn process(
        &mut self,
        inner: &mut dyn Processor,
        ctx: &mut Context<'_>,
        record: &Record<'_>,
    ) -> Result<(), ProcessError> {
        // A join is told its position, which is right: only admissions are not.
        let queue = queue_of(record).filter(|_| value_of(record)["type"] != "join");
        let Some(id) = queue else { return inner.process(ctx, record) };
        let Some(mut counts) = ctx.get(&COUNTS, &id)? else { return inner.process(ctx, record) };
        let first = line::first(&mut LineOf { ctx, id: &id }, &counts.waiting)?;
        let Some(first) = first.filter(|_| counts.waiting_total() > 1) else { return inner.process(ctx, record) };
        line::leave(&mut LineOf { ctx, id: &id }, &mut counts.waiting, first)?;
        counts.left += 1;
        ctx.put(&COUNTS, &id, &counts)?;
        inner.process(ctx, record)?;
        let Some(mut counts) = ctx.get(&COUNTS, &id)? else { return Ok(()) };
        line::take(&mut LineOf { ctx, id: &id }, &mut counts.waiting, first)?;
        counts.left = counts.left.saturating_sub(1);
        ctx.put(&COUNTS, &id, &counts)
    }
}

struct LineOf<'a, 'c> {
    ctx: &'a mut Context<'c>,
    id: &'a str,
}

impl LineOf<'_, '_> {
    fn chunk(&self, chunk: u64) -> ChunkKey {
        ChunkKey { queue_id: self.id.to_owned(), chunk }
    }

    fn key(&self, level: u64, number: u64) -> NodeKey {
        NodeKey { queue_id: self.id.to_owned(), level, number }
    }
}

impl Rows for LineOf<'_, '_> {
    type Error = ProcessError;

    fn bits(&mut self, chunk: u64) -> Result<BitsRow, ProcessError> {
        Ok(self.ctx.get(&LINE, &self.chunk(chunk))?.unwrap_or_default())
    }

    fn node(&mut self, level: u64, number: u64) -> Result<NodeRow, ProcessError> {
        Ok(self.ctx.get(&NODES, &self.key(level, number))?.unwrap_or_default())
    }
}

impl RowsMut for LineOf<'_, '_> {
    fn put_bits(&mut self, chunk: u64, row: &BitsRow) -> Result<(), ProcessError> {
        let key = self.chunk(chunk);
        if row.words.is_empty() { self.ctx.delete(&LINE, &key) } else { self.ctx.put(&LINE, &key, row) }
    }

    fn put_node(&mut self, level: u64, number: u64, row: &NodeRow) -> Result<(), ProcessError> {
        let key = self.key(level, number);
        if row.counts.is_empty() { self.ctx.delete(&NODES, &key) } else { self.ctx.put(&NODES, &key, row) }
    }
}
