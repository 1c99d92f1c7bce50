//! Schedules and holds of a load.

use crate::inbox::Inbox;
use crate::random::Random;
use crate::target::Target;
use holdfast_model::reservation::message::{Command, CreateSchedule, Hold, Message, Seats};
use holdfast_tools::Failure;
use serde_json::json;

/// Most seats that a schedule may have: beyond it the shop would refuse the schedule, and with it every hold.
const SEATS_MAX: u64 = 1_000_000;

/// What each seat costs, in KRW.
pub(super) const PRICE_KRW: i64 = 50_000;

/// Some schedules of the same size, called `{name}-{n}`.
pub(super) struct House {
    name: String,
    schedules: u64,
    seats: u64,
}

impl House {
    /// `schedules` that have `seats` each; without that, one for each of `holds`.
    ///
    /// # Errors
    /// When a schedule would be larger than any may be.
    pub(super) fn new(name: String, schedules: u64, seats: Option<u64>, holds: u64) -> Result<Self, Failure> {
        let seats = seats.unwrap_or_else(|| holds.div_ceil(schedules.max(1))).max(1);
        if seats > SEATS_MAX {
            let why = format!("{seats} seats in a schedule: {SEATS_MAX} at most, so more schedules are needed");
            return Err(Failure::usage("schedules", why));
        }
        Ok(Self { name, schedules: schedules.max(1), seats })
    }

    /// The commands that create it, each under its key.
    pub(super) fn schedules(&self) -> impl Iterator<Item = (String, Vec<u8>)> {
        (0..self.schedules).map(|n| {
            let schedule_id = format!("{}-{n}", self.name);
            let schedule = CreateSchedule {
                schedule_id: schedule_id.clone(),
                concert_title: self.name.clone(),
                seats: Seats::Block { count: i64::try_from(self.seats).unwrap_or(i64::MAX), price: PRICE_KRW },
                ..CreateSchedule::default()
            };
            let message = Message::new(format!("{schedule_id}.create"), Command::CreateSchedule(schedule));
            (schedule_id, message.to_json())
        })
    }

    /// The `n`th hold, by a user of his own: round the schedules first, then round the seats.
    pub(super) fn hold(&self, n: u64) -> (String, Vec<u8>) {
        let schedule_id = format!("{}-{}", self.name, n % self.schedules);
        let hold = Hold {
            user_id: format!("{}-user-{n}", self.name),
            schedule_id: schedule_id.clone(),
            seat_no: (n / self.schedules % self.seats + 1).to_string(),
        };
        let message = Message::new(format!("{}-hold-{n}", self.name), Command::Hold(hold));
        (schedule_id, message.to_json())
    }

    /// Appends its schedules, and waits until they are in the log: a hold before its schedule would be refused.
    pub(super) fn open(&self, inbox: &Inbox) -> Result<(), Failure> {
        for (key, value) in self.schedules() {
            inbox.append(&key, &value)?;
        }
        inbox.settle().map(|_| ())
    }
}

/// The numbers below `n` in the order of `seed`.
pub(super) fn order(n: u64, seed: u64) -> Vec<u64> {
    let mut order: Vec<u64> = (0..n).collect();
    Random(seed).shuffle(&mut order);
    order
}

/// Creates a schedule over HTTP, and waits until it is decided.
///
/// # Errors
/// When the worker refuses it: admin routes may be closed to us.
pub(super) async fn create(target: &Target, schedule_id: &str, seats: u64) -> Result<(), Failure> {
    let body = json!({
        "scheduleId": schedule_id,
        "concertTitle": schedule_id,
        "seats": {"count": seats, "price": PRICE_KRW},
    });
    target.must_post("/api/schedules", &body, &[200, 201]).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn seats(house: &House, holds: u64) -> BTreeSet<(String, u64)> {
        let read = |n| match Message::parse(Some(&house.hold(n).1)).unwrap().command {
            Command::Hold(hold) => (hold.schedule_id.clone(), hold.seat().unwrap()),
            other => panic!("{other:?}"),
        };
        (0..holds).map(read).collect()
    }

    #[test]
    fn each_hold_has_a_seat_of_its_own_unless_there_are_fewer() {
        let house = House::new("h".to_owned(), 3, None, 10).unwrap();
        assert_eq!((house.seats, seats(&house, 10).len()), (4, 10));
        let full = House::new("h".to_owned(), 3, Some(2), 10).unwrap();
        assert_eq!(seats(&full, 10).len(), 6);
        assert!(seats(&full, 10).iter().all(|(_, seat)| (1..=2).contains(seat)));
    }

    #[test]
    fn a_schedule_that_the_shop_would_refuse_is_refused_at_once() {
        assert!(matches!(House::new("h".to_owned(), 1, None, 1_000_001), Err(Failure::Usage(_))));
    }
}
