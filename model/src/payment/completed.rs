//! The fact that a payment has been debited, for whoever wants to know.
//!
//! ```json
//! {"eventId":"…","eventType":"payment.completed","eventTime":"2026-03-15T11:00:00.000Z",
//!  "payload":{"paymentId":"…","userId":"…","reservationId":"…","seatId":"seat_schedule_456_7","amount":50000,"concertScheduleId":"…"}}
//! ```

use crate::json::Object;

/// `eventType` and `ce_type` of the fact.
pub const EVENT_TYPE: &str = "payment.completed";

/// The value of a record in `payment.completed`.
#[derive(Debug, Clone, Copy)]
pub struct Completed<'a> {
    /// Names the fact for ever: made of the payment's id.
    pub event_id: &'a str,
    /// When it was decided, in ms since the epoch.
    pub time_ms: i64,
    /// Which payment.
    pub payment_id: &'a str,
    /// Who paid.
    pub user_id: &'a str,
    /// For which reservation.
    pub reservation_id: &'a str,
    /// Which seat, as [`write_seat_id`] names it.
    pub seat_id: &'a str,
    /// What was paid, in KRW.
    pub amount: i64,
    /// Of which schedule.
    pub schedule_id: &'a str,
}

/// Sets `seat_id` to how events name a seat: `seat_{scheduleId}_{seatNo}`, in every topic the same.
pub fn write_seat_id(seat_id: &mut String, schedule_id: &str, seat_no: &str) {
    seat_id.clear();
    for part in ["seat_", schedule_id, "_", seat_no] {
        seat_id.push_str(part);
    }
}

impl Completed<'_> {
    /// Appends it as JSON.
    pub fn write(&self, out: &mut Vec<u8>) {
        Object::begin(out)
            .text("eventId", self.event_id)
            .text("eventType", EVENT_TYPE)
            .time("eventTime", self.time_ms)
            .object("payload", |payload| {
                payload
                    .text("paymentId", self.payment_id)
                    .text("userId", self.user_id)
                    .text("reservationId", self.reservation_id)
                    .text("seatId", self.seat_id)
                    .integer("amount", self.amount)
                    .text("concertScheduleId", self.schedule_id)
            })
            .end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_the_seeds_envelope() {
        let mut seat_id = "another".to_owned();
        write_seat_id(&mut seat_id, "schedule_456", "7");
        let completed = Completed {
            event_id: "pay_2_1.completed",
            time_ms: 0,
            payment_id: "pay_2_1",
            user_id: "user_123",
            reservation_id: "res_2_1",
            seat_id: &seat_id,
            amount: 50_000,
            schedule_id: "schedule_456",
        };
        let mut out = Vec::new();
        completed.write(&mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            concat!(
                r#"{"eventId":"pay_2_1.completed","eventType":"payment.completed","eventTime":"1970-01-01T00:00:00.000Z","#,
                r#""payload":{"paymentId":"pay_2_1","userId":"user_123","reservationId":"res_2_1","seatId":"seat_schedule_456_7","#,
                r#""amount":50000,"concertScheduleId":"schedule_456"}}"#
            )
        );
    }
}
