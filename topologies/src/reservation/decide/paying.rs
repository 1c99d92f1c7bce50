//! Payment against deadline, and what the wallet's answer comes to.

use holdfast_model::coupon;
use holdfast_model::reservation::ids;
use holdfast_model::reservation::message::{Pay, Settled};
use holdfast_model::reservation::refusal::Refusal;
use holdfast_model::reservation::row::{PaymentRow, PaymentState, Refund, ReservationRow};
use holdfast_model::reservation::serial::Serial;
use holdfast_model::reservation::state::State;

/// Longest payment id, in bytes. Ids of its debit, its coupon, its refund and of their answers are made of it, and none may be longer than an id may be: an
/// answer that cannot be read would keep a reservation waiting for ever.
const PAYMENT_ID_BYTES_MAX: usize = 256;

/// A pay command that is not refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payment {
    /// The wallet is asked, for so many KRW.
    New {
        /// Under this id.
        payment_id: String,
        /// KRW.
        amount: u64,
    },
    /// A coupon is asked first, what it takes off so many KRW; the wallet is asked if what is owed then is what was offered.
    Discounted {
        /// Under this id.
        payment_id: String,
        /// What was offered, in KRW.
        amount: u64,
        /// Which coupon.
        coupon_id: String,
        /// The place that keeps it.
        coupon_place: u32,
    },
    /// It has been asked before under this id: whatever came of it stands.
    Same {
        /// The id.
        payment_id: String,
    },
}

/// A payment that is known, by the id of one that is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Before<'a> {
    /// It.
    pub payment: &'a PaymentRow,
    /// Its coupon.
    pub coupon_id: Option<&'a str>,
}

/// The place in which a payment is decided.
#[derive(Debug, Clone, Copy)]
pub struct Here {
    /// Its number.
    pub place: u32,
    /// How many there are.
    pub places: u32,
}

/// Decides whether the wallet is asked. `reservation`: the one of the command's id, its serial before it; `before`: the payment that has the command's payment
/// id; `closed`: why nothing of its schedule is paid any more, if there is a reason; `unique`: what the payment is called after if the command does not say, as every record is another payment.
///
/// Only the time of the record counts: appended before the deadline it is in time, however late it is read.
///
/// # Errors
/// The reason why not.
pub fn pay(
    command: &Pay,
    reservation: Option<(Serial, &ReservationRow)>,
    before: Option<Before<'_>>,
    closed: Option<Refusal>,
    here: Here,
    unique: &str,
    now_ms: i64,
) -> Result<Payment, Refusal> {
    let (serial, row) = reservation
        .filter(|(_, row)| command.user_id.as_ref().is_none_or(|user_id| *user_id == row.user_id))
        .ok_or(Refusal::UnknownReservation)?;
    let payment_id = match &command.payment_id {
        None => ids::payment(here.place, unique),
        Some(id) if ids::payment_place(id) == Some(here.place) && id.len() <= PAYMENT_ID_BYTES_MAX => id.clone(),
        Some(_) => return Err(Refusal::BadPaymentId),
    };
    let amount = u64::try_from(command.amount).ok();
    if let Some(before) = before {
        // One debit for each id, for ever: the wallet would not answer a second time.
        let is_same = before.payment.serial == serial
            && Some(before.payment.amount) == amount
            && before.coupon_id == command.coupon_id.as_deref();
        return if is_same { Ok(Payment::Same { payment_id }) } else { Err(Refusal::PaymentConflict) };
    }
    match row.state {
        State::Paying | State::Confirmed => Err(Refusal::PaymentConflict),
        State::Expired => Err(Refusal::ReservationExpired),
        State::Cancelled | State::Refunded => Err(Refusal::ReservationCancelled),
        State::Held if now_ms >= row.expires_ms => Err(Refusal::ReservationExpired),
        State::Held => match (amount, &command.coupon_id) {
            _ if closed.is_some() => Err(closed.unwrap_or(Refusal::ScheduleCancelled)),
            (Some(amount), None) if amount == row.price => Ok(Payment::New { payment_id, amount }),
            // A coupon takes something off or nothing: whoever offers more is wrong whatever it says.
            (Some(amount), Some(coupon_id)) if amount <= row.price => {
                let coupon_place = coupon::coupon_place(coupon_id).filter(|place| *place < here.places);
                let coupon_place = coupon_place.ok_or(Refusal::UnknownCoupon)?;
                Ok(Payment::Discounted { payment_id, amount, coupon_id: coupon_id.clone(), coupon_place })
            }
            _ => Err(Refusal::AmountMismatch),
        },
    }
}

/// What the wallet's answer comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The reservation goes to this state, the payment to that.
    Moves(State, PaymentState),
    /// Paid, and there is nothing left to be paid for: the money goes back.
    GivesBack(Refund),
    /// Not paid, and the reservation is over anyway.
    Ends(PaymentState),
    /// It was here before.
    Known,
}

/// Decides what the wallet's answer comes to.
///
/// # Errors
/// What is wrong with an answer that is none: to a question that nobody asked, or about another amount.
pub fn settle(
    settled: &Settled,
    payment: Option<&PaymentRow>,
    row: Option<&ReservationRow>,
    now_ms: i64,
) -> Result<Answer, &'static str> {
    let (Some(payment), Some(row)) = (payment, row) else { return Err("nobody asked for this payment") };
    let is_debited = settled.result == "DEBITED";
    // A wallet that had given up and was asked again by an operator may pay after it has refused: that money goes back as well.
    let is_second_thought = is_debited && matches!(payment.state, PaymentState::Refused(_));
    if payment.state == PaymentState::Discounting {
        return Err("the wallet was not asked: the coupon is");
    }
    if payment.state != PaymentState::Pending && !is_second_thought {
        return Ok(Answer::Known);
    }
    let is_current =
        !is_second_thought && row.state == State::Paying && row.payment_id.as_deref() == Some(&*settled.payment_id);
    if is_debited {
        if u64::try_from(settled.amount) != Ok(payment.amount) {
            return Err("another amount was debited than was asked for");
        }
        return Ok(if is_current {
            Answer::Moves(State::Confirmed, PaymentState::Paid)
        } else {
            Answer::GivesBack(Refund { amount: payment.amount, fee: 0 })
        });
    }
    let refused = PaymentState::Refused(settled.result.clone());
    Ok(match is_current {
        false => Answer::Ends(refused),
        // Back to the deadline it always had, which may have come meanwhile.
        true if now_ms >= row.expires_ms => Answer::Moves(State::Expired, refused),
        true => Answer::Moves(State::Held, refused),
    })
}

#[cfg(test)]
mod tests {
    use super::super::holding::tests::reservation;
    use super::*;

    const HERE: Here = Here { place: 2, places: 3 };

    fn offer(amount: i64) -> Pay {
        Pay { reservation_id: "res_2_7".to_owned(), amount, ..Pay::default() }
    }

    fn payment(state: PaymentState) -> PaymentRow {
        PaymentRow { serial: 7, amount: 50_000, asked_ms: 200, state, changed_ms: 200 }
    }

    fn decided(command: &Pay, state: State, now_ms: i64) -> Result<Payment, Refusal> {
        pay(command, Some((7, &reservation(state))), None, None, HERE, "9", now_ms)
    }

    #[test]
    fn the_race_is_decided_by_the_time_of_the_record() {
        let granted = Payment::New { payment_id: "pay_2_9".to_owned(), amount: 50_000 };
        assert_eq!(decided(&offer(50_000), State::Held, 399), Ok(granted));
        assert_eq!(decided(&offer(50_000), State::Held, 400), Err(Refusal::ReservationExpired));
        assert_eq!(decided(&offer(50_000), State::Held, 401), Err(Refusal::ReservationExpired));
        for (state, expected) in [
            (State::Paying, Refusal::PaymentConflict),
            (State::Confirmed, Refusal::PaymentConflict),
            (State::Expired, Refusal::ReservationExpired),
            (State::Cancelled, Refusal::ReservationCancelled),
            (State::Refunded, Refusal::ReservationCancelled),
        ] {
            assert_eq!(decided(&offer(50_000), state, 200), Err(expected), "{state:?}");
        }
    }

    #[test]
    fn what_is_owed_is_what_is_paid() {
        for amount in [49_999, 50_001, 0, 1, -50_000, i64::MIN, i64::MAX] {
            assert_eq!(decided(&offer(amount), State::Held, 200), Err(Refusal::AmountMismatch), "{amount}");
        }
        let with = |change: fn(&mut Pay)| {
            let mut command = offer(50_000);
            change(&mut command);
            decided(&command, State::Held, 200)
        };
        assert_eq!(with(|c| c.user_id = Some("v".to_owned())), Err(Refusal::UnknownReservation));
        for id in ["pay_123", "pay_1_9", "res_2_7", ""] {
            let command = Pay { payment_id: Some(id.to_owned()), ..offer(50_000) };
            assert_eq!(decided(&command, State::Held, 200), Err(Refusal::BadPaymentId), "{id}");
        }
        assert!(with(|c| (c.user_id, c.payment_id) = (Some("u".to_owned()), Some("pay_2_x".to_owned()))).is_ok());
        assert_eq!(pay(&offer(50_000), None, None, None, HERE, "9", 200), Err(Refusal::UnknownReservation));
        let held = reservation(State::Held);
        for refusal in [Refusal::ScheduleCancelled, Refusal::ShowBegun] {
            let decided = |now_ms| pay(&offer(50_000), Some((7, &held)), None, Some(refusal), HERE, "9", now_ms);
            assert_eq!(decided(200), Err(refusal));
            assert_eq!(decided(400), Err(Refusal::ReservationExpired), "its own deadline comes first");
        }
    }

    #[test]
    fn all_ids_that_are_made_of_a_payments_id_can_be_read() {
        use holdfast_model::reservation::message::ID_BYTES_MAX;
        let named = |bytes: usize| format!("pay_2_{}", "x".repeat(bytes - 6));
        let decided = |id: &str| {
            let command = Pay { payment_id: Some(id.to_owned()), ..offer(50_000) };
            decided(&command, State::Held, 200)
        };
        let longest = named(PAYMENT_ID_BYTES_MAX);
        assert!(decided(&longest).is_ok());
        assert_eq!(decided(&named(PAYMENT_ID_BYTES_MAX + 1)), Err(Refusal::BadPaymentId));
        assert!(format!("{}.refunded", ids::refund(&longest)).len() <= ID_BYTES_MAX);
    }

    #[test]
    fn a_coupon_is_asked_before_the_wallet() {
        let with = |coupon_id: &str, amount| Pay { coupon_id: Some(coupon_id.to_owned()), ..offer(amount) };
        let granted = |amount| Payment::Discounted {
            payment_id: "pay_2_9".to_owned(),
            amount,
            coupon_id: "cpn_1_p_3".to_owned(),
            coupon_place: 1,
        };
        for amount in [0i64, 1, 45_000, 50_000] {
            let expected = Ok(granted(amount.unsigned_abs()));
            assert_eq!(decided(&with("cpn_1_p_3", amount), State::Held, 399), expected, "{amount}");
        }
        for amount in [-1, 50_001, i64::MIN, i64::MAX] {
            assert_eq!(decided(&with("cpn_1_p_3", amount), State::Held, 200), Err(Refusal::AmountMismatch), "{amount}");
        }
        for id in ["", "cpn", "cpn_1_3", "cpn_3_p_3", "cpn_1_p_x", "res_1_3"] {
            assert_eq!(decided(&with(id, 1), State::Held, 200), Err(Refusal::UnknownCoupon), "{id}");
        }
        assert_eq!(decided(&with("cpn_1_p_3", 1), State::Held, 400), Err(Refusal::ReservationExpired));
        for state in State::ALL.into_iter().filter(|state| *state != State::Held) {
            assert!(decided(&with("cpn_1_p_3", 1), state, 200).is_err(), "{state:?}");
        }
        // The same id with another coupon, or without, is another payment.
        let row = reservation(State::Paying);
        let again = |coupon_id: Option<&str>| {
            let command = Pay {
                payment_id: Some("pay_2_x".to_owned()),
                coupon_id: coupon_id.map(str::to_owned),
                ..offer(45_000)
            };
            let known = PaymentRow { amount: 45_000, ..payment(PaymentState::Discounting) };
            let before = Before { payment: &known, coupon_id: Some("cpn_1_p_3") };
            pay(&command, Some((7, &row)), Some(before), None, HERE, "9", 200)
        };
        assert_eq!(again(Some("cpn_1_p_3")), Ok(Payment::Same { payment_id: "pay_2_x".to_owned() }));
        assert_eq!(again(Some("cpn_1_p_4")), Err(Refusal::PaymentConflict));
        assert_eq!(again(None), Err(Refusal::PaymentConflict));
    }

    #[test]
    fn a_payment_id_is_asked_for_once() {
        let command = |amount| Pay { payment_id: Some("pay_2_x".to_owned()), ..offer(amount) };
        let again = |serial, amount, state| {
            let row = reservation(State::Held);
            let before = Before { payment: &payment(state), coupon_id: None };
            pay(&command(amount), Some((serial, &row)), Some(before), None, HERE, "9", 200)
        };
        let same = Payment::Same { payment_id: "pay_2_x".to_owned() };
        for state in [PaymentState::Pending, PaymentState::Paid, PaymentState::Refused(String::new())] {
            assert_eq!(again(7, 50_000, state), Ok(same.clone()));
        }
        assert_eq!(again(8, 50_000, PaymentState::Pending), Err(Refusal::PaymentConflict));
        assert_eq!(again(7, 49_000, PaymentState::Pending), Err(Refusal::PaymentConflict));
    }

    #[test]
    fn each_answer_has_one_meaning() {
        let debited =
            Settled { payment_id: "p".to_owned(), result: "DEBITED".to_owned(), amount: 50_000, ..Settled::default() };
        let refused = Settled { result: "INSUFFICIENT_POINTS".to_owned(), ..debited.clone() };
        let why = PaymentState::Refused("INSUFFICIENT_POINTS".to_owned());
        let back = Refund { amount: 50_000, fee: 0 };
        let answer = |settled: &Settled, state, payment_id: &str, now_ms| {
            let row = ReservationRow { payment_id: Some(payment_id.to_owned()), ..reservation(state) };
            settle(settled, Some(&payment(PaymentState::Pending)), Some(&row), now_ms).unwrap()
        };
        assert_eq!(answer(&debited, State::Paying, "p", 399), Answer::Moves(State::Confirmed, PaymentState::Paid));
        // In time when it was asked for, so in time now.
        assert_eq!(answer(&debited, State::Paying, "p", 4_000), Answer::Moves(State::Confirmed, PaymentState::Paid));
        assert_eq!(answer(&refused, State::Paying, "p", 399), Answer::Moves(State::Held, why.clone()));
        assert_eq!(answer(&refused, State::Paying, "p", 400), Answer::Moves(State::Expired, why.clone()));
        for state in State::ALL.into_iter().filter(|state| *state != State::Paying) {
            assert_eq!(answer(&debited, state, "p", 200), Answer::GivesBack(back), "{state:?}");
            assert_eq!(answer(&refused, state, "p", 200), Answer::Ends(why.clone()), "{state:?}");
        }
        assert_eq!(answer(&debited, State::Paying, "other", 200), Answer::GivesBack(back));
        let row = reservation(State::Confirmed);
        for state in [PaymentState::Paid, PaymentState::Refunding(back), PaymentState::Refunded(back)] {
            assert_eq!(settle(&debited, Some(&payment(state)), Some(&row), 200), Ok(Answer::Known));
        }
        // A second thought of the wallet, wherever the reservation is by then.
        for state in State::ALL {
            let row = ReservationRow { payment_id: Some("p".to_owned()), ..reservation(state) };
            let settled = |settled| settle(settled, Some(&payment(why.clone())), Some(&row), 200);
            assert_eq!(settled(&debited), Ok(Answer::GivesBack(back)), "{state:?}");
            assert_eq!(settled(&refused), Ok(Answer::Known), "{state:?}");
        }
        assert!(settle(&debited, None, Some(&row), 200).is_err());
        assert!(settle(&debited, Some(&payment(PaymentState::Discounting)), Some(&row), 200).is_err());
        for state in [PaymentState::RefundRefused(back, String::new()), PaymentState::Refunded(back)] {
            assert_eq!(settle(&refused, Some(&payment(state)), Some(&row), 200), Ok(Answer::Known));
        }
        let other = Settled { amount: 49_999, ..debited };
        assert!(settle(&other, Some(&payment(PaymentState::Pending)), Some(&row), 200).is_err());
    }
}
