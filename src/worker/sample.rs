//! The sample data of `run --sample`: the shop's own commands, appended with ids of their own, so that loading twice changes nothing.

use super::RunError;
use crate::http::Api;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use holdfast_model::FEATURES;
use holdfast_model::feature::{Feature, SampleCommand};
use holdfast_ports::log::AppendError;
use holdfast_ports::place::place_of;
use holdfast_ports::record::NewRecord;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// How long a lookup or an append is tried again while the log or a place is away.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(200);
const APPEND_MAX: Duration = Duration::from_secs(5);

/// Loads what the topologies that run here can take, unless it is there, and waits until it is in view.
///
/// # Errors
/// When it could not be loaded.
pub async fn load(api: &Api) -> Result<(), RunError> {
    // At once, so that they share commits: none of them needs another.
    let mut loading = JoinSet::new();
    let runs = |name: &str| api.topologies.iter().any(|topology| **topology.name() == *name);
    for feature in FEATURES.iter().filter(|feature| runs(feature.name)) {
        for command in (feature.sample.commands)() {
            let api = api.clone();
            loading.spawn(async move { load_one(&api, feature, &command).await });
        }
    }
    while let Some(loaded) = loading.join_next().await {
        loaded.map_err(|e| RunError::Failed(format!("sample data: {e}")))??;
    }
    tracing::info!("sample data is there");
    Ok(())
}

async fn load_one(api: &Api, feature: &Feature, command: &SampleCommand) -> Result<(), RunError> {
    let (id, place) = (&command.id, place_of(command.key.as_bytes(), api.settings.places));
    let value = with_secret(command)?;
    let mut pause = tokio::time::interval(PAUSE);
    let mut appended_once = false;
    for _ in 0..TRIES {
        if !std::mem::take(&mut appended_once) {
            pause.tick().await;
        }
        let Ok(view) = api.queries.task(feature.name, place) else {
            // A peer owns it, and has it or will be asked for it by its own operator.
            if !api.status.snapshot().places.contains(&place) {
                tracing::debug!(id, place, "sample data belongs to a peer");
                return Ok(());
            }
            continue;
        };
        if (feature.sample.is_decided)(&view, id) {
            return Ok(());
        }
        let (tell, told) = oneshot::channel();
        let record = NewRecord {
            topic: feature.inbox,
            partition: place,
            key: Some(command.key.as_bytes()),
            value: Some(&value),
            headers: &[],
        };
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
                tracing::debug!(id, place, offset = appended.offset, ?waited, "sample data appended");
                appended_once = waited.is_ok();
            }
            Ok(Ok(Err(AppendError::Refused(why) | AppendError::Denied(why)))) => {
                return Err(RunError::Failed(format!("sample data: {why}")));
            }
            other => tracing::warn!(?other, "sample data not taken yet"),
        }
    }
    Err(RunError::Failed("sample data could not be loaded".to_owned()))
}

/// The value of its record, with the secret that it wants.
fn with_secret(command: &SampleCommand) -> Result<Vec<u8>, RunError> {
    let mut value = command.value.clone();
    let Some(field) = command.secret else { return Ok(value) };
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|e| RunError::failed("random numbers")(&e))?;
    // The object is open again, for one more field.
    value.pop_if(|last| *last == b'}');
    value.extend_from_slice(format!(r#","{field}":"{}"}}"#, BASE64_STANDARD.encode(secret)).as_bytes());
    Ok(value)
}
