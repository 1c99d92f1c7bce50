//! Joins: a ticket for each user.

use super::Hand;
use crate::queue::decide::terms;
use crate::queue::outcomes::Decided;
use crate::queue::{Queue, line};
use crate::shell::{CommandContext, set};
use holdfast_engine::prelude::ProcessError;
use holdfast_model::queue::command_outcome::CommandRefusal;
use holdfast_model::queue::fact::Step;
use holdfast_model::queue::message::{Join, Touch};
use holdfast_model::queue::row::{TicketRow, UserRow};
use holdfast_model::queue::{TICKETS, USERS};

impl CommandContext<'_, '_, Queue> {
    pub(super) fn join(&mut self, join: &Join<'_>) -> Result<Decided, ProcessError> {
        let Some(mut hand) = self.hand(&join.queue_id)? else { return Ok(Err(CommandRefusal::UnknownQueue)) };
        set(&mut self.buffers.user.user_id, &join.user_id);
        let decided = match self.ctx.get(&USERS, &self.buffers.user)? {
            // Another tab, or a client that has not heard the answer: it is there, so its ticket is heard of.
            Some(UserRow { ticket }) => {
                self.touch(&hand, &Touch { queue_id: String::new(), tickets: vec![ticket] })?;
                Ok(ticket)
            }
            None => terms::enter(join, &hand.queue, &hand.counts),
        };
        if decided == Ok(hand.counts.issued + 1) {
            self.enter(&mut hand, &join.user_id)?;
        }
        self.admit(&mut hand)?;
        self.put_down(&hand)?;
        Ok(decided)
    }

    /// Gives out the next ticket. The key of its user is in `buffers`.
    fn enter(&mut self, hand: &mut Hand, user_id: &str) -> Result<(), ProcessError> {
        hand.counts.issued += 1;
        let (ticket, joined_ms) = (hand.counts.issued, self.ctx.now_ms());
        self.buffers.ticket.ticket = ticket;
        self.ctx.put(&TICKETS, &self.buffers.ticket, &TicketRow { user_id, joined_ms, active: None })?;
        self.ctx.put(&USERS, &self.buffers.user, &UserRow { ticket })?;
        line::take(&mut self.line(), &mut hand.counts.waiting, ticket)?;
        self.watch(hand, ticket)?;
        self.tell_later(hand)?;
        // It is the last in line.
        let position = hand.queue.opened_ms.map(|_| hand.counts.waiting_total());
        self.send_fact(hand, ticket, user_id, Step::Entered { position })
    }
}
