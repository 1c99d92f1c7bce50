//! What a run is made of besides its seed: everything that a shrunken failure is told with.

use super::disk::DiskKind;
use super::fault::FaultKind;
use super::mutant::Mutant;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

/// Events of a run by default.
const STEPS: u64 = 1_500;
/// Records that a workload may append by default.
const RECORDS_MAX: u64 = 400;

/// Settings of a run. The same settings and the same seed are the same history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Number of workers.
    pub workers: usize,
    /// Number of places.
    pub places: u32,
    /// Number of events before everything is left in peace.
    pub steps: u64,
    /// Records that the workload may append, at most.
    pub records_max: u64,
    /// What may go wrong.
    pub faults: BTreeSet<FaultKind>,
    /// Events among which it may go wrong.
    pub window: Range<u64>,
    /// A mistake made on purpose.
    pub mutant: Option<Mutant>,
    /// What workers keep their state on.
    pub disk: DiskKind,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            workers: 3,
            places: 3,
            steps: STEPS,
            records_max: RECORDS_MAX,
            faults: FaultKind::all(),
            window: 0..u64::MAX,
            mutant: None,
            disk: DiskKind::default(),
        }
    }
}

impl Options {
    /// Reads `NAME=VALUE`, as it is written behind `make sim`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let number = |text: &str| text.parse::<u64>().map_err(|_| format!("{name}={value}: {text:?} is no number"));
        match name {
            "STEPS" => self.steps = number(value)?,
            "RECORDS" => self.records_max = number(value)?,
            "WORKERS" => self.workers = usize::try_from(number(value)?.clamp(1, 16)).unwrap_or(1),
            "PLACES" => self.places = u32::try_from(number(value)?.clamp(1, 64)).unwrap_or(1),
            "WINDOW" => {
                let (from, to) = value.split_once("..").ok_or_else(|| format!("{name}={value}: FROM..TO is wanted"))?;
                self.window = number(from)?..number(to)?;
            }
            "FAULTS" => {
                let names = value.split(',').filter(|name| !name.is_empty() && *name != "none");
                self.faults = names
                    .map(|name| FaultKind::of_name(name).ok_or_else(|| format!("FAULTS: {name:?} is no kind of fault")))
                    .collect::<Result<_, _>>()?;
            }
            "MUTANT" => {
                self.mutant = Some(Mutant::of_name(value).ok_or_else(|| format!("{name}: {value:?} is no mutant"))?);
            }
            "DISK" => {
                self.disk = match value {
                    "memory" => DiskKind::Memory,
                    "rocksdb" => DiskKind::RocksDb,
                    _ => return Err(format!("DISK: {value:?} is neither memory nor rocksdb")),
                };
            }
            _ => return Err(format!("{name}: unknown")),
        }
        Ok(())
    }
}

/// What differs from the default, as it is written behind `make sim`.
impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usual = Self::default();
        let mut words = Vec::new();
        if self.workers != usual.workers {
            words.push(format!("WORKERS={}", self.workers));
        }
        if self.places != usual.places {
            words.push(format!("PLACES={}", self.places));
        }
        if self.steps != usual.steps {
            words.push(format!("STEPS={}", self.steps));
        }
        if self.records_max != usual.records_max {
            words.push(format!("RECORDS={}", self.records_max));
        }
        if self.window != usual.window {
            words.push(format!("WINDOW={}..{}", self.window.start, self.window.end));
        }
        if self.faults != usual.faults {
            let names: Vec<&str> = self.faults.iter().map(|kind| kind.name()).collect();
            words.push(format!("FAULTS={}", if names.is_empty() { "none".to_owned() } else { names.join(",") }));
        }
        if let Some(mutant) = self.mutant {
            words.push(format!("MUTANT={mutant}"));
        }
        if self.disk == DiskKind::RocksDb {
            words.push("DISK=rocksdb".to_owned());
        }
        f.write_str(&words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_can_be_read() {
        let mut options = Options { steps: 7, window: 2..5, mutant: Some(Mutant::NoFence), ..Options::default() };
        options.faults = [FaultKind::Crash, FaultKind::LateRequest].into();
        let mut read = Options::default();
        for word in options.to_string().split(' ') {
            let (name, value) = word.split_once('=').unwrap();
            read.set(name, value).unwrap();
        }
        assert_eq!(read, options);
        assert!(read.set("FAULTS", "rain").is_err() && read.set("WINDOW", "7").is_err() && read.set("X", "1").is_err());
    }
}
