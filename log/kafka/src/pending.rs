//! The callbacks of appends that are under way.

use holdfast_ports::log::AppendError;
use holdfast_ports::record::Appended;
use parking_lot::Mutex;

pub(crate) type Done = Box<dyn FnOnce(Result<Appended, AppendError>) + Send>;

/// Callbacks by tag. Each leaves it once, and what is left when it goes is told that nobody knows.
#[derive(Default)]
pub(crate) struct Pending(Mutex<Table>);

#[derive(Default)]
struct Table {
    callbacks: Vec<Option<Done>>,
    free: Vec<usize>,
}

impl Pending {
    pub(crate) fn insert(&self, done: Done) -> usize {
        let mut table = self.0.lock();
        if let Some(tag) = table.free.pop() {
            table.callbacks[tag] = Some(done);
            tag
        } else {
            table.callbacks.push(Some(done));
            table.callbacks.len() - 1
        }
    }

    pub(crate) fn take(&self, tag: usize) -> Option<Done> {
        let mut table = self.0.lock();
        let done = table.callbacks.get_mut(tag)?.take()?;
        table.free.push(tag);
        Some(done)
    }

    /// Tells everybody who still waits that nobody knows.
    pub(crate) fn give_up(&self, why: &str) {
        let left: Vec<Done> = {
            let mut table = self.0.lock();
            table.free.clear();
            table.callbacks.drain(..).flatten().collect()
        };
        for done in left {
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
        let done = |n: i32| -> Done {
            let sender = sender.clone();
            Box::new(move |result| sender.send((n, result.is_ok())).unwrap())
        };
        let pending = Pending::default();
        let first = pending.insert(done(1));
        let second = pending.insert(done(2));
        pending.take(first).unwrap()(Ok(Appended { offset: 0, append_ms: 0 }));
        assert!(pending.take(first).is_none());
        assert_eq!(pending.insert(done(3)), first);
        assert_ne!(first, second);
        drop(pending);
        let mut seen: Vec<_> = calls.try_iter().collect();
        seen.sort_unstable();
        assert_eq!(seen, [(1, true), (2, false), (3, false)]);
    }
}
