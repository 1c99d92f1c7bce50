//! What becomes of a notification on one channel.
//!
//! ```text
//!            ┌─ quiet hours ─► QUEUED ─┐ due
//!  begin ────┤                         ▼
//!            ├───────────────────► SENDING(n) ─┬─ done ────────────────────► SENT
//!            └─ too old ─► STALE        ▲      ├─ failed, n ≤ 3 ─► RETRY ─┐ due
//!                                       └──────┼──────────────────────────┘
//!                                              ├─ failed, n = 4; refused ──► DEAD ── redriven ─► begin
//!                                              ├─ no contact ──────────────► SUPPRESSED
//!                                              └─ too old ─────────────────► STALE
//! ```
//! There is a first attempt and at most three retries. A call that failed because its channel as a whole was away is no attempt.

use super::quiet_hours;
use holdfast_model::call_result::{CallResult, Ended};
use holdfast_model::notification::Priority;
use holdfast_model::notification::preferences::QuietRow;
use holdfast_model::notification::row::{Death, DeliveryRow, DeliveryState, Suppression};
use holdfast_model::notification::settings::Settings;
use holdfast_model::notification::step::Step;

/// Attempts at most: the first one, and three retries.
pub const ATTEMPTS_MAX: u32 = 4;
/// Most a receiver may ask us to wait, in ms.
const RETRY_AFTER_MAX_MS: i64 = 86_400_000;
/// Longest reason that is kept, in bytes.
const REASON_BYTES_MAX: usize = 200;

/// What holds for a notification on all of its channels.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// Its lane.
    pub priority: Priority,
    /// From this moment on it is not sent, in ms since the epoch.
    pub valid_until_ms: i64,
    /// Quiet hours of its user.
    pub quiet: Option<QuietRow>,
}

impl Terms {
    /// When what would be sent at `now_ms` may be sent, if that is later.
    fn quiet_until_ms(&self, now_ms: i64) -> Option<i64> {
        let quiet = self.quiet.filter(|_| self.priority != Priority::High)?;
        quiet_hours::end_ms(quiet, now_ms)
    }
}

/// Begins a try of `row` at `now_ms`, or says what keeps it from that. In the state `Sending` that is returned an effect is to be asked for, in `Queued` a
/// message for its time.
#[must_use]
pub fn begin(row: &DeliveryRow, terms: &Terms, now_ms: i64) -> DeliveryRow {
    let mut row = DeliveryRow { since_ms: now_ms, ..row.clone() };
    row.state = if now_ms >= terms.valid_until_ms {
        DeliveryState::Stale
    } else {
        match terms.quiet_until_ms(now_ms) {
            None => {
                row.tries = row.tries.saturating_add(1);
                row.attempts += 1;
                DeliveryState::Sending
            }
            Some(end_ms) if end_ms < terms.valid_until_ms => DeliveryState::Queued(end_ms),
            Some(_) => DeliveryState::Suppressed(Suppression::QuietHours),
        }
    };
    row
}

/// The row after the result of the try `step`; `None` when that is not the one that the row waits for.
#[must_use]
pub fn result(
    row: &DeliveryRow,
    step: &Step<'_>,
    result: &CallResult,
    terms: &Terms,
    settings: &Settings,
    now_ms: i64,
) -> Option<DeliveryRow> {
    if row.state != DeliveryState::Sending || row.tries != step.number {
        return None;
    }
    let mut row = DeliveryRow { since_ms: now_ms, reason: result.reason.as_deref().map(cut), ..row.clone() };
    if result.ended == Ended::Failed && result.channel_away {
        row.attempts = row.attempts.saturating_sub(1);
    }
    row.state = match result.ended {
        Ended::Done => {
            row.reason = None;
            DeliveryState::Sent
        }
        Ended::Refused => DeliveryState::Dead(Death::Refused),
        Ended::NoContact => DeliveryState::Suppressed(Suppression::NoContact),
        Ended::Stale => DeliveryState::Stale,
        Ended::Failed if row.attempts >= ATTEMPTS_MAX => DeliveryState::Dead(Death::AttemptsUsedUp),
        Ended::Failed => {
            let due_ms = now_ms.saturating_add(wait_ms(step, result.retry_after_ms, settings));
            if due_ms >= terms.valid_until_ms { DeliveryState::Stale } else { DeliveryState::Retry(due_ms) }
        }
    };
    row.deaths += u32::from(matches!(row.state, DeliveryState::Dead(_)));
    Some(row)
}

/// What a `due` comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    /// Nothing: it is not what the row waits for.
    Ignored,
    /// The worker's clock is ahead of the log's: ask again at this moment, in ms since the epoch.
    TooEarly(i64),
    /// The row after it.
    Begun(DeliveryRow),
}

/// What becomes of `row` when the time for the try `step` is said to have come.
#[must_use]
pub fn due(row: &DeliveryRow, step: &Step<'_>, terms: &Terms, now_ms: i64) -> Due {
    match row.state {
        DeliveryState::Queued(due_ms) | DeliveryState::Retry(due_ms) if row.tries.saturating_add(1) == step.number => {
            if now_ms < due_ms {
                Due::TooEarly(due_ms)
            } else {
                Due::Begun(begin(row, terms, now_ms))
            }
        }
        _ => Due::Ignored,
    }
}

/// The row after an operator has put back the letter with which it was given up for the `deaths`th time; `None` when it is not given up, or was given up
/// again since then.
#[must_use]
pub fn redriven(row: &DeliveryRow, deaths: u32, terms: &Terms, now_ms: i64) -> Option<DeliveryRow> {
    (matches!(row.state, DeliveryState::Dead(_)) && row.deaths == deaths)
        .then(|| begin(&DeliveryRow { attempts: 0, ..row.clone() }, terms, now_ms))
}

/// How long to wait after the try `step` failed, in ms: `retry_base_ms · 2^n` and at most `retry_max_ms`, of which the last half is spread by a hash of the
/// try, so that what failed together does not come again together. At least what the receiver asked for.
fn wait_ms(step: &Step<'_>, retry_after_ms: Option<i64>, settings: &Settings) -> i64 {
    let doublings = step.number.saturating_sub(1).min(30);
    let whole = settings.retry_base_ms.saturating_mul(1 << doublings).clamp(1, settings.retry_max_ms.max(1));
    let spread = (whole / 2).max(1).unsigned_abs();
    let backoff = whole - (spread_of(step) % spread).cast_signed();
    backoff.max(retry_after_ms.unwrap_or(0).min(RETRY_AFTER_MAX_MS))
}

/// FNV-1a of the try, with its bits mixed: the same in every replay.
fn spread_of(step: &Step<'_>) -> u64 {
    let bytes = step.notification_id.bytes().chain(step.channel.as_str().bytes()).chain(step.number.to_be_bytes());
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    hash ^ (hash >> 32)
}

fn cut(reason: &str) -> String {
    let mut end = reason.len().min(REASON_BYTES_MAX);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    reason.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
#[path = "delivery_tests.rs"]
mod tests;
