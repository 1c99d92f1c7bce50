//! `load seat-storm`: many want few seats at once.
//!
//! Makes a schedule of its own, asks for its seats, and checks what was answered: each seat that anybody asked for has exactly one winner, and the seat map
//! says the same. `HOLD_MS` of the worker has to be longer than the storm.

use super::house;
use crate::access::Access;
use crate::latencies::{COLUMNS, Latencies};
use crate::open_loop::{self, Agenda, Answer, Play, Request, counted};
use crate::random::{Random, Zipf};
use crate::shape::Shape;
use crate::target::Target;
use crate::values::{a_rate, an_exponent};
use crate::witness::Witness;
use clap::Args;
use holdfast_engine::runtime::ports::clock::Clock;
use holdfast_tools::Failure;
use holdfast_tools::clock::SystemClock;
use holdfast_tools::table::table;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::PathBuf;

/// Many want few seats at once; exit code 1 when a seat has not exactly one winner.
#[derive(Debug, Clone, Args)]
pub(crate) struct SeatStorm {
    /// Users, each with a name of its own, who ask for one seat
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..))]
    users: u64,
    /// Seats they want
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    seats: u64,
    /// Seat n is wanted n^-ZIPF times as often as the first; 0 = all the same
    #[arg(long, default_value_t = 1.1, value_parser = an_exponent)]
    zipf: f64,
    /// Open loop: users a second, at times drawn from the seed [default: all at once]
    #[arg(long, value_parser = a_rate)]
    rate: Option<f64>,
    /// How often a user who comes too late asks for another seat, at once
    #[arg(long, default_value_t = 0)]
    retries: u32,
    /// The worker; its admin routes have to be open to us
    #[arg(long, default_value = "http://127.0.0.1:3000")]
    url: String,
    /// Makes names, seats and times; the same seed asks for the same things [default: from the clock, printed]
    #[arg(long)]
    seed: Option<u64>,
    /// Write what is answered into this file, for `audit --answers`; every request gets a key then, and each fifth is asked again under it
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
}

/// One wish: whose, of which seat, and how many he has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wish {
    user: u64,
    seat: u64,
    retries_left: u32,
}

/// Who wants what when, in µs after the start; fixed in advance.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "µs of a load run")]
fn plan(storm: &SeatStorm, zipf: &Zipf, seed: u64) -> Vec<(u64, Wish)> {
    let mut random = Random(seed);
    let mut at_us = 0.0;
    let wish = |user| {
        if let Some(rate) = storm.rate {
            at_us += random.distance_us(rate);
        }
        (at_us as u64, Wish { user, seat: zipf.draw(&mut random) + 1, retries_left: storm.retries })
    };
    (0..storm.users).map(wish).collect()
}

/// What became of one seat.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Seat {
    winners: BTreeSet<u64>,
    /// Requests of which nobody knows what became of them.
    unknown: u64,
}

struct Storm {
    schedule_id: String,
    zipf: Zipf,
    seed: u64,
    seats: BTreeMap<u64, Seat>,
    kinds: BTreeMap<String, u64>,
    won: Latencies,
    lost: Latencies,
    all: Latencies,
}

impl Play for Storm {
    type Scene = Wish;

    fn request(&self, wish: &Wish) -> Request {
        let user_id = format!("{}-user-{}", self.schedule_id, wish.user);
        let body = json!({"userId": user_id, "scheduleId": self.schedule_id, "seatNo": wish.seat});
        Request::Post("/reservations", body)
    }

    fn answered(&mut self, wish: Wish, answer: Answer, then: &mut Agenda<Wish>) {
        let Answer { said, latency_us, .. } = answer;
        self.all.note(latency_us);
        let seat = self.seats.entry(wish.seat).or_default();
        match said.status {
            200 | 201 => {
                seat.winners.insert(wish.user);
                self.won.note(latency_us);
            }
            409 => {
                self.lost.note(latency_us);
                if wish.retries_left > 0 {
                    then.add_now(self.again(wish));
                }
            }
            _ => seat.unknown += 1,
        }
        *self.kinds.entry(said.kind).or_default() += 1;
    }
}

impl Storm {
    /// The next wish of a user who came too late: his own draw, in whatever order answers come.
    fn again(&self, wish: Wish) -> Wish {
        let mut random = Random(self.seed ^ (wish.user << 8) ^ u64::from(wish.retries_left));
        Wish { seat: self.zipf.draw(&mut random) + 1, retries_left: wish.retries_left - 1, ..wish }
    }

    #[expect(clippy::cast_precision_loss, reason = "rates for display")]
    fn report(&self, took_us: u64) -> String {
        let answered: u64 = self.kinds.values().sum();
        let conflicts: u64 = self.kinds.iter().filter(|(kind, _)| kind.starts_with("409")).map(|(_, n)| *n).sum();
        let winners = self.seats.values().map(|seat| seat.winners.len() as u64).sum::<u64>();
        let rows = [self.all.row("all"), self.won.row("won"), self.lost.row("lost")];
        let mut out = format!(
            "\n{answered} answers in {:.2} s: {winners} winners of {} seats, {conflicts} conflicts, {} errors\n",
            took_us as f64 / 1e6,
            self.seats.len(),
            answered.saturating_sub(winners + conflicts),
        );
        // Writing into a String cannot fail.
        let _ = write!(out, "\n{}", table(&COLUMNS, &rows));
        let _ = write!(out, "\n{}", table(&["ANSWER", "REQUESTS"], &counted(&self.kinds)));
        out
    }

    /// What is wrong: a seat without its one winner, or a map (`taken`: seats that are not free) that says otherwise.
    fn breaches(&self, taken: &BTreeSet<u64>) -> Vec<String> {
        let mut found = Vec::new();
        for (number, Seat { winners, unknown }) in &self.seats {
            match (winners.len(), unknown) {
                // Whose answer was lost may have won.
                (1, _) if !taken.contains(number) => found.push(format!("seat {number} was won, and is free")),
                (1, _) | (0, 1..) => {}
                (0, 0) => found.push(format!("seat {number} was refused to everybody")),
                (n, _) => found.push(format!("seat {number} has {n} winners")),
            }
        }
        let unasked = taken.iter().filter(|number| !self.seats.contains_key(number));
        found.extend(unasked.map(|number| format!("seat {number} is taken, and nobody asked for it")));
        found
    }
}

impl Shape for SeatStorm {
    fn needs_log(&self) -> bool {
        false
    }

    fn run(&self, _: &dyn Access, print: &mut dyn FnMut(&str)) -> Result<String, Failure> {
        seat_storm(self, print)
    }
}

/// Runs the shape, reports, and checks.
///
/// # Errors
/// When the worker cannot be reached or has no schedule for us, and when a seat has not exactly one winner.
fn seat_storm(storm: &SeatStorm, print: &mut dyn FnMut(&str)) -> Result<String, Failure> {
    let clock = SystemClock::new();
    let seed = storm.seed.unwrap_or_else(|| clock.now_ms().unsigned_abs());
    let zipf = Zipf::new(storm.seats, storm.zipf);
    let wishes = plan(storm, &zipf, seed);
    print(&format!(
        "seat-storm: {} users for {} seats, {}, seed {seed}, {}\n",
        storm.users,
        storm.seats,
        storm.rate.map_or_else(|| "all at once".to_owned(), |rate| format!("open loop at {rate}/s")),
        storm.url
    ));
    open_loop::runtime()?.block_on(async {
        let target = Target::reach(&storm.url).await?;
        let schedule_id = format!("storm-{seed}-{}", clock.now_ms());
        house::create(&target, &schedule_id, storm.seats).await?;
        let witness = Witness::open(storm.answers.as_deref(), &schedule_id)?;
        let mut play = Storm {
            schedule_id,
            zipf,
            seed,
            seats: BTreeMap::new(),
            kinds: BTreeMap::new(),
            won: Latencies::default(),
            lost: Latencies::default(),
            all: Latencies::default(),
        };
        let mut agenda = Agenda::new(clock);
        for (at_us, wish) in wishes {
            agenda.add(at_us, wish);
        }
        let took_us = open_loop::play(&mut play, &target, &witness, agenda).await?;
        print(&play.report(took_us));
        let breaches = play.breaches(&taken(&target, &play.schedule_id).await?);
        if breaches.is_empty() {
            return Ok("\nEach seat has one winner, and the seat map agrees.\n".to_owned());
        }
        Err(Failure::Failed(format!("seat-storm: {}", breaches.join("; "))))
    })
}

/// Numbers of the seats that are not free.
async fn taken(target: &Target, schedule_id: &str) -> Result<BTreeSet<u64>, Failure> {
    let map = format!("/api/schedules/{schedule_id}/seats");
    let (mut taken, mut page) = (BTreeSet::new(), map.clone());
    loop {
        let said = target.get(&page).await;
        let seats = said.body["seats"].as_array().filter(|_| said.status == 200);
        let seats = seats.ok_or_else(|| Failure::Failed(format!("seat map of {schedule_id}: {}", said.kind)))?;
        let is_taken = |seat: &&Value| seat["status"] != "AVAILABLE";
        taken.extend(seats.iter().filter(is_taken).filter_map(|seat| seat["seatNo"].as_u64()));
        // A large house comes in pages.
        match said.body["nextCursor"].as_str() {
            Some(next) => page = format!("{map}?cursor={next}"),
            None => return Ok(taken),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn storm(rate: Option<f64>) -> SeatStorm {
        SeatStorm {
            users: 1_000,
            seats: 50,
            zipf: 1.1,
            rate,
            retries: 2,
            url: String::new(),
            seed: None,
            answers: None,
        }
    }

    fn planned(rate: Option<f64>, seed: u64) -> Vec<(u64, Wish)> {
        plan(&storm(rate), &Zipf::new(50, 1.1), seed)
    }

    #[test]
    fn the_same_seed_wants_the_same_seats_at_the_same_times() {
        assert_eq!(planned(Some(500.0), 7), planned(Some(500.0), 7));
        assert_ne!(planned(Some(500.0), 7), planned(Some(500.0), 8));
        assert!(planned(None, 7).iter().all(|(at_us, _)| *at_us == 0));
        let last_us = planned(Some(500.0), 7).last().unwrap().0;
        assert!((1_700_000..2_300_000).contains(&last_us), "{last_us}");
        assert!(planned(None, 7).iter().all(|(_, wish)| (1..=50).contains(&wish.seat)));
    }

    #[test]
    fn a_seat_has_one_winner_or_it_is_told() {
        let play = |seats: &[(u64, &[u64], u64)]| Storm {
            schedule_id: String::new(),
            zipf: Zipf::new(1, 1.0),
            seed: 0,
            seats: seats
                .iter()
                .map(|(n, winners, unknown)| {
                    (*n, Seat { winners: winners.iter().copied().collect(), unknown: *unknown })
                })
                .collect(),
            kinds: BTreeMap::new(),
            won: Latencies::default(),
            lost: Latencies::default(),
            all: Latencies::default(),
        };
        let breaches =
            |seats: &[(u64, &[u64], u64)], taken: &[u64]| play(seats).breaches(&taken.iter().copied().collect());
        assert!(breaches(&[(1, &[7], 0), (2, &[], 1), (3, &[8], 2)], &[1, 2, 3]).is_empty());
        assert_eq!(breaches(&[(1, &[7, 8], 0)], &[1]), ["seat 1 has 2 winners"]);
        assert_eq!(breaches(&[(1, &[], 0)], &[1]), ["seat 1 was refused to everybody"]);
        assert_eq!(breaches(&[(1, &[7], 0)], &[]), ["seat 1 was won, and is free"]);
        assert_eq!(breaches(&[(1, &[7], 0)], &[1, 2]), ["seat 2 is taken, and nobody asked for it"]);
    }
}
