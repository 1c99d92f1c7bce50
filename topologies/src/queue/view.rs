//! What the outside may see: committed rows, shown. `now_ms` is the time of the question; nothing is decided with it.

use super::decide::{estimate, life};
use super::line::{self, ReadOnce, Rows};
use holdfast_engine::inspect::{QueryError, TaskView};
use holdfast_model::guard::{QueueKey, Subject};
use holdfast_model::queue::command_outcome::CommandRefusal;
use holdfast_model::queue::draw;
use holdfast_model::queue::keys::{ChunkKey, NodeKey, TicketKey, UserKey};
use holdfast_model::queue::row::{BitsRow, CommandRow, CountsRow, EndedRow, NodeRow, PaceRow, QueueRow, TicketRow};
use holdfast_model::queue::ticket_state::{EndReason, QueueState, TicketState};
use holdfast_model::queue::{COMMANDS, COUNTS, DRAWN_PLACES, ENDED, LINE, NODES, PACE, QUEUES, TICKETS, USERS};
use holdfast_model::rfc3339;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Queue)]
pub struct QueueView {
    /// Its id.
    pub queue_id: String,
    /// `OPEN`, `PAUSED` or `DRAINING`.
    pub state: QueueState,
    /// Whether its tickets have positions.
    pub is_open: bool,
    /// Most tickets that may be ACTIVE at a time.
    pub max_active: u32,
    /// Most admissions in any second.
    pub admit_per_second: u32,
    /// How long a ticket is ACTIVE at most, in ms.
    pub active_ms: i64,
    /// How long nothing may be heard of an ACTIVE ticket, in ms.
    pub silence_ms: i64,
    /// How long the position of a silent ticket is kept, in ms.
    pub keep_ms: i64,
    /// How long a ticket waits until its user is told of its position, in ms.
    pub notice_after_ms: i64,
    /// Whether users are told anything.
    pub notices: bool,
    /// What only users with an ACTIVE ticket may buy.
    pub guards: Vec<Subject>,
    /// When it opens, if it did not at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opens_at: Option<String>,
    /// When its tickets got positions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opened_at: Option<String>,
    /// Whether those who came before are put in line by a draw.
    pub shuffle: bool,
    /// SHA-256 of the seed of the draw, in hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed_hash: Option<String>,
    /// The seed, in hexadecimal digits, once the queue has opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<String>,
    /// Tickets up to this one were drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drawn: Option<u64>,
    /// How many of them were live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drawn_live: Option<u64>,
    /// Tickets that were given out.
    pub issued: u64,
    /// Tickets that wait, or will when it opens.
    pub waiting: u64,
    /// Tickets that are ACTIVE.
    pub active: u64,
    /// Tickets that have ever been ACTIVE.
    pub admitted: u64,
    /// Tickets that have ended, by reason.
    pub ended: EndedView,
    /// When it was created.
    pub created_at: String,
}

/// Tickets that have ended, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = QueueEnded)]
pub struct EndedView {
    /// Given back.
    pub left: u64,
    /// Nothing was heard of them for too long.
    pub silent: u64,
    /// Their time was over.
    pub timed_out: u64,
    /// Their users have bought.
    pub purchased: u64,
}

impl QueueView {
    /// Shows a queue: never its key, and its seed only when that decides nothing any more.
    #[must_use]
    pub fn new(queue_id: String, row: QueueRow, counts: &CountsRow) -> Self {
        let seed = row.seed.as_ref().filter(|_| row.shuffle);
        let is_drawn = row.shuffle && row.opened_ms.is_some();
        Self {
            queue_id,
            state: row.state,
            is_open: row.opened_ms.is_some(),
            max_active: row.max_active,
            admit_per_second: row.admit_per_second,
            active_ms: row.active_ms,
            silence_ms: row.silence_ms,
            keep_ms: row.keep_ms,
            notice_after_ms: row.notice_after_ms,
            notices: row.notices,
            opens_at: row.opens_ms.map(rfc3339::to_string),
            opened_at: row.opened_ms.map(rfc3339::to_string),
            shuffle: row.shuffle,
            seed_hash: seed.map(|seed| draw::hex(&draw::seed_hash(seed.as_bytes()))),
            seed: seed.filter(|_| is_drawn).map(|seed| draw::hex(seed.as_bytes())),
            drawn: is_drawn.then_some(row.drawn),
            drawn_live: is_drawn.then_some(row.drawn_live),
            guards: row.guards,
            issued: counts.issued,
            waiting: counts.waiting_total(),
            active: counts.active,
            admitted: counts.admitted,
            ended: EndedView {
                left: counts.left,
                silent: counts.silent,
                timed_out: counts.timed_out,
                purchased: counts.purchased,
            },
            created_at: rfc3339::to_string(row.created_ms),
        }
    }
}

/// A ticket, as its user may know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketView {
    /// Of which queue.
    pub queue_id: String,
    /// Its number.
    pub ticket: u64,
    /// Whose it is.
    pub user_id: String,
    /// What it is.
    pub state: TicketState,
    /// Waiting tickets ahead, and one more; 0 = ACTIVE; none = it has none: the queue is not open, or it has ended.
    pub position: Option<u64>,
    /// How many seconds it will wait, as far as anybody can say.
    pub wait_s: Option<u64>,
    /// When to ask again, in ms.
    pub poll_after_ms: i64,
    /// When it was given out, in ms since the epoch.
    pub joined_ms: i64,
    /// Until when it is ACTIVE at most.
    pub active_until_ms: Option<i64>,
    /// When it ended, and why.
    pub ended: Option<(i64, EndReason)>,
}

/// Where a ticket stands, as [`positions`] tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// What it is.
    pub state: TicketState,
    /// See [`TicketView::position`].
    pub position: Option<u64>,
    /// See [`TicketView::wait_s`].
    pub wait_s: Option<u64>,
    /// Until when it is ACTIVE at most.
    pub active_until_ms: Option<i64>,
}

/// What is read of a queue for each question about its tickets.
struct Hall<'a> {
    task: &'a TaskView,
    id: &'a str,
    queue: QueueRow,
    counts: CountsRow,
    pace: PaceRow,
}

impl<'a> Hall<'a> {
    fn of(task: &'a TaskView, id: &'a str) -> Result<Option<Self>, QueryError> {
        let key = id.to_owned();
        let Some(queue) = task.get(&QUEUES, &key)? else { return Ok(None) };
        let counts = task.get(&COUNTS, &key)?.unwrap_or_default();
        let pace = task.get(&PACE, &key)?.unwrap_or_default();
        Ok(Some(Self { task, id, queue, counts, pace }))
    }

    fn key(&self, ticket: u64) -> TicketKey {
        TicketKey { queue_id: self.id.to_owned(), ticket }
    }

    fn line(&self) -> LineOf<'a> {
        LineOf { task: self.task, id: self.id }
    }

    /// The place in line of a ticket; 0 = it was not live at the draw.
    fn place(&self, ticket: u64) -> Result<u64, QueryError> {
        if ticket > self.queue.drawn {
            return Ok(ticket);
        }
        let (chunk, at) = ChunkKey::of(ticket);
        let row = self.task.get(&DRAWN_PLACES, &ChunkKey { queue_id: self.id.to_owned(), chunk })?;
        Ok(row.and_then(|row| row.numbers.get(at).copied()).unwrap_or_default())
    }

    fn live(&self, ticket: u64, row: TicketRow, now_ms: i64) -> Result<TicketView, QueryError> {
        let state = life::state(&self.queue, &row);
        let position = match state {
            TicketState::Active => Some(0),
            TicketState::Waiting => {
                let place = self.place(ticket)?;
                Some(line::ahead(&mut self.line(), &self.counts.waiting, place)? + 1)
            }
            TicketState::Pre | TicketState::Ended => None,
        };
        let wait_s = position.and_then(|position| estimate::wait_s(&self.queue, &self.pace, position, now_ms));
        Ok(TicketView {
            queue_id: self.id.to_owned(),
            ticket,
            user_id: row.user_id,
            state,
            position,
            wait_s,
            poll_after_ms: estimate::poll_after_ms(&self.queue, state, wait_s, now_ms),
            joined_ms: row.joined_ms,
            active_until_ms: row.active.map(|active| active.until_ms),
            ended: None,
        })
    }

    fn ended(&self, ticket: u64, row: EndedRow, now_ms: i64) -> TicketView {
        TicketView {
            queue_id: self.id.to_owned(),
            ticket,
            user_id: row.user_id,
            state: TicketState::Ended,
            position: None,
            wait_s: None,
            poll_after_ms: estimate::poll_after_ms(&self.queue, TicketState::Ended, None, now_ms),
            joined_ms: row.joined_ms,
            active_until_ms: None,
            ended: Some((row.ended_ms, row.reason)),
        }
    }
}

/// The line of a queue in a view.
struct LineOf<'a> {
    task: &'a TaskView,
    id: &'a str,
}

impl Rows for LineOf<'_> {
    type Error = QueryError;

    fn bits(&mut self, chunk: u64) -> Result<BitsRow, QueryError> {
        let key = ChunkKey { queue_id: self.id.to_owned(), chunk };
        Ok(self.task.get(&LINE, &key)?.unwrap_or_default())
    }

    fn node(&mut self, level: u64, number: u64) -> Result<NodeRow, QueryError> {
        let key = NodeKey { queue_id: self.id.to_owned(), level, number };
        Ok(self.task.get(&NODES, &key)?.unwrap_or_default())
    }
}

/// The queue `queue_id`. `task` is the one in the place of that key.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn queue(task: &TaskView, queue_id: &str) -> Result<Option<QueueView>, QueryError> {
    let key = queue_id.to_owned();
    let Some(row) = task.get(&QUEUES, &key)? else { return Ok(None) };
    let counts = task.get(&COUNTS, &key)?.unwrap_or_default();
    Ok(Some(QueueView::new(key, row, &counts)))
}

/// The secret of the tokens of a queue.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn key(task: &TaskView, queue_id: &str) -> Result<Option<QueueKey>, QueryError> {
    Ok(task.get(&QUEUES, &queue_id.to_owned())?.map(|row| row.key))
}

/// A ticket, live or ended not long ago; `None`: there is no such queue or ticket.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn ticket(task: &TaskView, queue_id: &str, ticket: u64, now_ms: i64) -> Result<Option<TicketView>, QueryError> {
    let Some(hall) = Hall::of(task, queue_id)? else { return Ok(None) };
    let key = hall.key(ticket);
    if let Some(row) = task.get(&TICKETS, &key)? {
        return hall.live(ticket, row, now_ms).map(Some);
    }
    Ok(task.get_kept(&ENDED, &key)?.map(|row| hall.ended(ticket, row, now_ms)))
}

/// The live ticket of a user.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn ticket_of(
    task: &TaskView,
    queue_id: &str,
    user_id: &str,
    now_ms: i64,
) -> Result<Option<TicketView>, QueryError> {
    let user = UserKey { queue_id: queue_id.to_owned(), user_id: user_id.to_owned() };
    match task.get(&USERS, &user)? {
        Some(row) => ticket(task, queue_id, row.ticket, now_ms),
        None => Ok(None),
    }
}

/// Where tickets stand, in their order; `None`: there is no such ticket, or it has ended so long ago that nothing is kept of it. The rows of the line are read
/// once, however many tickets are asked after.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn positions(
    task: &TaskView,
    queue_id: &str,
    tickets: &[u64],
    now_ms: i64,
) -> Result<Vec<Option<Standing>>, QueryError> {
    let Some(hall) = Hall::of(task, queue_id)? else { return Ok(vec![None; tickets.len()]) };
    let mut line = ReadOnce::new(hall.line());
    let mut drawn = BTreeMap::new();
    let standing = |ticket: &u64| -> Result<Option<Standing>, QueryError> {
        let of = |state, position: Option<u64>, active_until_ms| {
            let wait_s = position.and_then(|position| estimate::wait_s(&hall.queue, &hall.pace, position, now_ms));
            Some(Standing { state, position, wait_s, active_until_ms })
        };
        let (chunk, at) = ChunkKey::of(*ticket);
        let place = if *ticket > hall.queue.drawn {
            *ticket
        } else {
            let row = match drawn.entry(chunk) {
                std::collections::btree_map::Entry::Occupied(row) => row.into_mut(),
                std::collections::btree_map::Entry::Vacant(free) => {
                    let key = ChunkKey { queue_id: queue_id.to_owned(), chunk };
                    free.insert(task.get(&DRAWN_PLACES, &key)?.unwrap_or_default())
                }
            };
            row.numbers.get(at).copied().unwrap_or_default()
        };
        // Who is in line waits, or will when the queue opens: the ticket's own row need not be read.
        if let Some(ahead) = line.position(&hall.counts.waiting, place)? {
            let is_open = hall.queue.opened_ms.is_some();
            let state = if is_open { TicketState::Waiting } else { TicketState::Pre };
            return Ok(of(state, is_open.then_some(ahead + 1), None));
        }
        let key = hall.key(*ticket);
        if let Some(active) = task.get(&TICKETS, &key)?.and_then(|row| row.active) {
            return Ok(of(TicketState::Active, Some(0), Some(active.until_ms)));
        }
        Ok(task.get_kept(&ENDED, &key)?.and_then(|_| of(TicketState::Ended, None, None)))
    };
    tickets.iter().map(standing).collect()
}

/// When a ticket should be asked after again, by its [`Standing`] alone.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn poll_after_ms(
    task: &TaskView,
    queue_id: &str,
    standing: &Standing,
    now_ms: i64,
) -> Result<Option<i64>, QueryError> {
    let queue = task.get(&QUEUES, &queue_id.to_owned())?;
    Ok(queue.map(|queue| estimate::poll_after_ms(&queue, standing.state, standing.wait_s, now_ms)))
}

/// A command and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CommandView {
    /// Its id.
    pub command_id: String,
    /// `SUCCESS`, `VALIDATION_FAILED`, `NOT_FOUND`, `CONFLICT` or `SYSTEM_ERROR`.
    pub status: &'static str,
    /// The ticket that a join was given, or that was given back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket: Option<u64>,
    /// Why it was not done, for machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// Why it was not done, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// When it was decided.
    pub decided_at: String,
}

impl CommandView {
    /// Shows a command that has been decided.
    #[must_use]
    pub fn new(command_id: String, row: &CommandRow) -> Self {
        let refused = row.result.err();
        Self {
            command_id,
            status: refused.map_or("SUCCESS", |refusal| refusal.status().as_str()),
            ticket: row.result.ok().filter(|ticket| *ticket > 0),
            code: refused.map(CommandRefusal::code),
            reason: refused.map(CommandRefusal::reason),
            decided_at: rfc3339::to_string(row.decided_ms),
        }
    }
}

/// The command `command_id`, once it is decided.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn command(task: &TaskView, command_id: &str) -> Result<Option<CommandView>, QueryError> {
    let row = task.get_kept(&COMMANDS, &command_id.to_owned())?;
    Ok(row.map(|row| CommandView::new(command_id.to_owned(), &row)))
}
