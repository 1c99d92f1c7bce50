//! What each buyer was told.

use crate::support::topics::PARTITIONS;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What became of something that was asked for, as far as whoever asked was told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Told<T> {
    /// He has not asked for it.
    #[default]
    NotAsked,
    /// Nobody told him.
    Nothing,
    /// It is done.
    Done(T),
    /// It was decided that it is not done; the shop's code.
    Refused(String),
    /// It was not even accepted.
    NotAccepted,
}

impl<T> Told<T> {
    pub(crate) fn done(&self) -> Option<&T> {
        match self {
            Self::Done(done) => Some(done),
            _ => None,
        }
    }

    /// For counting.
    fn word(&self) -> &str {
        match self {
            Self::NotAsked => "not asked",
            Self::Nothing => "told nothing",
            Self::Done(_) => "done",
            Self::Refused(code) => code,
            Self::NotAccepted => "not accepted",
        }
    }
}

/// A hold, as it was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hold {
    /// The reservation.
    pub(crate) id: String,
    pub(crate) schedule: String,
    pub(crate) seat_no: u64,
    pub(crate) expires_at: String,
}

impl Hold {
    /// Of an answer or of the record of a deadline.
    pub(crate) fn of(told: &Value) -> Self {
        let text = |field: &str| told[field].as_str().unwrap().to_owned();
        Self {
            id: text("reservationId"),
            schedule: text("scheduleId"),
            seat_no: told["seatNo"].as_u64().unwrap(),
            expires_at: text("expiresAt"),
        }
    }
}

/// The way of those who were killed: nobody knows what they did and were told.
pub(crate) const KILLED: &str = "is killed";

/// One buyer, when he has gone home. He asks for one seat at most.
#[derive(Debug, Clone, Default)]
pub(crate) struct Story {
    pub(crate) user: String,
    /// What kind of buyer he was.
    pub(crate) way: &'static str,
    /// His points are there.
    pub(crate) charged: Told<()>,
    /// He holds a seat.
    pub(crate) held: Told<Hold>,
    /// He has paid for it: the payment.
    pub(crate) paid: Told<String>,
    /// He has given it back.
    pub(crate) given_back: Told<()>,
}

/// All of them. Shared by their threads.
#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) stories: Mutex<Vec<Story>>,
    /// Answers that no buyer should ever get.
    pub(crate) surprises: Mutex<Vec<String>>,
    sold: [AtomicUsize; PARTITIONS as usize],
}

impl Book {
    pub(crate) fn surprise(&self, what: String) {
        self.surprises.lock().unwrap().push(what);
    }

    /// Somebody was told that he has a seat of this place.
    pub(crate) fn note_sale(&self, place: usize) {
        self.sold[place].fetch_add(1, Ordering::SeqCst);
    }

    /// Seats that somebody was told he has, by place.
    pub(crate) fn sold(&self) -> [usize; PARTITIONS as usize] {
        self.sold.each_ref().map(|sold| sold.load(Ordering::SeqCst))
    }

    /// How many buyers of each kind were told what about their hold and their payment.
    pub(crate) fn counts(&self) -> String {
        let mut counts = BTreeMap::<String, usize>::new();
        for story in &*self.stories.lock().unwrap() {
            let Story { way, held, paid, given_back, .. } = story;
            let told =
                format!("{way}: held: {}, paid: {}, given back: {}", held.word(), paid.word(), given_back.word());
            *counts.entry(told).or_default() += 1;
        }
        counts.iter().map(|(told, count)| format!("{count:5} {told}\n")).collect()
    }
}
