//! `lag`: what a running worker says about itself, and about who owns the places.

use crate::worker::RunError;
use holdfast_tools::table::table;
use serde::Deserialize;
use serde::de::DeserializeOwned;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(default)]
    at: Option<String>,
    lags: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    topology: String,
    group: String,
    topic: String,
    place: u32,
    position: i64,
    end: i64,
    lag_records: u64,
    lag_ms: Option<u64>,
}

#[derive(Deserialize)]
struct Places {
    places: Vec<Place>,
}

#[derive(Deserialize)]
struct Place {
    place: u32,
    #[serde(default)]
    worker: Option<String>,
    #[serde(default)]
    endpoint: Option<String>,
    state: String,
    tasks: Vec<Task>,
}

#[derive(Deserialize)]
struct Task {
    topology: String,
    state: String,
    #[serde(default)]
    restore: Option<Restore>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Restore {
    records: u64,
    remaining: u64,
}

/// Asks the worker at `url`.
///
/// # Errors
/// When it does not answer.
pub fn show(url: &str) -> Result<String, RunError> {
    let url = url.trim_end_matches('/');
    Ok(format!("{}\n{}", lags(&ask(&format!("{url}/api/lag"))?), places(ask(&format!("{url}/api/places"))?)))
}

fn ask<T: DeserializeOwned>(url: &str) -> Result<T, RunError> {
    let asked = reqwest::blocking::get(url)
        .and_then(reqwest::blocking::Response::error_for_status)
        .and_then(reqwest::blocking::Response::json);
    asked.map_err(|e| RunError::Failed(format!("{url}: {e}")))
}

fn places(answer: Places) -> String {
    let unknown = || "-".to_owned();
    let rows: Vec<_> = answer
        .places
        .into_iter()
        .map(|place| {
            let at_work = place.tasks.iter().filter(|task| task.state != "running").map(|task| match &task.restore {
                Some(restore) => {
                    format!(
                        "{} {} ({} records, {} to go)",
                        task.topology, task.state, restore.records, restore.remaining
                    )
                }
                None => format!("{} {}", task.topology, task.state),
            });
            let at_work = at_work.collect::<Vec<_>>().join("; ");
            vec![
                place.place.to_string(),
                place.state,
                place.worker.unwrap_or_else(unknown),
                place.endpoint.unwrap_or_else(unknown),
                at_work,
            ]
        })
        .collect();
    table(&["PLACE", "STATE", "WORKER", "ENDPOINT", "RESTORES"], &rows)
}

fn lags(answer: &Answer) -> String {
    let rows: Vec<_> = answer
        .lags
        .iter()
        .map(|row| {
            let ms = row.lag_ms.map_or_else(|| "?".to_owned(), |ms| format!("{}.{:03}", ms / 1000, ms % 1000));
            vec![
                row.topology.clone(),
                row.group.clone(),
                row.topic.clone(),
                row.place.to_string(),
                row.position.to_string(),
                row.end.to_string(),
                row.lag_records.to_string(),
                ms,
            ]
        })
        .collect();
    let header = ["TOPOLOGY", "GROUP", "TOPIC", "PLACE", "POSITION", "END", "LAG", "LAG SECONDS"];
    let at = answer.at.as_ref().map_or_else(|| "not looked yet".to_owned(), |at| format!("at {at}"));
    format!("{}{at}\n", table(&header, &rows))
}
