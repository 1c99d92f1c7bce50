//! Dead letters whose cause is mended: requests that are decided when they are put back.

use holdfast_ports::log::Log;
use holdfast_ports::place::place_of;
use holdfast_ports::record::NewRecord;
use std::sync::mpsc;

const INBOX: &str = "coupon-issue-requests";
pub(crate) const DEAD: &str = "coupon-issue-dlq";

/// Appends a letter for each number in `numbers`: a request of user `dead-<number>` under the id `dead-<number>`. Waits until all lie in the log.
pub(crate) fn bury(log: &dyn Log, partitions: u32, numbers: std::ops::Range<u32>) {
    let appender = log.appender().unwrap();
    let home = place_of(b"coupon-1", partitions);
    let (tell, told) = mpsc::channel();
    let count = numbers.len();
    for number in numbers {
        let value = format!(r#"{{"requestId":"dead-{number}","policyId":"1","userId":"dead-{number}"}}"#);
        let headers: &[(&str, &[u8])] = &[
            ("X-Original-Topic", INBOX.as_bytes()),
            ("X-Original-Partition", &home.to_string().into_bytes()),
            ("X-Original-Offset", b"0"),
            ("X-Exception-Class", b"Mended"),
            ("X-Exception-Message", b"Mended: since then"),
            ("X-Failed-Timestamp", b"1772323200000"),
            ("X-Attempts", b"4"),
        ];
        let (key, value) = (Some(&b"coupon-1"[..]), Some(value.as_bytes()));
        let letter = NewRecord { topic: DEAD, partition: home, key, value, headers };
        let tell = tell.clone();
        appender.append(letter, Box::new(move |landed| tell.send(landed.is_ok()).unwrap()));
    }
    drop(tell);
    assert_eq!(told.iter().filter(|landed| *landed).count(), count);
}
