//! Which fields of a command the log has refused, and what is allowed there.

use crate::http::error::FieldError;
use holdfast_model::queue::command_outcome::CommandRefusal;
use holdfast_model::queue::message::{Command, CreateQueue};

/// What a duration may be.
const DURATION: (&str, &str) =
    ("1000 이상 86400000 이하의 밀리초여야 합니다.", "must be a number of milliseconds from 1,000 to 86,400,000");
const NOTICE: (&str, &str) =
    ("0 이상 86400000 이하의 밀리초여야 합니다.", "must be a number of milliseconds from 0 to 86,400,000");
const DURATION_MS: std::ops::RangeInclusive<i64> = 1_000..=86_400_000;

/// The fields of `command` that have led to `refusal`; none if it is not about fields, or its problem names the field.
pub(super) fn of(command: &Command, refusal: CommandRefusal) -> Vec<FieldError> {
    match (command, refusal) {
        (_, CommandRefusal::BadQueueId) => vec![FieldError::new(
            "queueId",
            (
                "글자, 숫자, '.', '_', '-'로 된 64바이트 이하여야 하며 '.', '..', token, status, stream일 수 없습니다.",
                "must be letters, digits, '.', '_' and '-', at most 64 bytes, and none of '.', '..', token, status, stream",
            ),
        )],
        (_, CommandRefusal::BadGuard) => vec![FieldError::new(
            "guards",
            (
                "32개 이하여야 하며, 같은 대상을 두 번 지정할 수 없습니다.",
                "must be at most 32, each named once and with an id that can be one",
            ),
        )],
        (Command::CreateQueue(wanted), CommandRefusal::BadDuration) => of_durations(wanted),
        (Command::ChangeQueue(_), CommandRefusal::BadDuration) => vec![FieldError::new("activeMs", DURATION)],
        _ => Vec::new(),
    }
}

fn of_durations(wanted: &CreateQueue) -> Vec<FieldError> {
    let of = |field, given: Option<i64>| {
        given.filter(|ms| !DURATION_MS.contains(ms)).map(|_| FieldError::new(field, DURATION))
    };
    let notice = wanted.notice_after_ms.filter(|ms| !(0..=*DURATION_MS.end()).contains(ms));
    let durations = [
        of("activeMs", wanted.active_ms),
        of("silenceMs", wanted.silence_ms),
        of("keepMs", wanted.keep_ms),
        notice.map(|_| FieldError::new("noticeAfterMs", NOTICE)),
    ];
    durations.into_iter().flatten().collect()
}
