//! Why a step could not go through, named by what the stream thread does about it.

use crate::transaction::Origin;
use holdfast_ports::log::{LogError, WriteError};
use holdfast_ports::store::{StoreError, TaskId};

/// Why a step could not go through.
#[derive(Debug)]
pub(crate) enum Setback {
    /// Roll the tasks back, do it again with the same writer.
    Retry(String),
    /// Drop the writer, make a new one, restore the tails: nobody knows what was committed.
    Unknown(String),
    /// The group has moved on and we have not heard: roll the tasks back, go on with the same writer once we have.
    Stale(String),
    /// Somebody else may own what we wrote to: drop the writer, ask the group, claim again what is still ours.
    Fenced(String),
    /// The log refuses outputs of these records: roll back, and send the records to the dead letters when they come again.
    Refused(Vec<Refusal>),
    /// The log refuses something and does not say what: roll back, and find it in smaller transactions.
    Unnamed {
        /// What is wrong with it.
        why: String,
        /// Records and delayed messages among which it is.
        among: usize,
    },
    /// This task's store gave up: roll back all, reopen that one.
    Store(TaskId, StoreError),
    /// Stop.
    Fatal(String),
}

/// An output of this record, or this delayed message, is refused.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) of: Origin,
    pub(crate) why: String,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.of {
            Origin::Record(_, offset) => write!(f, "at offset {offset}: {}", self.why),
            Origin::Delayed(task, id) => write!(f, "delayed message of {task}, due {}: {}", id.due_ms, self.why),
        }
    }
}

impl Setback {
    /// Label of the metric.
    pub(crate) fn reaction(&self) -> &'static str {
        match self {
            Self::Retry(_) => "retry",
            Self::Unknown(_) => "unknown",
            Self::Stale(_) => "stale",
            Self::Fenced(_) => "fenced",
            Self::Refused(_) | Self::Unnamed { .. } => "refused",
            Self::Store(..) => "store",
            Self::Fatal(_) => "fatal",
        }
    }
}

impl std::fmt::Display for Setback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Retry(why) => write!(f, "transaction is tried again: {why}"),
            Self::Unknown(why) => write!(f, "outcome of the transaction is unknown, restoring: {why}"),
            Self::Stale(why) => write!(f, "the group has moved on, waiting to hear of it: {why}"),
            Self::Fenced(why) => write!(f, "another worker may own our places, asking the group: {why}"),
            Self::Refused(refusals) => {
                f.write_str("outputs of records are refused by the log:")?;
                refusals.iter().try_for_each(|refusal| write!(f, " {refusal};"))
            }
            Self::Unnamed { why, among } => {
                write!(f, "one of {among} records is refused by the log, looking for it in smaller transactions: {why}")
            }
            Self::Store(task, error) => write!(f, "store of {task} is reopened: {error}"),
            Self::Fatal(why) => f.write_str(why),
        }
    }
}

impl From<WriteError> for Setback {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Retry(why) => Self::Retry(why),
            WriteError::Stale(why) => Self::Stale(why),
            WriteError::Fenced(why) => Self::Fenced(why),
            WriteError::Unknown(why) => Self::Unknown(why),
            // Which record has sent it is known to the commit.
            WriteError::Refused { why, .. } => Self::Unnamed { why, among: 0 },
            WriteError::Fatal(why) => Self::Fatal(why),
        }
    }
}

impl From<LogError> for Setback {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Retry(why) => Self::Retry(why),
            LogError::Fenced(why) => Self::Fenced(why),
            LogError::OutOfRange { .. } | LogError::Corrupt(_) | LogError::Fatal(_) => Self::Fatal(error.to_string()),
        }
    }
}
