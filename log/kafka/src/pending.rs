//! The callbacks of appends that are under way.

use holdfast_ports::log::AppendError;
use holdfast_ports::record::Appended;
use parking_lot::Mutex;

pub(crate) type Done = Box<dyn FnOnce(Result<Appended, AppendError>) + Send>;

/// An append that is under way.
pub(crate) struct Waiting {
    pub(crate) done: Done,
    /// Number of the topic, and the partition.
    pub(crate) to: (usize, u32),
    /// Of key, value and headers.
    pub(crate) bytes: usize,
    /// How many Produce requests the producer had sent before it was queued.
    pub(crate) produced_before: u64,
}

/// Appends by tag. Each leaves it once, and what is left when it goes is told that nobody knows.
#[derive(Default)]
pub(crate) struct Pending(Mutex<Table>);

#[derive(Default)]
struct Table {
    appends: Vec<Option<Waiting>>,
    free: Vec<usize>,
}

impl Pending {
    pub(crate) fn insert(&self, waiting: Waiting) -> usize {
        let mut table = self.0.lock();
        if let Some(tag) = table.free.pop() {
            table.appends[tag] = Some(waiting);
            tag
        } else {
            table.appends.push(Some(waiting));
            table.appends.len() - 1
        }
    }

    pub(crate) fn take(&self, tag: usize) -> Option<Waiting> {
        let mut table = self.0.lock();
        let waiting = table.appends.get_mut(tag)?.take()?;
        table.free.push(tag);
        Some(waiting)
    }

    /// Whether nothing is under way.
    pub(crate) fn is_empty(&self) -> bool {
        let table = self.0.lock();
        table.free.len() == table.appends.len()
    }

    /// Tells everybody who still waits that nobody knows.
    pub(crate) fn give_up(&self, why: &str) {
        let left: Vec<Waiting> = {
            let mut table = self.0.lock();
            table.free.clear();
            table.appends.drain(..).flatten().collect()
        };
        for waiting in left {
            (waiting.done)(Err(AppendError::Unknown(why.to_owned())));
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.give_up("the appender was closed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn every_callback_is_called_once() {
        let (sender, calls) = channel();
        let waiting = |n: i32| {
            let sender = sender.clone();
            let done: Done = Box::new(move |result| sender.send((n, result.is_ok())).unwrap());
            Waiting { done, to: (0, 0), bytes: 1, produced_before: 0 }
        };
        let pending = Pending::default();
        assert!(pending.is_empty());
        let first = pending.insert(waiting(1));
        let second = pending.insert(waiting(2));
        (pending.take(first).unwrap().done)(Ok(Appended { offset: 0, append_ms: 0 }));
        assert!(!pending.is_empty());
        assert!(pending.take(first).is_none());
        assert_eq!(pending.insert(waiting(3)), first);
        assert_ne!(first, second);
        drop(pending);
        let mut seen: Vec<_> = calls.try_iter().collect();
        seen.sort_unstable();
        assert_eq!(seen, [(1, true), (2, false), (3, false)]);
    }
}
