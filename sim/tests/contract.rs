//! The simulated log keeps what every log promises.

use holdfast_log_contract::{Capabilities, Harness, OpenTransaction, SecondMember, SystemClock, contract_tests};
use holdfast_ports::clock::Clock;
use holdfast_ports::log::Log;
use holdfast_sim::memory_log::MemoryLog;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// One log for each promise. It has no disk: what outlives a restart is what the memory holds.
struct InMemory {
    log: MemoryLog,
    clock: SystemClock,
    names: AtomicU64,
}

impl InMemory {
    fn new() -> Self {
        let clock = SystemClock::new();
        Self { log: MemoryLog::with_timeout(Arc::new(clock), Duration::from_secs(2)), clock, names: AtomicU64::new(0) }
    }
}

impl Harness for InMemory {
    fn open(&self) -> Arc<dyn Log> {
        Arc::new(self.log.clone())
    }

    fn restart(&self) -> Arc<dyn Log> {
        self.open()
    }

    fn fresh(&self, stem: &str) -> String {
        format!("{stem}-{}", self.names.fetch_add(1, Ordering::SeqCst))
    }

    fn clock(&self) -> &dyn Clock {
        &self.clock
    }

    fn ways(&self) -> Capabilities {
        Capabilities { open_transaction: OpenTransaction::HoldsOffsets, second_member: SecondMember::Shares }
    }
}

contract_tests!(InMemory::new());
