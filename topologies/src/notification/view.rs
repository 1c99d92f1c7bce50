//! What the query API shows, made of committed rows.

use super::parameters::parameters;
use super::templates;
use holdfast_engine::inspect::{QueryError, TaskView};
use holdfast_model::notification::keys::HistoryKey;
use holdfast_model::notification::locale::Locale;
use holdfast_model::notification::preferences::{PreferencesRow, QuietHours};
use holdfast_model::notification::row::{DeliveryRow, DeliveryState, NoticeRow};
use holdfast_model::notification::{COMMANDS, HISTORY, NOTICES, PREFERENCES};
use holdfast_model::rfc3339;
use holdfast_model::schema::one_of;
use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use utoipa::ToSchema;
use utoipa::openapi::Object;

/// Every status a delivery may have.
pub const STATUSES: [&str; 7] = ["QUEUED", "SENDING", "RETRY", "SENT", "DEAD", "SUPPRESSED", "STALE"];
/// Notifications looked at for one page, at most: with a filter that few match, a page may be short and still have a next one.
const LOOKED_AT_MAX: usize = 1_000;

/// What became of a notification on one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = NotificationDelivery)]
pub struct DeliveryView {
    /// Which notification.
    pub notification_id: String,
    /// What it is about.
    #[serde(rename = "type")]
    #[schema(example = "PAYMENT_CONFIRMED")]
    pub kind: String,
    /// Its lane.
    #[schema(example = "HIGH")]
    pub priority: &'static str,
    /// Title, in the language it was told in.
    pub title: String,
    /// Text.
    pub message: String,
    /// Through which channel.
    #[schema(example = "fcm")]
    pub channel: &'static str,
    /// How far it is.
    #[schema(schema_with = statuses)]
    pub status: &'static str,
    /// Why it is not sent, or why its last try failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Attempts made, the one under way included.
    pub attempts: u32,
    /// When the notification was asked for.
    pub created_at: String,
    /// Since when it is in this state.
    pub changed_at: String,
    /// When the receiver had it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<String>,
    /// When the next try begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_try_at: Option<String>,
}

fn statuses() -> Object {
    one_of(STATUSES)
}

/// Which deliveries of a history are wanted; what is not said is not asked.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'a> {
    /// Of this type.
    pub kind: Option<&'a str>,
    /// In this state.
    pub status: Option<&'a str>,
    /// About this reservation.
    pub reservation_id: Option<&'a str>,
}

impl Filter<'_> {
    fn takes_notice(&self, row: &NoticeRow) -> bool {
        let has = |id: &str| parameters(&row.data).iter().any(|(name, value)| name == "reservationId" && value == id);
        self.kind.is_none_or(|kind| kind == row.kind) && self.reservation_id.is_none_or(has)
    }

    fn takes_delivery(&self, delivery: &DeliveryRow) -> bool {
        self.status.is_none_or(|status| status == delivery.state.as_str())
    }
}

/// A page of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The newest first. All channels of a notification are on the same page.
    pub items: Vec<DeliveryView>,
    /// Where the next page begins; none = this was the last.
    pub next: Option<Cursor>,
}

/// A place in a history: behind a notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    created_ms: i64,
    notification_id: String,
}

impl Cursor {
    /// As it is told to a client.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{}.{}", self.created_ms, self.notification_id)
    }

    /// Reads it back; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (created, id) = text.split_once('.')?;
        let created_ms = created.parse().ok().filter(|ms: &i64| *ms >= 0)?;
        (!id.is_empty()).then(|| Self { created_ms, notification_id: id.to_owned() })
    }
}

/// What `user_id` was told, from `after` on: about `limit` notifications. `task` is the one in the place of that user.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn history(
    task: &TaskView,
    user_id: &str,
    filter: &Filter<'_>,
    after: Option<&Cursor>,
    limit: usize,
) -> Result<Page, QueryError> {
    let key = |cursor: &Cursor| HistoryKey {
        user_id: user_id.to_owned(),
        created_ms: cursor.created_ms,
        notification_id: cursor.notification_id.clone(),
    };
    let mut after = after.cloned();
    let mut items = Vec::new();
    let (mut taken, mut looked_at) = (0, 0);
    loop {
        let first = after.as_ref().map(key);
        let keys = keys_from(task, user_id, first.as_ref(), limit.max(1) + 1)?;
        let has_more = keys.len() > limit.max(1);
        for key in keys.into_iter().take(limit.max(1)) {
            let HistoryKey { created_ms, notification_id, .. } = key;
            looked_at += 1;
            if let Some(row) = task.get_kept(&NOTICES, &notification_id)?
                && filter.takes_notice(&row)
            {
                let before = items.len();
                let wanted = row.deliveries.iter().filter(|delivery| filter.takes_delivery(delivery));
                items.extend(wanted.map(|delivery| shown(&notification_id, &row, delivery)));
                taken += usize::from(items.len() > before);
            }
            after = Some(Cursor { created_ms, notification_id });
            if taken >= limit.max(1) {
                break;
            }
        }
        if !has_more && taken < limit.max(1) {
            return Ok(Page { items, next: None });
        }
        if taken >= limit.max(1) || looked_at >= LOOKED_AT_MAX {
            let first = after.as_ref().map(key);
            let is_last = keys_from(task, user_id, first.as_ref(), 1)?.is_empty();
            return Ok(Page { items, next: after.filter(|_| !is_last) });
        }
    }
}

/// At most `count_max` notifications of a user behind `after`, those left out whose index rows have ended.
fn keys_from(
    task: &TaskView,
    user_id: &str,
    after: Option<&HistoryKey>,
    count_max: usize,
) -> Result<Vec<HistoryKey>, QueryError> {
    let until_ms = task.ended_until_ms(&HISTORY)?;
    let prefix = HistoryKey::of_user(user_id);
    let mut keys = Vec::new();
    let mut visit = |key: HistoryKey, row: holdfast_model::notification::row::HistoryRow| {
        // What came earlier is behind it, and has ended, too.
        if row.created_ms <= until_ms {
            return ControlFlow::Break(());
        }
        if after != Some(&key) {
            keys.push(key);
        }
        if keys.len() >= count_max { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    match after {
        Some(first) => task.scan_from(HISTORY.stored(), &prefix, first, &mut visit)?,
        None => task.scan(HISTORY.stored(), &prefix, &mut visit)?,
    }
    Ok(keys)
}

/// What became of the notification `notification_id` on each of its channels, and whose it is. `task` is the one in the place of its user.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn ledger(task: &TaskView, notification_id: &str) -> Result<Option<(String, Vec<DeliveryView>)>, QueryError> {
    let Some(row) = task.get_kept(&NOTICES, &notification_id.to_owned())? else { return Ok(None) };
    let deliveries = row.deliveries.iter().map(|delivery| shown(notification_id, &row, delivery)).collect();
    Ok(Some((row.user_id, deliveries)))
}

fn shown(notification_id: &str, row: &NoticeRow, delivery: &DeliveryRow) -> DeliveryView {
    let (title, message) = words(row);
    let suppression = match delivery.state {
        DeliveryState::Suppressed(why) => Some(why.as_str().to_owned()),
        _ => None,
    };
    let at = |ms: i64| rfc3339::to_string(ms);
    DeliveryView {
        notification_id: notification_id.to_owned(),
        kind: row.kind.clone(),
        priority: row.priority.as_str(),
        title,
        message,
        channel: delivery.channel.as_str(),
        status: delivery.state.as_str(),
        reason: suppression.or_else(|| delivery.reason.clone()),
        attempts: delivery.attempts,
        created_at: at(row.created_ms),
        changed_at: at(delivery.since_ms),
        sent_at: (delivery.state == DeliveryState::Sent).then(|| at(delivery.since_ms)),
        next_try_at: match delivery.state {
            DeliveryState::Queued(due_ms) | DeliveryState::Retry(due_ms) => Some(at(due_ms)),
            _ => None,
        },
    }
}

/// Title and text that were told.
fn words(row: &NoticeRow) -> (String, String) {
    let parameters = parameters(&row.data);
    let own = row.title.as_deref().zip(row.message.as_deref());
    let told = templates::told(&row.kind, row.locale, own, &parameters);
    // A template is never taken away.
    told.map_or_else(|| (row.kind.clone(), String::new()), |told| (told.title.into_owned(), told.message.into_owned()))
}

/// What a user prefers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = NotificationPreferences)]
pub struct PreferencesView {
    /// Whose.
    pub user_id: String,
    /// Language.
    pub locale: Locale,
    /// Channels that are switched off, each with `false`.
    pub channels: BTreeMap<&'static str, bool>,
    /// Types that are switched off, each with `false`.
    pub types: BTreeMap<String, bool>,
    /// When nothing but HIGH is sent, in Korean time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quiet_hours: Option<QuietHours>,
    /// When they were set; none = never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_at: Option<String>,
}

/// What `user_id` prefers; what holds for everybody who has not said anything. `task` is the one in the place of that user.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn preferences(task: &TaskView, user_id: &str) -> Result<PreferencesView, QueryError> {
    let row = task.get(&PREFERENCES, &user_id.to_owned())?;
    let set_at = row.as_ref().map(|row| rfc3339::to_string(row.set_ms));
    let PreferencesRow { locale, channels_off, types_off, quiet, .. } = row.unwrap_or_default();
    Ok(PreferencesView {
        user_id: user_id.to_owned(),
        locale,
        channels: channels_off.iter().map(|channel| (channel.as_str(), false)).collect(),
        types: types_off.into_iter().map(|kind| (kind, false)).collect(),
        quiet_hours: quiet.map(|quiet| quiet.shown()),
        set_at,
    })
}

/// Whether the command `command_id` has been carried out, and the hash of what it said.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn command(task: &TaskView, command_id: &str) -> Result<Option<u64>, QueryError> {
    Ok(task.get_kept(&COMMANDS, &command_id.to_owned())?.map(|row| row.fingerprint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back() {
        let cursor = Cursor { created_ms: 17, notification_id: "evt.1/가".to_owned() };
        assert_eq!(Cursor::parse(&cursor.to_text()), Some(cursor));
        for strange in ["", "17", "17.", ".e", "-1.e", "x.e"] {
            assert_eq!(Cursor::parse(strange), None, "{strange}");
        }
    }
}
