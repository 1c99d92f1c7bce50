//! The one error table: every refusal that is HTTP's own, with its status, its stable code and what a customer reads, in Korean; [`english`] has the same in
//! English. What a feature refuses comes with its row of the feature's table ([`ApiError::Refused`]). Status codes stand here and in
//! `holdfast_model::problem`, and nowhere else. Answers are RFC 9457 problems; [`super::finish`] adds which request it was and in which language
//! it is answered, since an error does not know.

pub mod answer;
mod english;
mod problem;

pub use problem::{FieldProblem, Problem, problem};

use super::handover::Resumed;
use super::language::Text;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use holdfast_model::problem::{Class, Problem as Refusal, Texts};
use std::borrow::Cow;

/// One field that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Its path, as it is written in the request: `userId`, `seats[0].price`; empty when it is the whole body.
    pub field: Cow<'static, str>,
    /// What is allowed.
    pub reason: Text,
}

impl FieldError {
    /// A field, and what is allowed.
    #[must_use]
    pub fn new(field: impl Into<Cow<'static, str>>, reason: impl Into<Text>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }
}

/// Why a request was not answered as it wished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiError {
    /// The body or the query is no JSON, no UTF-8, not escaped right.
    Malformed(Text),
    /// It can be read and makes no sense.
    Invalid(Vec<FieldError>),
    /// `after` belongs elsewhere, or lies past the end of its inbox.
    WrongPosition(Text),
    /// `Idempotency-Key` that is none.
    BadIdempotencyKey,
    /// The body is not `application/json`.
    UnsupportedMediaType,
    /// The body is JSON in another charset than UTF-8.
    UnsupportedCharset,
    /// The body is compressed.
    UnsupportedContentEncoding,
    /// `Host` is missing, is there twice, or is no host.
    BadHost,
    /// More than the body limit.
    TooLarge,
    /// The body did not arrive.
    BodyBroken,
    /// The body arrives too slowly.
    BodyLate,
    /// No such route.
    NoSuchRoute,
    /// The route knows other methods.
    MethodNotAllowed,
    /// Admin route without a token, or with another.
    Unauthorized,
    /// Route of a client that has to prove something, without a token or with one that is not genuine.
    InvalidToken,
    /// Admin route, no token is set, and the request need not come from a program on this machine.
    AdminOnLoopbackOnly {
        /// What of it says so.
        sign: &'static str,
    },
    /// A page of another origin asks for what only a program or a page of our own may.
    ForeignPage,
    /// An id that nothing was ever accepted under.
    RequestNotFound,
    /// The outcome was kept for as long as `outcome_retention_ms` says, and is gone.
    OutcomeExpired,
    /// No dead letter of this name.
    DeadLetterNotFound,
    /// No redrive of this name is known here.
    RedriveNotFound,
    /// A feature refuses: code, texts and class are the feature's.
    Refused {
        /// The row of the feature's table.
        problem: &'static Refusal,
        /// The request that was refused, if one was accepted.
        request_id: Option<String>,
        /// What this problem tells besides.
        member: Option<Member>,
    },
    /// The shop says no because of these fields.
    Explained {
        /// The no.
        refused: Box<ApiError>,
        /// Its fields.
        errors: Vec<FieldError>,
    },
    /// The key was used for another request.
    IdempotencyKeyReused,
    /// Nobody answers for this place now.
    PlaceUnavailable {
        /// Which.
        place: u32,
    },
    /// The place has moved away while its decision was waited for.
    Moved {
        /// Which.
        place: u32,
        /// What it was waited for, if it is in the log.
        resumed: Option<Resumed>,
    },
    /// There are too many connections, or too much is under way: this request was not looked at.
    Overloaded,
    /// Nothing can be accepted that is not in the log.
    LogUnavailable,
    /// It may have been accepted or not; never called a failure.
    OutcomeUnknown {
        /// Under which it can be asked about.
        request_id: Option<String>,
    },
    /// This replica does not serve that.
    NotServedHere,
    /// It is said to be a peer's, and the signature is not one for this replica.
    PeerNotVerified,
    /// A mistake of ours.
    Internal,
}

/// A member of a problem beyond those that all have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name in JSON.
    pub name: &'static str,
    /// Its value.
    pub value: String,
}

/// What of an [`ApiError`] is the same for every request.
struct Row {
    status: StatusCode,
    code: Cow<'static, str>,
    title: &'static str,
    detail: Cow<'static, str>,
    retry_after_ms: Option<u64>,
}

const RETRY_PLACE_MS: u64 = 1_000;
const RETRY_LOG_MS: u64 = 2_000;
const RETRY_OVERLOAD_MS: u64 = 2_000;

impl ApiError {
    /// One field that cannot be taken.
    #[must_use]
    pub fn field(field: impl Into<Cow<'static, str>>, reason: impl Into<Text>) -> Self {
        Self::Invalid(vec![FieldError::new(field, reason)])
    }

    /// A feature's refusal, of the request `request_id` if one was accepted.
    #[must_use]
    pub fn refused(problem: &'static Refusal, request_id: Option<String>) -> Self {
        Self::Refused { problem, request_id, member: None }
    }

    /// The same, and which fields it is about; without any it stays as it is.
    #[must_use]
    pub fn because_of(self, errors: Vec<FieldError>) -> Self {
        if errors.is_empty() { self } else { Self::Explained { refused: Box::new(self), errors } }
    }

    fn row(&self) -> Row {
        let row = |status, code: &'static str, title, detail: &'static str| Row {
            status,
            code: code.into(),
            title,
            detail: detail.into(),
            retry_after_ms: None,
        };
        match self {
            Self::Malformed(why) => Row {
                detail: format!("요청 본문 또는 매개변수를 읽을 수 없습니다: {}", why.ko).into(),
                ..row(StatusCode::BAD_REQUEST, "MALFORMED_REQUEST", "잘못된 형식", "")
            },
            Self::Explained { refused, .. } => refused.row(),
            Self::Invalid(_) => {
                row(StatusCode::UNPROCESSABLE_ENTITY, "VALIDATION_FAILED", "잘못된 값", "요청 값이 올바르지 않습니다.")
            }
            Self::WrongPosition(why) => Row {
                detail: why.ko.clone(),
                ..row(StatusCode::UNPROCESSABLE_ENTITY, "INVALID_POSITION", "잘못된 위치 토큰", "")
            },
            Self::BadIdempotencyKey => row(
                StatusCode::BAD_REQUEST,
                "INVALID_IDEMPOTENCY_KEY",
                "잘못된 멱등성 키",
                "Idempotency-Key는 1자 이상 255자 이하의 출력 가능한 ASCII 문자여야 합니다.",
            ),
            Self::UnsupportedMediaType => row(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "UNSUPPORTED_MEDIA_TYPE",
                "지원하지 않는 본문 형식",
                "요청 본문은 application/json 형식이어야 합니다.",
            ),
            Self::UnsupportedCharset => row(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "UNSUPPORTED_CHARSET",
                "지원하지 않는 문자 집합",
                "요청 본문은 UTF-8이어야 합니다.",
            ),
            Self::UnsupportedContentEncoding => row(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "UNSUPPORTED_CONTENT_ENCODING",
                "지원하지 않는 압축 형식",
                "압축된 요청 본문은 지원하지 않습니다.",
            ),
            Self::BadHost => {
                row(StatusCode::BAD_REQUEST, "INVALID_HOST", "잘못된 Host", "Host 헤더가 정확히 하나 있어야 합니다.")
            }
            Self::TooLarge => row(
                StatusCode::PAYLOAD_TOO_LARGE,
                "BODY_TOO_LARGE",
                "너무 큰 본문",
                "요청 본문이 허용된 최대 크기를 넘습니다.",
            ),
            Self::BodyBroken => {
                row(StatusCode::BAD_REQUEST, "BODY_INCOMPLETE", "끊긴 본문", "요청 본문을 끝까지 받지 못했습니다.")
            }
            Self::BodyLate => row(
                StatusCode::REQUEST_TIMEOUT,
                "BODY_TIMEOUT",
                "본문 수신 시간 초과",
                "요청 본문이 제한 시간 안에 도착하지 않았습니다. 접수된 것은 없습니다.",
            ),
            Self::NoSuchRoute => {
                row(StatusCode::NOT_FOUND, "ROUTE_NOT_FOUND", "없는 경로", "요청하신 경로를 찾을 수 없습니다.")
            }
            Self::MethodNotAllowed => row(
                StatusCode::METHOD_NOT_ALLOWED,
                "METHOD_NOT_ALLOWED",
                "허용되지 않는 메서드",
                "이 경로에서 지원하지 않는 메서드입니다.",
            ),
            Self::Unauthorized => {
                row(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "인증 필요", "관리자 토큰이 필요합니다.")
            }
            Self::InvalidToken => row(
                StatusCode::UNAUTHORIZED,
                "INVALID_TOKEN",
                "유효하지 않은 토큰",
                "토큰이 없거나 유효하지 않습니다. 발급받은 토큰을 Authorization: Bearer 헤더로 보내주세요.",
            ),
            Self::AdminOnLoopbackOnly { sign } => Row {
                detail: format!(
                    "관리자 토큰이 설정되지 않아 이 서버에서 직접 보낸 로컬 요청만 처리합니다 (거절 근거: {sign}). \
                     다른 곳에서 사용하려면 서버에 ADMIN_TOKEN을 설정하고 Authorization: Bearer 헤더로 보내주세요."
                )
                .into(),
                ..row(StatusCode::FORBIDDEN, "ADMIN_FORBIDDEN", "관리자 전용", "")
            },
            Self::ForeignPage => row(
                StatusCode::FORBIDDEN,
                "FOREIGN_PAGE",
                "다른 출처의 페이지",
                "다른 출처의 웹 페이지가 보낸 요청은 처리하지 않습니다. 주문 요청은 application/json 본문이나 Idempotency-Key 헤더와 함께 보내주세요.",
            ),
            Self::RequestNotFound => {
                row(StatusCode::NOT_FOUND, "REQUEST_NOT_FOUND", "없는 요청", "요청을 찾을 수 없습니다.")
            }
            Self::OutcomeExpired => row(
                StatusCode::GONE,
                "OUTCOME_EXPIRED",
                "보관 기간이 지난 결과",
                "요청 결과의 보관 기간이 지나 더 이상 조회할 수 없습니다.",
            ),
            Self::DeadLetterNotFound => {
                row(StatusCode::NOT_FOUND, "DEAD_LETTER_NOT_FOUND", "없는 데드레터", "데드레터를 찾을 수 없습니다.")
            }
            Self::RedriveNotFound => row(
                StatusCode::NOT_FOUND,
                "REDRIVE_NOT_FOUND",
                "없는 재처리 작업",
                "이 서버가 실행한 재처리 작업 중에서 찾을 수 없습니다. 재처리된 데드레터는 데드레터 조회로 확인해주세요.",
            ),
            Self::Refused { problem, .. } => {
                let status = StatusCode::from_u16(problem.class.http_status());
                let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                row(status, problem.code, title(problem).ko, problem.detail.ko)
            }
            Self::IdempotencyKeyReused => row(
                StatusCode::UNPROCESSABLE_ENTITY,
                "IDEMPOTENCY_KEY_REUSED",
                "재사용된 멱등성 키",
                "같은 Idempotency-Key가 다른 내용의 요청에 이미 사용되었습니다.",
            ),
            // Which place it is concerns operators, and stands in the log.
            Self::PlaceUnavailable { .. } | Self::Moved { resumed: None, .. } => Row {
                retry_after_ms: Some(RETRY_PLACE_MS),
                ..row(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "PLACE_UNAVAILABLE",
                    "준비 중",
                    "서비스를 준비하고 있습니다. 잠시 후 다시 시도해주세요.",
                )
            },
            Self::Overloaded => Row {
                retry_after_ms: Some(RETRY_OVERLOAD_MS),
                ..row(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "OVERLOADED",
                    "접속 폭주",
                    "접속이 많아 요청을 받을 수 없습니다. 접수된 것은 없으니 잠시 후 다시 시도해주세요.",
                )
            },
            Self::LogUnavailable => Row {
                retry_after_ms: Some(RETRY_LOG_MS),
                ..row(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "LOG_UNAVAILABLE",
                    "접수 불가",
                    "지금은 요청을 접수할 수 없습니다. 접수된 것은 없으니 잠시 후 다시 시도해주세요.",
                )
            },
            Self::OutcomeUnknown { .. } | Self::Moved { resumed: Some(_), .. } => Row {
                retry_after_ms: Some(RETRY_LOG_MS),
                ..row(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "OUTCOME_UNKNOWN",
                    "접수 여부 확인 필요",
                    "요청이 접수되었는지 아직 알 수 없습니다. 같은 요청 번호로 결과를 확인해주세요.",
                )
            },
            Self::NotServedHere => row(
                StatusCode::NOT_IMPLEMENTED,
                "NOT_SERVED_HERE",
                "다른 서버에서 처리",
                "이 서버는 해당 요청을 처리하지 않도록 설정되어 있습니다.",
            ),
            Self::PeerNotVerified => row(
                StatusCode::MISDIRECTED_REQUEST,
                "PEER_NOT_VERIFIED",
                "확인할 수 없는 서명",
                "다른 서버가 보낸 요청의 서명을 확인할 수 없습니다.",
            ),
            Self::Internal => {
                row(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", "서버 오류", "서버에서 오류가 발생했습니다.")
            }
        }
    }

    /// The row of a feature's table.
    fn refusal(&self) -> Option<&'static Refusal> {
        match self {
            Self::Refused { problem, .. } => Some(problem),
            Self::Explained { refused, .. } => refused.refusal(),
            _ => None,
        }
    }

    fn request_id(&self) -> Option<&str> {
        match self {
            Self::OutcomeUnknown { request_id } | Self::Refused { request_id, .. } => request_id.as_deref(),
            Self::Explained { refused, .. } => refused.request_id(),
            Self::Moved { resumed, .. } => resumed.as_ref().map(|record| record.id.as_str()),
            _ => None,
        }
    }
}

/// The short name of a feature's refusal: its own, or that of its class.
fn title(problem: &Refusal) -> Texts {
    let of_class = |ko, en| problem.title.unwrap_or(Texts { ko, en });
    match problem.class {
        Class::Invalid => of_class("잘못된 값", "Invalid value"),
        Class::NotFound => of_class("없는 대상", "Not found"),
        Class::Conflict => of_class("처리할 수 없는 상태", "Conflict"),
        Class::Gone => of_class("지난 대상", "Gone"),
        Class::Unpaid => of_class("결제 불가", "Payment required"),
        Class::Forbidden => of_class("허용되지 않은 요청", "Forbidden"),
        Class::Fault => of_class("서버 오류", "Server error"),
    }
}

/// The error travels in the response until somebody who knows the request writes the problem down.
impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.row().status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Whether an answer is a fault of this side, for metrics and logs.
#[must_use]
pub fn is_server_fault(status: StatusCode) -> bool {
    status.is_server_error()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::language::Language;
    use holdfast_model::problem::INVALID_TIME;
    use holdfast_model::reservation::refusal::CONCERT_NOT_FOUND;
    use holdfast_model::{coupon::outcome as coupon, payment::outcome as payment};

    async fn shown(error: ApiError) -> (Response, serde_json::Value) {
        shown_in(error, Language::Korean).await
    }

    async fn shown_in(error: ApiError, language: Language) -> (Response, serde_json::Value) {
        let mut response = problem(&error, "/api/x", "http-1", language);
        let body = axum::body::to_bytes(std::mem::take(response.body_mut()), 1 << 20).await.unwrap();
        let json = serde_json::from_slice(&body).unwrap();
        (response, json)
    }

    #[tokio::test]
    async fn a_problem_has_the_members_of_rfc_9457_and_ours() {
        let (response, json) = shown(ApiError::refused(coupon::Refusal::UnknownPolicy.problem(), None)).await;
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(response.headers()["content-language"], "ko");
        assert_eq!(
            json,
            serde_json::json!({
                "type": "urn:holdfast:problem:policy-not-found", "title": "없는 대상", "status": 404,
                "detail": "쿠폰 정책을 찾을 수 없습니다", "instance": "/api/x", "code": "POLICY_NOT_FOUND", "requestId": "http-1",
            })
        );
    }

    #[tokio::test]
    async fn what_may_be_tried_again_says_when() {
        let (response, json) = shown(ApiError::LogUnavailable).await;
        assert_eq!(response.headers()["retry-after"], "2");
        assert_eq!(json["retryAfterMs"], 2000);
        let (_, json) = shown(ApiError::OutcomeUnknown { request_id: Some("req_0_x".to_owned()) }).await;
        assert_eq!((json["code"].as_str(), json["requestId"].as_str()), (Some("OUTCOME_UNKNOWN"), Some("req_0_x")));
    }

    #[tokio::test]
    async fn fields_are_named_in_the_language_of_the_answer() {
        let wrong = || ApiError::field("userId", ("필수 값입니다.", "is required"));
        let (_, json) = shown(wrong()).await;
        assert_eq!(json["status"], 422);
        assert_eq!(json["errors"], serde_json::json!([{ "field": "userId", "reason": "필수 값입니다." }]));
        let (response, json) = shown_in(wrong(), Language::English).await;
        assert_eq!(response.headers()["content-language"], "en");
        assert_eq!((&json["code"], &json["title"]), (&"VALIDATION_FAILED".into(), &"Invalid value".into()));
        assert_eq!(json["errors"], serde_json::json!([{ "field": "userId", "reason": "is required" }]));
    }

    #[tokio::test]
    async fn a_refusal_of_the_shop_may_be_explained() {
        let refused = ApiError::refused(&INVALID_TIME, Some("req_0_x".to_owned()));
        let errors = vec![FieldError::new("saleEnd", ("시각이어야 합니다.", "must be a time"))];
        let (_, json) = shown_in(refused.because_of(errors), Language::English).await;
        assert_eq!(
            (&json["status"], &json["code"], &json["requestId"]),
            (&422.into(), &"INVALID_TIME".into(), &"req_0_x".into())
        );
        assert_eq!(json["errors"], serde_json::json!([{ "field": "saleEnd", "reason": "must be a time" }]));
    }

    #[tokio::test]
    async fn buyers_read_nothing_of_places() {
        for language in [Language::Korean, Language::English] {
            let (_, json) = shown_in(ApiError::PlaceUnavailable { place: 2 }, language).await;
            let detail = json["detail"].as_str().unwrap();
            assert!(!detail.contains('2') && !detail.contains("파티션"), "{detail}");
        }
    }

    #[tokio::test]
    async fn a_feature_says_what_it_refuses_in_both_languages() {
        let refused = || ApiError::Refused {
            problem: payment::Refusal::ChargeTooSmall.problem(),
            request_id: None,
            member: Some(Member { name: "paymentId", value: "pay_0_x".to_owned() }),
        };
        let (response, json) = shown_in(refused(), Language::English).await;
        assert_eq!(response.headers()["content-language"], "en");
        assert_eq!(
            json,
            serde_json::json!({
                "type": "urn:holdfast:problem:charge-below-minimum", "title": "Invalid value", "status": 422,
                "detail": "The amount is below the minimum of a charge.", "instance": "/api/x", "code": "CHARGE_BELOW_MINIMUM",
                "requestId": "http-1", "paymentId": "pay_0_x",
                "errors": [{ "field": "amount", "reason": "must be the minimum of a charge or more (usually 1,000 KRW)" }],
            })
        );
        let (response, json) = shown(refused()).await;
        assert_eq!(
            (&response.headers()["content-language"], &json["title"]),
            (&"ko".parse().unwrap(), &"잘못된 값".into())
        );
        assert_eq!(json["errors"][0]["reason"], "최소 충전 금액 이상이어야 합니다(기본 1,000원).");
    }

    #[tokio::test]
    async fn the_title_is_that_of_the_class_or_the_problems_own() {
        let (_, json) = shown(ApiError::refused(&CONCERT_NOT_FOUND, None)).await;
        assert_eq!((&json["status"], &json["title"]), (&404.into(), &"없는 공연".into()));
        let (_, json) = shown(ApiError::refused(payment::Refusal::InsufficientPoints.problem(), None)).await;
        assert_eq!((&json["status"], &json["title"]), (&402.into(), &"결제 불가".into()));
    }
}
