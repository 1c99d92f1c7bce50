//! `dlq list`, `show` and `redrive`.

mod operator;
mod redrive;
mod text;

pub use redrive::{PutBack, redrive};

use super::topologies;
use crate::config::{ConfigError, Settings};
use crate::dead_letters::{
    Cursor, DeadLetters, Detail, Filter, LIMIT_DEFAULT, LIMIT_MAX, LetterId, NoSuch, Trouble, moment,
};
use crate::worker::{self, RunError};
use clap::{Args, ValueEnum};
use holdfast_ports::clock::Clock;
use holdfast_ports::log::Log;
use holdfast_ports::record::TopicPartition;
use holdfast_tools::clock::SystemClock;
use std::sync::Arc;

/// Which letters.
#[derive(Debug, Clone, Default, Args)]
pub struct WhichFlags {
    /// Given up by this topology
    #[arg(long)]
    topology: Option<String>,
    /// Lying in this topic of dead letters, or come from this topic
    #[arg(long)]
    topic: Option<String>,
    /// Of this place
    #[arg(long)]
    place: Option<u32>,
    /// Given up for this reason: `InvalidJson`, `MissingField`, … as CLASS of `list` has it
    #[arg(long, visible_alias = "class")]
    reason: Option<String>,
    /// Given up at this moment or later: 1h (ago), 2026-03-15T00:00:00Z, or ms since the epoch
    #[arg(long, value_name = "MOMENT")]
    since: Option<String>,
    /// Given up before this moment
    #[arg(long, value_name = "MOMENT")]
    until: Option<String>,
}

impl WhichFlags {
    fn filter(self) -> Result<Filter, RunError> {
        let now_ms = SystemClock::new().now_ms();
        let read = |flag: &'static str, text: Option<String>| match text {
            None => Ok(None),
            Some(text) => moment::parse(&text, now_ms).map(Some).ok_or_else(|| {
                let why = format!("{text:?} is no time of RFC 3339, no ms since the epoch, and not how long ago (1h)");
                ConfigError::new(flag, why)
            }),
        };
        Ok(Filter {
            topology: self.topology,
            topic: self.topic,
            place: self.place,
            reason: self.reason,
            since_ms: read("--since", self.since)?,
            until_ms: read("--until", self.until)?,
        })
    }
}

/// What to list.
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    which: WhichFlags,
    /// Letters on a page, the newest first: at most 10,000
    #[arg(long, default_value_t = LIMIT_DEFAULT)]
    limit: usize,
    /// Goes on after a page: the cursor that it ends with
    #[arg(long)]
    cursor: Option<String>,
    /// How to write it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// The same as --format json: an array of letters
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

/// How letters are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Lines.
    Text,
    /// A JSON array.
    Json,
}

/// Opens the log, for letters that match `filter`.
///
/// # Errors
/// Exit code 2 for a topology, topic or place that does not exist: an empty answer would look like one without letters.
fn open(settings: &Settings, filter: &Filter) -> Result<DeadLetters, RunError> {
    // First what needs no log.
    DeadLetters::check_names(filter, holdfast_topologies::all()).map_err(no_such)?;
    let letters = desk(settings, worker::open_log_for_reading(settings)?);
    letters.check(filter).map_err(failed)?;
    Ok(letters)
}

fn desk(settings: &Settings, log: Arc<dyn Log>) -> DeadLetters {
    DeadLetters::of(&settings.app_id, log, Arc::new(SystemClock::new()), holdfast_topologies::all())
}

fn failed(trouble: Trouble) -> RunError {
    match trouble {
        Trouble::NoSuch(what) => no_such(what),
        Trouble::Log(why) => RunError::Failed(why),
    }
}

fn no_such(what: NoSuch) -> RunError {
    let none = |flag: &'static str, what: String, known: &[String]| {
        ConfigError::new(flag, format!("{what}; there are: {}", known.join(", "))).into()
    };
    match what {
        NoSuch::Topology { name, .. } => topologies::no_such("--topology", &name),
        NoSuch::Topic { name, known } => none("--topic", format!("no dead letter can have the topic {name:?}"), &known),
        NoSuch::Reason { name, known } => none("--reason", format!("no dead letter has the reason {name:?}"), &known),
        NoSuch::Place { place, places } => no_such_place(place, places),
    }
}

/// Exit code 2 for a place that does not exist.
pub(super) fn no_such_place(place: u32, places: u32) -> RunError {
    ConfigError::new("--place", format!("there is no place {place}; there are {places}, from 0")).into()
}

/// A page of letters.
///
/// # Errors
/// For a filter that names nothing, or when the log cannot be read.
pub fn list(settings: &Settings, list: List) -> Result<String, RunError> {
    let filter = list.which.filter()?;
    let before = list.cursor.as_deref().map(|text| {
        Cursor::parse(text).ok_or_else(|| ConfigError::new("--cursor", "it is not one that a page ends with"))
    });
    let before = before.transpose()?;
    let letters = open(settings, &filter)?;
    let page = letters.page(&filter, list.limit.clamp(1, LIMIT_MAX), before.as_ref()).map_err(failed)?;
    Ok(match list.format {
        // Texts and numbers always encode.
        _ if list.json => format!("{}\n", serde_json::to_string(&page.letters).unwrap_or_default()),
        Format::Json => format!("{}\n", serde_json::to_string(&page.letters).unwrap_or_default()),
        Format::Text => text::page(&page),
    })
}

/// One letter whole.
///
/// # Errors
/// When there is none of this name, or the log cannot be read.
pub fn show(settings: &Settings, id: &str) -> Result<String, RunError> {
    let id = LetterId::parse(id).ok_or_else(|| unknown(id))?;
    let log = worker::open_log_for_reading(settings)?;
    let letters = desk(settings, log.clone());
    let mut detail = letters.detail(&id).map_err(failed)?.ok_or_else(|| unknown(&id))?;
    told(&letters, &*log, &mut detail);
    Ok(format!("{}\n", serde_json::to_string_pretty(&detail).unwrap_or_default()))
}

/// Notes how far the topic is decided that `detail` comes from, as its group shows. A worker knows more: what was decided.
fn told(letters: &DeadLetters, log: &dyn Log, detail: &mut Detail) {
    let Some((_, group)) = letters.reader_of(detail) else { return };
    let Some(home) = detail.home() else { return };
    let source: [TopicPartition; 1] = [home];
    if let Ok(Some(next)) = log.mirrored(&group, &source).map(|next| next.first().copied().flatten()) {
        detail.decided_to(next);
    }
}

fn unknown(id: &(impl ToString + ?Sized)) -> RunError {
    RunError::Failed(format!("there is no dead letter {:?}", id.to_string()))
}
