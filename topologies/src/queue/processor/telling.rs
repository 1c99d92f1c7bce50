//! Users that wait are told of their position: once, if they wait long enough, and never all at the same time.

use super::{Hand, LOST_MS};
use crate::queue::decide::life;
use crate::queue::{Queue, line};
use crate::shell::CommandContext;
use holdfast_engine::prelude::ProcessError;
use holdfast_model::queue::TICKETS;
use holdfast_model::queue::keys::TicketKey;
use holdfast_model::queue::message::{Due, Signal};
use std::ops::ControlFlow;

/// Most users that are told with one record.
const TOLD_MAX: usize = 256;
/// Most tickets that are looked at for that.
const LOOKS_MAX: usize = 1_024;
/// Pause until the next ones are told, in ms.
const PAUSE_MS: i64 = 20;

impl CommandContext<'_, '_, Queue> {
    /// Sees to it that users who wait are told. One message is on its way for a queue and no more.
    pub(super) fn tell_later(&mut self, hand: &mut Hand) -> Result<(), ProcessError> {
        let now_ms = self.ctx.now_ms();
        let is_armed = hand.counts.tell_due_ms.is_some_and(|due_ms| now_ms <= due_ms.saturating_add(LOST_MS));
        if is_armed || !hand.queue.notices || hand.queue.opened_ms.is_none() {
            return Ok(());
        }
        let due_ms = now_ms.saturating_add(hand.queue.notice_after_ms);
        self.arm_tell(hand, due_ms)
    }

    fn arm_tell(&mut self, hand: &mut Hand, due_ms: i64) -> Result<(), ProcessError> {
        let queue_id = hand.id.clone();
        let id = self.send_later(hand, due_ms, |due_at| Signal::Tell(Due { queue_id, due_at }))?;
        hand.counts.tell_due_ms = Some(id.due_ms);
        Ok(())
    }

    /// Tells those whose time has come, in the order of their tickets. What has been told of is never told of again.
    pub(super) fn on_tell(&mut self, hand: &mut Hand, due: &Due) -> Result<(), ProcessError> {
        if hand.counts.tell_due_ms != Some(due.due_at) {
            return Ok(());
        }
        hand.counts.tell_due_ms = None;
        let now_ms = self.ctx.now_ms();
        let (mut waiting, mut looks, mut next_ms, mut told) = (Vec::new(), 0, None, hand.counts.issued);
        let first = TicketKey { queue_id: hand.id.clone(), ticket: hand.counts.told + 1 };
        let queue = &hand.queue;
        self.ctx.scan_from(&TICKETS, &TicketKey::prefix_of_queue(&hand.id), &first, &mut |key, row| {
            let tell_ms = life::waits_since(queue, &row).unwrap_or(now_ms).saturating_add(queue.notice_after_ms);
            looks += 1;
            if tell_ms > now_ms || waiting.len() == TOLD_MAX || looks > LOOKS_MAX {
                (next_ms, told) = (Some(tell_ms.max(now_ms.saturating_add(PAUSE_MS))), key.ticket - 1);
                return ControlFlow::Break(());
            }
            if row.active.is_none() {
                waiting.push((key.ticket, row.user_id));
            }
            ControlFlow::Continue(())
        })?;
        for (ticket, user_id) in waiting {
            let place = self.place_of_ticket(hand, ticket)?;
            let position = line::ahead(&mut self.line(), &hand.counts.waiting, place)? + 1;
            self.notify_waiting(hand, ticket, &user_id, position)?;
        }
        hand.counts.told = told;
        match next_ms {
            Some(next_ms) => self.arm_tell(hand, next_ms),
            None => Ok(()),
        }
    }
}
