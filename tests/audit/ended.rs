//! Rows that end: an outcome that is gone in its time is no breach, and one that is gone before is.

use crate::crimes::expect;
use crate::shop::{Shop, home};
use holdfast_engine::inspect::{codec, ending};
use holdfast_engine::prelude::{Context, ProcessError, Processor, Record, Topology};
use holdfast_model::coupon::command_outcome::CommandRefusal;
use holdfast_model::coupon::row::CommandRow;
use holdfast_model::coupon::{self, ADMISSIONS, COMMANDS, COUPONS, GUARDS, INBOX, POLICIES, REQUESTS, SETTINGS};
use serde_json::{Value, json};
use stream_worker::commands::audit::invariant::Invariant;
use stream_worker::commands::audit::report::{Report, Verdict};
use stream_worker::commands::audit::{Question, examine};

/// How long outcomes are kept, in ms.
const KEEP_MS: i64 = 600_000;
const KEY: &str = "coupon-gone";

/// Refuses every command, and keeps that for a while.
struct Refusing;

impl Processor for Refusing {
    fn process(&mut self, ctx: &mut Context<'_>, record: &Record<'_>) -> Result<(), ProcessError> {
        let value: Value = serde_json::from_slice(record.value.unwrap_or_default()).unwrap();
        let id = value["requestId"].as_str().unwrap().to_owned();
        let refused = Some(CommandRefusal::UnknownPolicy);
        ctx.put_kept(&COMMANDS, &id, &CommandRow { fingerprint: 0, decided_ms: ctx.now_ms(), refused })
    }
}

fn topology() -> Topology {
    Topology::named(coupon::NAME)
        .group(coupon::GROUP)
        .inbox(INBOX)
        .store(POLICIES.spec())
        .store(REQUESTS.spec())
        .store(COUPONS.spec())
        .store(SETTINGS.spec())
        .ends(&COMMANDS, KEEP_MS)
        .store(GUARDS.spec())
        .store(ADMISSIONS.spec())
        .dead_letters(coupon::DEAD_LETTERS)
        .processor(|| Box::new(Refusing))
        .build()
        .unwrap()
}

fn ask(shop: &mut Shop, id: &str) {
    let value = json!({"type": "adjust-stock", "requestId": id, "policyId": "gone", "by": 1});
    shop.driver.pipe(INBOX, Some(KEY), &value.to_string());
    shop.driver.settle();
}

/// Two commands whose outcomes have ended, and two whose outcomes have not.
fn asked() -> Shop {
    let mut shop = Shop::bare(vec![topology()]);
    ask(&mut shop, "old-1");
    ask(&mut shop, "old-2");
    shop.driver.advance_ms(KEEP_MS.unsigned_abs() + 10_000);
    ask(&mut shop, "new-1");
    ask(&mut shop, "new-2");
    shop
}

/// What the audit says, but for I-19: whether a replay knows what has ended is not its business.
fn audit(shop: &Shop) -> Report {
    let only = Invariant::ALL.into_iter().filter(|invariant| *invariant != Invariant::Replayed).collect();
    examine(shop.driver.log(), &Question { only, ..shop.question() }).unwrap()
}

fn is_kept(shop: &Shop, id: &str) -> bool {
    let task = shop.driver.queries().task(coupon::NAME, home(KEY)).unwrap();
    task.get(COMMANDS.stored(), &id.to_owned()).unwrap().is_some()
}

#[test]
fn an_outcome_that_has_ended_is_not_missed() {
    let shop = asked();
    assert!(!is_kept(&shop, "old-1") && !is_kept(&shop, "old-2") && is_kept(&shop, "new-1"));
    let report = audit(&shop);
    assert_eq!(report.verdict, Verdict::Proved, "{}", report.text());
    let counted = |id: &str, what: &str| {
        let counted = report.line(id).unwrap().counted.iter().find(|counted| counted.what == what);
        counted.map_or(0, |counted| counted.n)
    };
    assert_eq!(counted("I-9", "coupon commands whose outcome has ended"), 2, "{}", report.text());
    assert_eq!(counted("I-18", "tables whose rows end in time"), 1, "{}", report.text());
}

#[test]
fn an_outcome_that_should_have_ended_and_is_still_there_is_no_breach() {
    let mut shop = asked();
    let row = CommandRow { fingerprint: 0, decided_ms: 0, refused: Some(CommandRefusal::UnknownPolicy) };
    shop.forge(coupon::NAME, home(KEY), COMMANDS.stored(), &"old-1".to_owned(), Some(&row));
    let report = audit(&shop);
    assert_ne!(report.verdict, Verdict::Breached, "{}", report.text());
}

#[test]
fn an_outcome_is_gone_before_its_time() {
    let mut shop = asked();
    shop.forge::<_, CommandRow>(coupon::NAME, home(KEY), COMMANDS.stored(), &"new-1".to_owned(), None);
    expect(&shop, "I-9", "new-1 (adjust-stock) has no outcome");
}

#[test]
fn rows_end_before_their_time() {
    let mut shop = asked();
    let mut until_ms = Vec::new();
    codec::encode(&i64::MAX, &mut until_ms).unwrap();
    // The watermark of store 21.
    shop.write(coupon::NAME, home(KEY), &[ending::STORE.id.0, 0, 21], Some(&until_ms));
    expect(&shop, "I-18", "store commands: rows decided up to");
}
