//! Signs of life: each question after a ticket is one. They are gathered and become one record a queue and second, however often clients ask.
//!
//! Only in memory: what is lost here, with a crash or a log that is away, is made good by the next question, long before a ticket counts as silent.

use super::streams::Room;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;

/// Tickets whose last sign of life is remembered, of all queues together. Beyond that all are forgotten: signs of life are then repeated, once.
const REMEMBERED_MAX: usize = 1_000_000;
/// A ticket is touched so many times within the time after which it would count as silent.
const TOUCHES_WITHIN_SILENCE: u64 = 3;
/// Every so many turns what is of no use any more is forgotten.
const FORGET_EVERY: u32 = 16;

/// Signs of life that are to be told to the log.
#[derive(Debug, Default)]
pub(super) struct Touches(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    rooms: FxHashMap<Room, OfRoom>,
    remembered: usize,
    turns: u32,
}

/// Of one queue.
#[derive(Debug, Default)]
struct OfRoom {
    /// When each ticket was last touched, by the monotonic clock in ms.
    touched_ms: FxHashMap<u64, u64>,
    /// How long that counts.
    fresh_ms: u64,
    due: Vec<u64>,
}

impl Touches {
    /// These tickets of `room` are asked after at `now_ms` of the monotonic clock; without a sign of life they count as silent after `silence_ms`.
    pub(super) fn note(&self, room: &Room, tickets: impl IntoIterator<Item = u64>, silence_ms: u64, now_ms: u64) {
        let mut seen = self.0.lock();
        if seen.remembered > REMEMBERED_MAX {
            seen.forget_all();
        }
        if !seen.rooms.contains_key(room) {
            seen.rooms.insert(room.clone(), OfRoom::default());
        }
        let Some(of_room) = seen.rooms.get_mut(room) else { return };
        of_room.fresh_ms = silence_ms / TOUCHES_WITHIN_SILENCE;
        let before = of_room.touched_ms.len();
        for ticket in tickets {
            let last_ms = of_room.touched_ms.get(&ticket);
            if last_ms.is_none_or(|last_ms| now_ms.saturating_sub(*last_ms) >= of_room.fresh_ms) {
                of_room.touched_ms.insert(ticket, now_ms);
                of_room.due.push(ticket);
            }
        }
        let added = of_room.touched_ms.len() - before;
        seen.remembered += added;
    }

    /// What is to be told at `now_ms`, by queue. It counts as told.
    pub(super) fn take(&self, now_ms: u64) -> Vec<(Room, Vec<u64>)> {
        let mut seen = self.0.lock();
        seen.turns = seen.turns.wrapping_add(1);
        if seen.turns.is_multiple_of(FORGET_EVERY) {
            seen.forget(now_ms);
        }
        let rooms = seen.rooms.iter_mut().filter(|(_, of_room)| !of_room.due.is_empty());
        rooms.map(|(room, of_room)| (room.clone(), std::mem::take(&mut of_room.due))).collect()
    }
}

impl Seen {
    fn forget_all(&mut self) {
        for of_room in self.rooms.values_mut() {
            of_room.touched_ms = FxHashMap::default();
        }
        self.remembered = 0;
    }

    /// A ticket whose time has run out would be touched again anyhow.
    fn forget(&mut self, now_ms: u64) {
        for of_room in self.rooms.values_mut() {
            let fresh_ms = of_room.fresh_ms;
            of_room.touched_ms.retain(|_, last_ms| now_ms.saturating_sub(*last_ms) < fresh_ms);
        }
        self.rooms.retain(|_, of_room| !of_room.touched_ms.is_empty() || !of_room.due.is_empty());
        self.remembered = self.rooms.values().map(|of_room| of_room.touched_ms.len()).sum();
    }
}

/// Tickets in portions whose texts are no longer than `bytes_max` each, commas included.
pub(super) fn portions(tickets: Vec<u64>, bytes_max: usize) -> VecDeque<Vec<u64>> {
    let (mut portions, mut bytes) = (VecDeque::new(), bytes_max);
    for ticket in tickets {
        let length = ticket.checked_ilog10().map_or(1, |digits| digits as usize + 1) + 1;
        if bytes + length > bytes_max {
            portions.push_back(Vec::new());
            bytes = 0;
        }
        bytes += length;
        if let Some(portion) = portions.back_mut() {
            portion.push(ticket);
        }
    }
    portions
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(queue_id: &str) -> Room {
        Room { place: 0, queue_id: queue_id.into() }
    }

    #[test]
    fn a_ticket_that_is_asked_after_often_is_touched_seldom() {
        let touches = Touches::default();
        for now_ms in (0..60_000).step_by(1_000) {
            touches.note(&room("q"), [7], 60_000, now_ms);
        }
        assert_eq!(touches.take(60_000), [(room("q"), vec![7, 7, 7])]);
        assert!(touches.take(60_000).is_empty());
    }

    #[test]
    fn queues_do_not_mix() {
        let touches = Touches::default();
        touches.note(&room("a"), [1, 2], 60_000, 0);
        touches.note(&room("b"), [1], 60_000, 0);
        touches.note(&room("a"), [2, 3], 60_000, 1);
        let mut told = touches.take(1);
        told.sort();
        assert_eq!(told, [(room("a"), vec![1, 2, 3]), (room("b"), vec![1])]);
    }

    #[test]
    fn what_is_of_no_use_is_forgotten() {
        let touches = Touches::default();
        touches.note(&room("q"), 0..100, 60_000, 0);
        for _ in 0..FORGET_EVERY {
            touches.take(20_000);
        }
        let seen = touches.0.lock();
        assert!(seen.rooms.is_empty() && seen.remembered == 0, "{seen:?}");
    }

    #[test]
    fn a_crowd_does_not_fill_the_memory() {
        let touches = Touches::default();
        let most = REMEMBERED_MAX as u64;
        touches.note(&room("q"), 0..=most, 60_000, 0);
        touches.note(&room("q"), [0], 60_000, 0);
        assert_eq!(touches.0.lock().remembered, 1);
    }

    #[test]
    fn a_record_is_as_long_as_records_may_be() {
        assert_eq!(portions(vec![1, 22, 333, 0], 5), [vec![1, 22], vec![333], vec![0]]);
        assert!(portions(Vec::new(), 5).is_empty());
        assert_eq!(portions(vec![12_345_678], 5), [vec![12_345_678]], "one is taken whatever its length");
    }
}
