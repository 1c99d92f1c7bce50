//! Two producers that take turns, so that a transaction need not wait for the markers of the one before.
//!
//! ```text
//!  one producer   ══ records, EndTxn ══╌╌ markers ╌╌×20 ms×══ records, EndTxn ══╌╌ …
//!  two            ══ records, EndTxn ══            ══ records, EndTxn ══
//!                                      ╌╌ markers ╌╌                     ╌╌ …
//! ```
//! EndTxn is answered when the decision is in the coordinator's log; the markers follow. Until they stand, the coordinator refuses the same
//! producer's next transaction with CONCURRENT_TRANSACTIONS, and librdkafka asks again after 20 ms, whatever its settings say. The other producer
//! is not refused. Still only one transaction is open at a time, so nothing overtakes: what was decided is decided, in the order of the calls.

use crate::batch_limit::BatchLimit;
use crate::config::KafkaConfig;
use crate::resting::Resting;
use crate::wire::WireProducer;
use crate::writer::{self, KafkaWriter};
use holdfast_ports::log::{LogError, WriteError, Writer};
use holdfast_ports::membership::Generation;
use holdfast_ports::record::{NewRecord, TopicPartition};
use std::sync::Arc;
use std::thread;

/// The writer named `id`.
pub(crate) struct AlternatingWriter<P> {
    producers: [P; 2],
    turn: usize,
}

/// The transactional ids of the writer named `id`.
fn ids(id: &str) -> [String; 2] {
    [format!("{id}-a"), format!("{id}-b")]
}

/// Does `what` for both ids at once: each takes the coordinator up to a second.
fn for_both<T: Send>(id: &str, what: impl Fn(&str) -> Result<T, LogError> + Sync) -> Result<[T; 2], LogError> {
    let [a, b] = ids(id);
    let (a, b) = thread::scope(|scope| {
        let b = scope.spawn(|| what(&b));
        (what(&a), b.join())
    });
    let b = b.map_err(|_| LogError::Fatal(format!("making writer {id} panicked")))?;
    Ok([a?, b?])
}

/// Ends whatever the writer named `id` left open, and fences it.
pub(crate) fn fence(config: &KafkaConfig, id: &str) -> Result<(), LogError> {
    for_both(id, |id| writer::fence(config, id)).map(drop)
}

impl AlternatingWriter<KafkaWriter> {
    pub(crate) fn open(config: &KafkaConfig, batch_limit: &Arc<BatchLimit>, id: &str) -> Result<Self, LogError> {
        let producers = for_both(id, |id| KafkaWriter::open(config, batch_limit, id))?;
        Ok(Self { producers, turn: 0 })
    }
}

impl AlternatingWriter<WireProducer> {
    /// The same, spoken directly.
    pub(crate) fn open_wire(config: &KafkaConfig, id: &str) -> Result<Self, LogError> {
        let producers = for_both(id, |id| WireProducer::open(config, id))?;
        Ok(Self { producers, turn: 0 })
    }
}

impl<P> AlternatingWriter<P> {
    fn other(&self) -> usize {
        1 - self.turn
    }
}

impl<P: Resting> Writer for AlternatingWriter<P> {
    fn begin(&mut self) -> Result<(), WriteError> {
        // A producer that is done for ends the writer, whoever's turn it is: what it left unknown is settled by its successor only.
        self.producers[self.turn].at_rest()?;
        let next = self.other();
        self.producers[next].begin()?;
        self.turn = next;
        Ok(())
    }

    fn send(&mut self, record: &NewRecord<'_>) -> Result<(), WriteError> {
        self.producers[self.turn].send(record)
    }

    fn commit(
        &mut self,
        positions: &[(TopicPartition, i64)],
        generation: &Generation,
    ) -> Result<Vec<(TopicPartition, i64)>, WriteError> {
        self.producers[self.turn].commit(positions, generation)
    }

    fn abort(&mut self) -> Result<(), WriteError> {
        self.producers[self.turn].abort()
    }
}
