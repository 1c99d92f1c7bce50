//! Appends on their way: filled by whoever appends, emptied by the carriers, one for each broker.
//!
//! Each partition is a lane with its own numbers, and one batch of a lane is under way at a time. What is sent again goes with the same numbers, so it
//! cannot come to lie in the log twice. A batch that is given up although it may be in the log ends the lane's epoch: brokers take nothing of an older one
//! once they have seen the next, so it does not turn up after what is appended later.

use super::batch::{self, Batch, FULL_BYTES};
use super::bundle::Bundle;
use super::bytes::Encoder;
use super::messages::{Address, Metadata, ProducerId};
use super::parcel::Cargo as _;
use crate::pending::Done;
use holdfast_ports::record::{NewRecord, TopicPartition};
use parking_lot::{Condvar, Mutex};
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Bytes that may wait before nothing more is taken.
const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;

/// See the head of this file.
#[derive(Default)]
pub(super) struct Lanes {
    inner: Mutex<Inner>,
    /// The guide has something to ask.
    asked: Condvar,
    /// Something has gone.
    gone: Condvar,
}

#[derive(Default)]
struct Inner {
    topics: FxHashMap<Box<str>, FxHashMap<u32, usize>>,
    /// By tag.
    lanes: Vec<Lane>,
    leaders: FxHashMap<i32, Leader>,
    /// Under which new lanes begin.
    producer: Option<ProducerId>,
    waiting_bytes: usize,
    closed: bool,
    scratch: Encoder,
}

/// One partition.
struct Lane {
    to: TopicPartition,
    waiting: VecDeque<Bundle>,
    under_way: bool,
    led_by: Option<i32>,
    producer: Option<ProducerId>,
    /// Number of the next record that is sent: it moves on when a batch lies in the log.
    next: i32,
    /// Bytes of records with which a batch is full.
    full_bytes: usize,
}

struct Leader {
    address: Address,
    /// Its carrier has something to do.
    filled: Arc<Condvar>,
    /// Its carrier has nothing to do. Otherwise it need not be woken: it looks by itself.
    idle: bool,
}

impl Leader {
    fn wake(&mut self) {
        if std::mem::take(&mut self.idle) {
            self.filled.notify_one();
        }
    }
}

/// A batch in a carrier's hands.
pub(super) struct Shipment {
    pub(super) tag: usize,
    pub(super) to: TopicPartition,
    pub(super) producer: ProducerId,
    pub(super) bundle: Bundle,
}

/// What only the cluster can answer.
#[derive(Default)]
pub(super) struct Questions {
    /// Under which id do we write?
    pub(super) producer: bool,
    /// Who leads these?
    pub(super) topics: Vec<Arc<str>>,
}

impl Questions {
    pub(super) fn is_empty(&self) -> bool {
        !self.producer && self.topics.is_empty()
    }
}

impl Lane {
    /// The numbers begin again, in an epoch that nothing was written in.
    fn restart(&mut self) {
        self.next = 0;
        // After the last epoch comes another producer.
        self.producer = self
            .producer
            .and_then(|producer| producer.epoch.checked_add(1).map(|epoch| ProducerId { epoch, ..producer }));
    }

    fn give_up(&mut self, bundle: &Bundle) {
        if bundle.may_be_in_the_log() {
            self.restart();
        }
    }
}

impl Inner {
    fn lane(&mut self, topic: &str, partition: u32) -> usize {
        if let Some(tag) = self.topics.get(topic).and_then(|tags| tags.get(&partition)) {
            return *tag;
        }
        let tag = self.lanes.len();
        let name = self.topics.get(topic).and_then(|tags| tags.values().next());
        let name = name.map_or_else(|| topic.into(), |tag| Arc::clone(&self.lanes[*tag].to.topic));
        self.lanes.push(Lane {
            to: TopicPartition::new(name, partition),
            waiting: VecDeque::new(),
            under_way: false,
            led_by: None,
            producer: self.producer,
            next: 0,
            full_bytes: FULL_BYTES,
        });
        self.topics.entry(topic.into()).or_default().insert(partition, tag);
        tag
    }

    /// The first batch of each lane that goes to this broker.
    fn load(&mut self, node: i32) -> Vec<Shipment> {
        let mut load = Vec::new();
        for (tag, lane) in self.lanes.iter_mut().enumerate() {
            if lane.led_by != Some(node) || lane.under_way {
                continue;
            }
            let Some(producer) = lane.producer else { continue };
            if let Some(mut bundle) = lane.waiting.pop_front() {
                bundle.number(lane.next);
                lane.under_way = true;
                self.waiting_bytes -= bundle.batch().bytes();
                load.push(Shipment { tag, to: lane.to.clone(), producer, bundle });
            }
        }
        load
    }

    /// Nothing of this lane is under way any more. Another broker may lead it by now, whose carrier has looked for it in vain.
    fn free(&mut self, tag: usize) -> &mut Lane {
        let lane = &mut self.lanes[tag];
        lane.under_way = false;
        if let Some(leader) = lane.led_by.and_then(|node| self.leaders.get_mut(&node)) {
            leader.wake();
        }
        lane
    }

    fn questions(&self) -> Questions {
        let mut questions = Questions::default();
        for lane in self.lanes.iter().filter(|lane| !lane.waiting.is_empty()) {
            questions.producer |= lane.producer.is_none();
            if lane.led_by.is_none() && !questions.topics.contains(&lane.to.topic) {
                questions.topics.push(Arc::clone(&lane.to.topic));
            }
        }
        questions
    }

    /// Takes out of the lanes of `tags` what `is_over`.
    fn remove(
        &mut self,
        tags: impl IntoIterator<Item = usize>,
        is_over: impl Fn(&Lane, &Bundle) -> bool,
    ) -> Vec<Bundle> {
        let mut removed = Vec::new();
        for tag in tags {
            let lane = &mut self.lanes[tag];
            while !lane.under_way && lane.waiting.front().is_some_and(|bundle| is_over(lane, bundle)) {
                let Some(bundle) = lane.waiting.pop_front() else { break };
                lane.give_up(&bundle);
                self.waiting_bytes -= bundle.batch().bytes();
                removed.push(bundle);
            }
        }
        removed
    }
}

impl Lanes {
    /// Takes a record of so many bytes at this time. Gives `done` back when too much waits, or nothing goes any more.
    pub(super) fn push(
        &self,
        record: &NewRecord<'_>,
        bytes: usize,
        done: Done,
        now_ms: i64,
        now_us: u64,
    ) -> Result<(), Done> {
        let inner = &mut *self.inner.lock();
        if inner.closed || inner.waiting_bytes + bytes > WAITING_BYTES_MAX {
            return Err(done);
        }
        let tag = inner.lane(record.topic, record.partition);
        let lane = &mut inner.lanes[tag];
        if !lane.waiting.back().is_some_and(|bundle| bundle.may_be_joined(bytes, lane.full_bytes, now_us)) {
            lane.waiting.push_back(Bundle::new(now_ms, now_us));
        }
        let Some(bundle) = lane.waiting.back_mut() else { return Err(done) };
        let before = bundle.batch().bytes();
        bundle.push(record, done, &mut inner.scratch);
        inner.waiting_bytes += bundle.batch().bytes() - before;
        match lane.led_by.filter(|_| lane.producer.is_some()).and_then(|node| inner.leaders.get_mut(&node)) {
            Some(leader) => leader.wake(),
            None => drop(self.asked.notify_one()),
        }
        Ok(())
    }

    /// A carrier's: waits for something that goes to its broker, but first for so long. `None` when nothing goes any more.
    pub(super) fn take(&self, node: i32, filled: &Condvar, pause: Duration) -> Option<Vec<Shipment>> {
        let mut inner = self.inner.lock();
        filled.wait_while_for(&mut inner, |inner| !inner.closed, pause);
        loop {
            if inner.closed {
                return None;
            }
            let load = inner.load(node);
            if !load.is_empty() {
                return Some(load);
            }
            if let Some(leader) = inner.leaders.get_mut(&node) {
                leader.idle = true;
            }
            filled.wait(&mut inner);
        }
    }

    /// A carrier's: where its broker is.
    pub(super) fn address(&self, node: i32) -> Option<Address> {
        self.inner.lock().leaders.get(&node).map(|leader| leader.address.clone())
    }

    /// A carrier's: what it had in hand for this lane lies in the log.
    pub(super) fn delivered(&self, tag: usize, batch: &Batch) {
        let mut inner = self.inner.lock();
        inner.free(tag).next = batch.next();
        self.gone.notify_all();
    }

    /// A carrier's: what it had in hand for this lane does not go to the log, whatever the reason.
    pub(super) fn on_dead_letter(&self, tag: usize, bundle: &Bundle) {
        let mut inner = self.inner.lock();
        inner.free(tag).give_up(bundle);
        self.gone.notify_all();
    }

    /// A carrier's: what it had in hand for this lane has to go again, to whoever leads it then.
    pub(super) fn again(&self, tag: usize, bundle: Bundle) {
        let inner = &mut *self.inner.lock();
        inner.waiting_bytes += bundle.batch().bytes();
        let lane = inner.free(tag);
        lane.led_by = None;
        lane.waiting.push_front(bundle);
        self.asked.notify_one();
    }

    /// A carrier's: what it had in hand for this lane has to go in these parts, because the leader takes no more at once. What follows will be as small.
    pub(super) fn again_in_parts(&self, tag: usize, parts: [Bundle; 2]) {
        let inner = &mut *self.inner.lock();
        let lane = &mut inner.lanes[tag];
        lane.full_bytes = batch::narrower(lane.full_bytes, parts.iter().map(|part| part.batch().bytes()).sum());
        for part in parts.into_iter().rev() {
            inner.waiting_bytes += part.batch().bytes();
            lane.waiting.push_front(part);
        }
        inner.free(tag);
    }

    /// A carrier's: the leader knows other numbers than the lane; it takes what begins again.
    pub(super) fn restart(&self, tag: usize) {
        self.inner.lock().lanes[tag].restart();
    }

    /// The guide's: waits until there is something to be asked, at most so long. `None` when nothing goes any more.
    pub(super) fn questions(&self, at_most: Duration) -> Option<Questions> {
        let mut inner = self.inner.lock();
        let mut questions = inner.questions();
        if questions.is_empty() && !inner.closed {
            self.asked.wait_for(&mut inner, at_most);
            questions = inner.questions();
        }
        (!inner.closed).then_some(questions)
    }

    /// The guide's: so long it asks nothing again.
    pub(super) fn rest(&self, pause: Duration) {
        self.asked.wait_while_for(&mut self.inner.lock(), |inner| !inner.closed, pause);
    }

    /// The guide's: takes out what was appended before this time and has not gone.
    pub(super) fn expired(&self, before_us: u64) -> Vec<Bundle> {
        let mut inner = self.inner.lock();
        let all = 0..inner.lanes.len();
        inner.remove(all, |_, bundle| bundle.since_us() < before_us)
    }

    /// The guide's: takes out what was appended before this time for partitions of a topic that it does not have, of which there are so many.
    pub(super) fn missing(&self, topic: &str, partitions: usize, before_us: u64) -> Vec<Bundle> {
        let mut inner = self.inner.lock();
        let tags: Vec<usize> = inner.topics.get(topic).into_iter().flat_map(|tags| tags.values().copied()).collect();
        inner.remove(tags, |lane, bundle| lane.to.partition as usize >= partitions && bundle.since_us() < before_us)
    }

    /// The guide's: this is under which we write.
    pub(super) fn written_as(&self, producer: ProducerId) {
        let inner = &mut *self.inner.lock();
        inner.producer = Some(producer);
        for lane in inner.lanes.iter_mut().filter(|lane| lane.producer.is_none()) {
            lane.producer = Some(producer);
        }
        inner.leaders.values_mut().for_each(Leader::wake);
    }

    /// The guide's: who leads this topic. Returns the brokers that have no carrier yet, and what wakes each.
    pub(super) fn led(&self, topic: &str, metadata: &Metadata) -> Vec<(i32, Arc<Condvar>)> {
        let inner = &mut *self.inner.lock();
        let mut new = Vec::new();
        for address in &metadata.brokers {
            let leader = inner.leaders.entry(address.node).or_insert_with(|| {
                let filled = Arc::new(Condvar::new());
                new.push((address.node, Arc::clone(&filled)));
                Leader { address: address.clone(), filled, idle: false }
            });
            leader.address = address.clone();
        }
        for (partition, tag) in inner.topics.get(topic).into_iter().flatten() {
            let leader = metadata.leaders.get(*partition as usize).filter(|node| **node >= 0);
            inner.lanes[*tag].led_by = leader.copied();
        }
        inner.leaders.values_mut().for_each(Leader::wake);
        new
    }

    /// The guide's: nobody carries to this broker, so that it is asked again who leads what, and somebody found.
    pub(super) fn without_carrier(&self, node: i32) {
        let inner = &mut *self.inner.lock();
        inner.leaders.remove(&node);
        for lane in inner.lanes.iter_mut().filter(|lane| lane.led_by == Some(node)) {
            lane.led_by = None;
        }
    }

    /// Waits until everything has gone, at most so long; nothing goes after that. What has not gone is told so when it is dropped.
    pub(super) fn close(&self, at_most: Duration) -> Vec<Bundle> {
        let inner = &mut self.inner.lock();
        let all_gone = |inner: &mut Inner| inner.lanes.iter().all(|lane| !lane.under_way && lane.waiting.is_empty());
        self.gone.wait_while_for(inner, |inner| !all_gone(inner), at_most);
        inner.closed = true;
        self.asked.notify_one();
        for leader in inner.leaders.values() {
            leader.filled.notify_one();
        }
        inner.lanes.iter_mut().flat_map(|lane| std::mem::take(&mut lane.waiting)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::messages::Produced;
    use super::*;
    use crate::ffi::Code;
    use holdfast_ports::log::AppendError;
    use holdfast_ports::record::Appended;
    use std::sync::mpsc::{Receiver, channel};

    const PRODUCER: ProducerId = ProducerId { id: 7, epoch: 0 };
    const NODE: i32 = 1;

    type Answers = Receiver<Result<Appended, AppendError>>;

    fn push(lanes: &Lanes, value: &[u8], now_us: u64) -> Answers {
        let (sender, answers) = channel();
        let record = NewRecord { topic: "t", partition: 0, key: None, value: Some(value), headers: &[] };
        let done: Done = Box::new(move |answer| drop(sender.send(answer)));
        assert!(lanes.push(&record, value.len(), done, 5, now_us).is_ok());
        answers
    }

    /// The topic's only partition is led by this broker.
    fn led_by(node: i32) -> Metadata {
        let address = Address { node, host: "host".to_owned(), port: 1 };
        Metadata { brokers: vec![address], error: 0, leaders: vec![node] }
    }

    fn led() -> Lanes {
        let lanes = Lanes::default();
        lanes.written_as(PRODUCER);
        lanes
    }

    fn load(lanes: &Lanes) -> Option<Shipment> {
        lanes.led("t", &led_by(NODE));
        lanes.inner.lock().load(NODE).pop()
    }

    fn take(lanes: &Lanes) -> Shipment {
        load(lanes).expect("something to carry")
    }

    /// Count, number of the first, epoch.
    fn numbers(shipment: &Shipment) -> (i32, i32, i16) {
        (shipment.bundle.batch().count(), shipment.bundle.batch().first, shipment.producer.epoch)
    }

    fn deliver(lanes: &Lanes, Shipment { tag, bundle, .. }: Shipment, offset: i64, append_ms: i64) {
        lanes.delivered(tag, bundle.batch());
        bundle.taken(Produced { error: 0, offset, append_ms });
    }

    #[test]
    fn what_comes_while_a_batch_is_under_way_goes_with_the_next_and_the_numbers_go_on() {
        let lanes = led();
        let (a, b) = (push(&lanes, b"a", 0), push(&lanes, b"b", 0));
        let first = take(&lanes);
        assert_eq!(numbers(&first), (2, 0, 0));
        let c = push(&lanes, b"c", 0);
        assert!(load(&lanes).is_none(), "one at a time");
        deliver(&lanes, first, 40, 1_000);
        let ok = |answers: &Answers| answers.try_recv().unwrap().unwrap();
        assert_eq!(ok(&a), Appended { offset: 40, append_ms: 1_000 });
        assert_eq!(ok(&b), Appended { offset: 41, append_ms: 1_000 });
        let second = take(&lanes);
        assert_eq!(numbers(&second), (1, 2, 0));
        deliver(&lanes, second, 90, -1);
        assert_eq!(ok(&c), Appended { offset: 90, append_ms: 5 }, "the producer's time, where the topic keeps it");
    }

    #[test]
    fn what_was_not_answered_goes_again_alone_with_the_same_numbers() {
        let lanes = led();
        let _a = push(&lanes, b"a", 0);
        let Shipment { tag, mut bundle, .. } = take(&lanes);
        bundle.unresolved();
        lanes.again(tag, bundle);
        let _b = push(&lanes, b"b", 0);
        assert_eq!(lanes.inner.lock().questions().topics.len(), 1, "who leads it is asked again");
        assert_eq!(numbers(&take(&lanes)), (1, 0, 0));
    }

    #[test]
    fn what_was_not_taken_takes_others_along() {
        let lanes = led();
        let _a = push(&lanes, b"a", 0);
        let Shipment { tag, bundle, .. } = take(&lanes);
        lanes.again(tag, bundle);
        let _b = push(&lanes, b"b", 0);
        assert_eq!(numbers(&take(&lanes)), (2, 0, 0));
    }

    #[test]
    fn one_large_record_does_not_make_all_batches_small() {
        let lanes = led();
        let (_small, large) = (push(&lanes, b"a", 0), push(&lanes, &[0; 200_000], 0));
        let Shipment { tag, bundle, .. } = take(&lanes);
        let Ok(halves) = bundle.halves() else { panic!("two records") };
        lanes.again_in_parts(tag, halves);
        let first = take(&lanes);
        assert_eq!(numbers(&first), (1, 0, 0));
        deliver(&lanes, first, 0, 0);
        let Shipment { tag, bundle, .. } = take(&lanes);
        lanes.on_dead_letter(tag, &bundle);
        bundle.failed(Code::MessageSizeTooLarge);
        assert!(matches!(large.try_recv().unwrap(), Err(AppendError::Refused(_))));
        let _after: Vec<_> = (0..9).map(|_| push(&lanes, &[0; 10_000], 0)).collect();
        assert_eq!(numbers(&take(&lanes)), (9, 1, 0));
    }

    #[test]
    fn giving_up_what_may_be_in_the_log_begins_an_epoch() {
        let lanes = led();
        let a = push(&lanes, b"a", 10);
        let delivered = push(&lanes, b"b", 10);
        deliver(&lanes, take(&lanes), 0, 0);
        assert!(a.try_recv().unwrap().is_ok() && delivered.try_recv().unwrap().is_ok());

        // Never sent: nothing of it can come into the log.
        let unsent = push(&lanes, b"c", 20);
        for bundle in lanes.expired(21) {
            bundle.failed(Code::MessageTimedOut);
        }
        assert!(matches!(unsent.try_recv().unwrap(), Err(AppendError::Unavailable(_))));

        let sent = push(&lanes, b"d", 30);
        let Shipment { tag, mut bundle, producer, .. } = take(&lanes);
        assert_eq!((bundle.batch().first, producer.epoch), (2, 0));
        assert!(lanes.expired(31).is_empty(), "not from under the carrier's hands");
        bundle.unresolved();
        lanes.again(tag, bundle);
        assert!(lanes.expired(30).is_empty(), "not yet");
        for bundle in lanes.expired(31) {
            bundle.failed(Code::MessageTimedOut);
        }
        assert!(matches!(sent.try_recv().unwrap(), Err(AppendError::Unknown(_))));
        let _e = push(&lanes, b"e", 40);
        assert_eq!(numbers(&take(&lanes)), (1, 0, 1));
    }

    #[test]
    fn after_the_last_epoch_comes_another_producer() {
        let lanes = Lanes::default();
        lanes.written_as(ProducerId { epoch: i16::MAX, ..PRODUCER });
        let _a = push(&lanes, b"a", 0);
        let Shipment { tag, bundle, .. } = take(&lanes);
        lanes.restart(tag);
        lanes.again(tag, bundle);
        assert!(lanes.inner.lock().questions().producer);
        assert!(load(&lanes).is_none());
        lanes.written_as(ProducerId { id: 8, epoch: 0 });
        let shipment = take(&lanes);
        assert_eq!((shipment.producer, shipment.bundle.batch().first), (ProducerId { id: 8, epoch: 0 }, 0));
    }

    #[test]
    fn partitions_that_a_topic_does_not_have_are_refused_in_time() {
        let lanes = led();
        let _there = push(&lanes, b"a", 10);
        assert!(lanes.missing("t", 1, 11).is_empty());
        assert!(lanes.missing("t", 0, 10).is_empty(), "it may be new");
        assert_eq!(lanes.missing("t", 0, 11).len(), 1);
        assert!(lanes.missing("of which nobody has heard", 0, 11).is_empty());
    }

    #[test]
    fn a_leader_that_looked_too_early_is_woken_when_the_lane_is_free() {
        let lanes = led();
        let _a = push(&lanes, b"a", 0);
        let first = take(&lanes);
        let _b = push(&lanes, b"b", 0);
        lanes.led("t", &led_by(2));
        let is_idle = || lanes.inner.lock().leaders[&2].idle;
        // As in `take`: the lane is not free yet, and its carrier goes to sleep.
        assert!(lanes.inner.lock().load(2).is_empty());
        lanes.inner.lock().leaders.get_mut(&2).unwrap().idle = true;
        deliver(&lanes, first, 0, 0);
        assert!(!is_idle());
        assert_eq!(lanes.inner.lock().load(2).len(), 1);
    }

    #[test]
    fn a_broker_without_a_carrier_gets_one_with_the_next_question() {
        let lanes = led();
        let _a = push(&lanes, b"a", 0);
        let hired = || lanes.led("t", &led_by(NODE)).len();
        assert_eq!((hired(), hired()), (1, 0));
        lanes.without_carrier(NODE);
        assert_eq!(lanes.inner.lock().questions().topics.len(), 1);
        assert_eq!(hired(), 1);
        assert_eq!(numbers(&take(&lanes)), (1, 0, 0));
    }

    #[test]
    fn too_much_is_not_taken() {
        let lanes = led();
        let large = vec![0; 1_000_000];
        let taken = (0..200).take_while(|_| {
            let record = NewRecord { topic: "t", partition: 0, key: None, value: Some(&large), headers: &[] };
            lanes.push(&record, large.len(), Box::new(|_| {}), 0, 0).is_ok()
        });
        assert_eq!(taken.count(), WAITING_BYTES_MAX / 1_000_000);
    }

    #[test]
    fn nobody_waits_for_ever_when_the_lanes_are_closed() {
        let lanes = led();
        let under_way = push(&lanes, b"a", 0);
        let mut shipment = take(&lanes);
        let waiting = push(&lanes, b"b", 0);
        drop(lanes.close(Duration::ZERO));
        assert!(matches!(waiting.try_recv().unwrap(), Err(AppendError::Unavailable(_))));
        shipment.bundle.unresolved();
        lanes.again(shipment.tag, shipment.bundle);
        drop(lanes);
        assert!(matches!(under_way.try_recv().unwrap(), Err(AppendError::Unknown(_))));
    }
}
