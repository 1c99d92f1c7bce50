//! I-23, the half of what is guarded: nobody holds, gets or orders anything of a schedule, a policy or a sale that a queue guards, without being let in at
//! the time of the record. By the inbox of the subject alone: what its queues have said there, in the order of the log.
//!
//! A user is let in by a ticket from its `admit` on until `activeUntilMs`, the end that the queue tells, or the purchase, whichever comes first. A ticket that has
//! ended stays so, and an older one opens nothing.

use crate::findings::Findings;
use crate::invariant::Invariant;
use crate::known::{Print, print};
use crate::reader::Entry;
use crate::rebuilt::Rebuilt;
use crate::record::{self, Field, record};
use holdfast_engine::prelude::{EndingTable, Table};
use holdfast_model::guard::AdmissionKey;
use holdfast_model::guard::row::{AdmissionRow, GuardsRow};
use holdfast_tools::Failure;
use rustc_hash::FxHashMap;

/// What a queue says, by its types.
pub(crate) const KINDS: [&str; 4] = ["guard", "unguard", "admit", "end-admission"];

/// The code of a refusal for want of an admission.
pub(crate) const NOT_ACTIVE: &str = "QUEUE_NOT_ACTIVE";

record! {
    /// What a queue says.
    struct Message<'a> {
        kind: Field<'a> = "type",
        queue_id: Field<'a> = "queueId",
        key: Field<'a> = "key",
        ticket: Field<'a> = "ticket",
        user_id: Field<'a> = "userId",
        active_until_ms: Field<'a> = "activeUntilMs",
        schedule_id: Field<'a> = "scheduleId",
        policy_id: Field<'a> = "policyId",
        time_sale_id: Field<'a> = "timeSaleId",
    }
}

/// Whether a user may be given something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pass {
    /// No queue guards the subject.
    Free,
    /// The user is let in.
    In,
    /// The user is not.
    Out,
}

/// The last ticket by which a user was let in, or whose end was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Admission {
    ticket: i64,
    until_ms: i64,
    is_over: bool,
}

impl Admission {
    fn is_live(self, now_ms: i64) -> bool {
        !self.is_over && now_ms < self.until_ms
    }
}

/// The guards of one place of a feature, as they stand after each record.
#[derive(Debug, Default)]
pub(crate) struct Guards {
    /// The queues of each subject, in the order in which they came.
    queues: FxHashMap<Box<str>, Vec<Box<str>>>,
    /// By subject, queue and user.
    admissions: FxHashMap<Print, Admission>,
}

impl Guards {
    /// Hears what a queue says at `now_ms`; `None` when that cannot be read.
    pub(crate) fn hear(&mut self, value: Option<&[u8]>, now_ms: i64) -> Option<()> {
        let said: Message<'_> = record::read(value)?;
        let ids = [&said.schedule_id, &said.policy_id, &said.time_sale_id];
        let subject = ids.into_iter().find_map(Field::id)?;
        let queue = said.queue_id.id()?;
        match said.kind.text() {
            "guard" => {
                said.key.id()?;
                let queues = self.queues.entry((*subject).into()).or_default();
                if !queues.iter().any(|known| **known == *queue) {
                    queues.push((*queue).into());
                }
            }
            "unguard" => {
                if let Some(queues) = self.queues.get_mut(&*subject) {
                    queues.retain(|known| **known != *queue);
                }
            }
            kind => {
                let (ticket, user) = (said.ticket.int().filter(|ticket| *ticket >= 0)?, said.user_id.id()?);
                let key = print((&*subject, &*queue, &*user));
                let known = self.admissions.get(&key).copied();
                let last = known.map_or(-1, |known| known.ticket);
                if kind == "admit" {
                    let until_ms = said.active_until_ms.int()?;
                    if ticket > last {
                        self.admissions.insert(key, Admission { ticket, until_ms, is_over: false });
                    }
                } else if ticket >= last {
                    let until_ms = known.filter(|known| known.ticket == ticket).map_or(now_ms, |known| known.until_ms);
                    self.admissions.insert(key, Admission { ticket, until_ms, is_over: true });
                }
            }
        }
        Some(())
    }

    /// Whether `user` may be given something of `subject` at `now_ms`.
    pub(crate) fn pass(&self, subject: &str, user: &str, now_ms: i64) -> Pass {
        match self.queues.get(subject).map(Vec::as_slice) {
            None | Some([]) => Pass::Free,
            Some(_) if self.admission(subject, user, now_ms).is_some() => Pass::In,
            Some(_) => Pass::Out,
        }
    }

    /// The admission that a purchase of now uses up: by the first of the queues that has let the user in.
    fn admission(&self, subject: &str, user: &str, now_ms: i64) -> Option<Print> {
        let queues = self.queues.get(subject)?;
        let mut keys = queues.iter().map(|queue| print((subject, &**queue, user)));
        keys.find(|key| self.admissions.get(key).is_some_and(|admission| admission.is_live(now_ms)))
    }

    /// The purchase of the user is done.
    pub(crate) fn use_up(&mut self, subject: &str, user: &str, now_ms: i64) {
        let key = self.admission(subject, user, now_ms);
        if let Some(admission) = key.and_then(|key| self.admissions.get_mut(&key)) {
            admission.is_over = true;
        }
    }

    /// Compares what was told with whether the user was let in. `what` names the decision, `is_given` says that something was given.
    pub(crate) fn judge(pass: Pass, is_given: bool, entry: &Entry<'_>, what: &str, findings: &mut Findings) {
        match (pass, is_given) {
            (Pass::Out, true) => {
                let what = format!("{what} of a subject that a queue guards, and no queue had let the user in");
                findings.breach(Invariant::Queue, entry, what);
            }
            (Pass::In, true) => findings.count(Invariant::Queue, "purchases by users that were let in", 1),
            (Pass::Out, false) => findings.count(Invariant::Queue, "refusals of users that were not let in", 1),
            (Pass::In, false) | (Pass::Free, _) => {}
        }
    }

    /// Compares with what is kept.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub(crate) fn compare(
        &self,
        (guards, admissions): (&Table<String, GuardsRow>, &EndingTable<AdmissionKey, AdmissionRow>),
        state: &Rebuilt,
        findings: &mut Findings,
    ) -> Result<(), Failure> {
        let mut kept = 0;
        state.each(guards, &mut |id: String, row: GuardsRow| {
            kept += 1;
            let own = self.queues.get(&*id).map(|queues| queues.iter().map(|queue| &**queue).collect::<Vec<_>>());
            let shown: Vec<_> = row.queues.iter().map(|queue| &*queue.queue_id).collect();
            if own.as_ref() != Some(&shown) {
                let what = format!("{shown:?} guard {id}, by the log {own:?}");
                findings.breach(Invariant::Agreement, state.source(), what);
            }
        })?;
        let own = self.queues.values().filter(|queues| !queues.is_empty()).count();
        if kept != own {
            let what = format!("{kept} subjects are guarded, by the log {own}");
            findings.breach(Invariant::Agreement, state.source(), what);
        }
        // One that has ended is deleted at some time.
        state.each(admissions.stored(), &mut |key: AdmissionKey, row: AdmissionRow| {
            let own = self.admissions.get(&print((&*key.subject_id, &*key.queue_id, &*key.user_id))).copied();
            let ticket = i64::try_from(row.ticket).unwrap_or(i64::MAX);
            let shown = Admission { ticket, until_ms: row.until_ms, is_over: row.is_over };
            if own == Some(shown) {
                findings.count(Invariant::Agreement, "admissions shown as the log has them", 1);
            } else {
                let what = format!("{key:?} is {shown:?}, by the log {own:?}");
                findings.breach(Invariant::Agreement, state.source(), what);
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(guards: &mut Guards, now_ms: i64, value: &str) -> Option<()> {
        guards.hear(Some(value.as_bytes()), now_ms)
    }

    #[test]
    fn a_user_is_let_in_by_a_ticket_from_its_admission_to_its_end() {
        let mut guards = Guards::default();
        assert_eq!(guards.pass("s", "u", 0), Pass::Free);
        heard(&mut guards, 0, r#"{"type":"guard","queueId":"q","key":"x","scheduleId":"s"}"#).unwrap();
        assert_eq!(guards.pass("s", "u", 0), Pass::Out);
        let admit = |ticket: i64| {
            format!(
                r#"{{"type":"admit","queueId":"q","ticket":{ticket},"userId":"u","activeUntilMs":100,"scheduleId":"s"}}"#
            )
        };
        let end = |ticket: i64| {
            format!(r#"{{"type":"end-admission","queueId":"q","ticket":{ticket},"userId":"u","scheduleId":"s"}}"#)
        };
        heard(&mut guards, 1, &admit(5)).unwrap();
        assert_eq!([99, 100].map(|now_ms| guards.pass("s", "u", now_ms)), [Pass::In, Pass::Out]);
        assert_eq!((guards.pass("s", "v", 1), guards.pass("t", "u", 1)), (Pass::Out, Pass::Free));
        heard(&mut guards, 2, &end(4)).unwrap();
        assert_eq!(guards.pass("s", "u", 2), Pass::In);
        heard(&mut guards, 3, &end(5)).unwrap();
        heard(&mut guards, 4, &admit(5)).unwrap();
        assert_eq!(guards.pass("s", "u", 4), Pass::Out, "it has ended");
        heard(&mut guards, 5, &end(7)).unwrap();
        heard(&mut guards, 6, &admit(7)).unwrap();
        assert_eq!(guards.pass("s", "u", 6), Pass::Out, "its end came before it");
        heard(&mut guards, 7, &admit(8)).unwrap();
        assert_eq!(guards.pass("s", "u", 7), Pass::In);
        guards.use_up("s", "u", 7);
        assert_eq!(guards.pass("s", "u", 7), Pass::Out);
        heard(&mut guards, 8, r#"{"type":"unguard","queueId":"q","scheduleId":"s"}"#).unwrap();
        assert_eq!(guards.pass("s", "u", 8), Pass::Free);
        assert_eq!(heard(&mut guards, 9, r#"{"type":"admit","queueId":"q","userId":"u","scheduleId":"s"}"#), None);
    }
}
