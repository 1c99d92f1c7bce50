//! What is said of a value of the wrong kind. serde knows where it stands and what was expected, in English and with names of Rust types; clients read
//! the path and what is allowed.

use super::error::FieldError;
use super::language::Text;

/// The field at `path` that serde refuses with `message`.
pub(super) fn of(path: &str, message: &str) -> FieldError {
    let path = if path == "." { "" } else { path };
    // serde_json says where it has stopped reading; the path says it better.
    let message = message.rsplit_once(" at line ").map_or(message, |(what, _)| what);
    if let Some(name) = message.strip_prefix("missing field ").and_then(quoted) {
        return FieldError::new(below(path, name), required());
    }
    if let Some(name) = message.strip_prefix("duplicate field ").and_then(quoted) {
        return FieldError::new(below(path, name), ("한 번만 지정해야 합니다.", "must be given only once"));
    }
    if let Some((name, known)) = message.strip_prefix("unknown field ").and_then(|rest| rest.split_once(", ")) {
        let known = names(known);
        let reason = (
            format!("알 수 없는 항목입니다. 사용할 수 있는 항목: {known}"),
            format!("is not known; there are: {known}"),
        );
        return FieldError::new(below(path, quoted(name).unwrap_or_default()), reason);
    }
    if let Some((_, known)) = message.strip_prefix("unknown variant ").and_then(|rest| rest.rsplit_once(", expected "))
    {
        let known = names(known);
        let reason = (format!("다음 중 하나여야 합니다: {known}"), format!("must be one of: {known}"));
        return FieldError::new(path.to_owned(), reason);
    }
    // The value that was found may be any text; what was expected stands behind it.
    let expected = message.rsplit_once(", expected ").map_or(message, |(_, expected)| expected);
    FieldError::new(path.to_owned(), allowed(expected))
}

/// Said of what is not there.
pub(super) fn required() -> Text {
    ("필수 값입니다.", "is required").into()
}

/// What is allowed where serde has `expected` something.
fn allowed(expected: &str) -> Text {
    match expected {
        "a string" | "string" => ("문자열이어야 합니다.", "must be a string").into(),
        "an id: a string or an integer" => {
            ("문자열 또는 정수여야 합니다.", "must be a string or a whole number").into()
        }
        "a time: RFC 3339 or ms since the epoch" => when(),
        "a boolean" => ("true 또는 false여야 합니다.", "must be true or false").into(),
        "a sequence" => ("배열이어야 합니다.", "must be an array").into(),
        "a map" => object(),
        "u8" => whole(u64::from(u8::MAX)),
        "u16" => whole(u64::from(u16::MAX)),
        "u32" => whole(u64::from(u32::MAX)),
        "u64" | "usize" => ("0 이상의 정수여야 합니다.", "must be a whole number, 0 or more").into(),
        "i8" | "i16" | "i32" | "i64" => ("정수여야 합니다.", "must be a whole number").into(),
        // Of a query, whose values are texts.
        "invalid digit found in string" | "cannot parse integer from empty string" => allowed("u64"),
        "number too large to fit in target type" => {
            ("더 작은 정수여야 합니다.", "must be a smaller whole number").into()
        }
        "provided string was not `true` or `false`" => allowed("a boolean"),
        "seats: {count, price}, or a list of {seatNo, price}" => seats(),
        _ if expected.starts_with("struct ") => object(),
        _ => ("형식이 올바르지 않습니다.", "is not of the right form").into(),
    }
}

fn object() -> Text {
    ("JSON 객체여야 합니다.", "must be a JSON object").into()
}

fn whole(max: u64) -> Text {
    (format!("0 이상 {max} 이하의 정수여야 합니다."), format!("must be a whole number from 0 to {max}")).into()
}

/// What a time may look like.
pub(super) fn when() -> Text {
    (
        "시각이어야 합니다: RFC 3339(예: 2026-03-15T20:00:00+09:00) 또는 1970년부터의 밀리초.",
        "must be a time: RFC 3339 (for example 2026-03-15T20:00:00+09:00) or milliseconds since 1970",
    )
        .into()
}

/// What the seats of a schedule may look like.
fn seats() -> Text {
    (
        "{\"count\": 정수, \"price\": 정수} 또는 [{\"seatNo\": 번호, \"price\": 정수}, …] 형식이어야 합니다.",
        "must be {\"count\": whole number, \"price\": whole number} or [{\"seatNo\": number, \"price\": whole number}, …]",
    )
        .into()
}

/// What stands between backticks.
fn quoted(text: &str) -> Option<&str> {
    text.split('`').nth(1)
}

/// `one of `a`, `b`` as `a, b`.
fn names(list: &str) -> String {
    list.split('`').skip(1).step_by(2).collect::<Vec<_>>().join(", ")
}

/// The path of the field `name` in what stands at `path`; `path` may have come there already.
fn below(path: &str, name: &str) -> String {
    if path.is_empty() || path == name {
        return name.to_owned();
    }
    match path.strip_suffix(name) {
        Some(parent) if parent.ends_with('.') => path.to_owned(),
        _ => format!("{path}.{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_model::coupon::message::CreatePolicy;
    use holdfast_model::reservation::message::CreateSchedule;
    use serde::de::DeserializeOwned;

    fn misfit<T: DeserializeOwned>(json: &str) -> FieldError {
        let mut json = serde_json::Deserializer::from_str(json);
        let Err(error) = serde_path_to_error::deserialize::<_, T>(&mut json) else { panic!("it fits") };
        of(&error.path().to_string(), &error.inner().to_string())
    }

    #[test]
    fn a_misfit_is_told_by_its_path_and_what_is_allowed() {
        let policy = misfit::<CreatePolicy>;
        for (json, field, allowed) in [
            (r#"{"title":"t","totalQuantity":1}"#, "policyId", "is required"),
            (r#"{"policyId":"1","policyId":"1"}"#, "policyId", "must be given only once"),
            (r#"{"policyId":true}"#, "policyId", "must be a string or a whole number"),
            (r#"{"policyId":1.5}"#, "policyId", "must be a string or a whole number"),
            (r#"{"policyId":"1","title":7}"#, "title", "must be a string"),
            (r#"{"policyId":"1","totalQuantity":"many"}"#, "totalQuantity", "must be a whole number"),
            (r#"{"policyId":"1","totalQuantity":"x, expected u8"}"#, "totalQuantity", "must be a whole number"),
            (r#"{"policyId":"1","totalQuantity":1e30}"#, "totalQuantity", "must be a whole number"),
        ] {
            let told = policy(json);
            assert_eq!((&*told.field, &*told.reason.en), (field, allowed), "{json}");
        }
        assert_eq!(policy(r#"{"policyId":"1","startTime":true}"#).reason, when());
        let schedule = misfit::<CreateSchedule>;
        assert_eq!(schedule(r#"{"scheduleId":"s","limits":{"openHolds":"2"}}"#).field, "limits.openHolds");
        assert_eq!(schedule(r#"{"scheduleId":"s","limits":7}"#).reason, object());
        let told = schedule(r#"{"scheduleId":"s","concertTitle":"t","seats":{"count":5}}"#);
        assert_eq!((&*told.field, told.reason), ("seats", seats()));
    }

    #[test]
    fn no_type_of_rust_is_told() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        #[expect(dead_code, reason = "only what does not fit is looked at")]
        struct Every {
            small: u32,
            large: usize,
            signed: i32,
            flag: bool,
            list: Vec<Every>,
            kind: Kind,
        }
        #[derive(Debug, serde::Deserialize)]
        #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
        enum Kind {
            One,
            Two,
        }
        for json in [
            r#"{"small":-1}"#,
            r#"{"large":-1}"#,
            r#"{"signed":"x"}"#,
            r#"{"flag":1}"#,
            r#"{"list":{}}"#,
            r#"{"list":[7]}"#,
            r#"{"kind":"THREE"}"#,
            r#"{"kind":7}"#,
            r#"{"more":1}"#,
            r#"{"list":[{"small":true}]}"#,
            "7",
        ] {
            let told = misfit::<Every>(json);
            for name in ["u32", "usize", "i32", "struct", "Every", "enum", "Kind", "expected", "invalid", "variant"] {
                assert!(!told.reason.en.contains(name) && !told.reason.ko.contains(name), "{json}: {told:?}");
            }
        }
        assert_eq!(&*misfit::<Every>(r#"{"list":[{"small":true}]}"#).field, "list[0].small");
        assert_eq!(&*misfit::<Every>(r#"{"kind":"THREE"}"#).reason.en, "must be one of: ONE, TWO");
        let unknown = misfit::<Every>(r#"{"more":1}"#);
        assert_eq!(&*unknown.field, "more");
        assert_eq!(&*unknown.reason.en, "is not known; there are: small, large, signed, flag, list, kind");
    }
}
