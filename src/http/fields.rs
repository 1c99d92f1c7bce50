//! Fields of requests, looked at before anything is appended.

use super::error::{ApiError, FieldError};

/// Longest id, in bytes: what every topology takes.
pub const ID_BYTES_MAX: usize = 512;

/// An id as a request brings it: not blank, not longer than a topology takes.
///
/// # Errors
/// 422 naming the field.
pub fn id(field: &'static str, given: Option<String>) -> Result<String, ApiError> {
    match given {
        Some(id) if id.trim().is_empty() => Err(ApiError::field(field, "비어 있을 수 없습니다.")),
        Some(id) if id.len() > ID_BYTES_MAX => Err(ApiError::field(field, "너무 깁니다.")),
        Some(id) => Ok(id),
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

/// A field that must be there.
///
/// # Errors
/// 422 naming the field.
pub fn required<T>(field: &'static str, given: Option<T>) -> Result<T, ApiError> {
    given.ok_or_else(|| ApiError::field(field, "필수 값입니다."))
}

/// Collects what is wrong with several fields, so that the client hears all of it at once.
///
/// # Errors
/// All errors of both, if they are about fields, else the first.
pub fn both<A, B>(a: Result<A, ApiError>, b: Result<B, ApiError>) -> Result<(A, B), ApiError> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(ApiError::Invalid(mut errors)), Err(ApiError::Invalid(more))) => {
            errors.extend::<Vec<FieldError>>(more);
            Err(ApiError::Invalid(errors))
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
        assert!(id("userId", Some("x".repeat(ID_BYTES_MAX + 1))).is_err());
        assert_eq!(id_if("couponId", None), Ok(None));
        assert!(id_if("couponId", Some(String::new())).is_err());
    }

    #[test]
    fn no_topology_takes_less() {
        assert_eq!(holdfast_topologies::coupon::message::ID_BYTES_MAX, ID_BYTES_MAX);
        assert_eq!(holdfast_topologies::reservation::message::ID_BYTES_MAX, ID_BYTES_MAX);
        assert_eq!(holdfast_topologies::payment::message::ID_BYTES_MAX, ID_BYTES_MAX);
    }
}
