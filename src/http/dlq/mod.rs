//! Dead letters for admins: listed, shown and put back. Reading and writing wait for the log, so they are done beside the threads that serve requests.

mod filter;
mod jobs;
mod list;
mod operator;
pub mod outcome;
mod redrive;
mod show;

pub use jobs::Jobs;
pub(super) use list::{__path_list, list};
pub(super) use redrive::{__path_look, __path_redrive, __path_stop, look, redrive, stop};
pub(super) use show::{__path_show, show};

use super::Api;
use super::error::ApiError;
use crate::dead_letters::{DeadLetters, LetterId, NoSuch, Trouble};
use std::borrow::Cow;

/// Does `work` beside the threads that serve requests.
async fn beside<T: Send + 'static>(
    api: &Api,
    work: impl FnOnce(&DeadLetters) -> Result<T, Trouble> + Send + 'static,
) -> Result<T, ApiError> {
    if !api.log_is_up() {
        return Err(ApiError::LogUnavailable);
    }
    let letters = api.dead_letters.clone();
    match tokio::task::spawn_blocking(move || work(&letters)).await {
        Ok(done) => done.map_err(problem),
        Err(error) => {
            tracing::error!(%error, "dead letters");
            Err(ApiError::Internal)
        }
    }
}

/// What is answered when letters could not be shown or put back.
fn problem(trouble: Trouble) -> ApiError {
    match trouble {
        Trouble::NoSuch(no_such) => names_nothing(no_such),
        Trouble::Log(error) => {
            tracing::warn!(error, "dead letters");
            ApiError::LogUnavailable
        }
    }
}

/// A filter that names nothing: an empty answer would look like one without letters.
fn names_nothing(no_such: NoSuch) -> ApiError {
    let among = |field: &'static str, ko: &str, en: &str, known: Vec<String>| {
        let known = known.join(", ");
        ApiError::field(field, (format!("{ko} 사용할 수 있는 값: {known}"), format!("{en}; there are: {known}")))
    };
    match no_such {
        NoSuch::Topology { known, .. } => among("topology", "없는 토폴로지입니다.", "there is no such topology", known),
        NoSuch::Topic { known, .. } => among("topic", "없는 토픽입니다.", "no dead letter can have this topic", known),
        NoSuch::Reason { known, .. } => {
            among("reason", "이 사유의 데드레터가 없습니다.", "no dead letter has this reason", known)
        }
        NoSuch::Place { places, .. } => {
            let last = places.saturating_sub(1);
            ApiError::field("place", (format!("0 이상 {last} 이하여야 합니다."), format!("must be from 0 to {last}")))
        }
    }
}

/// Reads the name of a letter.
fn letter_id(id: &str, field: impl Into<Cow<'static, str>>) -> Result<LetterId, ApiError> {
    LetterId::parse(id).ok_or_else(|| {
        ApiError::field(
            field,
            (
                "데드레터 이름 형식이어야 합니다: <topic>-<partition>-<offset>",
                "must be the name of a dead letter: <topic>-<partition>-<offset>",
            ),
        )
    })
}
