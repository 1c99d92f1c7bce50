//! `audit`: asks the auditor about the log that the settings name, and says its verdicts.

use crate::commands::replay::Shadows;
use crate::commands::topologies;
use crate::config::Settings;
use crate::worker::{self, RunError, logs};
use clap::{Args, ValueEnum};
use holdfast_audit::alerts::AlertRecord;
pub use holdfast_audit::{Question, findings, invariant, report};
use holdfast_model::reservation;
use holdfast_ports::log::Log;
use invariant::{Invariant, Owner};
use report::{Report, Verdict};
use std::path::PathBuf;

/// Beyond its deadline by more than this, a hold that stands still is forgotten, in ms.
const OVERDUE_MS_MAX: i64 = 10_000;
/// How long after its end a stall has to be cleared, in ms.
const CLEAR_WITHIN_MS: i64 = 5_000;

/// What to audit.
#[derive(Debug, Args)]
pub struct Wanted {
    /// These invariants only, comma-separated: I-1,I-3
    #[arg(long, value_delimiter = ',', value_name = "INVARIANTS")]
    only: Vec<Invariant>,
    /// Nothing may be under way: what would be neither right nor wrong is a breach
    #[arg(long)]
    settled: bool,
    /// How long after its deadline a hold may stand, at the time of the last record (I-7)
    #[arg(long, default_value_t = OVERDUE_MS_MAX, value_name = "MS")]
    overdue_ms_max: i64,
    /// What HOLD_MS was, comma-separated: it was nothing else. Without it, what the state says it was (I-19)
    #[arg(long, value_delimiter = ',', value_name = "MS")]
    held_ms: Vec<i64>,
    /// What clients were told, as `load --answers` writes it: held against the log (I-9, I-10, I-14)
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
    /// What a receiver of alerts has got: a JSON object in each line, with `ms`, `key`, `status` and `body` (I-30)
    #[arg(long, value_name = "FILE")]
    alerts: Option<PathBuf>,
    /// With --alerts: the stalls that were made, a JSON object in each line, with `fromMs`, `toMs`, and `topology` and `place` if it was one's alone
    #[arg(long, value_name = "FILE", requires = "alerts")]
    stalls: Option<PathBuf>,
    /// With --alerts: a longer stall has to be told of within so long: ALERT_LAG_MS + ALERT_FOR_MS, and 5 s
    #[arg(long, default_value_t = 15_000, value_name = "MS")]
    alert_within_ms: i64,
    /// What the data platform or the generic webhook has got, one JSON object a line with ms, key, body and status: held against the ledgers (I-15, I-16, I-20, I-22)
    #[arg(long, value_name = "FILE")]
    sink: Option<PathBuf>,
    /// How to say the verdicts
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// How verdicts are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Lines.
    Text,
    /// One JSON object.
    Json,
}

/// Audits what the settings name. The verdicts go to `print` in any case.
///
/// # Errors
/// When an invariant is breached, or the log cannot be read.
pub fn audit(settings: &Settings, wanted: &Wanted, print: &mut dyn FnMut(&str)) -> Result<String, RunError> {
    let topologies = topologies::chosen(settings, &[])?;
    let log = worker::open_log_for_reading(settings)?;
    let mut only = wanted.only.clone();
    only.sort_unstable();
    only.dedup();
    let is_asked = |invariant: &Invariant| invariant.owner() != Owner::Receivers || wanted.alerts.is_some();
    let all = Invariant::ALL.into_iter().filter(is_asked).collect();
    let record = |received: &PathBuf| AlertRecord {
        received: received.clone(),
        stalls: wanted.stalls.clone(),
        within_ms: wanted.alert_within_ms,
        clear_within_ms: CLEAR_WITHIN_MS,
    };
    let question = Question {
        app: settings.app_id.clone(),
        topologies: settings.shown(topologies),
        only: if only.is_empty() { all } else { only },
        is_settled: wanted.settled,
        overdue_ms_max: wanted.overdue_ms_max,
        hold_ms: settings.of::<reservation::Settings>().hold_ms,
        held_ms: wanted.held_ms.clone(),
        app_dir: Some(logs::app_dir(settings)),
        is_all_decided: false,
        answers: wanted.answers.clone(),
        alerts: wanted.alerts.as_ref().map(record),
        sink: wanted.sink.clone(),
    };
    let report = examine(&*log, &question)?;
    match wanted.format {
        Format::Text => print(&report.text()),
        // Texts and numbers always encode.
        Format::Json => print(&format!("{}\n", serde_json::to_string(&report).unwrap_or_default())),
    }
    match report.verdict {
        Verdict::Breached => Err(RunError::Failed("what was promised has not been kept".to_owned())),
        Verdict::Proved | Verdict::NotApplicable => Ok(String::new()),
    }
}

/// Examines a log, and the stores if there are any, with the shop's own code for what is decided again.
///
/// # Errors
/// When the log cannot be read, or what the audit keeps on disk meanwhile cannot be written.
pub fn examine(log: &dyn Log, question: &Question) -> Result<Report, RunError> {
    Ok(holdfast_audit::examine(log, question, &Shadows)?)
}
