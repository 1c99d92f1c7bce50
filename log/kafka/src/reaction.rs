//! From librdkafka's error codes to the reactions that the ports name.

use crate::ffi::{Code, Fault, Persisted};
use holdfast_ports::log::{AppendError, LogError, Which, WriteError};
use rdkafka::error::KafkaError;
use std::fmt;

/// Another writer, member or generation is the owner.
pub(crate) fn fences(code: Code) -> bool {
    matches!(
        code,
        Code::Fenced
            | Code::ProducerFenced
            | Code::InvalidProducerEpoch
            | Code::InvalidProducerIdMapping
            | Code::IllegalGeneration
            | Code::UnknownMemberId
            | Code::FencedInstanceId
            | Code::FencedMemberEpoch
            | Code::StaleMemberEpoch
            | Code::UnreleasedInstanceId
    )
}

/// The group does not know the generation or the member that was shown; whoever shows a newer one is welcome.
fn outdates(code: Code) -> bool {
    matches!(code, Code::IllegalGeneration | Code::UnknownMemberId | Code::StaleMemberEpoch)
}

/// Missing rights or wrong settings.
pub(crate) fn forbids(code: Code) -> bool {
    matches!(
        code,
        Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed
            | Code::SaslAuthenticationFailed
            | Code::UnsupportedSASLMechanism
            | Code::Authentication
            | Code::InvalidTransactionTimeout
            | Code::SecurityDisabled
            | Code::UnsupportedFeature
            | Code::UnsupportedVersion
    )
}

/// The record itself cannot be taken.
pub(crate) fn refuses(code: Code) -> bool {
    matches!(
        code,
        Code::MessageSizeTooLarge
            | Code::MessageBatchTooLarge
            | Code::InvalidMessageSize
            | Code::InvalidRecord
            | Code::InvalidTimestamp
            | Code::PolicyViolation
            | Code::InvalidTopic
            | Code::UnknownTopic
            | Code::UnknownPartition
            | Code::UnknownTopicOrPartition
    )
}

/// Whether a broker that answers a Produce request with this has appended nothing: it says so before the append. Every other error may come after
/// it. With acks=all the answer waits for the followers, and a leader that moves, loses its disk or its topic meanwhile says NOT_LEADER_OR_FOLLOWER,
/// KAFKA_STORAGE_ERROR or UNKNOWN_TOPIC_OR_PARTITION about a batch that is in the log (Kafka's `DelayedProduce`).
pub(crate) fn precedes_append(code: Code) -> bool {
    matches!(
        code,
        Code::InvalidMessage
            | Code::InvalidMessageSize
            | Code::MessageSizeTooLarge
            | Code::MessageBatchTooLarge
            | Code::InvalidRecord
            | Code::InvalidTimestamp
            | Code::UnsupportedForMessageFormat
            | Code::UnsupportedCompressionType
            | Code::PolicyViolation
            | Code::InvalidTopic
            | Code::TopicAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed
            | Code::InvalidRequest
            | Code::UnsupportedVersion
            | Code::InvalidRequiredAcks
            | Code::NotEnoughReplicas
            | Code::OutOfOrderSequenceNumber
            | Code::UnknownProducerId
            | Code::InvalidProducerEpoch
            | Code::InvalidProducerIdMapping
            | Code::ProducerFenced
            | Code::InvalidTransactionalState
            | Code::ConcurrentTransactions
    )
}

/// The batch is too large, and so is the record if it was alone in it.
pub(crate) fn is_too_large(code: Code) -> bool {
    matches!(code, Code::MessageSizeTooLarge | Code::MessageBatchTooLarge)
}

/// Nobody knows what became of the request.
fn indefinite(code: Code) -> bool {
    matches!(
        code,
        Code::OperationTimedOut
            | Code::TimedOutQueue
            | Code::RequestTimedOut
            | Code::BrokerTransportFailure
            | Code::NetworkException
            | Code::AllBrokersDown
            | Code::WaitingForCoordinator
            | Code::CoordinatorNotAvailable
            | Code::NotCoordinator
            | Code::CoordinatorLoadInProgress
    )
}

/// A step of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Begin,
    Send,
    Positions,
    Commit,
    Abort,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Begin => "begin",
            Self::Send => "send",
            Self::Positions => "positions",
            Self::Commit => "commit",
            Self::Abort => "abort",
        })
    }
}

/// The reaction to a failed step of a transaction. `failure` is the first failed delivery of the transaction, which says more than the step that
/// stumbled over it.
pub(crate) fn of_transaction(step: Step, fault: &Fault, failure: Option<Code>) -> WriteError {
    let text = match failure {
        Some(failure) => format!("{step}: {fault}; first failed record: {failure}"),
        None => format!("{step}: {fault}"),
    };
    let codes = [Some(fault.code), failure];
    let any = |test: fn(Code) -> bool| codes.into_iter().flatten().any(test);
    // Before the coordinator was asked to end it, a transaction that can be aborted has not been committed. After that an error that says no more
    // than "abort it" proves nothing (brokers answer EndTxn with "unknown server error" while another producer takes the id over).
    let undecided = step == Step::Commit && failure.is_none() && fault.code != Code::Inconsistent;
    let only_outdated = fault.abortable && !fault.fatal && !failure.is_some_and(fences) && outdates(fault.code);
    if step == Step::Positions && only_outdated {
        WriteError::Stale(text)
    } else if any(fences) {
        WriteError::Fenced(text)
    } else if failure.is_some_and(forbids) {
        // No record's fault: with the next one it would be the same.
        WriteError::Fatal(text)
    } else if failure.is_some_and(refuses) {
        WriteError::Refused { which: Which::Unknown, why: text }
    } else if forbids(fault.code) {
        WriteError::Fatal(text)
    } else if fault.abortable && !fault.fatal && !undecided && !indefinite(fault.code) && step != Step::Abort {
        WriteError::Retry(text)
    } else {
        // A producer that does not know, and one with a fatal error: both are replaced, and the new one ends what this one left open.
        WriteError::Unknown(text)
    }
}

/// The reaction to an append that was not acknowledged. What is refused now may have been taken before, when nobody heard the answer.
pub(crate) fn of_append(code: Code, persisted: Persisted) -> AppendError {
    let text = code.to_string();
    if persisted != Persisted::No {
        AppendError::Unknown(text)
    } else if forbids(code) {
        AppendError::Denied(text)
    } else if refuses(code) {
        AppendError::Refused(text)
    } else {
        AppendError::Unavailable(text)
    }
}

/// The sentence for a right that the brokers deny: `what` is operation and resource.
pub(crate) fn denied(what: &str) -> String {
    format!("the brokers deny this worker {what}: grant it to the worker's principal (docs/operations.md, \"Rights\")")
}

/// The right that brokers miss when they answer `code`, as far as the code tells.
fn missing_right(code: Code) -> Option<&'static str> {
    match code {
        Code::TopicAuthorizationFailed => Some("READ, WRITE or DESCRIBE on the topic"),
        Code::GroupAuthorizationFailed => Some("READ or DESCRIBE on the group"),
        Code::TransactionalIdAuthorizationFailed => Some("WRITE or DESCRIBE on the transactional id"),
        Code::ClusterAuthorizationFailed => Some("an operation on the cluster"),
        _ => None,
    }
}

/// The reaction to a question that was not answered.
pub(crate) fn of_question(what: impl fmt::Display, code: Code) -> LogError {
    let text = match missing_right(code) {
        Some(right) => format!("{what}: {}", denied(right)),
        None => format!("{what}: {code}"),
    };
    if forbids(code) {
        LogError::Fatal(text)
    } else if fences(code) {
        LogError::Fenced(text)
    } else {
        match code {
            Code::InvalidTopic | Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition => {
                LogError::Fatal(text)
            }
            Code::BadMessage | Code::BadCompression | Code::InvalidMessage => LogError::Corrupt(text),
            _ => LogError::Retry(text),
        }
    }
}

/// The same for errors that come through rust-rdkafka.
pub(crate) fn of_client(what: impl fmt::Display, error: &KafkaError) -> LogError {
    match error {
        KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_) => LogError::Fatal(format!("{what}: {error}")),
        KafkaError::AdminOp(code) => of_question(what, *code),
        _ => match error.rdkafka_error_code() {
            Some(code) => of_question(what, code),
            None => LogError::Retry(format!("{what}: {error}")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(code: Code, abortable: bool, fatal: bool) -> Fault {
        Fault { code, text: "x".to_owned(), abortable, fatal }
    }

    #[test]
    fn a_transaction_reacts_as_the_engine_needs_it() {
        let of = |fault: Fault, failure| of_transaction(Step::Positions, &fault, failure);
        assert!(matches!(of(fault(Code::Fenced, false, true), None), WriteError::Fenced(_)));
        assert!(matches!(of(fault(Code::IllegalGeneration, true, false), None), WriteError::Stale(_)));
        assert!(matches!(of(fault(Code::UnknownMemberId, true, false), None), WriteError::Stale(_)));
        assert!(matches!(of(fault(Code::IllegalGeneration, false, true), None), WriteError::Fenced(_)));
        assert!(matches!(of(fault(Code::FencedInstanceId, true, false), None), WriteError::Fenced(_)));
        let fenced_as_well = of(fault(Code::IllegalGeneration, true, false), Some(Code::InvalidProducerEpoch));
        assert!(matches!(fenced_as_well, WriteError::Fenced(_)));
        assert!(matches!(of(fault(Code::OperationTimedOut, false, false), None), WriteError::Unknown(_)));
        assert!(matches!(of(fault(Code::OperationTimedOut, true, false), None), WriteError::Unknown(_)));
        assert!(matches!(of(fault(Code::OutOfOrderSequenceNumber, false, true), None), WriteError::Unknown(_)));
        assert!(matches!(
            of(fault(Code::Inconsistent, true, false), Some(Code::MessageTimedOut)),
            WriteError::Retry(_)
        ));
        assert!(matches!(
            of(fault(Code::Inconsistent, true, false), Some(Code::MessageSizeTooLarge)),
            WriteError::Refused { .. }
        ));
        assert!(matches!(
            of(fault(Code::Inconsistent, true, false), Some(Code::TopicAuthorizationFailed)),
            WriteError::Fatal(_)
        ));
        assert!(matches!(
            of(fault(Code::Inconsistent, true, false), Some(Code::InvalidProducerEpoch)),
            WriteError::Fenced(_)
        ));
        assert!(matches!(of(fault(Code::GroupAuthorizationFailed, true, false), None), WriteError::Fatal(_)));
    }

    #[test]
    fn an_end_that_is_not_answered_clearly_is_unknown() {
        let of = |step, fault: Fault, failure| of_transaction(step, &fault, failure);
        assert!(matches!(of(Step::Commit, fault(Code::Unknown, true, false), None), WriteError::Unknown(_)));
        assert!(matches!(of(Step::Abort, fault(Code::Unknown, true, false), None), WriteError::Unknown(_)));
        assert!(matches!(of(Step::Positions, fault(Code::Unknown, true, false), None), WriteError::Retry(_)));
        let undelivered = of(Step::Commit, fault(Code::Inconsistent, true, false), Some(Code::MessageTimedOut));
        assert!(matches!(undelivered, WriteError::Retry(_)));
    }

    #[test]
    fn an_append_says_what_the_caller_may_say() {
        assert!(matches!(of_append(Code::MessageTimedOut, Persisted::No), AppendError::Unavailable(_)));
        assert!(matches!(of_append(Code::MessageTimedOut, Persisted::Possibly), AppendError::Unknown(_)));
        assert!(matches!(of_append(Code::UnknownTopic, Persisted::No), AppendError::Refused(_)));
        assert!(matches!(of_append(Code::TopicAuthorizationFailed, Persisted::No), AppendError::Denied(_)));
        assert!(matches!(of_append(Code::MessageSizeTooLarge, Persisted::No), AppendError::Refused(_)));
        assert!(matches!(of_append(Code::MessageSizeTooLarge, Persisted::Possibly), AppendError::Unknown(_)));
    }
}
