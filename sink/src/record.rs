//! What the sink got, in memory and as a file with one JSON object a line.

use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Requests that are kept in memory. The file has all of them.
const KEPT_MAX: usize = 200_000;

/// A request, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Received {
    /// When it had been read, in ms since the epoch.
    pub ms: i64,
    /// Its method.
    pub method: String,
    /// Its path, with the query.
    pub path: String,
    /// Its `Idempotency-Key`.
    pub key: Option<String>,
    /// Its headers by name in lower case, without those of the connection.
    pub headers: BTreeMap<String, String>,
    /// Its body.
    pub body: String,
    /// The status it was answered with; `None`: the connection was cut.
    pub status: Option<u16>,
}

/// How many there were.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Requests.
    pub total: u64,
    /// By status; 0 stands for connections that were cut.
    pub by_status: BTreeMap<u16, u64>,
    /// Idempotency keys that were answered with 2xx at least once.
    pub delivered: u64,
    /// Answers with 2xx beyond the first to each key.
    pub repeated: u64,
}

#[derive(Default)]
struct Kept {
    received: Vec<Received>,
    counts: Counts,
    by_key: FxHashMap<String, u32>,
}

/// All that was received.
pub(crate) struct Ledger {
    kept: Mutex<Kept>,
    file: Option<Mutex<BufWriter<File>>>,
}

impl Ledger {
    /// An empty one; appends to `file` if there is one.
    pub(crate) fn open(file: Option<&Path>) -> io::Result<Self> {
        let open = |path| File::options().create(true).append(true).open(path);
        let file = file.map(open).transpose()?.map(|file| Mutex::new(BufWriter::with_capacity(1 << 20, file)));
        Ok(Self { kept: Mutex::default(), file })
    }

    pub(crate) fn add(&self, received: Received) {
        if let Some(file) = &self.file {
            let mut line = serde_json::to_vec(&received).unwrap_or_default();
            line.push(b'\n');
            // A disk that is full shows in the flush.
            let _ = file.lock().write_all(&line);
        }
        let mut kept = self.kept.lock();
        let Kept { received: all, counts, by_key } = &mut *kept;
        counts.total += 1;
        *counts.by_status.entry(received.status.unwrap_or(0)).or_default() += 1;
        if received.status.is_some_and(|status| (200..300).contains(&status))
            && let Some(key) = &received.key
        {
            match by_key.get_mut(key) {
                Some(times) => {
                    *times += 1;
                    counts.repeated += 1;
                }
                None => {
                    by_key.insert(key.clone(), 1);
                    counts.delivered += 1;
                }
            }
        }
        if all.len() < KEPT_MAX {
            all.push(received);
        }
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.kept.lock().received.clone()
    }

    pub(crate) fn counts(&self) -> Counts {
        self.kept.lock().counts.clone()
    }

    pub(crate) fn forget(&self) {
        *self.kept.lock() = Kept::default();
    }

    pub(crate) fn flush(&self) -> io::Result<()> {
        self.file.as_ref().map_or(Ok(()), |file| file.lock().flush())
    }
}
