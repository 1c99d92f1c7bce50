//! Dead letters: the original value with headers that say where it came from and why it is here.

use crate::condemned::Verdict;
use crate::header;
use crate::output::Payload;
use crate::process_error::ProcessError;
use crate::record_collector::RecordCollector;
use holdfast_ports::record::{NewRecord, Record, Topic};
use holdfast_ports::store::TaskId;

/// Class of what the log refuses an output of, or refuses itself.
pub const OUTPUT_REFUSED: &str = "OutputRefused";

/// Longest message kept, in bytes: an error may quote the input.
const MESSAGE_BYTES_MAX: usize = 1_000;

/// Where a failing record stood.
pub(crate) struct Failed<'a> {
    pub(crate) source: &'a Topic,
    pub(crate) place: u32,
    pub(crate) now_ms: i64,
    pub(crate) attempts: u32,
}

/// A delayed message that the log refuses.
pub(crate) struct Delayed<'a> {
    pub(crate) by: &'a TaskId,
    pub(crate) due_ms: i64,
    pub(crate) now_ms: i64,
}

/// Puts the dead letter of a delayed `message` into the collector, in the place that had kept it.
pub(crate) fn bury_delayed(
    collector: &mut RecordCollector,
    dead_letters: &Topic,
    delayed: &Delayed<'_>,
    message: &NewRecord<'_>,
    verdict: &Verdict,
) {
    let (due, now, partition) = (delayed.due_ms.to_string(), delayed.now_ms.to_string(), message.partition.to_string());
    let (text, attempts) = (format!("{OUTPUT_REFUSED}: {}", verdict.why), verdict.attempts().to_string());
    let mut headers = message.headers.to_vec();
    headers.extend::<[(&str, &[u8]); 8]>([
        (header::TOPIC, message.topic.as_bytes()),
        (header::PARTITION, partition.as_bytes()),
        (header::CLASS, OUTPUT_REFUSED.as_bytes()),
        (header::MESSAGE, cut(&text).as_bytes()),
        (header::TIMESTAMP, now.as_bytes()),
        (header::ATTEMPTS, attempts.as_bytes()),
        (header::DELAYED_BY, delayed.by.topology.as_bytes()),
        (header::DELAYED_DUE, due.as_bytes()),
    ]);
    let place = delayed.by.place;
    collector.push(dead_letters.clone(), place, &Payload { key: message.key, value: message.value, headers: &headers });
}

/// Puts the dead letter of `record` into the collector, in the same place of `dead_letters` as it came from.
pub(crate) fn bury(
    collector: &mut RecordCollector,
    dead_letters: &Topic,
    failed: &Failed<'_>,
    record: &Record<'_>,
    why: &ProcessError,
) {
    let place = failed.place.to_string();
    let offset = record.offset.to_string();
    let now = failed.now_ms.to_string();
    let attempts = failed.attempts.to_string();
    let message = why.to_string();
    let mut headers: Vec<(&str, &[u8])> = Vec::new();
    record.headers.each(&mut |name, value| {
        // What an earlier burial wrote is replaced: a redriven record names its last failure.
        if !header::is_of_burial(name) {
            headers.push((name, value.unwrap_or_default()));
        }
    });
    headers.extend([
        (header::TOPIC, failed.source.as_bytes()),
        (header::PARTITION, place.as_bytes()),
        (header::OFFSET, offset.as_bytes()),
        (header::CLASS, why.class().as_bytes()),
        (header::MESSAGE, cut(&message).as_bytes()),
        (header::TIMESTAMP, now.as_bytes()),
        (header::ATTEMPTS, attempts.as_bytes()),
    ]);
    collector.push(
        dead_letters.clone(),
        failed.place,
        &Payload { key: record.key, value: record.value, headers: &headers },
    );
}

pub(crate) fn cut(message: &str) -> &str {
    let mut end = message.len().min(MESSAGE_BYTES_MAX);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    &message[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_ports::record::NoHeaders;

    #[test]
    fn a_dead_letter_keeps_the_value_and_says_why() {
        let mut collector = RecordCollector::default();
        let source: Topic = "in".into();
        let record = Record { offset: 7, append_ms: 1, key: Some(b"k"), value: Some(b"\xff\xfe"), headers: &NoHeaders };
        let failed = Failed { source: &source, place: 2, now_ms: 99, attempts: 4 };
        bury(&mut collector, &"in-dlq".into(), &failed, &record, &ProcessError::fail("Boom", "no luck"));
        let mut seen = Vec::new();
        collector
            .each::<()>(|_, out| {
                assert_eq!((out.topic, out.partition, out.key, out.value), ("in-dlq", 2, record.key, record.value));
                seen.extend(out.headers.iter().map(|(k, v)| format!("{k}={}", String::from_utf8_lossy(v))));
                Ok(())
            })
            .unwrap();
        assert_eq!(
            seen,
            [
                "X-Original-Topic=in",
                "X-Original-Partition=2",
                "X-Original-Offset=7",
                "X-Exception-Class=Boom",
                "X-Exception-Message=Boom: no luck",
                "X-Failed-Timestamp=99",
                "X-Attempts=4"
            ]
        );
    }

    #[test]
    fn a_second_burial_keeps_who_has_put_the_record_back_and_when() {
        let mut collector = RecordCollector::default();
        let (source, text) =
            ("in".into(), |name: &str, value: &str| (name.to_owned(), Some(value.as_bytes().to_vec())));
        let headers = vec![
            text("ce_id", "e"),
            text("X-Original-Topic", "in"),
            text("X-Original-Partition", "2"),
            text("X-Original-Offset", "7"),
            text("X-Redrive-Attempt", "1"),
            text("X-Redriven-By", "kim"),
            text("X-Redriven-At", "50"),
            text("X-Redriven-From", "in-dlq-2-0"),
        ];
        let record = Record { offset: 9, append_ms: 60, key: None, value: None, headers: &headers };
        let failed = Failed { source: &source, place: 2, now_ms: 99, attempts: 1 };
        bury(&mut collector, &"in-dlq".into(), &failed, &record, &ProcessError::refuse("Bad", "still"));
        let mut names = Vec::new();
        collector
            .each::<()>(|_, out| {
                names.extend(out.headers.iter().map(|(k, v)| format!("{k}={}", String::from_utf8_lossy(v))));
                Ok(())
            })
            .unwrap();
        let kept =
            ["ce_id=e", "X-Redrive-Attempt=1", "X-Redriven-By=kim", "X-Redriven-At=50", "X-Redriven-From=in-dlq-2-0"];
        assert_eq!(names[..5], kept);
        assert_eq!(names[5..8], ["X-Original-Topic=in", "X-Original-Partition=2", "X-Original-Offset=9"]);
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let long = "가".repeat(1_000);
        assert!(cut(&long).len() <= MESSAGE_BYTES_MAX);
        assert!(long.starts_with(cut(&long)));
    }
}
