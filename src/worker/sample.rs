//! The sample data of `run --sample`: the shop's own commands, appended with ids of their own, so that loading twice changes nothing.

use super::RunError;
use crate::http::Api;
use holdfast_engine::ports::log::AppendError;
use holdfast_engine::ports::place::place_of;
use holdfast_engine::ports::record::NewRecord;
use holdfast_topologies::coupon::message::Command;
use holdfast_topologies::coupon::{COMMANDS, INBOX, NAME, inbox_key, sample};
use std::time::Duration;
use tokio::sync::oneshot;

/// How long a lookup or an append is tried again while the log or a place is away.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(200);
const APPEND_MAX: Duration = Duration::from_secs(5);

/// Loads what the topologies that run here can take, unless it is there, and waits until it is in view.
///
/// # Errors
/// When it could not be loaded.
pub async fn load(api: &Api) -> Result<(), RunError> {
    if !api.topologies.iter().any(|topology| **topology.name() == *NAME) {
        return Ok(());
    }
    let policy = sample::policy();
    let (key, id) = (inbox_key(&policy.policy_id), policy.request_id.clone().unwrap_or_default());
    let place = place_of(key.as_bytes(), api.settings.places);
    let value = Command::CreatePolicy(policy).to_json();
    let mut pause = tokio::time::interval(PAUSE);
    let mut appended_once = false;
    for _ in 0..TRIES {
        if !std::mem::take(&mut appended_once) {
            pause.tick().await;
        }
        let Ok(view) = api.queries.task(NAME, place) else {
            // A peer owns it, and has it or will be asked for it by its own operator.
            if !api.status.snapshot().places.contains(&place) {
                tracing::info!(place, "sample policy belongs to a peer");
                return Ok(());
            }
            continue;
        };
        if view.get(&COMMANDS, &id).is_ok_and(|row| row.is_some()) {
            tracing::info!("sample data is there");
            return Ok(());
        }
        let (tell, told) = oneshot::channel();
        let record =
            NewRecord { topic: INBOX, partition: place, key: Some(key.as_bytes()), value: Some(&value), headers: &[] };
        api.appender.append(
            record,
            Box::new(move |outcome| {
                // Given up meanwhile: the next try sees what became of it.
                let _ = tell.send(outcome);
            }),
        );
        match tokio::time::timeout(APPEND_MAX, told).await {
            Ok(Ok(Ok(appended))) => {
                let waited = api.wait_position(&view, appended.offset, APPEND_MAX).await;
                tracing::info!(place, offset = appended.offset, ?waited, "sample policy appended");
                appended_once = waited.is_ok();
            }
            Ok(Ok(Err(AppendError::Refused(why)))) => return Err(RunError::Failed(format!("sample data: {why}"))),
            other => tracing::warn!(?other, "sample data not taken yet"),
        }
    }
    Err(RunError::Failed("sample data could not be loaded".to_owned()))
}
