//! The generic webhook: whatever the operator runs at `WEBHOOK_URL`.
//!
//! ```text
//! POST <WEBHOOK_URL>
//! Idempotency-Key: <notificationId>
//! {"notificationId":…,"channel":"webhook","type":…,"userId":…,"title":…,"message":…,"data":{…},"attempt":1}
//! ```
//! A 2xx is a delivery. 408, 425, 429, 5xx and no answer in time are tried again, `Retry-After` is obeyed; every other status refuses the notification for good.

use crate::config::Secret;
use crate::effects::channel::{Called, Calling, Limits};
use crate::effects::http::HttpClient;
use crate::effects::notifier::{NotificationMessage, Notifier};
use holdfast_model::notification::channel::Channel;
use holdfast_model::notification::contact::ContactRow;
use reqwest::Method;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// Posts notifications as JSON.
pub struct WebhookNotifier {
    client: HttpClient,
    url: Secret,
}

impl WebhookNotifier {
    /// Posts to `url`.
    #[must_use]
    pub fn new(client: HttpClient, url: Secret) -> Self {
        Self { client, url }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    notification_id: &'a str,
    channel: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    user_id: &'a str,
    title: &'a str,
    message: &'a str,
    data: &'a BTreeMap<String, Value>,
    attempt: u32,
}

impl Notifier for WebhookNotifier {
    fn channel(&self) -> Channel {
        Channel::Webhook
    }

    fn limits(&self) -> Limits {
        Limits { in_flight_max: 256, per_second: None, call_max: Duration::from_secs(10) }
    }

    fn reads_contact(&self) -> bool {
        false
    }

    fn send<'a>(&'a self, message: &'a NotificationMessage, _: &'a ContactRow) -> Calling<'a, Called> {
        let call = &message.call;
        let body = Body {
            notification_id: &call.notification_id,
            channel: self.channel().as_str(),
            kind: &call.kind,
            user_id: &call.user_id,
            title: &call.title,
            message: &call.message,
            data: &call.data,
            attempt: call.attempt,
        };
        let request = self
            .client
            .request(Method::POST, self.url.reveal())
            .header("Idempotency-Key", call.notification_id.as_bytes())
            .json(&body);
        Box::pin(self.client.call(request))
    }

    fn answers(&self) -> Calling<'_, bool> {
        Box::pin(self.client.reaches(self.url.reveal()))
    }
}
