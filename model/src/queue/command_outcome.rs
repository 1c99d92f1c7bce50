//! What became of a command: done, or why not.

use crate::problem::{self, Problem};
use serde::{Deserialize, Serialize};

pub use crate::command_status::CommandStatus;

/// No such queue.
pub const QUEUE_NOT_FOUND: Problem =
    Problem::not_found("QUEUE_NOT_FOUND", "대기열을 찾을 수 없습니다", "There is no such queue.");
/// No such ticket, or one that has ended so long ago that nothing is kept of it.
pub const TICKET_NOT_FOUND: Problem =
    Problem::not_found("TICKET_NOT_FOUND", "대기표를 찾을 수 없습니다", "There is no such ticket.");

/// Why a command was not done. Kept in rows by its number: new reasons go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum CommandRefusal {
    /// Blank, too long, reserved, or with characters that a queue id may not have.
    BadQueueId,
    /// No user is named.
    NoUser,
    /// Breaks the rule for ids.
    BadUser,
    /// None, or more than [`ACTIVE_MAX`](crate::queue::row::ACTIVE_MAX).
    BadMaxActive,
    /// None, or more than [`RATE_MAX`](crate::queue::row::RATE_MAX).
    BadRate,
    /// A duration that is too short or too long.
    BadDuration,
    /// A time that cannot be read.
    BadTime,
    /// The key is no 32 bytes in base64.
    BadKey,
    /// The seed is no 32 bytes in base64, or a draw has none.
    BadSeed,
    /// Too many guards, one twice, or one with an id that breaks the rule.
    BadGuard,
    /// Another queue has this id.
    QueueExists,
    /// No such queue was created.
    UnknownQueue,
    /// The queue takes no new joins.
    QueueClosed,
    /// The queue has given out all the tickets that it can count.
    QueueFull,
    /// No such ticket.
    UnknownTicket,
    /// Given up after all attempts.
    System,
}

problem::table! { CommandRefusal
    BadQueueId => Problem::invalid("INVALID_QUEUE_ID", "대기열 ID가 올바르지 않습니다", "The id of the queue is not valid.");
    NoUser => problem::USER_ID_REQUIRED;
    BadUser => problem::INVALID_USER_ID;
    BadMaxActive => Problem::invalid("INVALID_MAX_ACTIVE", "동시 입장 인원이 올바르지 않습니다", "The number of active users is not valid.")
        .about("maxActive", "1 이상 1000000 이하의 정수여야 합니다.", "must be a whole number from 1 to 1000000");
    BadRate => Problem::invalid("INVALID_ADMIT_PER_SECOND", "초당 입장 인원이 올바르지 않습니다", "The number of admissions in a second is not valid.")
        .about("admitPerSecond", "1 이상 100000 이하의 정수여야 합니다.", "must be a whole number from 1 to 100000");
    BadDuration => Problem::invalid("INVALID_DURATION", "시간 길이가 올바르지 않습니다", "A duration is not valid.");
    BadTime => problem::INVALID_TIME;
    BadKey => Problem::invalid("INVALID_QUEUE_KEY", "대기열 키가 올바르지 않습니다", "The key of the queue is not valid.");
    BadSeed => Problem::invalid("INVALID_QUEUE_SEED", "추첨 시드가 올바르지 않습니다", "The seed of the draw is not valid.");
    BadGuard => Problem::invalid("INVALID_GUARD", "대기열 적용 대상이 올바르지 않습니다", "What the queue shall guard is not valid.");
    QueueExists => Problem::conflict("QUEUE_ALREADY_EXISTS", "이미 존재하는 대기열입니다", "Another queue has this id.");
    UnknownQueue => QUEUE_NOT_FOUND;
    QueueClosed => Problem::conflict("QUEUE_CLOSED", "대기열 접수가 마감되었습니다", "The queue takes no new entries.");
    QueueFull => Problem::conflict("QUEUE_FULL", "대기열이 가득 찼습니다", "The queue is full.");
    UnknownTicket => TICKET_NOT_FOUND;
    System => problem::SYSTEM_ERROR;
}

impl CommandRefusal {
    /// What to answer.
    #[must_use]
    pub fn status(self) -> CommandStatus {
        self.problem().class.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_reason_has_a_code_and_words_of_its_own() {
        let codes: BTreeSet<&str> = CommandRefusal::ALL.into_iter().map(CommandRefusal::code).collect();
        let words: BTreeSet<&str> = CommandRefusal::ALL.into_iter().map(CommandRefusal::reason).collect();
        assert_eq!((codes.len(), words.len()), (CommandRefusal::ALL.len(), CommandRefusal::ALL.len()));
        assert!(CommandRefusal::ALL.into_iter().all(|refusal| refusal.status() != CommandStatus::Success));
    }
}
