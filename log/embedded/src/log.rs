//! The log itself.

use crate::appender::EmbeddedAppender;
use crate::committer;
use crate::config::EmbeddedConfig;
use crate::disk::Sync;
use crate::fetcher::EmbeddedFetcher;
use crate::maintenance::{self, Closing, Maintained};
use crate::membership::EmbeddedMembership;
use crate::rows::position;
use crate::shared::Shared;
use crate::tenure::Office;
use crate::writer::EmbeddedWriter;
use holdfast_ports::log::{Appender, Fetcher, Health, Log, LogError, TopicReport, TopicSpec, Writer};
use holdfast_ports::membership::{Member, Membership};
use holdfast_ports::record::TopicPartition;
use rocksdb::WriteBatch;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

/// A durable, transactional log inside the process. Dropping it finishes what was queued and ends its threads; its directory is free once its appenders,
/// fetchers, writers and memberships are gone too.
pub struct EmbeddedLog {
    shared: Arc<Shared>,
    closing: Arc<Closing>,
    threads: Vec<JoinHandle<()>>,
}

impl EmbeddedLog {
    /// Opens the log in its directory, creating it when it is missing.
    ///
    /// # Errors
    /// [`LogError::Fatal`] when the directory is in use, holds something else or cannot be written to; [`LogError::Corrupt`] when what lies in it
    /// cannot be what was written.
    pub fn open(config: EmbeddedConfig) -> Result<Arc<Self>, LogError> {
        let maintain_every = config.maintain_every;
        let shared = Arc::new(Shared::open(config)?);
        let closing = Arc::new(Closing::default());
        let mut log = Self { shared: Arc::clone(&shared), closing: Arc::clone(&closing), threads: Vec::new() };
        let committing = Arc::clone(&shared);
        log.spawn("log-committer", move || committer::run(&committing))?;
        if let Some(every) = maintain_every {
            log.spawn("log-maintenance", move || maintenance::run(&shared, &closing, every))?;
        }
        Ok(Arc::new(log))
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), LogError> {
        let thread = thread::Builder::new().name(name.to_owned()).spawn(work);
        self.threads
            .push(thread.map_err(|error| LogError::Fatal(format!("thread {name} cannot be started: {error}")))?);
        Ok(())
    }

    /// Applies retention and compaction as of `now_ms` (ms since the epoch). The log does so by itself every [`EmbeddedConfig::maintain_every`].
    ///
    /// # Errors
    /// As reading and writing the log.
    pub fn maintain(&self, now_ms: i64) -> Result<Maintained, LogError> {
        maintenance::maintain(&self.shared, now_ms)
    }

    /// How many syncs there were since the log was opened: one for each group of appends and transactions.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.shared.syncs()
    }

    /// Makes the next sync fail with `why`, as a broken disk would. For tests.
    pub fn fail_next_sync(&self, why: &str) {
        self.shared.set_fault(why.to_owned());
    }
}

impl Log for EmbeddedLog {
    fn kind(&self) -> &'static str {
        "embedded"
    }

    fn create_topics(&self, specs: &[TopicSpec]) -> Result<Vec<TopicReport>, LogError> {
        self.shared.check()?;
        self.shared.topics.create(&self.shared.disk, specs, |error| self.shared.fail(error))
    }

    fn check_topics(&self, specs: &[TopicSpec]) -> Result<Vec<TopicReport>, LogError> {
        Ok(self.shared.topics.check(specs))
    }

    fn partitions(&self, topic: &str) -> Result<Option<u32>, LogError> {
        Ok(self.shared.topics.partitions(topic))
    }

    fn appender(&self) -> Result<Arc<dyn Appender>, LogError> {
        Ok(Arc::new(EmbeddedAppender { shared: Arc::clone(&self.shared) }))
    }

    fn fetcher(&self) -> Result<Box<dyn Fetcher>, LogError> {
        self.shared.check()?;
        Ok(Box::new(EmbeddedFetcher::new(Arc::clone(&self.shared))))
    }

    fn writer(&self, id: &str) -> Result<Box<dyn Writer>, LogError> {
        self.shared.check()?;
        let tenure = self.shared.queue.begin_tenure(Office::Writer, &Arc::from(id));
        Ok(Box::new(EmbeddedWriter::new(Arc::clone(&self.shared), tenure)))
    }

    fn membership(&self, member: &Member) -> Result<Box<dyn Membership>, LogError> {
        self.shared.check()?;
        Ok(Box::new(EmbeddedMembership::join(Arc::clone(&self.shared), member)))
    }

    fn mirror(&self, group: &str, positions: &[(TopicPartition, i64)]) -> Result<(), LogError> {
        self.shared.check()?;
        let mut batch = WriteBatch::default();
        for (source, next) in positions {
            let found = self.shared.topics.partition(&source.topic, source.partition).map_err(LogError::Fatal)?;
            let key = position::key(group, found.id.topic, found.id.number);
            batch.put_cf(self.shared.disk.meta(), key, position::encode(*next));
        }
        self.shared.write(batch, Sync::Later)
    }

    fn mirrored(&self, group: &str, sources: &[TopicPartition]) -> Result<Vec<Option<i64>>, LogError> {
        self.shared.check()?;
        let shown = sources.iter().map(|source| {
            let found = self.shared.topics.partition(&source.topic, source.partition);
            let Ok(partition) = found else { return Ok(None) };
            let key = position::key(group, partition.id.topic, partition.id.number);
            self.shared.disk.row(&key, position::decode)
        });
        shown.collect()
    }

    fn health(&self) -> Health {
        match self.shared.poison.why() {
            None => Health::Up,
            Some(why) => Health::Down { why: why.to_owned() },
        }
    }
}

impl Drop for EmbeddedLog {
    fn drop(&mut self) {
        self.closing.close();
        self.shared.queue.close();
        for handle in self.threads.drain(..) {
            // The last one to hold the log may be a `done` in the committer itself, which cannot wait for its own end.
            if handle.thread().id() != thread::current().id() && handle.join().is_err() {
                tracing::error!("a thread of the log has panicked");
            }
        }
    }
}
