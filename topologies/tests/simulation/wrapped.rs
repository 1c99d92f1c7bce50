//! A topology with something around its processor: stores, topics and name stay, so nothing else notices.

use holdfast_engine::inspect::header;
use holdfast_engine::prelude::{Context, ProcessError, Processor, Record, Topology};

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

    fn gave_up(&mut self, ctx: &mut Context<'_>, record: &Record<'_>, why: &ProcessError) -> Result<(), ProcessError> {
        self.inner.gave_up(ctx, record, why)
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
