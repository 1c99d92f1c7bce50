//! The ways to a user. Each speaks one published interface, keeps to its limits and reads its answers; all of them are [`Notifier`]s.
//!
//! | module | way | cut to | failures that are final |
//! |---|---|---|---|
//! | [`log`] | the worker's log | | |
//! | [`webhook`] | POST to the operator's own receiver | | 3xx and 4xx other than 408, 425, 429 |
//! | [`discord`] | Discord, execute webhook | 2,000 characters | 404: the webhook is gone; 400 |
//! | [`slack`] | Slack, incoming webhook | 4,000 characters | 404, 410: the webhook or its channel is gone; 400 |
//! | [`fcm`] | Firebase Cloud Messaging, HTTP v1 | 4 KiB | `UNREGISTERED`, `INVALID_ARGUMENT`, `SENDER_ID_MISMATCH` for every device |
//! | [`kakao`] | Kakao Alimtalk through NHN Cloud | never: the template is approved as it is | no template, a text that is not the template's, the number |
//! | [`sms`] | text messages through Amazon SNS | 1,600 bytes | the number, the text |
//!
//! A receiver that does not take our credentials has not judged the message: it fails, and is not refused. The executor then sees call after call fail and opens
//! the channel's breaker, so that messages wait until the operator has put it right, instead of going to the dead letters one by one.

pub mod discord;
pub mod fcm;
pub mod kakao;
pub mod log;
mod sigv4;
pub mod slack;
pub mod sms;
mod text;
pub mod webhook;

#[cfg(test)]
mod tests;

use super::channel::Channel;
use super::http::HttpClient;
use super::notifier::{NotificationChannel, Notifier};
use crate::config::{ConfigError, Settings};
use holdfast_model::call_result::{CallResult, Ended};
use holdfast_model::notification::channel;
use std::sync::Arc;

/// Every channel to a user. One that is not set writes to the log.
///
/// # Errors
/// [`ConfigError`] when a channel is set and cannot work: another setting is missing, or a service account cannot be read.
pub fn notification_channels(settings: &Settings, client: &HttpClient) -> Result<Vec<Arc<dyn Channel>>, ConfigError> {
    let notifiers = channel::Channel::ALL.into_iter().map(|name| notifier(name, settings, client));
    notifiers
        .map(|notifier| Ok(Arc::new(NotificationChannel::new(notifier?, client.clock().clone())) as Arc<dyn Channel>))
        .collect()
}

fn notifier(
    name: channel::Channel,
    settings: &Settings,
    client: &HttpClient,
) -> Result<Arc<dyn Notifier>, ConfigError> {
    use channel::Channel::{Discord, Fcm, Kakao, Log, Slack, Sms, Webhook};
    let (set, clock, client) = (&settings.channels, client.clock().clone(), client.clone());
    let notifiers = &set.notifiers;
    let notifier = match name {
        Log => None,
        Webhook => notifiers.webhook_url.clone().map(|url| any(webhook::WebhookNotifier::new(client, url))),
        Fcm => fcm::FcmNotifier::new(client, &notifiers.fcm)?.map(any),
        Kakao => kakao::KakaoNotifier::new(client, &notifiers.kakao)?.map(any),
        Sms => sms::SmsNotifier::new(client, &notifiers.sms)?.map(any),
        Discord => set.discord_webhook_url.clone().map(|url| any(discord::DiscordNotifier::new(client, url))),
        Slack => set.slack_webhook_url.clone().map(|url| any(slack::SlackNotifier::new(client, url))),
    };
    Ok(notifier.unwrap_or_else(|| Arc::new(log::LogNotifier::new(name, clock))))
}

fn any(notifier: impl Notifier + 'static) -> Arc<dyn Notifier> {
    Arc::new(notifier)
}

/// `result` with another reason.
fn not_delivered(result: CallResult, reason: impl Into<String>) -> CallResult {
    CallResult { reason: Some(reason.into()), ..result }
}

/// `result`, failed instead of refused where the receiver does not take our credentials.
fn refused_credentials(result: CallResult) -> CallResult {
    match result.status {
        Some(status @ (401 | 403)) => CallResult {
            ended: Ended::Failed,
            ..not_delivered(result, format!("HTTP {status}: the credentials are not taken"))
        },
        _ => result,
    }
}
