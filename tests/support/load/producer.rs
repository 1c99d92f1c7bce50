//! Anybody's producer: both shapes, the same event twice, no keys, garbage.

use super::Load;
use crate::support::dice::Dice;
use crate::support::ledger::Acknowledged;
use crate::support::topics::{self, INBOX, PARTITIONS};
use crate::support::wait;
use holdfast_ports::log::{AppendError, Appender};
use holdfast_ports::place::place_of;
use holdfast_ports::record::NewRecord;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

/// Between two records: brokers on a small machine need not be drowned.
const PAUSE: Duration = Duration::from_millis(4);

pub(super) fn run(load: &Load<'_>, brokers: &str, done: &AtomicBool) {
    let log = topics::kafka(brokers);
    let appender = log.appender().unwrap();
    let mut dice = Dice::new(4_242);
    let mut n = 0_u64;
    let append = |partition: u32, key: Option<&[u8]>, value: &str| {
        while !done.load(Ordering::SeqCst) {
            match attempt(&*appender, partition, key, value.as_bytes()) {
                Ok(offset) => {
                    let value = value.as_bytes().to_vec();
                    load.ledger.acknowledged.lock().unwrap().push(Acknowledged { partition, offset, value });
                    return;
                }
                // The same event again: at worst it is there twice.
                Err(AppendError::Unavailable(_) | AppendError::Denied(_) | AppendError::Unknown(_)) => {}
                Err(error) => return load.ledger.surprise(format!("producer: {error}")),
            }
        }
    };
    while !done.load(Ordering::SeqCst) {
        n += 1;
        let nth = dice.below(load.sale.policies.len() as u64);
        let policy = &load.sale.policies[usize::try_from(nth).unwrap()].0;
        let user = dice.below(load.sale.users);
        let key = format!("coupon-{policy}");
        let home = place_of(key.as_bytes(), PARTITIONS);
        let key = Some(key.as_bytes());
        let s4 = format!(r#"{{"eventId":"evt-{n}","policyId":"{policy}","userId":"u{user}","requestedAt":{n}}}"#);
        match dice.below(12) {
            0 => append(home, None, "{\"policyId\":"),
            1 => append((home + 1) % PARTITIONS, None, &s4),
            2 | 3 => {
                append(home, key, &s4);
                append(home, key, &s4);
            }
            4 => append(
                home,
                key,
                &format!(
                    r#"{{"eventId":"evt-{n}","userId":"u{user}","couponId":"{policy}","timestamp":{n},"version":1}}"#
                ),
            ),
            _ => append(home, key, &s4),
        }
        wait::pass(PAUSE);
    }
}

fn attempt(appender: &dyn Appender, partition: u32, key: Option<&[u8]>, value: &[u8]) -> Result<i64, AppendError> {
    let (tell, told) = mpsc::channel();
    let record = NewRecord { topic: INBOX, partition, key, value: Some(value), headers: &[] };
    appender.append(record, Box::new(move |result| tell.send(result).unwrap()));
    told.recv().unwrap().map(|appended| appended.offset)
}
