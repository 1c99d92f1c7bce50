//! One policy, as it stands after each record.

use super::redemptions::Terms;

/// A policy.
#[derive(Debug, Default)]
pub(super) struct Policy {
    pub(super) created_ms: i64,
    pub(super) total: i64,
    pub(super) issued: i64,
    pub(super) starts_ms: Option<i64>,
    pub(super) ends_ms: Option<i64>,
    /// Users who asked for one while it was open.
    pub(super) wanted: i64,
    /// More or fewer than there were at first: who came when there was none is not asked again.
    pub(super) is_adjusted: bool,
    pub(super) terms: Terms,
    /// Since when there was none left, and until when, if there were some again.
    pub(super) empty: Vec<(i64, Option<i64>)>,
}

impl Policy {
    /// Notes whether there are any left from now on.
    pub(super) fn count_left(&mut self, now_ms: i64) {
        let is_empty = self.issued >= self.total;
        match self.empty.last_mut().filter(|(_, until)| until.is_none()) {
            Some((_, until)) if !is_empty => *until = Some(now_ms),
            None if is_empty => self.empty.push((now_ms, None)),
            _ => {}
        }
    }

    pub(super) fn is_open(&self, now_ms: i64) -> bool {
        self.starts_ms.is_none_or(|start| now_ms >= start) && self.ends_ms.is_none_or(|end| now_ms < end)
    }
}
