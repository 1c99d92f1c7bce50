//! What users that wait are told, and the message that goes on telling them.

use super::outbound::Notice;
use crate::reservation::Reservation;
use crate::shell::CommandContext;
use holdfast_engine::prelude::ProcessError;
use holdfast_model::notification::Priority;
use holdfast_model::reservation::message::{Command, Message, TellWaitlist};
use holdfast_model::reservation::row::{ReservationRow, ScheduleRow};
use holdfast_model::reservation::serial::Serial;
use holdfast_model::reservation::waitlist::EntryRow;
use holdfast_model::rfc3339;

const KIND: &str = "SEAT_OPENED";
const TITLE: &str = "예매 가능";

impl CommandContext<'_, '_, Reservation> {
    pub(super) fn send_telling(&mut self, schedule_id: &str, due_ms: i64) -> Result<(), ProcessError> {
        let tell = TellWaitlist { schedule_id: schedule_id.to_owned(), due_at: due_ms };
        let message = Message::new(format!("{schedule_id}.tell.{due_ms}"), Command::TellWaitlist(tell));
        self.send_later(due_ms, schedule_id, message)
    }

    /// A seat is free for everybody. An entry may be told again of another seat.
    pub(super) fn notify_opened(
        &mut self,
        schedule_id: &str,
        number: u64,
        entry: &EntryRow,
        schedule: &ScheduleRow,
    ) -> Result<(), ProcessError> {
        let entry_id = format!("{schedule_id}.{number}");
        self.notify(
            &entry.user_id,
            &Notice {
                id: &["evt_", &entry_id, ".opened.", &entry.told.to_string(), ".notice"],
                kind: KIND,
                priority: Priority::High,
                title: TITLE,
                message: "예약 가능한 시간입니다.",
                data: &[("scheduleId", schedule_id), ("concertTitle", &schedule.concert_title), ("entryId", &entry_id)],
            },
        )
    }

    /// A seat is held for the user until its deadline.
    pub(super) fn notify_offered(
        &mut self,
        serial: Serial,
        row: &ReservationRow,
        schedule: &ScheduleRow,
        number: u64,
    ) -> Result<(), ProcessError> {
        let id = self.reservation_id(serial);
        let (entry_id, seat_no) = (format!("{}.{number}", row.schedule_id), row.seat_no.to_string());
        let expires_at = rfc3339::to_string(row.expires_ms);
        let minutes = (self.settings.hold_ms / 60_000).max(1).to_string();
        self.notify(
            &row.user_id,
            &Notice {
                id: &["evt_", &id, ".offered.notice"],
                kind: KIND,
                priority: Priority::High,
                title: TITLE,
                message: &format!("예약 가능한 시간입니다. {minutes}분 이내에 결제해 주세요."),
                data: &[
                    ("scheduleId", &row.schedule_id),
                    ("concertTitle", &schedule.concert_title),
                    ("entryId", &entry_id),
                    ("reservationId", &id),
                    ("seatNo", &seat_no),
                    ("minutes", &minutes),
                    ("expiresAt", &expires_at),
                ],
            },
        )
    }
}
