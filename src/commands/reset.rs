//! `reset --sample`.

use crate::config::Settings;
use crate::worker::{self, RunError, logs};
use holdfast_ports::placement;
use std::fmt::Write;
use std::fs;

/// Deletes log and state of the app on the embedded log; on Kafka, says how it would be done.
///
/// # Errors
/// When a worker uses the directory, or when it cannot be deleted.
pub fn reset(settings: &Settings) -> Result<String, RunError> {
    let dir = logs::app_dir(settings);
    if let Some(kafka) = &settings.kafka {
        return Err(RunError::Failed(by_hand(settings, &kafka.brokers)));
    }
    if !dir.is_dir() {
        return Ok(format!("nothing to reset: {} does not exist\n", dir.display()));
    }
    if !logs::embedded_dir(settings).is_dir() {
        return Err(RunError::Failed(format!(
            "{} holds no embedded log: not deleted, since it may belong to something else",
            dir.display()
        )));
    }
    // Only the owner of the lock gets it open: whoever holds it, holds the state as well.
    drop(worker::open_log(settings)?);
    fs::remove_dir_all(&dir).map_err(|e| RunError::Failed(format!("{} cannot be deleted: {e}", dir.display())))?;
    Ok(format!(
        "{} deleted: the next `stream-worker run --sample` starts with coupon policy 1, stock 100, nothing issued\n",
        dir.display()
    ))
}

fn by_hand(settings: &Settings, brokers: &str) -> String {
    let mut out = String::from(
        "nothing was reset: topics on Kafka may be shared, so this is left to you. Stop every worker of the app, then:\n",
    );
    let topics = worker::topics::Wanted::by(settings, &holdfast_topologies::all()).specs;
    let names = topics.into_iter().map(|spec| spec.name).chain([placement::topic(&settings.app_id)]);
    for name in names {
        // Writing into a String cannot fail.
        let _ = writeln!(out, "  kafka-topics --bootstrap-server {brokers} --delete --topic {name}");
    }
    let _ = write!(out, "  rm -r {}", logs::app_dir(settings).display());
    out
}
