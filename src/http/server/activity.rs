//! What a connection is doing, and until when it may go on doing it. A slow client holds a connection, and there are only so many.
//!
//! ```text
//!            first byte            head is complete           body is read          answer is written
//!   Idle ───────────────► Head ───────────────────► Answering ◄──────► Body    ... ───────────────────► Idle
//! ```
//! `Answering` has no limit: a long poll may take 30 s, and the routes have limits of their own.

use parking_lot::Mutex;
use std::time::Duration;
use tokio::time::Instant;

/// How long a client may take.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// For a head, from its first byte on; also from the connection's first moment to the first head.
    pub head: Duration,
    /// For a whole body, from the moment it is asked for.
    pub body: Duration,
    /// Between two pieces of a body.
    pub body_pause: Duration,
    /// To take a piece of an answer that waits to be sent.
    pub answer_pause: Duration,
    /// Between an answer and the next head.
    pub idle: Duration,
}

impl Timeouts {
    /// While there is room. `idle` is longer than the 60 s of common load balancers: they close first, and lose no request to a connection that we are
    /// closing.
    pub const USUAL: Self = Self {
        head: Duration::from_secs(10),
        body: Duration::from_secs(30),
        body_pause: Duration::from_secs(10),
        answer_pause: Duration::from_secs(30),
        idle: Duration::from_secs(75),
    };
    /// While most connections are taken. Still more than the second after which a lost packet is sent again.
    pub const CROWDED: Self = Self {
        head: Duration::from_secs(3),
        body: Duration::from_secs(10),
        body_pause: Duration::from_secs(3),
        answer_pause: Duration::from_secs(10),
        idle: Duration::from_secs(5),
    };
}

/// What took too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Late {
    /// The head of a request.
    Head,
    /// Its body.
    Body,
    /// The client does not read its answer.
    Answer,
    /// The next request.
    Idle,
}

impl Late {
    /// All of them.
    pub(super) const ALL: [Self; 4] = [Self::Head, Self::Body, Self::Answer, Self::Idle];

    /// For counting.
    #[must_use]
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Body => "body",
            Self::Answer => "answer",
            Self::Idle => "idle",
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Idle { since: Instant },
    Head { since: Instant },
    Answering,
    Body { since: Instant, heard: Instant },
}

/// What one connection is doing.
#[derive(Debug)]
pub(super) struct Activity(Mutex<State>);

#[derive(Debug)]
struct State {
    phase: Phase,
    /// Since when the client has not taken what is to be sent.
    blocked: Option<Instant>,
}

impl Activity {
    /// Of a connection that was just accepted. It is made in order to say something.
    pub(super) fn new() -> Self {
        Self(Mutex::new(State { phase: Phase::Head { since: Instant::now() }, blocked: None }))
    }

    /// Bytes have come.
    pub(super) fn has_read(&self) {
        let mut state = self.0.lock();
        if let Phase::Idle { .. } = state.phase {
            state.phase = Phase::Head { since: Instant::now() };
        }
    }

    /// Bytes were sent, or wait for the client to take some (`blocked`).
    pub(super) fn has_written(&self, blocked: bool) {
        let mut state = self.0.lock();
        state.blocked = if blocked { Some(state.blocked.unwrap_or_else(Instant::now)) } else { None };
        // A large answer is handed to the connection long before the last of it is sent.
        if let Phase::Idle { since } = &mut state.phase
            && !blocked
        {
            *since = Instant::now();
        }
    }

    /// A head is complete.
    pub(super) fn has_request(&self) {
        self.0.lock().phase = Phase::Answering;
    }

    /// The answer is on its way.
    pub(super) fn has_answered(&self) {
        self.0.lock().phase = Phase::Idle { since: Instant::now() };
    }

    /// A piece of the body has come.
    pub(super) fn has_body_piece(&self) {
        let mut state = self.0.lock();
        if let Phase::Body { heard, .. } = &mut state.phase {
            *heard = Instant::now();
        }
    }

    /// The handler waits for the body. Whether it has waited too long.
    pub(super) fn waits_for_body(&self, timeouts: &Timeouts) -> bool {
        let mut state = self.0.lock();
        let now = Instant::now();
        match state.phase {
            Phase::Answering => {
                state.phase = Phase::Body { since: now, heard: now };
                false
            }
            Phase::Body { since, heard } => now >= body_due(since, heard, timeouts),
            Phase::Idle { .. } | Phase::Head { .. } => false,
        }
    }

    /// The handler has the body, or does without.
    pub(super) fn has_body(&self) {
        let mut state = self.0.lock();
        if let Phase::Body { .. } = state.phase {
            state.phase = Phase::Answering;
        }
    }

    /// Whether there is a request that has no answer yet, or an answer that is not sent.
    pub(super) fn is_under_way(&self) -> bool {
        let state = self.0.lock();
        matches!(state.phase, Phase::Answering | Phase::Body { .. }) || state.blocked.is_some()
    }

    /// When something will be late, and what; `None` while it is our turn.
    pub(super) fn due(&self, timeouts: &Timeouts) -> Option<(Instant, Late)> {
        let state = self.0.lock();
        let phase = match state.phase {
            Phase::Idle { .. } if state.blocked.is_some() => None,
            Phase::Idle { since } => Some((since + timeouts.idle, Late::Idle)),
            Phase::Head { since } => Some((since + timeouts.head, Late::Head)),
            Phase::Body { since, heard } => Some((body_due(since, heard, timeouts), Late::Body)),
            Phase::Answering => None,
        };
        let answer = state.blocked.map(|since| (since + timeouts.answer_pause, Late::Answer));
        [phase, answer].into_iter().flatten().min_by_key(|(at, _)| *at)
    }
}

fn body_due(since: Instant, heard: Instant, timeouts: &Timeouts) -> Instant {
    (since + timeouts.body).min(heard + timeouts.body_pause)
}
