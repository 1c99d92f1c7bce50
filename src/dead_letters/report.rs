//! What a redrive has come to so far.

use super::copy_of_letter::PutBack;
use holdfast_model::rfc3339;
use holdfast_ports::record::Topic;
use parking_lot::{Condvar, Mutex};
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// Letters that are named in each list of a report. The counts count all of them.
const NAMED_MAX: usize = 1_000;
/// How often a job that waits looks whether it is to stop.
const LOOK: Duration = Duration::from_millis(100);

/// How far a redrive is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schema(as = RedriveState)]
pub enum State {
    /// It puts letters back.
    #[default]
    Running,
    /// It has come to its end.
    Done,
    /// It was stopped: what is left is put back by the same request again.
    Stopped,
    /// The log could not be read or written to. The same request again goes on where it has ended.
    Failed,
}

/// A letter that has been put back, or would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Redriven {
    /// The letter.
    pub id: String,
    /// How many times it has been put back, this time included.
    pub attempt: u32,
    /// The topic that the copy was put into.
    pub topic: String,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// The operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Where the copy lies, `<topic>-<partition>-<offset>`; missing in a dry run, and while the redrive runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copy: Option<String>,
    /// The same as `Holdfast-Position` has it, when the topic is the inbox of a topology: `<topology>-<place>-<offset>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<String>,
}

impl Redriven {
    /// `inbox_of`: the topology whose inbox a topic is.
    pub(super) fn of(put_back: &PutBack, inbox_of: impl Fn(&Topic) -> Option<String>) -> Self {
        let PutBack { id, home, attempt, by, at_ms, offset } = put_back;
        let at = |name: &str, offset: i64| format!("{name}-{}-{offset}", home.partition);
        Self {
            id: id.to_string(),
            attempt: *attempt,
            topic: home.topic.to_string(),
            at: at_ms.map(rfc3339::to_string),
            by: by.clone(),
            copy: offset.map(|offset| at(&home.topic, offset)),
            position: offset.and_then(|offset| Some(at(&inbox_of(&home.topic)?, offset))),
        }
    }
}

/// A letter that was not put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Skipped {
    /// The letter.
    pub id: String,
    /// Why, for programs: `NOT_FOUND`, `NO_ORIGIN`, `FOREIGN_TOPIC`, `VALUE_NOT_KEPT`, `REFUSED_BY_LOG`.
    pub code: String,
    /// Why, for humans.
    pub reason: String,
}

/// How many letters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Put back, or would be.
    pub redriven: u64,
    /// Left alone, since they were put back before.
    pub already_redriven: u64,
    /// Not put back.
    pub skipped: u64,
}

/// What a redrive has come to so far. Each list names the first 1,000.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// How far it is.
    pub state: State,
    /// Whether it only says what it would do.
    pub dry_run: bool,
    /// The operator.
    pub by: String,
    /// Letters a second, at most.
    pub rate_per_second: u32,
    /// When it began.
    pub started_at: String,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How many.
    pub counts: Counts,
    /// Put back, or would be.
    pub redriven: Vec<Redriven>,
    /// Put back before: when and by whom. Nothing was changed.
    pub already_redriven: Vec<Redriven>,
    /// Not put back, and why.
    pub skipped: Vec<Skipped>,
}

impl Report {
    pub(super) fn redriven(&mut self, one: Redriven) {
        self.counts.redriven += 1;
        push(&mut self.redriven, one);
    }

    pub(super) fn already(&mut self, one: Redriven) {
        self.counts.already_redriven += 1;
        push(&mut self.already_redriven, one);
    }

    pub(super) fn skipped(&mut self, id: &impl ToString, code: &str, reason: impl Into<String>) {
        self.counts.skipped += 1;
        push(&mut self.skipped, Skipped { id: id.to_string(), code: code.to_owned(), reason: reason.into() });
    }
}

fn push<T>(list: &mut Vec<T>, one: T) {
    if list.len() < NAMED_MAX {
        list.push(one);
    }
}

/// A redrive that runs, for those that wait for it, look at it or stop it.
pub struct Progress {
    report: Mutex<Report>,
    is_stopped: Mutex<bool>,
    stopping: Condvar,
    /// Whether the program is to end.
    is_over: Box<dyn Fn() -> bool + Send + Sync>,
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Progress").field("report", &*self.report.lock()).finish_non_exhaustive()
    }
}

impl Progress {
    /// Of a redrive that ends early when `is_over`.
    #[must_use]
    pub fn new(is_over: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        let (report, is_stopped, stopping) = Default::default();
        Self { report, is_stopped, stopping, is_over: Box::new(is_over) }
    }

    /// Asks the redrive to end after the letters that it has in hand.
    pub fn stop(&self) {
        *self.is_stopped.lock() = true;
        self.stopping.notify_all();
    }

    /// What it has come to so far.
    #[must_use]
    pub fn report(&self) -> Report {
        self.report.lock().clone()
    }

    /// Whether it runs no more.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.report.lock().finished_at.is_some()
    }

    pub(super) fn change<R>(&self, change: impl FnOnce(&mut Report) -> R) -> R {
        change(&mut self.report.lock())
    }

    /// Whether the redrive is to stop.
    pub(super) fn is_to_stop(&self) -> bool {
        *self.is_stopped.lock() || (self.is_over)()
    }

    /// Waits for so long, or until the redrive is to stop: then true.
    pub(super) fn pause(&self, duration: Duration) -> bool {
        let mut left = duration;
        while !self.is_to_stop() && !left.is_zero() {
            let slice = left.min(LOOK);
            let mut is_stopped = self.is_stopped.lock();
            if !*is_stopped {
                self.stopping.wait_for(&mut is_stopped, slice);
            }
            left -= slice;
        }
        self.is_to_stop()
    }
}
