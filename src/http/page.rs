//! A page of a longer list: how much of it, and from where on.

use super::error::ApiError;

/// The `limit` of a query: `usual` when the client does not say.
///
/// # Errors
/// Names the field when it is less than 1 or more than `most`.
pub(crate) fn limit(asked: Option<usize>, usual: usize, most: usize) -> Result<usize, ApiError> {
    let limit = asked.unwrap_or(usual);
    if (1..=most).contains(&limit) {
        return Ok(limit);
    }
    let allowed = (format!("1 이상 {most} 이하여야 합니다."), format!("must be from 1 to {most}"));
    Err(ApiError::field("limit", allowed))
}

/// The `cursor` of a query, read by `parse`.
///
/// # Errors
/// Names the field when it is no `nextCursor`.
pub(crate) fn cursor<C>(text: Option<&str>, parse: impl Fn(&str) -> Option<C>) -> Result<Option<C>, ApiError> {
    let none =
        || ApiError::field("cursor", ("nextCursor 값이어야 합니다.", "must be the nextCursor of an earlier answer"));
    text.map(|text| parse(text).ok_or_else(none)).transpose()
}
