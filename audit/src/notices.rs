//! I-15, the half that lies in the log: a notice is asked for once for each fact that has one. Whether it was delivered is another book.

use crate::cut::Cut;
use crate::findings::Findings;
use crate::invariant::Invariant;
use crate::known::{Print, print};
use crate::reader::Reader;
use crate::record::{self, Field, Named, record};
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

/// The requests for notices.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    /// By kind and subject: those that no fact has explained.
    left: FxHashMap<Print, Notice>,
    /// What was asked for more than once, as its first fact was decided: where, and what is wrong unless as many facts come.
    repeated: FxHashMap<Print, (String, String)>,
}

record! {
    /// A request for a notice: an envelope with the request inside, or the request by itself.
    struct Envelope<'a> {
        payload: Option<Request<'a>> = "payload",
        ..request: Request<'a>,
    }
}

record! {
    /// What is asked for.
    struct Request<'a> {
        kind: Field<'a> = "type",
        /// What the notice carries besides its text.
        data: Option<Named<'a>> = "data",
    }
}

impl Notices {
    /// Reads those of these kinds: each with the field of its `data` that names the fact.
    pub(crate) fn read(
        reader: &mut Reader<'_>,
        cut: &mut Cut,
        kinds: &FxHashMap<&str, &str>,
        findings: &mut Findings,
    ) -> Result<Self, Failure> {
        let mut notices = Self::default();
        for place in 0..cut.places {
            let source = TopicPartition::new(notification::REQUESTS, place);
            reader.read(&source, cut, findings, &mut |entry, _, _| {
                let Some(envelope) = record::read::<Envelope<'_>>(entry.value) else { return Ok(()) };
                let request = envelope.payload.as_ref().unwrap_or(&envelope.request);
                let kind = request.kind.text();
                let named = kinds.get(kind).zip(request.data.as_ref());
                if let Some(subject) = named.and_then(|(name, data)| data.get(name).id()) {
                    let new = Notice { times: 0, is_firm: entry.is_firm, at: (place, entry.offset) };
                    let notice = notices.left.entry(print((kind, &*subject))).or_insert(new);
                    notice.times += 1;
                    notice.is_firm &= entry.is_firm;
                }
                Ok(())
            })?;
        }
        Ok(notices)
    }

    /// There is a fact of `subject` at `at`, decided at `now_ms`, that a notice of `kind` tells.
    pub(crate) fn expect(
        &mut self,
        kind: &str,
        subject: &str,
        at: impl Display,
        now_ms: i64,
        cut: &Cut,
        findings: &mut Findings,
    ) {
        let key = print((kind, subject));
        match self.left.get_mut(&key) {
            Some(notice) => {
                findings.count(Invariant::Notices, "notices", 1);
                if notice.times == 1 {
                    self.left.remove(&key);
                    return;
                }
                // Its request may come again after its outcome has ended, and be decided again.
                let what = || format!("{kind} of {subject} was asked for {} times", notice.times);
                self.repeated.entry(key).or_insert_with(|| (at.to_string(), what()));
                notice.times -= 1;
            }
            None if cut.may_be_forgotten(notification::REQUESTS, now_ms) => {}
            None => findings.breach(Invariant::Notices, at, format!("{kind} of {subject} was asked for 0 times")),
        }
    }

    /// Notices that are one too many; and, where all facts have been decided again, notices of nothing.
    pub(crate) fn leftover(&self, is_complete: bool, findings: &mut Findings) {
        for (key, notice) in self.left.iter().filter(|(_, notice)| notice.is_firm) {
            if let Some((at, what)) = self.repeated.get(key) {
                findings.breach(Invariant::Notices, at, what);
            } else if is_complete {
                let (partition, offset) = notice.at;
                let at = format!("{}-{partition} offset {offset}", notification::REQUESTS);
                findings.breach(Invariant::Notices, at, "a notice of something that did not happen");
            }
        }
    }
}
