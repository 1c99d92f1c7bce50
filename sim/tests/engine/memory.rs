//! A transaction holds so many bytes and no more, however large the records are that come.

use holdfast_engine::prelude::{Context, NewEffect, Output, ProcessError, Processor, Sink, Table, Topology};
use holdfast_engine::runtime::CommitConfig;
use holdfast_ports::record::{NewRecord, Record};
use holdfast_sim::TestDriver;
use std::collections::BTreeMap;

const IN: &str = "parcels";
const OUT: &str = "shipped";
static SHIPPED: Sink = Sink::to(OUT);
const DEAD: &str = "parcels-dlq";
const ROWS: Table<String, Vec<u8>> = Table::new(16, "rows");
const LIMIT: u64 = CommitConfig::EMBEDDED.bytes_max;
/// Nearly what the log takes.
const VALUE_BYTES: usize = 1_000_000;
/// Records of that size: many times the limit of a transaction, and less than one fetch.
const RECORDS: usize = 48;

/// Does with the value of a record what its key says before the colon.
struct Keeper;

impl Processor for Keeper {
    fn process(&mut self, ctx: &mut Context<'_>, record: &Record<'_>) -> Result<(), ProcessError> {
        let key = String::from_utf8_lossy(record.key.unwrap_or_default()).into_owned();
        let value = record.value.unwrap_or_default();
        let output = Output { to: &SHIPPED, place: None, key: record.key, value: Some(value), headers: &[] };
        match key.split_once(':').unwrap_or_default() {
            ("row", name) => ctx.put(&ROWS, &name.to_owned(), &value.to_vec()),
            ("same row", _) => ctx.put(&ROWS, &"one".to_owned(), &value.to_vec()),
            ("send", _) => ctx.send_output(&output),
            ("later", _) => ctx.send_at(ctx.now_ms() + 1_000, &output).map(drop),
            ("effect", _) => {
                ctx.effect(&NewEffect { channel: "phone", urgency: 0, key: b"", payload: value }).map(drop)
            }
            _ => Err(ProcessError::refuse("InvalidTopology", key)),
        }
    }
}

fn driver(places: u32) -> TestDriver {
    let topology = Topology::named("keeper")
        .inbox(IN)
        .store(ROWS.spec())
        .sink(&SHIPPED)
        .dead_letters(DEAD)
        .effects()
        .processor(|| Box::new(Keeper))
        .build()
        .unwrap();
    let mut driver = TestDriver::new(&topology, places);
    driver.settle();
    driver
}

fn pipe(driver: &mut TestDriver, partition: u32, verb: &str, records: usize) {
    let value = vec![b'x'; VALUE_BYTES];
    for n in 0..records {
        let key = format!("{verb}:{n}");
        driver.append(&NewRecord {
            topic: IN,
            partition,
            key: Some(key.as_bytes()),
            value: Some(&value),
            headers: &[],
        });
    }
}

/// Bytes of the values in each transaction that wrote to `topic`: between two transactions lies the marker of the first.
fn transactions(driver: &TestDriver, topic: &str) -> Vec<u64> {
    let mut sizes = Vec::new();
    let mut last = BTreeMap::new();
    for out in driver.read(topic) {
        let bytes = out.record.value.map_or(0, |value| value.len()) as u64;
        let follows = last.insert(out.partition, out.offset) == Some(out.offset - 1);
        match sizes.last_mut() {
            Some(size) if follows => *size += bytes,
            _ => sizes.push(bytes),
        }
    }
    sizes
}

/// Whatever is done with the values: the limit is passed by one record at most.
fn assert_bounded(what: &str, sizes: &[u64]) {
    let bytes: u64 = sizes.iter().sum();
    assert!(bytes >= (RECORDS * VALUE_BYTES) as u64, "{what}: {bytes} bytes in all");
    let largest = sizes.iter().max().copied().unwrap_or_default();
    assert!(largest <= LIMIT + VALUE_BYTES as u64 + 1_000, "{what}: {largest} bytes in one transaction, of {sizes:?}");
    assert!(sizes.len() as u64 <= bytes / LIMIT + 2, "{what}: small transactions, {sizes:?}");
}

#[test]
fn a_transaction_holds_its_limit_and_one_record_whatever_is_done_with_them() {
    for (verb, topic) in [
        ("row", "sim-keeper-changelog"),
        ("later", "sim-keeper-changelog"),
        ("effect", "sim-keeper-changelog"),
        ("send", OUT),
        ("nonsense", DEAD),
    ] {
        let mut driver = driver(1);
        pipe(&mut driver, 0, verb, RECORDS);
        driver.settle();
        assert_bounded(verb, &transactions(&driver, topic));
    }
}

/// What was written over lies in the overlay until the commit, though the changelog shows the last write alone.
#[test]
fn a_row_that_is_written_again_and_again_counts_each_time() {
    let mut driver = driver(1);
    let before = driver.log().commits();
    pipe(&mut driver, 0, "same row", RECORDS);
    driver.settle();
    let (commits, least) =
        (driver.log().commits() - before, (RECORDS * VALUE_BYTES) as u64 / (LIMIT + VALUE_BYTES as u64));
    assert!(commits >= least, "{commits} commits, {least} at least");
}

#[test]
fn tasks_of_one_transaction_count_together() {
    let mut driver = driver(4);
    for place in 0..4 {
        pipe(&mut driver, place, "row", RECORDS / 4);
    }
    let (mut commits, mut decided, mut largest) = (driver.log().commits(), 0, 0);
    while decided < (RECORDS * VALUE_BYTES) as u64 {
        let before = commits;
        while commits == before {
            driver.step();
            commits = driver.log().commits();
        }
        let now: u64 = transactions(&driver, "sim-keeper-changelog").iter().sum();
        largest = largest.max((now - decided) / (commits - before));
        decided = now;
    }
    assert!(largest <= LIMIT + VALUE_BYTES as u64 + 1_000, "{largest} bytes in one transaction");
}

/// While a commit is under way another transaction is filled, and when that is full, the first is waited for.
#[test]
fn beside_a_commit_one_more_is_filled_and_not_two() {
    let mut driver = driver(1);
    driver.commit_beside(1_000);
    driver.settle();
    pipe(&mut driver, 0, "row", RECORDS);
    driver.settle();
    assert_bounded("beside", &transactions(&driver, "sim-keeper-changelog"));
}

#[test]
fn messages_that_fall_due_together_are_sent_in_several_transactions() {
    let mut driver = driver(1);
    pipe(&mut driver, 0, "later", RECORDS);
    driver.settle();
    driver.advance_ms(2_000);
    assert_bounded("due", &transactions(&driver, OUT));
}

/// Large records that keep coming fill every transaction by themselves.
#[test]
fn a_message_that_is_due_does_not_wait_behind_large_records() {
    let mut driver = driver(1);
    pipe(&mut driver, 0, "later", 1);
    driver.settle();
    driver.clock().advance_us(2_000_000);
    pipe(&mut driver, 0, "row", RECORDS);
    let mut steps = 0;
    while driver.read(OUT).is_empty() {
        driver.step();
        steps += 1;
        assert!(steps < 4, "not sent after {steps} steps");
    }
}

/// A restore has its own limit, and comes to the same rows.
#[test]
fn large_rows_are_restored() {
    let mut driver = driver(1);
    pipe(&mut driver, 0, "row", RECORDS);
    driver.settle();
    driver.lose_disk();
    let task = driver.queries().task("keeper", 0).unwrap();
    for n in 0..RECORDS {
        let row = task.get(&ROWS, &n.to_string()).unwrap();
        assert_eq!(row.map(|row| row.len()), Some(VALUE_BYTES), "{n}");
    }
}
