//! The only source of time. A processor never sees one: its `now` is the append time of the record in hand.

/// Wall time for deadlines, monotonic time for durations. One real body in `src/clock.rs`, one simulated in `sim`.
pub trait Clock: Send + Sync {
    /// Wall time in milliseconds since the Unix epoch. May jump either way.
    fn now_ms(&self) -> i64;

    /// Time in microseconds since some fixed instant. Never goes back.
    fn monotonic_us(&self) -> u64;
}
