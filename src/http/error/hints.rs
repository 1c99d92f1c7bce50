//! Fields of refusals that are about one field wherever they are made, and what is allowed there.

use super::FieldError;

/// Codes, their fields, and what is allowed there in Korean and in English.
const HINTS: &[(&str, &str, &str, &str)] = &[
    ("USER_ID_REQUIRED", "userId", "비어 있을 수 없습니다.", "must not be blank"),
    (
        "INVALID_USER_ID",
        "userId",
        "공백으로 시작하거나 끝날 수 없고, 제어 문자를 포함할 수 없습니다.",
        "must not begin or end with a blank, and must not contain control characters",
    ),
    ("AMOUNT_MISMATCH", "amount", "결제할 금액과 같아야 합니다.", "must be what is owed"),
    ("INVALID_AMOUNT", "amount", "0 이상의 정수여야 합니다.", "must be a whole number, 0 or more"),
    ("CHARGE_NOT_POSITIVE", "amount", "0보다 커야 합니다.", "must be above 0"),
    (
        "CHARGE_BELOW_MINIMUM",
        "amount",
        "최소 충전 금액 이상이어야 합니다(기본 1,000원).",
        "must be the minimum of a charge or more (usually 1,000 KRW)",
    ),
    (
        "CHARGE_ABOVE_MAXIMUM",
        "amount",
        "1회 충전 한도 이하여야 합니다(기본 1,000,000원).",
        "must be the maximum of a charge or less (usually 1,000,000 KRW)",
    ),
];

/// The field that a refusal with `code` is about.
pub(super) fn of(code: &str) -> Option<FieldError> {
    let (_, field, ko, en) = HINTS.iter().find(|(known, ..)| *known == code)?;
    Some(FieldError::new(*field, (*ko, *en)))
}
