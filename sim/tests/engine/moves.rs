//! Places that move while other things go wrong.

use crate::tally::{IN, driver, out};
use holdfast_ports::log::Log;
use holdfast_ports::membership::{Change, Claimed, Member, Owner};
use holdfast_sim::memory_log::Fault;

#[test]
fn a_place_is_given_up_even_if_the_commit_before_it_fails() {
    for fault in [Fault::Retry, Fault::LostRequest, Fault::LostAnswer, Fault::Fenced] {
        let mut driver = driver(2);
        driver.settle();
        let member = Member { app: "sim".to_owned(), worker: Some("two".to_owned()), places: 2 };
        let mut other = driver.log().membership(&member).unwrap();
        let us = Owner::new("sim:2", "sim-two-0");
        driver.clock().advance_us(20_000);
        driver.settle();
        let changes = other.poll().unwrap();
        let [Change::Assigned(given)] = &changes[..] else { panic!("{fault:?}: {changes:?}") };
        let place = given[0];
        assert_eq!(other.claim(place, &us).unwrap(), Claimed::Held, "{fault:?}: it works there still");

        driver.pipe(IN, Some("a"), "count a");
        // Decided, not yet committed: more might have come.
        driver.step();
        other.ask(place, &us).unwrap();
        driver.log().inject(fault);
        // The commit that comes before giving a place up is the one that fails.
        driver.clock().advance_us(20_000);
        driver.settle();
        assert_eq!(other.claim(place, &us).unwrap(), Claimed::Ours, "{fault:?}: the place never came");
        assert!(out(&driver).len() <= 1, "{fault:?}");
    }
}
