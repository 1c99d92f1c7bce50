//! What is the same for all operations, added in one place: the problems that any of them may answer with, and their names.

use crate::http::handover::FOR_OPERATORS;
use utoipa::Modify;
use utoipa::openapi::path::{HttpMethod, Operation, ParameterIn};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Content, OpenApi, PathItem, Ref, RefOr, Response, ResponseBuilder};

/// A problem that operations may answer with: its status, the name of its response, what it says.
type Common = (&'static str, &'static str, &'static str);

const BAD_REQUEST: Common = (
    "400",
    "BadRequest",
    "Path, query, body, `Host` or `Idempotency-Key` cannot be read (`MALFORMED_REQUEST`, `BODY_INCOMPLETE`, `INVALID_HOST`, `INVALID_IDEMPOTENCY_KEY`)",
);
const UNAUTHORIZED: Common = ("401", "Unauthorized", "The administrator's token is missing or wrong");
const FORBIDDEN: Common = ("403", "Forbidden", "No administrator's token is set, and the request is not a local one");
const NOT_FOUND: Common = ("404", "NotFound", "There is nothing of this id");
const TIMEOUT: Common = ("408", "Timeout", "The body did not arrive in time");
const TOO_LARGE: Common = ("413", "TooLarge", "The body is larger than 1 MiB");
const UNSUPPORTED: Common = (
    "415",
    "Unsupported",
    "The body is no JSON, not in UTF-8, or compressed (`UNSUPPORTED_MEDIA_TYPE`, `UNSUPPORTED_CHARSET`, `UNSUPPORTED_CONTENT_ENCODING`)",
);
const INVALID: Common =
    ("422", "Invalid", "A value is not allowed; `errors` names the fields and what is allowed (`VALIDATION_FAILED`)");
const FAULT: Common = ("500", "Fault", "A mistake of the server");
const NOT_SERVED: Common = ("501", "NotServed", "This replica is set up not to answer this (`--role processor`)");
const UNAVAILABLE: Common = ("503", "Unavailable", "Cannot be answered now; `Retry-After` says when to ask again");

const ALL: [Common; 11] = [
    BAD_REQUEST,
    UNAUTHORIZED,
    FORBIDDEN,
    NOT_FOUND,
    TIMEOUT,
    TOO_LARGE,
    UNSUPPORTED,
    INVALID,
    FAULT,
    NOT_SERVED,
    UNAVAILABLE,
];

/// Adds what all have in common. What an operation says itself stays.
pub(super) struct CommonAnswers;

impl Modify for CommonAnswers {
    fn modify(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_with(Default::default);
        for (_, name, description) in ALL {
            components.responses.insert(name.to_owned(), RefOr::T(problem(description)));
        }
        for (path, item) in &mut document.paths.paths {
            for (method, operation) in operations(item) {
                operation.operation_id = Some(name_of(&method, path));
                for (status, name, _) in of(operation, &method, path) {
                    let response = RefOr::Ref(Ref::from_response_name(name));
                    operation.responses.responses.entry(status.to_owned()).or_insert(response);
                }
            }
        }
    }
}

fn problem(description: &str) -> Response {
    let content = Content::new(Some(Ref::from_schema_name("Problem")));
    ResponseBuilder::new().description(description).content("application/problem+json", content).build()
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (HttpMethod, &mut Operation)> {
    let each = [
        (HttpMethod::Get, &mut item.get),
        (HttpMethod::Put, &mut item.put),
        (HttpMethod::Post, &mut item.post),
        (HttpMethod::Delete, &mut item.delete),
        (HttpMethod::Patch, &mut item.patch),
    ];
    each.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// What `operation` may answer with besides what it says itself.
fn of(operation: &Operation, method: &HttpMethod, path: &str) -> Vec<Common> {
    let mut common = vec![BAD_REQUEST, FAULT];
    let takes = |place: ParameterIn| {
        let parameters = operation.parameters.iter().flatten();
        parameters
            .filter_map(|parameter| match parameter {
                RefOr::T(parameter) => Some(parameter),
                RefOr::Ref(_) => None,
            })
            .any(|parameter| parameter.parameter_in == place)
    };
    // Whatever a request is for, its body is read.
    if *method != HttpMethod::Get {
        common.extend([TIMEOUT, TOO_LARGE]);
    }
    common.push(UNSUPPORTED);
    if *method != HttpMethod::Get || takes(ParameterIn::Path) || takes(ParameterIn::Query) {
        common.push(INVALID);
    }
    if takes(ParameterIn::Path) {
        common.push(NOT_FOUND);
    }
    let security = operation.security.as_deref().unwrap_or_default();
    if !security.is_empty() {
        common.push(UNAUTHORIZED);
    }
    if security.contains(&SecurityRequirement::new::<_, [&str; 0], &str>("admin", [])) {
        common.push(FORBIDDEN);
    }
    // The rest is known to each replica.
    if !FOR_OPERATORS.contains(&path) {
        common.extend([NOT_SERVED, UNAVAILABLE]);
    }
    common
}

/// `GET /api/coupons/policies/{policyId}` is called `get_api_coupons_policies_policyId`: handlers share their names, operations must not.
fn name_of(method: &HttpMethod, path: &str) -> String {
    let method = match method {
        HttpMethod::Get => "get",
        HttpMethod::Put => "put",
        HttpMethod::Post => "post",
        HttpMethod::Delete => "delete",
        _ => "patch",
    };
    let words = path.split(['/', '{', '}', '.']).filter(|word| !word.is_empty());
    words.fold(method.to_owned(), |name, word| name + "_" + word)
}

#[cfg(test)]
mod tests {
    use crate::http::openapi::document;
    use serde_json::Value;
    use std::collections::BTreeSet;

    fn operations(document: &Value) -> Vec<(String, Value)> {
        let mut all = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                all.push((format!("{method} {path}"), operation.clone()));
            }
        }
        all
    }

    #[test]
    fn every_operation_tells_how_it_may_fail() {
        let document: Value = serde_json::from_str(&document()).unwrap();
        let operations = operations(&document);
        assert!(operations.len() > 30, "{}", operations.len());
        for (name, operation) in &operations {
            let answers = operation["responses"].as_object().unwrap();
            let mut needs = vec!["400", "500"];
            if !name.starts_with("get") {
                needs.extend(["413", "415", "422"]);
            }
            if name.contains('{') {
                needs.extend(["404", "422"]);
            }
            if operation["security"].is_array() {
                needs.push("401");
            }
            if operation["security"][0]["admin"].is_array() {
                needs.push("403");
            }
            if !name.starts_with("get /") || name.contains("/api/coupons") || name.contains("/payments") {
                needs.push("503");
            }
            for status in needs {
                assert!(answers.contains_key(status), "{name} does not tell of {status}");
            }
            for (status, answer) in answers.iter().filter(|(status, _)| status.starts_with(['4', '5'])) {
                let is_problem = answer["content"]["application/problem+json"].is_object();
                let named = answer["$ref"].as_str().and_then(|to| to.strip_prefix("#/components/responses/"));
                let is_common = named.is_some_and(|name| document["components"]["responses"][name].is_object());
                assert!(is_problem || is_common || name.contains("/health/"), "{name} {status}: {answer}");
            }
        }
    }

    #[test]
    fn operations_have_names_of_their_own() {
        let document: Value = serde_json::from_str(&document()).unwrap();
        let operations = operations(&document);
        let names: BTreeSet<_> = operations.iter().map(|(_, operation)| operation["operationId"].to_string()).collect();
        assert_eq!(names.len(), operations.len());
        assert!(names.contains("\"get_api_coupons_policies_policyId\""), "{names:?}");
    }

    /// `POST /api/coupons/users/issue` is a look at the coupons of the user `issue`, by a wrong method: no policy may be called `users`.
    #[test]
    fn no_policy_is_called_like_a_word_beside_it() {
        let document: Value = serde_json::from_str(&document()).unwrap();
        let paths: Vec<Vec<&str>> =
            document["paths"].as_object().unwrap().keys().map(|p| p.split('/').collect()).collect();
        // Ids that the worker makes have a shape of their own.
        let made_up = ["{couponId}", "{policyId}", "{concertId}", "{scheduleId}", "{userId}"];
        let mut beside = BTreeSet::new();
        for path in &paths {
            for (at, segment) in
                path.iter().enumerate().filter(|(at, segment)| made_up.contains(segment) && *at + 1 < path.len())
            {
                let siblings = paths.iter().filter(|other| other.len() > at + 1 && other[..at] == path[..at]);
                beside.extend(siblings.map(|other| (*segment, other[at])).filter(|(_, word)| !word.starts_with('{')));
            }
        }
        let reserved = holdfast_topologies::coupon::decide::RESERVED_POLICY_IDS.map(|word| ("{couponId}", word));
        assert_eq!(beside, BTreeSet::from(reserved));
    }
}
