//! Why a command was not done, and what to answer.

use crate::guard::QUEUE_NOT_ACTIVE;
use crate::problem::{self, Class, Problem};
use serde::{Deserialize, Serialize};

/// What became of a command, named by what to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// It is done, by this command or by an earlier one that wished the same. A granted payment is under way.
    Success,
    /// It makes no sense.
    ValidationFailed,
    /// What it speaks of does not exist.
    NotFound,
    /// What it speaks of is in no state for it.
    Conflict,
    /// Too late.
    Gone,
    /// It could not be processed although it was tried again.
    SystemError,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Success, Self::ValidationFailed, Self::NotFound, Self::Conflict, Self::Gone, Self::SystemError];

    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::ValidationFailed => "VALIDATION_FAILED",
            Self::NotFound => "NOT_FOUND",
            Self::Conflict => "CONFLICT",
            Self::Gone => "GONE",
            Self::SystemError => "SYSTEM_ERROR",
        }
    }
}

/// Why a command was not done. Kept in rows by its number: new reasons go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Refusal {
    /// An id of a concert, a schedule or a user that is blank, too long, or has signs that no id should have.
    BadId,
    /// Blank or too long.
    BadTitle,
    /// A time that cannot be read.
    BadTime,
    /// The sale ends before it begins.
    BadWindow,
    /// No seats, too many, a number twice, or a price that is none.
    BadSeats,
    /// A limit that is not positive.
    BadLimit,
    /// Another concert has this id.
    ConcertExists,
    /// Another schedule has this id.
    ScheduleExists,
    /// Nobody has created the schedule.
    UnknownSchedule,
    /// The schedule has no such seat.
    UnknownSeat,
    /// The user id is blank.
    NoUser,
    /// Before the sale, or after it.
    NotOnSale,
    /// The schedule has been cancelled.
    ScheduleCancelled,
    /// Somebody has the seat.
    SeatTaken,
    /// He would have more seats than one may have.
    TooManySeats,
    /// There is no such reservation, or it is somebody else's: an id that was guessed tells nothing.
    UnknownReservation,
    /// The deadline has come.
    ReservationExpired,
    /// It has been given back.
    ReservationCancelled,
    /// The wallet is deciding: nothing else may happen to it now.
    PaymentUnderWay,
    /// Another payment is under way or done.
    PaymentConflict,
    /// A payment id of another shape, or of another place than the reservation's.
    BadPaymentId,
    /// What is offered is not what is owed.
    AmountMismatch,
    /// Coupons could not be used for seats once: nothing is refused for it any more.
    CouponNotSupported,
    /// It is paid: it can be cancelled, not released.
    AlreadyConfirmed,
    /// The show has begun.
    TooLateToCancel,
    /// Holds are not extended here, or this one has been extended often enough.
    NotExtendable,
    /// Given up after all attempts.
    System,
    /// A coupon id of another shape, or of a place that does not exist.
    UnknownCoupon,
    /// The show has begun: nobody could give it back any more.
    ShowBegun,
    /// The sale begins or ends after the show has begun.
    SaleAfterShow,
    /// A queue guards the schedule, and has not let the user in, or not for as long as this.
    NotAdmitted,
    /// There are seats: nobody need wait for one.
    SeatsAvailable,
    /// The user is not on the waitlist.
    NotWaiting,
    /// A seat is held for the user, who is off the list by it.
    OfferOpen,
    /// A policy of the waitlist that there is not, or nobody to be told.
    BadWaitlist,
}

problem::table! { Refusal
    BadId => Problem::invalid("INVALID_ID", "ID가 올바르지 않습니다", "The id is not valid.");
    BadTitle => Problem::invalid("INVALID_TITLE", "공연 이름이 올바르지 않습니다", "The title is not valid.");
    BadTime => problem::INVALID_TIME;
    BadWindow => Problem::invalid("INVALID_WINDOW", "판매 시작 시간은 종료 시간보다 이전이어야 합니다", "The window must begin before it ends.");
    BadSeats => Problem::invalid("INVALID_SEATS", "좌석 정보가 올바르지 않습니다", "The seats are not valid.");
    BadLimit => Problem::invalid("INVALID_LIMIT", "예매 한도가 올바르지 않습니다", "A limit is not valid.");
    ConcertExists => Problem::conflict("CONCERT_ALREADY_EXISTS", "이미 존재하는 공연입니다", "Another concert has this id.");
    ScheduleExists => Problem::conflict("SCHEDULE_ALREADY_EXISTS", "이미 존재하는 회차입니다", "Another schedule has this id.");
    UnknownSchedule => Problem::not_found("SCHEDULE_NOT_FOUND", "회차를 찾을 수 없습니다", "There is no such schedule.");
    UnknownSeat => Problem::not_found("SEAT_NOT_FOUND", "좌석을 찾을 수 없습니다", "There is no such seat.");
    NoUser => problem::USER_ID_REQUIRED;
    NotOnSale => Problem::conflict("OUTSIDE_SALE_WINDOW", "예매 가능 시간이 아닙니다", "The schedule is not on sale at this time.");
    ScheduleCancelled => Problem::gone("SCHEDULE_CANCELLED", "취소된 회차입니다", "The schedule has been cancelled.");
    SeatTaken => Problem::conflict("SEAT_ALREADY_RESERVED", "이미 예약된 좌석입니다", "The seat is taken.");
    TooManySeats => Problem::conflict("SEAT_LIMIT_EXCEEDED", "1인당 예매 가능한 좌석 수를 초과했습니다", "This user may not have more seats.");
    UnknownReservation => Problem::not_found("RESERVATION_NOT_FOUND", "예약을 찾을 수 없습니다", "There is no such reservation.");
    ReservationExpired => Problem::gone("RESERVATION_EXPIRED", "예약이 만료되었습니다", "The reservation has expired.");
    ReservationCancelled => Problem::gone("RESERVATION_CANCELLED", "취소된 예약입니다", "The reservation has been cancelled.");
    PaymentUnderWay => Problem::conflict("PAYMENT_IN_PROGRESS", "결제가 진행 중입니다", "A payment is in progress.");
    PaymentConflict => Problem::conflict("PAYMENT_CONFLICT", "이미 결제가 진행 중이거나 완료된 예약입니다", "Another payment of this reservation is in progress or done.");
    BadPaymentId => Problem::invalid("INVALID_PAYMENT_ID", "결제 ID가 올바르지 않습니다", "The payment id is not valid.");
    AmountMismatch => Problem::invalid("AMOUNT_MISMATCH", "결제 금액이 일치하지 않습니다", "The amount is not what is owed.")
        .about("amount", "결제할 금액과 같아야 합니다.", "must be what is owed");
    CouponNotSupported => Problem::invalid("COUPON_NOT_SUPPORTED", "좌석 결제에는 쿠폰을 사용할 수 없습니다", "Coupons cannot be used for seats.");
    AlreadyConfirmed => Problem::conflict("RESERVATION_ALREADY_CONFIRMED", "이미 확정된 예약입니다", "The reservation is confirmed already.");
    TooLateToCancel => Problem::conflict("CANCEL_TOO_LATE", "공연이 시작되어 취소할 수 없습니다", "The show has begun, so the reservation cannot be cancelled.");
    NotExtendable => Problem::conflict("HOLD_NOT_EXTENDABLE", "예약 시간을 연장할 수 없습니다", "The hold cannot be extended.");
    System => problem::SYSTEM_ERROR;
    UnknownCoupon => Problem::not_found("COUPON_NOT_FOUND", "쿠폰을 찾을 수 없습니다", "There is no such coupon.");
    ShowBegun => Problem::gone("SHOW_ALREADY_STARTED", "이미 시작된 공연입니다", "The show has begun, so its seats are not sold any more.");
    SaleAfterShow => Problem::invalid("SALE_AFTER_SHOW_START", "판매 기간은 공연 시작 시간까지만 가능합니다", "The sale must end before the show begins.");
    NotAdmitted => QUEUE_NOT_ACTIVE;
    SeatsAvailable => Problem::conflict("SEATS_AVAILABLE", "예매 가능한 좌석이 있습니다", "There are seats that can be reserved now.");
    NotWaiting => Problem::not_found("WAITLIST_ENTRY_NOT_FOUND", "대기 명단에 없습니다", "The user is not on the waitlist.");
    OfferOpen => Problem::conflict("WAITLIST_OFFER_OPEN", "대기 순서가 되어 좌석이 배정되어 있습니다", "A seat is held for this user, so there is nothing to leave; the reservation can be given back.");
    BadWaitlist => Problem::invalid("INVALID_WAITLIST", "대기 명단 설정이 올바르지 않습니다", "The settings of the waitlist are not valid.");
}

/// No concert has this id.
pub const CONCERT_NOT_FOUND: Problem =
    Problem::not_found("CONCERT_NOT_FOUND", "공연을 찾을 수 없습니다.", "There is no such concert.")
        .titled("없는 공연", "No such concert");

/// No payment has this id, or it is another user's.
pub const PAYMENT_NOT_FOUND: Problem =
    Problem::not_found("PAYMENT_NOT_FOUND", "결제 내역을 찾을 수 없습니다.", "There is no such payment.")
        .titled("없는 결제", "No such payment");

/// A payment has failed for a reason without a code of its own.
pub const PAYMENT_REFUSED: Problem =
    Problem::conflict("PAYMENT_REFUSED", "결제가 거절되었습니다.", "The payment was refused.");

impl Refusal {
    /// What to answer.
    #[must_use]
    pub fn status(self) -> Status {
        match self.problem().class {
            Class::Invalid => Status::ValidationFailed,
            Class::NotFound => Status::NotFound,
            Class::Conflict | Class::Unpaid | Class::Forbidden => Status::Conflict,
            Class::Gone => Status::Gone,
            Class::Fault => Status::SystemError,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_distinct_and_stand_in_their_order() {
        assert_eq!(Refusal::ALL.iter().map(|r| r.code()).collect::<BTreeSet<_>>().len(), Refusal::ALL.len());
        assert!(Refusal::ALL.is_sorted());
    }

    #[test]
    fn each_refusal_has_the_answer_of_the_page() {
        for (refusal, http_status, code) in [
            (Refusal::SeatTaken, 409, "SEAT_ALREADY_RESERVED"),
            (Refusal::UnknownSeat, 404, "SEAT_NOT_FOUND"),
            (Refusal::ReservationExpired, 410, "RESERVATION_EXPIRED"),
            (Refusal::AmountMismatch, 422, "AMOUNT_MISMATCH"),
            (Refusal::System, 500, "SYSTEM_ERROR"),
            (Refusal::NotAdmitted, 403, "QUEUE_NOT_ACTIVE"),
        ] {
            assert_eq!((refusal.problem().class.http_status(), refusal.code()), (http_status, code));
        }
    }
}
