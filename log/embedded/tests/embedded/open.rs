//! Opening and closing.

use crate::harness::{ManualClock, append, create_plain, manual, read_all};
use holdfast_log_embedded::EmbeddedLog;
use holdfast_ports::log::{Log, LogError, Start};
use holdfast_ports::record::TopicPartition;
use std::sync::Arc;
use std::time::Duration;

#[test]
fn a_directory_in_use_is_refused_and_free_after_the_drop() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let first = EmbeddedLog::open(manual(dir.path(), &clock)).unwrap();
    create_plain(&first, "t");
    append(&first, "t", 0, "kept").unwrap();
    let Err(LogError::Fatal(refused)) = EmbeddedLog::open(manual(dir.path(), &clock)).map(drop) else {
        panic!("not refused");
    };
    assert!(refused.contains(&dir.path().display().to_string()) && refused.contains("another process"), "{refused}");
    for _ in 0..3 {
        drop(first.appender().unwrap());
    }
    drop(first);
    for _ in 0..3 {
        let again = EmbeddedLog::open(manual(dir.path(), &clock)).unwrap();
        assert_eq!(read_all(&again, "t", 0).len(), 1);
    }
}

#[test]
fn a_closed_log_says_so_to_the_hands_that_are_left() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let log = EmbeddedLog::open(manual(dir.path(), &clock)).unwrap();
    create_plain(&log, "t");
    let appender = log.appender().unwrap();
    let mut fetcher = log.fetcher().unwrap();
    fetcher.assign(&TopicPartition::new("t", 0), Start::Earliest).unwrap();
    append(&log, "t", 0, "before").unwrap();
    drop(log);

    let (answer, answered) = std::sync::mpsc::channel();
    let record =
        holdfast_ports::record::NewRecord { topic: "t", partition: 0, key: None, value: Some(b"after"), headers: &[] };
    appender.append(record, Box::new(move |result| answer.send(result).unwrap()));
    let refused = answered.recv_timeout(Duration::from_secs(30)).unwrap().unwrap_err();
    assert!(refused.to_string().contains("closed"), "{refused}");
    assert_eq!(crate::harness::read(&mut *fetcher).len(), 1);
}

#[test]
fn what_was_queued_is_finished_before_the_log_closes() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let log = EmbeddedLog::open(manual(dir.path(), &clock)).unwrap();
    create_plain(&log, "t");
    let (answer, answers) = std::sync::mpsc::channel();
    {
        let appender = log.appender().unwrap();
        for _ in 0..500 {
            let answer = answer.clone();
            let record = holdfast_ports::record::NewRecord {
                topic: "t",
                partition: 0,
                key: None,
                value: Some(b"x"),
                headers: &[],
            };
            appender.append(record, Box::new(move |result| answer.send(result).unwrap()));
        }
    }
    drop((log, answer));
    assert_eq!(answers.iter().filter(Result::is_ok).count(), 500);
    let log = EmbeddedLog::open(manual(dir.path(), &clock)).unwrap();
    assert_eq!(read_all(&log, "t", 0).len(), 500);
}
