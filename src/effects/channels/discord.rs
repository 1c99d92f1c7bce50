//! A channel of Discord, through its webhook: <https://discord.com/developers/docs/resources/webhook#execute-webhook>.
//!
//! The webhook belongs to one channel of one server. A user that has given an id at Discord is mentioned; nobody else can be, whatever a text says. Discord takes
//! 30 messages a minute for a channel and 2,000 characters for a message, and says in seconds, with fractions, how long to wait.

use super::text::cut_characters;
use super::{not_delivered, refused_credentials};
use crate::config::Secret;
use crate::effects::channel::{Called, Calling, Limits};
use crate::effects::http::{Answer, Exchange, HttpClient};
use crate::effects::notifier::{NotificationMessage, Notifier};
use holdfast_model::call_result::{CallResult, Ended};
use holdfast_model::notification::channel::Channel;
use holdfast_model::notification::contact::ContactRow;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;

/// Longest message, in characters.
const CONTENT_MAX: usize = 2_000;

/// Posts notifications to one channel.
pub struct DiscordNotifier {
    client: HttpClient,
    url: Secret,
}

impl DiscordNotifier {
    /// Posts to the webhook at `url`.
    #[must_use]
    pub fn new(client: HttpClient, url: Secret) -> Self {
        Self { client, url }
    }

    async fn post(&self, body: serde_json::Value) -> Called {
        let began_at = self.client.now_ms();
        // With `wait` the answer says whether the message was saved. Without it Discord answers before it knows.
        let request = self.client.request(Method::POST, self.url.reveal()).query(&[("wait", "true")]).json(&body);
        match self.client.exchange(request).await {
            Exchange::Answered(answer) => self.read(&answer, began_at).into(),
            exchange => self.client.of_exchange(&exchange, began_at),
        }
    }

    fn read(&self, answer: &Answer, began_at: i64) -> CallResult {
        let result = refused_credentials(self.client.of_answer(answer, began_at));
        match result.ended {
            Ended::Done if header(answer, "x-ratelimit-remaining") == Some(0.0) => {
                CallResult { retry_after_ms: reset_after_ms(answer), ..result }
            }
            Ended::Failed if result.status == Some(429) => {
                CallResult { retry_after_ms: reset_after_ms(answer).or(result.retry_after_ms), ..result }
            }
            Ended::Refused if result.status == Some(404) => not_delivered(result, "HTTP 404: there is no such webhook"),
            _ => result,
        }
    }
}

#[derive(Deserialize)]
struct RateLimited {
    /// Seconds.
    retry_after: f64,
}

/// How long to wait, in ms. The body is exact, and so is the header; `Retry-After` is in whole seconds.
fn reset_after_ms(answer: &Answer) -> Option<i64> {
    let body = serde_json::from_slice::<RateLimited>(&answer.body).ok().map(|limited| limited.retry_after);
    let seconds = body.or_else(|| header(answer, "x-ratelimit-reset-after"))?;
    let wait = Duration::try_from_secs_f64(seconds).ok()?;
    i64::try_from(wait.as_micros().div_ceil(1_000)).ok()
}

fn header(answer: &Answer, name: &str) -> Option<f64> {
    answer.headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

impl Notifier for DiscordNotifier {
    fn channel(&self) -> Channel {
        Channel::Discord
    }

    fn limits(&self) -> Limits {
        Limits { in_flight_max: 2, per_second: Some(0.5), call_max: Duration::from_secs(10) }
    }

    fn send<'a>(&'a self, message: &'a NotificationMessage, contact: &'a ContactRow) -> Calling<'a, Called> {
        let user = contact.discord_user_id.as_deref();
        let mention = user.map(|id| format!("<@{id}> ")).unwrap_or_default();
        let content = format!("{mention}**{}**\n{}", message.call.title, message.call.message);
        let body = json!({
            "content": cut_characters(&content, CONTENT_MAX),
            "allowed_mentions": {"parse": [], "users": user.into_iter().collect::<Vec<_>>()},
        });
        Box::pin(self.post(body))
    }

    fn answers(&self) -> Calling<'_, bool> {
        Box::pin(self.client.reaches(self.url.reveal()))
    }
}
