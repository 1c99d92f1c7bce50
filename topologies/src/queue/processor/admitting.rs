//! Admissions: the first in line, as long as there is room and the rate allows.

use super::{Hand, LOST_MS, broken_queue};
use crate::queue::decide::{life, pace, terms};
use crate::queue::{Queue, line};
use crate::shell::CommandContext;
use holdfast_engine::prelude::{DelayedId, ProcessError};
use holdfast_model::guard::GuardCommand;
use holdfast_model::queue::fact::Step;
use holdfast_model::queue::message::{Due, Signal, TicketDue};
use holdfast_model::queue::row::{Activity, TicketRow};
use holdfast_model::queue::{PACE, TICKETS};

impl CommandContext<'_, '_, Queue> {
    /// The message by which admissions go on has come. Any other that may be on its way is an old one.
    #[expect(clippy::unused_self, reason = "it stands beside the others")]
    pub(super) fn on_admit(&mut self, hand: &mut Hand, due: &Due) {
        if hand.counts.admit_due_ms == Some(due.due_at) {
            hand.counts.admit_due_ms = None;
        }
    }

    /// Admits as many as may be admitted now, and sees to it that the others are looked at again when it is only the rate that keeps them.
    pub(super) fn admit(&mut self, hand: &mut Hand) -> Result<(), ProcessError> {
        let room = terms::room(&hand.queue, &hand.counts);
        let now_ms = self.ctx.now_ms();
        let is_armed = hand.counts.admit_due_ms.is_some_and(|due_ms| now_ms < due_ms.saturating_add(LOST_MS));
        if room == 0 || is_armed {
            return Ok(());
        }
        let rate = hand.queue.admit_per_second;
        let mut pace = self.ctx.get(&PACE, &hand.id)?.unwrap_or_default();
        let count = pace::allowed(&pace, rate, now_ms).min(room);
        for _ in 0..count {
            self.admit_first(hand)?;
        }
        if count > 0 {
            pace = pace::spend(&pace, rate, now_ms, count);
            self.ctx.put(&PACE, &hand.id, &pace)?;
        }
        hand.counts.admit_due_ms = None;
        if count < room {
            let queue_id = hand.id.clone();
            let due_ms = pace::next_ms(&pace, rate, now_ms);
            let id = self.send_later(hand, due_ms, |due_at| Signal::Admit(Due { queue_id, due_at }))?;
            hand.counts.admit_due_ms = Some(id.due_ms);
        }
        Ok(())
    }

    fn admit_first(&mut self, hand: &mut Hand) -> Result<(), ProcessError> {
        let first = line::first(&mut self.line(), &hand.counts.waiting)?;
        let place = first.ok_or_else(|| broken_queue("its counts and its line differ"))?;
        let ticket = self.ticket_at(hand, place)?;
        line::leave(&mut self.line(), &mut hand.counts.waiting, place)?;
        let row = self.ticket(ticket)?.ok_or_else(|| broken_queue(format!("no ticket {ticket} in line")))?;
        let admitted_ms = self.ctx.now_ms();
        let until_ms = admitted_ms.saturating_add(hand.queue.active_ms);
        let look = DelayedId { due_ms: until_ms, sequence: 0 };
        let (due_ms, _) = life::active_end(&hand.queue, Activity { admitted_ms, until_ms, look }, None);
        let look = self.look_at_active(hand, ticket, due_ms)?;
        let active = Some(Activity { admitted_ms, until_ms, look });
        let user_id = &*row.user_id;
        self.buffers.ticket.ticket = ticket;
        self.ctx.put(&TICKETS, &self.buffers.ticket, &TicketRow { user_id, joined_ms: row.joined_ms, active })?;
        hand.counts.active += 1;
        hand.counts.admitted += 1;
        self.send_fact(hand, ticket, user_id, Step::Admitted { until_ms })?;
        self.notify_admitted(hand, ticket, user_id)?;
        let user_id = user_id.to_owned();
        self.send_guards(hand, &GuardCommand::Admit { ticket, user_id, active_until_ms: until_ms })
    }

    /// Looks at an ACTIVE ticket when it may have ended.
    pub(super) fn look_at_active(&mut self, hand: &Hand, ticket: u64, due_ms: i64) -> Result<DelayedId, ProcessError> {
        let queue_id = hand.id.clone();
        self.send_later(hand, due_ms, |due_at| Signal::ActiveEnd(TicketDue { queue_id, due_at, ticket }))
    }
}
