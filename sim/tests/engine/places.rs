//! Places that come and go while there is work: what is asked back is given back, whatever happens meanwhile, and nothing is lost or doubled.

use crate::led_group::Led;
use holdfast_engine::ports::membership::Change;
use holdfast_sim::memory_log::Fault;

/// A worker that owns three places and has one record of each in a transaction that is not committed.
fn in_the_middle() -> (Led, [String; 3]) {
    let mut led = Led::joined(3);
    led.tell([Change::Assigned(vec![0, 1, 2])]);
    led.until("places run", |led| led.places() == [0, 1, 2] && led.status().is_ready());
    let words = [0, 1, 2].map(|place| led.word_of(place));
    for word in &words {
        led.count(word);
    }
    led.step();
    assert!(led.out().is_empty(), "decided and not committed");
    (led, words)
}

fn once(words: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = words.iter().map(|word| format!("{word}=1")).collect();
    lines.sort();
    lines
}

#[test]
fn a_place_asked_back_is_given_back_though_the_commit_before_it_fails() {
    for fault in [Fault::Retry, Fault::LostAnswer, Fault::LostRequest, Fault::Fenced] {
        let (mut led, words) = in_the_middle();
        led.log().inject(fault);
        led.pass_ms(50);
        led.tell([Change::Revoked(vec![1]), Change::Revoked(vec![2])]);
        led.until("both are released", |led| led.released().len() == 2);
        assert_eq!(led.released(), [1, 2], "{fault:?}");
        led.until("the third goes on", |led| led.places() == [0] && led.status().is_ready());
        led.tell([Change::Assigned(vec![1, 2])]);
        led.until("all is decided", |led| led.out().len() == 3);
        assert_eq!(led.out(), once(&words), "{fault:?}");
    }
}

#[test]
fn what_is_open_is_committed_before_its_place_is_given_back() {
    let (mut led, words) = in_the_middle();
    led.pass_ms(50);
    led.tell([Change::Revoked(vec![0, 1, 2])]);
    led.step();
    assert_eq!((led.out(), led.released()), (once(&words), vec![0, 1, 2]));
    assert_eq!(led.writers_made(), 1);
}

#[test]
fn what_is_lost_takes_its_open_work_along() {
    let (mut led, words) = in_the_middle();
    led.pass_ms(50);
    led.tell([Change::Lost(vec![1, 2])]);
    led.until("the rest is decided", |led| !led.out().is_empty());
    assert_eq!(led.out(), once(&words[..1]));
    assert!(led.released().is_empty());
    assert_eq!(led.places(), [0]);
}
