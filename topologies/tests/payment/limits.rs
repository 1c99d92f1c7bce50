//! How much may be charged, and which place has decided by what.

use crate::bank::{Bank, home};
use holdfast_engine::prelude::{Context, ProcessError, Processor, Record};
use holdfast_model::payment::{self, SETTINGS, Settings};
use holdfast_topologies::payment::topology;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Wallets whose upper limit is the one that stands here when a record comes.
struct Changing(Arc<AtomicI64>);

impl Changing {
    fn now(&self) -> Box<dyn Processor> {
        let charge_max_krw = self.0.load(Ordering::Relaxed);
        topology(&Settings { charge_max_krw, ..Settings::default() }).make_processor()
    }
}

impl Processor for Changing {
    fn process(&mut self, ctx: &mut Context<'_>, record: &Record<'_>) -> Result<(), ProcessError> {
        self.now().process(ctx, record)
    }
}

/// The rows of settings in the place of `user_id`.
fn kept(bank: &Bank, user_id: &str) -> Vec<(u64, String)> {
    let mut rows = Vec::new();
    let visit = &mut |since, row: holdfast_model::settings::SettingsRow| {
        rows.push((since, row.json));
        ControlFlow::Continue(())
    };
    bank.task(user_id).scan(&SETTINGS, &[], visit).unwrap();
    rows
}

#[test]
fn a_place_keeps_the_limits_since_the_first_record_that_they_decided() {
    let limit = Arc::new(AtomicI64::new(1_000_000));
    let set = Arc::clone(&limit);
    let mut bank = Bank::of(&topology(&Settings::default()).decided_by(move || Box::new(Changing(Arc::clone(&set)))));
    let usual = r#"{"chargeMinKrw":1000,"chargeMaxKrw":1000000,"outcomeRetentionMs":691200000}"#.to_owned();
    let other = r#"{"chargeMinKrw":1000,"chargeMaxKrw":5000,"outcomeRetentionMs":691200000}"#.to_owned();
    for (id, limit_krw) in [("a", 1_000_000), ("b", 1_000_000), ("c", 5_000), ("d", 5_000), ("e", 1_000_000)] {
        limit.store(limit_krw, Ordering::Relaxed);
        bank.charge(id, "u", 6_000);
        bank.driver.settle();
        let expected = if limit_krw < 6_000 { "REFUSED" } else { "SUCCESS" };
        assert_eq!(bank.charge_status(id, "u").0, expected, "{id}");
    }
    let expected = vec![(0, usual.clone()), (2, other), (4, usual)];
    assert_eq!(kept(&bank, "u"), expected);
    assert!((0..20).map(|n| format!("user-{n}")).any(|user| home(&user) != home("u") && kept(&bank, &user).is_empty()));
    bank.driver.lose_disk();
    assert_eq!(kept(&bank, "u"), expected);
}

#[test]
fn a_record_that_is_refused_keeps_nothing() {
    let mut bank = Bank::open();
    bank.pipe("u", b"no json");
    bank.driver.settle();
    assert_eq!((kept(&bank, "u"), bank.driver.read(payment::DEAD_LETTERS).len()), (Vec::new(), 1));
    bank.charge("a", "u", 6_000);
    bank.driver.settle();
    assert_eq!(kept(&bank, "u").iter().map(|(since, _)| *since).collect::<Vec<_>>(), [1]);
}
