//! The callbacks of appends that are under way.

use holdfast_ports::log::AppendError;
use holdfast_ports::record::Appended;
use parking_lot::Mutex;

pub(crate) type Done = Box<dyn FnOnce(Result<Appended, AppendError>) + Send>;

/// An append that is under way.
pub(crate) struct Append {
    pub(crate) done: Done,
    /// How many Produce requests the producer had sent before it was queued.
    pub(crate) produced_before: u64,
}

/// Appends by tag. Each leaves it once, and what is left when it goes is told that nobody knows.
#[derive(Default)]
pub(crate) struct Pending(Mutex<Table>);

#[derive(Default)]
struct Table {
    appends: Vec<Option<Append>>,
    free: Vec<usize>,
}

impl Pending {
    pub(crate) fn insert(&self, append: Append) -> usize {
        let mut table = self.0.lock();
        if let Some(tag) = table.free.pop() {
            table.appends[tag] = Some(append);
            tag
        } else {
            table.appends.push(Some(append));
            table.appends.len() - 1
        }
    }

    pub(crate) fn take(&self, tag: usize) -> Option<Append> {
        let mut table = self.0.lock();
        let append = table.appends.get_mut(tag)?.take()?;
        table.free.push(tag);
        Some(append)
    }

    /// Tells everybody who still waits that nobody knows.
    pub(crate) fn give_up(&self, why: &str) {
        let left: Vec<Append> = {
            let mut table = self.0.lock();
            table.free.clear();
            table.appends.drain(..).flatten().collect()
        };
        for Append { done, .. } in left {
            done(Err(AppendError::Unknown(why.to_owned())));
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
        let done = |n: i32| {
            let sender = sender.clone();
            let done: Done = Box::new(move |result| sender.send((n, result.is_ok())).unwrap());
            Append { done, produced_before: 0 }
        };
        let pending = Pending::default();
        let first = pending.insert(done(1));
        let second = pending.insert(done(2));
        (pending.take(first).unwrap().done)(Ok(Appended { offset: 0, append_ms: 0 }));
        assert!(pending.take(first).is_none());
        assert_eq!(pending.insert(done(3)), first);
        assert_ne!(first, second);
        drop(pending);
        let mut seen: Vec<_> = calls.try_iter().collect();
        seen.sort_unstable();
        assert_eq!(seen, [(1, true), (2, false), (3, false)]);
    }
}
