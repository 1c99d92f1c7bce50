//! A small topology whose rows end: a client that asks gets a receipt, and for a while the same one again.

use holdfast_engine::inspect::{TaskView, ending};
use holdfast_engine::prelude::{
    Context, EndingTable, Ends, Output, ProcessError, Processor, Record, Sink, Table, Topology,
};
use holdfast_ports::store::StoreId;
use holdfast_sim::TestDriver;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

pub(crate) const IN: &str = "asks";
pub(crate) const OUT: &str = "receipts";
pub(crate) static SAID: Sink = Sink::to(OUT);
pub(crate) const DEAD: &str = "asks-dlq";
pub(crate) const RECEIPTS: EndingTable<String, Receipt> = EndingTable::new(16, "receipts");
pub(crate) const NOTES: EndingTable<String, Receipt> = EndingTable::new(17, "notes");
pub(crate) const LAST: Table<String, u64> = Table::new(18, "last");
/// How long receipts are kept. Notes are kept for half of it.
pub(crate) const KEEP_MS: i64 = 10_000;
/// In such steps receipts end.
pub(crate) const STEP_MS: i64 = 10;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Receipt {
    pub(crate) decided_ms: i64,
    pub(crate) number: u64,
}

impl Ends for Receipt {
    fn decided_ms(&self) -> i64 {
        self.decided_ms
    }
}

/// | record | what becomes of it |
/// |---|---|
/// | `ask ID` | `new ID N`, or `again ID N` while that receipt is kept |
/// | `renew ID` | the receipt that is kept is decided once more, now: `renewed ID N` |
/// | `put ID` | a receipt, whether there is one or not: nobody looks |
/// | `date ID` | a receipt that was decided a third of its time ago |
/// | `open ID` | a receipt that nothing is decided about yet, so that it does not end |
/// | `hold ID` | the same, by one who has looked |
/// | `note ID` | a row of another table, which is kept for half the time |
/// | `fail ID` | writes a receipt, and fails |
struct Clerk;

fn say(ctx: &mut Context<'_>, what: &str) -> Result<(), ProcessError> {
    let place = Some(ctx.place());
    ctx.send_output(&Output { to: &SAID, place, key: None, value: Some(what.as_bytes()), headers: &[] })
}

impl Processor for Clerk {
    fn process(&mut self, ctx: &mut Context<'_>, record: &Record<'_>) -> Result<(), ProcessError> {
        let text = String::from_utf8_lossy(record.value.unwrap_or_default()).into_owned();
        let (verb, id) = text.split_once(' ').unwrap_or((&text, ""));
        let (id, decided_ms) = (id.to_owned(), ctx.now_ms());
        match verb {
            "ask" => match ctx.get_kept(&RECEIPTS, &id)? {
                Some(receipt) => say(ctx, &format!("again {id} {}", receipt.number)),
                None => {
                    let number = ctx.get(&LAST, &String::new())?.unwrap_or(0) + 1;
                    ctx.put(&LAST, &String::new(), &number)?;
                    ctx.put_kept(&RECEIPTS, &id, &Receipt { decided_ms, number })?;
                    say(ctx, &format!("new {id} {number}"))
                }
            },
            "renew" => match ctx.get_kept(&RECEIPTS, &id)? {
                Some(receipt) => {
                    ctx.put_kept(&RECEIPTS, &id, &Receipt { decided_ms, ..receipt })?;
                    say(ctx, &format!("renewed {id} {}", receipt.number))
                }
                None => Ok(()),
            },
            "put" => ctx.put_kept(&RECEIPTS, &id, &Receipt { decided_ms, number: 0 }),
            "date" => {
                let number = ctx.get_kept(&RECEIPTS, &id)?.map_or(0, |receipt| receipt.number);
                ctx.put_kept(&RECEIPTS, &id, &Receipt { decided_ms: decided_ms - KEEP_MS / 3, number })
            }
            "open" => ctx.put_kept(&RECEIPTS, &id, &Receipt { decided_ms: i64::MAX, number: 0 }),
            "hold" => {
                ctx.get_kept(&RECEIPTS, &id)?;
                ctx.put_kept(&RECEIPTS, &id, &Receipt { decided_ms: i64::MAX, number: 0 })
            }
            "note" => ctx.put_kept(&NOTES, &id, &Receipt { decided_ms, number: 0 }),
            "fail" => {
                ctx.put_kept(&RECEIPTS, &id, &Receipt { decided_ms, number: 0 })?;
                Err(ProcessError::fail("Unlucky", id))
            }
            _ => Err(ProcessError::refuse("UnknownVerb", text)),
        }
    }
}

pub(crate) fn kept_for(keep_ms: i64) -> Topology {
    Topology::named("clerk")
        .inbox(IN)
        .ends(&RECEIPTS, keep_ms)
        .ends(&NOTES, keep_ms / 2)
        .store(LAST.spec())
        .sink(&SAID)
        .dead_letters(DEAD)
        .processor(|| Box::new(Clerk))
        .build()
        .unwrap()
}

/// A worker that runs it, in one place.
pub(crate) fn driver() -> TestDriver {
    let mut driver = TestDriver::new(&kept_for(KEEP_MS), 1);
    driver.settle();
    driver
}

/// A commit with these records.
pub(crate) fn ask(driver: &mut TestDriver, records: &[&str]) {
    for record in records {
        driver.pipe(IN, Some("k"), record);
    }
    driver.settle();
}

/// A commit with so many asks by ids that begin like this.
pub(crate) fn ask_many(driver: &mut TestDriver, prefix: &str, count: usize) {
    for n in 0..count {
        driver.pipe(IN, Some("k"), &format!("ask {prefix}{n:04}"));
    }
    driver.settle();
}

/// Nothing happens for so long.
pub(crate) fn pass(driver: &TestDriver, ms: i64) {
    driver.clock().advance_us(ms.unsigned_abs() * 1_000);
}

pub(crate) fn view(driver: &TestDriver) -> TaskView {
    driver.queries().task("clerk", 0).unwrap()
}

/// Receipts on the disk, ended or not.
pub(crate) fn stored(task: &TaskView) -> BTreeMap<String, Receipt> {
    let mut stored = BTreeMap::new();
    task.scan(RECEIPTS.stored(), &[], &mut |id, receipt| {
        stored.insert(id, receipt);
        ControlFlow::Continue(())
    })
    .unwrap();
    stored
}

pub(crate) fn stored_ids(driver: &TestDriver) -> Vec<String> {
    stored(&view(driver)).into_keys().collect()
}

/// What the clean-up has before it: the receipts of each chunk, in order.
pub(crate) fn chunks(task: &TaskView) -> Vec<Vec<String>> {
    let mut chunks = Vec::new();
    task.scan_bytes(ending::STORE.id, &[3, RECEIPTS.id().0], &mut |_, chunk| {
        let (mut ids, mut rest) = (Vec::new(), &chunk[1..]);
        while let Some((&len, after)) = rest.split_first() {
            let (key, after) = after.split_at(usize::from(len));
            // A text ends with two bytes of its own.
            ids.push(String::from_utf8_lossy(&key[..key.len() - 2]).into_owned());
            rest = after;
        }
        chunks.push(ids);
        ControlFlow::Continue(())
    })
    .unwrap();
    chunks
}

/// Everything in the stores.
pub(crate) fn dump(task: &TaskView) -> BTreeMap<(u8, Vec<u8>), Vec<u8>> {
    let mut rows = BTreeMap::new();
    for store in kept_for(KEEP_MS).all_stores() {
        let StoreId(number) = store.id;
        task.scan_bytes(store.id, &[], &mut |key, row| {
            rows.insert((number, key.to_vec()), row.to_vec());
            ControlFlow::Continue(())
        })
        .unwrap();
    }
    rows
}

/// Receipts that have a mark that they were put again.
pub(crate) fn marked(task: &TaskView) -> Vec<String> {
    let mut marked = Vec::new();
    task.scan_bytes(ending::STORE.id, &[4, RECEIPTS.id().0], &mut |key, _| {
        marked.push(String::from_utf8_lossy(&key[2..key.len() - 2]).into_owned());
        ControlFlow::Continue(())
    })
    .unwrap();
    marked
}

/// What was said, in order.
pub(crate) fn said(driver: &TestDriver) -> Vec<String> {
    driver.read(OUT).iter().map(holdfast_sim::driver::Out::text).collect()
}

/// Decides without effect until nothing is left to be cleaned up.
pub(crate) fn clean_up(driver: &mut TestDriver) {
    for _ in 0..100 {
        let before = dump(&view(driver)).len();
        ask(driver, &["renew nobody"]);
        if dump(&view(driver)).len() == before {
            return;
        }
    }
    panic!("the clean-up does not end");
}
