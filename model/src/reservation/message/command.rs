use super::{CouponRefused, CouponUsed, JoinWaitlist, LeaveWaitlist, Sweep, TellWaitlist};
use crate::fingerprint::{self, START};
use crate::guard::{GuardMessage, SubjectType};
use crate::place_id;
use crate::reading::{self, Unreadable, unreadable};
use crate::wire::{self, Id, When};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Command {
    /// There shall be a concert.
    CreateConcert(CreateConcert),
    /// There shall be a schedule with seats.
    CreateSchedule(CreateSchedule),
    /// Somebody wants a seat.
    Hold(Hold),
    /// He does not want it any more, and has not paid.
    Release(Release),
    /// He pays.
    Pay(Pay),
    /// He gives back what he has, paid or not.
    Cancel(Cancel),
    /// He wants more time.
    Extend(Extend),
    /// The show does not take place.
    CancelSchedule(CancelSchedule),
    /// The deadline may have come.
    Expire(Expire),
    /// The wallet has decided.
    Settled(Settled),
    /// The wallet has the money back, or will not have it.
    Refunded(Refunded),
    /// The next part of a cancelled schedule.
    CancelNext(CancelNext),
    /// The coupon is used for the payment.
    CouponUsed(CouponUsed),
    /// It is not.
    CouponRefused(CouponRefused),
    /// Holds may be overdue.
    Sweep(Sweep),
    /// A user wants to wait for a seat.
    JoinWaitlist(JoinWaitlist),
    /// And does not any more.
    LeaveWaitlist(LeaveWaitlist),
    /// Entries are owed a notice.
    TellWaitlist(TellWaitlist),
    /// A queue that guards the schedule says something.
    #[serde(untagged)]
    Guard(GuardMessage),
}

/// There shall be a concert.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateConcert {
    /// Its id: the record's key.
    #[serde(deserialize_with = "wire::id")]
    pub concert_id: String,
    /// What it is called.
    pub title: String,
    /// When, as people write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
}

/// There shall be a schedule with seats.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateSchedule {
    /// Its id: the record's key, as of everything that concerns its seats.
    #[serde(deserialize_with = "wire::id")]
    pub schedule_id: String,
    /// Of which concert.
    #[serde(default, deserialize_with = "wire::id_if", skip_serializing_if = "Option::is_none")]
    pub concert_id: Option<String>,
    /// What the concert is called: it stands in notices.
    pub concert_title: String,
    /// When, as people write it: it stands in notices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// When the show begins: fees of a cancellation depend on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<When>,
    /// First moment of the sale; none = at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sale_start: Option<When>,
    /// First moment after the sale; none = never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sale_end: Option<When>,
    /// Which seats.
    pub seats: Seats,
    /// Limits other than the shop's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// What becomes of a seat that is released while users wait: `OPEN` or `OFFER`; none = `OPEN`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waitlist: Option<String>,
    /// How many waiting users are told of each seat that is open again; none = one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waitlist_notify: Option<i64>,
}

/// Which seats a schedule has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged, expecting = "seats: {count, price}, or a list of {seatNo, price}")]
pub enum Seats {
    /// So many, numbered from 1, at one price in KRW.
    Block {
        /// How many.
        #[schema(minimum = 0, example = 50)]
        count: i64,
        /// KRW.
        #[schema(minimum = 0, example = 50000)]
        price: i64,
    },
    /// These.
    Each(Vec<PricedSeat>),
}

impl Default for Seats {
    fn default() -> Self {
        Self::Each(Vec::new())
    }
}

/// A seat with a price of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PricedSeat {
    /// Its number, from 1.
    #[schema(value_type = Id<'static>)]
    #[serde(deserialize_with = "wire::id")]
    pub seat_no: String,
    /// KRW.
    #[schema(minimum = 0)]
    pub price: i64,
}

/// Limits of a schedule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Most seats of one user.
    #[schema(value_type = Option<u32>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seats_per_user: Option<i64>,
    /// Most of them that may be unpaid.
    #[schema(value_type = Option<u32>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_holds: Option<i64>,
}

/// Somebody wants a seat.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    /// Who.
    #[serde(deserialize_with = "wire::id")]
    pub user_id: String,
    /// Of which schedule.
    #[serde(deserialize_with = "wire::id")]
    pub schedule_id: String,
    /// Which seat, as it came: what is no number is a seat that does not exist.
    #[serde(deserialize_with = "wire::id")]
    pub seat_no: String,
}

impl Hold {
    /// The seat's number, if it can be one.
    #[must_use]
    pub fn seat(&self) -> Option<u64> {
        seat_number(&self.seat_no)
    }
}

impl PricedSeat {
    /// The seat's number, if it can be one.
    #[must_use]
    pub fn seat(&self) -> Option<u64> {
        seat_number(&self.seat_no)
    }
}

fn seat_number(text: &str) -> Option<u64> {
    if text.is_empty() { None } else { place_id::number(text).filter(|number| *number > 0) }
}

/// He does not want it any more, and has not paid.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    /// Which reservation.
    #[serde(deserialize_with = "wire::id")]
    pub reservation_id: String,
    /// Whose it must be.
    #[serde(deserialize_with = "wire::id")]
    pub user_id: String,
}

/// He pays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pay {
    /// For which reservation.
    #[serde(deserialize_with = "wire::id")]
    pub reservation_id: String,
    /// What the payment shall be called; none = after the record. There is one debit for each id, for ever.
    #[serde(default, deserialize_with = "wire::id_if", skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<String>,
    /// Whose it must be; none = whoever knows the id.
    #[serde(default, deserialize_with = "wire::id_if", skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// What he offers, in KRW: what is owed once the coupon has taken off what it does, or the payment fails.
    pub amount: i64,
    /// A coupon to be used for it.
    #[serde(default, deserialize_with = "wire::id_if", skip_serializing_if = "Option::is_none")]
    pub coupon_id: Option<String>,
}

/// He gives back what he has, paid or not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cancel {
    /// Which reservation.
    #[serde(deserialize_with = "wire::id")]
    pub reservation_id: String,
    /// Whose it must be.
    #[serde(deserialize_with = "wire::id")]
    pub user_id: String,
}

/// He wants more time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Extend {
    /// For which reservation.
    #[serde(deserialize_with = "wire::id")]
    pub reservation_id: String,
    /// Whose it must be.
    #[serde(deserialize_with = "wire::id")]
    pub user_id: String,
}

/// The show does not take place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CancelSchedule {
    /// Which schedule.
    #[serde(deserialize_with = "wire::id")]
    pub schedule_id: String,
}

/// The deadline may have come: the receiver decides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Expire {
    /// Whose deadline.
    #[serde(deserialize_with = "wire::id")]
    pub reservation_id: String,
    /// The deadline that was meant; none = the one that stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<When>,
    /// For which time of the sender's clock it was armed, in ms since the epoch; none = the deadline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<i64>,
}

/// The wallet has decided.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settled {
    /// About which payment.
    #[serde(deserialize_with = "wire::id")]
    pub payment_id: String,
    /// For which reservation.
    #[serde(deserialize_with = "wire::id")]
    pub reservation_id: String,
    /// `DEBITED`, or why not: `INSUFFICIENT_POINTS`, `REFUSED`.
    pub result: String,
    /// Why it was refused, more exactly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// KRW.
    pub amount: i64,
}

/// What became of a refund.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refunded {
    /// Which refund.
    #[serde(deserialize_with = "wire::id")]
    pub refund_id: String,
    /// Of which payment.
    #[serde(deserialize_with = "wire::id")]
    pub payment_id: String,
    /// For which reservation.
    #[serde(deserialize_with = "wire::id")]
    pub reservation_id: String,
    /// KRW.
    pub amount: i64,
    /// `REFUNDED`, or `REFUSED`: nothing went back. None = `REFUNDED`, as it was written before there was a choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The next part of a cancelled schedule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CancelNext {
    /// Which schedule.
    #[serde(deserialize_with = "wire::id")]
    pub schedule_id: String,
    /// Which part: any but the one that is due has been done.
    pub step: u64,
}

impl Command {
    pub(super) fn read(kind: &str, text: &str) -> Result<Self, Unreadable> {
        Ok(match kind {
            "create-concert" => Self::CreateConcert(reading::fields(text)?),
            "create-schedule" => Self::CreateSchedule(reading::fields(text)?),
            "hold" => Self::Hold(reading::fields(text)?),
            "release" => Self::Release(reading::fields(text)?),
            "pay" => Self::Pay(reading::fields(text)?),
            "cancel" => Self::Cancel(reading::fields(text)?),
            "extend" => Self::Extend(reading::fields(text)?),
            "cancel-schedule" => Self::CancelSchedule(reading::fields(text)?),
            "expire" => Self::Expire(reading::fields(text)?),
            "settled" => Self::Settled(reading::fields(text)?),
            "refunded" => Self::Refunded(reading::fields(text)?),
            "cancel-next" => Self::CancelNext(reading::fields(text)?),
            "coupon-used" => Self::CouponUsed(reading::fields(text)?),
            "coupon-refused" => Self::CouponRefused(reading::fields(text)?),
            "sweep" => Self::Sweep(reading::fields(text)?),
            "join-waitlist" => Self::JoinWaitlist(reading::fields(text)?),
            "leave-waitlist" => Self::LeaveWaitlist(reading::fields(text)?),
            "tell-waitlist" => Self::TellWaitlist(reading::fields(text)?),
            kind if GuardMessage::is(kind) => Self::Guard(GuardMessage::read(kind, text, SubjectType::Schedule)?),
            _ => return Err(unreadable("UnknownType", format!("{kind:?} is no command of reservations"))),
        })
    }

    /// The ids it speaks of.
    pub(super) fn ids(&self) -> [Option<&str>; 4] {
        match self {
            Self::CreateConcert(c) => [Some(&c.concert_id), None, None, None],
            Self::CreateSchedule(c) => [Some(&c.schedule_id), c.concert_id.as_deref(), None, None],
            Self::Hold(c) => [Some(&c.schedule_id), Some(&c.user_id), None, None],
            Self::Release(c) => [Some(&c.reservation_id), Some(&c.user_id), None, None],
            Self::Pay(c) => {
                [Some(&c.reservation_id), c.payment_id.as_deref(), c.user_id.as_deref(), c.coupon_id.as_deref()]
            }
            Self::Cancel(c) => [Some(&c.reservation_id), Some(&c.user_id), None, None],
            Self::Extend(c) => [Some(&c.reservation_id), Some(&c.user_id), None, None],
            Self::CancelSchedule(c) => [Some(&c.schedule_id), None, None, None],
            Self::Expire(c) => [Some(&c.reservation_id), None, None, None],
            Self::Settled(c) => [Some(&c.reservation_id), Some(&c.payment_id), None, None],
            Self::Refunded(c) => [Some(&c.reservation_id), Some(&c.payment_id), Some(&c.refund_id), None],
            Self::CancelNext(c) => [Some(&c.schedule_id), None, None, None],
            Self::CouponUsed(c) => [Some(&c.reservation_id), Some(&c.payment_id), Some(&c.coupon_id), None],
            Self::CouponRefused(c) => [Some(&c.reservation_id), Some(&c.payment_id), Some(&c.coupon_id), None],
            Self::Sweep(c) => [Some(&c.schedule_id), None, None, None],
            Self::JoinWaitlist(c) => [Some(&c.schedule_id), Some(&c.user_id), None, None],
            Self::LeaveWaitlist(c) => [Some(&c.schedule_id), Some(&c.user_id), None, None],
            Self::TellWaitlist(c) => [Some(&c.schedule_id), None, None, None],
            // Checked where it is read.
            Self::Guard(_) => [None; 4],
        }
    }

    /// Hash of what it says. Stored, so it is FNV-1a over the command's JSON and stays that.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        if let Self::Hold(hold) = self {
            return hold.fingerprint();
        }
        fingerprint::of_json(self)
    }
}

impl Hold {
    /// That of the command's JSON, none of which is written: there is one for each of the many.
    fn fingerprint(&self) -> u64 {
        const HEAD: u64 = fingerprint::and(START, br#"{"type":"hold","userId":"#);
        let hash = fingerprint::and_text(HEAD, &self.user_id);
        let hash = fingerprint::and_text(fingerprint::and(hash, br#","scheduleId":"#), &self.schedule_id);
        let hash = fingerprint::and_text(fingerprint::and(hash, br#","seatNo":"#), &self.seat_no);
        fingerprint::and(hash, b"}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_hold_has_the_fingerprint_of_its_json(user_id: String, schedule_id in "[\\x00-\\x7f]{0,9}", seat_no in "[0-9a-z\"\\\\]{0,4}") {
            let hold = Command::Hold(Hold { user_id, schedule_id, seat_no });
            prop_assert_eq!(hold.fingerprint(), fingerprint::and(START, &serde_json::to_vec(&hold).unwrap()));
        }
    }
}
