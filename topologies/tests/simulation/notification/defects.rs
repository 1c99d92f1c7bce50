//! Two mistakes of another shop, made here on purpose.
//!
//! | name | mistake |
//! |---|---|
//! | `d1` of notifications: `mark-before-do` | a notification is marked as sent before it is, so one whose call fails is never sent |
//! | `d2` of notifications: `skip-redrive` | a letter that is put back is skipped, since its first attempt has left a mark |

use super::{simulation, topology};
use crate::simulation::tally::Tally;
use crate::simulation::wrapped::{Around, wrapped};
use holdfast_engine::inspect::header;
use holdfast_engine::prelude::{Context, ProcessError, Processor, Record};
use holdfast_model::notification::row::DeliveryState;
use holdfast_model::notification::{INBOX, NOTICES};
use holdfast_sim::Simulation;
use serde_json::Value;

/// As they are written on a command line.
pub(crate) const MARK_BEFORE_DO: &str = "mark-before-do";
pub(crate) const SKIP_REDRIVE: &str = "skip-redrive";

/// Both, by name.
pub(crate) fn simulations() -> Vec<(&'static str, Simulation)> {
    let with = |topology| simulation(&topology, &Tally::default());
    vec![
        (MARK_BEFORE_DO, with(wrapped(&topology(), || MarkBeforeDo))),
        (SKIP_REDRIVE, with(wrapped(&topology(), || SkipRedrive))),
    ]
}

struct MarkBeforeDo;

impl Around for MarkBeforeDo {
    fn process(
        &mut self,
        inner: &mut dyn Processor,
        ctx: &mut Context<'_>,
        record: &Record<'_>,
    ) -> Result<(), ProcessError> {
        inner.process(ctx, record)?;
        let value: Value = record.value.and_then(|value| serde_json::from_slice(value).ok()).unwrap_or_default();
        let id = value["eventId"].as_str().unwrap_or_default().to_owned();
        if ctx.topic() == INBOX
            && let Some(mut row) = ctx.get_kept(&NOTICES, &id)?
        {
            for delivery in row.deliveries.iter_mut().filter(|delivery| delivery.state == DeliveryState::Sending) {
                delivery.state = DeliveryState::Sent;
            }
            ctx.put_kept(&NOTICES, &id, &row)?;
        }
        Ok(())
    }
}

struct SkipRedrive;

impl Around for SkipRedrive {
    fn process(
        &mut self,
        inner: &mut dyn Processor,
        ctx: &mut Context<'_>,
        record: &Record<'_>,
    ) -> Result<(), ProcessError> {
        if record.header(header::TOPIC).is_some() { Ok(()) } else { inner.process(ctx, record) }
    }
}
