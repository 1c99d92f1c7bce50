//! Who waits together is synced together.

use crate::harness::{ManualClock, create_plain, generation, manual, read_all};
use holdfast_log_embedded::EmbeddedLog;
use holdfast_ports::log::Log;
use holdfast_ports::record::NewRecord;
use std::sync::{Arc, mpsc};
use std::time::Duration;

#[test]
fn waiting_appends_and_transactions_share_a_sync() {
    let dir = tempfile::tempdir().unwrap();
    let log = EmbeddedLog::open(manual(dir.path(), &Arc::new(ManualClock::default()))).unwrap();
    create_plain(&log, "t");
    let generation = generation(&log, "app");
    let appender = log.appender().unwrap();
    let record = NewRecord { topic: "t", partition: 0, key: None, value: Some(b"x"), headers: &[] };

    // The first answer holds the committer up until 64 more appends and two transactions wait.
    let (open_gate, gate) = mpsc::channel::<()>();
    let (in_answer, held_up) = mpsc::channel();
    appender.append(
        record,
        Box::new(move |_| {
            in_answer.send(()).unwrap();
            gate.recv_timeout(Duration::from_secs(30)).unwrap();
        }),
    );
    held_up.recv_timeout(Duration::from_secs(30)).unwrap();
    assert_eq!(log.syncs(), 1);
    let (answer, answers) = mpsc::channel();
    for _ in 0..64 {
        let answer = answer.clone();
        appender.append(record, Box::new(move |result| answer.send(result.unwrap()).unwrap()));
    }
    std::thread::scope(|scope| {
        let (begun, waiting) = mpsc::channel();
        for name in ["one", "two"] {
            let (log, generation, begun) = (&log, &generation, begun.clone());
            scope.spawn(move || {
                let mut writer = log.writer(name).unwrap();
                writer.begin().unwrap();
                writer.send(&record).unwrap();
                begun.send(()).unwrap();
                writer.commit(&[], generation).unwrap();
            });
        }
        waiting.iter().take(2).for_each(drop);
        open_gate.send(()).unwrap();
    });
    let offsets: Vec<_> = answers.iter().take(64).map(|appended| appended.offset).collect();
    assert_eq!(offsets, (1..=64).collect::<Vec<_>>(), "in order, each answered");
    // A transaction that was about to be queued when the gate opened may come one sync later.
    assert!((2..=4).contains(&log.syncs()), "{} syncs", log.syncs());
    assert_eq!(read_all(&log, "t", 0).len(), 67);
}

#[test]
fn a_transaction_is_one_sync() {
    let dir = tempfile::tempdir().unwrap();
    let log = EmbeddedLog::open(manual(dir.path(), &Arc::new(ManualClock::default()))).unwrap();
    create_plain(&log, "t");
    let generation = generation(&log, "app");
    let mut writer = log.writer("w").unwrap();
    writer.begin().unwrap();
    for i in 0..10_000_u32 {
        let value = i.to_be_bytes();
        let record = NewRecord { topic: "t", partition: i % 3, key: None, value: Some(&value), headers: &[] };
        writer.send(&record).unwrap();
    }
    writer.commit(&[], &generation).unwrap();
    assert_eq!(log.syncs(), 1);
}
