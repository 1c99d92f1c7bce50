//! The dispatcher of one channel: takes effects from their lanes as fast as breaker, rate and credit let it, has them performed beside each other, and
//! hands results to the log. A slow channel keeps no other one waiting, since each has a dispatcher.
//!
//! ```text
//!  stream thread ── opened, added, closed ──►                ┌──► call ──┐
//!  calls ────────── ended ──────────────────► one at a time ─┤           ├──► ended
//!  the log ──────── appended ───────────────►                └──► append ┘
//! ```
//! Credit: an effect counts from the moment its call begins until its result is in the log. So a worker that is killed repeats at most as many calls of
//! a channel as [`super::channel::Limits::in_flight_max`] says.

use super::breaker::{Allowed, Breaker, Pass, Pauses};
use super::bucket::Bucket;
use super::channel::{Called, Channel, Limits};
use super::http::TIMED_OUT;
use super::lanes::{Lanes, Source};
use super::metrics::ChannelMetrics;
use super::results::{Appended, PendingResult};
use super::session::Session;
use holdfast_engine::runtime::{Effect, Lane};
use holdfast_model::call_result::{CallResult, Ended};
use holdfast_ports::clock::Clock;
use holdfast_ports::log::{AppendError, Appender};
use rustc_hash::FxHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

/// Longest pause that an answer can ask of a channel.
const PAUSE_MAX_MS: i64 = 60_000;
/// After which a store that could not be read is read again.
const READ_AGAIN_US: u64 = 1_000_000;
/// The part of the credit that is kept for what is most urgent: one in so many. Credit for fewer calls than that is not divided.
const RESERVED_PART: usize = 8;
const MOST_URGENT: u8 = 0;
/// Events that are taken before effects are begun again.
const EVENTS_MAX: usize = 1_024;

/// What a dispatcher is told.
pub(crate) enum Event {
    /// This worker owns `owned` of `total` places.
    Share { owned: usize, total: usize },
    /// A lane of this channel may have something new.
    Added(Arc<Session>, Lane),
    /// The task is not ours any more.
    Closed(u64),
    /// A call has ended.
    Ended(Box<EndedCall>),
    /// An append has ended.
    Appended(Appended),
    /// The channel was asked whether it answers.
    Asked(bool),
}

/// A call that has ended.
pub(crate) struct EndedCall {
    session: Arc<Session>,
    effect: Effect,
    pass: Pass,
    began_us: u64,
    began_at_ms: i64,
    how: How,
}

enum How {
    Called(Called),
    TimedOut,
    /// Its task was closed.
    Cut,
    /// The channel has panicked.
    Panicked,
}

/// What dispatchers share.
pub(crate) struct Surroundings {
    pub(crate) appender: Arc<dyn Appender>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) pauses: Pauses,
    pub(crate) in_flight_max: usize,
}

/// The dispatcher of one channel.
pub(crate) struct Dispatcher {
    channel: Arc<dyn Channel>,
    limits: Limits,
    around: Arc<Surroundings>,
    metrics: ChannelMetrics,
    own: UnboundedSender<Event>,
    lanes: Lanes<Session>,
    breaker: Breaker,
    bucket: Bucket,
    in_flight: usize,
    paused_until_us: u64,
    read_again_us: Option<u64>,
    /// Results that the log has not taken, and when they are appended again.
    again: Vec<(u64, PendingResult)>,
}

impl Dispatcher {
    /// The dispatcher of `channel`; `own` is the sending end of what it is told.
    pub(crate) fn new(
        channel: Arc<dyn Channel>,
        around: Arc<Surroundings>,
        metrics: ChannelMetrics,
        own: UnboundedSender<Event>,
    ) -> Self {
        let mut limits = channel.limits();
        limits.in_flight_max = limits.in_flight_max.min(around.in_flight_max);
        metrics.breaker(super::breaker::Shown::Closed);
        Self {
            lanes: Lanes::new(limits.in_flight_max),
            breaker: Breaker::new(around.pauses),
            bucket: Bucket::new(limits.per_second),
            in_flight: 0,
            paused_until_us: 0,
            read_again_us: None,
            again: Vec::new(),
            channel,
            limits,
            around,
            metrics,
            own,
        }
    }

    /// Works until nobody can tell it anything any more.
    pub(crate) async fn run(mut self, mut told: UnboundedReceiver<Event>) {
        loop {
            let wait_us = self.advance();
            let first = match wait_us {
                None => told.recv().await,
                Some(us) => match tokio::time::timeout(Duration::from_micros(us), told.recv()).await {
                    Ok(event) => event,
                    Err(_) => continue,
                },
            };
            let Some(first) = first else { return };
            self.take(first);
            for _ in 1..EVENTS_MAX {
                let Ok(event) = told.try_recv() else { break };
                self.take(event);
            }
        }
    }

    /// Begins what may begin. Returns after how many µs there may be more to do without an event.
    fn advance(&mut self) -> Option<u64> {
        self.append_again(self.around.clock.monotonic_us());
        let wait_us = self.begin_all();
        self.metrics.breaker(self.breaker.shown());
        self.metrics.buffered.set(gauge(self.lanes.buffered()));
        self.metrics.in_flight.set(gauge(self.in_flight));
        let now_us = self.around.clock.monotonic_us();
        let dues = self.again.iter().map(|(at_us, _)| *at_us).chain(self.read_again_us);
        let next = dues.map(|at_us| at_us.saturating_sub(now_us)).chain(wait_us).min();
        // Timers have a granularity of a millisecond.
        next.map(|us| us.max(1_000))
    }

    fn begin_all(&mut self) -> Option<u64> {
        loop {
            let now_us = self.around.clock.monotonic_us();
            if self.read_again_us.is_some_and(|at_us| at_us <= now_us) {
                self.read_again_us = None;
                self.lanes.again();
            }
            match self.breaker.allowed(now_us) {
                Allowed::Call => {}
                Allowed::NotBefore(until_us) => return Some(until_us.saturating_sub(now_us)),
                Allowed::Ask => {
                    self.ask();
                    return None;
                }
                Allowed::Nothing => return None,
            }
            if self.lanes.is_empty() || self.in_flight >= self.limits.in_flight_max {
                return None;
            }
            if now_us < self.paused_until_us {
                return Some(self.paused_until_us - now_us);
            }
            match self.bucket.wait_us(now_us) {
                0 => {}
                us => return Some(us),
            }
            // Slow calls that are less urgent may use up their part of the credit, and not this one.
            let is_scarce = self.in_flight + self.limits.in_flight_max / RESERVED_PART >= self.limits.in_flight_max;
            match self.lanes.next(if is_scarce { MOST_URGENT } else { u8::MAX }) {
                Ok(Some((session, effect))) => self.begin(session, effect, now_us),
                Ok(None) => return None,
                Err(error) => {
                    tracing::warn!(channel = self.channel.name(), %error, "effects cannot be read, trying again");
                    self.read_again_us = Some(now_us + READ_AGAIN_US);
                }
            }
        }
    }

    fn begin(&mut self, session: Arc<Session>, effect: Effect, now_us: u64) {
        if !session.begin() {
            // Its place is being given up.
            self.lanes.forget(session.id());
            return;
        }
        self.bucket.take();
        self.in_flight += 1;
        self.metrics.pulled.inc();
        let pass = self.breaker.begin();
        let began_at_ms = self.around.clock.now_ms();
        let ended = EndedCall { session, effect, pass, began_us: now_us, began_at_ms, how: How::Panicked };
        let mut call = Call { ended: Some(ended), tell: self.own.clone() };
        let (channel, call_max) = (self.channel.clone(), self.limits.call_max);
        tokio::spawn(async move {
            let how = match &call.ended {
                Some(EndedCall { session, effect, .. }) => perform(&*channel, session, effect, call_max).await,
                None => return,
            };
            call.tell(how);
        });
    }

    fn ask(&self) {
        let (channel, own) = (self.channel.clone(), self.own.clone());
        let call_max = self.limits.call_max;
        tokio::spawn(async move {
            let mut asked = Asked(Some(own));
            let answers = tokio::time::timeout(call_max, channel.answers()).await.unwrap_or(false);
            asked.tell(answers);
        });
    }

    fn take(&mut self, event: Event) {
        let now_us = self.around.clock.monotonic_us();
        match event {
            Event::Share { owned, total } => self.bucket.set_share(owned, total, now_us),
            // It may have been closed while this was on its way.
            Event::Added(session, lane) if session.is_open() => self.lanes.added(&session, lane),
            Event::Added(..) => {}
            Event::Closed(session) => self.lanes.forget(session),
            Event::Asked(answers) => self.breaker.asked(answers, now_us),
            Event::Ended(call) => self.ended(*call, now_us),
            Event::Appended(Appended::Recorded | Appended::Closed) => self.in_flight = self.in_flight.saturating_sub(1),
            Event::Appended(Appended::Failed(pending, error)) => self.append_later(pending, &error, now_us),
        }
    }

    fn ended(&mut self, call: EndedCall, now_us: u64) {
        let EndedCall { session, effect, pass, began_us, began_at_ms, how } = call;
        #[expect(clippy::cast_precision_loss, reason = "for a histogram")]
        self.metrics.seconds.observe(now_us.saturating_sub(began_us) as f64 / 1e6);
        let failed = |reason: &str| CallResult {
            reason: Some(reason.to_owned()),
            ..CallResult::new(Ended::Failed, began_at_ms)
        };
        let result = match how {
            How::Called(Called::Ended(result)) => result,
            How::TimedOut => failed(TIMED_OUT),
            How::Panicked => {
                tracing::error!(effect = effect.name, channel = self.channel.name(), "the channel has panicked");
                failed("internal error")
            }
            How::Called(Called::NotReached { reason }) => {
                self.metrics.ended("NOT_REACHED");
                self.breaker.not_reached(pass, now_us);
                tracing::debug!(channel = self.channel.name(), reason, "not reached");
                return self.give_back(&session, effect);
            }
            How::Cut => {
                self.metrics.ended("CUT");
                self.breaker.no_verdict(pass);
                return self.give_back(&session, effect);
            }
        };
        let result = self.judge(result, &effect, pass, now_us);
        self.append(PendingResult::new(session, effect, &result, self.around.clock.now_ms()));
    }

    fn give_back(&mut self, session: &Session, effect: Effect) {
        session.given_back();
        self.in_flight = self.in_flight.saturating_sub(1);
        self.lanes.give_back(session, effect);
    }

    /// What `result` says about the channel, and what the channel's state says about it.
    fn judge(&mut self, mut result: CallResult, effect: &Effect, pass: Pass, now_us: u64) -> CallResult {
        self.metrics.ended(name(result.ended));
        match result.ended {
            Ended::Done | Ended::Refused => self.breaker.succeeded(pass),
            Ended::Failed => {
                let mut hasher = FxHasher::default();
                (&effect.task.topology, self.channel.subject(effect)).hash(&mut hasher);
                result.channel_away |= self.breaker.failed(pass, hasher.finish(), now_us);
            }
            _ => self.breaker.no_verdict(pass),
        }
        let pauses = result.ended == Ended::Done || result.status == Some(429);
        if let Some(after_ms) = result.retry_after_ms.filter(|_| pauses) {
            let after_us = u64::try_from(after_ms.clamp(0, PAUSE_MAX_MS)).unwrap_or(0) * 1_000;
            self.paused_until_us = self.paused_until_us.max(now_us + after_us);
        }
        result
    }

    fn append(&self, pending: PendingResult) {
        let own = self.own.clone();
        // When the executor is gone, nobody counts any more.
        pending.append(&*self.around.appender, move |appended| drop(own.send(Event::Appended(appended))));
    }

    fn append_later(&mut self, pending: PendingResult, error: &AppendError, now_us: u64) {
        self.metrics.appends_failed.inc();
        tracing::warn!(channel = self.channel.name(), to = %pending.to(), %error, "result not appended, trying again");
        let pause_us = u64::try_from(pending.pause().as_micros()).unwrap_or(u64::MAX);
        self.again.push((now_us.saturating_add(pause_us), pending));
    }

    /// Appends again what is due.
    fn append_again(&mut self, now_us: u64) {
        let again = std::mem::take(&mut self.again);
        for (at_us, pending) in again {
            if at_us <= now_us { self.append(pending) } else { self.again.push((at_us, pending)) }
        }
    }
}

/// How a call ends, in metrics.
fn name(ended: Ended) -> &'static str {
    match ended {
        Ended::Done => "DONE",
        Ended::Failed => "FAILED",
        Ended::Refused => "REFUSED",
        Ended::NoContact => "NO_CONTACT",
        Ended::Stale => "STALE",
    }
}

fn gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

async fn perform(channel: &dyn Channel, session: &Session, effect: &Effect, call_max: Duration) -> How {
    tokio::select! {
        biased;
        () = session.closed() => How::Cut,
        called = tokio::time::timeout(call_max, channel.call(effect, session.effects().view())) => {
            called.map_or(How::TimedOut, How::Called)
        }
    }
}

/// A call under way. Whatever becomes of it, its dispatcher is told.
struct Call {
    ended: Option<EndedCall>,
    tell: UnboundedSender<Event>,
}

impl Call {
    fn tell(&mut self, how: How) {
        if let Some(ended) = self.ended.take() {
            // When the executor is gone, nobody counts any more.
            drop(self.tell.send(Event::Ended(Box::new(EndedCall { how, ..ended }))));
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.tell(How::Panicked);
    }
}

/// A question under way. A channel that panics over it does not answer.
struct Asked(Option<UnboundedSender<Event>>);

impl Asked {
    fn tell(&mut self, answers: bool) {
        if let Some(tell) = self.0.take() {
            drop(tell.send(Event::Asked(answers)));
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.tell(false);
    }
}
