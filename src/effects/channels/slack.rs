//! A channel of Slack, through an incoming webhook: <https://api.slack.com/messaging/webhooks>.
//!
//! The webhook belongs to one channel of one workspace. A user that has given an id at Slack is mentioned; nobody else can be, since a text's own `<`, `>` and
//! `&` are escaped. Slack takes one message a second and asks for at most 4,000 characters in each.

use super::text::cut;
use super::{not_delivered, refused_credentials};
use crate::config::Secret;
use crate::effects::channel::{Called, Calling, Limits};
use crate::effects::http::HttpClient;
use crate::effects::notifier::{NotificationMessage, Notifier};
use holdfast_model::notification::channel::Channel;
use holdfast_model::notification::contact::ContactRow;
use reqwest::Method;
use serde_json::json;
use std::time::Duration;

/// Longest text, in characters as they are sent.
const TEXT_MAX: usize = 4_000;

/// Posts notifications to one channel.
pub struct SlackNotifier {
    client: HttpClient,
    url: Secret,
}

impl SlackNotifier {
    /// Posts to the webhook at `url`.
    #[must_use]
    pub fn new(client: HttpClient, url: Secret) -> Self {
        Self { client, url }
    }

    async fn post(&self, body: serde_json::Value) -> Called {
        match self.client.call(self.client.request(Method::POST, self.url.reveal()).json(&body)).await {
            Called::Ended(result) if result.status == Some(404) => {
                not_delivered(result, "HTTP 404: there is no such webhook").into()
            }
            Called::Ended(result) => refused_credentials(result).into(),
            not_reached @ Called::NotReached { .. } => not_reached,
        }
    }
}

/// `text` without what Slack would read as a mention or a link.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match entity(c) {
            Some(entity) => out.push_str(entity),
            None => out.push(c),
        }
    }
    out
}

fn entity(c: char) -> Option<&'static str> {
    match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        _ => None,
    }
}

impl Notifier for SlackNotifier {
    fn channel(&self) -> Channel {
        Channel::Slack
    }

    fn limits(&self) -> Limits {
        Limits { in_flight_max: 2, per_second: Some(1.0), call_max: Duration::from_secs(10) }
    }

    fn send<'a>(&'a self, message: &'a NotificationMessage, contact: &'a ContactRow) -> Calling<'a, Called> {
        let mention = contact.slack_user_id.as_deref().map(|id| format!("<@{id}> ")).unwrap_or_default();
        let title = format!("*{}*\n", message.call.title);
        // Cut before it is escaped, so that no entity is cut in half.
        let size = |c| entity(c).map_or(1, str::len);
        let text = cut(&format!("{title}{}", message.call.message), TEXT_MAX - mention.len().min(TEXT_MAX), size);
        Box::pin(self.post(json!({"text": format!("{mention}{}", escaped(&text))})))
    }

    fn answers(&self) -> Calling<'_, bool> {
        Box::pin(self.client.reaches(self.url.reveal()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_mentions_nobody_by_itself() {
        assert_eq!(escaped("<!channel> A & B"), "&lt;!channel&gt; A &amp; B");
    }
}
