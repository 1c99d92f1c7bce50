//! Positions in inboxes, as clients carry them: `Holdfast-Position` of an answer, and `?after=` of the `Location` of a 202 or of a later read.
//!
//! A token names topology, place and offset (`reservation-2-17`) and is taken only where it belongs. A token of another topology or place, of a place that
//! the app does not have, or past the end of the inbox is refused at once with 422: nothing that it waits for could ever come into view.

use super::Api;
use super::error::ApiError;
use super::intake::Waited;
use super::language::Text;
use axum::http::{HeaderName, HeaderValue};
use holdfast_engine::inspect::TaskView;
use holdfast_engine::prelude::Topology;
use holdfast_model::place_id::number;
use holdfast_ports::log::{End, Fetcher, Log, LogError};
use holdfast_ports::record::{Topic, TopicPartition};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;

/// Header of answers that says where the request lies in its inbox: `<topology>-<place>-<offset>`, for `?after=`.
pub const POSITION: HeaderName = HeaderName::from_static("holdfast-position");

/// How long a read waits until the position is in view that the client brought.
const AFTER_MAX: Duration = Duration::from_secs(3);
/// How long the log is asked where an inbox ends. A token that cannot be checked in time is taken for a good one.
const LOOK_MAX: Duration = Duration::from_secs(1);
/// Longest name of a topology in a token.
const TOPOLOGY_BYTES_MAX: usize = 64;

/// A position in an inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PositionToken<'a> {
    /// The topology whose inbox it is. `None` in a token of a version that did not name it: then it is of the route's own.
    pub topology: Option<&'a str>,
    /// The place.
    pub place: u32,
    /// The offset in it.
    pub offset: i64,
}

impl<'a> PositionToken<'a> {
    /// The token of the record at `offset` in the inbox of `view`.
    #[must_use]
    pub fn of(view: &'a TaskView, offset: i64) -> Self {
        Self { topology: Some(view.topology()), place: view.place(), offset }
    }

    /// Reads one.
    ///
    /// # Errors
    /// 422 naming `after`.
    pub fn parse(text: &'a str) -> Result<Self, ApiError> {
        let parsed = || {
            let (rest, offset) = text.rsplit_once('-')?;
            let (topology, place) =
                rest.rsplit_once('-').map_or((None, rest), |(topology, place)| (Some(topology), place));
            let is_name = |name: &str| {
                (1..=TOPOLOGY_BYTES_MAX).contains(&name.len())
                    && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            };
            let (place, offset) = (number(place)?.try_into().ok()?, number(offset)?.try_into().ok()?);
            topology.is_none_or(is_name).then_some(Self { topology, place, offset })
        };
        parsed().ok_or_else(|| {
            let allowed = (
                "위치 토큰 형식이 아닙니다: <topology>-<place>-<offset>",
                "must be a position token: <topology>-<place>-<offset>",
            );
            ApiError::field("after", allowed)
        })
    }

    /// As a header's value.
    #[must_use]
    pub fn header(&self) -> Option<HeaderValue> {
        HeaderValue::try_from(self.to_string()).ok()
    }
}

impl std::fmt::Display for PositionToken<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(topology) = self.topology {
            write!(f, "{topology}-")?;
        }
        write!(f, "{}-{}", self.place, self.offset)
    }
}

/// Where inboxes end, as far as this worker knows. The log is asked only about a token that lies past that: every record that this worker appends or
/// decides moves the known end.
pub struct Ends {
    inboxes: Vec<Inbox>,
    /// One for all requests: those that come while the log is asked share its answer.
    fetcher: Arc<Mutex<Option<Box<dyn Fetcher>>>>,
}

struct Inbox {
    topology: Arc<str>,
    topic: Topic,
    places: Vec<Place>,
}

#[derive(Default)]
struct Place {
    /// Some records may lie behind it, none before it is missing.
    end: AtomicI64,
    /// When the log was last asked, on the monotonic clock.
    looked_us: AtomicU64,
}

impl Ends {
    /// Of the inboxes of `topologies`, each with `places` partitions.
    #[must_use]
    pub fn new(topologies: &[Topology], places: u32) -> Self {
        let inbox = |topology: &Topology| Inbox {
            topology: topology.name().clone(),
            topic: topology.inbox().clone(),
            places: (0..places).map(|_| Place::default()).collect(),
        };
        Self { inboxes: topologies.iter().map(inbox).collect(), fetcher: Arc::default() }
    }

    /// Notes that `topic` holds a record at `offset` in `place`.
    pub fn note(&self, topic: &str, place: u32, offset: i64) {
        let inbox = self.inboxes.iter().find(|inbox| *inbox.topic == *topic);
        if let Some(known) = inbox.and_then(|inbox| inbox.places.get(place as usize)) {
            known.end.fetch_max(offset.saturating_add(1), Ordering::AcqRel);
        }
    }

    fn find(&self, topology: &str, place: u32) -> Option<(&Topic, &Place)> {
        let inbox = self.inboxes.iter().find(|inbox| *inbox.topology == *topology)?;
        Some((&inbox.topic, inbox.places.get(place as usize)?))
    }
}

impl Api {
    /// Reads the token `after` of a route about `topology`, and about `place` if that is known, as far as that goes without the log.
    ///
    /// # Errors
    /// 422 for a token that cannot be read ([`ApiError::field`]), or belongs elsewhere ([`ApiError::WrongPosition`]).
    pub fn token<'a>(
        &self,
        topology: &str,
        place: Option<u32>,
        after: Option<&'a str>,
    ) -> Result<Option<PositionToken<'a>>, ApiError> {
        let Some(token) = after.map(PositionToken::parse).transpose()? else { return Ok(None) };
        let (places, wrong) = (self.settings.places, |ko, en| Err(ApiError::WrongPosition(Text::from((ko, en)))));
        match token.topology {
            Some(other) if other != topology => wrong(
                format!("위치 토큰 {token}은(는) {other}의 것입니다. 여기에는 {topology}의 토큰이 필요합니다."),
                format!("The position token {token} belongs to {other}. Here it has to be one of {topology}."),
            ),
            _ if token.place >= places => wrong(
                format!("위치 토큰 {token}의 파티션 {}은(는) 없습니다. 파티션은 {places}개입니다.", token.place),
                format!("The position token {token} names partition {}. There are {places}.", token.place),
            ),
            _ => match place.filter(|place| *place != token.place) {
                Some(place) => wrong(
                    format!(
                        "위치 토큰 {token}은(는) 파티션 {}의 것입니다. 이 요청은 파티션 {place}에서 처리됩니다.",
                        token.place
                    ),
                    format!(
                        "The position token {token} belongs to partition {}. This request is decided in {place}.",
                        token.place
                    ),
                ),
                None => Ok(Some(token)),
            },
        }
    }

    /// The offset in the inbox of `view` that the token `after` names: there is a record at it, or there has been.
    ///
    /// # Errors
    /// As [`Api::token`], and [`ApiError::WrongPosition`] for a token past the end of the inbox.
    pub async fn position(&self, view: &TaskView, after: Option<&str>) -> Result<Option<i64>, ApiError> {
        let Some(token) = self.token(view.topology(), Some(view.place()), after)? else { return Ok(None) };
        if token.offset >= view.next_offset() && self.lies_ahead(view.topology(), token.place, token.offset).await {
            return Err(ApiError::WrongPosition(Text::from((
                format!("위치 토큰 {token}은(는) 아직 접수된 적이 없는 위치입니다."),
                format!("The position token {token} lies past the end of its inbox: nothing was accepted there."),
            ))));
        }
        Ok(Some(token.offset))
    }

    /// Whether the inbox of `topology` in `place` ends at or before `offset`. False when the log does not say so in time.
    pub(super) async fn lies_ahead(&self, topology: &str, place: u32, offset: i64) -> bool {
        let Some((topic, known)) = self.ends.find(topology, place) else { return false };
        let is_known = || known.end.load(Ordering::Acquire) > offset;
        if is_known() {
            return false;
        }
        let source = TopicPartition::new(topic.clone(), place);
        let looked = tokio::time::timeout(LOOK_MAX, self.look(source, known, self.clock.monotonic_us())).await;
        matches!(looked, Ok(Some(()))) && !is_known()
    }

    /// Asks the log where `source` ends, unless another request has done so since `since_us`.
    async fn look(&self, source: TopicPartition, known: &Place, since_us: u64) -> Option<()> {
        let mut fetcher = self.ends.fetcher.clone().lock_owned().await;
        if known.looked_us.load(Ordering::Acquire) > since_us {
            return Some(());
        }
        let (log, now_us) = (self.log.clone(), self.clock.monotonic_us());
        // The lock goes along: should the log not answer in time, the next request waits for this one and asks no second time.
        let asking = tokio::task::spawn_blocking(move || {
            let end = end_of(&*log, &mut fetcher, &source);
            if let Err(error) = &end {
                tracing::debug!(%source, %error, "the end of the inbox is not known");
                *fetcher = None;
            }
            end
        });
        let end = asking.await.ok()?.ok()?;
        known.end.fetch_max(end, Ordering::AcqRel);
        known.looked_us.fetch_max(now_us, Ordering::AcqRel);
        Some(())
    }

    /// Waits until `after` is in view, for reads that want their own writes.
    ///
    /// # Errors
    /// As [`Api::position`]; 503 when it does not come into view in time.
    pub async fn read_after(&self, view: &TaskView, after: Option<&str>) -> Result<(), ApiError> {
        let Some(offset) = self.position(view, after).await? else { return Ok(()) };
        match self.wait_position(view, offset, AFTER_MAX).await? {
            Waited::Committed => Ok(()),
            Waited::Late => Err(ApiError::PlaceUnavailable { place: view.place() }),
        }
    }

    /// Whether a request that has no row may be in the log all the same: at the offset `after` that the client knows, or among records that nobody here
    /// has looked at. To be asked before the row is looked for: if it is decided meanwhile, its row is there.
    #[must_use]
    pub fn may_be_pending(&self, view: &TaskView, after: Option<i64>) -> bool {
        let next = view.next_offset();
        after.is_some_and(|offset| offset >= next) || self.lag.may_hold_more(view.topology(), view.place(), next)
    }
}

fn end_of(log: &dyn Log, fetcher: &mut Option<Box<dyn Fetcher>>, source: &TopicPartition) -> Result<i64, LogError> {
    let fetcher = match fetcher {
        Some(fetcher) => fetcher,
        none => none.insert(log.fetcher()?),
    };
    fetcher.end(source, End::Written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_written_as_it_is_read() {
        for token in [
            PositionToken { topology: Some("reservation"), place: 2, offset: 17 },
            PositionToken { topology: Some("a-b-1"), place: 0, offset: i64::MAX },
            PositionToken { topology: None, place: 2, offset: 17 },
        ] {
            assert_eq!(PositionToken::parse(&token.to_string()), Ok(token));
        }
        for bad in ["", "2", "2-", "-17", "2--17", "a-b", "-2-17", "A-2-17", "쿠폰-2-17", "2-+7", "a-02-7", "a-2-07"]
        {
            assert!(PositionToken::parse(bad).is_err(), "{bad}");
        }
        let (past, long) = (format!("a-2-{}", u64::MAX), format!("{}-2-17", "a".repeat(TOPOLOGY_BYTES_MAX + 1)));
        assert!(PositionToken::parse(&past).is_err() && PositionToken::parse(&long).is_err());
    }

    #[test]
    fn what_is_appended_moves_the_known_end() {
        let topologies = holdfast_topologies::all();
        let ends = Ends::new(&topologies, 2);
        let topic = topologies[0].inbox().clone();
        let end = |place| ends.find(topologies[0].name(), place).map(|(_, known)| known.end.load(Ordering::Acquire));
        ends.note(&topic, 1, 7);
        ends.note(&topic, 1, 5);
        ends.note(&topic, 2, 9);
        ends.note("another", 0, 9);
        assert_eq!([end(0), end(1), end(2)], [Some(0), Some(8), None]);
    }
}
