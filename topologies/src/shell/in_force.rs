//! Settings in force: a decision rests on them and its record does not tell them, so each place keeps which it was decided with since which record. Who
//! decides again knows them, whatever has been set since.

use super::feature::Described;
use holdfast_engine::prelude::{Context, ProcessError};
use holdfast_model::settings::SettingsRow;
use std::ops::ControlFlow;

/// Whether the place has the processor's settings for those in force. Known from a record before that kept them: a task that rolls that one back makes a new processor.
#[derive(Debug, Default)]
pub(crate) struct InForce(bool);

impl InForce {
    /// Keeps `settings` if this is the first record that is decided with them. `since` names the record, and grows: of a single inbox, its offset.
    #[inline]
    pub(crate) fn keep<F: Described>(
        &mut self,
        ctx: &mut Context<'_>,
        settings: &F::Settings,
        since: i64,
    ) -> Result<(), ProcessError> {
        if self.0 { Ok(()) } else { self.look::<F>(ctx, settings, since) }
    }

    #[cold]
    fn look<F: Described>(
        &mut self,
        ctx: &mut Context<'_>,
        settings: &F::Settings,
        since: i64,
    ) -> Result<(), ProcessError> {
        let Some(table) = F::SETTINGS else {
            self.0 = true;
            return Ok(());
        };
        let mut last: Option<F::Settings> = None;
        // As often as an operator has set something else: a few rows, looked at once or twice in the life of a task.
        ctx.scan(table, &[], &mut |_, row| {
            last = serde_json::from_str(&row.json).ok();
            ControlFlow::Continue(())
        })?;
        self.0 = last.as_ref() == Some(settings);
        if self.0 {
            return Ok(());
        }
        // Neither offsets nor times of records are negative.
        let since = since.unsigned_abs();
        // Texts and numbers always encode.
        ctx.put(table, &since, &SettingsRow { json: serde_json::to_string(settings).unwrap_or_default() })
    }
}
