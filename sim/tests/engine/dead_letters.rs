//! Records that cannot be processed go to the dead letters with their reason, and the worker goes on.

use crate::tally::{COUNTS, DEAD, IN, driver, out};
use holdfast_engine::ports::record::NewRecord;
use holdfast_sim::memory_log::RECORD_BYTES_MAX;

#[test]
fn each_kind_of_failure_is_buried_with_its_reason_and_attempts() {
    for (value, class, attempts) in [
        ("refuse nonsense", "Nonsense", "1"),
        ("fail always", "Unlucky", "4"),
        ("panic on purpose", "Panic", "4"),
        ("what is this", "UnknownVerb", "1"),
        ("huge", "OutputRefused", "1"),
        ("vast", "OutputRefused", "1"),
    ] {
        let mut driver = driver(1);
        driver.settle();
        driver.pipe(IN, Some("a"), "count a");
        let bad = driver.pipe(IN, Some("k"), value);
        driver.pipe(IN, Some("a"), "count a");
        driver.settle();
        let letters = driver.read(DEAD);
        assert_eq!(letters.len(), 1, "{value}");
        let letter = &letters[0];
        assert_eq!((letter.text(), letter.key()), (value.to_owned(), "k".to_owned()));
        assert_eq!(letter.header("X-Exception-Class").unwrap(), class, "{value}");
        assert_eq!(letter.header("X-Attempts").unwrap(), attempts, "{value}");
        assert_eq!(letter.header("X-Original-Topic").unwrap(), IN);
        assert_eq!(letter.header("X-Original-Offset").unwrap(), bad.offset.to_string());
        assert_eq!(out(&driver), ["a=1", "a=2"], "{value}: what failed left nothing behind, and the rest went on");
        let view = driver.queries().task("tally", 0).unwrap();
        assert_eq!(view.get(&COUNTS, &"half".to_owned()).unwrap(), None);
    }
}

/// Those of one transaction, which are all refused again whenever one of them is not buried yet.
#[test]
fn several_whose_outputs_are_refused_are_all_buried() {
    for values in [["huge", "huge", "huge"], ["vast", "vast", "vast"], ["vast", "huge", "vast"]] {
        let mut driver = driver(1);
        driver.settle();
        driver.pipe(IN, Some("a"), "count a");
        for value in values {
            driver.pipe(IN, Some("k"), value);
            driver.pipe(IN, Some("a"), "count a");
        }
        driver.settle();
        let buried: Vec<_> = driver.read(DEAD).iter().map(|letter| letter.text()).collect();
        assert_eq!(buried, values);
        assert_eq!(out(&driver), ["a=1", "a=2", "a=3", "a=4"], "{values:?}");
    }
}

#[test]
fn those_that_are_too_large_as_letters_are_buried_without_their_value() {
    // With headers they are more than the log takes.
    for bytes in [RECORD_BYTES_MAX - 8, RECORD_BYTES_MAX - 7] {
        let mut driver = driver(1);
        driver.settle();
        let (even_and_odd, value) = ([bytes, bytes - 1], vec![b'?'; bytes]);
        for bytes in even_and_odd {
            driver.append(&NewRecord {
                topic: IN,
                partition: 0,
                key: Some(b"k"),
                value: Some(&value[..bytes]),
                headers: &[],
            });
        }
        driver.pipe(IN, Some("a"), "count a");
        driver.settle();
        let letters = driver.read(DEAD);
        assert_eq!(letters.iter().map(|letter| letter.record.value.is_none()).collect::<Vec<_>>(), [true, true]);
        assert_eq!(out(&driver), ["a=1"]);
    }
}

#[test]
fn a_record_forwarded_twice_is_buried() {
    let mut driver = driver(3);
    driver.settle();
    let foreign = (holdfast_engine::ports::place::place_of(b"a", 3) + 1) % 3;
    let headers: &[(&str, &[u8])] = &[("x-origin", b"words-0-0")];
    driver.append(&NewRecord { topic: IN, partition: foreign, key: None, value: Some(b"count a"), headers });
    driver.settle();
    assert_eq!(driver.read(DEAD)[0].header("X-Exception-Class").unwrap(), "Misplaced");
}

#[test]
fn no_value_and_invalid_utf8_do_not_stop_the_worker() {
    let mut driver = driver(1);
    driver.settle();
    driver.append(&NewRecord { topic: IN, partition: 0, key: None, value: None, headers: &[] });
    driver.append(&NewRecord { topic: IN, partition: 0, key: Some(&[0xff]), value: Some(&[0xff, 0xfe]), headers: &[] });
    driver.pipe(IN, Some("a"), "count a");
    driver.settle();
    assert_eq!(driver.read(DEAD).len(), 2);
    assert_eq!(driver.read(DEAD)[1].record.value.as_deref(), Some(&[0xff, 0xfe][..]));
    assert_eq!(out(&driver), ["a=1"]);
}
