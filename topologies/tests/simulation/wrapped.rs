//! A topology with something around its processor: stores, topics and name stay, so nothing else notices.

use crate::simulation::paper::head;
use holdfast_engine::inspect::header;
use holdfast_engine::inspect::ports::record::NewRecord;
use holdfast_engine::prelude::{Context, ProcessError, Processor, Record, Topology};
use holdfast_sim::memory_log::Stored;
use holdfast_sim::simulation::World;

/// What is done with a record besides giving it to the processor.
pub(crate) trait Around: Send {
    /// Processes `record`, with `inner` or without.
    fn process(
        &mut self,
        inner: &mut dyn Processor,
        ctx: &mut Context<'_>,
        record: &Record<'_>,
    ) -> Result<(), ProcessError>;
}

struct Wrapped<A> {
    inner: Box<dyn Processor>,
    around: A,
}

impl<A: Around> Processor for Wrapped<A> {
    fn process(&mut self, ctx: &mut Context<'_>, record: &Record<'_>) -> Result<(), ProcessError> {
        self.around.process(&mut *self.inner, ctx, record)
    }

    fn on_dead_letter(
        &mut self,
        ctx: &mut Context<'_>,
        record: &Record<'_>,
        why: &ProcessError,
    ) -> Result<(), ProcessError> {
        self.inner.on_dead_letter(ctx, record, why)
    }
}

/// `topology` with what `make` makes around each of its processors.
pub(crate) fn wrapped<A: Around + 'static>(
    topology: &Topology,
    make: impl Fn() -> A + Send + Sync + 'static,
) -> Topology {
    let inner = topology.clone();
    topology.decided_by(move || Box::new(Wrapped { inner: inner.make_processor(), around: make() }))
}

/// Class of the dead letters that [`stumbling`] makes.
pub(crate) const STUMBLED: &str = "Stumbled";

/// Beginning of the ids of users over whose records the processors stumble.
pub(crate) const CLUMSY: &str = "clumsy";

/// The topology as it was on the day on which it could not stand certain users. A record of theirs fails until an operator puts it back, by which
/// time the mistake has been mended.
pub(crate) fn stumbling(topology: &Topology) -> Topology {
    wrapped(topology, || Stumbling)
}

struct Stumbling;

impl Around for Stumbling {
    fn process(
        &mut self,
        inner: &mut dyn Processor,
        ctx: &mut Context<'_>,
        record: &Record<'_>,
    ) -> Result<(), ProcessError> {
        if is_clumsy(record) && record.header(header::TOPIC).is_none() {
            // What was written before it fails must leave nothing behind.
            inner.process(ctx, record)?;
            return Err(ProcessError::fail(STUMBLED, "over his name"));
        }
        inner.process(ctx, record)
    }
}

fn is_clumsy(record: &Record<'_>) -> bool {
    let needle = format!("\"userId\":\"{CLUMSY}");
    record.value.is_some_and(|value| value.windows(needle.len()).any(|part| part == needle.as_bytes()))
}

/// Puts a dead letter back as the operator's command does.
pub(crate) fn put_back(world: &mut World<'_>, place: u32, offset: i64, letter: &Stored, dead_letters: &str) {
    let Some(topic) = head(letter, header::TOPIC) else { return };
    let why = [header::CLASS, header::MESSAGE, header::TIMESTAMP, header::ATTEMPTS];
    let mut headers: Vec<(&str, &[u8])> = Vec::new();
    for (name, value) in letter.headers.iter().filter(|(name, _)| !why.contains(&name.as_str())) {
        headers.push((name, value.as_deref().unwrap_or_default()));
    }
    let entered = format!("{topic}-{place}-{}", head(letter, header::OFFSET).unwrap_or_default());
    if !headers.iter().any(|(name, _)| [header::ORIGIN, header::ENTERED].contains(name)) {
        headers.push((header::ENTERED, entered.as_bytes()));
    }
    let from = format!("{dead_letters}-{place}-{offset}");
    headers.extend([(header::REDRIVE, b"1".as_slice()), (header::REDRIVEN_FROM, from.as_bytes())]);
    let (key, value) = (letter.key.as_deref(), letter.value.as_deref());
    world.append_on_top(&NewRecord { topic: &topic, partition: place, key, value, headers: &headers });
}
