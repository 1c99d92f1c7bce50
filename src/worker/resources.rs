//! What the process takes of its machine, looked at when `/metrics` is asked for: CPU, memory, descriptors, and what RocksDB keeps
//! in memory for all stores. Names of the process's own are those that exporters of Prometheus use everywhere.
//!
//! Read from `/proc`, which Linux has. Elsewhere these series are missing; nothing else depends on them.

use holdfast_state::RocksStores;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Counter, Gauge, Opts, Registry};
use std::fs;
use std::sync::{Arc, Weak};

/// Ticks a second in `/proc`: a constant of Linux's interface, whatever the kernel's own clock is.
const TICKS_PER_SECOND: f64 = 100.0;

/// The metrics of one process.
struct Resources {
    /// `None` for a worker that keeps no state. The stores' owner decides when they are closed, not what is shown of them.
    stores: Option<Weak<RocksStores>>,
    cpu: Counter,
    started: Gauge,
    resident: Gauge,
    threads: Gauge,
    descriptors: Gauge,
    descriptors_max: Gauge,
    block_cache: Gauge,
    write_buffers: Gauge,
}

/// Registers them. Without `stores` those of RocksDB are left out.
///
/// # Errors
/// When the registry has metrics of these names already.
pub(super) fn register(registry: &Registry, stores: Option<&Arc<RocksStores>>) -> Result<(), prometheus::Error> {
    registry.register(Box::new(Resources::new(stores.map(Arc::downgrade))?))
}

impl Resources {
    fn new(stores: Option<Weak<RocksStores>>) -> Result<Self, prometheus::Error> {
        let gauge = |name: &str, help: &str| Gauge::with_opts(Opts::new(name, help));
        Ok(Self {
            stores,
            cpu: Counter::with_opts(Opts::new("process_cpu_seconds_total", "CPU time of the process, in s"))?,
            started: gauge("process_start_time_seconds", "When the process began, in s since the epoch")?,
            resident: gauge("process_resident_memory_bytes", "Memory of the process that is in RAM")?,
            threads: gauge("process_threads", "Threads of the process")?,
            descriptors: gauge("process_open_fds", "Open file descriptors")?,
            descriptors_max: gauge("process_max_fds", "Open file descriptors that are allowed")?,
            block_cache: gauge("holdfast_rocksdb_block_cache_bytes", "Blocks, indexes and filters kept in memory")?,
            write_buffers: gauge("holdfast_rocksdb_write_buffer_bytes", "Committed writes not yet in tables")?,
        })
    }

    /// Those that are shown.
    fn shown(&self) -> Vec<&dyn Collector> {
        let mut shown: Vec<&dyn Collector> = vec![&self.cpu, &self.started, &self.resident];
        shown.extend([&self.threads as &dyn Collector, &self.descriptors, &self.descriptors_max]);
        if self.stores.is_some() {
            shown.extend([&self.block_cache as &dyn Collector, &self.write_buffers]);
        }
        shown
    }

    fn look(&self) {
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        if let Some(stat) = Stat::parse(&text("/proc/self/stat")) {
            // A counter only grows: by what has come since the last look.
            self.cpu.inc_by((stat.cpu_seconds - self.cpu.get()).max(0.0));
            self.threads.set(stat.threads);
            if let Some(booted) = field(&text("/proc/stat"), "btime ") {
                self.started.set(booted + stat.started_seconds);
            }
        }
        if let Some(kib) = field(&text("/proc/self/status"), "VmRSS:") {
            self.resident.set(kib * 1024.0);
        }
        if let Some(most) = field(&text("/proc/self/limits"), "Max open files") {
            self.descriptors_max.set(most);
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            // One of them is the folder's own.
            self.descriptors.set(as_float(open.count().saturating_sub(1)));
        }
        if let Some(memory) = self.stores.as_ref().and_then(Weak::upgrade).map(|stores| stores.memory()) {
            self.block_cache.set(as_float(memory.block_cache_bytes));
            self.write_buffers.set(as_float(memory.write_buffer_bytes));
        }
    }
}

impl Collector for Resources {
    fn desc(&self) -> Vec<&Desc> {
        self.shown().into_iter().flat_map(|one| one.desc()).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.look();
        self.shown().into_iter().flat_map(|one| one.collect()).collect()
    }
}

/// What is read of `/proc/self/stat`.
#[derive(Debug, PartialEq)]
struct Stat {
    cpu_seconds: f64,
    threads: f64,
    /// Since the machine began.
    started_seconds: f64,
}

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // The name may hold blanks and brackets; what follows its last bracket begins with the third field.
        let (_, rest) = text.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let number = |nth: usize| fields.get(nth - 3)?.parse::<f64>().ok();
        Some(Self {
            cpu_seconds: (number(14)? + number(15)?) / TICKS_PER_SECOND,
            threads: number(20)?,
            started_seconds: number(22)? / TICKS_PER_SECOND,
        })
    }
}

/// The first number after `name` in the line that begins with it.
fn field(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

#[expect(clippy::cast_precision_loss, reason = "for a gauge")]
fn as_float(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_may_be_called_anything() {
        let line = "7 (a ) (b) S 1 7 7 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 12 0 4200 1 2 3\n";
        let stat = Stat { cpu_seconds: 3.0, threads: 12.0, started_seconds: 42.0 };
        assert_eq!(Stat::parse(line), Some(stat));
        assert_eq!(Stat::parse("7 (a) S 1"), None);
        assert_eq!(Stat::parse(""), None);
    }

    #[test]
    fn a_field_is_found_by_the_beginning_of_its_line() {
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024    4096    files\n";
        assert_eq!(field(limits, "Max open files"), Some(1024.0));
        assert_eq!(field("Max open files            unlimited unlimited files\n", "Max open files"), None);
        assert_eq!(field("", "VmRSS:"), None);
    }

    #[test]
    fn this_process_is_shown_and_its_cpu_only_grows() {
        let registry = Registry::new();
        register(&registry, None).unwrap();
        let value = |name: &str| {
            let families = registry.gather();
            let family = families.iter().find(|family| family.name() == name)?;
            let metric = family.get_metric().first()?;
            Some(metric.get_gauge().get_value().max(metric.get_counter().get_value()))
        };
        let before = value("process_cpu_seconds_total").unwrap();
        assert!(value("process_cpu_seconds_total").unwrap() >= before);
        assert!(value("process_resident_memory_bytes").unwrap() > 1_000_000.0);
        assert!(value("process_threads").unwrap() >= 1.0);
        assert!(value("process_open_fds").unwrap() >= 3.0);
        assert!(value("process_start_time_seconds").unwrap() > 1_700_000_000.0);
        assert!(register(&registry, None).is_err(), "once a process");
        assert_eq!(value("holdfast_rocksdb_block_cache_bytes"), None, "no stores");
    }
}
