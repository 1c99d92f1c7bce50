//! Shapes for the OpenAPI document that no derive can see: fields that take more than one type, and texts of which there are only some. What is narrower in
//! the document than in the API keeps out clients that it would serve.

use crate::id_rule::ID_BYTES_MAX;
use crate::wire::{Id, When};
use utoipa::openapi::schema::{KnownFormat, Object, ObjectBuilder, OneOfBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A text that is one of `values`.
#[must_use]
pub fn one_of(values: impl IntoIterator<Item = &'static str>) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(values)).build()
}

/// What `schema` shows, or null: a field of a request that may be missing may be null as well.
#[must_use]
pub fn or_null(schema: Object) -> Schema {
    OneOfBuilder::new().item(schema).item(ObjectBuilder::new().schema_type(Type::Null)).build().into()
}

fn integer() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
}

impl PartialSchema for Id<'_> {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(ID_BYTES_MAX));
        let both = OneOfBuilder::new().item(text).item(integer()).description(Some(
            "A text, or a whole number that stands for its digits. At most 512 bytes of UTF-8, not blank at its ends, without control characters, \
             neither `.` nor `..`.",
        ));
        both.into()
    }
}

impl ToSchema for Id<'_> {
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
