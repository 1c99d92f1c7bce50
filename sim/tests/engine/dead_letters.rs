//! Records that cannot be processed go to the dead letters with their reason, and the worker goes on.

use crate::tally::{COUNTS, DEAD, IN, OUT, OUTCOMES, driver, out};
use holdfast_ports::record::NewRecord;
use holdfast_sim::memory_log::RECORD_BYTES_MAX;

#[test]
fn each_kind_of_failure_is_buried_with_its_reason_and_attempts() {
    for (value, class, attempts) in [
        ("refuse nonsense", "InvalidTopology", "1"),
        ("fail always", "Unlucky", "4"),
        ("panic on purpose", "Panic", "4"),
        ("what is this", "UnknownVerb", "1"),
        ("huge", "OutputRefused", "1"),
        ("vast", "OutputRefused", "1"),
        ("vague", "OutputRefused", "1"),
        ("hoard 2000000", "OutputRefused", "1"),
        ("hoard 2000001", "OutputRefused", "1"),
        ("hoard 2000003", "OutputRefused", "1"),
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
    for values in [
        ["huge", "huge", "huge"],
        ["vast", "vast", "vast"],
        ["vast", "huge", "vast"],
        ["vague", "vague", "vague"],
        ["vague", "hoard 2000000", "huge"],
    ] {
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

/// The log does not say which of many it refuses: those beside it are decided as ever.
#[test]
fn one_that_the_log_does_not_name_is_found_among_many() {
    let mut driver = driver(2);
    driver.settle();
    for nth in 0..200 {
        driver.pipe(IN, Some("a"), "count a");
        if nth == 77 {
            driver.pipe(IN, Some("k"), "vague");
        }
    }
    driver.settle();
    assert_eq!(driver.read(DEAD).iter().map(|letter| letter.text()).collect::<Vec<_>>(), ["vague"]);
    assert_eq!(out(&driver).len(), 200);
}

/// It was accepted, and the log's limits are not its fault.
#[test]
fn what_the_log_refuses_has_an_outcome_unless_that_is_refused_too() {
    let mut driver = driver(1);
    driver.settle();
    for value in ["huge", "huge outcome", "vague"] {
        driver.pipe(IN, Some("k"), value);
    }
    driver.pipe(IN, Some("a"), "count a");
    driver.settle();
    let outcomes: Vec<_> = driver.read(OUTCOMES).iter().map(|outcome| outcome.text()).collect();
    assert_eq!(outcomes, ["huge", "vague"]);
    let mut letters: Vec<_> = driver
        .read(DEAD)
        .iter()
        .map(|letter| (letter.record.value.clone(), letter.header("X-Attempts").unwrap()))
        .collect();
    letters.sort();
    let one = |value: &str, attempts: &str| (Some(value.as_bytes().to_vec()), attempts.to_owned());
    assert_eq!(letters, [(None, "3".to_owned()), one("huge", "1"), one("vague", "1")]);
    assert_eq!(out(&driver), ["a=1"]);
}

/// It is nobody's output any more when it is due: it goes to the dead letters itself, and the worker goes on.
#[test]
fn a_delayed_message_that_the_log_refuses_is_buried() {
    let mut driver = driver(1);
    for topic in [OUT, DEAD] {
        driver.log().set_bytes_max(topic, 1_000);
    }
    driver.settle();
    // 5,006, 5,007 and 5,009 bytes: refused at once, without a name, and at the end.
    for key in ["a", "bb", "dddd"] {
        driver.pipe(IN, Some("k"), &format!("remind-large {key}"));
        driver.pipe(IN, Some("k"), "remind-nowhere text");
        driver.pipe(IN, Some("k"), "remind fine 1000");
        driver.settle();
        let before = (driver.read(DEAD).len(), driver.read(OUT).len());
        driver.advance_ms(5_000);
        driver.pipe(IN, Some("a"), "count a");
        driver.settle();
        let letters = &driver.read(DEAD)[before.0..];
        let mut seen: Vec<_> = letters.iter().map(|letter| (letter.key(), letter.record.value.clone())).collect();
        seen.sort();
        let mut expected = [("key".to_owned(), Some(b"text".to_vec())), (key.to_owned(), None)];
        expected.sort();
        assert_eq!(seen, expected, "{key}");
        for letter in letters {
            let header = |name| letter.header(name).unwrap();
            assert_eq!(
                (header("X-Original-Topic"), header("X-Exception-Class")),
                (OUT.to_owned(), "OutputRefused".to_owned())
            );
            assert_eq!((header("X-Delayed-By"), header("h")), ("tally".to_owned(), "kept".to_owned()));
            assert!(header("X-Delayed-Due").parse::<i64>().unwrap() > 0);
        }
        assert_eq!(driver.read(OUT).len() - before.1, 2, "the other message, and what came after it");
    }
}

#[test]
fn a_record_forwarded_twice_is_buried() {
    let mut driver = driver(3);
    driver.settle();
    let foreign = (holdfast_ports::place::place_of(b"a", 3) + 1) % 3;
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
