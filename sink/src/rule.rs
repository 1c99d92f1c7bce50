//! What the sink answers: rules in order, the first that fits a request decides; without one it is 200.

use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering};

/// A kind of answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// 200.
    #[default]
    Ok,
    /// 429, with `Retry-After`.
    TooMany,
    /// 500.
    Error,
    /// 503.
    Unavailable,
    /// 400: permanent.
    Bad,
    /// The connection is closed after the request has been read, without an answer.
    Cut,
}

/// An answer for some requests.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Rule {
    /// Fits paths that begin with this; without it every path.
    pub path: Option<String>,
    /// Fits this `Idempotency-Key`; without it every one.
    pub key: Option<String>,
    /// Of those that fit, it is for every nth only.
    pub every: Option<u64>,
    /// It is used so often, and then no more.
    pub times: Option<u64>,
    /// What is answered.
    pub mode: Mode,
    /// Another status than the mode's.
    pub status: Option<u16>,
    /// `Retry-After`, as it is written. [`Mode::TooMany`] says 1 without it.
    pub retry_after: Option<String>,
    /// How long the answer takes, in ms.
    pub delay_ms: u64,
    /// Body of the answer, instead of none.
    pub body: Option<String>,
    /// How often it was asked for and used.
    #[serde(skip)]
    pub uses: Uses,
}

/// How often a rule was asked for and used.
#[derive(Debug, Default)]
pub struct Uses {
    fitted: AtomicU64,
    used: AtomicU64,
}

/// What is answered to one request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Answer {
    /// `None`: the connection is cut.
    pub(crate) status: Option<u16>,
    pub(crate) retry_after: Option<String>,
    pub(crate) delay_ms: u64,
    pub(crate) body: Option<String>,
}

impl Rule {
    /// A rule for every request.
    #[must_use]
    pub fn always(mode: Mode) -> Self {
        Self { mode, ..Self::default() }
    }

    /// Whether it decides about this request. Counts.
    fn takes(&self, path: &str, key: Option<&str>) -> bool {
        let fits = self.path.as_deref().is_none_or(|prefix| path.starts_with(prefix))
            && self.key.as_deref().is_none_or(|wanted| key == Some(wanted));
        if !fits {
            return false;
        }
        let nth = self.uses.fitted.fetch_add(1, Ordering::Relaxed) + 1;
        if self.every.is_some_and(|every| !nth.is_multiple_of(every.max(1))) {
            return false;
        }
        self.times.is_none_or(|times| {
            let used = self
                .uses
                .used
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| (used < times).then_some(used + 1));
            used.is_ok()
        })
    }

    fn answer(&self) -> Answer {
        let of_mode = match self.mode {
            Mode::Ok => Some(200),
            Mode::TooMany => Some(429),
            Mode::Error => Some(500),
            Mode::Unavailable => Some(503),
            Mode::Bad => Some(400),
            Mode::Cut => None,
        };
        let usual = (self.mode == Mode::TooMany).then(|| "1".to_owned());
        Answer {
            status: of_mode.map(|usual| self.status.unwrap_or(usual)),
            retry_after: self.retry_after.clone().or(usual),
            delay_ms: self.delay_ms,
            body: self.body.clone(),
        }
    }
}

/// What is answered to a request for `path` with this idempotency key.
pub(crate) fn answer(rules: &[Rule], path: &str, key: Option<&str>) -> Answer {
    let rule = rules.iter().find(|rule| rule.takes(path, key));
    rule.map_or_else(|| Answer { status: Some(200), ..Answer::default() }, Rule::answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(json: &str) -> Vec<Rule> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let rules = rules(
            r#"[{"path":"/a","key":"k","mode":"bad"},{"path":"/a","mode":"too-many"},
                {"path":"/b","mode":"unavailable","retryAfter":"7","delayMs":5},{"path":"/c","mode":"cut"}]"#,
        );
        assert_eq!(answer(&rules, "/a/x", Some("k")).status, Some(400));
        let many = answer(&rules, "/a/x", Some("l"));
        assert_eq!((many.status, many.retry_after.as_deref()), (Some(429), Some("1")));
        let away = answer(&rules, "/b", None);
        assert_eq!((away.status, away.retry_after.as_deref(), away.delay_ms), (Some(503), Some("7"), 5));
        assert_eq!(answer(&rules, "/c", None).status, None);
        assert_eq!(answer(&rules, "/d", Some("k")).status, Some(200));
    }

    #[test]
    fn a_rule_can_be_for_every_nth_and_end() {
        let every = rules(r#"[{"every":3,"mode":"error"}]"#);
        let seen: Vec<_> = (0..6).filter_map(|_| answer(&every, "/", None).status).collect();
        assert_eq!(seen, [200, 200, 500, 200, 200, 500]);
        let twice = rules(r#"[{"times":2,"status":418,"mode":"bad"}]"#);
        let seen: Vec<_> = (0..3).filter_map(|_| answer(&twice, "/", None).status).collect();
        assert_eq!(seen, [418, 418, 200]);
    }

    #[test]
    fn a_misspelt_rule_is_an_error() {
        assert!(serde_json::from_str::<Vec<Rule>>(r#"[{"modus":"ok"}]"#).is_err());
    }
}
