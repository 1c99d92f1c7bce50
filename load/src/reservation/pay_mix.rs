//! `load pay-mix`: buyers who charge, hold and pay; some pay in the last 100 ms or just after the deadline, some twice, some never.
//!
//! Each buyer has a wallet with the price of one seat, and a seat of his own, so what is refused is refused for its time or because it came twice. He
//! charges when his time comes, holds half a second later, and pays when his kind does. The worker's `HOLD_MS` should be seconds: those who never pay are not
//! waited for, those who pay at the deadline are. Deadlines are compared with this machine's clock.

use super::house;
use crate::access::Access;
use crate::latencies::{COLUMNS, Latencies};
use crate::open_loop::{self, Agenda, Answer, Play, Request, counted};
use crate::random::Random;
use crate::shape::Shape;
use crate::target::Target;
use crate::values::{a_rate, a_share};
use crate::witness::Witness;
use clap::Args;
use holdfast_engine::runtime::ports::clock::Clock;
use holdfast_model::rfc3339;
use holdfast_tools::Failure;
use holdfast_tools::clock::SystemClock;
use holdfast_tools::table::table;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::PathBuf;

/// From a buyer's charge to his hold, in µs.
const CHARGE_LEAD_US: u64 = 500_000;
/// How near to the deadline those pay who pay at it, on either side, in ms.
const NEAR_MS: u64 = 100;
/// Deviation of the logarithm of the time that buyers think.
const THINK_SIGMA: f64 = 0.8;

/// Buyers who pay in time, late, twice or never; exit code 1 when a payment was taken that must not be.
#[derive(Debug, Clone, Args)]
pub(crate) struct PayMix {
    /// Buyers, each with a wallet and a seat of his own
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    buyers: u64,
    /// Open loop: buyers a second, at times drawn from the seed
    #[arg(long, default_value_t = 100.0, value_parser = a_rate)]
    rate: f64,
    /// Schedules they are in, created first
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    schedules: u64,
    /// Half of those who pay in time think for less than this, in ms
    #[arg(long, default_value_t = 500.0, value_parser = a_rate)]
    think_ms: f64,
    /// Part of the buyers who pay in the last 100 ms before the deadline
    #[arg(long, default_value_t = 0.01, value_parser = a_share)]
    tail: f64,
    /// Part who pay in the first 100 ms after it
    #[arg(long, default_value_t = 0.02, value_parser = a_share)]
    late: f64,
    /// Part who pay twice at the same time
    #[arg(long, default_value_t = 0.05, value_parser = a_share)]
    twice: f64,
    /// Part who never pay
    #[arg(long, default_value_t = 0.3, value_parser = a_share)]
    never: f64,
    /// The worker; its admin routes have to be open to us
    #[arg(long, default_value = "http://127.0.0.1:3000")]
    url: String,
    /// Makes names, kinds and times; the same seed does the same things [default: from the clock, printed]
    #[arg(long)]
    seed: Option<u64>,
    /// Write what is answered into this file, for `audit --answers`; every request gets a key then, and each fifth is asked again under it
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
}

/// When a buyer pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// So long after his hold was to be asked for, in µs.
    InTime(u64),
    /// The same, two payments at once.
    Twice(u64),
    /// So many ms before the deadline.
    Tail(u64),
    /// So many ms after it.
    Late(u64),
    Never,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::InTime(_) => "in time",
            Self::Twice(_) => "twice",
            Self::Tail(_) => "at the last",
            Self::Late(_) => "too late",
            Self::Never => "never",
        }
    }
}

/// One buyer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Buyer {
    number: u64,
    /// When he comes, in µs after the start.
    at_us: u64,
    kind: Kind,
}

/// Who comes when and does what; fixed in advance.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "µs of a load run")]
fn plan(mix: &PayMix, seed: u64) -> Vec<Buyer> {
    let mut random = Random(seed);
    let mut at_us = 0.0;
    let buyer = |number| {
        at_us += random.distance_us(mix.rate);
        let (point, near_ms) = (random.unit(), random.below(NEAR_MS));
        let think_us = (random.log_normal(mix.think_ms, THINK_SIGMA) * 1e3) as u64;
        let kinds = [
            (mix.never, Kind::Never),
            (mix.tail, Kind::Tail(near_ms + 1)),
            (mix.late, Kind::Late(near_ms)),
            (mix.twice, Kind::Twice(think_us)),
        ];
        let mut sum = 0.0;
        let drawn = kinds.into_iter().find(|(share, _)| {
            sum += share;
            point <= sum
        });
        Buyer { number, at_us: at_us as u64, kind: drawn.map_or(Kind::InTime(think_us), |(_, kind)| kind) }
    };
    (0..mix.buyers).map(buyer).collect()
}

/// What a buyer asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Charge,
    Hold,
    Pay { reservation_id: String, expires_ms: i64 },
}

struct Mix {
    name: String,
    schedules: u64,
    /// How often each kind of buyer got each answer at each step.
    answers: BTreeMap<String, u64>,
    latencies: BTreeMap<&'static str, Latencies>,
    /// Payments that were taken, by reservation.
    paid: BTreeMap<String, BTreeSet<String>>,
    /// How many of them were sent at their deadline or later.
    paid_too_late: u64,
}

impl Play for Mix {
    type Scene = (Buyer, Step);

    fn request(&self, (buyer, step): &(Buyer, Step)) -> Request {
        let number = buyer.number;
        let user_id = format!("{}-user-{number}", self.name);
        let (path, body) = match step {
            Step::Charge => ("/api/points/charge", json!({"userId": user_id, "amount": house::PRICE_KRW})),
            Step::Hold => {
                let schedule_id = format!("{}-{}", self.name, number % self.schedules);
                let seat_no = number / self.schedules + 1;
                ("/reservations", json!({"userId": user_id, "scheduleId": schedule_id, "seatNo": seat_no}))
            }
            Step::Pay { reservation_id, .. } => {
                let amount = house::PRICE_KRW;
                ("/payments", json!({"reservationId": reservation_id, "amount": amount, "userId": user_id}))
            }
        };
        Request::Post(path, body)
    }

    fn answered(&mut self, (buyer, step): (Buyer, Step), answer: Answer, then: &mut Agenda<(Buyer, Step)>) {
        let Answer { said, latency_us, sent_ms } = answer;
        let what = match &step {
            Step::Charge => "charge".to_owned(),
            Step::Hold => "hold".to_owned(),
            Step::Pay { .. } => format!("pay, {}", buyer.kind.name()),
        };
        *self.answers.entry(format!("{what}: {}", said.kind)).or_default() += 1;
        match step {
            Step::Charge => {
                self.note("charge", latency_us);
                // Whatever became of it: a buyer without money is told so when he pays.
                then.add(buyer.at_us + CHARGE_LEAD_US, (buyer, Step::Hold));
            }
            Step::Hold => {
                self.note("hold", latency_us);
                let reservation_id = said.body["reservationId"].as_str().filter(|_| said.status == 201);
                let expires_ms = said.body["expiresAt"].as_str().and_then(rfc3339::parse);
                if let (Some(reservation_id), Some(expires_ms)) = (reservation_id, expires_ms) {
                    add_payments(buyer, reservation_id, expires_ms, then);
                }
            }
            Step::Pay { reservation_id, expires_ms } => {
                self.note(if said.status == 200 { "pay, taken" } else { "pay, refused" }, latency_us);
                if said.status == 200 {
                    let payment_id = said.body["paymentId"].as_str().unwrap_or_default().to_owned();
                    self.paid.entry(reservation_id).or_default().insert(payment_id);
                    self.paid_too_late += u64::from(sent_ms >= expires_ms);
                }
            }
        }
    }
}

/// Plans the payments of a buyer who has his hold.
fn add_payments(buyer: Buyer, reservation_id: &str, expires_ms: i64, then: &mut Agenda<(Buyer, Step)>) {
    let pay = || (buyer, Step::Pay { reservation_id: reservation_id.to_owned(), expires_ms });
    let near = |ms: u64| i64::try_from(ms).unwrap_or(0);
    let held_us = buyer.at_us + CHARGE_LEAD_US;
    match buyer.kind {
        Kind::InTime(think_us) => then.add(held_us + think_us, pay()),
        Kind::Twice(think_us) => {
            then.add(held_us + think_us, pay());
            then.add(held_us + think_us, pay());
        }
        Kind::Tail(ms) => then.add(then.at_wall(expires_ms - near(ms)), pay()),
        Kind::Late(ms) => then.add(then.at_wall(expires_ms + near(ms)), pay()),
        Kind::Never => {}
    }
}

impl Mix {
    fn note(&mut self, step: &'static str, latency_us: u64) {
        self.latencies.entry(step).or_default().note(latency_us);
    }

    #[expect(clippy::cast_precision_loss, reason = "rates for display")]
    fn report(&self, took_us: u64) -> String {
        let answered: u64 = self.answers.values().sum();
        let mut out = format!("\n{answered} answers in {:.2} s\n", took_us as f64 / 1e6);
        let rows: Vec<_> = self.latencies.iter().map(|(step, latencies)| latencies.row(step)).collect();
        // Writing into a String cannot fail.
        let _ = write!(out, "\n{}", table(&COLUMNS, &rows));
        let _ = write!(out, "\n{}", table(&["ANSWER", "REQUESTS"], &counted(&self.answers)));
        out
    }

    /// What is wrong with what was paid.
    fn breaches(&self) -> Vec<String> {
        let twice = self.paid.values().filter(|payments| payments.len() > 1).count();
        [
            (twice > 0, format!("{twice} reservations were paid twice")),
            (
                self.paid_too_late > 0,
                format!("{} payments were taken that were sent after their deadline by our clock", self.paid_too_late),
            ),
        ]
        .into_iter()
        .filter_map(|(is_so, what)| is_so.then_some(what))
        .collect()
    }
}

impl Shape for PayMix {
    fn needs_log(&self) -> bool {
        false
    }

    fn run(&self, _: &dyn Access, print: &mut dyn FnMut(&str)) -> Result<String, Failure> {
        pay_mix(self, print)
    }
}

/// Runs the shape, reports, and checks.
///
/// # Errors
/// When the parts are more than the whole, when the worker cannot be reached or has no schedules for us, and when a payment was taken that must not be.
fn pay_mix(mix: &PayMix, print: &mut dyn FnMut(&str)) -> Result<String, Failure> {
    let whole = mix.tail + mix.late + mix.twice + mix.never;
    if whole > 1.0 {
        return Err(Failure::usage("never", format!("tail, late, twice and never are {whole} of all together")));
    }
    let clock = SystemClock::new();
    let seed = mix.seed.unwrap_or_else(|| clock.now_ms().unsigned_abs());
    let buyers = plan(mix, seed);
    print(&format!(
        "pay-mix: {} buyers in {} schedules, open loop at {}/s, seed {seed}, {}\n",
        mix.buyers, mix.schedules, mix.rate, mix.url
    ));
    open_loop::runtime()?.block_on(async {
        let target = Target::reach(&mix.url).await?;
        let name = format!("mix-{seed}-{}", clock.now_ms());
        for n in 0..mix.schedules {
            house::create(&target, &format!("{name}-{n}"), mix.buyers.div_ceil(mix.schedules)).await?;
        }
        let witness = Witness::open(mix.answers.as_deref(), &name)?;
        let mut play = Mix {
            name,
            schedules: mix.schedules,
            answers: BTreeMap::new(),
            latencies: BTreeMap::new(),
            paid: BTreeMap::new(),
            paid_too_late: 0,
        };
        let mut agenda = Agenda::new(clock);
        for buyer in buyers {
            agenda.add(buyer.at_us, (buyer, Step::Charge));
        }
        let took_us = open_loop::play(&mut play, &target, &witness, agenda).await?;
        print(&play.report(took_us));
        match play.breaches() {
            none if none.is_empty() => {
                Ok("\nNo reservation was paid twice, and no payment was taken after its deadline.\n".to_owned())
            }
            breaches => Err(Failure::Failed(format!("pay-mix: {}", breaches.join("; ")))),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mix() -> PayMix {
        PayMix {
            buyers: 10_000,
            rate: 1_000.0,
            schedules: 20,
            think_ms: 500.0,
            tail: 0.01,
            late: 0.02,
            twice: 0.05,
            never: 0.3,
            url: String::new(),
            seed: None,
            answers: None,
        }
    }

    #[test]
    fn the_same_seed_makes_the_same_buyers() {
        assert_eq!(plan(&mix(), 7), plan(&mix(), 7));
        assert_ne!(plan(&mix(), 7), plan(&mix(), 8));
    }

    #[test]
    fn the_parts_are_as_large_as_they_are_said_to_be() {
        let mut counts = BTreeMap::<&str, usize>::new();
        for buyer in plan(&mix(), 7) {
            *counts.entry(buyer.kind.name()).or_default() += 1;
        }
        for (kind, about) in [("never", 3_000), ("at the last", 100), ("too late", 200), ("twice", 500)] {
            assert!((about * 7 / 10..about * 13 / 10).contains(&counts[kind]), "{counts:?}");
        }
        assert!((5_800..6_600).contains(&counts["in time"]), "{counts:?}");
        let all_pay = PayMix { tail: 0.0, late: 0.0, twice: 0.0, never: 0.0, ..mix() };
        assert!(plan(&all_pay, 7).iter().all(|buyer| buyer.kind.name() == "in time"));
    }

    #[test]
    fn what_must_not_be_paid_is_told() {
        let mut play = Mix {
            name: String::new(),
            schedules: 1,
            answers: BTreeMap::new(),
            latencies: BTreeMap::new(),
            paid: BTreeMap::new(),
            paid_too_late: 0,
        };
        let pay = |play: &mut Mix, payment_id: &str, sent_ms| {
            let buyer = Buyer { number: 0, at_us: 0, kind: Kind::Never };
            let step = Step::Pay { reservation_id: "r".to_owned(), expires_ms: 1_000 };
            let said = crate::target::Said {
                kind: "200 SUCCESS".to_owned(),
                status: 200,
                body: json!({"paymentId": payment_id}),
            };
            let mut agenda = Agenda::new(SystemClock::new());
            play.answered((buyer, step), Answer { said, latency_us: 1, sent_ms }, &mut agenda);
        };
        // The same payment, answered again.
        pay(&mut play, "a", 999);
        pay(&mut play, "a", 999);
        assert!(play.breaches().is_empty());
        pay(&mut play, "b", 1_000);
        assert_eq!(play.breaches().len(), 2);
        assert!(play.breaches()[0].contains("1 reservations were paid twice"));
    }

    #[test]
    fn more_than_everybody_is_refused() {
        let all = PayMix { never: 0.95, ..mix() };
        assert!(matches!(pay_mix(&all, &mut |_| {}), Err(Failure::Usage(_))));
    }
}
