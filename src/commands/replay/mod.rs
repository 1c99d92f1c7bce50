//! `replay`: an inbox decided again by a shadow, and compared with what was decided. It reads, and changes nothing; on Kafka it may run beside the
//! live workers, since it joins no group.
//!
//! ```text
//!   1. ends of all topics written to        what lies before them is decided
//!   2. ends of the changelogs               positions and state as of here
//!   3. everything that was written          so it holds all outputs of 2, and perhaps of later decisions
//!   4. each place: changelog ─► state and position ┐
//!                  inbox up to it ─► shadow ───────┴─► outputs and rows compared
//! ```
//! A decision rests on all before it. So a replay that begins later begins on the state that the changelog tells for that moment, and takes it for given.
//!
//! | module | holds |
//! |---|---|
//! | [`from`], [`base`] | where it begins, and the state it begins on when that is not the first record |
//! | [`in_force`] | the settings that a place was decided with |
//! | [`author`] | whose a record is, and what makes two of them the same |
//! | [`found`] | what was written, as fingerprints on disk |
//! | [`compare`] | outputs in order |
//! | [`rows`] | states key by key |
//! | [`place`] | one place from beginning to end |
//! | [`report`] | the verdict |

mod author;
mod base;
mod compare;
mod found;
mod from;
mod in_force;
mod place;
mod report;
mod rows;

use super::{dlq, topologies};
use crate::config::{ConfigError, Settings};
use crate::worker::{self, RunError};
use author::Author;
use clap::{Args, ValueEnum};
use found::Writings;
pub use from::From;
use holdfast_audit::Replays;
use holdfast_audit::shadows::{Again, Outcome};
use holdfast_engine::prelude::Topology;
use holdfast_ports::clock::Clock;
use holdfast_ports::log::{End, Log};
use holdfast_tools::Failure;
use holdfast_tools::clock::SystemClock;
use holdfast_tools::reading;
use indicatif::{ProgressBar, ProgressStyle};
use place::Replay;
use report::{PlaceReport, Report, Verdict};

/// What to replay.
#[derive(Debug, Args)]
pub struct Wanted {
    /// The topology
    #[arg(long)]
    topology: String,
    /// Where to begin: "earliest", or an offset of the inbox together with --place
    #[arg(long)]
    from: From,
    /// This place only
    #[arg(long)]
    place: Option<u32>,
    /// How to say the verdict
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// How a verdict is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Lines.
    Text,
    /// One JSON object.
    Json,
}

/// Replays and compares. The verdict goes to `print` in any case.
///
/// # Errors
/// When anything is different or could not be compared, or the log cannot be read.
pub fn replay(settings: &Settings, wanted: &Wanted, print: &mut dyn FnMut(&str)) -> Result<String, RunError> {
    let report = compare(settings, wanted)?;
    match wanted.format {
        Format::Text => print(&report.text()),
        // Texts and numbers always encode.
        Format::Json => print(&format!("{}\n", serde_json::to_string(&report).unwrap_or_default())),
    }
    match report.verdict {
        Verdict::Identical => Ok(String::new()),
        Verdict::Different => Err(RunError::Failed("what was decided is not what is decided again".to_owned())),
        Verdict::NotProven => Err(RunError::Failed("not everything could be decided again".to_owned())),
    }
}

fn compare(settings: &Settings, wanted: &Wanted) -> Result<Report, RunError> {
    // As the worker runs it, where its state does not say otherwise.
    let topology = topologies::chosen(settings, &[])?
        .into_iter()
        .find(|topology| **topology.name() == *wanted.topology)
        .ok_or_else(|| topologies::no_such("--topology", &wanted.topology))?;
    if !topology.is_deciding() {
        let why = format!(
            "{} reads several topics, and no log says in which order it decided their records: it cannot be replayed (its state is restored from its changelog)",
            topology.name()
        );
        return Err(ConfigError::new("--topology", why).into());
    }
    if let (From::Offset(offset), None) = (wanted.from, wanted.place) {
        let why = format!("{offset}: each place counts its own offsets, so --place is needed");
        return Err(ConfigError::new("--from", why).into());
    }
    let log = worker::open_log_for_reading(settings)?;
    compare_in(&*log, &topology, &settings.app_id, wanted.from, wanted.place)
}

/// The shop's own code, for the audit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shadows;

impl Replays for Shadows {
    fn again(&self, log: &dyn Log, topology: &Topology, app: &str) -> Result<Again, Failure> {
        let report = compare_in(log, topology, app, From::Earliest, None)?;
        let settings = report.places.iter().flat_map(|place| in_force::told(place.place, &place.settings)).collect();
        Ok(Again { outcome: outcome(topology, &report), settings })
    }
}

fn outcome(topology: &Topology, report: &Report) -> Outcome {
    if let Some(difference) = report.places.iter().find_map(|place| place.difference.as_ref()) {
        let said = |text: &Option<String>| text.as_deref().unwrap_or("nothing").to_owned();
        let (expected, found) = (said(&difference.expected), said(&difference.found));
        let at = match &difference.inbox {
            Some(inbox) => format!("{} (decided by {inbox})", difference.at),
            None => difference.at.clone(),
        };
        return Outcome::Different { at, what: format!("{}: expected {expected}, found {found}", difference.what) };
    }
    if let Some((place, begins)) =
        report.places.iter().find_map(|place| Some((place.place, place.skipped_to.and(place.inbox_begins)?)))
    {
        let inbox = topology.inbox();
        return Outcome::NotProven { why: format!("{inbox}-{place} begins at offset {begins}") };
    }
    let sum = |of: fn(&PlaceReport) -> u64| report.places.iter().map(of).sum();
    Outcome::Same { records: sum(|p| p.records), outputs: sum(|p| p.outputs), rows: sum(|p| p.rows) }
}

fn compare_in(
    log: &dyn Log,
    topology: &Topology,
    app: &str,
    from: From,
    place: Option<u32>,
) -> Result<Report, RunError> {
    let places = places(log, topology.inbox())?;
    let chosen: Vec<u32> = match place {
        None => (0..places).collect(),
        Some(place) if place < places => vec![place],
        Some(place) => return Err(dlq::no_such_place(place, places)),
    };
    let clock = SystemClock::new();
    let began_us = clock.monotonic_us();
    let mut fetcher = log.fetcher().map_err(|e| reading::failed("log", &e))?;
    let author = Author::of(topology, places);
    let progress = ProgressBar::new(0).with_style(style());
    let replay = Replay { topology, author: &author, app, places, from, progress: &progress };

    let mut writings = Writings::of(log, topology, places, &mut *fetcher)?;
    let mut ends = Vec::new();
    for place in chosen {
        ends.push((place, reading::settled_end(&mut *fetcher, &replay.changelog(place))?));
        let inbox = holdfast_ports::record::TopicPartition::new(topology.inbox().clone(), place);
        progress.inc_length(u64::try_from(reading::end(&mut *fetcher, &inbox, End::Stable)?).unwrap_or(0));
    }
    progress.set_message("reading what was written");
    writings.read(&author, topology, &mut *fetcher)?;
    let mut reports = Vec::new();
    for (place, end) in ends {
        progress.set_message(format!("place {place}"));
        reports.push(replay.place(place, end, &mut writings, &mut *fetcher)?);
    }
    progress.finish_and_clear();
    Ok(Report::new(topology.name(), reports, clock.monotonic_us().saturating_sub(began_us)))
}

fn places(log: &dyn Log, inbox: &str) -> Result<u32, RunError> {
    log.partitions(inbox)
        .map_err(|e| reading::failed("log", &e))?
        .ok_or_else(|| RunError::Failed(format!("there is no topic {inbox}: nothing has been decided yet")))
}

fn style() -> ProgressStyle {
    // The template is constant; without it the plain one will do.
    ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} records, {per_sec}, {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}
