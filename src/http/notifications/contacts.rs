//! How a user can be reached. A contact is appended to its own compacted topic and is kept nowhere else; erasing it appends a record without a value.
//!
//! What is shown is masked: which ways there are, and the last two digits of a number. Answers, errors and the log of the worker never repeat a contact.

use super::faults;
use crate::http::error::{ApiError, answer};
use crate::http::execute::Undecided;
use crate::http::extract::{self, Params};
use crate::http::handover::Resumed;
use crate::http::intake::{self, Asked, DECISION_MAX, Owner, Seen};
use crate::http::{Api, idempotency, openapi};
use crate::unique;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use holdfast_engine::inspect::TaskView;
use holdfast_model::notification::contact::{CONTACTS, Contact, ContactRow};
use holdfast_model::notification::{NAME, USER_CONTACTS};
use serde::Serialize;
use utoipa::ToSchema;

/// CloudEvents type of the record.
const KIND: &str = "user.contact";
/// Digits of a number that are shown.
const SHOWN_DIGITS: usize = 2;

/// How a user can be reached, masked.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MaskedContact)]
struct ContactView {
    user_id: String,
    /// Its last two digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "**********78")]
    phone: Option<String>,
    /// Its last two digits; missing = `phone` is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    kakao_phone: Option<String>,
    /// How many devices are told.
    fcm_tokens: usize,
    /// Whether the user is mentioned at Discord.
    discord: bool,
    /// Whether the user is mentioned at Slack.
    slack: bool,
}

impl ContactView {
    fn new(user_id: &str, contact: &ContactRow) -> Self {
        Self {
            user_id: user_id.to_owned(),
            phone: contact.phone.as_deref().map(masked),
            kakao_phone: contact.kakao_phone.as_deref().map(masked),
            fcm_tokens: contact.fcm_tokens.len(),
            discord: contact.discord_user_id.is_some(),
            slack: contact.slack_user_id.is_some(),
        }
    }
}

/// A number of which the end can be read. The row has been checked: it is ASCII, and longer than what is shown.
fn masked(phone: &str) -> String {
    let hidden = phone.chars().count().saturating_sub(SHOWN_DIGITS);
    phone.chars().enumerate().map(|(n, digit)| if n < hidden { '*' } else { digit }).collect()
}

/// How a user can be reached, masked. A user that has given no contact, or has erased it, has none of them.
#[utoipa::path(get, path = "/api/contacts/{userId}", tag = "notifications",
    params(("userId" = String, Path)),
    responses(
        (status = 200, description = "The ways there are", body = ContactView),
        (status = 503, description = "The place of the user is not served now", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn show(
    State(api): State<Api>,
    Params(user_id): Params<String>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let place = api.place_of(&user_id);
    let look = |view: &TaskView| {
        let row = view.get(&CONTACTS, &user_id)?.unwrap_or_default();
        Ok(answer::current(&ContactView::new(&user_id, &row)))
    };
    api.read(NAME, place, asked, None, look).await
}

/// Sets all of a user's contact: a field that is left out is erased. Setting it twice is setting it once.
#[utoipa::path(put, path = "/api/contacts/{userId}", tag = "notifications",
    params(("userId" = String, Path)),
    request_body = Contact,
    responses(
        (status = 200, description = "It is in force; masked", body = ContactView),
        (status = 202, description = "In the log, not in force within 3 s", body = Undecided<'static>),
        (status = 422, description = "A number, token or id that nobody could be reached by", body = openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was accepted, or nobody knows (`OUTCOME_UNKNOWN`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn put(
    State(api): State<Api>,
    Params(user_id): Params<String>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let contact: Contact = extract::json(&asked.headers, &asked.body)?;
    contact.check().map_err(|fault| faults::of_contact(&fault))?;
    let value = serde_json::to_vec(&contact).map_err(|_| ApiError::Internal)?;
    write(&api, asked, &user_id, Some(&value), &contact.into()).await
}

/// Erases a user's contact: nothing of it is used from now on, and compaction takes it out of the topic. What was told stays in the history, without it.
#[utoipa::path(delete, path = "/api/contacts/{userId}", tag = "notifications",
    params(("userId" = String, Path)),
    responses(
        (status = 200, description = "It is erased", body = ContactView),
        (status = 202, description = "In the log, not in force within 3 s", body = Undecided<'static>),
        (status = 503, description = "Nothing was accepted, or nobody knows (`OUTCOME_UNKNOWN`)", body = openapi::ProblemBody, content_type = "application/problem+json"),
    ))]
pub(crate) async fn erase(
    State(api): State<Api>,
    Params(user_id): Params<String>,
    asked: Asked,
) -> Result<Response, ApiError> {
    write(&api, asked, &user_id, None, &ContactRow::default()).await
}

/// Appends `value` and waits until the place of the user has taken it over, which leaves the contact as `written`.
async fn write(
    api: &Api,
    asked: Asked,
    user_id: &String,
    value: Option<&[u8]>,
    written: &ContactRow,
) -> Result<Response, ApiError> {
    let place = api.place_of(user_id);
    let view = match api.owner(NAME, place, &asked)? {
        Owner::Here(view) => view,
        Owner::There(endpoint) => return api.peers.ask(&endpoint, place, asked).await,
    };
    // A repetition sets the same again. A key that is none is refused as everywhere.
    idempotency::key(&asked.headers, None)?;
    let (id, offset) = match asked.resumed() {
        // An earlier turn has put it into the log.
        Some(Resumed { id, offset, .. }) => (id, offset),
        None => {
            let id = format!("contact_{}", unique::name(&*api.clock));
            let record = intake::Record { topic: USER_CONTACTS, place, key: user_id, value, id: &id, kind: KIND };
            let offset = api.append(&record, &asked).await?.offset;
            (id, offset)
        }
    };
    let look = || {
        let next = view.position()?.next_offset(USER_CONTACTS);
        Ok(if next.is_some_and(|next| next > offset) { Seen::Decided(true) } else { Seen::Pending(false) })
    };
    match api.watch_row(&view, &CONTACTS, user_id, DECISION_MAX, look).await {
        Ok(true) => Ok(answer::current(&ContactView::new(user_id, written))),
        Ok(false) => Ok((answer::ACCEPTED, axum::Json(Undecided::new(&id))).into_response()),
        Err(error) => Err(error.after_append(&id, place, offset)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_of_a_contact_leads_to_nobody() {
        let contact = ContactRow {
            phone: Some("+821012345678".to_owned()),
            kakao_phone: Some("+821087654321".to_owned()),
            fcm_tokens: vec!["secret-token".to_owned()],
            discord_user_id: Some("80351110224678912".to_owned()),
            slack_user_id: Some("U012AB3CD".to_owned()),
        };
        let shown = serde_json::to_value(ContactView::new("u", &contact)).unwrap();
        assert_eq!(
            shown,
            serde_json::json!({
                "userId": "u", "phone": "***********78", "kakaoPhone": "***********21", "fcmTokens": 1, "discord": true, "slack": true
            })
        );
        let nothing = serde_json::to_value(ContactView::new("u", &ContactRow::default())).unwrap();
        assert_eq!(nothing, serde_json::json!({"userId": "u", "fcmTokens": 0, "discord": false, "slack": false}));
    }
}
