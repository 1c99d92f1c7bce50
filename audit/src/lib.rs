//! `audit`: everything that was decided is decided a second time, by rules written down from the requirements alone, and compared with what was told, kept and
//! paid. It reads, joins no group, and changes nothing; on Kafka it may run beside live workers.
//!
//! It is not a replay. A replay asks whether the same code comes to the same again; this asks whether that was right. So it knows topics, JSON and the
//! rules, and nothing of how topologies decide; rows of theirs it reads only to compare.
//!
//! ```text
//!   cut ─► changelogs ─► dead letters, notices ─► each feature: facts, inbox, what clients were told ─► what features owe each other ─► stores, shadows
//! ```
//! | module | holds |
//! |---|---|
//! | [`invariant`], [`findings`], [`report`] | what can be proved, what was found, the verdicts |
//! | [`feature`], [`features`], [`books`] | what a feature is, and the walk through an inbox; the list of them; what they tell each other |
//! | [`wallets`], [`seats`], [`coupons`], [`timesale`], [`data_platform`], [`notification`], [`ranking`] | the rules, a folder for each feature |
//! | [`wallets`], [`seats`], [`coupons`], [`timesale`], [`queue`], [`data_platform`], [`notification`] | the rules, a folder for each feature |
//! | [`cut`], [`rebuilt`], [`reader`], [`record`] | how far everything is read; state by its changelog; records with their headers; what a value says |
//! | [`witness`], [`answers`], [`outcomes`] | what clients wrote down; what answers claim; what outcome topics tell |
//! | [`alerts`] | what receivers of alerts were told, against the stalls that were made |
//! | [`guards`] | queues that guard subjects of a feature, and whom they have let in |
//! | [`letters`], [`redrives`], [`copies`], [`notices`], [`times`] | dead letters, those put back, records sent on, notices, clocks |
//! | [`published`] | values against what is published of them |
//! | [`known`], [`retention`] | ids that came again; how long outcomes are kept |
//! | [`stores`], [`shadows`] | disks against changelogs; inboxes decided again by the shop's own code |
//!
//! A new feature is a folder with a [`feature::Feature`], a line in [`features::all`], and a line in the table of [`invariant`] for each invariant of its own.

pub mod alerts;
mod answers;
mod books;
mod copies;
mod coupons;
mod cut;
mod data_platform;
mod feature;
mod features;
pub mod findings;
mod guards;
pub mod invariant;
mod known;
mod letters;
mod notices;
mod notification;
mod outcomes;
mod published;
mod queue;
mod ranking;
mod reader;
mod rebuilt;
mod record;
mod redrives;
pub mod report;
mod retention;
mod seats;
pub mod shadows;
mod stores;
mod times;
mod timesale;
mod wallets;
mod witness;

use alerts::AlertRecord;
use cut::{Changelog, Cut};
use feature::{Audit, Feature, Shared};
use findings::Findings;
use holdfast_engine::inspect::ports::clock::Clock;
use holdfast_engine::inspect::ports::log::Log;
use holdfast_engine::inspect::ports::record::TopicPartition;
use holdfast_engine::prelude::Topology;
use holdfast_state::{RocksStores, StateConfig};
use holdfast_tools::Failure;
use holdfast_tools::clock::SystemClock;
use holdfast_tools::reading;
use indicatif::{ProgressBar, ProgressStyle};
use invariant::{Invariant, Owner};
use letters::Letters;
use notices::Notices;
use published::Published;
use reader::Reader;
use report::Report;
pub use shadows::Replays;
use std::collections::BTreeMap;
use std::path::PathBuf;
use times::Times;

/// What is audited, and how strictly.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// Prefix of changelogs: APP_ID.
    pub app: String,
    /// What runs there, with the groups under which positions are shown.
    pub topologies: Vec<Topology>,
    /// What is asked for, in order.
    pub only: Vec<Invariant>,
    /// Nothing may be under way.
    pub is_settled: bool,
    /// How long after its deadline a hold may stand, in ms.
    pub overdue_ms_max: i64,
    /// HOLD_MS, in ms: for holds whose deadline is not in the log any more.
    pub hold_ms: i64,
    /// What HOLD_MS was while the log was written, in ms: never anything else. Empty = whatever the state says.
    pub held_ms: Vec<i64>,
    /// Where stores may be: `<data>/<app>`.
    pub app_dir: Option<PathBuf>,
    /// Everything counts as decided: for a log without changelogs.
    pub is_all_decided: bool,
    /// What clients were told.
    pub answers: Option<PathBuf>,
    /// What a receiver of alerts was told.
    pub alerts: Option<AlertRecord>,
    /// What the receiver of deliveries and notifications says that it has got.
    pub sink: Option<PathBuf>,
}

/// Examines a log, and the stores if there are any. `replays` decides inboxes again, for I-19.
///
/// # Errors
/// When the log cannot be read, or what the audit keeps on disk meanwhile cannot be written.
pub fn examine(log: &dyn Log, question: &Question, replays: &dyn Replays) -> Result<Report, Failure> {
    let clock = SystemClock::new();
    let began_us = clock.monotonic_us();
    let mut findings = Findings::default();
    // Before the cut: what was told by now is in the log by then.
    let mut features = features::all(question);
    if let Some(file) = &question.answers {
        witness::read(file, &mut features, &mut findings)?;
    }
    let mut fetcher = log.fetcher().map_err(|e| reading::failed("log", &e))?;
    let shown = mirrored(log, question)?;
    let disk = tempfile::tempdir().map_err(|e| Failure::Failed(format!("temporary directory: {e}")))?;
    let stores = RocksStores::open(StateConfig::new(disk.path())).map_err(|e| Failure::Failed(e.to_string()))?;
    let progress = ProgressBar::new(0).with_style(style());
    progress.set_message("reading changelogs");
    let watches: Vec<_> = features.iter().flat_map(|feature| feature.watches()).copied().collect();
    let mut rebuild = |changelogs: &[Changelog<'_>]| rebuilt::all(log, &stores, changelogs, &watches, &mut findings);
    let (mut cut, states) =
        Cut::take(log, &mut *fetcher, &question.topologies, &question.app, question.is_all_decided, &mut rebuild)?;
    progress.set_length(cut.sources().map(|(_, span)| u64::try_from(span.end - span.begins).unwrap_or(0)).sum());
    let reader = Reader {
        fetcher: &mut *fetcher,
        progress: &progress,
        records: 0,
        undecided: 0,
        undecided_from: BTreeMap::new(),
        latest_ms: 0,
        times: Times::default(),
        published: Published::new(question.only.contains(&Invariant::Published)),
    };
    let mut audit = Audit {
        reader,
        cut: &mut cut,
        states: &states,
        letters: Letters::default(),
        shared: Shared::default(),
        findings: &mut findings,
    };
    let mut in_flight = 0;
    let reads_topics = |invariant: &Invariant| !matches!(invariant.owner(), Owner::States | Owner::Receivers);
    if question.only.iter().any(reads_topics) {
        in_flight = decide_again(&mut audit, &mut features, question)?;
        positions(&audit.reader.undecided_from, &shown, audit.findings);
    }
    let records = audit.reader.records;
    let asks = |of: Invariant| question.only.contains(&of);
    let took_us = clock.monotonic_us().saturating_sub(began_us);
    if asks(Invariant::Rebuilt) {
        progress.set_message("comparing stores");
        match &question.app_dir {
            Some(dir) => stores::compare(dir, &states, &mut *fetcher, &mut findings)?,
            None => findings.not_applicable(Invariant::Rebuilt, "there are no stores here"),
        }
    }
    if asks(Invariant::Alerts) {
        match &question.alerts {
            Some(record) => alerts::compare(record, &mut findings)?,
            None => findings.not_applicable(Invariant::Alerts, "nobody has written down which alerts were received"),
        }
    }
    drop((states, stores));
    if asks(Invariant::Replayed) {
        shadows::compare(log, question, replays, &progress, &mut findings)?;
    }
    progress.finish_and_clear();
    Ok(Report::new(&question.only, &mut findings, records, in_flight, took_us / 1_000))
}

/// Reads all topics and decides everything again. Returns what is under way.
fn decide_again(audit: &mut Audit<'_>, features: &mut [Box<dyn Feature>], question: &Question) -> Result<u64, Failure> {
    audit.letters = Letters::read(&mut audit.reader, audit.cut, &question.topologies, audit.findings)?;
    let kinds = features.iter().flat_map(|feature| feature.notices().iter().copied()).collect();
    audit.shared.notices = Notices::read(&mut audit.reader, audit.cut, &kinds, audit.findings)?;
    for feature in &*features {
        if let Some((source, begins)) = feature.rests_on().and_then(|topic| audit.cut.beheaded(topic)) {
            let why = format!("{source} begins at offset {begins}: what was decided rests on records that are gone");
            for invariant in features::resting_on(&**feature, features) {
                audit.findings.not_applicable(invariant, &why);
            }
        }
    }
    let gone: Vec<_> = features
        .iter()
        .filter(|feature| feature.rests_on().is_some_and(|topic| audit.cut.beheaded(topic).is_some()))
        .map(|feature| feature.name())
        .collect();
    let is_judged = |feature: &dyn Feature| {
        !gone.contains(&feature.name()) && feature.needs().iter().all(|needed| !gone.contains(needed))
    };
    for feature in features.iter_mut().filter(|feature| is_judged(&***feature)) {
        feature.read(audit)?;
    }
    for feature in features.iter_mut().filter(|feature| is_judged(&***feature)) {
        feature.decide(audit)?;
    }
    audit.reader.pass_unread(audit.cut, audit.findings)?;
    let findings = &mut *audit.findings;
    let letters = &audit.letters;
    audit.reader.published.settle(&|source, offset| letters.has(source, offset), findings);
    if gone.is_empty() {
        for feature in features {
            feature.settle(&mut audit.shared, findings);
        }
        audit.shared.copies.settle(findings);
        audit.letters.settle(audit.cut, findings);
    }
    audit.shared.notices.leftover(gone.is_empty(), findings);
    if audit.reader.times.steps_back > 0 {
        let n = audit.reader.times.steps_back;
        findings.note(Invariant::Times, format!("append time stepped back {n} times, logical time did not"));
    }
    let (answers, records) = (audit.shared.in_flight, audit.reader.undecided);
    let in_flight = answers + records;
    if question.is_settled && in_flight > 0 {
        let what =
            format!("{records} records are not decided, {answers} answers are under way, and all should be settled");
        findings.breach(Invariant::OneOutcome, "the cut", what);
    }
    Ok(in_flight)
}

type Shown = Vec<(TopicPartition, i64)>;

/// What the groups show, before the cut is taken.
fn mirrored(log: &dyn Log, question: &Question) -> Result<Shown, Failure> {
    let mut shown = Shown::new();
    for topology in &question.topologies {
        for inbox in topology.sources() {
            let partitions = log.partitions(inbox).map_err(|e| reading::failed(inbox, &e))?.unwrap_or(0);
            let sources: Vec<_> = (0..partitions).map(|place| TopicPartition::new(inbox.clone(), place)).collect();
            let positions =
                log.mirrored(topology.group(), &sources).map_err(|e| reading::failed(topology.group(), &e))?;
            shown.extend(sources.into_iter().zip(positions).filter_map(|(source, position)| Some((source, position?))));
        }
    }
    Ok(shown)
}

/// I-25: no group shows more than is decided. It may stand behind the marker of a transaction, which nobody decides.
fn positions(undecided_from: &BTreeMap<TopicPartition, i64>, shown: &Shown, findings: &mut Findings) {
    for (source, position) in shown {
        match undecided_from.get(source).filter(|offset| position > *offset) {
            Some(offset) => {
                let at = format!("{source} offset {offset}");
                findings.breach(Invariant::NoGap, at, format!("its group shows {position}, and it is not decided"));
            }
            None => findings.count(Invariant::NoGap, "positions shown", 1),
        }
    }
}

fn style() -> ProgressStyle {
    // The template is constant; without it the plain one will do.
    ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} records, {per_sec}, {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}
