//! Effects: handed over after the commit, again after a restart, and no more once their result is in.

use crate::tally::{IN, driver, out};
use holdfast_ports::record::NewRecord;

#[test]
fn an_effect_is_handed_over_until_its_result_comes_back() {
    let mut driver = driver(1);
    driver.settle();
    driver.pipe(IN, Some("k"), "call home");
    driver.settle();
    let effects = driver.take_effects();
    assert_eq!(effects.len(), 1);
    assert_eq!((effects[0].kind.as_str(), effects[0].payload.as_slice()), ("phone", &b"home"[..]));

    driver.restart();
    assert_eq!(driver.take_effects(), effects, "nobody knows whether it was performed");

    let id = effects[0].id.0.to_string();
    let headers: &[(&str, &[u8])] = &[("x-effect-id", id.as_bytes())];
    driver.append(&NewRecord { topic: IN, partition: 0, key: None, value: Some(b"answered yes"), headers });
    driver.settle();
    assert_eq!(out(&driver), ["yes"]);
    driver.restart();
    assert_eq!(driver.take_effects(), []);
}

#[test]
fn a_replay_performs_no_effect() {
    let mut driver = driver(1);
    driver.settle();
    driver.pipe(IN, Some("k"), "call home");
    driver.log().inject(holdfast_sim::memory_log::Fault::Retry);
    driver.settle();
    assert_eq!(driver.take_effects().len(), 1, "rolled back and decided again: handed over once");
}
