//! What users prefer, and how they can be reached.

use super::Notifications;
use holdfast_engine::prelude::{Context, DeadLetter, Origin, ProcessError, Record};
use holdfast_model::notification::contact::{Contact, ContactRow};
use holdfast_model::notification::preferences::{CommandRow, SetPreferences};
use holdfast_model::notification::{COMMANDS, CONTACTS, PREFERENCES, USER_CONTACTS};

impl Notifications {
    /// A command is carried out once; a repetition of it does not undo what came after.
    pub(super) fn set_preferences(
        ctx: &mut Context<'_>,
        record: &Record<'_>,
        command: &SetPreferences,
    ) -> Result<(), ProcessError> {
        if ctx.place_of(command.user_id.as_bytes()) != ctx.place() {
            return ctx.forward(record, command.user_id.as_bytes());
        }
        let id = command.request_id.clone().unwrap_or_else(|| ctx.origin(record));
        let (fingerprint, now_ms) = (command.fingerprint(), ctx.now_ms());
        match ctx.get_kept(&COMMANDS, &id)? {
            Some(earlier) if earlier.fingerprint == fingerprint => return Ok(()),
            Some(_) => {
                let message = format!("{id:?} was another command: that one stands, this one has no effect");
                return Err(ProcessError::refuse("RequestIdReused", message));
            }
            None => {}
        }
        // Its fields were checked when it was read.
        let row = command.row(now_ms).map_err(|fault| ProcessError::refuse("InvalidField", fault.to_string()))?;
        ctx.put(&PREFERENCES, &command.user_id, &row)?;
        ctx.put_kept(&COMMANDS, &id, &CommandRow { fingerprint, decided_ms: now_ms })
    }

    /// A record of `user-contact`. One that cannot be taken leaves a dead letter without its value: contact data lies nowhere else, and a copy in another
    /// partition would survive an erasure, so it is not forwarded either. Put back, such a letter has no value and would erase a contact: it is ignored.
    pub(super) fn contact(ctx: &mut Context<'_>, record: &Record<'_>) -> Result<(), ProcessError> {
        if Origin::of(record).is_redriven() {
            return Ok(());
        }
        match read_contact(ctx, record) {
            Ok((user_id, Some(contact))) => ctx.put(&CONTACTS, &user_id, &ContactRow::from(contact)),
            Ok((user_id, None)) => ctx.delete(&CONTACTS, &user_id),
            Err(why) => {
                Self::refuse_contact(ctx, record, &why);
                Ok(())
            }
        }
    }

    fn refuse_contact(ctx: &mut Context<'_>, record: &Record<'_>, why: &str) {
        let message = format!("InvalidContact: {why}");
        ctx.dead_letter(&DeadLetter {
            topic: USER_CONTACTS,
            partition: ctx.place(),
            offset: ctx.offset(),
            key: record.key,
            value: None,
            headers: &[],
            class: "InvalidContact",
            message: &message,
            attempts: 1,
        });
    }
}

/// Whose contact it is, and how to reach that user; none = not any more. What is wrong is told without repeating what stood there.
fn read_contact(ctx: &Context<'_>, record: &Record<'_>) -> Result<(String, Option<Contact>), String> {
    let user_id = record.key.and_then(|key| std::str::from_utf8(key).ok()).filter(|key| !key.is_empty());
    let user_id = user_id.ok_or("the key is no user id")?;
    if ctx.place_of(user_id.as_bytes()) != ctx.place() {
        return Err("the key lives in another partition".to_owned());
    }
    let Some(value) = record.value else { return Ok((user_id.to_owned(), None)) };
    // What serde says may quote the value.
    let contact: Contact = serde_json::from_slice(value).map_err(|_| "the value is no contact")?;
    contact.check().map_err(|fault| fault.to_string())?;
    Ok((user_id.to_owned(), Some(contact)))
}
