//! Commands about queues, and tickets that are given back.

use super::Hand;
use crate::queue::Queue;
use crate::queue::decide::terms::{self, Creation};
use crate::queue::outcomes::Decided;
use crate::shell::CommandContext;
use holdfast_engine::prelude::ProcessError;
use holdfast_model::queue::command_outcome::CommandRefusal;
use holdfast_model::queue::fact::QueueStep;
use holdfast_model::queue::message::{ChangeQueue, Command, CreateQueue, Leave};
use holdfast_model::queue::row::CountsRow;
use holdfast_model::queue::ticket_state::EndReason;
use holdfast_model::queue::{ENDED, QUEUES};

impl CommandContext<'_, '_, Queue> {
    pub(super) fn command(&mut self, command: &Command) -> Result<Decided, ProcessError> {
        match command {
            Command::CreateQueue(command) => self.create(command),
            Command::ChangeQueue(command) => self.change(command),
            Command::Leave(command) => self.leave(command),
        }
    }

    fn create(&mut self, command: &CreateQueue) -> Result<Decided, ProcessError> {
        let existing = self.ctx.get(&QUEUES, &command.queue_id)?;
        let queue = match terms::create(command, existing.as_ref(), self.ctx.now_ms()) {
            Ok(Creation::New(queue)) => *queue,
            Ok(Creation::Unchanged) => return Ok(Ok(0)),
            Err(refusal) => return Ok(Err(refusal)),
        };
        let (id, counts) = (command.queue_id.clone(), CountsRow::default());
        let mut hand = self.take(Hand { id, queue, counts, is_changed: true, ahead_ms: 0 });
        self.send_queue_fact(&hand, QueueStep::Created)?;
        self.change_guards(&hand, &[])?;
        if terms::opens(&hand.queue, self.ctx.now_ms()) {
            self.open(&mut hand)?;
        } else if let Some(opens_ms) = hand.queue.opens_ms {
            self.open_later(&hand, opens_ms)?;
        }
        self.put_down(&hand)?;
        Ok(Ok(0))
    }

    fn change(&mut self, command: &ChangeQueue) -> Result<Decided, ProcessError> {
        let Some(mut hand) = self.hand(&command.queue_id)? else { return Ok(Err(CommandRefusal::UnknownQueue)) };
        let decided = terms::change(command, &hand.queue);
        if let Ok(queue) = &decided
            && *queue != hand.queue
        {
            let before = std::mem::replace(&mut hand.queue, queue.clone());
            hand.is_changed = true;
            // The next admission is due at another time now; the message that is on its way is an old one.
            hand.counts.admit_due_ms = None;
            self.send_queue_fact(&hand, QueueStep::Changed)?;
            self.change_guards(&hand, &before.guards)?;
        }
        self.admit(&mut hand)?;
        self.put_down(&hand)?;
        Ok(decided.map(|_| 0))
    }

    fn leave(&mut self, command: &Leave) -> Result<Decided, ProcessError> {
        let Some(mut hand) = self.hand(&command.queue_id)? else { return Ok(Err(CommandRefusal::UnknownQueue)) };
        let decided = match self.ticket(command.ticket)? {
            Some(row) if row.user_id == command.user_id => {
                self.end(&mut hand, command.ticket, &row, EndReason::Left)?;
                Ok(command.ticket)
            }
            // Another user's ticket is unknown: a number that was guessed tells nothing.
            Some(_) => Err(CommandRefusal::UnknownTicket),
            None => {
                let ended = self.ctx.get_kept(&ENDED, &self.buffers.ticket)?;
                let is_own = ended.is_some_and(|row| row.user_id == command.user_id);
                if is_own { Ok(command.ticket) } else { Err(CommandRefusal::UnknownTicket) }
            }
        };
        self.admit(&mut hand)?;
        self.put_down(&hand)?;
        Ok(decided)
    }
}
