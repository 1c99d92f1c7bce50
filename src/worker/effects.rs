//! The executor of effects, as the settings want it.

use super::RunError;
use crate::config::Settings;
use crate::effects::breaker::Pauses;
use crate::effects::executor::{Executor, Parts};
use crate::effects::http::HttpClient;
use crate::effects::metrics::EffectMetrics;
use crate::effects::{self, channel::Channel};
use holdfast_ports::clock::Clock;
use holdfast_ports::log::Appender;
use prometheus::Registry;
use std::sync::Arc;

/// Channels that may use up all their credit at the same time without more connections than there are.
const BUSY_CHANNELS: usize = 3;

/// Starts it. `connections_max`: what all channels together may have open.
///
/// # Errors
/// When a channel cannot be set up, or the system gives no thread.
pub(super) fn start(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
    appender: &Arc<dyn Appender>,
    registry: &Registry,
    connections_max: usize,
) -> Result<Executor, RunError> {
    let in_flight_max = (connections_max / BUSY_CHANNELS).max(1);
    let client = HttpClient::new(clock.clone(), in_flight_max).map_err(|e| RunError::Failed(e.to_string()))?;
    let channels: Vec<Arc<dyn Channel>> = effects::channels(settings, &client)?;
    let metrics = EffectMetrics::register(registry).map_err(|e| RunError::failed("metrics")(&e))?;
    let us = |ms: u64| ms.saturating_mul(1_000);
    let pauses = Pauses { min_us: us(settings.breaker.min_ms), max_us: us(settings.breaker.max_ms) };
    let parts = Parts {
        channels,
        appender: appender.clone(),
        clock: clock.clone(),
        metrics,
        pauses,
        in_flight_max,
        places: settings.partitions,
    };
    Executor::start(parts).map_err(|e| RunError::failed("executor of effects")(&e))
}
