//! Places that come and go while there is work: what is asked back is given back, whatever happens meanwhile, and nothing is lost or doubled.

use crate::led_group::Led;
use holdfast_ports::log::LogError;
use holdfast_ports::membership::Change;
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
fn a_place_that_is_given_up_is_measured_no_more() {
    let (mut led, _) = in_the_middle();
    led.tell([Change::Revoked(vec![1]), Change::Lost(vec![2])]);
    led.until("two are gone", |led| led.places() == [0]);
    assert_eq!(led.measured().into_iter().collect::<Vec<_>>(), ["0"]);
    led.tell([Change::Assigned(vec![2])]);
    led.until("one is back", |led| led.places().contains(&2));
    assert_eq!(led.measured().into_iter().collect::<Vec<_>>(), ["0", "2"]);
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

#[test]
fn a_rebalance_among_others_costs_a_transaction_and_nothing_else() {
    let (mut led, words) = in_the_middle();
    led.news_are_late(true);
    led.tell([]);
    led.until("a commit is refused", |led| led.setbacks("stale") > 0);
    assert!(led.status().is_ready() && led.status().snapshot().trouble.is_none());
    led.until("it is seen to wait", |led| led.status().snapshot().regrouping);
    let refused = led.setbacks("stale");
    for _ in 0..5 {
        led.step();
    }
    assert_eq!(led.setbacks("stale"), refused, "nothing is tried before the news are there");
    led.news_are_late(false);
    led.until("all is decided", |led| led.out().len() == 3);
    assert_eq!(led.out(), once(&words));
    led.until("it has heard", |led| !led.status().snapshot().regrouping);
    assert_eq!((led.writers_made(), led.claimed().len()), (1, 3));
    assert_eq!((led.setbacks("fenced"), led.setbacks("unknown"), led.setbacks("retry")), (0, 0, 0));
}

#[test]
fn what_a_stale_generation_has_lost_is_not_decided_here() {
    let (mut led, words) = in_the_middle();
    led.news_are_late(true);
    led.tell([Change::Lost(vec![0]), Change::Assigned(vec![0]), Change::Lost(vec![0])]);
    led.until("a commit is refused", |led| led.setbacks("stale") > 0);
    led.news_are_late(false);
    led.until("the rest is decided", |led| led.out().len() == 2);
    led.until("the place is gone", |led| led.places() == [1, 2] && led.status().is_ready());
    assert_eq!(led.out(), once(&words[1..]));
    assert_eq!(led.writers_made(), 1);
}

#[test]
fn a_refusal_without_news_is_tried_again_for_ever() {
    let (mut led, words) = in_the_middle();
    led.news_are_late(true);
    led.tell([]);
    led.until("commits are refused again and again", |led| led.setbacks("stale") > 3);
    led.news_are_late(false);
    led.until("all is decided", |led| led.out().len() == 3);
    assert_eq!(led.out(), once(&words));
}

#[test]
fn who_is_fenced_claims_nothing_before_the_group_has_confirmed_him() {
    let (mut led, words) = in_the_middle();
    led.log().inject(Fault::Fenced);
    let no = || Err(LogError::Fenced("no member".to_owned()));
    led.will_confirm([no(), Err(LogError::Retry("no answer".to_owned())), no()]);
    led.until("the group is asked", |led| led.unconfirmed() == 0);
    assert_eq!(led.claimed().len(), 3, "a zombie fences nobody");
    led.tell([Change::Lost(vec![0, 1])]);
    led.until("the rest goes on", |led| led.out().len() == 1);
    assert_eq!(led.out(), once(&words[2..]));
    assert_eq!(led.claimed()[3..], [2]);
}

#[test]
fn who_owns_nothing_is_ready_once_the_group_has_taken_him_in() {
    let mut led = Led::joined(3);
    assert!(!led.status().is_ready(), "nobody has been asked yet");
    led.until("joined", |led| led.status().is_ready());
    assert!(led.places().is_empty());
}

#[test]
fn whose_places_others_have_still_to_give_up_is_not_ready_without_them() {
    let mut led = Led::joined(3);
    led.owe_places(true);
    for _ in 0..50 {
        led.step();
        assert!(!led.status().is_ready(), "its share is still to come");
    }
    led.owe_places(false);
    led.hold([0]);
    led.tell([Change::Assigned(vec![0])]);
    led.until("it asks", |led| {
        assert!(!led.status().is_ready(), "it has nothing to serve from");
        !led.wished().is_empty()
    });
    led.hold([]);
    led.until("it is ready with it", |led| led.status().is_ready());
    assert_eq!(led.places(), [0]);
}

#[test]
fn a_stop_while_the_group_moves_on_is_a_clean_one() {
    let (led, words) = in_the_middle();
    assert_eq!(led.stop(), once(&words));
    let (led, _) = in_the_middle();
    led.news_are_late(true);
    led.tell([]);
    assert!(led.stop().is_empty(), "left to whoever comes next");
}

#[test]
fn a_claim_that_the_log_does_not_answer_keeps_no_other_place_waiting() {
    let mut led = Led::joined(2);
    led.tell([Change::Assigned(vec![0])]);
    led.until("place 0 runs", |led| led.places() == [0] && led.status().is_ready());
    led.leave_unanswered([1]);
    led.tell([Change::Assigned(vec![1])]);
    let (here, there) = (led.word_of(0), led.word_of(1));
    led.count(&there);
    for n in 1..=5 {
        led.count(&here);
        led.until("it is counted", |led| led.out().len() == n);
    }
    assert!(!led.status().is_ready(), "one of its places is not served");
    assert_eq!((led.places(), led.out().contains(&format!("{there}=1"))), (vec![0], false));
    led.leave_unanswered([]);
    led.until("both run", |led| led.places() == [0, 1] && led.status().is_ready());
    led.until("what waited is counted", |led| led.out().contains(&format!("{there}=1")));
    assert_eq!(led.writers_made(), 1, "nothing was rolled back for it");
}

#[test]
fn who_was_fenced_does_nothing_in_a_place_before_it_is_claimed_again() {
    let mut led = Led::joined(1);
    led.tell([Change::Assigned(vec![0])]);
    led.until("the place runs", |led| led.places() == [0] && led.status().is_ready());
    let word = led.word_of(0);
    led.leave_unanswered([0]);
    led.log().inject(Fault::Fenced);
    led.count(&word);
    led.until("there is another writer", |led| led.writers_made() == 2);
    for _ in 0..200 {
        led.step();
    }
    assert_eq!((led.places(), led.out().len()), (vec![], 0));
    led.leave_unanswered([]);
    led.until("it is counted", |led| led.out() == [format!("{word}=1")]);
}
