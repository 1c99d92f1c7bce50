//! A worker, as its clients see it.

use super::witness::{Answered, Witness};
use crate::worker::RunError;
use reqwest::Client;
use serde_json::Value;
use serde_json::value::RawValue;
use std::sync::Arc;
use std::time::Duration;

const ANSWER_MAX: Duration = Duration::from_secs(60);

/// Where requests go.
#[derive(Debug, Clone)]
pub(super) struct Target {
    client: Client,
    base: Arc<str>,
}

/// What came back.
#[derive(Debug, Clone)]
pub(super) struct Said {
    /// Status and code, for counting; or why there is none.
    pub(super) kind: String,
    /// 0 where there is none.
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Said {
    fn answered(status: u16, body: Value) -> Self {
        let word = ["code", "status"].into_iter().find_map(|name| body[name].as_str());
        let kind = word.map_or_else(|| status.to_string(), |word| format!("{status} {word}"));
        Self { kind, status, body }
    }

    fn unanswered(error: &reqwest::Error) -> Self {
        let why = match error {
            error if error.is_timeout() => "no answer in time",
            error if error.is_connect() => "not connected",
            _ => "broken off",
        };
        Self { kind: why.to_owned(), status: 0, body: Value::Null }
    }
}

impl Target {
    /// Asks once, so that an address that nobody listens on is told before any clock starts.
    ///
    /// # Errors
    /// When nobody answers there.
    pub(super) async fn reach(url: &str, connections_max: usize) -> Result<Self, RunError> {
        let failed = |e: reqwest::Error| RunError::Failed(format!("{url}: {e}"));
        let client = Client::builder()
            .timeout(ANSWER_MAX)
            .tcp_nodelay(true)
            .pool_max_idle_per_host(connections_max)
            .build()
            .map_err(failed)?;
        let base = url.trim_end_matches('/').to_owned();
        client.get(format!("{base}/health/live")).send().await.map_err(failed)?;
        Ok(Self { client, base: base.into() })
    }

    pub(super) async fn get(&self, path: &str) -> Said {
        Self::hear(self.client.get(format!("{}{path}", self.base)).send().await).await.0
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Said {
        Self::hear(self.client.post(format!("{}{path}", self.base)).json(body).send().await).await.0
    }

    /// The `n`th request of a run, which `witness` writes down. One that is asked again for its sake is what it was at first.
    pub(super) async fn post_before(&self, witness: &Witness, n: u64, path: &str, body: &Value) -> Said {
        let key = witness.key(n);
        let ask = async || {
            let began_us = witness.begin();
            let mut request = self.client.post(format!("{}{path}", self.base)).json(body);
            if let Some(key) = &key {
                request = request.header("idempotency-key", key);
            }
            let (said, text) = Self::hear(request.send().await).await;
            let (method, status, key, asked) = ("POST", said.status, key.as_deref(), Some(body));
            witness.note(&Answered { method, path, began_us, status, key, asked, said: text.as_deref() });
            said
        };
        let first = ask().await;
        if witness.asks_again(n) {
            ask().await;
        }
        first
    }

    /// A request without which the shape makes no sense: anything but one of `expected` fails.
    ///
    /// # Errors
    /// What was answered instead.
    pub(super) async fn must_post(&self, path: &str, body: &Value, expected: &[u16]) -> Result<Said, RunError> {
        let said = self.post(path, body).await;
        if expected.contains(&said.status) {
            return Ok(said);
        }
        Err(RunError::Failed(format!("{}{path}: {} {}", self.base, said.kind, said.body)))
    }

    /// What came back, and its body as it came if that is JSON.
    async fn hear(answer: Result<reqwest::Response, reqwest::Error>) -> (Said, Option<Box<RawValue>>) {
        match answer {
            Ok(answer) => {
                let status = answer.status().as_u16();
                match answer.bytes().await {
                    Ok(body) => {
                        let said = Said::answered(status, serde_json::from_slice(&body).unwrap_or_default());
                        (said, serde_json::from_slice(&body).ok())
                    }
                    Err(error) => (Said::unanswered(&error), None),
                }
            }
            Err(error) => (Said::unanswered(&error), None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_answer_is_counted_by_status_and_code() {
        let kind = |status, body| Said::answered(status, body).kind;
        assert_eq!(kind(201, json!({"reservationId": "r"})), "201");
        assert_eq!(kind(200, json!({"status": "SUCCESS"})), "200 SUCCESS");
        assert_eq!(kind(409, json!({"status": 409, "code": "SEAT_ALREADY_RESERVED"})), "409 SEAT_ALREADY_RESERVED");
        assert_eq!(kind(500, Value::Null), "500");
    }
}
