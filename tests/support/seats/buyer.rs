//! One who wants a seat. He charges, holds and pays, unless his way is another.

use super::book::{Hold, Story, Told};
use super::client::{Client, Wish};
use super::{Crowd, PRICE};
use crate::support::dice::Dice;
use crate::support::wait;
use holdfast_model::rfc3339;
use holdfast_ports::clock::Clock;
use holdfast_tools::clock::SystemClock;
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// More than a seat costs: who pays twice can.
pub(crate) const CHARGE: i64 = 3 * PRICE;
/// How near to the deadline those pay who pay at it, on either side, in ms.
const NEAR_MS: u64 = 60;

/// What a buyer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Pays as soon as he holds.
    Pays,
    /// Pays two times at once, by two keys.
    PaysTwice,
    /// Pays around the deadline.
    PaysAtTheDeadline,
    /// Holds and is never heard of again.
    NeverPays,
    /// Gives his hold back.
    GivesBack,
    /// Pays, and then gives the seat back.
    Cancels,
    /// Sends his hold and closes the connection.
    HangsUpHolding,
    /// Sends his payment and closes the connection.
    HangsUpPaying,
    /// Closes it in the middle of his payment.
    BreaksOffPaying,
    /// Has no keys and asks once: what he is told must be true without a second attempt.
    AsksOnce,
}

/// Out of which each is drawn; those who wait for their deadline take long, so they are few.
const WAYS: [Way; 16] = [
    Way::Pays,
    Way::Pays,
    Way::Pays,
    Way::Pays,
    Way::PaysTwice,
    Way::PaysTwice,
    Way::PaysAtTheDeadline,
    Way::NeverPays,
    Way::GivesBack,
    Way::Cancels,
    Way::Cancels,
    Way::HangsUpHolding,
    Way::HangsUpPaying,
    Way::HangsUpPaying,
    Way::BreaksOffPaying,
    Way::AsksOnce,
];

impl Way {
    fn name(self) -> &'static str {
        match self {
            Self::Pays => "pays",
            Self::PaysTwice => "pays twice",
            Self::PaysAtTheDeadline => "pays at the deadline",
            Self::NeverPays => "never pays",
            Self::GivesBack => "gives back",
            Self::Cancels => "cancels",
            Self::HangsUpHolding => "hangs up holding",
            Self::HangsUpPaying => "hangs up paying",
            Self::BreaksOffPaying => "breaks off paying",
            Self::AsksOnce => "asks once",
        }
    }
}

pub(super) struct Buyer<'a> {
    crowd: &'a Crowd<'a>,
    lane: u64,
    dice: Dice,
    client: Client<'a>,
    done: &'a AtomicBool,
    clock: SystemClock,
}

impl<'a> Buyer<'a> {
    pub(super) fn new(crowd: &'a Crowd<'a>, lane: u64, done: &'a AtomicBool) -> Self {
        let client = Client::new(crowd.doors, crowd.book, done);
        Self { crowd, lane, dice: Dice::new(lane), client, done, clock: SystemClock::new() }
    }

    /// One after the other.
    pub(super) fn run(mut self) {
        let mut n = 0_u64;
        while !self.done.load(Ordering::SeqCst) {
            n += 1;
            let way = WAYS[usize::try_from(self.dice.below(WAYS.len() as u64)).unwrap()];
            let user = format!("buyer-{}-{n}", self.lane);
            let story = self.comes(user, way);
            self.crowd.book.stories.lock().unwrap().push(story);
            wait::pass(self.crowd.pause);
        }
    }

    fn comes(&mut self, user: String, way: Way) -> Story {
        let mut story = Story { user, way: way.name(), ..Story::default() };
        let body = json!({"userId": story.user, "amount": CHARGE});
        let charge = Wish::post("/api/points/charge", body, &[]);
        story.charged = told(self.client.insist(&charge, "charge", &mut self.dice), |_| ());
        if story.charged != Told::Done(()) {
            return story;
        }
        let place = usize::try_from(self.dice.below(self.crowd.house.schedules.len() as u64)).unwrap();
        let seat = self.dice.below(self.crowd.house.seats) + 1;
        let body = json!({"userId": story.user, "scheduleId": self.crowd.house.schedules[place], "seatNo": seat});
        let hold = Wish::post("/reservations", body, &["SEAT_ALREADY_RESERVED"]);
        let held = match way {
            Way::HangsUpHolding => {
                self.client.hang_up(&hold, None, &mut self.dice);
                Told::Nothing
            }
            Way::AsksOnce => self.client.ask(&hold, None, &mut self.dice),
            _ => self.client.insist(&hold, "hold", &mut self.dice),
        };
        story.held = told(held, Hold::of);
        if let Some(hold) = story.held.done().cloned() {
            let (reservation, expires_ms) = (hold.id, rfc3339::parse(&hold.expires_at).unwrap());
            self.pays(&mut story, way, &reservation, expires_ms);
            if story.paid.done().is_some() {
                self.crowd.book.note_sale(place);
            }
            if way == Way::GivesBack || way == Way::Cancels && story.paid.done().is_some() {
                let path = format!("/reservations/{reservation}?userId={}", story.user);
                // Only what is not paid runs out.
                let refusals: &[&str] = if way == Way::GivesBack { &["RESERVATION_EXPIRED"] } else { &[] };
                let back = Wish { method: Method::DELETE, path, body: json!({}), refusals };
                story.given_back = told(self.client.insist(&back, "back", &mut self.dice), |_| ());
            }
        }
        story
    }

    fn pays(&mut self, story: &mut Story, way: Way, reservation: &str, expires_ms: i64) {
        let body = json!({"reservationId": reservation, "amount": PRICE});
        let refusals: &[&str] = match way {
            Way::PaysTwice => &["RESERVATION_EXPIRED", "PAYMENT_CONFLICT"],
            _ => &["RESERVATION_EXPIRED"],
        };
        let pay = Wish::post("/payments", body, refusals);
        story.paid = match way {
            Way::NeverPays | Way::GivesBack | Way::HangsUpHolding => Told::NotAsked,
            Way::HangsUpPaying => {
                self.client.hang_up(&pay, None, &mut self.dice);
                Told::Nothing
            }
            Way::BreaksOffPaying => {
                let bytes = usize::try_from(self.dice.below(20)).unwrap();
                self.client.hang_up(&pay, Some(bytes), &mut self.dice);
                Told::NotAccepted
            }
            Way::AsksOnce => {
                let answer = self.client.ask(&pay, None, &mut self.dice);
                self.payment(answer, story)
            }
            Way::Pays | Way::Cancels => {
                let answer = self.client.insist(&pay, "pay", &mut self.dice);
                self.payment(answer, story)
            }
            Way::PaysTwice => self.pays_twice(&pay, story),
            Way::PaysAtTheDeadline => self.pays_at(expires_ms, &pay, story),
        };
    }

    /// Just before the deadline, or at it, or just after.
    fn pays_at(&mut self, expires_ms: i64, pay: &Wish, story: &Story) -> Told<String> {
        let at_ms = expires_ms - NEAR_MS.cast_signed() + self.dice.below(2 * NEAR_MS).cast_signed();
        wait::pass(Duration::from_millis(u64::try_from(at_ms - self.clock.now_ms()).unwrap_or(0)));
        // By the clock that the brokers have as well.
        let is_late = self.clock.now_ms() >= expires_ms;
        let answer = self.client.insist(pay, "pay", &mut self.dice);
        let paid = self.payment(answer, story);
        if is_late && paid.done().is_some() {
            self.crowd.book.surprise(format!("{} paid after the deadline: {paid:?}", story.user));
        }
        paid
    }

    /// What an answer says about a payment.
    fn payment(&self, answer: Told<Value>, story: &Story) -> Told<String> {
        if let Some(said) = answer.done().filter(|said| said["status"] != "SUCCESS") {
            self.crowd.book.surprise(format!("{} pays: {said}", story.user));
        }
        told(answer, |said| said["paymentId"].as_str().unwrap().to_owned())
    }

    fn pays_twice(&mut self, pay: &Wish, story: &Story) -> Told<String> {
        let mut dice = || Dice::new(self.dice.below(1 << 40) + 1);
        let (client, mut one, mut other) = (&self.client, dice(), dice());
        let answers = std::thread::scope(|scope| {
            let second = scope.spawn(|| client.insist(pay, "pay again", &mut other));
            [client.insist(pay, "pay", &mut one), second.join().unwrap()]
        });
        match answers.map(|answer| self.payment(answer, story)) {
            [Told::Done(one), Told::Done(other)] => {
                self.crowd.book.surprise(format!("{} was told of two payments: {one}, {other}", story.user));
                Told::Done(one)
            }
            [Told::Done(one), _] | [_, Told::Done(one)] => Told::Done(one),
            [Told::Refused(one), Told::Refused(_)] => Told::Refused(one),
            _ => Told::Nothing,
        }
    }
}

/// The same with what of it counts.
fn told<T>(answer: Told<Value>, of: impl FnOnce(&Value) -> T) -> Told<T> {
    match answer {
        Told::NotAsked => Told::NotAsked,
        Told::Nothing => Told::Nothing,
        Told::Done(said) => Told::Done(of(&said)),
        Told::Refused(code) => Told::Refused(code),
        Told::NotAccepted => Told::NotAccepted,
    }
}
