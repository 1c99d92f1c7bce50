//! Which schedules were sold out fastest.

use super::{LIMIT, LIMIT_MAX};
use crate::http::error::{ApiError, answer};
use crate::http::extract::Query;
use crate::http::intake::Asked;
use crate::http::{Api, openapi, page};
use axum::extract::State;
use axum::response::Response;
use holdfast_model::ranking::NAME;
use holdfast_model::rfc3339;
use holdfast_topologies::ranking::view::{self, SoldOut};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Query of the ranking by speed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(rename_all = "camelCase")]
pub(crate) struct SoldOutQuery {
    /// Schedules of the answer, 1 to 100.
    #[param(default = 10)]
    limit: Option<usize>,
}

/// A schedule and how fast it was sold out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SoldOutSchedule {
    /// 1 for the fastest. No two schedules share a rank: of equal times the one that was sold out earlier is first, then the one with the smaller id.
    rank: usize,
    schedule_id: String,
    concert_title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    concert_id: Option<String>,
    /// From the opening of the sale to the confirmation that filled the last seat, in ms; from the first sale where nobody has set an opening.
    sold_out_ms: i64,
    /// From the first sale to that confirmation, in ms.
    from_first_sale_ms: i64,
    /// The time of that confirmation.
    #[schema(example = "2026-03-15T11:00:00.000Z")]
    sold_out_at: String,
    /// A seat has come back since then. The times stay those of the first time.
    reopened: bool,
}

impl SoldOutSchedule {
    fn new(sold_out: SoldOut) -> Self {
        let SoldOut { key, concert_title, concert_id, from_first_sale_ms, reopened } = sold_out;
        Self {
            rank: 0,
            schedule_id: key.schedule_id,
            concert_title,
            concert_id,
            sold_out_ms: key.sold_out_ms,
            from_first_sale_ms,
            sold_out_at: rfc3339::to_string(key.at_ms),
            reopened,
        }
    }
}

/// Schedules by the time in which they were sold out.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct SoldOutRanking {
    /// The fastest first.
    items: Vec<SoldOutSchedule>,
}

/// The schedules that were sold out fastest: every seat of the catalogue was confirmed. Recorded once for each schedule; a seat that comes back later sets
/// `reopened` and changes nothing else.
#[utoipa::path(get, path = "/api/rankings/sold-out", tag = "rankings",
    params(SoldOutQuery),
    responses(
        (status = 200, description = "The ranking", body = SoldOutRanking),
        (status = 422, description = "A limit that is none", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "A place is not served now", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn sold_out(
    State(api): State<Api>,
    Query(query): Query<SoldOutQuery>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let limit = page::limit(query.limit, LIMIT, LIMIT_MAX)?;
    let mut items = Vec::new();
    let of_peers = api.scatter(NAME, &asked, |view| {
        items.extend(view::sold_out(view, limit)?.into_iter().map(SoldOutSchedule::new));
        Ok(())
    });
    for body in of_peers.await? {
        let theirs: SoldOutRanking = serde_json::from_slice(&body).map_err(|_| ApiError::Internal)?;
        items.extend(theirs.items);
    }
    Ok(answer::current(&SoldOutRanking { items: ranked(items, limit) }))
}

/// The fastest of all places, with their ranks.
fn ranked(mut items: Vec<SoldOutSchedule>, limit: usize) -> Vec<SoldOutSchedule> {
    items.sort_by_cached_key(|item| (item.sold_out_ms, rfc3339::parse(&item.sold_out_at), item.schedule_id.clone()));
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
    fn the_fastest_of_all_places_are_ranked_strictly() {
        let item = |id: &str, sold_out_ms, at_ms| SoldOutSchedule {
            rank: 1,
            schedule_id: id.to_owned(),
            concert_title: String::new(),
            concert_id: None,
            sold_out_ms,
            from_first_sale_ms: 0,
            sold_out_at: rfc3339::to_string(at_ms),
            reopened: false,
        };
        let items = vec![item("b", 3, 5), item("c", 3, 4), item("z", 9, 1), item("a", 3, 5), item("y", 1, 8)];
        let ranks: Vec<_> = ranked(items, 4).into_iter().map(|item| (item.rank, item.schedule_id)).collect();
        let expected = [(1, "y"), (2, "c"), (3, "a"), (4, "b")].map(|(rank, id)| (rank, id.to_owned()));
        assert_eq!(ranks, expected);
    }
}
