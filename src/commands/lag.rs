//! `lag`: what a running worker says about itself, and about who owns the places.

use crate::worker::RunError;
use holdfast_tools::table::table;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::io::IsTerminal;
use std::sync::mpsc;
use std::time::Duration;

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
    #[serde(default)]
    watched: bool,
}

impl Row {
    /// Age of the oldest undecided record; `?` while it is not known.
    fn seconds(&self) -> String {
        self.lag_ms.map_or_else(|| "?".to_owned(), |ms| format!("{}.{:03}", ms / 1000, ms % 1000))
    }
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

#[derive(Deserialize)]
struct Alerts {
    items: Vec<Alert>,
}

#[derive(Deserialize)]
struct Alert {
    alert: String,
    state: String,
    summary: String,
    since: String,
}

/// What is asked for.
#[derive(Debug, clap::Args)]
pub struct Question {
    /// URL of the worker
    #[arg(long, default_value = "http://127.0.0.1:3000")]
    url: String,
    /// Look again and again: on a terminal a table that refreshes, elsewhere a line for each row
    #[arg(long)]
    watch: bool,
    /// Look once; the default
    #[arg(long, conflicts_with = "watch")]
    once: bool,
    /// One JSON object for each look: the worker's `lag`, `places` and `alerts`
    #[arg(long)]
    json: bool,
    /// With --watch: pause between two looks
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(100..=3_600_000))]
    every_ms: u64,
}

/// Cursor to the first line, and nothing below it: without the flicker of an empty screen.
const REFRESH: &str = "\x1b[H\x1b[J";

/// How a look is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Table,
    Lines,
    Json,
}

/// Asks a worker, once or until the process is ended.
///
/// # Errors
/// When it does not answer. With `--watch` that is only told: it may come back.
pub fn show(question: &Question, print: &mut dyn FnMut(&str)) -> Result<String, RunError> {
    let url = question.url.trim_end_matches('/');
    let is_terminal = std::io::stdout().is_terminal();
    let form = match (question.json, question.watch && !is_terminal) {
        (true, _) => Form::Json,
        (false, true) => Form::Lines,
        (false, false) => Form::Table,
    };
    if !question.watch {
        return look(url, form);
    }
    let refresh = if is_terminal && form == Form::Table { REFRESH } else { "" };
    // Nothing is ever sent: waiting for it is the pause.
    let (_sender, pause) = mpsc::channel::<()>();
    loop {
        match look(url, form) {
            Ok(text) => print(&format!("{refresh}{text}")),
            Err(error) if form == Form::Json => print(&format!("{}\n", json!({"error": error.to_string()}))),
            Err(error) => print(&format!("{refresh}{error}\n")),
        }
        // Only the time-out can come.
        let _ = pause.recv_timeout(Duration::from_millis(question.every_ms));
    }
}

fn look(url: &str, form: Form) -> Result<String, RunError> {
    let (lag, alerts) = (format!("{url}/api/lag"), format!("{url}/api/alerts"));
    let places_url = format!("{url}/api/places");
    match form {
        Form::Json => {
            let (lag, places, alerts): (Value, Value, Value) = (ask(&lag)?, ask(&places_url)?, ask(&alerts)?);
            Ok(format!("{}\n", json!({"lag": lag, "places": places, "alerts": alerts})))
        }
        Form::Lines => Ok(lines(&ask(&lag)?) + &alerts_text(ask(&alerts)?)),
        Form::Table => {
            let (lag, places) = (lags(&ask(&lag)?), places(ask(&places_url)?));
            Ok(format!("{lag}\n{places}\n{}", alerts_text(ask(&alerts)?)))
        }
    }
}

fn ask<T: DeserializeOwned>(url: &str) -> Result<T, RunError> {
    crate::tls::provide();
    let asked = reqwest::blocking::get(url)
        .and_then(reqwest::blocking::Response::error_for_status)
        .and_then(reqwest::blocking::Response::json);
    asked.map_err(|e| RunError::Failed(format!("{url}: {e}")))
}

/// A line for each alert that is out.
fn alerts_text(answer: Alerts) -> String {
    let firing = answer.items.into_iter().filter(|alert| alert.state == "FIRING");
    firing.map(|Alert { alert, summary, since, .. }| format!("ALERT {alert} since {since}: {summary}\n")).collect()
}

fn lines(answer: &Answer) -> String {
    let at = answer.at.as_deref().unwrap_or("-");
    let line = |row: &Row| {
        let Row { topology, group, topic, place, position, end, lag_records, .. } = row;
        format!(
            "at={at} topology={topology} group={group} topic={topic} place={place} position={position} end={end} records={lag_records} seconds={}\n",
            row.seconds()
        )
    };
    answer.lags.iter().map(line).collect()
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
            vec![
                row.topology.clone(),
                row.group.clone(),
                row.topic.clone(),
                row.place.to_string(),
                row.position.to_string(),
                row.end.to_string(),
                row.lag_records.to_string(),
                row.seconds(),
                // Of a place whose owner is silent only the group's position is known.
                if row.watched { "group" } else { "worker" }.to_owned(),
            ]
        })
        .collect();
    let header = ["TOPOLOGY", "GROUP", "TOPIC", "PLACE", "POSITION", "END", "LAG", "LAG SECONDS", "SEEN AT"];
    let at = answer.at.as_ref().map_or_else(|| "not looked yet".to_owned(), |at| format!("at {at}"));
    format!("{}{at}\n", table(&header, &rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Answer {
        let row = |watched, lag_ms: Option<u64>| json!({"topology": "coupon", "group": "g", "topic": "t", "place": 1, "position": 5, "end": 9, "lagRecords": 4, "lagMs": lag_ms, "watched": watched});
        serde_json::from_value(json!({"at": "now", "lags": [row(false, Some(1_234)), row(true, None)]})).unwrap()
    }

    #[test]
    fn what_is_not_known_is_shown_as_such() {
        let wanted = "at=now topology=coupon group=g topic=t place=1 position=5 end=9 records=4 seconds";
        assert_eq!(lines(&answer()), format!("{wanted}=1.234\n{wanted}=?\n"));
        let table = lags(&answer());
        assert!(
            table.contains("1.234") && table.contains("worker") && table.contains("group") && table.contains("at now")
        );
    }

    #[test]
    fn only_alerts_that_are_out_are_shown() {
        let item = |state| json!({"alert": "LAG", "state": state, "summary": "late", "since": "then"});
        let alerts = serde_json::from_value(json!({"items": [item("FIRING"), item("RESOLVED")]})).unwrap();
        assert_eq!(alerts_text(alerts), "ALERT LAG since then: late\n");
    }
}
