//! After a failed write the log refuses everything and says why.

use crate::harness::{ManualClock, append, create_plain, generation, manual, read_all};
use holdfast_log_embedded::EmbeddedLog;
use holdfast_ports::log::{AppendError, Health, Log, LogError, Start, WriteError};
use holdfast_ports::record::{NewRecord, TopicPartition};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

fn record(topic: &str) -> NewRecord<'_> {
    NewRecord { topic, partition: 0, key: None, value: Some(b"x"), headers: &[] }
}

#[test]
fn after_a_failed_sync_everything_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let log = EmbeddedLog::open(manual(dir.path(), &clock)).unwrap();
    create_plain(&log, "t");
    append(&log, "t", 0, "before").unwrap();
    let generation = generation(&log, "app");
    let mut writer = log.writer("w").unwrap();
    writer.begin().unwrap();
    writer.send(&record("t")).unwrap();
    let mut fetcher = log.fetcher().unwrap();
    fetcher.assign(&TopicPartition::new("t", 1), Start::Earliest).unwrap();

    let failed = std::thread::scope(|scope| {
        // A reader that waits learns of it at once.
        let waiting =
            scope.spawn(|| fetcher.wait(Duration::from_secs(60)).and_then(|()| fetcher.wait(Duration::from_secs(60))));
        log.fail_next_sync("No space left on device");
        let failed = append(&log, "t", 0, "in doubt");
        assert!(matches!(waiting.join().unwrap(), Err(LogError::Fatal(_))));
        failed
    });
    assert!(matches!(&failed, Err(AppendError::Unknown(why)) if why.contains("No space left")), "{failed:?}");
    let Health::Down { why } = log.health() else { panic!("still up") };
    assert!(why.contains("the disk is full") && why.contains("No space left on device"), "{why}");

    assert!(matches!(append(&log, "t", 0, "later"), Err(AppendError::Unavailable(_))));
    assert!(matches!(writer.send(&record("t")), Err(WriteError::Fatal(_))));
    assert!(matches!(writer.commit(&[], &generation), Err(WriteError::Fatal(_))));
    assert!(matches!(writer.begin(), Err(WriteError::Fatal(_))));
    assert!(matches!(log.writer("w").map(drop), Err(LogError::Fatal(_))));
    assert!(matches!(log.mirror("g", &[(TopicPartition::new("t", 0), 1)]), Err(LogError::Fatal(_))));
    assert!(matches!(fetcher.fetch(1, &mut |_, _| unreachable!()), Err(LogError::Fatal(_))));
    assert!(matches!(log.maintain(0), Err(LogError::Fatal(_))));

    // Opened again, it shows what is really there.
    drop((writer, fetcher, log));
    let log = EmbeddedLog::open(manual(dir.path(), &clock)).unwrap();
    assert_eq!(log.health(), Health::Up);
    assert_eq!(read_all(&log, "t", 0).len(), 1);
    append(&log, "t", 0, "after").unwrap();
}

#[test]
fn a_transaction_whose_sync_fails_is_fatal() {
    let dir = tempfile::tempdir().unwrap();
    let log = EmbeddedLog::open(manual(dir.path(), &Arc::new(ManualClock::default()))).unwrap();
    create_plain(&log, "t");
    let generation = generation(&log, "app");
    let mut writer = log.writer("w").unwrap();
    writer.begin().unwrap();
    writer.send(&record("t")).unwrap();
    log.fail_next_sync("input/output error");
    assert!(
        matches!(writer.commit(&[], &generation), Err(WriteError::Fatal(why)) if why.contains("input/output error"))
    );
}

/// Set for the child of the test below.
const DIR: &str = "HOLDFAST_TEST_FULL_DISK_DIR";

/// The disk refuses a write for real: a process that may write files of a few MiB only.
#[test]
fn a_disk_that_takes_no_more_stops_the_log_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let child = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 8192; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "poison::child_fills_the_disk", "--nocapture"])
        .env(DIR, dir.path())
        .stdout(Stdio::piped())
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&child.stdout);
    let acknowledged: usize = stdout
        .lines()
        .find_map(|line| line.strip_prefix("acknowledged "))
        .unwrap_or_else(|| panic!("no report: {stdout}"))
        .parse()
        .unwrap();
    assert!(acknowledged > 10, "{stdout}");

    let clock = Arc::new(ManualClock::default());
    let log = EmbeddedLog::open(manual(dir.path(), &clock)).unwrap();
    let found = read_all(&log, "t", 0).len();
    assert!(found == acknowledged || found == acknowledged + 1, "{found} found of {acknowledged}");
    append(&log, "t", 0, "there is room again").unwrap();
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how a child process knows that it is one")]
fn child_fills_the_disk() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let log = EmbeddedLog::open(manual(dir.as_ref(), &Arc::new(ManualClock::default()))).unwrap();
    create_plain(&log, "t");
    let value = "x".repeat(16 << 10);
    let mut acknowledged = 0;
    let failed = loop {
        match append(&log, "t", 0, &value) {
            Ok(_) => acknowledged += 1,
            Err(failed) => break failed,
        }
    };
    assert!(matches!(failed, AppendError::Unknown(_)), "{failed}");
    assert!(matches!(append(&log, "t", 0, "x"), Err(AppendError::Unavailable(_))));
    assert!(matches!(log.health(), Health::Down { .. }));
    println!("\nacknowledged {acknowledged}");
}
