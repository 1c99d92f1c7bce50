//! Which letters, as a request names them.

use super::super::Api;
use super::super::error::ApiError;
use crate::dead_letters::{Filter, moment};
use serde::Deserialize;
use utoipa::ToSchema;

/// Which letters, in the body of a redrive.
#[derive(Debug, Default, Clone, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct FilterBody {
    /// Given up by this topology.
    pub(super) topology: Option<String>,
    /// Lying in this topic of dead letters, or come from this topic.
    pub(super) topic: Option<String>,
    /// Of this place.
    pub(super) place: Option<u32>,
    /// Given up for this reason: the letter's `class`.
    pub(super) reason: Option<String>,
    /// Given up at this moment or later: a time of RFC 3339, ms since the epoch, or how long ago (`1h`).
    pub(super) since: Option<String>,
    /// Given up before this moment.
    pub(super) until: Option<String>,
}

impl FilterBody {
    /// The filter that it says.
    pub(super) fn filter(self, api: &Api) -> Result<Filter, ApiError> {
        let now_ms = api.clock.now_ms();
        let read = |field: &'static str, text: Option<String>| match text {
            None => Ok(None),
            Some(text) => moment::parse(&text, now_ms).map(Some).ok_or_else(|| {
                ApiError::field(
                    field,
                    (
                        "RFC 3339 시각, epoch 밀리초, 또는 1h와 같은 경과 시간이어야 합니다.",
                        "must be a time of RFC 3339, ms since the epoch, or how long ago, as 1h",
                    ),
                )
            }),
        };
        Ok(Filter {
            topology: self.topology,
            topic: self.topic,
            place: self.place,
            reason: self.reason,
            since_ms: read("since", self.since)?,
            until_ms: read("until", self.until)?,
        })
    }
}
