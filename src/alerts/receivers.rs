//! Receivers of alerts: each has a queue, a task and a connection of its own, so that one that is away holds up nobody, the users' messages least of all.

use super::board::AlertBoard;
use super::notice::Notice;
use super::outgoing::{Outgoing, Taken};
use crate::config::{AlertSettings, Secret};
use holdfast_ports::clock::Clock;
use parking_lot::Mutex;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

const CONNECT_MAX: Duration = Duration::from_secs(3);
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// What a receiver understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The notice as JSON.
    Webhook,
    /// Slack's incoming webhook: a text.
    Slack,
}

/// One receiver.
pub(super) struct Receiver {
    pub(super) name: &'static str,
    kind: Kind,
    url: Secret,
    outgoing: Mutex<Outgoing>,
    wake: Notify,
}

/// The receivers that the settings name, with what they had not been told when the worker ended.
pub(super) fn of(settings: &AlertSettings, mut waiting: BTreeMap<String, Outgoing>) -> Vec<Arc<Receiver>> {
    let named = [("webhook", Kind::Webhook, &settings.webhook_url), ("slack", Kind::Slack, &settings.slack_url)];
    let receiver = |(name, kind, url): (&'static str, Kind, &Option<Secret>)| {
        let outgoing = Mutex::new(waiting.remove(name).unwrap_or_default());
        Some(Arc::new(Receiver { name, kind, url: url.clone()?, outgoing, wake: Notify::new() }))
    };
    named.into_iter().filter_map(receiver).collect()
}

/// Their connections.
///
/// # Errors
/// When the system has no random numbers or certificates.
pub(super) fn client() -> Result<Client, reqwest::Error> {
    crate::tls::provide();
    Client::builder().connect_timeout(CONNECT_MAX).timeout(ANSWER_MAX).redirect(Policy::none()).build()
}

impl Receiver {
    /// Has a notice sent, instead of an older one of the same alert that still waits.
    pub(super) fn tell(&self, notice: &Notice) {
        self.outgoing.lock().add(notice.clone());
        self.wake.notify_one();
    }

    /// What has not been taken yet.
    pub(super) fn waiting(&self) -> Outgoing {
        self.outgoing.lock().clone()
    }

    /// Sends what waits, for as long as it is polled.
    pub(super) async fn deliver(self: Arc<Self>, client: Client, clock: Arc<dyn Clock>, board: AlertBoard) {
        loop {
            let (next, wait) = {
                let (outgoing, now_us) = (self.outgoing.lock(), clock.monotonic_us());
                board.show_waiting(self.name, outgoing.len());
                (outgoing.next(now_us).cloned(), outgoing.wait(now_us))
            };
            match (next, wait) {
                (Some(notice), _) => {
                    let taken = self.send(&client, &notice).await;
                    board.count_sent(self.name, outcome(taken));
                    self.outgoing.lock().note(&notice, taken, clock.monotonic_us());
                }
                // A newer notice does not shorten the pause, and is looked at after it.
                (None, Some(wait)) => drop(tokio::time::timeout(wait, std::future::pending::<()>()).await),
                (None, None) => self.wake.notified().await,
            }
        }
    }

    async fn send(&self, client: &Client, notice: &Notice) -> Taken {
        let body = match self.kind {
            Kind::Webhook => notice.json(),
            Kind::Slack => serde_json::json!({"text": notice.line()}).to_string().into_bytes(),
        };
        let request = client.post(self.url.reveal()).header(CONTENT_TYPE, "application/json");
        match request.header("idempotency-key", notice.key()).body(body).send().await {
            Ok(answer) => {
                let asked =
                    answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
                let taken = taken(answer.status(), asked.map(Duration::from_secs));
                if taken != Taken::Yes {
                    let (receiver, status) = (self.name, answer.status().as_u16());
                    tracing::warn!(
                        receiver,
                        status,
                        alert = notice.identity.alert,
                        "a receiver of alerts has not taken a notice"
                    );
                }
                taken
            }
            Err(error) => {
                // The URL is a secret.
                let (receiver, error) = (self.name, error.without_url());
                tracing::warn!(receiver, %error, alert = notice.identity.alert, "a receiver of alerts is away");
                Taken::Later(None)
            }
        }
    }
}

fn taken(status: StatusCode, asked: Option<Duration>) -> Taken {
    match status.as_u16() {
        200..=299 => Taken::Yes,
        408 | 425 | 429 | 500..=599 => Taken::Later(asked),
        _ => Taken::Never,
    }
}

fn outcome(taken: Taken) -> &'static str {
    match taken {
        Taken::Yes => "taken",
        Taken::Later(_) => "again",
        Taken::Never => "refused",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_whether_to_send_again() {
        let asked = Some(Duration::from_secs(3));
        for (status, wanted) in [
            (200, Taken::Yes),
            (204, Taken::Yes),
            (302, Taken::Never),
            (400, Taken::Never),
            (404, Taken::Never),
            (408, Taken::Later(asked)),
            (429, Taken::Later(asked)),
            (500, Taken::Later(asked)),
            (503, Taken::Later(asked)),
        ] {
            assert_eq!(taken(StatusCode::from_u16(status).unwrap(), asked), wanted, "{status}");
        }
    }

    #[test]
    fn only_receivers_that_are_set_get_anything() {
        let mut settings = AlertSettings::default();
        assert_eq!(of(&settings, BTreeMap::new()).len(), 0);
        settings.slack_url = Some(Secret::new("http://127.0.0.1:1/slack"));
        let names = of(&settings, BTreeMap::new()).iter().map(|receiver| receiver.name).collect::<Vec<_>>();
        assert_eq!(names, ["slack"]);
    }
}
