//! A process killed in the middle of its work loses nothing that it was told is safe, and leaves no half of a transaction.

use crate::harness::{append, create_plain, generation, read_all};
use holdfast_log_contract::SystemClock;
use holdfast_log_embedded::{EmbeddedConfig, EmbeddedLog};
use holdfast_ports::log::Log;
use holdfast_ports::record::{NewRecord, TopicPartition};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

/// Set for the child.
const DIR: &str = "HOLDFAST_TEST_CRASH_DIR";
const APPENDING: u32 = 3;
const ROUNDS: usize = 5;
/// How many answers the parent sees before it kills.
const ANSWERS: usize = 400;

fn open(dir: &Path) -> Arc<EmbeddedLog> {
    EmbeddedLog::open(EmbeddedConfig::new(dir, Arc::new(SystemClock::new()))).unwrap()
}

#[test]
fn a_killed_process_keeps_its_word() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged: BTreeMap<(u32, i64), String> = BTreeMap::new();
    let mut committed: i64 = 0;
    for _ in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::child_works_until_it_is_killed", "--nocapture"])
            .env(DIR, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut answers = 0;
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        // Also what the child said before it died but after the kill was sent: that counts too.
        while stdout.read_line(&mut line).unwrap() > 0 {
            // A line without its end was cut off by the kill.
            if line.ends_with('\n') {
                match line.split_whitespace().collect::<Vec<_>>()[..] {
                    ["acknowledged", partition, offset, value] => {
                        let at = (partition.parse().unwrap(), offset.parse().unwrap());
                        assert_eq!(acknowledged.insert(at, value.to_owned()), None, "an offset given twice");
                        answers += 1;
                    }
                    ["committed", number] => {
                        committed = number.parse().unwrap();
                        answers += 1;
                    }
                    _ => {}
                }
            }
            if answers == ANSWERS {
                child.kill().unwrap();
            }
            line.clear();
        }
        assert!(answers >= ANSWERS, "the child ended by itself: {:?}", child.wait());
        child.wait().unwrap();

        let log = open(dir.path());
        for partition in 0..APPENDING {
            let found: BTreeMap<_, _> = read_all(&log, "appends", partition)
                .into_iter()
                .map(|read| ((partition, read.offset), read.value.unwrap()))
                .collect();
            let told: BTreeMap<_, _> = acknowledged.range((partition, 0)..(partition + 1, 0)).collect();
            for (at, value) in told {
                assert_eq!(found.get(at), Some(value), "acknowledged at {at:?}");
            }
        }
        let lots: Vec<Vec<_>> = (0..3)
            .map(|partition| {
                read_all(&log, "transactions", partition).into_iter().map(|read| read.value.unwrap()).collect()
            })
            .collect();
        let count = lots[0].len() as i64;
        assert_eq!(lots[0], (1..=count).map(|number| number.to_string()).collect::<Vec<_>>(), "each once, in order");
        assert!(lots[0] == lots[1] && lots[1] == lots[2], "a transaction is in all partitions or in none");
        assert!(count == committed || count == committed + 1, "{count} found of {committed}");
        let position = log.mirrored("app", &[TopicPartition::new("appends", 0)]).unwrap()[0];
        assert_eq!(position, Some(count), "positions go with their transaction");
        committed = count;
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how a child process knows that it is one")]
fn child_works_until_it_is_killed() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let log = open(dir.as_ref());
    create_plain(&log, "appends");
    create_plain(&log, "transactions");
    println!();
    std::thread::scope(|scope| {
        for partition in 0..APPENDING {
            let log = &log;
            scope.spawn(move || {
                for i in 0.. {
                    let value = format!("{partition}-{i}");
                    let appended = append(log, "appends", partition, &value).unwrap();
                    println!("acknowledged {partition} {} {value}", appended.offset);
                }
            });
        }
        let generation = generation(&log, "app");
        let inbox = TopicPartition::new("appends", 0);
        let done = log.mirrored("app", std::slice::from_ref(&inbox)).unwrap()[0].unwrap_or(0);
        let mut writer = log.writer("writer").unwrap();
        for number in done + 1.. {
            let value = number.to_string();
            writer.begin().unwrap();
            for partition in 0..3 {
                let value = Some(value.as_bytes());
                writer.send(&NewRecord { topic: "transactions", partition, key: None, value, headers: &[] }).unwrap();
            }
            writer.commit(&[(inbox.clone(), number)], &generation).unwrap();
            println!("committed {number}");
        }
    });
}
