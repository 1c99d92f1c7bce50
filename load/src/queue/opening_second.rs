//! `load opening-second`: a waiting room opens, and most of its crowd joins in the first second.
//!
//! Makes a room of its own, joins, asks where the tickets stand as often as the answers say, and checks what was answered: nobody has two tickets, no
//! ticket is lost, and no place falls back.

use super::arrivals::{Crowd, Why};
use super::books::Books;
use super::room::{self, STATUS, TOKEN};
use crate::access::Access;
use crate::latencies::{COLUMNS, Latencies};
use crate::open_loop::{self, Agenda, Answer, Play, Request, counted};
use crate::shape::Shape;
use crate::target::Target;
use crate::values::a_share;
use crate::witness::Witness;
use clap::Args;
use holdfast_engine::runtime::ports::clock::Clock;
use holdfast_tools::Failure;
use holdfast_tools::clock::SystemClock;
use holdfast_tools::table::table;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;

/// A waiting room opens and its crowd joins in the first second; exit code 1 when a ticket is lost, a user has two, or a place falls back.
#[derive(Debug, Clone, Args)]
pub(crate) struct OpeningSecond {
    /// Users, each with a name of its own
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    users: u64,
    /// Part of them that comes in the first second; the others come within a minute, fewer and fewer
    #[arg(long, default_value_t = 0.7, value_parser = a_share)]
    at_once: f64,
    /// Part of them that joins twice: a double click, or a second tab
    #[arg(long, default_value_t = 0.1, value_parser = a_share)]
    duplicates: f64,
    /// Part of them that asks again after RETRY_AFTER_MS, as if no answer had come
    #[arg(long, default_value_t = 0.03, value_parser = a_share)]
    retries: f64,
    /// When a client gives up waiting for an answer and asks again
    #[arg(long, default_value_t = 3_000)]
    retry_after_ms: u64,
    /// Users that ask where they stand, as often as the answers say [default: all]
    #[arg(long)]
    pollers: Option<u64>,
    /// How long they ask, from the opening on, in s
    #[arg(long, default_value_t = 75)]
    for_s: u64,
    /// Tickets that may be active at a time
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    max_active: u64,
    /// Tickets that are let in a second
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..))]
    admit_per_second: u64,
    /// The worker; its admin routes have to be open to us
    #[arg(long, default_value = "http://127.0.0.1:3000")]
    url: String,
    /// Makes names and times; the same seed joins at the same times [default: from the clock, printed]
    #[arg(long)]
    seed: Option<u64>,
    /// Write what is answered to joins into this file, for `audit --answers`; every join gets a key then, and each fifth is asked again under it
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
}

impl OpeningSecond {
    fn crowd(&self) -> Crowd {
        Crowd {
            users: usize::try_from(self.users).unwrap_or(usize::MAX),
            at_once: self.at_once,
            duplicates: self.duplicates,
            retries: self.retries,
            retry_after_us: self.retry_after_ms.saturating_mul(1_000),
        }
    }
}

/// What a user does.
#[derive(Debug, Clone)]
enum Scene {
    Join { user: usize, why: Why, at_us: u64 },
    Look { user: usize, token: Arc<str> },
}

/// One run.
struct Opening {
    queue_id: String,
    books: Books,
    pollers: usize,
    until_us: u64,
    kinds: BTreeMap<String, u64>,
    /// Latencies of joins: of those of the first second, of all, and of repetitions.
    burst: Latencies,
    joins: Latencies,
    repetitions: Latencies,
    looks: Latencies,
    /// First joins that came in the first second, and when the last of them was answered.
    of_burst: u64,
    burst_done_us: u64,
    unknown: u64,
}

const SECOND_US: u64 = 1_000_000;

impl Play for Opening {
    type Scene = Scene;

    fn request(&self, scene: &Scene) -> Request {
        match scene {
            Scene::Join { user, .. } => {
                let user_id = format!("{}-user-{user}", self.queue_id);
                Request::Post(TOKEN, json!({"userId": user_id, "queueId": self.queue_id}))
            }
            Scene::Look { token, .. } => Request::GetAs(STATUS, token.clone()),
        }
    }

    fn answered(&mut self, scene: Scene, answer: Answer, then: &mut Agenda<Scene>) {
        let Answer { said, latency_us, .. } = answer;
        let position = said.body["queuePosition"].as_u64();
        let is_over = said.body["status"] == "ENDED";
        let poll_ms = said.body["pollAfterMs"].as_u64();
        let what = match scene {
            Scene::Join { user, why, at_us } => {
                self.note_join(why, at_us, latency_us);
                let token = said.body["token"].as_str().filter(|_| matches!(said.status, 200 | 201));
                match token {
                    Some(token) if self.books.was_given(user, token) => {
                        self.books.stands(user, position, is_over);
                        self.look_later(user, poll_ms, then);
                    }
                    Some(_) => {}
                    None => self.unknown += u64::from(said.status == 0 || said.status >= 500 || said.status == 202),
                }
                "join"
            }
            Scene::Look { user, .. } => {
                self.looks.note(latency_us);
                match said.status {
                    200 => {
                        self.books.stands(user, position, is_over);
                        if !is_over {
                            self.look_later(user, poll_ms, then);
                        }
                    }
                    400..=499 => self.books.is_lost(user, &said.kind),
                    _ => self.look_later(user, poll_ms, then),
                }
                "look"
            }
        };
        *self.kinds.entry(format!("{what}: {}", said.kind)).or_default() += 1;
    }
}

impl Opening {
    fn note_join(&mut self, why: Why, at_us: u64, latency_us: u64) {
        if why != Why::First {
            self.repetitions.note(latency_us);
            return;
        }
        self.joins.note(latency_us);
        if at_us < SECOND_US {
            self.burst.note(latency_us);
            self.of_burst += 1;
            self.burst_done_us = self.burst_done_us.max(at_us + latency_us);
        }
    }

    /// The user asks again when it was told to, if it is one of those that ask.
    fn look_later(&self, user: usize, poll_ms: Option<u64>, then: &mut Agenda<Scene>) {
        let token = self.books.of(user).and_then(|known| known.token.clone());
        let at_us = then.now_us().saturating_add(poll_ms.unwrap_or(1_000).saturating_mul(1_000));
        if let Some(token) = token
            && user < self.pollers
            && at_us < self.until_us
        {
            then.add(at_us, Scene::Look { user, token });
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "times for display")]
    fn report(&self, took_us: u64) -> String {
        let s = |us: u64| us as f64 / 1e6;
        let mut out = format!(
            "\n{} of {} users have a ticket; the {} that came in the first second had their answers {:.2} s after the opening; all took {:.2} s\n",
            self.books.joined(),
            self.joins.count(),
            self.of_burst,
            s(self.burst_done_us),
            s(took_us),
        );
        let rows = [
            self.burst.row("join, first second"),
            self.joins.row("join, all"),
            self.repetitions.row("join, again"),
            self.looks.row("status"),
        ];
        // Writing into a String cannot fail.
        let _ = write!(out, "\n{}", table(&COLUMNS, &rows));
        let _ = write!(out, "\n{}", table(&["ANSWER", "REQUESTS"], &counted(&self.kinds)));
        out
    }
}

impl Shape for OpeningSecond {
    fn needs_log(&self) -> bool {
        false
    }

    fn run(&self, _: &dyn Access, print: &mut dyn FnMut(&str)) -> Result<String, Failure> {
        opening_second(self, print)
    }
}

/// Runs the shape, reports, and checks.
///
/// # Errors
/// When the worker cannot be reached or makes no room for us, and when what was answered cannot be true.
fn opening_second(shape: &OpeningSecond, print: &mut dyn FnMut(&str)) -> Result<String, Failure> {
    let clock = SystemClock::new();
    let seed = shape.seed.unwrap_or_else(|| clock.now_ms().unsigned_abs());
    let (crowd, until_us) = (shape.crowd(), shape.for_s.saturating_mul(SECOND_US));
    let pollers = shape.pollers.map_or(crowd.users, |n| usize::try_from(n).unwrap_or(usize::MAX));
    print(&format!(
        "opening-second: {} users, {} of them in the first second, seed {seed}, {}\n",
        shape.users, shape.at_once, shape.url
    ));
    open_loop::runtime()?.block_on(async {
        let target = Target::reach(&shape.url).await?;
        let queue_id = format!("opening-{seed}-{}", clock.now_ms());
        room::create(&target, &queue_id, shape.max_active, shape.admit_per_second).await?;
        let witness = Witness::open(shape.answers.as_deref(), &queue_id)?;
        let mut play = Opening {
            queue_id,
            books: Books::new(crowd.users),
            pollers,
            until_us,
            kinds: BTreeMap::new(),
            burst: Latencies::default(),
            joins: Latencies::default(),
            repetitions: Latencies::default(),
            looks: Latencies::default(),
            of_burst: 0,
            burst_done_us: 0,
            unknown: 0,
        };
        let joins = crowd.joins(seed);
        let mut agenda = Agenda::new(clock);
        for join in joins {
            agenda.add(join.at_us, Scene::Join { user: join.user, why: join.why, at_us: join.at_us });
        }
        let took_us = open_loop::play(&mut play, &target, &witness, agenda).await?;
        print(&play.report(took_us));
        let shown = room::shown(&target, &play.queue_id).await;
        let breaches = play.books.breaches(room::tickets(&shown), play.unknown);
        if breaches.is_empty() {
            return Ok("\nEach user has one ticket, none is lost, and no place has fallen back.\n".to_owned());
        }
        Err(Failure::Failed(format!("opening-second: {}", breaches.join("; "))))
    })
}
