//! What asks for a notification.

use super::Notifications;
use super::outbound::{Notice, Outbound};
use crate::notification::decide::{self, Asked, delivery};
use crate::notification::parameters::parameters;
use crate::notification::templates::{self, OWN_WORDS};
use holdfast_engine::prelude::{Context, Origin, ProcessError, Record};
use holdfast_model::notification::channel::Channel;
use holdfast_model::notification::keys::HistoryKey;
use holdfast_model::notification::message::{Message, Request};
use holdfast_model::notification::payment_completed::{PaymentCompleted, TOLD_AS};
use holdfast_model::notification::row::{HistoryRow, NoticeRow, OriginalRow, OriginalTopic};
use holdfast_model::notification::{HISTORY, NOTICES, Priority, letter};

/// A notification that is wanted, whichever topic it came by.
struct Wanted<'a> {
    id: String,
    user_id: String,
    kind: &'a str,
    priority: Option<Priority>,
    event_ms: Option<i64>,
    words: Option<(&'a str, &'a str)>,
    data: &'a str,
    topic: OriginalTopic,
}

impl Notifications {
    /// A record of the inbox.
    pub(super) fn message(&mut self, ctx: &mut Context<'_>, record: &Record<'_>) -> Result<(), ProcessError> {
        match Message::parse(record.value)? {
            Message::SetPreferences(command) => Self::set_preferences(ctx, record, &command),
            Message::Request(Request { event_id, event_ms, user_id, kind, priority, words, data }) => {
                if ctx.place_of(user_id.as_bytes()) != ctx.place() {
                    return ctx.forward(record, user_id.as_bytes());
                }
                let wanted = Wanted {
                    id: event_id.map_or_else(|| ctx.origin(record), Into::into),
                    user_id: user_id.into_owned(),
                    kind: &kind,
                    priority,
                    event_ms,
                    words: words.as_ref().map(|(title, message)| (&**title, &**message)),
                    data,
                    topic: OriginalTopic::Requests,
                };
                self.wanted(ctx, record, wanted)
            }
        }
    }

    /// A payment that is to be told.
    pub(super) fn payment_completed(&mut self, ctx: &mut Context<'_>, record: &Record<'_>) -> Result<(), ProcessError> {
        let PaymentCompleted { notification_id, event_ms, user_id, data } = PaymentCompleted::parse(record.value)?;
        if ctx.place_of(user_id.as_bytes()) != ctx.place() {
            return ctx.forward(record, user_id.as_bytes());
        }
        let wanted = Wanted {
            id: notification_id,
            user_id: user_id.into_owned(),
            kind: TOLD_AS,
            priority: None,
            event_ms,
            words: None,
            data: &data,
            topic: OriginalTopic::PaymentCompleted,
        };
        self.wanted(ctx, record, wanted)
    }

    fn wanted(&mut self, ctx: &mut Context<'_>, record: &Record<'_>, wanted: Wanted<'_>) -> Result<(), ProcessError> {
        let Some(earlier) = ctx.get_kept(&NOTICES, &wanted.id)? else { return self.begin(ctx, record, wanted) };
        if earlier.user_id != wanted.user_id || earlier.kind != wanted.kind {
            let message = format!("{:?} was another notification: that one stands, this one is not sent", wanted.id);
            return Err(ProcessError::refuse("EventIdReused", message));
        }
        if Origin::of(record).is_redriven() {
            return self.redriven(ctx, record, wanted.id, earlier);
        }
        Ok(())
    }

    /// The first time that it is asked for.
    fn begin(&mut self, ctx: &mut Context<'_>, record: &Record<'_>, wanted: Wanted<'_>) -> Result<(), ProcessError> {
        let preferences = Self::preferences(ctx, &wanted.user_id)?;
        let parameters = parameters(wanted.data);
        let told = templates::told(wanted.kind, preferences.locale, wanted.words, &parameters).ok_or_else(|| {
            let message = format!("message: {:?} has no template, so the request must bring its words", wanted.kind);
            ProcessError::refuse("MissingField", message)
        })?;
        let now_ms = ctx.now_ms();
        let asked = Asked { kind: wanted.kind, priority: wanted.priority, event_ms: wanted.event_ms };
        let plan = decide::request(asked, &self.settings, &preferences, now_ms);
        let own_words = wanted.words.filter(|_| told.version == OWN_WORDS);
        let mut row = NoticeRow {
            user_id: &*wanted.user_id,
            kind: wanted.kind,
            priority: plan.priority,
            locale: preferences.locale,
            template_version: told.version,
            title: own_words.map(|(title, _)| title),
            message: own_words.map(|(_, message)| message),
            data: wanted.data,
            created_ms: now_ms,
            valid_until_ms: plan.valid_until_ms,
            original: OriginalRow { topic: wanted.topic, offset: ctx.offset(), value: value_of(record) },
            deliveries: plan.deliveries,
        };
        if row.deliveries.iter().all(|delivery| delivery.state.is_over()) {
            row.original.value = "";
        }
        ctx.put_kept(&NOTICES, &wanted.id, &row)?;
        let Wanted { id, user_id, .. } = &wanted;
        let key = HistoryKey { user_id: user_id.clone(), created_ms: now_ms, notification_id: id.clone() };
        // Looked at first, so that writing it needs no mark.
        ctx.get_kept(&HISTORY, &key)?;
        ctx.put_kept(&HISTORY, &key, &HistoryRow { created_ms: now_ms })?;
        let notice = Notice { id, row: &row, told: &told };
        for delivery in &row.deliveries {
            Outbound { ctx, buffers: &mut self.buffers }.follow(&notice, delivery)?;
        }
        Ok(())
    }

    /// An operator has put a letter back: the channel that it names is opened again, if it was given up with this letter.
    fn redriven(
        &mut self,
        ctx: &mut Context<'_>,
        record: &Record<'_>,
        id: String,
        mut row: NoticeRow,
    ) -> Result<(), ProcessError> {
        let text = |name| record.header(name).and_then(|value| std::str::from_utf8(value).ok());
        let named = text(letter::CHANNEL).and_then(Channel::from_name);
        let Some((channel, deaths)) = named.zip(text(letter::DEATHS).and_then(|deaths| deaths.parse().ok())) else {
            return Ok(());
        };
        let terms = Self::terms(ctx, &row)?;
        let now_ms = ctx.now_ms();
        let Some(at) = row.deliveries.iter().position(|delivery| delivery.channel == channel) else { return Ok(()) };
        let Some(opened) = delivery::redriven(&row.deliveries[at], deaths, &terms, now_ms) else { return Ok(()) };
        value_of(record).clone_into(&mut row.original.value);
        row.deliveries[at] = opened;
        self.put_and_follow(ctx, &id, row, &[at])
    }
}

/// The value of a record that has been read: it is text.
fn value_of<'a>(record: &Record<'a>) -> &'a str {
    record.value.and_then(|value| std::str::from_utf8(value).ok()).unwrap_or_default()
}
