//! What a queue is created with, and what it may be changed to.

use holdfast_model::guard::Subject;
use holdfast_model::id_rule;
use holdfast_model::queue::command_outcome::CommandRefusal;
use holdfast_model::queue::message::{ChangeQueue, CreateQueue, Join};
use holdfast_model::queue::row::{ACTIVE_MAX, CountsRow, FirstTerms, GUARDS_MAX, QueueRow, RATE_MAX, TICKETS_MAX};
use holdfast_model::queue::ticket_state::QueueState;
use holdfast_model::wire::When;

/// Longest queue id, in bytes: it is part of the keys of all its tickets.
const QUEUE_ID_BYTES_MAX: usize = 64;
/// Ids that no queue may have: `/api/queue/token` and its like are no queues.
pub const RESERVED_QUEUE_IDS: [&str; 3] = ["token", "status", "stream"];
/// Durations, in ms.
const DURATION_MS: std::ops::RangeInclusive<i64> = 1_000..=86_400_000;

const ACTIVE_MS: i64 = 600_000;
const SILENCE_MS: i64 = 60_000;
const KEEP_MS: i64 = 180_000;
const NOTICE_AFTER_MS: i64 = 10_000;

/// What becomes of a create command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Creation {
    /// This row is written.
    New(Box<QueueRow>),
    /// The queue is there, created with the same words.
    Unchanged,
}

/// Decides whether a queue is created.
///
/// # Errors
/// The reason why not.
pub fn create(command: &CreateQueue, existing: Option<&QueueRow>, now_ms: i64) -> Result<Creation, CommandRefusal> {
    let row = row_of(command, now_ms)?;
    let Some(there) = existing else { return Ok(Creation::New(Box::new(row))) };
    // What has been drawn, changed and opened since is no part of what was asked for.
    let as_there = QueueRow {
        max_active: there.max_active,
        admit_per_second: there.admit_per_second,
        active_ms: there.active_ms,
        guards: there.guards.clone(),
        state: there.state,
        key: there.key.clone(),
        seed: there.seed.clone(),
        created_ms: there.created_ms,
        opened_ms: there.opened_ms,
        drawn: there.drawn,
        drawn_live: there.drawn_live,
        ..row
    };
    if as_there == *there { Ok(Creation::Unchanged) } else { Err(CommandRefusal::QueueExists) }
}

fn row_of(command: &CreateQueue, now_ms: i64) -> Result<QueueRow, CommandRefusal> {
    if !is_queue_id(&command.queue_id) {
        return Err(CommandRefusal::BadQueueId);
    }
    let max_active = max_active(command.max_active)?;
    let admit_per_second = rate(command.admit_per_second)?;
    let active_ms = duration(command.active_ms.unwrap_or(ACTIVE_MS))?;
    let silence_ms = duration(command.silence_ms.unwrap_or(SILENCE_MS))?;
    let keep_ms = duration(command.keep_ms.unwrap_or(KEEP_MS))?;
    let notice_after_ms = command.notice_after_ms.unwrap_or(NOTICE_AFTER_MS);
    if !(0..=*DURATION_MS.end()).contains(&notice_after_ms) {
        return Err(CommandRefusal::BadDuration);
    }
    let opens_ms = match command.opens_at {
        None => None,
        // HTTP refuses what is doubtful. A record in the log is decided by its most likely meaning.
        Some(When::Ms(ms) | When::Doubtful(ms)) => Some(ms),
        Some(When::Unreadable) => return Err(CommandRefusal::BadTime),
    };
    check_guards(&command.guards)?;
    let shuffle = command.shuffle.unwrap_or(false);
    let key = command.key.clone().ok_or(CommandRefusal::BadKey)?;
    if shuffle && command.seed.is_none() {
        return Err(CommandRefusal::BadSeed);
    }
    let guards = command.guards.clone();
    Ok(QueueRow {
        max_active,
        admit_per_second,
        active_ms,
        silence_ms,
        keep_ms,
        notice_after_ms,
        notices: command.notices.unwrap_or(true),
        state: QueueState::Open,
        opens_ms,
        shuffle,
        first: FirstTerms { max_active, admit_per_second, active_ms, guards: guards.clone() },
        guards,
        key,
        seed: command.seed.clone(),
        created_ms: now_ms,
        opened_ms: None,
        drawn: 0,
        drawn_live: 0,
    })
}

/// Letters of any script, digits and `._-`: the id stands in keys and paths.
fn is_queue_id(id: &str) -> bool {
    id.len() <= QUEUE_ID_BYTES_MAX
        && id.chars().all(|c| c.is_alphanumeric() || "._-".contains(c))
        && id_rule::check(id).is_ok()
        && !RESERVED_QUEUE_IDS.contains(&id)
}

fn max_active(number: i64) -> Result<u32, CommandRefusal> {
    u32::try_from(number).ok().filter(|n| (1..=ACTIVE_MAX).contains(n)).ok_or(CommandRefusal::BadMaxActive)
}

fn rate(number: i64) -> Result<u32, CommandRefusal> {
    u32::try_from(number).ok().filter(|n| (1..=RATE_MAX).contains(n)).ok_or(CommandRefusal::BadRate)
}

fn duration(ms: i64) -> Result<i64, CommandRefusal> {
    if DURATION_MS.contains(&ms) { Ok(ms) } else { Err(CommandRefusal::BadDuration) }
}

fn check_guards(guards: &[Subject]) -> Result<(), CommandRefusal> {
    let are_ids = guards.iter().all(|subject| id_rule::check(&subject.id).is_ok());
    let are_distinct = guards.iter().enumerate().all(|(n, subject)| guards.iter().skip(n + 1).all(|s| s != subject));
    if are_ids && are_distinct && guards.len() <= GUARDS_MAX { Ok(()) } else { Err(CommandRefusal::BadGuard) }
}

/// Decides what a queue becomes; the same row when nothing changes.
///
/// # Errors
/// The reason why it stays as it is.
pub fn change(command: &ChangeQueue, queue: &QueueRow) -> Result<QueueRow, CommandRefusal> {
    let mut row = queue.clone();
    if let Some(number) = command.max_active {
        row.max_active = max_active(number)?;
    }
    if let Some(number) = command.admit_per_second {
        row.admit_per_second = rate(number)?;
    }
    if let Some(ms) = command.active_ms {
        row.active_ms = duration(ms)?;
    }
    if let Some(guards) = &command.guards {
        check_guards(guards)?;
        row.guards.clone_from(guards);
    }
    row.state = command.state.unwrap_or(row.state);
    Ok(row)
}

/// Decides whether a user who has no live ticket gets one, and which.
///
/// # Errors
/// The reason why not.
pub fn enter(join: &Join<'_>, queue: &QueueRow, counts: &CountsRow) -> Result<u64, CommandRefusal> {
    check_user(&join.user_id)?;
    if queue.state == QueueState::Draining {
        return Err(CommandRefusal::QueueClosed);
    }
    if counts.issued >= TICKETS_MAX {
        return Err(CommandRefusal::QueueFull);
    }
    Ok(counts.issued + 1)
}

/// Checks the id of a user.
///
/// # Errors
/// What is wrong with it.
pub fn check_user(user_id: &str) -> Result<(), CommandRefusal> {
    match id_rule::check(user_id) {
        Ok(()) => Ok(()),
        Err(id_rule::IdFault::Blank) => Err(CommandRefusal::NoUser),
        Err(_) => Err(CommandRefusal::BadUser),
    }
}

/// How many tickets may be admitted as far as room goes: none while the queue is not open or paused.
#[must_use]
pub fn room(queue: &QueueRow, counts: &CountsRow) -> u64 {
    if queue.opened_ms.is_none() || queue.state == QueueState::Paused {
        return 0;
    }
    u64::from(queue.max_active).saturating_sub(counts.active).min(counts.waiting_total())
}

/// Whether a queue opens now.
#[must_use]
pub fn opens(queue: &QueueRow, now_ms: i64) -> bool {
    queue.opened_ms.is_none() && queue.opens_ms.is_none_or(|opens_ms| now_ms >= opens_ms)
}

#[cfg(test)]
pub(in crate::queue) mod tests {
    use super::*;
    use holdfast_model::guard::{QueueKey, SubjectType};
    use holdfast_model::queue::sample;

    /// An open queue: 10 at a time, 50 a second.
    pub(in crate::queue) fn queue() -> QueueRow {
        let Creation::New(row) = create(&command(), None, 0).unwrap() else { panic!("not new") };
        QueueRow { opened_ms: Some(0), ..*row }
    }

    fn command() -> CreateQueue {
        CreateQueue {
            queue_id: "q".to_owned(),
            max_active: 10,
            admit_per_second: 50,
            key: Some(QueueKey::new([1; 32])),
            seed: Some(QueueKey::new([2; 32])),
            ..CreateQueue::default()
        }
    }

    /// A change of a good create command, and what it leads to.
    type Spoil = (fn(&mut CreateQueue), CommandRefusal);

    #[test]
    fn a_queue_that_makes_no_sense_is_refused() {
        let spoils: [Spoil; 22] = [
            (|c| c.queue_id = String::new(), CommandRefusal::BadQueueId),
            (|c| c.queue_id = "a b".to_owned(), CommandRefusal::BadQueueId),
            (|c| c.queue_id = "a/b".to_owned(), CommandRefusal::BadQueueId),
            (|c| c.queue_id = "token".to_owned(), CommandRefusal::BadQueueId),
            (|c| c.queue_id = "x".repeat(65), CommandRefusal::BadQueueId),
            (|c| c.max_active = 0, CommandRefusal::BadMaxActive),
            (|c| c.max_active = -1, CommandRefusal::BadMaxActive),
            (|c| c.max_active = 1_000_001, CommandRefusal::BadMaxActive),
            (|c| c.admit_per_second = 0, CommandRefusal::BadRate),
            (|c| c.admit_per_second = 100_001, CommandRefusal::BadRate),
            (|c| c.admit_per_second = i64::MAX, CommandRefusal::BadRate),
            (|c| c.active_ms = Some(999), CommandRefusal::BadDuration),
            (|c| c.silence_ms = Some(0), CommandRefusal::BadDuration),
            (|c| c.keep_ms = Some(86_400_001), CommandRefusal::BadDuration),
            (|c| c.notice_after_ms = Some(-1), CommandRefusal::BadDuration),
            (|c| c.opens_at = Some(When::Unreadable), CommandRefusal::BadTime),
            (|c| c.guards = vec![Subject::new(SubjectType::Sale, " ")], CommandRefusal::BadGuard),
            (|c| c.guards = vec![Subject::new(SubjectType::Sale, "1"); 2], CommandRefusal::BadGuard),
            (
                |c| c.guards = (0..33).map(|n| Subject::new(SubjectType::Sale, n.to_string())).collect(),
                CommandRefusal::BadGuard,
            ),
            (|c| c.key = None, CommandRefusal::BadKey),
            (|c| (c.shuffle, c.seed) = (Some(true), None), CommandRefusal::BadSeed),
            (|c| (c.max_active, c.key) = (0, None), CommandRefusal::BadMaxActive),
        ];
        for (n, (spoil, expected)) in spoils.into_iter().enumerate() {
            let mut command = command();
            spoil(&mut command);
            assert_eq!(create(&command, None, 0), Err(expected), "case {n}");
        }
        let unshuffled = CreateQueue { seed: None, ..command() };
        assert!(create(&unshuffled, None, 0).is_ok());
    }

    #[test]
    fn a_queue_is_created_once() {
        let Creation::New(row) = create(&command(), None, 7).unwrap() else { panic!("not new") };
        assert_eq!((row.active_ms, row.silence_ms, row.keep_ms, row.created_ms), (600_000, 60_000, 180_000, 7));
        assert_eq!((row.notice_after_ms, row.notices, row.opened_ms), (10_000, true, None));
        // Changed, opened and drawn since, asked again with other secrets: the same words still say nothing new.
        let lived = QueueRow {
            max_active: 99,
            admit_per_second: 98,
            active_ms: 5_000,
            guards: vec![Subject::new(SubjectType::Sale, "1")],
            state: QueueState::Draining,
            opened_ms: Some(8),
            drawn: 5,
            drawn_live: 4,
            ..*row.clone()
        };
        let again = CreateQueue { key: Some(QueueKey::new([9; 32])), seed: None, ..command() };
        assert_eq!(create(&again, Some(&lived), 9), Ok(Creation::Unchanged));
        let others: [fn(&mut CreateQueue); 9] = [
            |c| c.max_active = 99,
            |c| c.admit_per_second = 98,
            |c| c.active_ms = Some(5_000),
            |c| c.guards = vec![Subject::new(SubjectType::Sale, "1")],
            |c| c.keep_ms = Some(5_000),
            |c| c.silence_ms = Some(5_000),
            |c| c.opens_at = Some(When::Ms(1)),
            |c| c.shuffle = Some(true),
            |c| c.notices = Some(false),
        ];
        for (n, change) in others.into_iter().enumerate() {
            let mut other = command();
            change(&mut other);
            assert_eq!(create(&other, Some(&lived), 9), Err(CommandRefusal::QueueExists), "case {n}");
        }
    }

    #[test]
    fn a_queue_is_changed_by_what_is_named() {
        let before = queue();
        assert_eq!(change(&ChangeQueue::default(), &before), Ok(before.clone()));
        let all = ChangeQueue {
            max_active: Some(1),
            admit_per_second: Some(2),
            active_ms: Some(3_000),
            guards: Some(vec![Subject::new(SubjectType::Policy, "1")]),
            state: Some(QueueState::Paused),
            ..ChangeQueue::default()
        };
        let after = change(&all, &before).unwrap();
        assert_eq!((after.max_active, after.admit_per_second, after.active_ms), (1, 2, 3_000));
        assert_eq!((after.guards.len(), after.state, &after.first), (1, QueueState::Paused, &before.first));
        for (n, (bad, expected)) in [
            (ChangeQueue { max_active: Some(0), ..all.clone() }, CommandRefusal::BadMaxActive),
            (ChangeQueue { admit_per_second: Some(-1), ..all.clone() }, CommandRefusal::BadRate),
            (ChangeQueue { active_ms: Some(0), ..all.clone() }, CommandRefusal::BadDuration),
            (
                ChangeQueue { guards: Some(vec![Subject::new(SubjectType::Policy, "")]), ..all },
                CommandRefusal::BadGuard,
            ),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(change(&bad, &before), Err(expected), "case {n}");
        }
    }

    #[test]
    fn a_user_gets_the_next_ticket() {
        let counts = CountsRow { issued: 41, ..CountsRow::default() };
        let full = CountsRow { issued: TICKETS_MAX, ..CountsRow::default() };
        let draining = QueueRow { state: QueueState::Draining, ..queue() };
        let paused = QueueRow { state: QueueState::Paused, ..queue() };
        for (n, (queue, counts, user, expected)) in [
            (&queue(), &counts, "u", Ok(42)),
            (&paused, &counts, "u", Ok(42)),
            (&draining, &counts, "u", Err(CommandRefusal::QueueClosed)),
            (&draining, &counts, " ", Err(CommandRefusal::NoUser)),
            (&queue(), &counts, " u", Err(CommandRefusal::BadUser)),
            (&queue(), &full, "u", Err(CommandRefusal::QueueFull)),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(enter(&Join::new("r", "q", user), queue, counts), expected, "case {n}");
        }
    }

    #[test]
    fn there_is_room_in_a_queue_that_is_open() {
        let counts = |active, waiting| CountsRow { active, waiting: vec![waiting], ..CountsRow::default() };
        let in_state = |state| QueueRow { state, ..queue() };
        let shut = QueueRow { opened_ms: None, ..queue() };
        for (n, (queue, counts, expected)) in [
            (queue(), counts(0, 0), 0),
            (queue(), counts(0, 3), 3),
            (queue(), counts(8, 3), 2),
            (queue(), counts(10, 3), 0),
            // The limit was lowered.
            (queue(), counts(12, 3), 0),
            (in_state(QueueState::Paused), counts(0, 3), 0),
            (in_state(QueueState::Draining), counts(0, 3), 3),
            (shut, counts(0, 3), 0),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(room(&queue, &counts), expected, "case {n}");
        }
    }

    #[test]
    fn a_queue_opens_at_its_time_and_once() {
        let at = |opens_ms, opened_ms| QueueRow { opens_ms, opened_ms, ..queue() };
        assert!(opens(&at(None, None), i64::MIN));
        assert!(!opens(&at(Some(10), None), 9));
        assert!(opens(&at(Some(10), None), 10));
        assert!(!opens(&at(Some(10), Some(10)), 11));
    }

    #[test]
    fn the_sample_queue_makes_sense() {
        let sample = CreateQueue { key: Some(QueueKey::new([1; 32])), ..sample::queue() };
        let Creation::New(row) = create(&sample, None, 0).unwrap() else { panic!("not new") };
        assert_eq!((row.max_active, row.admit_per_second, row.guards.len()), (100, 50, 0));
    }
}
