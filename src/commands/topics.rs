//! `topics create` and `topics check`.

use crate::config::Settings;
use crate::worker;
use crate::worker::RunError;
use crate::worker::topics::Wanted;
use holdfast_ports::log::{TopicReport, TopicState, listed};
use holdfast_tools::table::table;

fn wanted(settings: &Settings) -> Wanted {
    Wanted::by(settings, &holdfast_topologies::all())
}

/// Creates what is missing.
///
/// # Errors
/// When the log cannot be reached, or when something differs.
pub fn create(settings: &Settings) -> Result<String, RunError> {
    let wanted = wanted(settings);
    let reports =
        worker::open_log(settings)?.create_topics(&wanted.specs).map_err(|e| RunError::Failed(format!("log: {e}")))?;
    Ok(shown(&wanted, &reports))
}

/// Says what is missing or differs. The table goes to `print` in any case.
///
/// # Errors
/// When something does, or when the log cannot be reached.
pub fn check(settings: &Settings, print: &mut dyn FnMut(&str)) -> Result<String, RunError> {
    let wanted = wanted(settings);
    let reports =
        worker::open_log(settings)?.check_topics(&wanted.specs).map_err(|e| RunError::Failed(format!("log: {e}")))?;
    print(&shown(&wanted, &reports));
    let wrong = reports.iter().filter(|report| report.state != TopicState::Ok).count();
    if wrong == 0 {
        Ok(String::new())
    } else {
        Err(RunError::Failed(format!("{wrong} topics are missing, differ or may not be looked at")))
    }
}

fn shown(wanted: &Wanted, reports: &[TopicReport]) -> String {
    let rows: Vec<_> = reports
        .iter()
        .map(|report| {
            let state = match &report.state {
                TopicState::Ok => "ok".to_owned(),
                TopicState::Created => "created".to_owned(),
                TopicState::Missing => "MISSING".to_owned(),
                TopicState::Denied(operation) => format!("NOT AUTHORIZED: {operation} on topic {}", report.name),
                TopicState::Differs(differences) if wanted.is_unsafe(report) => {
                    format!("UNSAFE: {}", listed(differences))
                }
                TopicState::Differs(differences) => format!("DIFFERS: {}", listed(differences)),
            };
            vec![report.name.clone(), wanted.partitions.to_string(), state]
        })
        .collect();
    table(&["TOPIC", "PARTITIONS", "STATE"], &rows)
}
