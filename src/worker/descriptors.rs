//! File descriptors: how many this process may have, and who gets how many. The log and the stores end the worker when one of their files cannot be
//! opened, so what they need is set aside, and HTTP gets the rest.

use super::{Options, Role};
use crate::config::{ConfigError, Settings};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// More than this is not asked for: systems without a limit of their own name absurd numbers.
const LIMIT_MAX: u64 = 1 << 20;

/// Standard streams, the runtime, listeners, signals, lock files, threads that read files of the system; and connections that are being closed.
const PROCESS: u64 = 96;
/// A dozen clients of the log, each with a connection to a dozen brokers and a pipe to wake it.
const KAFKA: u64 = 192;
/// Tables that the embedded log keeps open: at least, at most.
const LOG_TABLES: (u64, u64) = (64, 4_096);
/// Tables that a task's store keeps open: at least (`RocksDB` takes no fewer), at most.
const STORE_TABLES: (u64, u64) = (20, 512);
/// What a database has open besides: its write-ahead log, manifest, lock, log file, folders, and tables that are being written.
const DATABASE: u64 = 14;
/// Connections beyond the limit, of each listener: they hear that there are too many.
const SURPLUS: u64 = 64;
/// Connections to peers: at least, at most. A request that is passed on has one of each kind, for as long as it waits.
const PEERS: (u64, u64) = (32, 10_000);
/// Calls outside, each with a connection: at least, at most.
const EFFECTS: (u64, u64) = (32, 768);
/// Connections of clients: at least, and how many there are unless they are set. Each takes some 20 KB while it is idle.
const CLIENTS: (u64, u64) = (64, 10_000);

/// What this process is made of, as far as it opens files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// Tasks that it may own at most.
    pub tasks: u64,
    /// Whether its log is on brokers; there are peers then.
    pub has_brokers: bool,
    /// Addresses that it listens at.
    pub listeners: u64,
}

/// Who gets how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shares {
    /// What the system allows.
    pub limit: u64,
    /// Tables that the embedded log may keep open.
    pub log_tables: u64,
    /// Tables that each store may keep open.
    pub store_tables: u64,
    /// Connections to peers.
    pub peers: u64,
    /// Connections of calls outside.
    pub effects: u64,
    /// Connections of clients.
    pub clients: u64,
    /// Of these, how many may be taken by streams of events, which have no end of their own: the others find room all the same.
    pub streams: u64,
    /// Connections beyond that, of each listener.
    pub surplus: u64,
    /// Whether the limit is too low for all of that.
    pub is_short: bool,
}

/// Raises this process's limit as far as it may be raised without rights, and returns what it is then.
#[must_use]
pub fn raise() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // Unlimited is as good as the most that is ever asked for.
    let (current, wanted) = (current.unwrap_or(LIMIT_MAX), maximum.unwrap_or(LIMIT_MAX).min(LIMIT_MAX));
    if current >= wanted {
        return current.min(LIMIT_MAX);
    }
    match setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }) {
        Ok(()) => wanted,
        Err(error) => {
            tracing::warn!(%error, current, wanted, "limit of open files cannot be raised");
            current
        }
    }
}

/// Shares `limit` out. `wanted`: HTTP_CONNECTIONS_MAX, if it is set.
///
/// # Errors
/// When that many connections do not go into the limit.
pub fn share_out(limit: u64, needs: Needs, wanted: Option<u64>) -> Result<Shares, ConfigError> {
    let between = |least_most: (u64, u64), n: u64| n.clamp(least_most.0, least_most.1);
    let log_tables = between(LOG_TABLES, limit / 16);
    let store_tables = between(STORE_TABLES, limit / 4 / needs.tasks.max(1));
    let log = if needs.has_brokers { KAFKA } else { log_tables + DATABASE };
    let taken = PROCESS + log + needs.tasks * (store_tables + DATABASE) + needs.listeners * SURPLUS;
    let left = limit.saturating_sub(taken);
    let peers = if needs.has_brokers { between(PEERS, left / 2) } else { 0 };
    // Only what decides asks for effects.
    let effects = if needs.tasks > 0 { between(EFFECTS, left / 4) } else { 0 };
    let room = left.saturating_sub(peers + effects);
    let clients = match wanted {
        Some(wanted) if wanted > room.max(CLIENTS.0) => {
            let needed = limit - left + peers + effects + wanted;
            let why = format!(
                "{wanted} connections need a limit of {needed} open files, and it is {limit}: raise it (LimitNOFILE, ulimit -Hn), see docs/operations.md"
            );
            return Err(ConfigError::new("http_connections_max", why));
        }
        Some(wanted) => wanted,
        None => between(CLIENTS, room),
    };
    let is_short = room < CLIENTS.0;
    let streams = clients / 4 * 3;
    Ok(Shares { limit, log_tables, store_tables, peers, effects, clients, streams, surplus: SURPLUS, is_short })
}

/// How many files and connections may be open, told in the log: an operator who wonders about a 503 looks there.
pub(super) fn for_worker(settings: &Settings, options: &Options) -> Result<Shares, ConfigError> {
    let places = if options.role == Role::Api { 0 } else { u64::from(settings.partitions) };
    let needs = Needs {
        tasks: options.topologies.len() as u64 * places,
        has_brokers: settings.kafka.is_some(),
        listeners: settings.http_addr.len() as u64,
    };
    let shares = share_out(raise(), needs, settings.http_connections_max)?;
    let Shares { limit, clients, streams, peers, effects, store_tables, log_tables, is_short, .. } = shares;
    tracing::info!(
        open_files_max = limit,
        http_connections_max = clients,
        streams_max = streams,
        peers,
        calls_outside = effects,
        tables_of_each_store = store_tables,
        tables_of_the_log = log_tables,
        "limits"
    );
    if is_short {
        tracing::warn!(
            open_files_max = limit,
            tasks = needs.tasks,
            "the limit of open files is too low for this many tasks: raise it (LimitNOFILE, ulimit -Hn), see docs/operations.md"
        );
    }
    Ok(shares)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Needs = Needs { tasks: 12, has_brokers: false, listeners: 1 };
    const LARGE: Needs = Needs { tasks: 84, has_brokers: true, listeners: 2 };

    /// What can be open at a time.
    fn sum(shares: &Shares, needs: Needs) -> u64 {
        let log = if needs.has_brokers { KAFKA } else { shares.log_tables + DATABASE };
        let stores = needs.tasks * (shares.store_tables + DATABASE);
        PROCESS + log + stores + shares.peers + shares.effects + shares.clients + needs.listeners * shares.surplus
    }

    #[test]
    fn all_shares_together_fit_into_the_limit() {
        for needs in [SMALL, LARGE, Needs { tasks: 0, ..LARGE }] {
            for limit in [1_024, 4_096, 20_000, 65_536, LIMIT_MAX] {
                let shares = share_out(limit, needs, None).unwrap();
                assert_eq!(shares.is_short, sum(&shares, needs) > limit, "{limit} {needs:?} {shares:?}");
            }
        }
        assert!(!share_out(1_024, SMALL, None).unwrap().is_short, "the usual limit is enough for the usual worker");
        assert!(share_out(1_024, LARGE, None).unwrap().is_short);
    }

    #[test]
    fn more_connections_than_go_into_the_limit_are_refused_and_the_limit_is_named() {
        let line = share_out(1_024, SMALL, Some(5_000)).unwrap_err().to_string();
        let needed: u64 = line.split("limit of ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        assert!(line.contains("HTTP_CONNECTIONS_MAX") && needed > 5_000, "{line}");
        let shares = share_out(needed * 2, SMALL, Some(5_000)).unwrap();
        assert!(shares.clients == 5_000 && sum(&shares, SMALL) <= needed * 2);
    }

    #[test]
    fn what_is_raised_stays_raised() {
        let limit = raise();
        assert!(limit > 0 && raise() == limit);
    }
}
