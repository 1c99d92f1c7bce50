//! What a log brings along to be examined.

use holdfast_ports::clock::Clock;
use holdfast_ports::log::Log;
use std::sync::Arc;
use std::time::Duration;

/// A log under examination, with a place of its own to keep its data.
///
/// One harness serves one promise, or all of them at once from many threads: the names that [`Harness::fresh`] gives keep them apart.
pub trait Harness: Send + Sync {
    /// The log over the harness's data. Calls without a [`Harness::restart`] between them may return the same log or another client of it.
    fn open(&self) -> Arc<dyn Log>;

    /// The log as it is after everything that held it has gone and it was opened again. The caller has dropped all that [`Harness::open`] gave it,
    /// readers, writers and memberships included. A log that lives elsewhere simply makes new clients.
    fn restart(&self) -> Arc<dyn Log>;

    /// A name that no topic, group, app or writer of this log has had yet, beginning with `stem`.
    fn fresh(&self, stem: &str) -> String;

    /// Time as the log sees it, for deadlines and for what an append time may be.
    fn clock(&self) -> &dyn Clock;

    /// How many partitions the topics of the examination get. At least 2.
    fn partitions(&self) -> u32 {
        3
    }

    /// How far the log's clock may be from [`Harness::clock`], in ms. 0 when they are the same.
    fn clock_slack_ms(&self) -> i64 {
        0
    }

    /// Where logs may differ and still keep the contract.
    fn ways(&self) -> Capabilities;

    /// Lets a moment pass between two looks at something that cannot be waited for. A simulated log advances its time here.
    fn pause(&self) {
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

/// Where logs may differ and still keep the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// What records of an open transaction do to the partition.
    pub open_transaction: OpenTransaction,
    /// What happens when a second member joins an app.
    pub second_member: SecondMember,
}

/// What records of an open transaction do to the partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenTransaction {
    /// They lie in the partition and hold readers back: `End::Written` is beyond `End::Stable` meanwhile.
    HoldsOffsets,
    /// They are not in the partition before the commit: both ends are always the same.
    HoldsNothing,
}

/// What happens when a second member joins an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondMember {
    /// The places are shared out among both.
    Shares,
    /// The log serves one member at a time: the second takes all places and the first one loses them.
    Replaces,
}

impl<H: Harness + ?Sized> Harness for &H {
    fn open(&self) -> Arc<dyn Log> {
        (**self).open()
    }

    fn restart(&self) -> Arc<dyn Log> {
        (**self).restart()
    }

    fn fresh(&self, stem: &str) -> String {
        (**self).fresh(stem)
    }

    fn clock(&self) -> &dyn Clock {
        (**self).clock()
    }

    fn partitions(&self) -> u32 {
        (**self).partitions()
    }

    fn clock_slack_ms(&self) -> i64 {
        (**self).clock_slack_ms()
    }

    fn ways(&self) -> Capabilities {
        (**self).ways()
    }

    fn pause(&self) {
        (**self).pause();
    }
}
