//! What is sent. The id of each event is made of the reservation and of what happened to it, so a replay sends the same.

use crate::reservation::Reservation;
use crate::reservation::sinks;
use crate::shell::{CommandContext, Event};
use holdfast_engine::prelude::{Output, ProcessError, Sink};
use holdfast_model::notification::{self, NotificationRequest, Priority};
use holdfast_model::reservation::facts::{
    At, Confirmed, Deadline, Debit, DiscountFact, EXPIRATION, Ranked, RefundRequest, SeatsExpired,
};
use holdfast_model::reservation::ids;
use holdfast_model::reservation::message::{CancelNext, Command, Expire, Message, Sweep};
use holdfast_model::reservation::row::{Refund, ReservationRow, ScheduleRow, SweepRow};
use holdfast_model::reservation::serial::Serial;
use holdfast_model::reservation::state::State;
use holdfast_model::rfc3339;
use holdfast_model::wire::When;
use serde_json::Value;

/// Why money goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// He wished it.
    Customer,
    /// The show does not take place.
    Schedule,
    /// It came when there was nothing left to pay for.
    NotConfirmed,
}

impl Cause {
    fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "CANCELLED",
            Self::Schedule => "SCHEDULE_CANCELLED",
            Self::NotConfirmed => "NOT_CONFIRMED",
        }
    }
}

/// What a wallet shall pay.
pub(super) struct Owed<'a> {
    /// Under this id.
    pub(super) payment_id: &'a str,
    /// KRW.
    pub(super) amount: u64,
    /// What a coupon has taken off.
    pub(super) discount: Option<DiscountFact<'a>>,
}

/// A notice on its way out.
pub(super) struct Notice<'a> {
    /// Id of its event, in parts.
    pub(super) id: &'a [&'a str],
    pub(super) kind: &'a str,
    pub(super) priority: Priority,
    pub(super) title: &'a str,
    pub(super) message: &'a str,
    pub(super) data: &'a [(&'a str, &'a str)],
}

impl CommandContext<'_, '_, Reservation> {
    pub(super) fn send_deadline(&mut self, serial: Serial, row: &ReservationRow) -> Result<(), ProcessError> {
        let id = self.reservation_id(serial);
        // Each extension has a deadline of its own.
        let nth = if row.extensions > 0 { format!(".{}", row.extensions) } else { String::new() };
        let event = Event {
            id: &["evt_", &id, ".expiration", &nth],
            kind: EXPIRATION,
            to: &sinks::EXPIRATIONS,
            // Placed with its schedule, whatever the key: so the deadline is kept where the decision is.
            place: Some(self.ctx.place()),
            key: &id,
        };
        let now_ms = self.ctx.now_ms();
        self.events.send(self.ctx, &event, |event_id, value| {
            Deadline {
                event_id,
                reservation_id: &id,
                user_id: &row.user_id,
                seat_id: &ids::seat(&row.schedule_id, row.seat_no),
                expires_at: At(row.expires_ms),
                schedule_id: &row.schedule_id,
                seat_no: row.seat_no,
                occurred_at: At(now_ms),
            }
            .write(value);
        })
    }

    /// Asks for the deadline again when a clock that is ahead shows `due_ms`.
    pub(super) fn ask_again(&mut self, id: &str, row: &ReservationRow, due_ms: i64) -> Result<(), ProcessError> {
        let expires_at = Some(When::from_ms(row.expires_ms));
        let expire = Expire { reservation_id: id.to_owned(), expires_at, due_at: Some(due_ms) };
        self.send_later(
            due_ms,
            &row.schedule_id,
            Message::new(format!("{id}.expire.{due_ms}"), Command::Expire(expire)),
        )
    }

    pub(super) fn send_next_step(&mut self, schedule_id: &str, step: u64) -> Result<(), ProcessError> {
        let due_ms = self.ctx.now_ms().saturating_add(self.settings.cancel_pause_ms);
        let next = CancelNext { schedule_id: schedule_id.to_owned(), step };
        let message = Message::new(format!("{schedule_id}.cancel.{step}"), Command::CancelNext(next));
        self.send_later(due_ms, schedule_id, message)
    }

    pub(super) fn send_sweep(&mut self, schedule_id: &str, sweep: SweepRow) -> Result<(), ProcessError> {
        let SweepRow { due_ms, from_seat } = sweep;
        let command = Sweep { schedule_id: schedule_id.to_owned(), due_at: due_ms, from_seat };
        let message = Message::new(format!("{schedule_id}.sweep.{due_ms}"), Command::Sweep(command));
        self.send_later(due_ms, schedule_id, message)
    }

    pub(super) fn send_later(&mut self, due_ms: i64, key: &str, message: Message) -> Result<(), ProcessError> {
        let value = message.to_json();
        let (to, place) = (Sink::inbox(), Some(self.ctx.place()));
        let output = Output { to, place, key: Some(key.as_bytes()), value: Some(&value), headers: &[] };
        self.ctx.send_at(due_ms, &output).map(|_| ())
    }

    pub(super) fn send_expired(&mut self, serial: Serial, row: &ReservationRow) -> Result<(), ProcessError> {
        let id = self.reservation_id(serial);
        let event = Event {
            id: &["evt_", &id, ".expired"],
            kind: "seats.expired",
            to: &sinks::SEATS_EXPIRED,
            place: None,
            key: &row.schedule_id,
        };
        self.events.send(self.ctx, &event, |event_id, value| {
            SeatsExpired {
                event_id,
                seat_id: &ids::seat(&row.schedule_id, row.seat_no),
                schedule_id: &row.schedule_id,
                expired_at: At(row.changed_ms),
                expires_at: At(row.expires_ms),
                reservation_id: &id,
                user_id: &row.user_id,
                seat_no: row.seat_no,
            }
            .write(value);
        })
    }

    pub(super) fn send_confirmed(
        &mut self,
        serial: Serial,
        row: &ReservationRow,
        payment_id: &str,
        amount: u64,
        schedule: &ScheduleRow,
    ) -> Result<(), ProcessError> {
        let id = self.reservation_id(serial);
        let event = Event {
            id: &["evt_", &id, ".confirmed"],
            kind: "reservation.confirmed",
            to: &sinks::CONFIRMED,
            place: None,
            key: &id,
        };
        let fact = Confirmed {
            reservation_id: &id,
            user_id: &row.user_id,
            schedule_id: &row.schedule_id,
            seat_no: row.seat_no,
            amount,
            payment_id,
            concert_title: &schedule.concert_title,
            confirmed_at: At(row.changed_ms),
        };
        self.events.send_json(self.ctx, &event, &fact)
    }

    pub(super) fn send_ranking(
        &mut self,
        serial: Serial,
        row: &ReservationRow,
        payment_id: &str,
        schedule: &ScheduleRow,
        is_sale: bool,
    ) -> Result<(), ProcessError> {
        let id = self.reservation_id(serial);
        let (kind, what) = if is_sale { ("SEAT_SOLD", "sold") } else { ("SEAT_RETURNED", "returned") };
        let event_id = ["evt_", &id, ".", what].concat();
        let event =
            Event { id: &[&event_id], kind: "ranking.event", to: &sinks::RANKING, place: None, key: &row.schedule_id };
        let fact = Ranked {
            event_id: &event_id,
            kind,
            schedule_id: &row.schedule_id,
            concert_id: schedule.concert_id.as_deref(),
            concert_title: &schedule.concert_title,
            reservation_id: &id,
            payment_id,
            reserved: schedule.reserved,
            capacity: schedule.capacity,
            sale_start: schedule.sale_starts_ms.map(At),
            occurred_at: At(row.changed_ms),
        };
        self.events.send_json(self.ctx, &event, &fact)
    }

    pub(super) fn send_debit(
        &mut self,
        serial: Serial,
        row: &ReservationRow,
        owed: &Owed<'_>,
        schedule: &ScheduleRow,
        requested_at: Option<&Value>,
    ) -> Result<(), ProcessError> {
        let payment_id = owed.payment_id;
        let fact = Debit {
            kind: "debit",
            request_id: payment_id,
            payment_id,
            reservation_id: &self.reservation_id(serial),
            schedule_id: &row.schedule_id,
            user_id: &row.user_id,
            seat_no: row.seat_no,
            price: row.price,
            amount: owed.amount,
            discount: owed.discount,
            reply_place: self.ctx.place(),
            concert_title: &schedule.concert_title,
            requested_at,
        };
        let event = Event {
            id: &[payment_id, ".debit"],
            kind: "payment.debit",
            to: &sinks::PAYMENTS,
            place: None,
            key: &row.user_id,
        };
        self.events.send_json(self.ctx, &event, &fact)
    }

    pub(super) fn send_refund(
        &mut self,
        serial: Serial,
        payment_id: &str,
        row: &ReservationRow,
        refund: Refund,
        cause: Cause,
    ) -> Result<(), ProcessError> {
        let request_id = ids::refund(payment_id);
        let fact = RefundRequest {
            kind: "refund",
            request_id: &request_id,
            payment_id,
            reservation_id: &self.reservation_id(serial),
            user_id: &row.user_id,
            refund,
            reason: cause.as_str(),
            reply_place: self.ctx.place(),
        };
        let event =
            Event { id: &[&request_id], kind: "payment.refund", to: &sinks::PAYMENTS, place: None, key: &row.user_id };
        self.events.send_json(self.ctx, &event, &fact)
    }

    /// Only where the shop wants it: there is one for each hold.
    pub(super) fn notify_held(
        &mut self,
        serial: Serial,
        row: &ReservationRow,
        schedule: &ScheduleRow,
    ) -> Result<(), ProcessError> {
        let id = self.reservation_id(serial);
        let minutes = (self.settings.hold_ms / 60_000).max(1).to_string();
        let expires_at = rfc3339::to_string(row.expires_ms);
        self.notify(
            &row.user_id,
            &Notice {
                id: &["evt_", &id, ".held.notice"],
                kind: "RESERVATION_HELD",
                priority: Priority::Medium,
                title: "좌석 선점",
                message: &format!("{minutes}분 이내에 결제해 주세요. 좌석이 임시 배정되었습니다."),
                data: &[
                    ("reservationId", &id),
                    ("concertTitle", &schedule.concert_title),
                    ("minutes", &minutes),
                    ("expiresAt", &expires_at),
                ],
            },
        )
    }

    pub(super) fn notify_expired(
        &mut self,
        serial: Serial,
        row: &ReservationRow,
        schedule: &ScheduleRow,
    ) -> Result<(), ProcessError> {
        let id = self.reservation_id(serial);
        // The seeds' text names the seeds' five minutes; with another hold time it names that.
        let minutes = (self.settings.hold_ms / 60_000).max(1);
        self.notify(
            &row.user_id,
            &Notice {
                id: &["evt_", &id, ".expired.notice"],
                kind: "RESERVATION_EXPIRED",
                priority: Priority::Medium,
                title: "예약 만료",
                message: &format!("{minutes}분 이내 결제하지 않아 예약이 만료되었습니다."),
                data: &[("reservationId", &id), ("concertTitle", &schedule.concert_title)],
            },
        )
    }

    pub(super) fn notify_confirmed(
        &mut self,
        serial: Serial,
        row: &ReservationRow,
        schedule: &ScheduleRow,
    ) -> Result<(), ProcessError> {
        let id = self.reservation_id(serial);
        let date = date_of(schedule);
        let mut data = vec![("reservationId", &*id), ("concertTitle", &*schedule.concert_title)];
        data.extend(date.as_deref().map(|date| ("concertDate", date)));
        self.notify(
            &row.user_id,
            &Notice {
                id: &["evt_", &id, ".confirmed.notice"],
                kind: "PAYMENT_CONFIRMED",
                priority: Priority::High,
                title: "결제 완료",
                message: &format!("{} 예약이 확정되었습니다.", schedule.concert_title),
                data: &data,
            },
        )
    }

    pub(super) fn notify_cancelled(
        &mut self,
        serial: Serial,
        row: &ReservationRow,
        schedule: &ScheduleRow,
    ) -> Result<(), ProcessError> {
        let id = self.reservation_id(serial);
        self.notify(
            &row.user_id,
            &Notice {
                id: &["evt_", &id, ".cancelled.notice"],
                kind: "RESERVATION_CANCELLED",
                priority: Priority::High,
                title: "공연 취소",
                message: &format!("{} 공연이 취소되어 예약이 취소되었습니다.", schedule.concert_title),
                data: &[("reservationId", &id), ("concertTitle", &schedule.concert_title)],
            },
        )
    }

    pub(super) fn notify_refunded(
        &mut self,
        serial: Serial,
        row: &ReservationRow,
        refund: Refund,
        title: &str,
    ) -> Result<(), ProcessError> {
        let id = self.reservation_id(serial);
        let (amount, fee) = (refund.amount.to_string(), refund.fee.to_string());
        // Money may come back to somebody who has his seat still.
        let cause = if row.state == State::Refunded { "예약이 취소되어 " } else { "" };
        self.notify(
            &row.user_id,
            &Notice {
                id: &["evt_", &id, ".refunded.notice"],
                kind: "REFUNDED",
                priority: Priority::High,
                title: "환불 완료",
                message: &format!("{title} {cause}{amount}원이 환불되었습니다."),
                data: &[("reservationId", &id), ("concertTitle", title), ("amount", &amount), ("fee", &fee)],
            },
        )
    }

    /// Nothing is asked of him: an operator has the refund among the dead letters, or in the payment's row.
    pub(super) fn notify_refund_failed(
        &mut self,
        serial: Serial,
        row: &ReservationRow,
        title: &str,
    ) -> Result<(), ProcessError> {
        let id = self.reservation_id(serial);
        self.notify(
            &row.user_id,
            &Notice {
                id: &["evt_", &id, ".refund-failed.notice"],
                kind: "REFUND_FAILED",
                priority: Priority::High,
                title: "환불 지연",
                message: &format!("{title} 환불이 지연되고 있습니다. 확인 후 처리해 드리겠습니다."),
                data: &[("reservationId", &id), ("concertTitle", title)],
            },
        )
    }

    pub(super) fn notify(&mut self, user_id: &str, notice: &Notice<'_>) -> Result<(), ProcessError> {
        let event = Event {
            id: notice.id,
            kind: notification::EVENT_TYPE,
            to: &sinks::NOTIFICATIONS,
            place: None,
            key: user_id,
        };
        let time_ms = self.ctx.now_ms();
        self.events.send(self.ctx, &event, |event_id, value| {
            NotificationRequest {
                event_id,
                time_ms,
                user_id,
                kind: notice.kind,
                priority: notice.priority,
                title: notice.title,
                message: notice.message,
                data: notice.data,
            }
            .write(value);
        })
    }
}

/// The day of a show, as notices say it.
fn date_of(schedule: &ScheduleRow) -> Option<String> {
    /// Korean time is 9 hours ahead, all year.
    const KST_MS: i64 = 9 * 60 * 60 * 1_000;
    schedule.date.clone().or_else(|| {
        let starts_ms = schedule.starts_ms?;
        rfc3339::format(starts_ms.saturating_add(KST_MS)).as_str().get(..10).map(str::to_owned)
    })
}
