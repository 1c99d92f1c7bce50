//! Tickets that end.

use super::Hand;
use crate::queue::decide::life;
use crate::queue::{Queue, line};
use crate::shell::{CommandContext, set};
use holdfast_engine::prelude::ProcessError;
use holdfast_model::guard::GuardCommand;
use holdfast_model::queue::fact::Step;
use holdfast_model::queue::message::{Purchased, TicketDue};
use holdfast_model::queue::row::{Activity, EndedRow, TicketRow};
use holdfast_model::queue::ticket_state::EndReason;
use holdfast_model::queue::{ENDED, TICKETS, USERS};

impl CommandContext<'_, '_, Queue> {
    /// What a user was admitted for is bought. Said twice, or of a ticket that has ended meanwhile, it changes nothing.
    pub(super) fn purchased(&mut self, hand: &mut Hand, purchased: &Purchased) -> Result<(), ProcessError> {
        match self.ticket(purchased.ticket)? {
            Some(row) if row.active.is_some() && row.user_id == purchased.user_id => {
                self.end(hand, purchased.ticket, &row, EndReason::Purchased)
            }
            _ => Ok(()),
        }
    }

    /// An ACTIVE ticket may have ended. It is looked at by one message, and any other is known.
    pub(super) fn on_active_end(&mut self, hand: &mut Hand, due: &TicketDue) -> Result<(), ProcessError> {
        let Some(row) = self.ticket(due.ticket)? else { return Ok(()) };
        let Some(active) = row.active.filter(|active| active.look.due_ms == due.due_at) else { return Ok(()) };
        let seen_ms = self.seen_ms(due.ticket)?;
        let (end_ms, reason) = life::active_end(&hand.queue, active, seen_ms);
        if self.ctx.now_ms() >= end_ms {
            return self.end(hand, due.ticket, &row, reason);
        }
        let look = self.look_at_active(hand, due.ticket, end_ms)?;
        self.buffers.ticket.ticket = due.ticket;
        let row =
            TicketRow { user_id: &*row.user_id, joined_ms: row.joined_ms, active: Some(Activity { look, ..active }) };
        self.ctx.put(&TICKETS, &self.buffers.ticket, &row)
    }

    /// Ends a live ticket: its place in line or its room is free.
    pub(super) fn end(
        &mut self,
        hand: &mut Hand,
        ticket: u64,
        row: &TicketRow,
        reason: EndReason,
    ) -> Result<(), ProcessError> {
        if let Some(active) = row.active {
            self.ctx.cancel(active.look)?;
            hand.counts.active = hand.counts.active.saturating_sub(1);
        } else {
            let place = self.place_of_ticket(hand, ticket)?;
            line::leave(&mut self.line(), &mut hand.counts.waiting, place)?;
        }
        match reason {
            EndReason::Left => hand.counts.left += 1,
            EndReason::Silent => hand.counts.silent += 1,
            EndReason::TimedOut => hand.counts.timed_out += 1,
            EndReason::Purchased => hand.counts.purchased += 1,
        }
        let user_id = &*row.user_id;
        self.buffers.ticket.ticket = ticket;
        self.ctx.delete(&TICKETS, &self.buffers.ticket)?;
        set(&mut self.buffers.user.user_id, user_id);
        self.ctx.delete(&USERS, &self.buffers.user)?;
        let ended = EndedRow {
            user_id,
            joined_ms: row.joined_ms,
            admitted_ms: row.active.map(|active| active.admitted_ms),
            ended_ms: self.ctx.now_ms(),
            reason,
        };
        self.ctx.put_kept(&ENDED, &self.buffers.ticket, &ended)?;
        self.send_fact(hand, ticket, user_id, Step::Ended { reason })?;
        if row.active.is_none() {
            return Ok(());
        }
        self.send_guards(hand, &GuardCommand::EndAdmission { ticket, user_id: user_id.to_owned() })
    }
}
