//! What the stream thread tells the executor of effects: when a task's effects may be performed, and when no more.

use crate::led_group::Led;
use holdfast_engine::runtime::{Lane, Next, Performer, TaskEffects};
use holdfast_ports::membership::Change;
use holdfast_ports::store::TaskId;
use holdfast_sim::memory_log::Fault;
use parking_lot::Mutex;
use std::sync::Arc;

/// How long a place that is to be given up is waited for, in ms: the default.
const DRAIN_MS: u64 = 2_000;

/// An executor that writes down what it is told, and has calls under way when the test says so.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Told>>);

#[derive(Default)]
struct Told {
    what: Vec<String>,
    is_busy: bool,
}

impl Recorder {
    fn be_busy(&self, is_busy: bool) {
        self.0.lock().is_busy = is_busy;
    }

    /// What it was told, each once in a row.
    fn told(&self) -> Vec<String> {
        let mut what = self.0.lock().what.clone();
        what.dedup();
        what
    }

    fn was_told(&self, what: &str) -> usize {
        self.told().iter().filter(|told| *told == what).count()
    }

    fn note(&self, what: &str, task: &TaskId) {
        self.0.lock().what.push(format!("{what} {}", task.place));
    }
}

impl Performer for Recorder {
    fn open(&self, effects: TaskEffects) {
        self.note("open", effects.task());
    }

    fn committed(&self, task: &TaskId, lanes: &[Lane]) {
        assert!(lanes.iter().all(|lane| lane.channel == "phone"), "{lanes:?}");
        self.note("committed", task);
    }

    fn drain(&self, task: &TaskId) -> bool {
        self.note("drain", task);
        !self.0.lock().is_busy
    }

    fn close(&self, task: &TaskId) {
        self.note("close", task);
    }
}

/// A worker that works in places 0 and 1 of three, with calls under way.
fn busy() -> (Led, Recorder) {
    let recorder = Recorder::default();
    let mut led = Led::performing(3, Box::new(recorder.clone()));
    led.tell([Change::Assigned(vec![0, 1])]);
    led.until("places run", |led| led.places() == [0, 1] && led.status().is_ready());
    led.until("effects are open", |_| recorder.told() == ["open 0", "open 1"]);
    recorder.be_busy(true);
    (led, recorder)
}

#[test]
fn a_place_is_given_up_once_its_calls_have_ended_and_works_until_then() {
    let (mut led, recorder) = busy();
    led.tell([Change::Revoked(vec![1])]);
    led.until("it drains", |_| recorder.was_told("drain 1") == 1);
    let word = led.word_of(1);
    led.count(&word);
    led.until("it decides meanwhile", |led| led.out().len() == 1);
    let (began_ms, mut steps) = (led.now_ms(), 0);
    while led.now_ms() < began_ms + 500 {
        assert!(matches!(led.step(), Next::Wait(_)), "it does not spin");
        steps += 1;
    }
    assert!(steps <= 500, "{steps} steps in half a second");
    assert_eq!((led.released(), led.places()), (vec![], vec![0, 1]));
    recorder.be_busy(false);
    led.until("it is given up", |led| led.released() == [1]);
    assert_eq!(recorder.told(), ["open 0", "open 1", "drain 1", "close 1"], "the other place goes on");
}

#[test]
fn calls_that_do_not_end_are_cut_off_in_time() {
    let (mut led, recorder) = busy();
    led.tell([Change::Revoked(vec![1])]);
    led.until("it drains", |_| recorder.was_told("drain 1") == 1);
    let began_ms = led.now_ms();
    led.until("it is given up", |led| led.released() == [1]);
    let took_ms = u64::try_from(led.now_ms() - began_ms).unwrap();
    assert!((DRAIN_MS - 50..DRAIN_MS + 50).contains(&took_ms), "{took_ms} ms");
    assert_eq!(recorder.was_told("close 1"), 1);
}

#[test]
fn what_is_lost_is_not_waited_for() {
    let (mut led, recorder) = busy();
    led.tell([Change::Revoked(vec![1])]);
    led.until("it drains", |_| recorder.was_told("drain 1") == 1);
    let began_ms = led.now_ms();
    led.tell([Change::Lost(vec![0, 1])]);
    led.until("both are closed", |led| led.places().is_empty());
    assert!(led.now_ms() < began_ms + 200, "{} ms", led.now_ms() - began_ms);
    assert_eq!((recorder.was_told("close 0"), recorder.was_told("close 1")), (1, 1));
}

#[test]
fn other_places_come_while_one_drains() {
    let (mut led, recorder) = busy();
    led.tell([Change::Revoked(vec![1]), Change::Assigned(vec![2])]);
    led.until("the new one runs", |led| led.places() == [0, 1, 2]);
    assert_eq!((recorder.was_told("drain 1"), led.released()), (1, vec![]));
    recorder.be_busy(false);
    led.until("the old one is given up", |led| led.released() == [1] && led.places() == [0, 2]);
    assert_eq!(recorder.was_told("open 2"), 1);
}

#[test]
fn a_place_that_comes_back_while_it_drains_is_given_up_first() {
    let (mut led, recorder) = busy();
    led.tell([Change::Revoked(vec![1]), Change::Assigned(vec![1])]);
    led.until("it drains", |_| recorder.was_told("drain 1") == 1);
    recorder.be_busy(false);
    led.until("it is opened again", |_| recorder.was_told("open 1") == 2);
    assert_eq!(led.released(), [1]);
}

#[test]
fn a_stop_waits_for_calls_and_opens_nothing() {
    let (mut led, recorder) = busy();
    assert!(!led.drain());
    led.tell([Change::Assigned(vec![2])]);
    led.until("a place that comes late runs", |led| led.places() == [0, 1, 2]);
    let word = led.word_of(0);
    led.count(&word);
    led.until("results are decided meanwhile", |led| led.out().len() == 1);
    assert!(!led.drain());
    recorder.be_busy(false);
    assert!(led.drain());
    led.stop();
    let told = recorder.told();
    assert_eq!(recorder.was_told("open 2"), 0, "{told:?}");
    assert!(told.ends_with(&["close 0".to_owned(), "close 1".to_owned()]), "{told:?}");
}

#[test]
fn who_is_fenced_forgets_what_is_under_way() {
    let (mut led, recorder) = busy();
    led.log().inject(Fault::Fenced);
    let word = led.word_of(0);
    led.count(&word);
    led.until("it is fenced", |led| led.setbacks("fenced") == 1);
    assert_eq!((recorder.was_told("close 0"), recorder.was_told("close 1")), (1, 1));
    led.until("it decides", |led| led.out().len() == 1);
    led.until("it performs again", |_| recorder.was_told("open 0") == 2 && recorder.was_told("open 1") == 2);
}

#[test]
fn an_unknown_outcome_forgets_nothing_and_what_it_has_added_is_told() {
    let (mut led, recorder) = busy();
    led.log().inject(Fault::LostAnswer);
    led.say(0, "call home");
    led.until("nobody knows", |led| led.setbacks("unknown") == 1);
    assert_eq!(recorder.was_told("committed 0"), 0);
    led.until("it is told after the restore", |_| recorder.was_told("committed 0") == 1);
    assert_eq!((recorder.was_told("close 0"), recorder.was_told("open 0")), (0, 1));
}
