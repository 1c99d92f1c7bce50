//! What is told of an alert: to receivers as JSON and as a line of text, to the log, to `/api/alerts`.

use holdfast_model::rfc3339;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;

/// What an alert is about, beside its name.
pub type Labels = BTreeMap<String, String>;

/// Labels from pairs.
#[must_use]
pub fn labels<const N: usize>(pairs: [(&str, &str); N]) -> Labels {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// One alert: two with the same name and labels are the same, whichever worker tells of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Identity {
    /// Its name, as in `LAG`.
    pub alert: String,
    /// What it is about.
    pub labels: Labels,
}

/// Whether an alert is out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schema(as = AlertState)]
pub enum State {
    /// The bound is exceeded.
    Firing,
    /// It is kept again.
    Resolved,
}

impl State {
    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "FIRING",
            Self::Resolved => "RESOLVED",
        }
    }
}

/// One thing told about an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Which alert.
    #[serde(flatten)]
    pub identity: Identity,
    /// What has become of it.
    pub state: State,
    /// One line for humans.
    pub summary: String,
    /// What was measured.
    pub value: u64,
    /// What it may be.
    pub bound: u64,
    /// Since when the bound has been exceeded, in ms since the epoch.
    pub since_ms: i64,
    /// When this was told, in ms since the epoch.
    pub at_ms: i64,
    /// App and worker.
    pub app: String,
    /// The worker that tells it.
    pub worker: String,
}

/// A notice as receivers get it.
#[derive(Serialize)]
struct Body<'a> {
    alert: &'a str,
    state: State,
    summary: &'a str,
    labels: &'a Labels,
    value: u64,
    bound: u64,
    since: String,
    at: String,
    app: &'a str,
    worker: &'a str,
}

impl Notice {
    /// The value of its `Idempotency-Key`: the same for the same alert, begun at the same moment, in the same state, whichever worker tells it and however
    /// often.
    #[must_use]
    pub fn key(&self) -> String {
        let mut hash = Sha256::new();
        let mut part = |text: &str| {
            hash.update(text.len().to_be_bytes());
            hash.update(text.as_bytes());
        };
        part(&self.app);
        part(&self.identity.alert);
        for (name, value) in &self.identity.labels {
            part(name);
            part(value);
        }
        part(&self.since_ms.to_string());
        let mut key = String::with_capacity(48);
        for byte in hash.finalize().iter().take(16) {
            // Writing into a String cannot fail.
            let _ = write!(key, "{byte:02x}");
        }
        key.push('-');
        key.push_str(&self.state.as_str().to_lowercase());
        key
    }

    /// As JSON: `{alert, state, summary, labels, value, bound, since, at, app, worker}`.
    #[must_use]
    pub fn json(&self) -> Vec<u8> {
        let body = Body {
            alert: &self.identity.alert,
            state: self.state,
            summary: &self.summary,
            labels: &self.identity.labels,
            value: self.value,
            bound: self.bound,
            since: rfc3339::to_string(self.since_ms),
            at: rfc3339::to_string(self.at_ms),
            app: &self.app,
            worker: &self.worker,
        };
        // Texts and numbers only: it always encodes.
        serde_json::to_vec(&body).unwrap_or_default()
    }

    /// As one line.
    #[must_use]
    pub fn line(&self) -> String {
        let Self { identity, state, summary, app, worker, .. } = self;
        let since = rfc3339::to_string(self.since_ms);
        format!("[{}] {} ({app}): {summary}. Since {since}, told by {worker}.", state.as_str(), identity.alert)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::alerts) fn notice(place: &str, state: State, since_ms: i64) -> Notice {
        Notice {
            identity: Identity { alert: "LAG".to_owned(), labels: labels([("topology", "t"), ("place", place)]) },
            state,
            summary: "late".to_owned(),
            value: 7_000,
            bound: 5_000,
            since_ms,
            at_ms: since_ms + 5_000,
            app: "holdfast".to_owned(),
            worker: "one".to_owned(),
        }
    }

    #[test]
    fn a_key_names_the_alert_its_beginning_and_its_state_and_no_worker() {
        let one = notice("1", State::Firing, 1_000);
        let by_another = Notice { worker: "two".to_owned(), at_ms: 99_000, value: 1, ..one.clone() };
        assert_eq!(one.key(), by_another.key());
        let others =
            [notice("2", State::Firing, 1_000), notice("1", State::Firing, 1_001), notice("1", State::Resolved, 1_000)];
        for other in others {
            assert_ne!(one.key(), other.key(), "{other:?}");
        }
        let ended = notice("1", State::Resolved, 1_000).key();
        assert_eq!(one.key().strip_suffix("-firing"), ended.strip_suffix("-resolved"));
    }

    #[test]
    fn a_notice_is_json_with_times_in_utc() {
        let json: serde_json::Value = serde_json::from_slice(&notice("1", State::Firing, 0).json()).unwrap();
        let wanted = serde_json::json!({
            "alert": "LAG", "state": "FIRING", "summary": "late", "labels": {"topology": "t", "place": "1"},
            "value": 7000, "bound": 5000, "since": "1970-01-01T00:00:00.000Z", "at": "1970-01-01T00:00:05.000Z",
            "app": "holdfast", "worker": "one",
        });
        assert_eq!(json, wanted);
    }
}
