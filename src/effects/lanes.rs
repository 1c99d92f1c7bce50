//! What of a channel is performed next: the most urgent first, and among equally urgent ones each place in turn.
//!
//! In memory are only a few of the effects that wait. The others lie in the committed state, and are pulled from the cursor on when there is room, so
//! that memory does not depend on how many wait. What has been handed out lies below the cursor and is never pulled again.

use holdfast_engine::inspect::QueryError;
use holdfast_engine::runtime::{Effect, EffectId, Lane};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Most effects that are pulled at one time.
const PULL_MAX: usize = 64;

/// Where effects are pulled from: the committed effects of one task.
pub(crate) trait Source {
    /// Tells it from all others, also from the same task that was opened before.
    fn id(&self) -> u64;

    /// At most `count_max` effects of `lane`, in the order they were asked for, from the one behind `after` on.
    fn pull(&self, lane: &Lane, after: Option<EffectId>, count_max: usize) -> Result<Vec<Effect>, QueryError>;
}

/// The waiting effects of one channel.
pub(crate) struct Lanes<S> {
    /// By urgency and source.
    queues: BTreeMap<(u8, u64), Queue<S>>,
    /// By urgency: the sources whose turn it is, in order, among those in which something may wait.
    turns: BTreeMap<u8, VecDeque<u64>>,
    buffered: usize,
    buffered_max: usize,
}

struct Queue<S> {
    source: Arc<S>,
    lane: Lane,
    /// The last one that was pulled.
    cursor: Option<EffectId>,
    /// Pulled and not handed out, in order.
    waiting: VecDeque<Effect>,
    /// There may be more behind the cursor.
    has_more: bool,
    has_turn: bool,
}

impl<S: Source> Lanes<S> {
    /// None waits. About `buffered_max` are kept in memory, and one more for each source.
    pub(crate) fn new(buffered_max: usize) -> Self {
        Self { queues: BTreeMap::new(), turns: BTreeMap::new(), buffered: 0, buffered_max }
    }

    /// Something has been added to `lane` of `source`.
    pub(crate) fn added(&mut self, source: &Arc<S>, lane: Lane) {
        let urgency = lane.urgency;
        let queue = self.queues.entry((urgency, source.id())).or_insert_with(|| Queue {
            source: source.clone(),
            lane,
            cursor: None,
            waiting: VecDeque::new(),
            has_more: false,
            has_turn: false,
        });
        queue.has_more = true;
        give_turn(&mut self.turns, urgency, queue);
    }

    /// The next one that is not less urgent than `urgency_max`. `None`: nothing waits.
    ///
    /// # Errors
    /// When a store cannot be read; the others go on, and this one after [`Lanes::again`].
    pub(crate) fn next(&mut self, urgency_max: u8) -> Result<Option<(Arc<S>, Effect)>, QueryError> {
        let Self { queues, turns, buffered, buffered_max } = self;
        for (urgency, turns) in turns.range_mut(..=urgency_max) {
            while let Some(id) = turns.pop_front() {
                let Some(queue) = queues.get_mut(&(*urgency, id)) else { continue };
                queue.has_turn = false;
                if queue.waiting.is_empty() && queue.has_more {
                    let room = buffered_max.saturating_sub(*buffered);
                    *buffered += queue.pull(room.clamp(1, PULL_MAX))?;
                }
                let Some(effect) = queue.waiting.pop_front() else { continue };
                *buffered -= 1;
                if queue.has_more || !queue.waiting.is_empty() {
                    queue.has_turn = true;
                    turns.push_back(id);
                }
                return Ok(Some((queue.source.clone(), effect)));
            }
        }
        Ok(None)
    }

    /// One that was handed out was not performed: it waits again, in its order.
    pub(crate) fn give_back(&mut self, source: &S, effect: Effect) {
        let urgency = effect.lane.urgency;
        let Some(queue) = self.queues.get_mut(&(urgency, source.id())) else { return };
        let at = queue.waiting.partition_point(|waiting| waiting.id < effect.id);
        queue.waiting.insert(at, effect);
        self.buffered += 1;
        give_turn(&mut self.turns, urgency, queue);
    }

    /// Stores that could not be read are read again.
    pub(crate) fn again(&mut self) {
        for ((urgency, _), queue) in &mut self.queues {
            if queue.has_more {
                give_turn(&mut self.turns, *urgency, queue);
            }
        }
    }

    /// Nothing of this source is handed out any more.
    pub(crate) fn forget(&mut self, source: u64) {
        let buffered = &mut self.buffered;
        self.queues.retain(|(_, id), queue| {
            let stays = *id != source;
            if !stays {
                *buffered -= queue.waiting.len();
            }
            stays
        });
        for turns in self.turns.values_mut() {
            turns.retain(|id| *id != source);
        }
    }

    /// Effects in memory.
    pub(crate) fn buffered(&self) -> usize {
        self.buffered
    }

    /// Whether nothing waits, as far as is known.
    pub(crate) fn is_empty(&self) -> bool {
        self.turns.values().all(VecDeque::is_empty)
    }
}

/// A queue in which something may wait gets a turn, unless it has one.
fn give_turn<S: Source>(turns: &mut BTreeMap<u8, VecDeque<u64>>, urgency: u8, queue: &mut Queue<S>) {
    if !queue.has_turn {
        queue.has_turn = true;
        turns.entry(urgency).or_default().push_back(queue.source.id());
    }
}

impl<S: Source> Queue<S> {
    fn pull(&mut self, count_max: usize) -> Result<usize, QueryError> {
        match self.source.pull(&self.lane, self.cursor, count_max) {
            Ok(effects) => {
                self.has_more = effects.len() == count_max;
                self.cursor = effects.last().map(|effect| effect.id).or(self.cursor);
                let pulled = effects.len();
                self.waiting.extend(effects);
                Ok(pulled)
            }
            // It is about to be forgotten.
            Err(QueryError::NotHere(_)) => {
                self.has_more = false;
                Ok(0)
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_ports::store::TaskId;
    use parking_lot::Mutex;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[derive(Default)]
    struct Stored {
        id: u64,
        effects: Mutex<BTreeMap<(u8, u64), Effect>>,
        broken: Mutex<bool>,
    }

    fn lane(urgency: u8) -> Lane {
        Lane { channel: "c".to_owned(), urgency }
    }

    impl Stored {
        fn new(id: u64) -> Arc<Self> {
            Arc::new(Self { id, ..Self::default() })
        }

        fn add(&self, urgency: u8, id: u64) {
            let task = TaskId { topology: "t".into(), place: 0 };
            let name = format!("{}/{id}", self.id);
            let effect = Effect {
                task,
                lane: lane(urgency),
                id: EffectId(id),
                key: Vec::new(),
                payload: Vec::new(),
                name,
                proof: String::new(),
            };
            self.effects.lock().insert((urgency, id), effect);
        }
    }

    impl Source for Stored {
        fn id(&self) -> u64 {
            self.id
        }

        fn pull(&self, lane: &Lane, after: Option<EffectId>, count_max: usize) -> Result<Vec<Effect>, QueryError> {
            if *self.broken.lock() {
                return Err(QueryError::Failed("broken".to_owned()));
            }
            let from = (lane.urgency, after.map_or(0, |after| after.0 + 1));
            let effects = self.effects.lock();
            Ok(effects.range(from..=(lane.urgency, u64::MAX)).map(|(_, e)| e.clone()).take(count_max).collect())
        }
    }

    fn names(lanes: &mut Lanes<Stored>) -> Vec<String> {
        std::iter::from_fn(|| lanes.next(u8::MAX).unwrap()).map(|(_, effect)| effect.name).collect()
    }

    #[test]
    fn the_urgent_ones_come_first_even_behind_a_backlog() {
        let (source, mut lanes) = (Stored::new(1), Lanes::new(8));
        for id in 0..100_000 {
            source.add(2, id);
        }
        lanes.added(&source, lane(2));
        assert_eq!(lanes.next(u8::MAX).unwrap().unwrap().1.name, "1/0");
        assert!(lanes.next(0).unwrap().is_none(), "nothing so urgent");
        assert_eq!(lanes.buffered(), 7);
        source.add(0, 100_000);
        lanes.added(&source, lane(0));
        source.add(1, 100_001);
        lanes.added(&source, lane(1));
        let next: Vec<_> = (0..3).map(|_| lanes.next(u8::MAX).unwrap().unwrap().1.name).collect();
        assert_eq!(next, ["1/100000", "1/100001", "1/1"]);
    }

    #[test]
    fn places_take_turns() {
        let (one, two, mut lanes) = (Stored::new(1), Stored::new(2), Lanes::new(8));
        for id in 0..4 {
            one.add(1, id);
        }
        two.add(1, 0);
        two.add(1, 1);
        lanes.added(&one, lane(1));
        lanes.added(&two, lane(1));
        assert_eq!(names(&mut lanes), ["1/0", "2/0", "1/1", "2/1", "1/2", "1/3"]);
        assert!(lanes.is_empty());
    }

    #[test]
    fn what_was_given_back_comes_first_again_and_in_order() {
        let (source, mut lanes) = (Stored::new(1), Lanes::new(8));
        for id in 0..5 {
            source.add(0, id);
        }
        lanes.added(&source, lane(0));
        let mut out: Vec<_> = (0..3).map(|_| lanes.next(u8::MAX).unwrap().unwrap().1).collect();
        out.swap(0, 2);
        for effect in out {
            lanes.give_back(&source, effect);
        }
        assert_eq!(names(&mut lanes), ["1/0", "1/1", "1/2", "1/3", "1/4"]);
    }

    #[test]
    fn a_store_that_cannot_be_read_stops_nobody_else_and_is_read_again() {
        let (one, two, mut lanes) = (Stored::new(1), Stored::new(2), Lanes::new(8));
        one.add(0, 0);
        two.add(0, 0);
        *one.broken.lock() = true;
        lanes.added(&one, lane(0));
        lanes.added(&two, lane(0));
        assert!(lanes.next(u8::MAX).is_err());
        assert_eq!(names(&mut lanes), ["2/0"]);
        *one.broken.lock() = false;
        lanes.again();
        assert_eq!(names(&mut lanes), ["1/0"]);
    }

    #[test]
    fn what_is_forgotten_does_not_come() {
        let (one, two, mut lanes) = (Stored::new(1), Stored::new(2), Lanes::new(8));
        for id in 0..5 {
            one.add(0, id);
            two.add(0, id);
        }
        lanes.added(&one, lane(0));
        lanes.added(&two, lane(0));
        let (_, effect) = lanes.next(u8::MAX).unwrap().unwrap();
        lanes.forget(1);
        lanes.give_back(&one, effect);
        assert_eq!(names(&mut lanes), ["2/0", "2/1", "2/2", "2/3", "2/4"]);
        assert_eq!(lanes.buffered(), 0);
    }

    proptest! {
        /// Whatever the order of additions, hand-outs and returns: each effect is out at most once at a time, all come in the end, and memory is bounded.
        #[test]
        fn each_comes_once_and_memory_is_bounded(
            steps in proptest::collection::vec((0u8..4, 0usize..3, 0u8..3), 0..400),
            buffered_max in 1usize..40
        ) {
            let sources: Vec<_> = (0..3).map(Stored::new).collect();
            let mut lanes = Lanes::new(buffered_max);
            let (mut next_id, mut asked, mut out, mut done) = (0, BTreeSet::new(), Vec::new(), BTreeSet::new());
            let mut returned = 0;
            for (what, source, urgency) in steps {
                let source = &sources[source];
                match what {
                    0 | 1 => {
                        for _ in 0..=what {
                            source.add(urgency, next_id);
                            asked.insert(format!("{}/{next_id}", source.id));
                            next_id += 1;
                        }
                        lanes.added(source, lane(urgency));
                    }
                    2 => out.extend(lanes.next(u8::MAX).unwrap()),
                    _ if urgency == 0 => if let Some((source, effect)) = out.pop() {
                        lanes.give_back(&source, effect);
                        returned += 1;
                    },
                    _ => if let Some((_, effect)) = out.pop() { prop_assert!(done.insert(effect.name)) },
                }
                prop_assert!(lanes.buffered() <= buffered_max + sources.len() * 3 + returned);
            }
            for (_, effect) in out {
                prop_assert!(done.insert(effect.name));
            }
            while let Some((_, effect)) = lanes.next(u8::MAX).unwrap() {
                prop_assert!(done.insert(effect.name));
            }
            prop_assert_eq!(done, asked);
            prop_assert_eq!(lanes.buffered(), 0);
        }
    }
}
