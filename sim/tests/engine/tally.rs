//! A small topology that uses every verb: it counts words and obeys a few commands.

use holdfast_engine::prelude::{Context, DelayedId, NewEffect, Output, ProcessError, Processor, Sink, Table, Topology};
use holdfast_ports::record::Record;
use holdfast_sim::TestDriver;

pub(crate) const IN: &str = "words";
pub(crate) const OUT: &str = "counts";
pub(crate) const OUTCOMES: &str = "outcomes";
pub(crate) const DEAD: &str = "words-dlq";
static COUNTED: Sink = Sink::to(OUT);
static DECIDED: Sink = Sink::to(OUTCOMES);
pub(crate) const COUNTS: Table<String, u64> = Table::new(16, "counts");
pub(crate) const HOARD: Table<String, String> = Table::new(18, "hoard");
pub(crate) const ALARMS: Table<String, DelayedId> = Table::new(17, "alarms");

struct Tally;

impl Tally {
    /// A message to OUT a second after the record.
    fn later(ctx: &mut Context<'_>, place: Option<u32>, key: &str, value: &[u8]) -> Result<(), ProcessError> {
        let headers: &[(&str, &[u8])] = &[("h", b"kept")];
        let output = Output { to: &COUNTED, place, key: Some(key.as_bytes()), value: Some(value), headers };
        ctx.send_at(ctx.now_ms() + 1_000, &output).map(|_| ())
    }
}

impl Processor for Tally {
    fn process(&mut self, ctx: &mut Context<'_>, record: &Record<'_>) -> Result<(), ProcessError> {
        let text =
            record.value.map(String::from_utf8_lossy).ok_or_else(|| ProcessError::refuse("NoValue", "no value"))?;
        let (verb, rest) = text.split_once(' ').unwrap_or((&text, ""));
        match verb {
            "count" => {
                let key = record.key.unwrap_or(rest.as_bytes());
                if ctx.place_of(key) != ctx.place() {
                    return ctx.forward(record, key);
                }
                let count = ctx.get(&COUNTS, &rest.to_owned())?.unwrap_or(0) + 1;
                ctx.put(&COUNTS, &rest.to_owned(), &count)?;
                ctx.send(&COUNTED, rest.as_bytes(), format!("{rest}={count}").as_bytes())
            }
            // "remind NAME MS": one reminder that many ms after this record.
            "remind" => {
                let (name, ms) = rest.split_once(' ').unwrap_or((rest, "0"));
                let due_ms = ctx.now_ms() + ms.parse::<i64>().unwrap_or(0);
                let value = format!("due {due_ms}");
                let output = Output {
                    to: &COUNTED,
                    place: None,
                    key: Some(name.as_bytes()),
                    value: Some(value.as_bytes()),
                    headers: &[],
                };
                let id = ctx.send_at(due_ms, &output)?;
                ctx.put(&ALARMS, &name.to_owned(), &id)
            }
            "forget" => match ctx.get(&ALARMS, &rest.to_owned())? {
                Some(id) => ctx.cancel(id),
                None => Ok(()),
            },
            "call" => {
                ctx.effect(&NewEffect { channel: "phone", urgency: 0, key: b"k", payload: rest.as_bytes() })?;
                Ok(())
            }
            "answered" => ctx.send(&COUNTED, b"answer", rest.as_bytes()),
            "refuse" => Err(ProcessError::refuse("InvalidTopology", rest.to_owned())),
            "fail" => {
                // What it wrote before it failed must be gone.
                ctx.put(&COUNTS, &"half".to_owned(), &1)?;
                ctx.send(&COUNTED, b"half", b"half")?;
                ctx.send_at(0, &Output { to: &COUNTED, place: None, key: None, value: Some(b"half"), headers: &[] })?;
                Err(ProcessError::fail("Unlucky", rest.to_owned()))
            }
            "panic" => panic!("{rest}"),
            // The simulated log refuses an even number of bytes when they come, an odd one when the transaction is to
            // end, every other of these without
            // a name.
            "huge" => ctx.send(&COUNTED, b"even", &vec![b'x'; 2 << 20]),
            "vast" => ctx.send(&COUNTED, b"o", &vec![b'x'; 2 << 20]),
            "vague" => ctx.send(&COUNTED, b"odd", &vec![b'x'; 2 << 20]),
            // "hoard BYTES": a row that is too large for the changelog.
            "hoard" => {
                ctx.put(&HOARD, &rest.to_owned(), &"x".repeat(rest.parse().unwrap_or(0)))?;
                ctx.send(&COUNTED, b"hoard", b"hoarded")
            }
            // "remind-large KEY": a message of 5,000 bytes and a few.
            "remind-large" => Self::later(ctx, None, rest, &[b'x'; 5_000]),
            // "remind-nowhere TEXT": a message to a place that is not there.
            "remind-nowhere" => Self::later(ctx, Some(99), "key", rest.as_bytes()),
            other => Err(ProcessError::refuse("UnknownVerb", other.to_owned())),
        }
    }

    /// As shops do: what was accepted and cannot be decided has an outcome, what was refused has none.
    fn on_dead_letter(
        &mut self,
        ctx: &mut Context<'_>,
        record: &Record<'_>,
        why: &ProcessError,
    ) -> Result<(), ProcessError> {
        let value = record.value.unwrap_or_default();
        if matches!(why, ProcessError::Refuse { .. }) || why.class() != "OutputRefused" {
            return Ok(());
        }
        match value {
            // An outcome that the log refuses, too.
            b"huge outcome" => ctx.send(&COUNTED, b"even", &vec![b'x'; 2 << 20]),
            _ => ctx.send(&DECIDED, b"outcome", &value[..value.len().min(100)]),
        }
    }
}

pub(crate) fn topology() -> Topology {
    Topology::named("tally")
        .inbox(IN)
        .store(COUNTS.spec())
        .store(ALARMS.spec())
        .store(HOARD.spec())
        .sink(&COUNTED)
        .sink(&DECIDED)
        .dead_letters(DEAD)
        .effects()
        .processor(|| Box::new(Tally))
        .build()
        .unwrap()
}

pub(crate) fn driver(places: u32) -> TestDriver {
    TestDriver::new(&topology(), places)
}

/// Values of OUT, sorted: partitions have no order between them.
pub(crate) fn out(driver: &TestDriver) -> Vec<String> {
    let mut values: Vec<String> = driver.read(OUT).iter().map(holdfast_sim::driver::Out::text).collect();
    values.sort();
    values
}

pub(crate) fn count_of(driver: &TestDriver, word: &str, places: u32) -> Option<u64> {
    let place = holdfast_ports::place::place_of(word.as_bytes(), places);
    driver.queries().task("tally", place).unwrap().get(&COUNTS, &word.to_owned()).unwrap()
}
