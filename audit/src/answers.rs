//! I-10: what clients were told over HTTP, by what the log says. Each feature keeps what the answers of its routes claim in its own [`Claims`], and compares
//! them while it decides.
//!
//! What was granted to a client is granted by the log, what was refused is not, and what was accepted is in the log. Status 0 (no answer) and everything from
//! 500 on tells nothing.

use crate::findings::Findings;
use crate::invariant::Invariant;
use crate::record::Named;
use rustc_hash::FxHashMap;
use std::fmt::{self, Debug, Display};
use std::rc::Rc;

/// How long a request may have taken that does not say so, in ms: nobody waits longer.
const TOOK_MS_MAX: i64 = 30_000;
/// How far a client's clock and the log's may be apart, in ms.
const APART_MS: i64 = 10_000;

/// Where an answer stands.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spot {
    pub(crate) file: Rc<str>,
    pub(crate) line: u64,
}

impl Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} line {}", self.file, self.line)
    }
}

/// An answer, for the feature that its route belongs to.
pub(crate) struct Answer<'a> {
    pub(crate) at: Spot,
    pub(crate) method: &'a str,
    /// Without its query.
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) status: u16,
    /// When it was written down, in ms since the epoch.
    pub(crate) time_ms: Option<i64>,
    /// How long it took, in ms.
    pub(crate) took_ms: Option<i64>,
    /// The body of the request; empty if it had none.
    pub(crate) asked: Named<'a>,
    /// The body of the answer.
    pub(crate) said: Named<'a>,
}

impl Answer<'_> {
    /// Whether the request goes to `pattern`: a path whose `{…}` stand for a segment each and whose last `*` stands for any number of segments, with
    /// the method before it if that matters.
    pub(crate) fn is_of(&self, pattern: &str) -> bool {
        let pattern = match pattern.split_once(' ') {
            Some((method, path)) if method == self.method => path,
            Some(_) => return false,
            None => pattern,
        };
        let mut segments = self.path.split('/');
        for expected in pattern.split('/') {
            match (expected, segments.next()) {
                ("*", Some(_)) => return true,
                (_, Some(segment)) if segment == expected || expected.starts_with('{') => {}
                _ => return false,
            }
        }
        segments.next().is_none()
    }

    /// First and last moment at which it may have been said, in ms since the epoch by the log's clock.
    pub(crate) fn moments(&self) -> (i64, i64) {
        moments(self.time_ms, self.took_ms)
    }

    /// The code of a refusal.
    pub(crate) fn code(&self) -> &str {
        self.said.get("code").text()
    }

    /// The status that the body tells.
    pub(crate) fn word(&self) -> &str {
        self.said.get("status").text()
    }

    /// Whether the request was refused, for good.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self.status, 400..=428)
    }

    /// Whether the request was accepted, and nothing more is said.
    pub(crate) fn is_acceptance(&self) -> bool {
        self.status == 202 || (matches!(self.status, 200..=299) && self.word() == "PENDING")
    }

    /// A refusal under its request id; `decides`: what is not about the request itself is decided by the log.
    pub(crate) fn refused<C>(&self, decides: bool) -> Option<(String, Claim<C>)> {
        let is_decision = decides && !is_about_the_request(self.code());
        Some((self.said.id("requestId")?, Claim::Refused { code: self.code().to_owned(), is_decision }))
    }
}

/// When something may have been said that was written down at `time` and took so many ms, in ms since the epoch.
fn moments(time_ms: Option<i64>, took_ms: Option<i64>) -> (i64, i64) {
    let Some(time_ms) = time_ms else { return (i64::MIN, i64::MAX) };
    let took_ms = took_ms.unwrap_or(TOOK_MS_MAX).max(0);
    (time_ms.saturating_sub(took_ms).saturating_sub(APART_MS), time_ms.saturating_add(APART_MS))
}

/// What an answer says about the id that it names; `C` is what only its feature knows.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Claim<C> {
    /// It is in the log.
    Accepted,
    /// It was refused; `is_decision`: only the log says so.
    Refused { code: String, is_decision: bool },
    /// It came to this.
    Told(C),
}

impl<C: Debug> Debug for Claim<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted => f.write_str("Accepted"),
            Self::Refused { code, is_decision } => {
                f.debug_struct("Refused").field("code", code).field("is_decision", is_decision).finish()
            }
            Self::Told(claim) => claim.fmt(f),
        }
    }
}

#[derive(Debug)]
struct Told<C> {
    at: Spot,
    claim: Claim<C>,
    is_met: bool,
    /// It was right of an outcome that has ended since: of what its id came to later it says nothing.
    is_of_ended: bool,
    /// What is against it, unless its id came to what it says later.
    doubt: Option<String>,
}

impl<C> Told<C> {
    fn compare(&mut self, id: &str, judged: Option<Result<(), String>>, findings: &mut Findings) {
        match judged {
            None => return,
            Some(Ok(())) => findings.count(Invariant::Agreement, "answers over HTTP", 1),
            Some(Err(what)) => findings.breach(Invariant::Agreement, &self.at, format!("{id} {what}")),
        }
        (self.is_met, self.doubt) = (true, None);
    }

    /// The same with the outcome of one decision. Has that ended, another one may have been made under the id, and either may be meant.
    fn compare_outcome(
        &mut self,
        id: &str,
        judged: Option<Result<(), String>>,
        has_ended: bool,
        findings: &mut Findings,
    ) {
        match judged {
            Some(_) if self.is_of_ended => {}
            Some(Err(what)) if has_ended => {
                self.doubt = Some(what);
                self.is_met = true;
            }
            judged => {
                self.is_of_ended = has_ended && judged.is_some();
                self.compare(id, judged, findings);
            }
        }
    }
}

/// Everything that the answers of one feature claim, by the id that each is about.
#[derive(Debug)]
pub(crate) struct Claims<C>(FxHashMap<Box<str>, Vec<Told<C>>>);

impl<C> Default for Claims<C> {
    fn default() -> Self {
        Self(FxHashMap::default())
    }
}

impl<C: Debug + PartialEq> Claims<C> {
    /// Notes what `answer` claims; false when it claims nothing.
    pub(crate) fn note(&mut self, answer: &Answer<'_>, found: Option<(String, Claim<C>)>) -> bool {
        let Some((id, claim)) = found else { return false };
        let told = Told { at: answer.at.clone(), claim, is_met: false, is_of_ended: false, doubt: None };
        self.0.entry(id.into()).or_default().push(told);
        true
    }

    /// Whether there is nothing to compare.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Compares every claim about `id` that `judge` knows something about.
    pub(crate) fn compare(
        &mut self,
        id: &str,
        findings: &mut Findings,
        judge: impl Fn(&Claim<C>) -> Option<Result<(), String>>,
    ) {
        for told in self.0.get_mut(id).into_iter().flatten() {
            told.compare(id, judge(&told.claim), findings);
        }
    }

    /// Compares every claim that `judge` knows something about, by the id that it names.
    pub(crate) fn compare_all(
        &mut self,
        findings: &mut Findings,
        judge: impl Fn(&str, &Claim<C>) -> Option<Result<(), String>>,
    ) {
        for (id, all) in &mut self.0 {
            for told in all {
                told.compare(id, judge(id, &told.claim), findings);
            }
        }
    }

    /// Compares every claim about the outcome of the request `id` that `judge` knows something about; `has_ended`: the outcome has, by the cut.
    pub(crate) fn decided(
        &mut self,
        id: &str,
        has_ended: bool,
        findings: &mut Findings,
        judge: impl Fn(&Claim<C>) -> Option<Result<(), String>>,
    ) {
        for told in self.0.get_mut(id).into_iter().flatten() {
            told.compare_outcome(id, judge(&told.claim), has_ended, findings);
        }
    }

    /// The outcome of the request `id` has ended, and cannot be known otherwise: whether it was refused for the reason that was told nobody can say.
    pub(crate) fn ended(&mut self, id: &str, findings: &mut Findings) {
        let told = self.0.get_mut(id).into_iter().flatten();
        for told in told.filter(|told| !told.is_of_ended && matches!(told.claim, Claim::Refused { .. })) {
            findings.count(Invariant::Agreement, "refusals over HTTP whose outcome has ended", 1);
            (told.is_met, told.is_of_ended) = (true, true);
        }
    }

    /// A request of this id is in the log.
    pub(crate) fn in_log(&mut self, id: Option<&str>, findings: &mut Findings) {
        if let Some(id) = id.filter(|_| !self.is_empty()) {
            self.compare(id, findings, |claim| (*claim == Claim::Accepted).then_some(Ok(())));
        }
    }

    /// Whether something that was told about `id` has been compared.
    pub(crate) fn is_met(&self, id: &str) -> bool {
        self.0.get(id).is_some_and(|told| told.iter().any(|told| told.is_met))
    }

    /// What was told of things that are not in the log.
    pub(crate) fn leftover(&self, findings: &mut Findings) {
        let all = self.0.iter().flat_map(|(id, told)| told.iter().map(move |told| (id, told)));
        for (id, Told { at, claim, doubt, .. }) in all.filter(|(_, told)| !told.is_met || told.doubt.is_some()) {
            if let Some(what) = doubt {
                findings.breach(Invariant::Agreement, at, format!("{id} {what}"));
                continue;
            }
            match claim {
                Claim::Accepted => {
                    findings.breach(Invariant::OneOutcome, at, format!("{id} was accepted, and is not in the log"));
                }
                Claim::Refused { is_decision: false, .. } => {
                    findings.count(Invariant::Agreement, "refusals before the log", 1);
                }
                claim => {
                    let what = format!("{id} was told as {claim:?}, and is not in the log");
                    findings.breach(Invariant::Agreement, at, what);
                }
            }
        }
    }
}

/// Whether `code` is said of what a request looks like, before the log is asked; anything else may have been decided there.
fn is_about_the_request(code: &str) -> bool {
    [
        "MALFORMED_REQUEST",
        "VALIDATION_FAILED",
        "INVALID_IDEMPOTENCY_KEY",
        "IDEMPOTENCY_KEY_REUSED",
        "UNSUPPORTED_MEDIA_TYPE",
        "UNSUPPORTED_CHARSET",
        "UNSUPPORTED_CONTENT_ENCODING",
        "INVALID_HOST",
        "BODY_TOO_LARGE",
        "BODY_INCOMPLETE",
        "ROUTE_NOT_FOUND",
        "METHOD_NOT_ALLOWED",
        "UNAUTHORIZED",
        "ADMIN_FORBIDDEN",
    ]
    .contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_known_by_its_pattern() {
        let answer = |method: &'static str, path: &'static str| Answer {
            at: Spot { file: "f".into(), line: 1 },
            method,
            path,
            query: "",
            status: 200,
            time_ms: None,
            took_ms: None,
            asked: Named::default(),
            said: Named::default(),
        };
        for (pattern, method, path, is_so) in [
            ("/reserve", "POST", "/reserve", true),
            ("/reserve", "POST", "/reserve/1", false),
            ("/api/coupons/*", "GET", "/api/coupons/requests/7", true),
            ("/api/coupons/*", "GET", "/api/coupons", false),
            ("POST /api/sales/{id}/orders", "POST", "/api/sales/1/orders", true),
            ("POST /api/sales/{id}/orders", "GET", "/api/sales/1/orders", false),
            ("POST /api/sales/{id}/orders", "POST", "/api/sales/1/2/orders", false),
        ] {
            assert_eq!(answer(method, path).is_of(pattern), is_so, "{pattern} {method} {path}");
        }
    }

    #[test]
    fn without_a_time_any_moment_may_have_been_it() {
        assert_eq!(moments(None, Some(5)), (i64::MIN, i64::MAX));
        assert_eq!(moments(Some(100_000), Some(5)), (89_995, 110_000));
        assert_eq!(moments(Some(100_000), None), (60_000, 110_000));
    }
}
