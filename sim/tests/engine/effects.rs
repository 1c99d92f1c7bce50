//! Effects: handed over after the commit, again after a restart, and no more once their result is in.

use crate::tally::{DEAD, IN, driver, out};
use holdfast_ports::record::NewRecord;
use holdfast_sim::TestDriver;

#[test]
fn an_effect_is_handed_over_until_its_result_comes_back() {
    let mut driver = driver(1);
    driver.settle();
    driver.pipe(IN, Some("k"), "call home");
    driver.settle();
    let effects = driver.take_effects();
    assert_eq!(effects.len(), 1);
    assert_eq!((effects[0].lane.channel.as_str(), effects[0].payload.as_slice()), ("phone", &b"home"[..]));

    driver.restart();
    assert_eq!(driver.take_effects(), effects, "nobody knows whether it was performed");

    // A stranger knows the name of the effect, and not the secret.
    let mut headers = effects[0].result_headers();
    headers[2].1 = b"00000000000000000000000000000000".to_vec();
    answer(&mut driver, &headers);
    driver.settle();
    assert_eq!((out(&driver), driver.read(DEAD).len()), (Vec::<String>::new(), 1));
    driver.restart();
    assert_eq!(driver.take_effects(), effects, "a forged result ends nothing");

    answer(&mut driver, &effects[0].result_headers());
    // Twice, as after an append whose acknowledgement was lost.
    answer(&mut driver, &effects[0].result_headers());
    driver.settle();
    assert_eq!(out(&driver), ["yes"]);
    driver.restart();
    assert_eq!(driver.take_effects(), []);
}

fn answer(driver: &mut TestDriver, headers: &[(&str, Vec<u8>)]) {
    let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, &**value)).collect();
    driver.append(&NewRecord { topic: IN, partition: 0, key: None, value: Some(b"answered yes"), headers: &headers });
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
