//! Settings of alerts: where they go, and what is too much for too long.

use super::table::{Draft, Entry, secret_url};
use super::{Secret, Settings};
use holdfast_model::config_def::{put, whole};

/// An hour, in ms: the largest bound.
const HOUR_MS: u64 = 3_600_000;

/// Where alerts go, and when.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AlertSettings {
    /// Slack webhook of alerts.
    pub slack_url: Option<Secret>,
    /// Receiver of alerts as JSON.
    pub webhook_url: Option<Secret>,
    /// Bound of the age of the oldest undecided record, in ms.
    pub lag_ms: u64,
    /// How long that may be exceeded, in ms.
    pub for_ms: u64,
    /// How long the log may be out of reach, in ms.
    pub broker_ms: u64,
    /// How long the breaker of a channel may be open, in ms.
    pub breaker_ms: u64,
    /// So many dead letters of a topology within a minute are too many; 0 = never.
    pub dead_letters: u64,
    /// How late a hold may be ended after its deadline, in ms.
    pub late_expiry_ms: u64,
}

/// The table.
pub(super) const ALERTS: &[Entry] = &[
    Entry::new(
        "alert_slack_webhook_url",
        "Slack channel of alerts; unset = SLACK_WEBHOOK_URL, and with neither only the log",
        |d: &mut Draft, text| put(&mut d.settings.alerts.slack_url, secret_url(text)),
    )
    .secret(),
    Entry::new("alert_webhook_url", "receiver of alerts as JSON", |d: &mut Draft, text| {
        put(&mut d.settings.alerts.webhook_url, secret_url(text))
    })
    .secret(),
    Entry::new(
        "alert_lag_ms",
        "alert LAG: how old the oldest undecided record of a place may be",
        |d: &mut Draft, text| put(&mut d.settings.alerts.lag_ms, whole(text, 1..=HOUR_MS)),
    )
    .default("5000"),
    Entry::new("alert_for_ms", "alert LAG: for how long it may be older", |d: &mut Draft, text| {
        put(&mut d.settings.alerts.for_ms, whole(text, 0..=HOUR_MS))
    })
    .default("5000"),
    Entry::new("alert_broker_ms", "alert BROKER_AWAY: how long the log may be out of reach", |d: &mut Draft, text| {
        put(&mut d.settings.alerts.broker_ms, whole(text, 0..=HOUR_MS))
    })
    .default("5000"),
    Entry::new(
        "alert_breaker_ms",
        "alert BREAKER_OPEN: how long the breaker of a channel may be open",
        |d: &mut Draft, text| put(&mut d.settings.alerts.breaker_ms, whole(text, 0..=HOUR_MS)),
    )
    .default("30000"),
    Entry::new(
        "alert_dead_letters",
        "alert DEAD_LETTERS: so many of a topology within a minute; 0 = never",
        |d: &mut Draft, text| put(&mut d.settings.alerts.dead_letters, whole(text, 0..=1_000_000_000)),
    )
    .default("1"),
    Entry::new(
        "alert_late_expiry_ms",
        "alert LATE_EXPIRY: how long after its deadline a hold may be ended",
        |d: &mut Draft, text| put(&mut d.settings.alerts.late_expiry_ms, whole(text, 1..=HOUR_MS)),
    )
    .default("5000"),
];

/// Alerts go where the shop's own Slack messages go, unless they have a channel of their own.
pub(super) fn finish(settings: &mut Settings) {
    let alerts = &mut settings.alerts;
    alerts.slack_url = alerts.slack_url.take().or_else(|| settings.channels.slack_webhook_url.clone());
}
