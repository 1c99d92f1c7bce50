//! What is stored. Rows are bincode: a field is its place and a variant its number, so fields are never moved and variants only added at the end.
//! Times are ms since the epoch.

use crate::guard::{QueueKey, Subject};
use crate::queue::command_outcome::CommandRefusal;
use crate::queue::ticket_state::{EndReason, QueueState};
use holdfast_engine::prelude::{DelayedId, EncodeLike, Ends};
use serde::{Deserialize, Serialize};

/// Most users of a queue that may be active at a time.
pub const ACTIVE_MAX: u32 = 1_000_000;
/// Most admissions of a queue in a second.
pub const RATE_MAX: u32 = 100_000;
/// Most tickets that a queue gives out: so many its tree counts.
pub const TICKETS_MAX: u64 = 1 << 32;
/// Most things that a queue guards.
pub const GUARDS_MAX: usize = 32;

/// What a queue is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueRow {
    /// Most tickets that may be ACTIVE at a time.
    pub max_active: u32,
    /// Most admissions in any second.
    pub admit_per_second: u32,
    /// How long a ticket stays ACTIVE at most.
    pub active_ms: i64,
    /// How long nothing may be heard of an ACTIVE ticket.
    pub silence_ms: i64,
    /// How long nothing may be heard of a WAITING ticket.
    pub keep_ms: i64,
    /// How long a ticket waits until its user is told of its position.
    pub notice_after_ms: i64,
    /// Whether users are told anything.
    pub notices: bool,
    /// What it does.
    pub state: QueueState,
    /// When it opens; none = it was open from the first.
    pub opens_ms: Option<i64>,
    /// Whether those who came before it opened are put in line by a draw.
    pub shuffle: bool,
    /// What it guards, in the order in which it was told.
    pub guards: Vec<Subject>,
    /// What it was created to guard: the same create command again is recognised by it, whatever has been changed since.
    pub first: FirstTerms,
    /// The secret that its tokens are made with.
    pub key: QueueKey,
    /// What the draw is made of.
    pub seed: Option<QueueKey>,
    /// When it was created.
    pub created_ms: i64,
    /// When its tickets got positions; none = it has not opened.
    pub opened_ms: Option<i64>,
    /// Tickets up to this one were drawn; 0 = there was no draw.
    pub drawn: u64,
    /// How many of them were live, and have the places in line 1 to this one.
    pub drawn_live: u64,
}

/// What a queue was created with and may have been changed since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstTerms {
    /// See [`QueueRow::max_active`].
    pub max_active: u32,
    /// See [`QueueRow::admit_per_second`].
    pub admit_per_second: u32,
    /// See [`QueueRow::active_ms`].
    pub active_ms: i64,
    /// See [`QueueRow::guards`].
    pub guards: Vec<Subject>,
}

/// How many tickets a queue has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountsRow {
    /// The last ticket that was given out; 0 = none.
    pub issued: u64,
    /// Tickets that wait, or will when it opens, by the root of the counting tree: entry n counts the places in line under node n of the highest level.
    pub waiting: Vec<u64>,
    /// Tickets that are ACTIVE.
    pub active: u64,
    /// Tickets that have ever been ACTIVE.
    pub admitted: u64,
    /// Tickets that were given back.
    pub left: u64,
    /// Tickets of which nothing was heard for too long.
    pub silent: u64,
    /// Tickets whose time was over.
    pub timed_out: u64,
    /// Tickets whose users have bought.
    pub purchased: u64,
    /// Its next admission waits for a message of its own that is due then; none = it waits for nothing, or for room.
    pub admit_due_ms: Option<i64>,
    /// Tickets up to this one have been told of their position, or need not be.
    pub told: u64,
    /// Telling goes on by a message of its own that is due then.
    pub tell_due_ms: Option<i64>,
}

impl CountsRow {
    /// How many tickets wait, or will when the queue opens.
    #[must_use]
    pub fn waiting_total(&self) -> u64 {
        self.waiting.iter().sum()
    }

    /// How many tickets have ended for this reason.
    #[must_use]
    pub fn ended(&self, reason: EndReason) -> u64 {
        match reason {
            EndReason::Left => self.left,
            EndReason::Silent => self.silent,
            EndReason::TimedOut => self.timed_out,
            EndReason::Purchased => self.purchased,
        }
    }
}

/// How many tickets were admitted in a part of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slice {
    /// Which: its number since the epoch.
    pub number: i64,
    /// So many.
    pub count: u32,
}

/// How many tickets were admitted lately.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaceRow {
    /// In slices of 10 ms, those without an admission left out, the last second of them.
    pub slices: Vec<Slice>,
    /// In seconds, those without an admission left out, the last minute of them.
    pub seconds: Vec<Slice>,
    /// Admissions that were saved up until `credit_ms`, in thousandths of one.
    pub credit_milli: u64,
    /// See `credit_milli`.
    pub credit_ms: i64,
}

/// A live ticket. Written from a borrowed text, read into an owned one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketRow<S = String> {
    /// Whose it is.
    pub user_id: S,
    /// When it was given out.
    pub joined_ms: i64,
    /// Since when, and until when, it is ACTIVE; none = it waits.
    pub active: Option<Activity>,
}

impl EncodeLike<TicketRow> for TicketRow<&str> {}

/// That a ticket is ACTIVE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// Since then.
    pub admitted_ms: i64,
    /// Until then at most: at it, it has ended.
    pub until_ms: i64,
    /// The message of its own by which it is looked at.
    pub look: DelayedId,
}

/// The live ticket of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRow {
    /// Which.
    pub ticket: u64,
}

/// A ticket that has ended. Written from a borrowed text, read into an owned one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedRow<S = String> {
    /// Whose it was.
    pub user_id: S,
    /// When it was given out.
    pub joined_ms: i64,
    /// When it became ACTIVE, if it did.
    pub admitted_ms: Option<i64>,
    /// When it ended.
    pub ended_ms: i64,
    /// Why.
    pub reason: EndReason,
}

impl<S> Ends for EndedRow<S> {
    fn decided_ms(&self) -> i64 {
        self.ended_ms
    }
}

impl EncodeLike<EndedRow> for EndedRow<&str> {}

/// A bit for each place in line of a chunk: whether a waiting ticket has it. Words that are zero at the end are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BitsRow {
    /// 64 places a word, the first one in the lowest bit.
    pub words: Vec<u64>,
}

/// How many waiting tickets lie under each child of a node. Zeros at the end are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRow {
    /// At most 64.
    pub counts: Vec<u64>,
}

/// When each ticket of a chunk was last heard of after it was given out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenRow {
    /// The chunk is looked at for silent tickets by a message that is due then.
    pub look_due_ms: i64,
    /// What `seen` counts from.
    pub base_ms: i64,
    /// By place in the chunk: tenths of a second since `base_ms`, and one more; 0 = never. Zeros at the end are left out.
    pub seen: Vec<u32>,
}

/// A number for each of a chunk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackedRow {
    /// By place in the chunk; 0 = none.
    pub numbers: Vec<u64>,
}

/// The outcome of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandRow {
    /// Hash of what the command said: another command under the same id is refused.
    pub fingerprint: u64,
    /// When it was decided.
    pub decided_ms: i64,
    /// What became of it: the ticket of a join, 0 of another command, or why it was not done.
    pub result: Result<u64, CommandRefusal>,
}

impl Ends for CommandRow {
    fn decided_ms(&self) -> i64 {
        self.decided_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::SubjectType;
    use crate::laws::row_bytes as bytes;
    use holdfast_engine::inspect::codec;

    /// Rows written by this version must be readable by the next: a change that breaks this needs a new variant instead.
    #[test]
    fn the_layout_of_small_rows_stands() {
        let ticket = TicketRow { user_id: "u", joined_ms: 1, active: None };
        assert_eq!(bytes(&ticket), [1, 1, b'u', 2, 0]);
        let active = Some(Activity { admitted_ms: 1, until_ms: 2, look: DelayedId { due_ms: 3, sequence: 4 } });
        assert_eq!(bytes(&TicketRow { active, ..ticket }), [1, 1, b'u', 2, 1, 2, 4, 6, 4]);
        assert_eq!(bytes(&UserRow { ticket: 7 }), [1, 7]);
        let ended =
            EndedRow { user_id: "u", joined_ms: 1, admitted_ms: Some(2), ended_ms: 3, reason: EndReason::Purchased };
        assert_eq!(bytes(&ended), [1, 1, b'u', 2, 1, 4, 6, 3]);
        assert_eq!(bytes(&BitsRow { words: vec![5] }), [1, 1, 5]);
        assert_eq!(bytes(&NodeRow { counts: vec![0, 5] }), [1, 2, 0, 5]);
        assert_eq!(bytes(&SeenRow { look_due_ms: 1, base_ms: 2, seen: vec![0, 9] }), [1, 2, 4, 2, 0, 9]);
        assert_eq!(bytes(&PackedRow { numbers: vec![3, 0] }), [1, 2, 3, 0]);
        let command = CommandRow { fingerprint: 5, decided_ms: 1, result: Ok(7) };
        assert_eq!(bytes(&command), [1, 5, 2, 0, 7]);
        let refused = CommandRow { result: Err(CommandRefusal::QueueClosed), ..command };
        assert_eq!(bytes(&refused), [1, 5, 2, 1, 12]);
        for (number, refusal) in (0u8..).zip(CommandRefusal::ALL) {
            assert_eq!(bytes(&refusal), [1, number]);
        }
        for (number, reason) in (0u8..).zip(EndReason::ALL) {
            assert_eq!(bytes(&reason), [1, number]);
        }
    }

    #[test]
    fn the_layout_of_a_queue_stands() {
        let guard = Subject::new(SubjectType::Policy, "1");
        let queue = QueueRow {
            max_active: 1,
            admit_per_second: 2,
            active_ms: 3,
            silence_ms: 4,
            keep_ms: 5,
            notice_after_ms: 6,
            notices: true,
            state: QueueState::Draining,
            opens_ms: Some(7),
            shuffle: true,
            guards: vec![guard],
            first: FirstTerms { max_active: 8, admit_per_second: 9, active_ms: 10, guards: Vec::new() },
            key: QueueKey::new([0xaa; 32]),
            seed: None,
            created_ms: 11,
            opened_ms: None,
            drawn: 12,
            drawn_live: 13,
        };
        let mut expected = vec![1, 1, 2, 6, 8, 10, 12, 1, 2, 1, 14, 1, 1, 1, 1, b'1', 8, 9, 20, 0];
        expected.extend([0xaa; 32]);
        expected.extend([0, 22, 0, 12, 13]);
        assert_eq!(bytes(&queue), expected);
        let counts = CountsRow {
            issued: 1,
            waiting: vec![2],
            active: 3,
            admitted: 4,
            left: 5,
            silent: 6,
            timed_out: 7,
            purchased: 8,
            admit_due_ms: Some(9),
            told: 10,
            tell_due_ms: None,
        };
        assert_eq!(bytes(&counts), [1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 1, 18, 10, 0]);
        let slice = |number, count| Slice { number, count };
        let pace = PaceRow { slices: vec![slice(1, 2)], seconds: vec![slice(3, 4)], credit_milli: 5, credit_ms: 6 };
        assert_eq!(bytes(&pace), [1, 1, 2, 2, 1, 6, 4, 5, 12]);
    }

    #[test]
    fn what_was_written_borrowed_is_read_owned() {
        let row = TicketRow { user_id: "홍길동", joined_ms: -1, active: None };
        let back: TicketRow = codec::decode(&bytes(&row)).unwrap();
        assert_eq!((&*back.user_id, back.joined_ms, back.active), ("홍길동", -1, None));
    }
}
