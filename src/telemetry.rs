//! Log lines on stdout, as text or JSON.

use crate::config::LogFormat;
use std::io::Write;
use tracing_subscriber::EnvFilter;

/// Starts logging with `filter` (a level or `RUST_LOG`'s syntax).
///
/// # Errors
/// What is wrong with the filter, or that logging has been started before.
pub fn start(format: LogFormat, filter: &str) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter).map_err(|e| format!("RUST_LOG: {e}"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stdout).with_ansi(false);
    match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    }
    .map_err(|e| e.to_string())
}

/// The line that scripts wait for: plain on stdout, or the message of a JSON line, so that every line stays JSON.
pub fn ready(format: LogFormat, line: &str) {
    match format {
        LogFormat::Text => {
            let mut out = std::io::stdout().lock();
            // Nobody reads our stdout any more: no reason to stop selling.
            let _ = writeln!(out, "{line}").and_then(|()| out.flush());
        }
        LogFormat::Json => tracing::info!("{line}"),
    }
}
