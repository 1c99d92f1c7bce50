//! The rows of a line, and who stands where in it.

use super::{Buffers, Hand, broken_queue};
use crate::queue::Queue;
use crate::queue::line::{Rows, RowsMut};
use crate::shell::CommandContext;
use holdfast_engine::prelude::{Context, ProcessError, Table};
use holdfast_model::queue::keys::ChunkKey;
use holdfast_model::queue::row::{BitsRow, NodeRow, PackedRow, TicketRow};
use holdfast_model::queue::{DRAWN_PLACES, DRAWN_TICKETS, LINE, NODES, TICKETS};

/// The line of the queue that is in hand.
pub(super) struct Line<'a, 'c> {
    ctx: &'a mut Context<'c>,
    buffers: &'a mut Buffers,
}

impl Rows for Line<'_, '_> {
    type Error = ProcessError;

    fn bits(&mut self, chunk: u64) -> Result<BitsRow, ProcessError> {
        self.buffers.chunk.chunk = chunk;
        Ok(self.ctx.get(&LINE, &self.buffers.chunk)?.unwrap_or_default())
    }

    fn node(&mut self, level: u64, number: u64) -> Result<NodeRow, ProcessError> {
        (self.buffers.node.level, self.buffers.node.number) = (level, number);
        Ok(self.ctx.get(&NODES, &self.buffers.node)?.unwrap_or_default())
    }
}

impl RowsMut for Line<'_, '_> {
    fn put_bits(&mut self, chunk: u64, row: &BitsRow) -> Result<(), ProcessError> {
        self.buffers.chunk.chunk = chunk;
        if row.words.is_empty() {
            self.ctx.delete(&LINE, &self.buffers.chunk)
        } else {
            self.ctx.put(&LINE, &self.buffers.chunk, row)
        }
    }

    fn put_node(&mut self, level: u64, number: u64, row: &NodeRow) -> Result<(), ProcessError> {
        (self.buffers.node.level, self.buffers.node.number) = (level, number);
        if row.counts.is_empty() {
            self.ctx.delete(&NODES, &self.buffers.node)
        } else {
            self.ctx.put(&NODES, &self.buffers.node, row)
        }
    }
}

impl<'c> CommandContext<'_, 'c, Queue> {
    pub(super) fn line(&mut self) -> Line<'_, 'c> {
        Line { ctx: self.ctx, buffers: self.buffers }
    }

    /// The place in line of a ticket.
    pub(super) fn place_of_ticket(&mut self, hand: &Hand, ticket: u64) -> Result<u64, ProcessError> {
        if ticket > hand.queue.drawn {
            return Ok(ticket);
        }
        self.drawn(&DRAWN_PLACES, ticket)
    }

    /// The ticket in a place in line.
    pub(super) fn ticket_at(&mut self, hand: &Hand, place: u64) -> Result<u64, ProcessError> {
        if place > hand.queue.drawn_live {
            return Ok(place);
        }
        self.drawn(&DRAWN_TICKETS, place)
    }

    fn drawn(&mut self, table: &Table<ChunkKey, PackedRow>, number: u64) -> Result<u64, ProcessError> {
        let (chunk, at) = ChunkKey::of(number);
        self.buffers.chunk.chunk = chunk;
        let row = self.ctx.get(table, &self.buffers.chunk)?.unwrap_or_default();
        let drawn = row.numbers.get(at).copied().filter(|number| *number > 0);
        drawn.ok_or_else(|| broken_queue(format!("{number} has not been drawn")))
    }

    /// The row of a live ticket. The key in `buffers` is its key then.
    pub(super) fn ticket(&mut self, ticket: u64) -> Result<Option<TicketRow>, ProcessError> {
        self.buffers.ticket.ticket = ticket;
        self.ctx.get(&TICKETS, &self.buffers.ticket)
    }
}
