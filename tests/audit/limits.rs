//! Charges are judged by the limits of their time, which the state of wallets tells.

use crate::shop::{Shop, home};
use holdfast_engine::prelude::{Context, ProcessError, Processor};
use holdfast_model::payment::{self, SETTINGS, Settings};
use holdfast_model::settings::SettingsRow;
use holdfast_ports::record::Record;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use stream_worker::commands::audit::report::{Line, Verdict};
use stream_worker::commands::audit::{Question, examine};

/// Wallets whose upper limit is the one that stands here when a record comes.
struct Changing(Arc<AtomicI64>);

impl Changing {
    fn now(&self) -> Box<dyn Processor> {
        let charge_max_krw = self.0.load(Ordering::Relaxed);
        holdfast_topologies::payment::topology(&Settings { charge_max_krw, ..Settings::default() }).make_processor()
    }
}

impl Processor for Changing {
    fn process(&mut self, ctx: &mut Context<'_>, record: &Record<'_>) -> Result<(), ProcessError> {
        self.now().process(ctx, record)
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

/// A shop where three millions were charged while that was allowed, and as much was refused before and after.
fn generous() -> Shop {
    let limit = Arc::new(AtomicI64::new(1_000_000));
    let topologies = holdfast_topologies::all().into_iter().map(|usual| match &**usual.name() {
        payment::NAME => {
            let limit = Arc::clone(&limit);
            usual.decided_by(move || Box::new(Changing(Arc::clone(&limit))))
        }
        _ => usual,
    });
    let mut shop = Shop::of(topologies.collect());
    for (limit_krw, amount) in [(1_000_000, 3_000_001), (5_000_000, 3_000_002), (1_000_000, 3_000_003)] {
        limit.store(limit_krw, Ordering::Relaxed);
        shop.charge("1001", amount);
        shop.driver.settle();
    }
    shop
}

fn verdict(shop: &Shop, invariant: &str) -> Line {
    let only = vec![invariant.parse().unwrap()];
    // The replay is of the shop as it is, not of this one's topologies.
    let question = Question { only, topologies: holdfast_topologies::all(), ..shop.question() };
    examine(shop.driver.log(), &question).unwrap().line(invariant).unwrap().clone()
}

#[test]
fn each_charge_is_judged_by_the_limits_of_its_time() {
    let shop = generous();
    for invariant in ["I-4", "I-5", "I-9", "I-19"] {
        let line = verdict(&shop, invariant);
        assert_eq!(line.verdict, Verdict::Proved, "{line:?}");
    }
    let notes = verdict(&shop, "I-19").notes.join("\n");
    for changed in ["chargeMaxKrw 5000000 instead of 1000000", "chargeMaxKrw 1000000 instead of 5000000"] {
        assert!(notes.contains(changed), "{notes}");
    }
}

/// Limits that nobody has kept, or that somebody writes down afterwards, explain no charge.
#[test]
fn a_charge_outside_of_its_limits_is_found() {
    let mut kept = Vec::new();
    generous()
        .driver
        .queries()
        .task(payment::NAME, home("1001"))
        .unwrap()
        .scan(&SETTINGS, &[], &mut |since, _| {
            kept.push(since);
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    let forgeries = [
        (kept[1], None),
        (kept[2], None),
        (kept[1], Some(SettingsRow { json: "{}".to_owned() })),
        (kept[1], Some(SettingsRow { json: "no settings".to_owned() })),
    ];
    for (nth, (since, row)) in forgeries.into_iter().enumerate() {
        let mut shop = generous();
        shop.forge(payment::NAME, home("1001"), &SETTINGS, &since, row.as_ref());
        let line = verdict(&shop, "I-5");
        assert_eq!(line.verdict, Verdict::Breached, "case {nth}: {line:?}");
    }
}
