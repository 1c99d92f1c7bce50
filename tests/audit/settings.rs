//! A log whose worker was started again with another HOLD_MS: each hold is judged by what the log shows of its own time, and a lie is a lie all the same.

use crate::shop::{HOLD_MS, PRICE, Shop};
use holdfast_engine::ports::record::Record;
use holdfast_engine::{Context, ProcessError, Processor, Topology};
use holdfast_topologies::reservation;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use stream_worker::commands::audit::report::{Line, Verdict};
use stream_worker::commands::audit::{Question, examine};

/// One minute less than that: notices name another one.
const OTHER_MS: i64 = 120_000;

/// A shop in which holds last as long as is said meanwhile.
struct Open {
    shop: Shop,
    hold_ms: Arc<AtomicI64>,
}

impl Open {
    fn new() -> Self {
        let hold_ms = Arc::new(AtomicI64::new(HOLD_MS));
        let topologies = holdfast_topologies::all().into_iter().map(|usual| match &**usual.name() {
            reservation::NAME => changing(&usual, Arc::clone(&hold_ms)),
            _ => usual,
        });
        Self { shop: Shop::of(topologies.collect()), hold_ms }
    }

    /// The worker is started again with another setting.
    fn restart_with(&mut self, hold_ms: i64) {
        self.shop.driver.settle();
        self.shop.driver.stop();
        self.hold_ms.store(hold_ms, Ordering::Relaxed);
        self.shop.driver.start();
        self.shop.driver.settle();
    }

    /// One hold with a deadline of its own, told and kept alike wherever it is told and kept.
    fn lie(&mut self, seat: u64, lasts_ms: i64) {
        let right_ms = self.hold_ms.swap(lasts_ms, Ordering::Relaxed);
        self.hold(seat..=seat);
        self.hold_ms.store(right_ms, Ordering::Relaxed);
    }

    /// Holds these seats, each for a user of its own.
    fn hold(&mut self, seats: std::ops::RangeInclusive<u64>) -> Vec<String> {
        seats.map(|seat| self.shop.hold(&format!("hold-{seat}"), &format!("u{seat}"), seat)).collect()
    }

    /// The verdict on I-19 when the auditor is told this HOLD_MS, and these others.
    fn verdict(&self, hold_ms: i64, held_ms: &[i64]) -> Line {
        let only = vec!["I-19".parse().unwrap()];
        // He replays the shop as it is, not this one's topologies.
        let topologies = holdfast_topologies::all();
        let question = Question { only, topologies, hold_ms, held_ms: held_ms.to_vec(), ..self.shop.question() };
        examine(self.shop.driver.log(), &question).unwrap().line("I-19").unwrap().clone()
    }

    fn proved(&self, hold_ms: i64, held_ms: &[i64]) -> Line {
        let line = self.verdict(hold_ms, held_ms);
        assert_eq!(line.verdict, Verdict::Proved, "{line:?}");
        line
    }

    fn breached(&self, hold_ms: i64, held_ms: &[i64], said: &str) {
        let line = self.verdict(hold_ms, held_ms);
        assert_eq!(line.verdict, Verdict::Breached, "{said}: {line:?}");
        let text = format!("{}: {}", line.at.as_deref().unwrap(), line.why.as_deref().unwrap());
        assert!(text.contains(said), "{said:?} was found as {text}");
    }
}

/// The reservation topology, with the setting that stands there when a record comes.
struct Changing(Arc<AtomicI64>);

impl Changing {
    fn now(&self) -> Box<dyn Processor> {
        let hold_ms = self.0.load(Ordering::Relaxed);
        reservation::topology(&reservation::Settings { hold_ms, ..Default::default() }).make_processor()
    }
}

impl Processor for Changing {
    fn process(&mut self, ctx: &mut Context<'_>, record: &Record<'_>) -> Result<(), ProcessError> {
        self.now().process(ctx, record)
    }

    fn gave_up(&mut self, ctx: &mut Context<'_>, record: &Record<'_>, why: &ProcessError) -> Result<(), ProcessError> {
        self.now().gave_up(ctx, record, why)
    }
}

fn changing(usual: &Topology, hold_ms: Arc<AtomicI64>) -> Topology {
    let mut builder = Topology::named(usual.name()).group(usual.group()).inbox(usual.inbox());
    builder = usual.stores().iter().fold(builder, |builder, store| builder.store(*store));
    builder = usual.sinks().iter().fold(builder, |builder, sink| builder.sink(sink));
    let make = move || -> Box<dyn Processor> { Box::new(Changing(Arc::clone(&hold_ms))) };
    builder.dead_letters(usual.dead_letters()).processor(make).build().unwrap()
}

fn ms(ms: i64) -> u64 {
    ms.unsigned_abs()
}

#[test]
fn each_hold_is_judged_by_the_setting_of_its_time() {
    let mut open = Open::new();
    let first = open.hold(1..=4);
    open.shop.pay("pay-1", &first[0], PRICE);
    open.restart_with(OTHER_MS);
    open.hold(5..=8);
    // Those of before run out under the new setting, and notices name its minutes.
    open.shop.driver.advance_ms(ms(HOLD_MS) + 50);
    open.restart_with(HOLD_MS);
    open.hold(9..=11);
    // Whatever he is told HOLD_MS was, the log shows it.
    for hold_ms in [HOLD_MS, OTHER_MS, 77_000] {
        let line = open.proved(hold_ms, &[]);
        let notes = line.notes.join("\n");
        assert!(notes.contains("4 holds lasted 120000 ms: reservation.requests-"), "{notes}");
        assert!(notes.contains("7 holds lasted 300000 ms: reservation.requests-"), "{notes}");
    }
    open.proved(HOLD_MS, &[HOLD_MS, OTHER_MS]);
    // Who says which there were means no others.
    open.breached(HOLD_MS, &[HOLD_MS], "4 holds from here on last 120000 ms");
}

/// Nobody holds a seat after the restart: what runs out then, and the sweeps that look after it, show the setting.
#[test]
fn a_setting_shows_in_what_is_left_of_another() {
    let mut open = Open::new();
    open.hold(1..=4);
    open.restart_with(OTHER_MS);
    open.shop.driver.advance_ms(ms(HOLD_MS) + 50);
    open.proved(OTHER_MS, &[]);

    // A schedule that has always open holds is swept again and again.
    let mut open = Open::new();
    open.hold(1..=2);
    open.shop.driver.advance_ms(ms(HOLD_MS) - 1_000);
    open.hold(3..=4);
    open.restart_with(OTHER_MS);
    open.shop.driver.advance_ms(62_000);
    let swept = open.shop.driver.read(reservation::INBOX).iter().any(|out| out.text().contains("\"type\":\"sweep\""));
    assert!(swept, "the test sees a sweep under the new setting");
    open.proved(OTHER_MS, &[]);
    open.hold(5..=6);
    open.proved(HOLD_MS, &[]);
}

#[test]
fn a_hold_with_a_deadline_of_its_own_is_found() {
    for (lasts_ms, hold_ms, held_ms) in [
        // Nobody's setting, whatever is said.
        (7_000, HOLD_MS, vec![]),
        (7_000, HOLD_MS, vec![HOLD_MS, OTHER_MS]),
        // Another time's setting.
        (OTHER_MS, HOLD_MS, vec![]),
        (OTHER_MS, OTHER_MS, vec![]),
    ] {
        let mut open = Open::new();
        open.hold(1..=2);
        open.lie(3, lasts_ms);
        open.hold(4..=5);
        open.restart_with(OTHER_MS);
        open.hold(6..=8);
        open.breached(hold_ms, &held_ms, &format!("this hold lasts {lasts_ms} ms, and those around it 300000 ms"));
    }
}

#[test]
fn the_first_hold_and_the_last_are_no_exceptions() {
    let mut open = Open::new();
    open.lie(1, 7_000);
    open.breached(HOLD_MS, &[], "the one hold of its place lasts 7000 ms");
    let mut open = Open::new();
    open.hold(1..=4);
    open.lie(5, 7_000);
    open.breached(HOLD_MS, &[], "this hold lasts 7000 ms, and those around it 300000 ms");
}
