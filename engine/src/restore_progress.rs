//! How far a restore has come, in numbers that others read.

/// How far a restore has come.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct RestoreProgress {
    /// Changelog records applied.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Offsets still to go (an upper bound of records).
    pub remaining: u64,
    /// Time spent in ms.
    pub elapsed_ms: u64,
    /// Time in ms since it last came further.
    pub stalled_ms: u64,
}

impl RestoreProgress {
    /// Bytes a second so far, in MB.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "for display")]
    pub fn mb_per_s(&self) -> f64 {
        self.bytes as f64 / 1e6 / (self.elapsed_ms.max(1) as f64 / 1e3)
    }

    /// Records a second so far.
    #[must_use]
    pub fn records_per_s(&self) -> u64 {
        self.records * 1000 / self.elapsed_ms.max(1)
    }

    /// Time left in ms at this speed; `None` before anything has been read.
    #[must_use]
    pub fn left_ms(&self) -> Option<u64> {
        (self.records > 0).then(|| self.remaining * self.elapsed_ms.max(1) / self.records)
    }
}
