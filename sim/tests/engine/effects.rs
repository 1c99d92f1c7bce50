//! Effects: handed over after the commit, again after a restart, and no more once their result is in.

use crate::tally::{DEAD, IN, driver, out};
use holdfast_engine::runtime::{CommitConfig, Effect, Next};
use holdfast_ports::place::place_of;
use holdfast_ports::record::NewRecord;
use holdfast_sim::memory_log::Fault;
use holdfast_sim::{TestDriver, phone};

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
    tell(driver, IN, b"answered yes", headers);
}

fn tell(driver: &mut TestDriver, topic: &str, value: &[u8], headers: &[(&str, Vec<u8>)]) {
    let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, &**value)).collect();
    driver.append(&NewRecord { topic, partition: 0, key: None, value: Some(value), headers: &headers });
}

fn counted(driver: &TestDriver, topology: &str, what: &str) -> u64 {
    driver.metrics().effects.with_label_values(&[topology, what]).get()
}

/// A phone with one call asked for, and its effect.
fn phone() -> (TestDriver, Effect) {
    let mut driver = TestDriver::new(&phone::topology().unwrap(), 1);
    driver.pipe(phone::REQUESTS, Some("k"), "call k");
    driver.settle();
    let effects = driver.take_effects();
    assert_eq!(effects.len(), 1);
    (driver, effects[0].clone())
}

fn said(driver: &TestDriver) -> Vec<String> {
    driver.read(phone::OUTBOX).iter().map(holdfast_sim::driver::Out::text).collect()
}

#[test]
fn a_retry_is_a_delayed_message_through_the_results_topic() {
    let (mut driver, first) = phone();
    tell(&mut driver, phone::RESULTS, b"failed k 1", &first.result_headers());
    driver.settle();
    driver.restart();
    assert_eq!(driver.take_effects(), [], "the first attempt has ended, and the next one is not due");
    driver.advance_ms(1_000);
    let again = driver.take_effects();
    assert_eq!((again.len(), again[0].payload.as_slice()), (1, &b"k 2"[..]));
    assert_ne!(again[0].name, first.name, "each attempt is an effect of its own");
    tell(&mut driver, phone::RESULTS, b"done k 2", &again[0].result_headers());
    driver.settle();
    assert_eq!(said(&driver), ["called k"]);
    assert_eq!((counted(&driver, "phone", "asked"), counted(&driver, "phone", "ended")), (1, 1), "since the restart");
}

#[test]
fn the_proof_of_another_effect_or_lane_proves_nothing() {
    let (mut driver, effect) = phone();
    let real = effect.result_headers();
    driver.pipe(phone::REQUESTS, Some("l"), "call other");
    driver.settle();
    let other = driver.take_effects()[0].result_headers();
    let with = |nth: usize, value: Vec<u8>| {
        let mut headers = real.clone();
        headers[nth].1 = value;
        headers
    };
    let forged = [
        with(2, other[2].1.clone()),
        with(1, b"elsewhere/0".to_vec()),
        with(1, b"nonsense".to_vec()),
        with(0, other[0].1.clone()),
        with(0, b"sim/phone/1/1".to_vec()),
        with(0, b"sim/phone/0/x".to_vec()),
        with(0, b"\xff".to_vec()),
        with(2, Vec::new()),
    ];
    for headers in &forged {
        tell(&mut driver, phone::RESULTS, b"done k 1", headers);
    }
    driver.settle();
    assert_eq!(said(&driver), Vec::<String>::new());
    let buried = driver.read(phone::DEAD_LETTERS);
    assert_eq!(buried.len(), forged.len());
    assert!(buried.iter().all(|letter| letter.header("X-Exception-Class").as_deref() == Some("ForgedResult")));
    assert_eq!(counted(&driver, "phone", "forged"), forged.len() as u64);
    tell(&mut driver, phone::RESULTS, b"done k 1", &real);
    tell(&mut driver, phone::RESULTS, b"done k 1", &real);
    driver.settle();
    assert_eq!((said(&driver), counted(&driver, "phone", "repeated")), (vec!["called k".to_owned()], 1));
}

#[test]
fn results_that_came_before_the_start_end_effects_before_any_is_performed() {
    let (mut driver, effect) = phone();
    driver.crash();
    tell(&mut driver, phone::RESULTS, b"done k 1", &effect.result_headers());
    driver.start();
    driver.settle();
    assert_eq!((said(&driver), driver.take_effects()), (vec!["called k".to_owned()], vec![]));
}

#[test]
fn a_result_that_could_not_be_decided_ends_its_effect_and_can_be_put_back() {
    let (mut driver, effect) = phone();
    tell(&mut driver, phone::RESULTS, b"nonsense", &effect.result_headers());
    driver.settle();
    let letter = driver.read(phone::DEAD_LETTERS).remove(0);
    driver.restart();
    assert_eq!(driver.take_effects(), [], "it was performed");
    let headers: Vec<(&str, Vec<u8>)> =
        letter.record.headers.iter().map(|(name, value)| (name.as_str(), value.clone().unwrap_or_default())).collect();
    tell(&mut driver, phone::RESULTS, b"done k 1", &headers);
    driver.settle();
    assert_eq!(said(&driver), ["called k"]);
}

#[test]
fn a_result_that_is_forwarded_is_no_result_elsewhere() {
    let mut driver = driver(2);
    driver.pipe(IN, None, "call home");
    driver.settle();
    let effect = driver.take_effects().remove(0);
    let word = (0..).map(|n| format!("w{n}")).find(|word| place_of(word.as_bytes(), 2) == 1).unwrap();
    let headers = effect.result_headers();
    let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, &**value)).collect();
    let (key, value) = (word.as_bytes(), format!("count {word}"));
    driver.append(&NewRecord {
        topic: IN,
        partition: 0,
        key: Some(key),
        value: Some(value.as_bytes()),
        headers: &headers,
    });
    driver.settle();
    assert_eq!(out(&driver), [format!("{word}=1")]);
    let copy = driver.read(IN).into_iter().find(|copy| copy.partition == 1).unwrap();
    assert!(headers.iter().all(|(name, _)| copy.header(name).is_none()), "{:?}", copy.record.headers);
}

#[test]
fn effects_are_performed_although_requests_never_end() {
    const REQUESTS: i64 = 200;
    let (mut driver, first) = phone();
    driver.commit_beside(2);
    // There is always something open or being committed, as under load.
    driver.commit_as(CommitConfig { records_max: 5, beside_records_min: 1, ..CommitConfig::EMBEDDED });
    driver.crash();
    for nth in 0..REQUESTS {
        driver.pipe(phone::REQUESTS, Some("k"), &format!("call k{nth}"));
    }
    driver.start();
    let mut decided = 0;
    while !driver.take_effects().contains(&first) {
        if let Next::Wait(at_most) = driver.step() {
            driver.clock().advance_us(u64::try_from(at_most.as_micros()).unwrap());
        }
        let task = driver.queries().task("phone", 0);
        decided = task.map_or(0, |task| task.position().unwrap().next_offset(phone::REQUESTS).unwrap_or(0));
        assert!(decided < REQUESTS / 2, "it waits until requests end");
    }
    assert!(decided < REQUESTS / 2);
}

#[test]
fn effects_outlive_the_disk() {
    let (mut driver, effect) = phone();
    driver.lose_disk();
    assert_eq!(driver.take_effects(), std::slice::from_ref(&effect));
    tell(&mut driver, phone::RESULTS, b"done k 1", &effect.result_headers());
    driver.settle();
    assert_eq!(said(&driver), ["called k"], "the secret is restored, too");
}

#[test]
fn a_name_is_used_again_only_when_it_was_never_committed() {
    let (mut driver, first) = phone();
    let mut names = vec![first.name];
    for (nth, fault) in [Fault::Retry, Fault::LostRequest, Fault::LostAnswer, Fault::Fenced].into_iter().enumerate() {
        driver.log().inject(fault);
        driver.pipe(phone::REQUESTS, Some("k"), &format!("call k{nth}"));
        driver.settle();
        driver.advance_ms(3_000);
        // One that was fenced hands over all that are pending.
        let handed: Vec<_> = driver.take_effects().into_iter().map(|effect| (effect.name, effect.payload)).collect();
        let (name, payload) = handed.last().unwrap();
        assert!(payload.starts_with(format!("k{nth}").as_bytes()) && !names.contains(name), "{names:?} {handed:?}");
        names.push(name.clone());
    }
    driver.lose_disk();
    let pending: Vec<String> = driver.take_effects().into_iter().map(|effect| effect.name).collect();
    names.sort();
    assert_eq!(pending.len(), names.len());
    assert!(names.iter().all(|name| pending.contains(name)));
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
