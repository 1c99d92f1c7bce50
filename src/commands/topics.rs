//! `topics create` and `topics check`.

use super::table::table;
use crate::config::Settings;
use crate::worker::{self, RunError};
use holdfast_engine::ports::log::{TopicReport, TopicSpec, TopicState};

fn wanted(settings: &Settings) -> Vec<TopicSpec> {
    worker::topics::wanted(settings, &holdfast_topologies::all())
}

/// Creates what is missing.
///
/// # Errors
/// When the log cannot be reached, or when something differs.
pub fn create(settings: &Settings) -> Result<String, RunError> {
    let reports = worker::open_log(settings)?
        .create_topics(&wanted(settings))
        .map_err(|e| RunError::Failed(format!("log: {e}")))?;
    Ok(shown(settings, &reports))
}

/// Says what is missing or differs. The table goes to `print` in any case.
///
/// # Errors
/// When something does, or when the log cannot be reached.
pub fn check(settings: &Settings, print: &mut dyn FnMut(&str)) -> Result<String, RunError> {
    let reports = worker::open_log(settings)?
        .check_topics(&wanted(settings))
        .map_err(|e| RunError::Failed(format!("log: {e}")))?;
    print(&shown(settings, &reports));
    let wrong = reports.iter().filter(|report| report.state != TopicState::Ok).count();
    if wrong == 0 { Ok(String::new()) } else { Err(RunError::Failed(format!("{wrong} topics are missing or differ"))) }
}

fn shown(settings: &Settings, reports: &[TopicReport]) -> String {
    let rows: Vec<_> = reports
        .iter()
        .map(|report| {
            let state = match &report.state {
                TopicState::Ok => "ok".to_owned(),
                TopicState::Created => "created".to_owned(),
                TopicState::Missing => "MISSING".to_owned(),
                TopicState::Differs(lines) => format!("DIFFERS: {}", lines.join("; ")),
            };
            vec![report.name.clone(), settings.partitions.to_string(), state]
        })
        .collect();
    table(&["TOPIC", "PARTITIONS", "STATE"], &rows)
}
