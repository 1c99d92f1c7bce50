//! I-15, the half that lies in the log: a notice is asked for once for each fact that has one. Whether it was delivered is another book.

use super::cut::Cut;
use super::findings::Findings;
use super::invariant::Invariant;
use super::known::{Print, print};
use super::reader::Reader;
use super::said::Said;
use holdfast_engine::inspect::ports::record::TopicPartition;
use holdfast_model::notification;
use holdfast_tools::Failure;
use rustc_hash::FxHashMap;
use std::fmt::Display;

/// A request for a notice.
#[derive(Debug, Clone)]
struct Notice {
    times: u32,
    is_firm: bool,
    at: (u32, i64),
}

/// The requests for notices, by kind and subject.
#[derive(Debug, Default)]
pub(super) struct Notices(FxHashMap<Print, Notice>);

/// Notices that tell of a fact that the audit sees, and what names the fact.
fn subject<'s>(kind: &str, said: &'s Said<'_>) -> Option<std::borrow::Cow<'s, str>> {
    let data = said.data.as_deref()?;
    match kind {
        "COUPON_ISSUED" => data.coupon_id.id(),
        "RESERVATION_EXPIRED" | "PAYMENT_CONFIRMED" => data.reservation_id.id(),
        _ => None,
    }
}

impl Notices {
    /// Reads them all.
    pub(super) fn read(reader: &mut Reader<'_>, cut: &mut Cut, findings: &mut Findings) -> Result<Self, Failure> {
        let mut notices = Self::default();
        for place in 0..cut.places {
            let source = TopicPartition::new(notification::REQUESTS, place);
            reader.read(&source, cut, findings, &mut |entry, _, _| {
                let Some(said) = Said::read(entry.value) else { return Ok(()) };
                let inner = said.inner();
                let kind = inner.kind.text();
                if let Some(subject) = subject(kind, inner) {
                    let new = Notice { times: 0, is_firm: entry.is_firm, at: (place, entry.offset) };
                    notices.0.entry(print((kind, &*subject))).or_insert(new).times += 1;
                }
                Ok(())
            })?;
        }
        Ok(notices)
    }

    /// There is a fact of `subject` at `at`, decided at `now_ms`, that a notice of `kind` tells.
    pub(super) fn expect(
        &mut self,
        kind: &str,
        subject: &str,
        at: impl Display,
        now_ms: i64,
        cut: &Cut,
        findings: &mut Findings,
    ) {
        match self.0.remove(&print((kind, subject))).map_or(0, |notice| notice.times) {
            1 => findings.count(Invariant::Notices, "notices", 1),
            0 if cut.may_be_forgotten(notification::REQUESTS, now_ms) => {}
            n => findings.breach(Invariant::Notices, at, format!("{kind} of {subject} was asked for {n} times")),
        }
    }

    /// Notices of nothing.
    pub(super) fn leftover(&self, findings: &mut Findings) {
        for notice in self.0.values().filter(|notice| notice.is_firm) {
            let (partition, offset) = notice.at;
            let at = format!("{}-{partition} offset {offset}", notification::REQUESTS);
            findings.breach(Invariant::Notices, at, "a notice of something that did not happen");
        }
    }
}
