//! Guards on the command shell: load, decide, store, send.

use super::Guarded;
use super::decide::{self, Admission, Pass};
use crate::shell::{CommandContext, Event, Feature};
use holdfast_engine::prelude::{Context, ProcessError};
use holdfast_model::guard::row::AdmissionRow;
use holdfast_model::guard::{AdmissionKey, GuardCommand, GuardMessage, Purchased, Subject};

/// Does what a queue says. Nobody waits for it, and a message that comes again changes nothing.
pub(crate) fn hear(ctx: &mut Context<'_>, guarded: &Guarded, message: &GuardMessage) -> Result<(), ProcessError> {
    let GuardMessage { queue_id, subject, command } = message;
    match command {
        GuardCommand::Guard { key } => {
            let existing = ctx.get(guarded.guards, &subject.id)?;
            match decide::guard(existing, queue_id, key) {
                Some(guards) => ctx.put(guarded.guards, &subject.id, &guards),
                None => Ok(()),
            }
        }
        GuardCommand::Unguard => {
            let existing = ctx.get(guarded.guards, &subject.id)?;
            match decide::unguard(existing, queue_id) {
                Some(guards) if guards.queues.is_empty() => ctx.delete(guarded.guards, &subject.id),
                Some(guards) => ctx.put(guarded.guards, &subject.id, &guards),
                None => Ok(()),
            }
        }
        GuardCommand::Admit { ticket, user_id, active_until_ms } => {
            change(ctx, guarded, key(queue_id, subject, user_id), |existing, now_ms| {
                decide::admit(existing, *ticket, *active_until_ms, now_ms)
            })
        }
        GuardCommand::EndAdmission { ticket, user_id } => {
            change(ctx, guarded, key(queue_id, subject, user_id), |existing, now_ms| {
                decide::end(existing, *ticket, now_ms)
            })
        }
    }
}

fn key(queue_id: &str, subject: &Subject, user_id: &str) -> AdmissionKey {
    AdmissionKey { subject_id: subject.id.clone(), queue_id: queue_id.to_owned(), user_id: user_id.to_owned() }
}

fn change(
    ctx: &mut Context<'_>,
    guarded: &Guarded,
    key: AdmissionKey,
    decide: impl FnOnce(Option<&AdmissionRow>, i64) -> Option<AdmissionRow>,
) -> Result<(), ProcessError> {
    let existing = ctx.get_kept(guarded.admissions, &key)?;
    match decide(existing.as_ref(), ctx.now_ms()) {
        Some(row) => ctx.put_kept(guarded.admissions, &key, &row),
        None => Ok(()),
    }
}

/// Whether the user may be given something of the subject at the time of the record in hand. Of a subject that no queue guards it reads one row that is
/// not there.
#[inline]
pub(crate) fn pass(
    ctx: &mut Context<'_>,
    guarded: &Guarded,
    subject_id: &String,
    user_id: &str,
) -> Result<Pass, ProcessError> {
    if !ctx.contains(guarded.guards, subject_id)? {
        return Ok(Pass::Free);
    }
    pass_of_guarded(ctx, guarded, subject_id, user_id)
}

#[cold]
fn pass_of_guarded(
    ctx: &mut Context<'_>,
    guarded: &Guarded,
    subject_id: &String,
    user_id: &str,
) -> Result<Pass, ProcessError> {
    let guards = ctx.get(guarded.guards, subject_id)?.unwrap_or_default();
    let mut key = AdmissionKey { subject_id: subject_id.clone(), queue_id: String::new(), user_id: user_id.to_owned() };
    let mut admissions = Vec::with_capacity(guards.queues.len());
    for queue in guards.queues {
        key.queue_id = queue.queue_id;
        let row = ctx.get_kept(guarded.admissions, &key)?;
        admissions.push((key.queue_id.clone(), row));
    }
    Ok(decide::pass(admissions, ctx.now_ms()))
}

/// The purchase of the user is done: the admission is used up, and its queue is told.
pub(crate) fn use_up<F: Feature>(
    cx: &mut CommandContext<'_, '_, F>,
    guarded: &Guarded,
    subject_id: &str,
    user_id: &str,
    admission: Admission,
) -> Result<(), ProcessError> {
    let Admission { queue_id, row } = admission;
    let subject = Subject::new(guarded.kind, subject_id);
    let row = AdmissionRow { is_over: true, changed_ms: cx.ctx.now_ms(), ..row };
    cx.ctx.put_kept(guarded.admissions, &key(&queue_id, &subject, user_id), &row)?;
    let ticket = row.ticket.to_string();
    let purchased = Purchased { queue_id, ticket: row.ticket, user_id: user_id.to_owned(), subject };
    let event = Event {
        id: &[&purchased.queue_id, "-", &ticket, ".purchased.", guarded.kind.as_str(), "-", subject_id],
        kind: "queue.purchased",
        to: guarded.queues,
        place: None,
        key: &purchased.queue_id,
    };
    cx.events.send(cx.ctx, &event, |_, value| value.extend_from_slice(&purchased.to_json()))
}
