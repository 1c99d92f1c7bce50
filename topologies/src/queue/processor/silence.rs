//! Signs of life, and tickets of which there are none.

use super::{Hand, LOST_MS};
use crate::queue::Queue;
use crate::queue::decide::life;
use crate::shell::CommandContext;
use holdfast_engine::prelude::ProcessError;
use holdfast_model::queue::keys::{ChunkKey, TicketKey};
use holdfast_model::queue::message::{ChunkDue, Signal, Touch};
use holdfast_model::queue::row::SeenRow;
use holdfast_model::queue::{CHUNK, SEEN, TICKETS};
use std::ops::ControlFlow;

/// Shortest time between two looks at a chunk, in ms: so much later a silent ticket may end.
pub const CHUNK_PAUSE_MS: i64 = 2_000;
/// Most tickets that one look ends: others wait meanwhile.
const ENDS_MAX: usize = 256;
/// Pause until the rest of them, in ms.
const REST_MS: i64 = 20;
/// An ACTIVE ticket that should have ended so long ago has lost its message, in ms.
const ACTIVE_LOST_MS: i64 = 60_000;

impl CommandContext<'_, '_, Queue> {
    /// Sees to it that the chunk of a ticket that was just given out is looked at.
    pub(super) fn watch(&mut self, hand: &Hand, ticket: u64) -> Result<(), ProcessError> {
        let chunk = ChunkKey::of(ticket).0;
        self.buffers.chunk.chunk = chunk;
        if self.ctx.contains(&SEEN, &self.buffers.chunk)? {
            return Ok(());
        }
        let base_ms = self.ctx.now_ms();
        let since_ms = hand.queue.opens_ms.filter(|_| hand.queue.opened_ms.is_none()).unwrap_or(base_ms);
        let due_ms = since_ms.max(base_ms).saturating_add(hand.queue.keep_ms);
        self.look_at_chunk(hand, chunk, due_ms, SeenRow { base_ms, ..SeenRow::default() })
    }

    fn look_at_chunk(&mut self, hand: &Hand, chunk: u64, due_ms: i64, row: SeenRow) -> Result<(), ProcessError> {
        let queue_id = hand.id.clone();
        let id = self.send_later(hand, due_ms, |due_at| Signal::Silence(ChunkDue { queue_id, due_at, chunk }))?;
        self.buffers.chunk.chunk = chunk;
        self.ctx.put(&SEEN, &self.buffers.chunk, &SeenRow { look_due_ms: id.due_ms, ..row })
    }

    /// Notes that clients have asked after tickets. What is told of tickets that do not live any more, or never did, changes nothing.
    pub(super) fn touch(&mut self, hand: &Hand, touch: &Touch) -> Result<(), ProcessError> {
        let mut tickets = touch.tickets.clone();
        tickets.sort_unstable();
        let now_ms = self.ctx.now_ms();
        let issued = tickets.partition_point(|ticket| *ticket <= hand.counts.issued);
        for of_chunk in tickets.get(..issued).unwrap_or_default().chunk_by(|a, b| a / CHUNK == b / CHUNK) {
            let Some(chunk) = of_chunk.first().map(|ticket| ticket / CHUNK) else { continue };
            self.buffers.chunk.chunk = chunk;
            let Some(mut row) = self.ctx.get(&SEEN, &self.buffers.chunk)? else { continue };
            for ticket in of_chunk {
                life::see(&mut row, ChunkKey::of(*ticket).1, now_ms);
            }
            if now_ms > row.look_due_ms.saturating_add(LOST_MS) {
                self.look_at_chunk(hand, chunk, now_ms, row)?;
            } else {
                self.ctx.put(&SEEN, &self.buffers.chunk, &row)?;
            }
        }
        Ok(())
    }

    /// When a ticket was last asked after.
    pub(super) fn seen_ms(&mut self, ticket: u64) -> Result<Option<i64>, ProcessError> {
        let (chunk, at) = ChunkKey::of(ticket);
        self.buffers.chunk.chunk = chunk;
        Ok(self.ctx.get(&SEEN, &self.buffers.chunk)?.and_then(|row| life::seen_ms(&row, at)))
    }

    /// Ends the silent tickets of a chunk. It is looked at by one message, and any other is known.
    pub(super) fn on_silence(&mut self, hand: &mut Hand, due: &ChunkDue) -> Result<(), ProcessError> {
        self.buffers.chunk.chunk = due.chunk;
        let seen = self.ctx.get(&SEEN, &self.buffers.chunk)?;
        let Some(seen) = seen.filter(|row| row.look_due_ms == due.due_at) else { return Ok(()) };
        let now_ms = self.ctx.now_ms();
        let (mut live, mut ended) = (0_usize, Vec::new());
        // A new ticket of the chunk may be silent as soon as the time of silence has passed.
        let mut next_ms = now_ms.saturating_add(hand.queue.keep_ms);
        let mut is_cut = false;
        let first = TicketKey { queue_id: hand.id.clone(), ticket: due.chunk * CHUNK };
        let queue = &hand.queue;
        self.ctx.scan_from(&TICKETS, &TicketKey::prefix_of_queue(&hand.id), &first, &mut |key, row| {
            if key.ticket / CHUNK != due.chunk {
                return ControlFlow::Break(());
            }
            live += 1;
            let Some((end_ms, reason)) = life::end(queue, &row, life::seen_ms(&seen, ChunkKey::of(key.ticket).1))
            else {
                return ControlFlow::Continue(());
            };
            let end_ms = if row.active.is_some() { end_ms.saturating_add(ACTIVE_LOST_MS) } else { end_ms };
            if end_ms > now_ms {
                next_ms = next_ms.min(end_ms);
            } else if ended.len() < ENDS_MAX {
                ended.push((key.ticket, row, reason));
            } else {
                is_cut = true;
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        for (ticket, row, reason) in &ended {
            self.end(hand, *ticket, row, *reason)?;
        }
        if live == ended.len() {
            self.buffers.chunk.chunk = due.chunk;
            return self.ctx.delete(&SEEN, &self.buffers.chunk);
        }
        let next_ms = if is_cut { now_ms.saturating_add(REST_MS) } else { next_ms.max(now_ms + CHUNK_PAUSE_MS) };
        // Not before those who came early can be silent.
        let opens_ms = hand.queue.opens_ms.filter(|_| hand.queue.opened_ms.is_none());
        let next_ms = next_ms.max(opens_ms.map_or(i64::MIN, |ms| ms.saturating_add(hand.queue.keep_ms)));
        self.look_at_chunk(hand, due.chunk, next_ms, seen)
    }
}
