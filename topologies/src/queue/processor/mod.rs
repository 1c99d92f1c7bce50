//! The waiting room on the command shell: load, decide, store, send.

mod admitting;
mod commands;
mod ending;
mod events;
mod guards;
mod joining;
mod later;
mod opening;
mod rows;
mod silence;
mod telling;

pub use silence::CHUNK_PAUSE_MS;

use super::Queue;
use super::decide::terms;
use crate::queue::invariants;
use crate::shell::{Case, CommandContext, Feature, Handled, Home, set};
use holdfast_engine::prelude::{ProcessError, Table, Topology};
use holdfast_model::queue::keys::{ChunkKey, NodeKey, TicketKey, UserKey};
use holdfast_model::queue::message::{Message, Signal};
use holdfast_model::queue::row::{CountsRow, QueueRow};
use holdfast_model::queue::{self, COUNTS, QUEUES, SETTINGS, Settings};
use holdfast_model::settings::SettingsRow;

/// Messages to itself that are so much overdue have been lost, in ms.
const LOST_MS: i64 = 5_000;

/// Keys and texts of the record in hand. The keys are those of its queue.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    chunk: ChunkKey,
    node: NodeKey,
    ticket: TicketKey,
    user: UserKey,
    /// A ticket in digits.
    number: String,
    text: String,
}

/// The queue of the record in hand, as it becomes.
pub(super) struct Hand {
    id: String,
    queue: QueueRow,
    counts: CountsRow,
    /// The row of the queue is another one than it was.
    is_changed: bool,
    /// How far the worker's clock is ahead of the log, as the record in hand shows: later messages are sent so much later, or they would come too early too.
    ahead_ms: i64,
}

impl Feature for Queue {
    const NAME: &'static str = queue::NAME;
    const SETTINGS: Option<&'static Table<u64, SettingsRow>> = Some(&SETTINGS);
    type Settings = Settings;
    type Buffers = Buffers;
    type Message<'a> = Message<'a>;

    fn topology(settings: &Settings) -> Topology {
        crate::queue::topology_with(settings)
    }

    fn parse(value: Option<&[u8]>) -> Result<Message<'_>, ProcessError> {
        Ok(Message::parse(value)?)
    }

    fn home<'m>(message: &'m Message<'_>, _: &'m mut Buffers, _: u32) -> Result<Home<'m>, ProcessError> {
        Ok(Home::Key(message.queue_id()))
    }

    #[inline]
    fn decide(case: Case<'_, '_, Self>, message: &Message<'_>) -> Result<Handled, ProcessError> {
        match message {
            Message::Join(join) => case.once(join, |cx| cx.join(join)),
            Message::Command(command) => case.once(command, |cx| cx.command(command)),
            Message::Signal(signal) => case.answer(|cx| cx.signal(signal)),
        }
    }
}

impl CommandContext<'_, '_, Queue> {
    fn signal(&mut self, signal: &Signal) -> Result<(), ProcessError> {
        // A queue that nobody has created has no tickets that anything could be said of.
        let Some(mut hand) = self.hand(signal.queue_id())? else { return Ok(()) };
        let now_ms = self.ctx.now_ms();
        hand.ahead_ms = signal.due_ms().map_or(0, |due_ms| due_ms.saturating_sub(now_ms).max(0));
        match signal {
            Signal::Touch(touch) => self.touch(&hand, touch)?,
            Signal::Purchased(purchased) => self.purchased(&mut hand, purchased)?,
            Signal::Admit(due) => self.on_admit(&mut hand, due),
            Signal::Open(due) => self.on_open(&hand, due)?,
            Signal::Tell(due) => self.on_tell(&mut hand, due)?,
            Signal::ActiveEnd(due) => self.on_active_end(&mut hand, due)?,
            Signal::Silence(due) => self.on_silence(&mut hand, due)?,
        }
        self.admit(&mut hand)?;
        self.put_down(&hand)
    }

    /// Takes a queue in hand, its books checked, and opens it if it is time.
    fn hand(&mut self, queue_id: &str) -> Result<Option<Hand>, ProcessError> {
        let id = queue_id.to_owned();
        let Some(queue) = self.ctx.get(&QUEUES, &id)? else { return Ok(None) };
        let counts = self.ctx.get(&COUNTS, &id)?.unwrap_or_default();
        invariants::counts(&id, &counts).map_err(|broken| broken_queue(broken.to_string()))?;
        let mut hand = self.take(Hand { id, queue, counts, is_changed: false, ahead_ms: 0 });
        if terms::opens(&hand.queue, self.ctx.now_ms()) {
            self.open(&mut hand)?;
        }
        Ok(Some(hand))
    }

    /// Makes all keys those of the queue.
    fn take(&mut self, hand: Hand) -> Hand {
        let buffers = &mut *self.buffers;
        for key in [
            &mut buffers.chunk.queue_id,
            &mut buffers.node.queue_id,
            &mut buffers.ticket.queue_id,
            &mut buffers.user.queue_id,
        ] {
            set(key, &hand.id);
        }
        hand
    }

    /// Writes what has become of a queue.
    fn put_down(&mut self, hand: &Hand) -> Result<(), ProcessError> {
        if hand.is_changed {
            self.ctx.put(&QUEUES, &hand.id, &hand.queue)?;
        }
        self.ctx.put(&COUNTS, &hand.id, &hand.counts)
    }
}

/// Rows of a queue that contradict each other.
fn broken_queue(what: impl Into<String>) -> ProcessError {
    ProcessError::fail("BrokenQueue", what.into())
}
