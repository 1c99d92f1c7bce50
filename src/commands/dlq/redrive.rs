//! `dlq redrive`.

use super::operator::OperatorFlags;
use super::{WhichFlags, failed, open, text, unknown};
use crate::config::Settings;
use crate::dead_letters::{Filter, LetterId, Order, Progress, RATE_DEFAULT, RATE_MAX, State, Which};
use crate::worker::RunError;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How often the number of letters is shown, on a terminal.
const SHOW: Duration = Duration::from_millis(200);

/// What to put back.
#[derive(Debug, Args)]
pub struct PutBack {
    /// Names of letters, as `list` shows them
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    ids: Vec<String>,
    /// All that match the filters and have not been put back before
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    which: WhichFlags,
    #[command(flatten)]
    operator: OperatorFlags,
    /// Letters a second, at most
    #[arg(long, default_value_t = RATE_DEFAULT, value_parser = clap::value_parser!(u32).range(1..=i64::from(RATE_MAX)))]
    rate: u32,
    /// Say what would be put back, and put nothing back
    #[arg(long)]
    dry_run: bool,
    /// Put back what was put back before, too; what has its outcome keeps it
    #[arg(long)]
    force: bool,
    /// Write the report as JSON
    #[arg(long)]
    json: bool,
}

/// Puts letters back.
///
/// # Errors
/// For a filter that names nothing; when one that was named is not there or was not put back, or the log cannot be read or written to.
pub fn redrive(settings: &Settings, what: PutBack, print: &mut dyn FnMut(&str)) -> Result<String, RunError> {
    let PutBack { ids, which, operator, rate, dry_run, force, json, .. } = what;
    let is_named = !ids.is_empty();
    let filter = which.filter()?;
    let letters = open(settings, &filter)?;
    let which = if is_named {
        if filter != Filter::default() {
            return Err(crate::config::ConfigError::new("--all", "filters go with --all, and not with names").into());
        }
        Which::Named(ids.iter().map(|id| LetterId::parse(id).ok_or_else(|| unknown(id))).collect::<Result<_, _>>()?)
    } else {
        Which::All(filter)
    };
    let order = Order { which, by: operator.name(), rate, dry_run, force };
    let progress = Arc::new(Progress::new(|| false));
    stop_on_signals(&progress);
    let outcome = std::thread::scope(|scope| {
        let (ended, end) = mpsc::channel::<()>();
        let shown = progress.clone();
        scope.spawn(move || show(&shown, &end));
        let outcome = letters.redrive(&order, &progress);
        drop(ended);
        outcome
    });
    let report = progress.report();
    let counted = report.counts.redriven + report.counts.already_redriven + report.counts.skipped;
    if json {
        print(&format!("{}\n", serde_json::to_string(&report).unwrap_or_default()));
    } else if outcome.is_ok() || counted > 0 {
        print(&text::report(&report));
    }
    outcome.map_err(failed)?;
    if let Some(missing) = report.skipped.iter().find(|skipped| skipped.code == "NOT_FOUND") {
        return Err(unknown(&missing.id));
    }
    if report.state == State::Stopped {
        return Err(RunError::Failed("stopped before all of them were put back".to_owned()));
    }
    if is_named && report.counts.skipped > 0 {
        return Err(RunError::Failed("not all of them were put back".to_owned()));
    }
    Ok(String::new())
}

/// Shows how many letters were put back, on a terminal, until it hears nothing any more.
fn show(progress: &Progress, end: &mpsc::Receiver<()>) {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
        bar.set_style(style);
    }
    while end.recv_timeout(SHOW) == Err(RecvTimeoutError::Timeout) {
        let counts = progress.report().counts;
        bar.set_message(format!("{} put back, {} left", counts.redriven, counts.already_redriven + counts.skipped));
        bar.tick();
    }
    bar.finish_and_clear();
}

/// A signal ends the redrive after the transaction that it has in hand: one that is left open would hold up the readers of its topics.
fn stop_on_signals(progress: &Arc<Progress>) {
    let progress = progress.clone();
    let listen = async move {
        let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
        let Ok(mut interrupt) = signal(SignalKind::interrupt()) else { return };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        progress.stop();
    };
    // It ends with the process. Without it, signals end the process as they do by default.
    std::thread::spawn(move || {
        if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() {
            runtime.block_on(listen);
        }
    });
}
