//! What is sent about queues and tickets.

use super::Hand;
use crate::queue::{Queue, sinks};
use crate::shell::{CommandContext, Event};
use holdfast_engine::prelude::ProcessError;
use holdfast_model::notification::{self, NotificationRequest, Priority};
use holdfast_model::queue::fact::{QueueFact, QueueStep, Step, TicketFact};
use std::fmt::Write;

/// A notice on its way out.
struct Notice<'a> {
    /// Last part of its event's id.
    step: &'a str,
    kind: &'a str,
    priority: Priority,
    title: &'a str,
    /// Its position, in digits.
    position: Option<&'a str>,
}

impl CommandContext<'_, '_, Queue> {
    /// Tells what happened to a ticket.
    pub(super) fn send_fact(
        &mut self,
        hand: &Hand,
        ticket: u64,
        user_id: &str,
        step: Step,
    ) -> Result<(), ProcessError> {
        let (last, kind) = match step {
            Step::Entered { .. } => (".entered", "queue.ticket.entered"),
            Step::Admitted { .. } => (".admitted", "queue.ticket.admitted"),
            Step::Ended { .. } => (".ended", "queue.ticket.ended"),
        };
        let Self { ctx, buffers, .. } = self;
        set_number(&mut buffers.number, ticket);
        let event = Event {
            id: &["evt_", &hand.id, ".", &buffers.number, last],
            kind,
            to: &sinks::EVENTS,
            // In the place of its queue, so they come in the order in which they happened.
            place: Some(ctx.place()),
            key: &hand.id,
        };
        let (queue_id, occurred_ms) = (&*hand.id, ctx.now_ms());
        self.events.send(ctx, &event, |event_id, value| {
            TicketFact { event_id, queue_id, ticket, user_id, step, occurred_ms }.write(value);
        })
    }

    /// Tells what happened to a queue.
    pub(super) fn send_queue_fact(&mut self, hand: &Hand, step: QueueStep) -> Result<(), ProcessError> {
        let offset = self.ctx.offset();
        let (id, kind) = match step {
            QueueStep::Created => (format!("evt_{}.created", hand.id), "queue.created"),
            QueueStep::Opened => (format!("evt_{}.opened", hand.id), "queue.opened"),
            QueueStep::Changed => (format!("evt_{}.changed.{offset}", hand.id), "queue.changed"),
        };
        let fact = QueueFact::of(step, id.clone(), &hand.id, &hand.queue, self.ctx.now_ms());
        let place = Some(self.ctx.place());
        let event = Event { id: &[&id], kind, to: &sinks::EVENTS, place, key: &hand.id };
        self.events.send_json(self.ctx, &event, &fact)
    }

    /// Tells a user who waits of the position.
    pub(super) fn notify_waiting(
        &mut self,
        hand: &Hand,
        ticket: u64,
        user_id: &str,
        position: u64,
    ) -> Result<(), ProcessError> {
        let text = &mut self.buffers.text;
        text.clear();
        // Writing to a text cannot fail.
        let _ = write!(text, "현재 대기 순번은 {position}번입니다.");
        let notice = Notice {
            step: ".waiting.notice",
            kind: "QUEUE_ENTERED",
            priority: Priority::Low,
            title: "대기열 진입",
            position: Some(&position.to_string()),
        };
        self.notify(hand, ticket, user_id, &notice)
    }

    /// Tells a user that the turn has come.
    pub(super) fn notify_admitted(&mut self, hand: &Hand, ticket: u64, user_id: &str) -> Result<(), ProcessError> {
        if !hand.queue.notices {
            return Ok(());
        }
        crate::shell::set(&mut self.buffers.text, "예약 가능한 시간입니다.");
        let notice = Notice {
            step: ".admitted.notice",
            kind: "SEAT_OPENED",
            priority: Priority::High,
            title: "예매 가능",
            position: None,
        };
        self.notify(hand, ticket, user_id, &notice)
    }

    /// Sends a notice with the message in `buffers.text`.
    fn notify(&mut self, hand: &Hand, ticket: u64, user_id: &str, notice: &Notice<'_>) -> Result<(), ProcessError> {
        let Self { ctx, buffers, .. } = self;
        set_number(&mut buffers.number, ticket);
        let event = Event {
            id: &["evt_", &hand.id, ".", &buffers.number, notice.step],
            kind: notification::EVENT_TYPE,
            to: &sinks::NOTIFICATIONS,
            place: None,
            key: user_id,
        };
        let mut data = vec![("queueId", &*hand.id), ("ticket", &*buffers.number)];
        data.extend(notice.position.map(|position| ("queuePosition", position)));
        let time_ms = ctx.now_ms();
        self.events.send(ctx, &event, |event_id, value| {
            NotificationRequest {
                event_id,
                time_ms,
                user_id,
                kind: notice.kind,
                priority: notice.priority,
                title: notice.title,
                message: &buffers.text,
                data: &data,
            }
            .write(value);
        })
    }
}

fn set_number(text: &mut String, number: u64) {
    text.clear();
    // Writing to a text cannot fail.
    let _ = write!(text, "{number}");
}
