//! Which schedules sell most.

use super::{LIMIT, LIMIT_MAX};
use crate::http::error::{ApiError, answer};
use crate::http::extract::Query;
use crate::http::fields::both;
use crate::http::intake::Asked;
use crate::http::{Api, openapi, page};
use axum::extract::State;
use axum::response::Response;
use holdfast_model::ranking::NAME;
use holdfast_model::ranking::window::Window;
use holdfast_model::rfc3339;
use holdfast_topologies::ranking::view::{self, Popular};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use utoipa::{IntoParams, ToSchema};

/// Query of the ranking by sales.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(rename_all = "camelCase")]
pub(crate) struct PopularQuery {
    /// Schedules of the answer, 1 to 100.
    #[param(default = 10)]
    limit: Option<usize>,
    /// `all`, `1h`, `24h`, `7d`, or a calendar day in Korea (Asia/Seoul) such as `2026-03-15`.
    #[param(default = "all", example = "24h")]
    window: Option<String>,
}

/// A schedule and how often it was sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PopularSchedule {
    /// 1 for the best. No two schedules share a rank: of equal counts the one that came to it earlier is first, then the one with the smaller id.
    rank: usize,
    schedule_id: String,
    concert_title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    concert_id: Option<String>,
    /// Seats that were sold and not returned.
    count: u64,
    /// When it came to this count; in a sliding window the beginning of the bucket of its latest sale.
    #[schema(example = "2026-03-15T11:00:00.000Z")]
    reached_at: String,
}

impl PopularSchedule {
    fn new(popular: Popular) -> Self {
        let Popular { key, concert_title, concert_id } = popular;
        let reached_at = rfc3339::to_string(key.reached_ms);
        Self { rank: 0, schedule_id: key.schedule_id, concert_title, concert_id, count: key.count, reached_at }
    }
}

/// Schedules by sales.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct PopularRanking {
    /// The best first.
    items: Vec<PopularSchedule>,
    /// As it was asked for.
    window: String,
}

/// The schedules that were sold most: confirmed reservations less the cancelled ones, at the times at which they were confirmed.
///
/// A sliding window (`1h`, `24h`, `7d`) ends now and reads whole buckets of 1 minute, 10 minutes and 1 hour, so it may cover up to one bucket more. A sale
/// that is cancelled is taken out of every window that can still be corrected, which is until an hour after its end. Sales follow their payments within
/// moments, and a ranking that stands still holds up no payment.
#[utoipa::path(get, path = "/api/rankings/popular", tag = "rankings",
    params(PopularQuery),
    responses(
        (status = 200, description = "The ranking", body = PopularRanking),
        (status = 422, description = "A limit or window that is none", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "A place is not served now", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn popular(
    State(api): State<Api>,
    Query(query): Query<PopularQuery>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let text = query.window.as_deref().unwrap_or("all");
    let (limit, window) = both(page::limit(query.limit, LIMIT, LIMIT_MAX), window(text))?;
    let now_ms = api.clock.now_ms();
    let mut items = Vec::new();
    let of_peers = api.scatter(NAME, &asked, |view| {
        items.extend(view::popular(view, window, now_ms, limit)?.into_iter().map(PopularSchedule::new));
        Ok(())
    });
    for body in of_peers.await? {
        let theirs: PopularRanking = serde_json::from_slice(&body).map_err(|_| ApiError::Internal)?;
        items.extend(theirs.items);
    }
    Ok(answer::current(&PopularRanking { items: ranked(items, limit), window: text.to_owned() }))
}

fn window(text: &str) -> Result<Window, ApiError> {
    let allowed = (
        "all, 1h, 24h, 7d 또는 2026-03-15 형식의 날짜여야 합니다.",
        "must be all, 1h, 24h, 7d or a day like 2026-03-15",
    );
    text.parse().map_err(|()| ApiError::field("window", allowed))
}

/// The best of all places, with their ranks.
fn ranked(mut items: Vec<PopularSchedule>, limit: usize) -> Vec<PopularSchedule> {
    items.sort_by_cached_key(|item| (Reverse(item.count), rfc3339::parse(&item.reached_at), item.schedule_id.clone()));
    items.truncate(limit);
    for (rank, item) in (1..).zip(&mut items) {
        item.rank = rank;
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_of_all_places_are_ranked_strictly() {
        let item = |id: &str, count, reached_ms| PopularSchedule {
            rank: 1,
            schedule_id: id.to_owned(),
            concert_title: String::new(),
            concert_id: None,
            count,
            reached_at: rfc3339::to_string(reached_ms),
        };
        let items = vec![item("b", 3, 5), item("c", 3, 4), item("z", 9, 9), item("a", 3, 5), item("y", 1, 0)];
        let ranks: Vec<_> = ranked(items, 4).into_iter().map(|item| (item.rank, item.schedule_id)).collect();
        let expected = [(1, "z"), (2, "c"), (3, "a"), (4, "b")].map(|(rank, id)| (rank, id.to_owned()));
        assert_eq!(ranks, expected);
    }
}
