//! How tries ended, and that the time for one has come.

use super::Notifications;
use super::outbound::Outbound;
use crate::notification::decide::delivery::{self, Due, Terms};
use crate::notification::decide::routing;
use holdfast_engine::prelude::{Context, ProcessError, Record, header};
use holdfast_model::call_result::CallResult;
use holdfast_model::notification::NOTICES;
use holdfast_model::notification::row::{DeliveryRow, DeliveryState, NoticeRow, Suppression};
use holdfast_model::notification::step::{DUE, Step};

impl Notifications {
    /// A record of the results topic.
    pub(super) fn step(&mut self, ctx: &mut Context<'_>, record: &Record<'_>) -> Result<(), ProcessError> {
        let step = record.key.and_then(Step::parse).ok_or_else(|| {
            ProcessError::refuse("InvalidKey", "the key names no try: <try> <channel> <notificationId>")
        })?;
        let value = record.value.ok_or_else(|| ProcessError::refuse("NoValue", "the record has no value"))?;
        // The engine has checked that a result comes from an executor.
        if record.header(header::EFFECT_ID).is_some() {
            let result: CallResult = serde_json::from_slice(value)
                .map_err(|error| ProcessError::refuse("InvalidJson", error.to_string()))?;
            self.result(ctx, &step, &result)
        } else if value == DUE {
            self.due(ctx, &step)
        } else {
            Err(ProcessError::refuse("UnknownType", "neither the result of an effect nor a due"))
        }
    }

    fn result(&mut self, ctx: &mut Context<'_>, step: &Step<'_>, result: &CallResult) -> Result<(), ProcessError> {
        let id = step.notification_id.to_owned();
        let Some((mut row, at)) = Self::delivery(ctx, &id, step)? else { return Ok(()) };
        let terms = Terms { priority: row.priority, valid_until_ms: row.valid_until_ms, quiet: None };
        let now_ms = ctx.now_ms();
        let after = delivery::result(&row.deliveries[at], step, result, &terms, &self.settings, now_ms);
        let Some(after) = after else { return Ok(()) };
        let has_failed =
            matches!(after.state, DeliveryState::Dead(_) | DeliveryState::Suppressed(Suppression::NoContact));
        row.deliveries[at] = after;
        if has_failed && self.fall_back(ctx, &mut row, step)? {
            let last = row.deliveries.len() - 1;
            return self.put_and_follow(ctx, &id, row, &[last]);
        }
        if matches!(row.deliveries[at].state, DeliveryState::Dead(_)) {
            Outbound { ctx, buffers: &mut self.buffers }.dead_letter(&id, &row, &row.deliveries[at]);
        }
        self.put_and_follow(ctx, &id, row, &[at])
    }

    /// Opens the channel that stands in for the one that failed. False when there is none.
    fn fall_back(&self, ctx: &mut Context<'_>, row: &mut NoticeRow, step: &Step<'_>) -> Result<bool, ProcessError> {
        let preferences = Self::preferences(ctx, &row.user_id)?;
        let kind = (&*row.kind, row.priority);
        let next = routing::fallback(kind, &self.settings, &preferences, step.channel, &row.deliveries);
        let Some(channel) = next else { return Ok(false) };
        let terms = Terms { priority: row.priority, valid_until_ms: row.valid_until_ms, quiet: preferences.quiet };
        let now_ms = ctx.now_ms();
        let new = DeliveryRow::new(channel, DeliveryState::Sending, now_ms);
        row.deliveries.push(delivery::begin(&new, &terms, now_ms));
        Ok(true)
    }

    fn due(&mut self, ctx: &mut Context<'_>, step: &Step<'_>) -> Result<(), ProcessError> {
        let id = step.notification_id.to_owned();
        let Some((mut row, at)) = Self::delivery(ctx, &id, step)? else { return Ok(()) };
        let terms = Self::terms(ctx, &row)?;
        match delivery::due(&row.deliveries[at], step, &terms, ctx.now_ms()) {
            Due::Ignored => Ok(()),
            Due::TooEarly(due_ms) => Outbound { ctx, buffers: &mut self.buffers }.send_due(step, due_ms),
            Due::Begun(begun) => {
                row.deliveries[at] = begun;
                self.put_and_follow(ctx, &id, row, &[at])
            }
        }
    }

    /// The notification `id` of the try `step`, and which of its deliveries is meant. `None` for what nobody has asked for.
    fn delivery(
        ctx: &mut Context<'_>,
        id: &String,
        step: &Step<'_>,
    ) -> Result<Option<(NoticeRow, usize)>, ProcessError> {
        let Some(row) = ctx.get_kept(&NOTICES, id)? else { return Ok(None) };
        let at = row.deliveries.iter().position(|delivery| delivery.channel == step.channel);
        Ok(at.map(|at| (row, at)))
    }

    /// What holds for all deliveries of `row`.
    pub(super) fn terms(ctx: &mut Context<'_>, row: &NoticeRow) -> Result<Terms, ProcessError> {
        let quiet = Self::preferences(ctx, &row.user_id)?.quiet;
        Ok(Terms { priority: row.priority, valid_until_ms: row.valid_until_ms, quiet })
    }
}
