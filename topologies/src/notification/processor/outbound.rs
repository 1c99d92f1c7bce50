//! What follows from a row: an effect, a message to ourselves, a dead letter.

use super::{Buffers, Notifications};
use crate::notification::parameters::parameters;
use crate::notification::sinks;
use crate::notification::templates::{self, Told};
use holdfast_engine::prelude::{Context, DeadLetter, NewEffect, Output, ProcessError};
use holdfast_model::envelope;
use holdfast_model::notification::call::CallText;
use holdfast_model::notification::channel::Channel;
use holdfast_model::notification::row::{DeliveryRow, DeliveryState, NoticeRow, OriginalRow};
use holdfast_model::notification::step::{DUE, Step};
use holdfast_model::notification::{NOTICES, letter};

/// A notification and its text.
pub(super) struct Notice<'a> {
    pub(super) id: &'a str,
    pub(super) row: &'a NoticeRow<&'a str>,
    pub(super) told: &'a Told<'a>,
}

/// What sends.
pub(super) struct Outbound<'a, 'c> {
    pub(super) ctx: &'a mut Context<'c>,
    pub(super) buffers: &'a mut Buffers,
}

impl Outbound<'_, '_> {
    /// Does what the new state of `delivery` asks for.
    pub(super) fn follow(&mut self, notice: &Notice<'_>, delivery: &DeliveryRow) -> Result<(), ProcessError> {
        let DeliveryRow { channel, tries, .. } = *delivery;
        match delivery.state {
            DeliveryState::Sending => self.call(notice, delivery),
            DeliveryState::Queued(due_ms) | DeliveryState::Retry(due_ms) => {
                let step = Step { number: tries.saturating_add(1), channel, notification_id: notice.id };
                self.send_due(&step, due_ms)
            }
            _ => Ok(()),
        }
    }

    fn call(&mut self, notice: &Notice<'_>, delivery: &DeliveryRow) -> Result<(), ProcessError> {
        let Notice { id, row, told } = *notice;
        let channel = delivery.channel;
        let stands_alone = matches!(channel, Channel::Kakao | Channel::Sms);
        let message = told.long.filter(|_| stands_alone).unwrap_or(&told.message);
        self.buffers.payload.clear();
        CallText {
            notification_id: id,
            channel,
            kind: row.kind,
            user_id: row.user_id,
            title: &told.title,
            message,
            data: row.data,
            attempt: delivery.attempts,
            locale: row.locale,
            template_version: row.template_version,
            created_at: row.created_ms,
            valid_until: row.valid_until_ms,
        }
        .write(&mut self.buffers.payload);
        Step { number: delivery.tries, channel, notification_id: id }.write(&mut self.buffers.step);
        let (key, payload) = (self.buffers.step.as_bytes(), self.buffers.payload.as_slice());
        let effect = NewEffect { channel: channel.as_str(), urgency: row.priority.urgency(), key, payload };
        self.ctx.effect(&effect).map(|_| ())
    }

    /// Tells us at `due_ms` that the time for the try `step` has come.
    pub(super) fn send_due(&mut self, step: &Step<'_>, due_ms: i64) -> Result<(), ProcessError> {
        step.write(&mut self.buffers.step);
        let place = Some(self.ctx.place());
        let (key, value) = (Some(self.buffers.step.as_bytes()), Some(DUE));
        self.ctx.send_at(due_ms, &Output { to: &sinks::RESULTS, place, key, value, headers: &[] }).map(|_| ())
    }

    /// Sends the request of `row` to the dead letters: it was given up on the channel of `delivery`.
    pub(super) fn dead_letter(&mut self, id: &str, row: &NoticeRow, delivery: &DeliveryRow) {
        let DeliveryState::Dead(death) = delivery.state else { return };
        let (channel, deaths) = (delivery.channel.as_str(), delivery.deaths.to_string());
        let reason = delivery.reason.as_deref().unwrap_or("no reason given");
        let message = format!("{}: {channel}: {reason}", death.class());
        self.ctx.dead_letter(&DeadLetter {
            topic: row.original.topic.as_str(),
            partition: self.ctx.place(),
            offset: row.original.offset,
            key: Some(row.user_id.as_bytes()),
            value: Some(row.original.value.as_bytes()),
            headers: &[
                (envelope::header::ID, id.as_bytes()),
                (letter::CHANNEL, channel.as_bytes()),
                (letter::DEATHS, deaths.as_bytes()),
            ],
            class: death.class(),
            message: &message,
            attempts: delivery.attempts,
        });
    }
}

impl Notifications {
    /// Writes `row`, and does what the new states of the deliveries `changed` ask for.
    pub(super) fn put_and_follow(
        &mut self,
        ctx: &mut Context<'_>,
        id: &String,
        mut row: NoticeRow,
        changed: &[usize],
    ) -> Result<(), ProcessError> {
        if row.deliveries.iter().all(|delivery| delivery.state.is_over()) {
            row.original.value.clear();
        }
        ctx.put_kept(&NOTICES, id, &row)?;
        let changed = changed.iter().filter_map(|at| row.deliveries.get(*at));
        for delivery in changed.filter(|delivery| !delivery.state.is_over()) {
            let own = row.title.as_deref().zip(row.message.as_deref());
            let parameters = parameters(&row.data);
            let told = templates::told(&row.kind, row.locale, own, &parameters).ok_or_else(|| {
                ProcessError::fail("NoTemplate", format!("{:?} has neither a template nor words", row.kind))
            })?;
            let row = &borrowed(&row);
            Outbound { ctx, buffers: &mut self.buffers }.follow(&Notice { id, row, told: &told }, delivery)?;
        }
        Ok(())
    }
}

/// The part of `row` that a call is made of.
fn borrowed(row: &NoticeRow) -> NoticeRow<&str> {
    NoticeRow {
        user_id: &row.user_id,
        kind: &row.kind,
        priority: row.priority,
        locale: row.locale,
        template_version: row.template_version,
        title: row.title.as_deref(),
        message: row.message.as_deref(),
        data: &row.data,
        created_ms: row.created_ms,
        valid_until_ms: row.valid_until_ms,
        original: OriginalRow { topic: row.original.topic, offset: row.original.offset, value: &row.original.value },
        deliveries: Vec::new(),
    }
}
