//! The way in for records that belong to no transaction.

use crate::partition::Partition;
use crate::queue::Done;
use crate::run::record_bytes;
use crate::shared::Shared;
use holdfast_ports::log::{AppendError, Appender, Cleanup};
use holdfast_ports::record::NewRecord;
use std::sync::Arc;

/// Queues records for the next sync.
pub(crate) struct EmbeddedAppender {
    pub(crate) shared: Arc<Shared>,
}

impl Appender for EmbeddedAppender {
    fn append(&self, record: NewRecord<'_>, done: Done) {
        if let Some(why) = self.shared.poison.why() {
            return done(Err(AppendError::Unavailable(why.to_owned())));
        }
        let partition = match admit(&self.shared, &record) {
            Ok(partition) => partition,
            Err(why) => return done(Err(AppendError::Refused(why))),
        };
        if let Err((done, error)) = self.shared.queue.append(&partition, &record, done) {
            done(Err(error));
        }
    }
}

/// Where `record` goes, or a sentence that says why it can never be written.
pub(crate) fn admit(shared: &Shared, record: &NewRecord<'_>) -> Result<Arc<Partition>, String> {
    let bytes = record_bytes(record);
    let bytes_max = shared.config.record_bytes_max;
    if bytes > bytes_max {
        return Err(format!("record of {bytes} bytes for topic {}: at most {bytes_max} are taken", record.topic));
    }
    let partition = shared.topics.partition(record.topic, record.partition)?;
    if record.key.is_none() && matches!(partition.cleanup, Cleanup::Compact { .. }) {
        return Err(format!("record without a key for topic {}, which is compacted by key", record.topic));
    }
    Ok(partition)
}
