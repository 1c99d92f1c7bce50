//! What a queue's messages change, and who has a pass: pure functions of rows, message and now.

use holdfast_model::guard::QueueKey;
use holdfast_model::guard::row::{AdmissionRow, GuardRow, GuardsRow};

/// Whether a user may be given something of a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pass {
    /// No queue guards the subject.
    Free,
    /// A queue that guards it has let the user in.
    Admitted(Admission),
    /// Queues guard it, and none of them has let the user in, or not for as long as this.
    Refused,
}

/// An admission that is live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Admission {
    /// By which queue.
    pub(crate) queue_id: String,
    /// As it is kept.
    pub(crate) row: AdmissionRow,
}

impl Pass {
    /// Lets through what was decided, unless the pass is refused.
    pub(crate) fn check<R>(&self, refusal: R) -> Result<(), R> {
        if *self == Self::Refused { Err(refusal) } else { Ok(()) }
    }

    /// The admission, if there is one.
    pub(crate) fn admission(self) -> Option<Admission> {
        match self {
            Self::Admitted(admission) => Some(admission),
            Self::Free | Self::Refused => None,
        }
    }
}

/// Decides who has a pass. `admissions`: the user's last one by each queue that guards the subject. The first that is live counts: a purchase uses up one.
pub(super) fn pass(admissions: impl IntoIterator<Item = (String, Option<AdmissionRow>)>, now_ms: i64) -> Pass {
    let mut is_guarded = false;
    for (queue_id, row) in admissions {
        is_guarded = true;
        if let Some(row) = row.filter(|row| row.is_live(now_ms)) {
            return Pass::Admitted(Admission { queue_id, row });
        }
    }
    if is_guarded { Pass::Refused } else { Pass::Free }
}

/// The queues that guard a subject once this one does, with its key as it is now; `None` = nothing changes.
pub(super) fn guard(existing: Option<GuardsRow>, queue_id: &str, key: &QueueKey) -> Option<GuardsRow> {
    let mut guards = existing.unwrap_or_default();
    match guards.queues.iter_mut().find(|queue| queue.queue_id == queue_id) {
        Some(queue) if queue.key == *key => return None,
        Some(queue) => queue.key = key.clone(),
        None => guards.queues.push(GuardRow { queue_id: queue_id.to_owned(), key: key.clone() }),
    }
    Some(guards)
}

/// The queues that guard a subject once this one does not; without any its row is deleted. `None` = nothing changes.
pub(super) fn unguard(existing: Option<GuardsRow>, queue_id: &str) -> Option<GuardsRow> {
    let mut guards = existing?;
    let before = guards.queues.len();
    guards.queues.retain(|queue| queue.queue_id != queue_id);
    (guards.queues.len() < before).then_some(guards)
}

/// The admission of a user who is let in with `ticket`; `None` = nothing changes. The ticket's number decides, not the order in which messages come: a
/// message that was among the dead letters may come after later ones. So a ticket that has ended is not opened again, and does not replace a newer one.
pub(super) fn admit(existing: Option<&AdmissionRow>, ticket: u64, until_ms: i64, now_ms: i64) -> Option<AdmissionRow> {
    if existing.is_some_and(|row| row.ticket >= ticket) {
        return None;
    }
    Some(AdmissionRow { ticket, until_ms, is_over: false, changed_ms: now_ms })
}

/// The admission of a user whose `ticket` has ended; `None` = nothing changes. An end that comes before its admission is kept, so that the admission is over
/// when it comes.
pub(super) fn end(existing: Option<&AdmissionRow>, ticket: u64, now_ms: i64) -> Option<AdmissionRow> {
    match existing {
        Some(row) if row.ticket > ticket || (row.ticket == ticket && row.is_over) => None,
        Some(row) if row.ticket == ticket => Some(AdmissionRow { is_over: true, changed_ms: now_ms, ..*row }),
        _ => Some(AdmissionRow { ticket, until_ms: now_ms, is_over: true, changed_ms: now_ms }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn live(ticket: u64) -> AdmissionRow {
        AdmissionRow { ticket, until_ms: 100, is_over: false, changed_ms: 1 }
    }

    fn over(ticket: u64) -> AdmissionRow {
        AdmissionRow { is_over: true, ..live(ticket) }
    }

    #[test]
    fn a_pass_is_a_live_admission_by_one_of_the_queues() {
        let of = |rows: &[Option<AdmissionRow>], now_ms| {
            pass(rows.iter().enumerate().map(|(n, row)| (n.to_string(), *row)), now_ms)
        };
        let admitted = |queue_id: &str, row| Pass::Admitted(Admission { queue_id: queue_id.to_owned(), row });
        for (n, (rows, now_ms, expected)) in [
            (vec![], 50, Pass::Free),
            (vec![None], 50, Pass::Refused),
            (vec![Some(live(7))], 99, admitted("0", live(7))),
            // Its last moment is the first at which it is over.
            (vec![Some(live(7))], 100, Pass::Refused),
            (vec![Some(over(7))], 50, Pass::Refused),
            (vec![None, Some(live(7))], 50, admitted("1", live(7))),
            (vec![Some(over(9)), Some(live(7)), Some(live(8))], 50, admitted("1", live(7))),
            (vec![Some(over(9)), None], 50, Pass::Refused),
        ]
        .into_iter()
        .enumerate()
        {
            let pass = of(&rows, now_ms);
            assert_eq!(pass, expected, "case {n}");
            assert_eq!(pass.check("no").is_err(), expected == Pass::Refused, "case {n}");
        }
    }

    #[test]
    fn a_queue_guards_a_subject_once_and_with_its_last_key() {
        let (a, b) = (QueueKey::new([1; 32]), QueueKey::new([2; 32]));
        let names = |row: &GuardsRow| row.queues.iter().map(|queue| queue.queue_id.clone()).collect::<Vec<_>>();
        let one = guard(None, "q", &a).unwrap();
        assert_eq!(guard(Some(one.clone()), "q", &a), None);
        let two = guard(Some(one.clone()), "r", &b).unwrap();
        assert_eq!(names(&two), ["q", "r"]);
        let changed = guard(Some(two.clone()), "q", &b).unwrap();
        assert_eq!((names(&changed), &changed.queues[0].key), (vec!["q".to_owned(), "r".to_owned()], &b));
        assert_eq!((unguard(None, "q"), unguard(Some(one.clone()), "r")), (None, None));
        assert_eq!(unguard(Some(two), "q").map(|row| names(&row)), Some(vec!["r".to_owned()]));
        assert_eq!(unguard(Some(one), "q"), Some(GuardsRow::default()));
    }

    #[test]
    fn only_a_newer_ticket_opens_an_admission() {
        let new = |ticket| Some(AdmissionRow { ticket, until_ms: 200, is_over: false, changed_ms: 5 });
        for (n, (existing, expected)) in [
            (None, new(7)),
            (Some(live(6)), new(7)),
            (Some(over(6)), new(7)),
            (Some(live(7)), None),
            (Some(over(7)), None),
            (Some(live(8)), None),
            (Some(over(8)), None),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(admit(existing.as_ref(), 7, 200, 5), expected, "case {n}");
        }
    }

    #[test]
    fn an_end_ends_its_own_ticket_and_older_ones() {
        let ended = |ticket, until_ms| Some(AdmissionRow { ticket, until_ms, is_over: true, changed_ms: 5 });
        for (n, (existing, expected)) in [
            (None, ended(7, 5)),
            (Some(live(6)), ended(7, 5)),
            (Some(live(7)), ended(7, 100)),
            (Some(over(7)), None),
            (Some(live(8)), None),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(end(existing.as_ref(), 7, 5), expected, "case {n}");
        }
    }

    proptest! {
        /// Whatever is delivered late, twice or in another order: a user is in by a ticket only if it is the highest that was named, and it was not ended.
        #[test]
        fn the_order_of_messages_opens_nothing(steps in prop::collection::vec((0_u64..5, any::<bool>()), 0..20)) {
            let mut row: Option<AdmissionRow> = None;
            for (now_ms, (ticket, is_end)) in (0_i64..).zip(&steps) {
                let next = if *is_end { end(row.as_ref(), *ticket, now_ms) } else { admit(row.as_ref(), *ticket, 1_000, now_ms) };
                row = next.or(row);
            }
            let highest = steps.iter().map(|(ticket, _)| *ticket).max();
            prop_assert_eq!(row.map(|row| row.ticket), highest);
            let was_ended = steps.iter().any(|(ticket, is_end)| Some(*ticket) == highest && *is_end);
            prop_assert_eq!(row.is_some_and(|row| row.is_live(999)), highest.is_some() && !was_ended);
        }
    }
}
