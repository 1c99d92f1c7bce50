//! A refusal as it is written down: a problem of RFC 9457, in one language.

use super::{ApiError, FieldError, Member, english};
use crate::http::language::Language;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use utoipa::ToSchema;

/// An RFC 9457 problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem<'a> {
    /// Stable name of this kind of problem.
    #[serde(rename = "type")]
    #[schema(example = "urn:holdfast:problem:policy-not-found")]
    pub kind: String,
    /// Short name of this kind of problem.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What happened.
    pub detail: Cow<'a, str>,
    /// The path that was asked for.
    pub instance: Cow<'a, str>,
    /// Stable code for programs.
    #[schema(example = "POLICY_NOT_FOUND")]
    pub code: Cow<'a, str>,
    /// The request it is about: of the shop where there is one, of HTTP otherwise (`X-Request-Id`).
    pub request_id: Cow<'a, str>,
    /// The fields that cannot be taken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem<'a>>,
    /// When to try again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// A problem as it is written: with what a problem of its code tells besides.
#[derive(Serialize)]
struct Written<'a> {
    #[serde(flatten)]
    problem: Problem<'a>,
    #[serde(flatten)]
    member: Option<&'a Member>,
}

impl Serialize for Member {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.name, &self.value)?;
        map.end()
    }
}

/// One field that cannot be taken, in one language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = FieldError)]
pub struct FieldProblem<'a> {
    /// Its path, as it is written in the request; empty when it is the whole body.
    #[schema(example = "userId")]
    pub field: &'a str,
    /// What is allowed.
    pub reason: &'a str,
}

/// Writes the problem down in `language`, for the request at `instance`.
#[must_use]
pub fn problem(error: &ApiError, instance: &str, http_request_id: &str, language: Language) -> Response {
    let row = error.row();
    let english = || match error.refusal() {
        Some(refusal) => Some((super::title(refusal).en, refusal.detail.en)),
        None => english::title(row.title).zip(english::detail(&row.code)),
    };
    let (title, detail, language) = match (language, english()) {
        (Language::English, Some((title, detail))) => (title, detail_in_english(error, detail), language),
        _ => (row.title, row.detail, Language::Korean),
    };
    let hint = error.refusal().and_then(|refusal| refusal.hint);
    let hint = hint.map(|hint| FieldError::new(hint.field, (hint.allowed.ko, hint.allowed.en)));
    let errors = match error {
        ApiError::Invalid(errors) | ApiError::Explained { errors, .. } => errors.as_slice(),
        _ => hint.as_slice(),
    };
    let problem = Problem {
        kind: format!("urn:holdfast:problem:{}", row.code.to_lowercase().replace('_', "-")),
        title,
        status: row.status.as_u16(),
        detail,
        instance: instance.into(),
        code: row.code,
        request_id: error.request_id().unwrap_or(http_request_id).into(),
        errors: errors
            .iter()
            .map(|error| FieldProblem { field: &error.field, reason: error.reason.in_language(language) })
            .collect(),
        retry_after_ms: row.retry_after_ms,
    };
    let member = match error {
        ApiError::Refused { member, .. } => member.as_ref(),
        _ => None,
    };
    // Texts and numbers always encode.
    let body = serde_json::to_vec(&Written { problem, member }).unwrap_or_default();
    let mut response = (row.status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CONTENT_LANGUAGE, language.tag());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(ms) = row.retry_after_ms {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(ms.div_ceil(1000)));
    }
    if matches!(error, ApiError::UnsupportedContentEncoding) {
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    if matches!(error, ApiError::BodyLate | ApiError::Overloaded) {
        // The rest of a body that is late would be taken for a request; and a connection is what there is too little of.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if row.status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"holdfast\""));
    }
    response
}

fn detail_in_english(error: &ApiError, detail: &'static str) -> Cow<'static, str> {
    match error {
        ApiError::Explained { refused, .. } => detail_in_english(refused, detail),
        ApiError::Malformed(why) => format!("{detail}: {}", why.en).into(),
        ApiError::WrongPosition(why) => why.en.clone(),
        ApiError::AdminOnLoopbackOnly { sign } => format!("{detail} What was against it: {sign}.").into(),
        _ => detail.into(),
    }
}
