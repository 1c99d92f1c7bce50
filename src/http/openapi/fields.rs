//! Kinds of fields that take more than one type: what is narrower in the document than in the API keeps out clients that it would serve.

use holdfast_model::id_rule::ID_BYTES_MAX;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, OneOfBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// An id.
pub(crate) enum Id {}

/// A moment.
pub(crate) enum When {}

fn integer() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
}

impl PartialSchema for Id {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(ID_BYTES_MAX));
        let both = OneOfBuilder::new().item(text).item(integer()).description(Some(
            "A text, or a whole number that stands for its digits. At most 512 bytes of UTF-8, not blank at its ends, without control characters, \
             neither `.` nor `..`.",
        ));
        both.into()
    }
}

impl ToSchema for Id {
    fn name() -> std::borrow::Cow<'static, str> {
        "Id".into()
    }
}

impl PartialSchema for When {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String).examples(["2026-03-15T20:00:00+09:00"]);
        let both = OneOfBuilder::new()
            .item(text)
            .item(integer())
            .description(Some("RFC 3339 with any offset, or ms since 1970, as a number or in digits."));
        both.into()
    }
}

impl ToSchema for When {
    fn name() -> std::borrow::Cow<'static, str> {
        "When".into()
    }
}
