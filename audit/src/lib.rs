//! `audit`: everything that was decided is decided a second time, by rules written down from the requirements alone, and compared with what was told, kept and
//! paid. It reads, joins no group, and changes nothing; on Kafka it may run beside live workers.
//!
//! It is not a replay. A replay asks whether the same code comes to the same again; this asks whether that was right. So it knows topics, JSON and the
//! rules, and nothing of how topologies decide; rows of theirs it reads only to compare.
//!
//! ```text
//!   cut ─► changelogs ─► dead letters, notices, facts ─► wallets ─► seats ─► coupons ─► what must have come out ─► stores, shadows ─► verdicts
//! ```
//! | module | holds |
//! |---|---|
//! | [`invariant`], [`findings`], [`report`] | what can be proved, what was found, the verdicts |
//! | [`cut`], [`rebuilt`], [`reader`] | how far everything is read; state by its changelog; records with their headers |
//! | [`said`] | what a value says |
//! | [`answers`], [`door`] | what clients were told; refusals that never came into the log |
//! | [`letters`], [`copies`], [`known`], [`notices`], [`times`] | dead letters, records sent on, ids that came again, notices, clocks |
//! | [`wallets`], [`seats`], [`coupons`], [`redemptions`] | the rules |
//! | [`stores`], [`shadows`] | disks against changelogs; inboxes decided again by the shop's own code |

mod answers;
mod copies;
mod coupons;
mod cut;
mod door;
pub mod findings;
pub mod invariant;
mod known;
mod letters;
mod notices;
mod reader;
mod rebuilt;
mod redemptions;
pub mod report;
mod said;
mod seats;
pub mod shadows;
mod stores;
mod times;
mod wallets;

use answers::{Answers, Realm};
use copies::Copies;
use cut::{Changelog, Cut, States};
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
use invariant::Invariant;
use letters::Letters;
use notices::Notices;
use reader::Reader;
use report::Report;
use seats::{Ending, Facts};
pub use shadows::Replays;
use std::collections::BTreeMap;
use std::path::PathBuf;
use times::Times;
use wallets::Money;

/// What is audited, and how strictly.
#[derive(Debug, Clone)]
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
    let answers = question.answers.as_deref().map(|file| Answers::read(file, &mut findings)).transpose()?;
    let mut fetcher = log.fetcher().map_err(|e| reading::failed("log", &e))?;
    let shown = mirrored(log, question)?;
    let disk = tempfile::tempdir().map_err(|e| Failure::Failed(format!("temporary directory: {e}")))?;
    let stores = RocksStores::open(StateConfig::new(disk.path())).map_err(|e| Failure::Failed(e.to_string()))?;
    let progress = ProgressBar::new(0).with_style(style());
    progress.set_message("reading changelogs");
    let mut rebuild = |changelogs: &[Changelog<'_>]| rebuilt::all(log, &stores, changelogs, &mut findings);
    let (mut cut, states) =
        Cut::take(log, &mut *fetcher, &question.topologies, &question.app, question.is_all_decided, &mut rebuild)?;
    progress.set_length(cut.sources().map(|(_, span)| u64::try_from(span.end - span.begins).unwrap_or(0)).sum());
    let mut reader = Reader {
        fetcher: &mut *fetcher,
        progress: &progress,
        records: 0,
        undecided: 0,
        undecided_from: BTreeMap::new(),
        latest_ms: 0,
        times: Times::default(),
    };
    let asks = |of: &[Invariant]| question.only.iter().any(|invariant| of.contains(invariant));
    let mut in_flight = 0;
    if question.only.iter().any(|invariant| !ON_STATE.contains(invariant)) {
        in_flight = decide_again(&mut reader, &mut cut, &states, question, answers.unwrap_or_default(), &mut findings)?;
        positions(&reader.undecided_from, &shown, &mut findings);
    }
    let records = reader.records;
    let took_us = clock.monotonic_us().saturating_sub(began_us);
    if asks(&[Invariant::Rebuilt]) {
        progress.set_message("comparing stores");
        match &question.app_dir {
            Some(dir) => stores::compare(dir, &states, &mut *fetcher, &mut findings)?,
            None => findings.not_applicable(Invariant::Rebuilt, "there are no stores here"),
        }
    }
    drop((states, stores));
    if asks(&[Invariant::Replayed]) {
        shadows::compare(log, question, replays, &progress, &mut findings)?;
    }
    progress.finish_and_clear();
    Ok(Report::new(&question.only, &mut findings, records, in_flight, took_us / 1_000))
}

/// What follows from states alone: no topic need be read for it.
const ON_STATE: [Invariant; 3] = [Invariant::Rebuilt, Invariant::Replayed, Invariant::OneWriter];

/// Reads all topics and decides everything again. Returns what is under way.
fn decide_again(
    reader: &mut Reader<'_>,
    cut: &mut Cut,
    states: &States,
    question: &Question,
    mut answers: Answers,
    findings: &mut Findings,
) -> Result<u64, Failure> {
    use holdfast_model::{coupon, payment, reservation};
    let mut copies = Copies::default();
    let mut letters = Letters::read(reader, cut, &question.topologies, findings)?;
    let mut notices = Notices::read(reader, cut, findings)?;
    let mut ending = Ending::new(question.overdue_ms_max);
    let heads = [(payment::INBOX, MONEY), (reservation::INBOX, MONEY), (coupon::INBOX, COUPONS)];
    for (inbox, resting) in heads {
        if let Some((source, begins)) = cut.beheaded(inbox) {
            let why = format!("{source} begins at offset {begins}: what was decided rests on records that are gone");
            for invariant in resting {
                findings.not_applicable(*invariant, &why);
            }
        }
    }
    let is_whole = |cut: &Cut, inbox| cut.beheaded(inbox).is_none();
    // Of seats and money one cannot be judged without the other.
    let has_seats = is_whole(cut, payment::INBOX) && is_whole(cut, reservation::INBOX);
    if has_seats {
        let mut facts = Facts::read(reader, cut, findings)?;
        let mut money = Money::decide(reader, cut, states, &mut letters, &mut copies, &mut answers, findings)?;
        let mut desk = seats::Desk {
            facts: &mut facts,
            money: &mut money,
            notices: &mut notices,
            ending: &mut ending,
            copies: &mut copies,
            answers: &mut answers,
            hold_ms: question.hold_ms,
        };
        seats::decide(reader, cut, states, &mut letters, &mut desk, findings)?;
        ending.settle(&mut facts, &money, cut, findings);
        facts.leftover(findings);
        answers.leftover(Realm::Seats, findings);
    }
    let has_coupons = is_whole(cut, coupon::INBOX);
    if has_coupons {
        let mut desk = coupons::Desk {
            copies: &mut copies,
            notices: &mut notices,
            ending: &mut ending,
            answers: &mut answers,
            coupons: Default::default(),
        };
        coupons::decide(reader, cut, states, &mut letters, &mut desk, findings)?;
        answers.leftover(Realm::Coupons, findings);
    }
    if has_seats && has_coupons {
        ending.wishes(findings);
        copies.settle(findings);
        notices.leftover(findings);
    }
    if reader.times.steps_back > 0 {
        let n = reader.times.steps_back;
        findings.note(Invariant::Times, format!("append time stepped back {n} times, logical time did not"));
    }
    let in_flight = ending.in_flight + reader.undecided;
    if question.is_settled && in_flight > 0 {
        let (answers, records) = (ending.in_flight, reader.undecided);
        let what =
            format!("{records} records are not decided, {answers} answers are under way, and all should be settled");
        findings.breach(Invariant::OneOutcome, "the cut", what);
    }
    Ok(in_flight)
}

/// What cannot be said when the beginning of seats or wallets is gone.
const MONEY: &[Invariant] = &[
    Invariant::OneOwner,
    Invariant::Capacity,
    Invariant::PaidOnce,
    Invariant::Conservation,
    Invariant::Statements,
    Invariant::NotEarly,
    Invariant::NotLate,
    Invariant::Deadline,
    Invariant::OneOutcome,
    Invariant::Agreement,
    Invariant::Retries,
    Invariant::Notices,
    Invariant::NoGap,
];

/// What cannot be said when the beginning of the coupons is gone.
const COUPONS: &[Invariant] = &[
    Invariant::OneOutcome,
    Invariant::Agreement,
    Invariant::Stock,
    Invariant::FirstCome,
    Invariant::Retries,
    Invariant::Notices,
    Invariant::NoGap,
];

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
