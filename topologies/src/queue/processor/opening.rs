//! The moment at which a queue opens: tickets get their places in line.

use super::{Hand, broken_queue};
use crate::queue::decide::terms;
use crate::queue::{Queue, line};
use crate::shell::CommandContext;
use holdfast_engine::prelude::{ProcessError, Table};
use holdfast_model::queue::draw;
use holdfast_model::queue::fact::QueueStep;
use holdfast_model::queue::keys::ChunkKey;
use holdfast_model::queue::message::{Due, Signal};
use holdfast_model::queue::row::PackedRow;
use holdfast_model::queue::{CHUNK, DRAWN_PLACES, DRAWN_TICKETS};

impl CommandContext<'_, '_, Queue> {
    /// Opens a queue: with the record that shows that it is time, whatever it is. Those that have left before are in no line.
    pub(super) fn open(&mut self, hand: &mut Hand) -> Result<(), ProcessError> {
        hand.queue.opened_ms = Some(self.ctx.now_ms());
        hand.is_changed = true;
        let issued = hand.counts.issued;
        if hand.queue.shuffle && issued > 0 {
            let seed = hand.queue.seed.clone().ok_or_else(|| broken_queue("a draw without a seed"))?;
            let last_chunk = ChunkKey::of(issued).0;
            let live = line::all(&mut self.line(), last_chunk)?;
            let drawn = draw::line(seed.as_bytes(), live);
            let places = (1..).zip(&drawn).map(|(place, ticket)| (*ticket, place));
            self.put_packed(&DRAWN_PLACES, issued, places)?;
            self.put_packed(&DRAWN_TICKETS, drawn.len() as u64, (1..).zip(drawn.iter().copied()))?;
            (hand.queue.drawn, hand.queue.drawn_live) = (issued, drawn.len() as u64);
            line::fill(&mut self.line(), &mut hand.counts.waiting, drawn.len() as u64, last_chunk)?;
        }
        self.send_queue_fact(hand, QueueStep::Opened)?;
        if hand.counts.waiting_total() > 0 { self.tell_later(hand) } else { Ok(()) }
    }

    /// Writes numbers up to `last` by 1,024, those that are not among `numbers` as 0.
    fn put_packed(
        &mut self,
        table: &Table<ChunkKey, PackedRow>,
        last: u64,
        numbers: impl Iterator<Item = (u64, u64)>,
    ) -> Result<(), ProcessError> {
        let mut rows = vec![PackedRow::default(); usize::try_from(last / CHUNK + 1).unwrap_or(usize::MAX)];
        for (of, number) in numbers {
            let (chunk, at) = ChunkKey::of(of);
            let row = usize::try_from(chunk).ok().and_then(|chunk| rows.get_mut(chunk));
            let numbers = &mut row.ok_or_else(|| broken_queue(format!("{of} is more than {last}")))?.numbers;
            if numbers.len() <= at {
                numbers.resize(at + 1, 0);
            }
            if let Some(place) = numbers.get_mut(at) {
                *place = number;
            }
        }
        for (chunk, row) in (0..).zip(&rows) {
            self.buffers.chunk.chunk = chunk;
            self.ctx.put(table, &self.buffers.chunk, row)?;
        }
        Ok(())
    }

    /// The message by which a queue opens. If it comes early by the log's time it is sent again; if a record has opened the queue before it there is nothing
    /// left to do.
    pub(super) fn on_open(&mut self, hand: &Hand, due: &Due) -> Result<(), ProcessError> {
        match hand.queue.opens_ms {
            Some(opens_ms) if hand.queue.opened_ms.is_none() && !terms::opens(&hand.queue, self.ctx.now_ms()) => {
                // Only the one that was sent last, or each that is redelivered would make one more.
                let is_last = due.due_at >= opens_ms;
                if is_last { self.open_later(hand, opens_ms) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }

    pub(super) fn open_later(&mut self, hand: &Hand, opens_ms: i64) -> Result<(), ProcessError> {
        let queue_id = hand.id.clone();
        self.send_later(hand, opens_ms, |due_at| Signal::Open(Due { queue_id, due_at })).map(|_| ())
    }
}
