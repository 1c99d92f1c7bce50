//! What somebody has, and how it came to that.

use crate::http::error::{ApiError, answer};
use crate::http::extract::Query;
use crate::http::fields::id;
use crate::http::intake::Asked;
use crate::http::{Api, openapi, page};
use axum::extract::State;
use axum::response::Response;
use holdfast_engine::inspect::TaskView;
use holdfast_model::payment::NAME;
use holdfast_topologies::payment::view::{self, BalanceView, Cursor, PAGE_LINES_MAX, StatementView};
use serde::Deserialize;
use utoipa::IntoParams;

/// Lines of a page when the client does not say.
const PAGE_LINES: usize = 20;

/// Query of the balance route.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(rename_all = "camelCase")]
pub(crate) struct BalanceQuery {
    /// Whose.
    #[param(required = true)]
    user_id: Option<String>,
    /// Position from `Holdfast-Position`: the answer shows at least what was decided there. One of another topology or place, or past the end of the
    /// inbox, is refused.
    after: Option<String>,
}

/// Query of the statement route.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(rename_all = "camelCase")]
pub(crate) struct StatementQuery {
    /// Whose.
    #[param(required = true)]
    user_id: Option<String>,
    /// `nextCursor` of the page before; missing = from the latest line.
    cursor: Option<String>,
    /// Lines of a page, 1 to 100.
    #[param(default = 20)]
    limit: Option<usize>,
    /// Position from `Holdfast-Position`: the answer shows at least what was decided there. One of another topology or place, or past the end of the
    /// inbox, is refused.
    after: Option<String>,
}

/// What a user has; who was never heard of has 0.
#[utoipa::path(get, path = "/api/points/balance", tag = "money",
    params(BalanceQuery),
    responses(
        (status = 200, description = "The balance", body = BalanceView),
        (status = 422, description = "Nobody is named, or `after` belongs elsewhere or lies past the end of the inbox (`INVALID_POSITION`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The place of the wallet is not served now", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn balance(
    State(api): State<Api>,
    Query(query): Query<BalanceQuery>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let user_id = id("userId", query.user_id)?;
    let place = api.place_of(&user_id);
    let look = |view: &TaskView| Ok(answer::current(&view::balance(view, &user_id)?));
    api.read(NAME, place, asked, query.after.as_deref(), look).await
}

/// The statement of a wallet, the latest line first, page by page.
#[utoipa::path(get, path = "/api/points/statement", tag = "money",
    params(StatementQuery),
    responses(
        (status = 200, description = "A page; `nextCursor` leads to the next", body = StatementView),
        (status = 422, description = "Nobody is named, a cursor or limit that is none, or `after` belongs elsewhere or lies past the end of the inbox (`INVALID_POSITION`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The place of the wallet is not served now", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn statement(
    State(api): State<Api>,
    Query(query): Query<StatementQuery>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let user_id = id("userId", query.user_id)?;
    let cursor = page::cursor(query.cursor.as_deref(), Cursor::parse)?;
    let limit = page::limit(query.limit, PAGE_LINES, PAGE_LINES_MAX)?;
    let place = api.place_of(&user_id);
    let look = |view: &TaskView| Ok(answer::current(&view::statement(view, &user_id, cursor, limit)?));
    api.read(NAME, place, asked, query.after.as_deref(), look).await
}
