//! A log whose worker was started again with other settings: each decision is judged by those of its time, which the state tells, and a lie is a lie all the same.

use crate::shop::{HOLD_MS, PRICE, SCHEDULE, Shop, home};
use holdfast_engine::prelude::{Context, ProcessError, Processor};
use holdfast_model::reservation;
use holdfast_model::reservation::{SETTINGS, Settings};
use holdfast_model::settings::SettingsRow;
use holdfast_ports::record::Record;
use holdfast_topologies::features;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use stream_worker::commands::audit::report::{Line, Verdict};
use stream_worker::commands::audit::{Question, examine};

/// One minute less than that: notices name another one.
const OTHER_MS: i64 = 120_000;

/// What the worker is started with.
struct Set {
    hold_ms: AtomicI64,
    /// Which rules decide.
    rules: AtomicU32,
    /// Whether its state says so.
    is_kept: AtomicBool,
}

/// A shop in which holds last as long as is said meanwhile.
struct Open {
    shop: Shop,
    set: Arc<Set>,
}

impl Open {
    fn new() -> Self {
        Self::keeping(true)
    }

    fn keeping(is_kept: bool) -> Self {
        Self::of(is_kept, Settings::default().rules)
    }

    fn of(is_kept: bool, rules: u32) -> Self {
        let (hold_ms, is_kept) = (AtomicI64::new(HOLD_MS), AtomicBool::new(is_kept));
        let set = Arc::new(Set { hold_ms, rules: AtomicU32::new(rules), is_kept });
        let topologies = holdfast_topologies::all().into_iter().map(|usual| match &**usual.name() {
            reservation::NAME => {
                let set = Arc::clone(&set);
                usual.decided_by(move || Box::new(Changing(Arc::clone(&set))))
            }
            _ => usual,
        });
        Self { shop: Shop::of(topologies.collect()), set }
    }

    /// The worker is started again with another setting.
    fn restart_with(&mut self, hold_ms: i64) {
        self.shop.driver.settle();
        self.shop.driver.stop();
        self.set.hold_ms.store(hold_ms, Ordering::Relaxed);
        self.shop.driver.start();
        self.shop.driver.settle();
    }

    /// One hold with a deadline of its own, told and kept alike wherever it is told and kept.
    fn lie(&mut self, seat: u64, lasts_ms: i64) {
        let right_ms = self.set.hold_ms.swap(lasts_ms, Ordering::Relaxed);
        self.set.is_kept.store(false, Ordering::Relaxed);
        self.hold(seat..=seat);
        self.set.is_kept.store(true, Ordering::Relaxed);
        self.set.hold_ms.store(right_ms, Ordering::Relaxed);
    }

    /// Holds these seats, each for a user of its own.
    fn hold(&mut self, seats: std::ops::RangeInclusive<u64>) -> Vec<String> {
        seats.map(|seat| self.shop.hold(&format!("hold-{seat}"), &format!("u{seat}"), seat)).collect()
    }

    /// The verdict on I-19 when the auditor has this HOLD_MS set, and is told that it was these.
    fn verdict(&self, hold_ms: i64, held_ms: &[i64]) -> Line {
        let only = vec!["I-19".parse().unwrap()];
        // He replays the shop as it is, not this one's topologies.
        let seats = Settings { hold_ms, ..Settings::default() };
        let json = seats.to_json();
        let topologies = features::topologies(|name| (name == reservation::NAME).then_some(&*json)).unwrap();
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
struct Changing(Arc<Set>);

impl Changing {
    fn now(&self) -> Box<dyn Processor> {
        let (hold_ms, rules) = (self.0.hold_ms.load(Ordering::Relaxed), self.0.rules.load(Ordering::Relaxed));
        holdfast_topologies::reservation::topology(&Settings { hold_ms, rules, ..Settings::default() }).make_processor()
    }
}

impl Processor for Changing {
    fn process(&mut self, ctx: &mut Context<'_>, record: &Record<'_>) -> Result<(), ProcessError> {
        self.now().process(ctx, record)?;
        let since = ctx.offset().unsigned_abs();
        if self.0.is_kept.load(Ordering::Relaxed) { Ok(()) } else { ctx.delete(&SETTINGS, &since) }
    }

    fn on_dead_letter(
        &mut self,
        ctx: &mut Context<'_>,
        record: &Record<'_>,
        why: &ProcessError,
    ) -> Result<(), ProcessError> {
        self.now().on_dead_letter(ctx, record, why)
    }
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
    // A single one is enough.
    open.hold(9..=9);
    // Whatever he has set himself, the state tells it.
    for hold_ms in [HOLD_MS, OTHER_MS, 77_000] {
        let notes = open.proved(hold_ms, &[]).notes.join("\n");
        let at = format!("from {}-{} offset ", reservation::INBOX, home(SCHEDULE));
        for changed in ["holdMs 120000 instead of 300000", "holdMs 300000 instead of 120000"] {
            assert!(notes.lines().any(|note| note.starts_with(&at) && note.ends_with(changed)), "{notes}");
        }
    }
    open.proved(HOLD_MS, &[HOLD_MS, OTHER_MS]);
    // Who says which there were means no others.
    open.breached(HOLD_MS, &[HOLD_MS], "HOLD_MS was 120000, which nobody has named");
}

/// Nobody holds a seat after the restart: what runs out then, and the sweeps that look after it, rest on the setting.
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
    // The first hold, one between others, the last; nobody's setting, and that of the auditor and of another time.
    for (seat, lasts_ms, hold_ms) in [(1, 7_000, HOLD_MS), (3, OTHER_MS, OTHER_MS), (7, OTHER_MS, HOLD_MS)] {
        let mut open = Open::new();
        for next in 1..=7 {
            if next == seat { open.lie(next, lasts_ms) } else { drop(open.hold(next..=next)) }
        }
        open.breached(hold_ms, &[], "the replay makes another output than the log holds");
    }
}

/// Somebody writes settings into the books that explain his hold: then they do not explain those that come after it.
#[test]
fn settings_that_nobody_had_are_found() {
    let mut open = Open::new();
    open.hold(1..=2);
    open.lie(3, 7_000);
    let id = open.hold(4..=4).remove(0);
    let (_, serial) = reservation::ids::parse_reservation(&id).unwrap();
    let since = reservation::serial::offset(serial) - 1;
    let row = SettingsRow { json: Settings { hold_ms: 7_000, ..Settings::default() }.to_json() };
    open.shop.forge(reservation::NAME, home(SCHEDULE), &SETTINGS, &since, Some(&row));
    open.breached(HOLD_MS, &[], "the replay makes another output than the log holds");
}

/// A worker of an earlier version has decided first: what it has named is read and changed by the next one, and judged by its own rules.
#[test]
fn what_the_first_rules_have_named_is_sold_and_given_back_by_the_second() {
    let mut open = Open::of(true, 1);
    let mut held = [("1001", 1), ("1002", 2), ("1003", 3)].map(|(user, seat)| {
        let wish = json!({"type": "hold", "requestId": format!("old-{seat}"), "userId": user, "scheduleId": SCHEDULE, "seatNo": seat, "nonce": "n"});
        format!("res_{}_{}", home(SCHEDULE), open.shop.ask(&wish))
    });
    let pay = |id: &str, reservation: &str| json!({"type": "pay", "requestId": id, "reservationId": reservation, "amount": PRICE});
    let cancel = |id: &str, reservation: &str, user: &str| json!({"type": "cancel", "requestId": id, "reservationId": reservation, "userId": user});
    open.shop.ask(&pay("p1", &held[0]));
    open.shop.driver.stop();
    open.set.rules.store(2, Ordering::Relaxed);
    open.shop.driver.start();
    open.shop.ask(&cancel("x1", &held[0], "1001"));
    open.shop.ask(&pay("p2", &held[1]));
    open.shop.ask(&cancel("x3", &held[2], "1003"));
    // Seats that were given back are there for the next, under names of another kind.
    held[0] = open.shop.hold("new-1", "user_123", 1);
    open.shop.pay("p3", &held[0], PRICE);
    open.shop.hold("new-3", "1001", 3);
    for sold in &held[..2] {
        let is_it = |value: &serde_json::Value| value["reservationId"] == sold.as_str();
        assert_eq!(
            open.shop.last(reservation::CONFIRMED, is_it)["seatNo"],
            json!(if *sold == held[0] { 1 } else { 2 })
        );
    }
    let notes = open.proved(HOLD_MS, &[]).notes.join("\n");
    assert!(notes.contains("rules 2 instead of 1"), "{notes}");
    let report = open.shop.audit();
    assert_eq!(report.verdict, Verdict::Proved, "{}", report.text());
}

/// Books from before settings were kept: decided again with the first that were, or with those that are set.
#[test]
fn a_state_that_tells_no_settings_is_taken_for_what_is_set() {
    let mut open = Open::keeping(false);
    open.hold(1..=4);
    open.proved(HOLD_MS, &[]);
    open.breached(OTHER_MS, &[], "the replay makes another output than the log holds");
    open.set.is_kept.store(true, Ordering::Relaxed);
    open.hold(5..=6);
    open.restart_with(OTHER_MS);
    open.hold(7..=8);
    open.proved(OTHER_MS, &[]);
}
