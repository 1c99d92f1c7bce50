//! Why a command was not done, and what to answer.

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
}

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 30] = [
        Self::BadId,
        Self::BadTitle,
        Self::BadTime,
        Self::BadWindow,
        Self::BadSeats,
        Self::BadLimit,
        Self::ConcertExists,
        Self::ScheduleExists,
        Self::UnknownSchedule,
        Self::UnknownSeat,
        Self::NoUser,
        Self::NotOnSale,
        Self::ScheduleCancelled,
        Self::SeatTaken,
        Self::TooManySeats,
        Self::UnknownReservation,
        Self::ReservationExpired,
        Self::ReservationCancelled,
        Self::PaymentUnderWay,
        Self::PaymentConflict,
        Self::BadPaymentId,
        Self::AmountMismatch,
        Self::CouponNotSupported,
        Self::AlreadyConfirmed,
        Self::TooLateToCancel,
        Self::NotExtendable,
        Self::System,
        Self::UnknownCoupon,
        Self::ShowBegun,
        Self::SaleAfterShow,
    ];

    /// What to answer.
    #[must_use]
    pub fn status(self) -> Status {
        match self {
            Self::BadId
            | Self::BadTitle
            | Self::BadTime
            | Self::BadWindow
            | Self::BadSeats
            | Self::BadLimit
            | Self::NoUser
            | Self::BadPaymentId
            | Self::AmountMismatch
            | Self::CouponNotSupported
            | Self::SaleAfterShow => Status::ValidationFailed,
            Self::UnknownSchedule | Self::UnknownSeat | Self::UnknownReservation | Self::UnknownCoupon => {
                Status::NotFound
            }
            Self::ConcertExists
            | Self::ScheduleExists
            | Self::NotOnSale
            | Self::SeatTaken
            | Self::TooManySeats
            | Self::PaymentUnderWay
            | Self::PaymentConflict
            | Self::AlreadyConfirmed
            | Self::TooLateToCancel
            | Self::NotExtendable => Status::Conflict,
            Self::ScheduleCancelled | Self::ReservationExpired | Self::ReservationCancelled | Self::ShowBegun => {
                Status::Gone
            }
            Self::System => Status::SystemError,
        }
    }

    /// For machines: stable.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::BadId => "INVALID_ID",
            Self::BadTitle => "INVALID_TITLE",
            Self::BadTime => "INVALID_TIME",
            Self::BadWindow => "INVALID_WINDOW",
            Self::BadSeats => "INVALID_SEATS",
            Self::BadLimit => "INVALID_LIMIT",
            Self::ConcertExists => "CONCERT_ALREADY_EXISTS",
            Self::ScheduleExists => "SCHEDULE_ALREADY_EXISTS",
            Self::UnknownSchedule => "SCHEDULE_NOT_FOUND",
            Self::UnknownSeat => "SEAT_NOT_FOUND",
            Self::NoUser => "USER_ID_REQUIRED",
            Self::NotOnSale => "OUTSIDE_SALE_WINDOW",
            Self::ScheduleCancelled => "SCHEDULE_CANCELLED",
            Self::SeatTaken => "SEAT_ALREADY_RESERVED",
            Self::TooManySeats => "SEAT_LIMIT_EXCEEDED",
            Self::UnknownReservation => "RESERVATION_NOT_FOUND",
            Self::ReservationExpired => "RESERVATION_EXPIRED",
            Self::ReservationCancelled => "RESERVATION_CANCELLED",
            Self::PaymentUnderWay => "PAYMENT_IN_PROGRESS",
            Self::PaymentConflict => "PAYMENT_CONFLICT",
            Self::BadPaymentId => "INVALID_PAYMENT_ID",
            Self::AmountMismatch => "AMOUNT_MISMATCH",
            Self::CouponNotSupported => "COUPON_NOT_SUPPORTED",
            Self::AlreadyConfirmed => "RESERVATION_ALREADY_CONFIRMED",
            Self::TooLateToCancel => "CANCEL_TOO_LATE",
            Self::NotExtendable => "HOLD_NOT_EXTENDABLE",
            Self::System => "SYSTEM_ERROR",
            Self::UnknownCoupon => "COUPON_NOT_FOUND",
            Self::ShowBegun => "SHOW_ALREADY_STARTED",
            Self::SaleAfterShow => "SALE_AFTER_SHOW_START",
        }
    }

    /// For people.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::BadId => "ID가 올바르지 않습니다",
            Self::BadTitle => "공연 이름이 올바르지 않습니다",
            Self::BadTime => "시간 형식이 올바르지 않습니다",
            Self::BadWindow => "판매 시작 시간은 종료 시간보다 이전이어야 합니다",
            Self::BadSeats => "좌석 정보가 올바르지 않습니다",
            Self::BadLimit => "예매 한도가 올바르지 않습니다",
            Self::ConcertExists => "이미 존재하는 공연입니다",
            Self::ScheduleExists => "이미 존재하는 회차입니다",
            Self::UnknownSchedule => "회차를 찾을 수 없습니다",
            Self::UnknownSeat => "좌석을 찾을 수 없습니다",
            Self::NoUser => "사용자 ID가 필요합니다",
            Self::NotOnSale => "예매 가능 시간이 아닙니다",
            Self::ScheduleCancelled => "취소된 회차입니다",
            Self::SeatTaken => "이미 예약된 좌석입니다",
            Self::TooManySeats => "1인당 예매 가능한 좌석 수를 초과했습니다",
            Self::UnknownReservation => "예약을 찾을 수 없습니다",
            Self::ReservationExpired => "예약이 만료되었습니다",
            Self::ReservationCancelled => "취소된 예약입니다",
            Self::PaymentUnderWay => "결제가 진행 중입니다",
            Self::PaymentConflict => "이미 결제가 진행 중이거나 완료된 예약입니다",
            Self::BadPaymentId => "결제 ID가 올바르지 않습니다",
            Self::AmountMismatch => "결제 금액이 일치하지 않습니다",
            Self::CouponNotSupported => "좌석 결제에는 쿠폰을 사용할 수 없습니다",
            Self::AlreadyConfirmed => "이미 확정된 예약입니다",
            Self::TooLateToCancel => "공연이 시작되어 취소할 수 없습니다",
            Self::NotExtendable => "예약 시간을 연장할 수 없습니다",
            Self::System => "일시적인 오류로 요청을 처리하지 못했습니다",
            Self::UnknownCoupon => "쿠폰을 찾을 수 없습니다",
            Self::ShowBegun => "이미 시작된 공연입니다",
            Self::SaleAfterShow => "판매 기간은 공연 시작 시간까지만 가능합니다",
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
}
