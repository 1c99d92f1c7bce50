//! A worker, as its clients see it.

use super::client::{Answered as Heard, Client, Unanswered};
use super::witness::{Answered, Witness};
use holdfast_tools::Failure;
use serde_json::Value;
use std::sync::Arc;

/// Where requests go.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    client: Arc<Client>,
    url: Arc<str>,
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    /// Status and code, for counting; or why there is none.
    pub(crate) kind: String,
    /// 0 where there is none.
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Said {
    fn answered(status: u16, body: Value) -> Self {
        let word = ["code", "status"].into_iter().find_map(|name| body[name].as_str());
        let kind = word.map_or_else(|| status.to_string(), |word| format!("{status} {word}"));
        Self { kind, status, body }
    }
}

impl Target {
    /// As [`Client::reach`].
    ///
    /// # Errors
    /// When nobody answers there.
    pub(crate) async fn reach(url: &str) -> Result<Self, Failure> {
        Ok(Self { client: Arc::new(Client::reach(url).await?), url: url.into() })
    }

    pub(crate) async fn get(&self, path: &str) -> Said {
        Self::hear(&self.client.get(path).await)
    }

    /// Asks as the client that has this token.
    pub(crate) async fn get_as(&self, path: &str, token: &str) -> Said {
        Self::hear(&self.client.get_as(path, token).await)
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Said {
        Self::hear(&self.client.post(path, body.to_string().into_bytes(), None).await)
    }

    /// The `n`th request of a run, which `witness` writes down. One that is asked again for its sake is what it was at first.
    pub(crate) async fn post_before(&self, witness: &Witness, n: u64, path: &str, body: &Value) -> Said {
        let key = witness.key(n);
        let ask = async || {
            let began_us = witness.begin();
            let heard = self.client.post(path, body.to_string().into_bytes(), key.as_deref()).await;
            let answer = Self::hear(&heard);
            let said = heard.as_ref().ok().and_then(|(_, text)| witness.body(text));
            let (method, status, key, asked) = ("POST", answer.status, key.as_deref(), Some(body));
            witness.note(&Answered { method, path, began_us, status, key, asked, said });
            answer
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
    pub(crate) async fn must_post(&self, path: &str, body: &Value, expected: &[u16]) -> Result<Said, Failure> {
        let said = self.post(path, body).await;
        if expected.contains(&said.status) {
            return Ok(said);
        }
        Err(Failure::Failed(format!("{}{path}: {} {}", self.url, said.kind, said.body)))
    }

    fn hear(heard: &Result<Heard, Unanswered>) -> Said {
        match heard {
            Ok((status, body)) => Said::answered(*status, serde_json::from_slice(body).unwrap_or_default()),
            Err(error) => Said { kind: error.kind().to_owned(), status: 0, body: Value::Null },
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
