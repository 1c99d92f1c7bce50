//! Which settings an inbox was decided with. Its records do not tell, but the state of its feature does: since which record which
//! ([`Feature::settings`]). So a replay asks nobody what is set now.
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
use holdfast_model::settings::SettingsRow;
use holdfast_ports::record::Record;
use holdfast_ports::store::{Store, StoreError};
use holdfast_topologies::features::{self, Feature};
use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Settings, from a record of the inbox on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Span {
    /// Offset of the first record that was decided with them.
    pub(super) from: i64,
    /// Which they were: JSON, as this version writes it.
    #[serde(serialize_with = "as_it_is")]
    settings: String,
    /// As the version that decided with them wrote them down.
    #[serde(skip)]
    row: SettingsRow,
}

/// The settings that `state` says a place of `topology` was decided with, in order; of a topology without settings none.
pub(super) fn spans(topology: &Topology, state: &dyn Store) -> Result<Vec<Span>, RunError> {
    let (mut spans, mut broken) = (Vec::new(), false);
    let Some(feature) = features::named(topology.name()) else { return Ok(spans) };
    let Some(table) = feature.settings else { return Ok(spans) };
    let visit = &mut |key: &[u8], row: &[u8]| {
        let Some(span) = span(feature, key, row) else {
            broken = true;
            return ControlFlow::Break(());
        };
        spans.push(span);
        ControlFlow::Continue(())
    };
    state.scan(table.id(), &[], None, visit).map_err(|error: StoreError| RunError::Failed(error.to_string()))?;
    if broken {
        return Err(RunError::Failed(format!("{}: a row of {} cannot be read", topology.name(), table.spec().name)));
    }
    Ok(spans)
}

fn span(feature: &Feature, key: &[u8], row: &[u8]) -> Option<Span> {
    let from = u64::decode(key)?.cast_signed();
    let row: SettingsRow = codec::decode(row).ok()?;
    let settings = feature.rewritten(&row.json).ok()?;
    Some(Span { from, settings, row })
}

/// JSON within JSON, its fields in the order they have.
fn as_it_is<S: Serializer>(json: &str, to: S) -> Result<S::Ok, S::Error> {
    serde_json::from_str::<&RawValue>(json).map_err(serde::ser::Error::custom)?.serialize(to)
}

/// `usual`, which decides each record with the settings of its time.
pub(super) fn topology(usual: &Topology, spans: &[Span]) -> Result<Topology, RunError> {
    let Some(feature) = features::named(usual.name()).filter(|feature| feature.settings.is_some()) else {
        return Ok(usual.clone());
    };
    let unreadable = |error: serde_json::Error| RunError::Failed(format!("settings of {}: {error}", feature.name));
    let then = spans.iter().map(|span| Ok((span.clone(), feature.topology(&span.settings)?)));
    let then: Arc<[_]> = then.collect::<Result<_, _>>().map_err(unreadable)?;
    let (feature, now) = (*feature, usual.clone());
    Ok(usual.decided_by(move || Box::new(InTurn { feature, then: Arc::clone(&then), now: now.clone(), made: None })))
}

/// What another tool is told of `spans`.
pub(super) fn told(place: u32, spans: &[Span]) -> impl Iterator<Item = InForce> + '_ {
    let before = std::iter::once(None).chain(spans.iter().map(Some));
    spans.iter().zip(before).map(move |(span, before)| InForce {
        place,
        from: span.from,
        hold_ms: fields(span).get("holdMs").and_then(Value::as_i64),
        changed: before.map(|before| changed(before, span)),
    })
}

fn fields(span: &Span) -> Value {
    // It is JSON that this version wrote.
    serde_json::from_str(&span.settings).unwrap_or_default()
}

fn changed(before: &Span, after: &Span) -> String {
    let (before, after) = (fields(before), fields(after));
    let of = |field: &str| before.get(field).map(Value::to_string).unwrap_or_default();
    let changed = after.as_object().into_iter().flatten().filter(|(field, value)| before.get(*field) != Some(*value));
    changed.map(|(field, value)| format!("{field} {value} instead of {}", of(field))).collect::<Vec<_>>().join(", ")
}

/// The shop's own code, with one setting after the other.
struct InTurn {
    feature: Feature,
    /// Each span, and the topology with its settings.
    then: Arc<[(Span, Topology)]>,
    /// With what is set now.
    now: Topology,
    /// A processor, and how many spans had begun for it.
    made: Option<(usize, Box<dyn Processor>)>,
}

impl InTurn {
    /// How many spans have begun at an offset.
    fn begun(&self, offset: i64) -> usize {
        self.then.partition_point(|(span, _)| span.from <= offset)
    }

    fn processor(&mut self, begun: usize) -> &mut dyn Processor {
        if self.made.as_ref().is_some_and(|(known, _)| *known != begun) {
            self.made = None;
        }
        let topology = self.then.get(begun.saturating_sub(1)).map_or(&self.now, |(_, topology)| topology);
        &mut *self.made.get_or_insert_with(|| (begun, topology.make_processor())).1
    }
}

impl Processor for InTurn {
    fn process(&mut self, ctx: &mut Context<'_>, record: &Record<'_>) -> Result<(), ProcessError> {
        let begun = self.begun(record.offset);
        self.processor(begun).process(ctx, record)?;
        let Some(table) = self.feature.settings else { return Ok(()) };
        let since = ctx.offset().unsigned_abs();
        match begun.checked_sub(1).and_then(|nth| self.then.get(nth)) {
            Some((span, _)) if span.from == record.offset => ctx.put(table, &since, &span.row),
            Some(_) => Ok(()),
            // What nobody kept then is not kept now.
            None => ctx.delete(table, &since),
        }
    }

    fn on_dead_letter(
        &mut self,
        ctx: &mut Context<'_>,
        record: &Record<'_>,
        why: &ProcessError,
    ) -> Result<(), ProcessError> {
        let begun = self.begun(record.offset);
        self.processor(begun).on_dead_letter(ctx, record, why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_model::payment;
    use holdfast_model::reservation::{self, Settings};

    fn row(settings: &impl Serialize) -> Vec<u8> {
        let mut row = Vec::new();
        codec::encode(&SettingsRow { json: serde_json::to_string(settings).unwrap() }, &mut row).unwrap();
        row
    }

    fn spans_of(name: &str, rows: &[(u64, Vec<u8>)]) -> Vec<Span> {
        let feature = features::named(name).unwrap();
        let key = |from: u64| {
            let mut key = Vec::new();
            from.encode(&mut key);
            key
        };
        rows.iter().map(|(from, row)| span(feature, &key(*from), row).unwrap()).collect()
    }

    #[test]
    fn a_change_names_what_has_changed() {
        let usual = Settings::default();
        let other = Settings { hold_ms: 5_000, free_cancel_ms: 0, ..usual.clone() };
        let spans = spans_of(reservation::NAME, &[(0, row(&usual)), (7, row(&other)), (9, row(&usual))]);
        let said: Vec<_> = told(0, &spans).filter_map(|one| Some((one.from, one.hold_ms, one.changed?))).collect();
        assert_eq!(
            said,
            [
                (7, Some(5_000), "freeCancelMs 0 instead of 86400000, holdMs 5000 instead of 300000".to_owned()),
                (9, Some(300_000), "freeCancelMs 86400000 instead of 0, holdMs 300000 instead of 5000".to_owned()),
            ]
        );
        assert_eq!(told(0, &spans[..1]).map(|one| one.changed).collect::<Vec<_>>(), [None]);
    }

    #[test]
    fn every_feature_has_its_own_settings() {
        let usual = payment::Settings::default();
        let other = payment::Settings { charge_max_krw: 5_000, ..usual };
        let spans = spans_of(payment::NAME, &[(3, row(&usual)), (4, row(&other))]);
        let said: Vec<_> = told(0, &spans).map(|one| (one.from, one.hold_ms, one.changed)).collect();
        let changed = "chargeMaxKrw 5000 instead of 1000000".to_owned();
        assert_eq!(said, [(3, None, None), (4, None, Some(changed))]);
        assert!(span(features::named(payment::NAME).unwrap(), &[0; 8], &row(&"no settings")).is_none());
    }
}
