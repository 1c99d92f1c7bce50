//! Carries positions into a transaction on a thread of its own, so that they can be waited for with a limit.
//!
//! librdkafka enforces a limit on this call only while some broker is up: when all go down in the middle of it, it returns when one is back,
//! whenever that is. Whoever stopped waiting drops the writer; the thread ends with the call.

use crate::ffi::{Client, Fault, GroupMetadata};
use crate::member::Member;
use rdkafka::topic_partition_list::TopicPartitionList;
use std::any::Any;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

/// A writer's carrier of positions.
pub(crate) struct Courier {
    errands: Sender<Errand>,
    results: Receiver<Result<(), Fault>>,
}

struct Errand {
    client: Arc<Client>,
    positions: TopicPartitionList,
    proof: Proof,
    limit_ms: i32,
}

/// The proof of membership, inside a generation.
pub(crate) struct Proof(Arc<dyn Any + Send + Sync>);

/// What a generation of this log holds.
pub(crate) type Held = Option<GroupMetadata>;

impl Proof {
    /// `Err`: the generation is not of this log. `Ok(None)`: of nobody.
    pub(crate) fn of(held: &Arc<dyn Any + Send + Sync>) -> Result<Option<Self>, ()> {
        let proof = held.downcast_ref::<Held>().ok_or(())?;
        Ok(proof.is_some().then(|| Self(Arc::clone(held))))
    }

    /// The same in words.
    pub(crate) fn member(&self) -> Option<Member> {
        self.metadata().map(GroupMetadata::member)
    }

    fn metadata(&self) -> Option<&GroupMetadata> {
        self.0.downcast_ref::<Held>()?.as_ref()
    }
}

impl Courier {
    pub(crate) fn hire() -> io::Result<Self> {
        let (errands, orders) = channel::<Errand>();
        let (answers, results) = channel();
        thread::Builder::new().name("kafka-positions".to_owned()).spawn(move || {
            for Errand { client, positions, proof, limit_ms } in orders {
                let result = proof.metadata().map_or(Ok(()), |proof| client.send_offsets(&positions, proof, limit_ms));
                // Before the answer: the writer is to be the last to hold its client.
                drop(client);
                if answers.send(result).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { errands, results })
    }

    /// `None`: not carried within the limit, and nobody knows.
    pub(crate) fn carry(
        &self,
        client: &Arc<Client>,
        positions: TopicPartitionList,
        proof: Proof,
        limit_ms: i32,
    ) -> Option<Result<(), Fault>> {
        let client = Arc::clone(client);
        self.errands.send(Errand { client, positions, proof, limit_ms }).ok()?;
        self.results.recv_timeout(Duration::from_millis(u64::from(limit_ms.unsigned_abs()))).ok()
    }
}
