//! `dlq list`, `show` and `redrive`.

use super::topologies;
use crate::config::{ConfigError, Settings};
use crate::dead_letters::{self, LIMIT_DEFAULT, Letter, NoSuch, Redrive, Wanted};
use crate::worker::{self, RunError};
use clap::{Args, ValueEnum};
use holdfast_ports::log::Log;
use holdfast_tools::table::table;
use std::fmt::Write;
use std::sync::Arc;

/// Which letters.
#[derive(Debug, Args)]
pub struct Which {
    /// Of this topology only
    #[arg(long)]
    topology: Option<String>,
    /// Of this place only
    #[arg(long)]
    place: Option<u32>,
    /// Of this class only: `InvalidJson`, `MissingField`, …
    #[arg(long)]
    class: Option<String>,
}

impl Which {
    fn wanted(self) -> Wanted {
        Wanted { topology: self.topology, place: self.place, class: self.class, ids: Vec::new() }
    }
}

/// What to list.
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    which: Which,
    /// The newest so many of each partition
    #[arg(long, default_value_t = LIMIT_DEFAULT)]
    limit: usize,
    /// How to write it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// What to put back.
#[derive(Debug, Args)]
pub struct PutBack {
    /// Names of letters, as `list` shows them
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    ids: Vec<String>,
    /// All that have not been put back before
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    which: Which,
}

/// How letters are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Lines.
    Text,
    /// A JSON array.
    Json,
}

/// Opens the log for letters that are `wanted`.
///
/// # Errors
/// Exit code 2 for a topology or place that does not exist: an empty answer would look like one without letters.
fn open(settings: &Settings, wanted: &Wanted) -> Result<Arc<dyn Log>, RunError> {
    let all = holdfast_topologies::all();
    // First what needs no log.
    wanted.check(&all, None).map_err(no_such)?;
    let log = worker::open_log_for_reading(settings)?;
    wanted.check(&all, dead_letters::places(&*log, &all)?).map_err(no_such)?;
    Ok(log)
}

fn no_such(what: NoSuch) -> RunError {
    match what {
        NoSuch::Topology { name, .. } => topologies::no_such("--topology", &name),
        NoSuch::Place { place, places } => no_such_place(place, places),
    }
}

/// Exit code 2 for a place that does not exist.
pub(super) fn no_such_place(place: u32, places: u32) -> RunError {
    ConfigError::new("--place", format!("there is no place {place}; there are {places}, from 0")).into()
}

/// The letters.
///
/// # Errors
/// For a topology or place that does not exist, or when the log cannot be read.
pub fn list(settings: &Settings, list: List) -> Result<String, RunError> {
    let wanted = list.which.wanted();
    let log = open(settings, &wanted)?;
    let letters = dead_letters::list(&*log, &holdfast_topologies::all(), &wanted, list.limit.max(1))?;
    Ok(match list.format {
        // Texts and numbers always encode.
        Format::Json => format!("{}\n", serde_json::to_string(&letters).unwrap_or_default()),
        Format::Text => shown(&letters),
    })
}

/// One letter with its value.
///
/// # Errors
/// When there is none of this name, or the log cannot be read.
pub fn show(settings: &Settings, id: &str) -> Result<String, RunError> {
    let log = worker::open_log_for_reading(settings)?;
    let wanted = Wanted { ids: vec![id.to_owned()], ..Wanted::default() };
    let letters = dead_letters::list(&*log, &holdfast_topologies::all(), &wanted, 1)?;
    let letter = letters.first().ok_or_else(|| unknown(id))?;
    Ok(format!("{}\n", serde_json::to_string_pretty(letter).unwrap_or_default()))
}

/// Puts letters back.
///
/// # Errors
/// For a topology or place that does not exist; when one that was named is not there or was not put back, or the log cannot be read or written to.
pub fn redrive(settings: &Settings, what: PutBack, print: &mut dyn FnMut(&str)) -> Result<String, RunError> {
    let PutBack { ids, which, .. } = what;
    let wanted = Wanted { ids, ..which.wanted() };
    let log = open(settings, &wanted)?;
    let appender = log.appender().map_err(|e| RunError::Failed(format!("log: {e}")))?;
    let Redrive { redriven, skipped } = dead_letters::redrive(&*log, &*appender, &holdfast_topologies::all(), &wanted)?;
    let mut out = String::new();
    // Writing into a String cannot fail.
    for back in &redriven {
        let _ = writeln!(out, "{} put back as {} at {} (attempt {})", back.id, back.topic, back.position, back.attempt);
    }
    for left in &skipped {
        let _ = writeln!(out, "{} left: {}", left.id, left.reason);
    }
    let _ = writeln!(out, "{} put back, {} left", redriven.len(), skipped.len());
    print(&out);
    let is_there = |id: &String| redriven.iter().any(|r| r.id == *id) || skipped.iter().any(|s| s.id == *id);
    if let Some(id) = wanted.ids.iter().find(|id| !is_there(id)) {
        return Err(unknown(id));
    }
    if !wanted.ids.is_empty() && !skipped.is_empty() {
        return Err(RunError::Failed("not all of them were put back".to_owned()));
    }
    Ok(String::new())
}

fn unknown(id: &str) -> RunError {
    RunError::Failed(format!("there is no dead letter {id:?}"))
}

fn shown(letters: &[Letter]) -> String {
    let number = |n: Option<i64>| n.map_or_else(|| "-".to_owned(), |n| n.to_string());
    let rows: Vec<_> = letters
        .iter()
        .map(|letter| {
            vec![
                letter.id.clone(),
                letter.failed_at.clone().unwrap_or_else(|| "-".to_owned()),
                format!(
                    "{}-{}-{}",
                    letter.original_topic,
                    number(letter.original_partition.map(i64::from)),
                    number(letter.original_offset)
                ),
                letter.class.clone(),
                number(letter.attempts.map(i64::from)),
                letter.redriven.to_string(),
                letter.message.replace(char::is_control, " "),
            ]
        })
        .collect();
    format!(
        "{}{} dead letters\n",
        table(&["LETTER", "FAILED AT", "FROM", "CLASS", "ATTEMPTS", "REDRIVEN", "MESSAGE"], &rows),
        letters.len()
    )
}
