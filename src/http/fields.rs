//! Fields of requests, looked at before anything is appended.

use super::error::{ApiError, FieldError};
use super::language::Text;
use super::misfit;
use holdfast_model::id_rule::{self, ID_BYTES_MAX, IdFault};
use holdfast_model::problem::INVALID_TIME;
use holdfast_model::wire::When;
use std::borrow::Cow;

/// An id as a request brings it: what every topology takes.
///
/// # Errors
/// 422 naming the field.
pub fn id(field: &'static str, given: Option<String>) -> Result<String, ApiError> {
    match given {
        Some(id) => check(field, &id).map(|()| id),
        None => required(field, None),
    }
}

/// An id that may be missing.
///
/// # Errors
/// As [`id`], of one that is there.
pub fn id_if(field: &'static str, given: Option<String>) -> Result<Option<String>, ApiError> {
    given.map(|given| id(field, Some(given))).transpose()
}

/// Whether `id` can be one.
///
/// # Errors
/// 422 naming the field.
pub fn check(field: &str, id: &str) -> Result<(), ApiError> {
    id_rule::check(id).map_err(|fault| ApiError::field(Cow::Owned(field.to_owned()), allowed(fault)))
}

fn allowed(fault: IdFault) -> Text {
    match fault {
        IdFault::Blank => ("비어 있을 수 없습니다.", "must not be blank").into(),
        IdFault::TooLong => (
            format!("너무 깁니다. {ID_BYTES_MAX}바이트 이하여야 합니다."),
            format!("must not be longer than {ID_BYTES_MAX} bytes"),
        )
            .into(),
        IdFault::BlankEnd => ("공백으로 시작하거나 끝날 수 없습니다.", "must not begin or end with a blank").into(),
        IdFault::Control => ("제어 문자를 포함할 수 없습니다.", "must not contain control characters").into(),
        IdFault::Dots => ("'.' 또는 '..'일 수 없습니다.", "must not be '.' or '..'").into(),
    }
}

/// The user that an act names: `userId` in the body or in the query. An act that frees a seat or moves money back names its user.
///
/// # Errors
/// 422 naming the field: it is missing, or body and query name different users.
pub fn user_id(body: Option<String>, query: Option<String>) -> Result<String, ApiError> {
    match (body, query) {
        (Some(body), Some(query)) if body != query => {
            Err(ApiError::field("userId", ("본문과 쿼리의 값이 서로 다릅니다.", "body and query name different users")))
        }
        (body, query) => id("userId", body.or(query)),
    }
}

/// A time that may be missing.
///
/// # Errors
/// 422 `INVALID_TIME` naming the field: it is no time, or one that was most likely meant otherwise (second 60, epoch seconds).
pub fn moment(field: &'static str, given: Option<When>) -> Result<Option<When>, ApiError> {
    match given {
        None | Some(When::Ms(_)) => Ok(given),
        Some(When::Doubtful(_)) => Err(no_time(
            field,
            (
                "초 단위 숫자와 윤초(60초)는 사용할 수 없습니다: RFC 3339 시각 또는 밀리초 단위 숫자여야 합니다.",
                "must be an RFC 3339 time or a number of milliseconds; numbers of seconds and leap seconds (60) are not taken",
            ),
        )),
        Some(When::Unreadable) => {
            let allowed = (
                "시각이 아닙니다: RFC 3339 시각 또는 밀리초 단위 숫자여야 합니다.",
                "must be an RFC 3339 time or a number of milliseconds",
            );
            Err(no_time(field, allowed))
        }
    }
}

fn no_time(field: &'static str, allowed: (&'static str, &'static str)) -> ApiError {
    ApiError::refused(&INVALID_TIME, None).because_of(vec![FieldError::new(field, allowed)])
}

/// A field that must be there.
///
/// # Errors
/// 422 naming the field.
pub fn required<T>(field: &'static str, given: Option<T>) -> Result<T, ApiError> {
    given.ok_or_else(|| ApiError::field(field, misfit::required()))
}

/// Collects what is wrong with several fields, so that the client hears all of it at once.
///
/// # Errors
/// All errors of both, if they are about fields and of one code, else the first.
pub fn both<A, B>(a: Result<A, ApiError>, b: Result<B, ApiError>) -> Result<(A, B), ApiError> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(ApiError::Invalid(mut errors)), Err(ApiError::Invalid(more))) => {
            errors.extend::<Vec<FieldError>>(more);
            Err(ApiError::Invalid(errors))
        }
        (
            Err(ApiError::Explained { refused, mut errors }),
            Err(ApiError::Explained { refused: same, errors: more }),
        ) if refused == same => {
            errors.extend(more);
            Err(ApiError::Explained { refused, errors })
        }
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_wrong_fields_are_told_at_once() {
        let Err(ApiError::Invalid(errors)) = both(id("policyId", None), id("userId", Some(" ".to_owned()))) else {
            panic!()
        };
        assert_eq!(errors.iter().map(|e| &*e.field).collect::<Vec<_>>(), ["policyId", "userId"]);
        assert!(both(id("policyId", Some("1".to_owned())), id("userId", Some("쿠폰".to_owned()))).is_ok());
        for bad in ["..", "a\n", " a", &"x".repeat(ID_BYTES_MAX + 1)] {
            assert!(id("userId", Some(bad.to_owned())).is_err(), "{bad:?}");
        }
        assert_eq!(id_if("couponId", None), Ok(None));
        assert!(id_if("couponId", Some(String::new())).is_err());
    }

    #[test]
    fn a_user_is_named_in_the_body_or_in_the_query_and_only_once() {
        let named =
            |body: Option<&str>, query: Option<&str>| user_id(body.map(str::to_owned), query.map(str::to_owned));
        for (body, query) in [(Some("u"), None), (None, Some("u")), (Some("u"), Some("u"))] {
            assert_eq!(named(body, query), Ok("u".to_owned()), "{body:?} {query:?}");
        }
        for (body, query) in [(None, None), (Some("u"), Some("v")), (Some(" "), None), (None, Some(""))] {
            let Err(ApiError::Invalid(errors)) = named(body, query) else { panic!("{body:?} {query:?}") };
            assert_eq!(errors.iter().map(|e| &*e.field).collect::<Vec<_>>(), ["userId"], "{body:?} {query:?}");
        }
    }

    #[test]
    fn no_topology_takes_less() {
        assert_eq!(holdfast_model::coupon::message::ID_BYTES_MAX, ID_BYTES_MAX);
        assert_eq!(holdfast_model::reservation::message::ID_BYTES_MAX, ID_BYTES_MAX);
        assert_eq!(holdfast_model::payment::message::ID_BYTES_MAX, ID_BYTES_MAX);
    }
}
