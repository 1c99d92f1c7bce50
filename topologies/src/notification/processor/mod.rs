//! Notifications in the step: load, decide, store, ask for effects.
//!
//! | file | decides |
//! |---|---|
//! | `requests.rs` | requests, payments that are told, redriven letters |
//! | `results.rs` | results of effects, and `due` |
//! | `preferences.rs` | what users prefer, and how they can be reached |
//! | `outbound.rs` | what follows from a row: an effect, a delayed message, a dead letter |
//!
//! It is a processor of its own and not the command shell's: it reads several topics, and none of its records has an outcome that a client waits for.

mod outbound;
mod preferences;
mod requests;
mod results;

use super::Notification;
use crate::shell::InForce;
use holdfast_engine::prelude::{Context, ProcessError, Processor, Record};
use holdfast_model::notification::preferences::PreferencesRow;
use holdfast_model::notification::{PAYMENT_COMPLETED, PREFERENCES, RESULTS, Settings, USER_CONTACTS};

/// Decides the notifications of one place. All but the settings are buffers: nothing that matters is carried from one record to the next.
pub(super) struct Notifications {
    settings: Settings,
    in_force: InForce,
    buffers: Buffers,
}

/// Written over for each record, so that a record costs fewer allocations.
#[derive(Debug, Default)]
struct Buffers {
    /// Key of a record in the results topic.
    step: String,
    /// Payload of an effect.
    payload: Vec<u8>,
}

impl Notifications {
    /// A processor that decides with `settings`.
    pub(super) fn new(settings: Settings) -> Self {
        Self { settings, in_force: InForce::default(), buffers: Buffers::default() }
    }

    /// What `user_id` prefers.
    fn preferences(ctx: &mut Context<'_>, user_id: &String) -> Result<PreferencesRow, ProcessError> {
        Ok(ctx.get(&PREFERENCES, user_id)?.unwrap_or_default())
    }
}

impl Processor for Notifications {
    fn process(&mut self, ctx: &mut Context<'_>, record: &Record<'_>) -> Result<(), ProcessError> {
        if ctx.topic() == USER_CONTACTS {
            return Self::contact(ctx, record);
        }
        let now_ms = ctx.now_ms();
        self.in_force.keep::<Notification>(ctx, &self.settings, now_ms)?;
        if ctx.topic() == RESULTS {
            self.step(ctx, record)
        } else if ctx.topic() == PAYMENT_COMPLETED {
            self.payment_completed(ctx, record)
        } else {
            self.message(ctx, record)
        }
    }
}
