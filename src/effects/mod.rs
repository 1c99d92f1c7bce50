//! Effects performed: what topologies want done outside. The engine keeps them with the state and hands out what is committed; here they are pulled,
//! performed through a channel, and their results are appended to the results topic of their topology.
//!
//! | module | holds |
//! |---|---|
//! | [`channel`] | what a channel is |
//! | [`notifier`], [`channels`] | what sends a message to a user, and each way there is |
//! | [`data_platform`] | deliveries of confirmed reservations |
//! | [`http`] | calls over HTTP, for channels that make them |
//! | [`executor`] | what the stream thread talks to |
//! | `dispatcher` | one for each channel: when what is called |
//! | `lanes` | what is next in a channel |
//! | [`breaker`] | whether a channel is called at all |
//! | `bucket` | how often |
//! | `session` | a task, from opened to closed |
//! | `results` | results on their way into the log |
//! | [`metrics`] | what is counted |

pub mod breaker;
mod bucket;
pub mod channel;
pub mod channels;
pub mod data_platform;
mod dispatcher;
pub mod executor;
pub mod http;
mod lanes;
pub mod metrics;
pub mod notifier;
mod results;
mod session;
#[cfg(test)]
mod tests;

use crate::config::{ConfigError, Settings};
use channel::Channel;
use data_platform::DataPlatformChannel;
use http::HttpClient;
use std::sync::Arc;

/// Every channel that this worker has. A topology whose effects name another one is waited for: they stay pending.
///
/// # Errors
/// [`ConfigError`] when a channel is set and cannot work.
pub fn channels(settings: &Settings, client: &HttpClient) -> Result<Vec<Arc<dyn Channel>>, ConfigError> {
    let deliveries = DataPlatformChannel::new(client.clone(), settings.channels.data_platform_url.clone());
    let mut all = channels::notification_channels(settings, client)?;
    all.push(Arc::new(deliveries));
    Ok(all)
}
