//! The sample data of `run --sample`: the shop's own commands, appended with ids of their own, so that loading twice changes nothing.

use super::RunError;
use crate::http::Api;
use holdfast_engine::inspect::TaskView;
use holdfast_model::{coupon, payment, reservation};
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

/// One command of the sample.
struct Item {
    topology: &'static str,
    inbox: &'static str,
    key: String,
    id: String,
    value: Vec<u8>,
    /// Whether the command of this id is decided.
    is_there: fn(&TaskView, &String) -> bool,
}

fn items() -> Vec<Item> {
    let policy = coupon::sample::policy();
    let mut items = vec![Item {
        topology: coupon::NAME,
        inbox: coupon::INBOX,
        key: coupon::inbox_key(&policy.policy_id),
        id: policy.request_id.clone().unwrap_or_default(),
        value: coupon::message::Command::CreatePolicy(policy).to_json(),
        is_there: |view, id| view.get(&coupon::COMMANDS, id).is_ok_and(|row| row.is_some()),
    }];
    for (key, message) in reservation::sample::commands() {
        items.push(Item {
            topology: reservation::NAME,
            inbox: reservation::INBOX,
            key,
            id: message.request_id.clone().unwrap_or_default(),
            value: message.to_json(),
            is_there: |view, id| view.get(&reservation::COMMANDS, id).is_ok_and(|row| row.is_some()),
        });
    }
    for charge in payment::sample::wallets() {
        items.push(Item {
            topology: payment::NAME,
            inbox: payment::INBOX,
            key: charge.user_id.clone().into_owned(),
            id: charge.request_id.clone().unwrap_or_default().into_owned(),
            value: charge.to_json(),
            is_there: |view, id| view.get(&payment::CHARGES, id).is_ok_and(|row| row.is_some()),
        });
    }
    items
}

/// Loads what the topologies that run here can take, unless it is there, and waits until it is in view.
///
/// # Errors
/// When it could not be loaded.
pub async fn load(api: &Api) -> Result<(), RunError> {
    // At once, so that they share commits: none of them needs another.
    let mut loading = JoinSet::new();
    for item in items() {
        if api.topologies.iter().any(|topology| **topology.name() == *item.topology) {
            let api = api.clone();
            loading.spawn(async move { load_one(&api, &item).await });
        }
    }
    while let Some(loaded) = loading.join_next().await {
        loaded.map_err(|e| RunError::Failed(format!("sample data: {e}")))??;
    }
    tracing::info!("sample data is there");
    Ok(())
}

async fn load_one(api: &Api, item: &Item) -> Result<(), RunError> {
    let (id, place) = (&item.id, place_of(item.key.as_bytes(), api.settings.places));
    let mut pause = tokio::time::interval(PAUSE);
    let mut appended_once = false;
    for _ in 0..TRIES {
        if !std::mem::take(&mut appended_once) {
            pause.tick().await;
        }
        let Ok(view) = api.queries.task(item.topology, place) else {
            // A peer owns it, and has it or will be asked for it by its own operator.
            if !api.status.snapshot().places.contains(&place) {
                tracing::debug!(id, place, "sample data belongs to a peer");
                return Ok(());
            }
            continue;
        };
        if (item.is_there)(&view, id) {
            return Ok(());
        }
        let (tell, told) = oneshot::channel();
        let record = NewRecord {
            topic: item.inbox,
            partition: place,
            key: Some(item.key.as_bytes()),
            value: Some(&item.value),
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
