//! `lag`: what a running worker says about itself.

use super::table::table;
use crate::worker::RunError;
use serde::Deserialize;

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

/// Asks the worker at `url`.
///
/// # Errors
/// When it does not answer.
pub fn show(url: &str) -> Result<String, RunError> {
    let url = format!("{}/api/lag", url.trim_end_matches('/'));
    let asked = reqwest::blocking::get(&url)
        .and_then(reqwest::blocking::Response::error_for_status)
        .and_then(reqwest::blocking::Response::json);
    let answer: Answer = asked.map_err(|e| RunError::Failed(format!("{url}: {e}")))?;
    let rows: Vec<_> = answer
        .lags
        .into_iter()
        .map(|row| {
            let ms = row.lag_ms.map_or_else(|| "?".to_owned(), |ms| format!("{}.{:03}", ms / 1000, ms % 1000));
            vec![
                row.topology,
                row.group,
                row.topic,
                row.place.to_string(),
                row.position.to_string(),
                row.end.to_string(),
                row.lag_records.to_string(),
                ms,
            ]
        })
        .collect();
    let header = ["TOPOLOGY", "GROUP", "TOPIC", "PLACE", "POSITION", "END", "LAG", "LAG SECONDS"];
    let at = answer.at.map_or_else(|| "not looked yet".to_owned(), |at| format!("at {at}"));
    Ok(format!("{}{at}\n", table(&header, &rows)))
}
