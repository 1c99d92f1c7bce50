//! Which settings an inbox was decided with. Its records do not tell, but the state does: since which record which ([`reservation::SETTINGS`]). So a replay asks nobody
//! what is set now.
//!
//! ```text
//!   inbox        0 ··· 41 │ 42 ············ 97 │ 98 ···
//!   settings              └ 42: holdMs 300000  └ 98: holdMs 5000
//!   decided with   300000 │ 300000             │ 5000
//! ```
//! What was decided before anybody kept them is decided again with the first that were kept; where none were, with those of whoever replays. (No decision is made here:
//! the shop's own code decides, with one setting after the other.)

use crate::worker::RunError;
use holdfast_audit::shadows::InForce;
use holdfast_engine::inspect::codec;
use holdfast_engine::prelude::{Context, Key, ProcessError, Processor, Topology};
use holdfast_model::reservation;
use holdfast_model::reservation::{SETTINGS, Settings};
use holdfast_model::settings::SettingsRow;
use holdfast_ports::record::Record;
use holdfast_ports::store::{Store, StoreError};
use serde::Serialize;
use serde_json::Value;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Settings, from a record of the inbox on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Span {
    /// Offset of the first record that was decided with them.
    pub(super) from: i64,
    /// Which they were.
    pub(super) settings: Settings,
    /// As the version that decided with them wrote them down.
    #[serde(skip)]
    row: SettingsRow,
}

/// The settings that `state` says a place of `topology` was decided with, in order; of a topology without settings none.
pub(super) fn spans(topology: &Topology, state: &dyn Store) -> Result<Vec<Span>, RunError> {
    let (mut spans, mut broken) = (Vec::new(), false);
    if has_settings(topology) {
        let visit = &mut |key: &[u8], row: &[u8]| {
            let Some(span) = span(key, row) else {
                broken = true;
                return ControlFlow::Break(());
            };
            spans.push(span);
            ControlFlow::Continue(())
        };
        state.scan(SETTINGS.id(), &[], None, visit).map_err(|error: StoreError| RunError::Failed(error.to_string()))?;
    }
    if broken {
        return Err(RunError::Failed(format!("{}: a row of {} cannot be read", topology.name(), SETTINGS.spec().name)));
    }
    Ok(spans)
}

fn has_settings(topology: &Topology) -> bool {
    **topology.name() == *reservation::NAME
}

fn span(key: &[u8], row: &[u8]) -> Option<Span> {
    let from = u64::decode(key)?.cast_signed();
    let row: SettingsRow = codec::decode(row).ok()?;
    Settings::from_json(&row.json).map(|settings| Span { from, settings, row })
}

/// `usual`, which decides each record with the settings of its time.
pub(super) fn topology(usual: &Topology, spans: &[Span]) -> Topology {
    if !has_settings(usual) {
        return usual.clone();
    }
    let (spans, now): (Arc<[Span]>, _) = (spans.into(), usual.clone());
    usual.decided_by(move || Box::new(InTurn { spans: Arc::clone(&spans), now: now.clone(), made: None }))
}

/// What another tool is told of `spans`.
pub(super) fn told(place: u32, spans: &[Span]) -> impl Iterator<Item = InForce> + '_ {
    let before = std::iter::once(None).chain(spans.iter().map(Some));
    spans.iter().zip(before).map(move |(span, before)| InForce {
        place,
        from: span.from,
        hold_ms: span.settings.hold_ms,
        changed: before.map(|before| changed(&before.settings, &span.settings)),
    })
}

fn changed(before: &Settings, after: &Settings) -> String {
    // Texts and numbers always encode.
    let fields = |settings| serde_json::to_value(settings).unwrap_or_default();
    let (before, after) = (fields(before), fields(after));
    let of = |field: &str| before.get(field).map(Value::to_string).unwrap_or_default();
    let changed = after.as_object().into_iter().flatten().filter(|(field, value)| before.get(*field) != Some(*value));
    changed.map(|(field, value)| format!("{field} {value} instead of {}", of(field))).collect::<Vec<_>>().join(", ")
}

/// The shop's own code, with one setting after the other.
struct InTurn {
    spans: Arc<[Span]>,
    /// With what is set now.
    now: Topology,
    /// A processor, and how many spans had begun for it.
    made: Option<(usize, Box<dyn Processor>)>,
}

impl InTurn {
    /// How many spans have begun at an offset.
    fn begun(&self, offset: i64) -> usize {
        self.spans.partition_point(|span| span.from <= offset)
    }

    fn processor(&mut self, begun: usize) -> &mut dyn Processor {
        if self.made.as_ref().is_some_and(|(known, _)| *known != begun) {
            self.made = None;
        }
        let make = || match self.spans.get(begun.saturating_sub(1)) {
            Some(span) => holdfast_topologies::reservation::topology(&span.settings).make_processor(),
            None => self.now.make_processor(),
        };
        &mut *self.made.get_or_insert_with(|| (begun, make())).1
    }
}

impl Processor for InTurn {
    fn process(&mut self, ctx: &mut Context<'_>, record: &Record<'_>) -> Result<(), ProcessError> {
        let begun = self.begun(record.offset);
        self.processor(begun).process(ctx, record)?;
        let since = ctx.offset().unsigned_abs();
        match begun.checked_sub(1).and_then(|nth| self.spans.get(nth)) {
            Some(span) if span.from == record.offset => ctx.put(&SETTINGS, &since, &span.row),
            Some(_) => Ok(()),
            // What nobody kept then is not kept now.
            None => ctx.delete(&SETTINGS, &since),
        }
    }

    fn gave_up(&mut self, ctx: &mut Context<'_>, record: &Record<'_>, why: &ProcessError) -> Result<(), ProcessError> {
        let begun = self.begun(record.offset);
        self.processor(begun).gave_up(ctx, record, why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_names_what_has_changed() {
        let usual = Settings::default();
        let other = Settings { hold_ms: 5_000, free_cancel_ms: 0, ..usual.clone() };
        let spans = [(0, &usual), (7, &other), (9, &usual)].map(|(from, settings)| {
            let row = SettingsRow { json: settings.to_json() };
            Span { from, settings: settings.clone(), row }
        });
        let said: Vec<_> = told(0, &spans).filter_map(|one| Some((one.from, one.changed?))).collect();
        assert_eq!(
            said,
            [
                (7, "freeCancelMs 0 instead of 86400000, holdMs 5000 instead of 300000".to_owned()),
                (9, "freeCancelMs 86400000 instead of 0, holdMs 300000 instead of 5000".to_owned()),
            ]
        );
        assert_eq!(told(0, &spans[..1]).map(|one| one.changed).collect::<Vec<_>>(), [None]);
    }
}
