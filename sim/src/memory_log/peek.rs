//! Looking into the simulated log from outside, as no client could: for audits and schedulers.

use super::{Entry, MemoryLog, Partition, State, Stored, Visibility, index, offset};
use holdfast_ports::clock::Clock;
use holdfast_ports::log::TopicSpec;
use std::collections::BTreeMap;
use std::hash::Hasher;
use std::sync::Arc;

/// Who wrote a record in a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// Name of the writer.
    pub writer: String,
    /// Which one of that name: each new one has a higher epoch.
    pub epoch: u64,
}

impl MemoryLog {
    /// All records of a partition that were ever committed, with their offsets: also those that the log has forgotten since.
    #[must_use]
    pub fn committed(&self, topic: &str, partition: u32) -> Vec<(i64, Stored)> {
        self.committed_from(topic, partition, 0).into_iter().map(|(offset, record, _)| (offset, record)).collect()
    }

    /// Records of a partition from offset `from` on that were committed, as far as a reader could have seen them, with those who wrote them.
    #[must_use]
    pub fn committed_from(&self, topic: &str, partition: u32, from: i64) -> Vec<(i64, Stored, Option<Author>)> {
        let state = self.0.state.lock();
        let Some(partition) = state.topics.get(topic).and_then(|(_, ps)| ps.get(partition as usize)) else {
            return Vec::new();
        };
        let visible = partition.entries.iter().enumerate().take(partition.stable_end()).skip(index(from));
        visible
            .filter(|(_, e)| e.visibility == Visibility::Committed)
            .map(|(i, e)| {
                let author = e.by.clone().map(|(writer, epoch)| Author { writer, epoch });
                (offset(i), e.record.clone(), author)
            })
            .collect()
    }

    /// Number of times that something became visible by a commit: when it has grown, there is something new to audit.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.0.state.lock().changes
    }

    /// True when no transaction is open, no commit is on its way, every place of `app` has an owner and none is moving.
    #[must_use]
    pub fn is_calm(&self, app: &str) -> bool {
        let state = self.0.state.lock();
        state.late.is_empty()
            && state.unmarked.is_empty()
            && state.open_since_us.is_empty()
            && state.groups.get(app).is_some_and(super::Group::is_calm)
    }

    /// What keeps the log from being calm, for people.
    #[must_use]
    pub fn unrest(&self, app: &str) -> String {
        let state = self.0.state.lock();
        format!("open {:?}, late {}, group {:?}", state.open_since_us, state.late.len(), state.groups.get(app))
    }

    /// Faults that were injected and have not struck will not.
    pub fn clear_faults(&self) {
        self.0.state.lock().faults.clear();
    }

    /// Asks the owner of `place` to give it to `member`: a rebalance.
    pub fn move_place(&self, app: &str, place: u32, member: &str) {
        if let Some(group) = self.0.state.lock().groups.get_mut(app) {
            group.ask(place, member);
        }
    }

    /// Ends the session of `member`, whether it lives or not.
    pub fn expire_member(&self, app: &str, member: &str) {
        if let Some(group) = self.0.state.lock().groups.get_mut(app) {
            group.expire(member);
        }
    }

    /// Who is in the group of `app`, in order of name.
    #[must_use]
    pub fn members(&self, app: &str) -> Vec<String> {
        self.0.state.lock().groups.get(app).map(|g| g.members().map(str::to_owned).collect()).unwrap_or_default()
    }

    /// The places that the group of `app` has given to `member`.
    #[must_use]
    pub fn places_of(&self, app: &str, member: &str) -> Vec<u32> {
        self.0.state.lock().groups.get(app).map(|group| group.owned(member)).unwrap_or_default()
    }

    /// A log that holds the committed records of `inboxes` at their offsets and of `topics` nothing. Transactions leave nothing in the inboxes:
    /// whatever they would send there is there already.
    #[must_use]
    pub fn shadow(&self, topics: &[TopicSpec], inboxes: &[String], clock: Arc<dyn Clock>) -> Self {
        let shadow = Self::new(clock);
        let ours = self.0.state.lock();
        let mut state = shadow.0.state.lock();
        for spec in topics {
            let mut partitions: Vec<Partition> = (0..spec.partitions).map(|_| Partition::default()).collect();
            let is_inbox = inboxes.contains(&spec.name);
            if let Some((_, from)) = ours.topics.get(&spec.name).filter(|_| is_inbox) {
                for (into, from) in partitions.iter_mut().zip(from) {
                    into.entries = from.entries.iter().map(settled).collect();
                }
            }
            state.topics.insert(spec.name.clone(), (spec.clone(), partitions));
        }
        state.sealed = inboxes.iter().cloned().collect();
        drop(state);
        shadow
    }

    /// A number that stands for every byte in the log.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let mut hasher = rustc_hash::FxHasher::default();
        let State { topics, positions, .. } = &*self.0.state.lock();
        hasher.write(format!("{topics:?}{positions:?}").as_bytes());
        hasher.finish()
    }

    /// All topics with their number of records, committed or not.
    #[must_use]
    pub fn sizes(&self) -> BTreeMap<String, usize> {
        let state = self.0.state.lock();
        state.topics.iter().map(|(name, (_, ps))| (name.clone(), ps.iter().map(|p| p.entries.len()).sum())).collect()
    }
}

fn settled(entry: &Entry) -> Entry {
    let visibility = if entry.visibility == Visibility::Committed { Visibility::Committed } else { Visibility::Hidden };
    Entry { record: entry.record.clone(), visibility, by: None, is_gone: false, met_us: None }
}
