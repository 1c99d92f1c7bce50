//! What is said to the topologies of what a queue guards.

use super::Hand;
use crate::queue::{Queue, sinks};
use crate::shell::{CommandContext, Event};
use holdfast_engine::prelude::ProcessError;
use holdfast_model::guard::{GuardCommand, GuardMessage, Subject};
use holdfast_model::queue::TICKETS;
use holdfast_model::queue::keys::TicketKey;
use std::ops::ControlFlow;

impl CommandContext<'_, '_, Queue> {
    /// Says something to all that the queue guards.
    pub(super) fn send_guards(&mut self, hand: &Hand, command: &GuardCommand) -> Result<(), ProcessError> {
        hand.queue.guards.iter().try_for_each(|subject| self.send_guard(hand, subject, command.clone()))
    }

    fn send_guard(&mut self, hand: &Hand, subject: &Subject, command: GuardCommand) -> Result<(), ProcessError> {
        let message = GuardMessage { queue_id: hand.id.clone(), subject: subject.clone(), command };
        let key = subject.inbox_key();
        let number = match &message.command {
            GuardCommand::Guard { .. } | GuardCommand::Unguard => self.ctx.offset().to_string(),
            GuardCommand::Admit { ticket, .. } | GuardCommand::EndAdmission { ticket, .. } => ticket.to_string(),
        };
        let event = Event {
            id: &["evt_", &hand.id, ".", &number, ".", message.command.kind(), ".", &key],
            kind: "queue.guard",
            to: sinks::of(subject.kind),
            place: None,
            key: &key,
        };
        self.events.send_json(self.ctx, &event, &message)
    }

    /// What the queue guards is something else than `before`. What is guarded from now on is told of all who are ACTIVE: they may buy it too.
    pub(super) fn change_guards(&mut self, hand: &Hand, before: &[Subject]) -> Result<(), ProcessError> {
        let after = &hand.queue.guards;
        for subject in before.iter().filter(|subject| !after.contains(subject)) {
            self.send_guard(hand, subject, GuardCommand::Unguard)?;
        }
        let new: Vec<_> = after.iter().filter(|subject| !before.contains(subject)).collect();
        for subject in &new {
            self.send_guard(hand, subject, GuardCommand::Guard { key: hand.queue.key.clone() })?;
        }
        if new.is_empty() || hand.counts.active == 0 {
            return Ok(());
        }
        let mut admits = Vec::new();
        self.ctx.scan(&TICKETS, &TicketKey::prefix_of_queue(&hand.id), &mut |key, row| {
            if let Some(active) = row.active {
                let (ticket, user_id, active_until_ms) = (key.ticket, row.user_id, active.until_ms);
                admits.push(GuardCommand::Admit { ticket, user_id, active_until_ms });
            }
            ControlFlow::Continue(())
        })?;
        for subject in new {
            for admit in &admits {
                self.send_guard(hand, subject, admit.clone())?;
            }
        }
        Ok(())
    }
}
