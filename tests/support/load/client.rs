//! One who asks over HTTP.

use super::Load;
use crate::support::dice::Dice;
use crate::support::ledger::Promise;
use crate::support::wait;
use reqwest::blocking::Response;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Longer than a worker waits for a decision; whoever is silent longer has stopped.
const ANSWER_MAX: Duration = Duration::from_secs(4);
/// Between two attempts.
const AGAIN: Duration = Duration::from_millis(20);

pub(super) struct Client<'a> {
    load: &'a Load<'a>,
    lane: u64,
    dice: Dice,
    http: reqwest::blocking::Client,
}

/// What became of an attempt.
enum Attempt {
    Accepted(Response),
    /// For good, and nothing was accepted: the user has his coupon.
    HasOne,
    /// Not now, and nothing was accepted.
    NotNow,
    /// Perhaps.
    Unknown,
    /// Of no use to repeat.
    Wrong(String),
}

impl<'a> Client<'a> {
    pub(super) fn new(load: &'a Load<'a>, lane: u64) -> Self {
        let http = reqwest::blocking::Client::builder().timeout(ANSWER_MAX).build().unwrap();
        Self { load, lane, dice: Dice::new(lane), http }
    }

    pub(super) fn run(mut self, done: &AtomicBool) {
        let mut n = 0_u64;
        while !done.load(Ordering::SeqCst) {
            n += 1;
            if self.dice.one_in(6) {
                self.pass_by(n);
            } else {
                self.come_again(n, done);
            }
            wait::pass(self.load.pause);
        }
    }

    fn any_policy(&mut self) -> &'a str {
        let policies = &self.load.sale.policies;
        &policies[usize::try_from(self.dice.below(policies.len() as u64)).unwrap()].0
    }

    /// Somebody who may have been here before, and who tries until he is answered.
    fn come_again(&mut self, n: u64, done: &AtomicBool) {
        let policy = self.any_policy();
        // Most are answered at once, some wait for the decision.
        let strategy = if self.dice.one_in(8) { "v1" } else { "v3" };
        let user = format!("u{}", self.dice.below(self.load.sale.users));
        let key = format!("lane-{}-{n}", self.lane);
        let accepted = self.buy(policy, &user, &key, strategy, &|| done.load(Ordering::SeqCst));
        if let Some(id) = accepted.filter(|_| self.dice.one_in(5)) {
            self.ask(&id);
        }
    }

    /// Somebody who comes once.
    pub(super) fn pass_by(&mut self, n: u64) {
        let policy = self.any_policy();
        let strategy = if self.dice.one_in(3) { "v1" } else { "v3" };
        self.once(policy, &format!("once-{}-{n}", self.lane), strategy);
    }

    /// A request that waits for its decision, until it has it.
    pub(super) fn insist(&mut self, policy: &str, user: &str) {
        wait::until("a last request is decided", || {
            // The same key: it is one request, however often it is sent.
            let id = self.buy(policy, user, user, "v1", &|| false);
            self.load.ledger.told.lock().unwrap().iter().any(|(told, _)| Some(told) == id.as_ref())
        });
    }

    /// One request with an idempotency key, sent until it is answered: whoever answers, and however often, it is one request. Its id if it was
    /// accepted.
    fn buy(
        &mut self,
        policy: &str,
        user: &str,
        key: &str,
        strategy: &str,
        gives_up: &dyn Fn() -> bool,
    ) -> Option<String> {
        loop {
            match self.attempt(policy, user, Some(key), strategy) {
                Attempt::Accepted(answer) => return self.note(policy, user, answer),
                Attempt::HasOne => {
                    self.load.ledger.settle();
                    return None;
                }
                Attempt::Wrong(what) => {
                    self.load.ledger.surprise(what);
                    return None;
                }
                Attempt::NotNow | Attempt::Unknown if gives_up() => return None,
                Attempt::NotNow | Attempt::Unknown => wait::pass(AGAIN),
            }
        }
    }

    /// One request of a user who comes once and has no key: what he is told must be true without a second attempt.
    fn once(&mut self, policy: &str, user: &str, strategy: &str) {
        match self.attempt(policy, user, None, strategy) {
            Attempt::Accepted(answer) => {
                self.note(policy, user, answer);
            }
            Attempt::NotNow => {
                self.load.ledger.refused.lock().unwrap().insert(user.to_owned());
            }
            Attempt::HasOne => self.load.ledger.surprise(format!("{user} comes once and is said to have a coupon")),
            Attempt::Wrong(what) => self.load.ledger.surprise(what),
            Attempt::Unknown => {}
        }
    }

    fn attempt(&mut self, policy: &str, user: &str, key: Option<&str>, strategy: &str) -> Attempt {
        let Some(door) = self.load.doors.any(self.dice.below(1_000)) else { return Attempt::NotNow };
        let mut request = self
            .http
            .post(format!("{door}/api/coupons/issue?strategy={strategy}"))
            .json(&json!({"policyId": policy, "userId": user}));
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let answer = match request.send() {
            Ok(answer) => answer,
            Err(error) if error.is_connect() => return Attempt::NotNow,
            Err(_) => return Attempt::Unknown,
        };
        match answer.status().as_u16() {
            200 | 202 => Attempt::Accepted(answer),
            409 | 503 => {
                let status = answer.status().as_u16();
                let Ok(problem) = answer.json::<Value>() else { return Attempt::Unknown };
                let code = problem["code"].as_str().unwrap_or_default().to_owned();
                if status == 503 {
                    self.load.ledger.note_unavailable(&code);
                }
                match (status, code.as_str()) {
                    (409, "DUPLICATE_REQUEST") => Attempt::HasOne,
                    (503, "OUTCOME_UNKNOWN") => Attempt::Unknown,
                    (503, "LOG_UNAVAILABLE" | "PLACE_UNAVAILABLE") => Attempt::NotNow,
                    _ => Attempt::Wrong(format!("{user} asks for {policy}: {status} {problem}")),
                }
            }
            status => Attempt::Wrong(format!("{user} asks for {policy}: {status} {:?}", answer.text())),
        }
    }

    /// Writes down what an answer promises, and returns the request's id.
    fn note(&self, policy: &str, user: &str, answer: Response) -> Option<String> {
        let decided = answer.status().as_u16() == 200;
        let position = answer.headers().get("holdfast-position").map(|token| {
            let (place, offset) = token.to_str().unwrap().strip_prefix("coupon-").unwrap().split_once('-').unwrap();
            (place.parse().unwrap(), offset.parse().unwrap())
        });
        // A body that breaks off leaves the request accepted, but nobody could say which it is.
        let told = answer.json::<Value>().ok()?;
        let id = told["requestId"].as_str().unwrap().to_owned();
        let ledger = self.load.ledger;
        ledger.promise(&id, Promise { policy: policy.to_owned(), user: user.to_owned(), position });
        if decided {
            ledger.tell(&id, told);
        }
        Some(id)
    }

    /// Asks what became of an accepted request, at any door.
    fn ask(&mut self, id: &str) {
        let Some(door) = self.load.doors.any(self.dice.below(1_000)) else { return };
        let Ok(answer) = self.http.get(format!("{door}/api/coupons/requests/{id}?waitMs=1000")).send() else { return };
        match (answer.status().as_u16(), answer.json::<Value>()) {
            (200, Ok(told)) if told["status"] != "PENDING" => self.load.ledger.tell(id, told),
            (200 | 503, _) | (_, Err(_)) => {}
            (404, _) => {
                self.load.ledger.blinks.fetch_add(1, Ordering::SeqCst);
            }
            (status, told) => self.load.ledger.surprise(format!("status of {id}: {status} {told:?}")),
        }
    }
}
