//! HTTP's own problems in English: titles by their Korean, details by the code that they explain. A code that has no line here is explained in Korean, and
//! `Content-Language` says so; a test finds it. The problems of features bring their English along.

/// Titles.
const TITLES: &[(&str, &str)] = &[
    ("잘못된 형식", "Malformed request"),
    ("잘못된 값", "Invalid value"),
    ("잘못된 멱등성 키", "Invalid idempotency key"),
    ("지원하지 않는 본문 형식", "Unsupported body format"),
    ("지원하지 않는 문자 집합", "Unsupported charset"),
    ("지원하지 않는 압축 형식", "Unsupported content encoding"),
    ("잘못된 Host", "Invalid Host"),
    ("너무 큰 본문", "Body too large"),
    ("끊긴 본문", "Incomplete body"),
    ("없는 경로", "No such route"),
    ("허용되지 않는 메서드", "Method not allowed"),
    ("인증 필요", "Authentication required"),
    ("유효하지 않은 토큰", "Invalid token"),
    ("관리자 전용", "Administrators only"),
    ("다른 출처의 페이지", "Page of another origin"),
    ("잘못된 위치 토큰", "Invalid position token"),
    ("확인할 수 없는 서명", "Signature not verified"),
    ("없는 요청", "No such request"),
    ("보관 기간이 지난 결과", "The outcome is not kept any more"),
    ("없는 데드레터", "No such dead letter"),
    ("없는 재처리 작업", "No such redrive"),
    ("서버 오류", "Server error"),
    ("재사용된 멱등성 키", "Idempotency key reused"),
    ("준비 중", "Not ready"),
    ("접수 불가", "Not accepting requests"),
    ("접수 여부 확인 필요", "Outcome unknown"),
    ("다른 서버에서 처리", "Served elsewhere"),
    ("본문 수신 시간 초과", "Request body timeout"),
    ("접속 폭주", "Too many connections"),
];

/// Details.
const DETAILS: &[(&str, &str)] = &[
    ("MALFORMED_REQUEST", "The request could not be read"),
    ("VALIDATION_FAILED", "A value of the request is not valid."),
    ("INVALID_IDEMPOTENCY_KEY", "Idempotency-Key must be 1 to 255 printable ASCII characters."),
    ("UNSUPPORTED_MEDIA_TYPE", "The request body must be application/json."),
    ("UNSUPPORTED_CHARSET", "The request body must be UTF-8."),
    ("UNSUPPORTED_CONTENT_ENCODING", "A compressed request body is not supported."),
    ("INVALID_HOST", "There must be exactly one Host header."),
    ("BODY_TOO_LARGE", "The request body must not be larger than 1 MiB."),
    ("BODY_INCOMPLETE", "The request body did not arrive completely."),
    ("ROUTE_NOT_FOUND", "There is no such route."),
    ("METHOD_NOT_ALLOWED", "This route does not support the method."),
    ("UNAUTHORIZED", "The administrator's token is required."),
    (
        "INVALID_TOKEN",
        "The token is missing or not valid. Send the token that you were given as Authorization: Bearer.",
    ),
    (
        "ADMIN_FORBIDDEN",
        "No administrator token is set, so this route answers only to programs on the worker's machine. \
         To use it from elsewhere, set ADMIN_TOKEN and send it as Authorization: Bearer.",
    ),
    (
        "FOREIGN_PAGE",
        "A page of another origin has sent this request. An order needs a body in application/json or an Idempotency-Key.",
    ),
    ("INVALID_POSITION", "The position token does not belong here."),
    ("PEER_NOT_VERIFIED", "The signature of another server cannot be verified."),
    ("BODY_TIMEOUT", "The request body did not arrive in time. Nothing was accepted."),
    ("OVERLOADED", "There are too many connections. Nothing was accepted; please try again in a moment."),
    ("REQUEST_NOT_FOUND", "There is no such request."),
    ("OUTCOME_EXPIRED", "The outcome of this request was kept for its time and is gone."),
    ("DEAD_LETTER_NOT_FOUND", "There is no such dead letter."),
    (
        "REDRIVE_NOT_FOUND",
        "This server has run no such redrive, or does not remember it. Dead letters tell whether they were put back.",
    ),
    ("IDEMPOTENCY_KEY_REUSED", "This Idempotency-Key was used for another request before."),
    ("PLACE_UNAVAILABLE", "This part of the service is starting. Please try again in a moment."),
    (
        "LOG_UNAVAILABLE",
        "Requests cannot be accepted at the moment. Nothing was accepted; please try again in a moment.",
    ),
    (
        "OUTCOME_UNKNOWN",
        "It is not known yet whether the request was accepted. Please ask for its outcome under the same request id.",
    ),
    ("NOT_SERVED_HERE", "This server is set up not to serve this request."),
    ("INTERNAL_ERROR", "The server has failed."),
];

fn of(table: &[(&str, &'static str)], key: &str) -> Option<&'static str> {
    table.iter().find(|(known, _)| *known == key).map(|(_, english)| *english)
}

/// The title in English.
pub(super) fn title(korean: &str) -> Option<&'static str> {
    of(TITLES, korean)
}

/// What `code` means, in English.
pub(super) fn detail(code: &str) -> Option<&'static str> {
    of(DETAILS, code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// The quoted texts of a source file.
    fn quoted(source: &str) -> impl Iterator<Item = &str> {
        source.split('"').skip(1).step_by(2)
    }

    #[test]
    fn every_code_and_title_has_its_english() {
        let source = include_str!("../error.rs");
        let table = source.split("fn row(").nth(1).unwrap().split("fn request_id(").next().unwrap();
        let is_code =
            |text: &&str| text.len() > 3 && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
        let codes: BTreeSet<&str> = quoted(table).filter(is_code).collect();
        assert!(codes.contains("MALFORMED_REQUEST") && codes.contains("INTERNAL_ERROR"), "{codes:?}");
        let missing: Vec<_> = codes.into_iter().filter(|code| detail(code).is_none()).collect();
        assert!(missing.is_empty(), "no English of {missing:?}");
        // A title is a Korean text without a full stop.
        let is_title = |text: &&str| text.chars().any(|c| ('가'..='힣').contains(&c)) && !text.contains(['.', '{']);
        let missing: Vec<_> = quoted(table).filter(is_title).filter(|text| title(text).is_none()).collect();
        assert!(missing.is_empty(), "no English of {missing:?}");
    }

    #[test]
    fn each_stands_there_once_and_is_english() {
        let keys: BTreeSet<_> = TITLES.iter().chain(DETAILS).map(|(key, _)| key).collect();
        assert_eq!(keys.len(), TITLES.len() + DETAILS.len());
        assert!(TITLES.iter().chain(DETAILS).all(|(_, english)| english.is_ascii() && !english.is_empty()));
    }
}
