//! Breakers of effect channels, read from the gauge that the performer of effects keeps: 0 where a breaker is closed.

use prometheus::IntGaugeVec;
use prometheus::core::Collector;

/// How the breakers of channels stand.
#[derive(Debug, Clone, Default)]
pub struct BreakerBoard(Option<IntGaugeVec>);

impl BreakerBoard {
    /// The breakers that this gauge shows, by its label `channel`.
    #[must_use]
    pub fn of(gauge: IntGaugeVec) -> Self {
        Self(Some(gauge))
    }

    /// Each channel, and whether its breaker is other than closed.
    #[must_use]
    pub fn channels(&self) -> Vec<(String, bool)> {
        let families = self.0.as_ref().map(Collector::collect).unwrap_or_default();
        let mut channels = Vec::new();
        for metric in families.iter().flat_map(|family| family.get_metric()) {
            if let Some(channel) = metric.get_label().iter().find(|label| label.name() == "channel") {
                channels.push((channel.value().to_owned(), metric.get_gauge().get_value() > 0.0));
            }
        }
        channels
    }
}
