//! What is decided once, and how its outcome is kept: charges, debits, refunds.

use super::Payment;
use crate::shell::{CommandContext, Once};
use holdfast_engine::prelude::{Context, ProcessError};
use holdfast_model::payment::message::{Charge, Debit, Refund};
use holdfast_model::payment::outcome::Refusal;
use holdfast_model::payment::row::{ChargeRow, DiscountRow, Outcome, PaymentRow, RefundRow};
use holdfast_model::payment::{CHARGES, PAYMENTS, REFUNDS};

const GIVEN_UP: Outcome = Outcome::Refused(Refusal::System);

impl Once<Payment> for Charge<'_> {
    type Row = ChargeRow;
    type Outcome = Outcome;
    const SYSTEM_ERROR: Outcome = GIVEN_UP;

    fn identity(&self) -> Option<&str> {
        self.identity()
    }

    fn is_same(&self, row: &ChargeRow) -> bool {
        row.user_id == self.user_id && row.amount == self.amount
    }

    fn was_given_up(row: &ChargeRow) -> bool {
        row.outcome == GIVEN_UP
    }

    fn find(ctx: &mut Context<'_>, id: &String) -> Result<Option<ChargeRow>, ProcessError> {
        ctx.get_kept(&CHARGES, id)
    }

    fn keep(&self, ctx: &mut Context<'_>, id: &String, outcome: Outcome) -> Result<(), ProcessError> {
        let row = ChargeRow { user_id: &*self.user_id, amount: self.amount, decided_ms: ctx.now_ms(), outcome };
        ctx.put_kept(&CHARGES, id, &row)
    }

    fn brief(&self) -> Vec<u8> {
        self.to_json()
    }
}

/// A debit that was given up stays so when it is redriven: the reservation has been told that nothing was taken, and the seat may be sold by now. The customer
/// pays again, under another id.
impl Once<Payment> for Debit<'_> {
    type Row = PaymentRow;
    type Outcome = Outcome;
    const SYSTEM_ERROR: Outcome = GIVEN_UP;

    fn identity(&self) -> Option<&str> {
        Some(&self.payment_id)
    }

    fn is_same(&self, row: &PaymentRow) -> bool {
        row.user_id == self.user_id
            && row.reservation_id == self.reservation_id
            && row.schedule_id == self.schedule_id
            && row.seat_no == self.seat_no
            && row.price == self.price
            && row.amount == self.amount
            && row.discount.as_ref().map(|d| (&*d.coupon_id, d.amount))
                == self.discount.as_ref().map(|d| (&*d.coupon_id, d.amount))
    }

    fn was_given_up(_: &PaymentRow) -> bool {
        false
    }

    fn find(ctx: &mut Context<'_>, id: &String) -> Result<Option<PaymentRow>, ProcessError> {
        ctx.get(&PAYMENTS, id)
    }

    fn keep(&self, ctx: &mut Context<'_>, id: &String, outcome: Outcome) -> Result<(), ProcessError> {
        let discount = self.discount.as_ref();
        let row = PaymentRow {
            user_id: &*self.user_id,
            reservation_id: &*self.reservation_id,
            schedule_id: &*self.schedule_id,
            seat_no: &*self.seat_no,
            price: self.price,
            discount: discount.map(|d| DiscountRow { coupon_id: &*d.coupon_id, amount: d.amount }),
            amount: self.amount,
            decided_ms: ctx.now_ms(),
            outcome,
            refund: None,
        };
        ctx.put(&PAYMENTS, id, &row)
    }

    fn brief(&self) -> Vec<u8> {
        self.to_json()
    }

    fn check(&self, cx: &CommandContext<'_, '_, Payment>) -> Result<(), ProcessError> {
        check_reply_place(cx, self.reply_place)
    }

    /// The reservation waits for an answer, and nothing was taken: so it is told.
    fn on_dead_letter(&self, cx: &mut CommandContext<'_, '_, Payment>) -> Result<(), ProcessError> {
        let balance = cx.balance(&self.user_id)?;
        cx.send_settled(self, Some(Refusal::System), balance)
    }
}

impl Once<Payment> for Refund<'_> {
    type Row = RefundRow;
    type Outcome = Outcome;
    const SYSTEM_ERROR: Outcome = GIVEN_UP;

    fn identity(&self) -> Option<&str> {
        self.identity()
    }

    fn is_same(&self, row: &RefundRow) -> bool {
        row.user_id == self.user_id
            && row.payment_id == self.payment_id
            && row.reservation_id == self.reservation_id
            && row.amount == self.amount
            && row.fee == self.fee
    }

    /// Put back by an operator it may be paid: the money is owed.
    fn was_given_up(row: &RefundRow) -> bool {
        row.outcome == GIVEN_UP
    }

    fn find(ctx: &mut Context<'_>, id: &String) -> Result<Option<RefundRow>, ProcessError> {
        ctx.get_kept(&REFUNDS, id)
    }

    fn keep(&self, ctx: &mut Context<'_>, id: &String, outcome: Outcome) -> Result<(), ProcessError> {
        let row = RefundRow {
            user_id: &*self.user_id,
            payment_id: &*self.payment_id,
            reservation_id: &*self.reservation_id,
            amount: self.amount,
            fee: self.fee,
            reason: &*self.reason,
            decided_ms: ctx.now_ms(),
            outcome,
        };
        ctx.put_kept(&REFUNDS, id, &row)
    }

    fn brief(&self) -> Vec<u8> {
        self.to_json()
    }

    fn check(&self, cx: &CommandContext<'_, '_, Payment>) -> Result<(), ProcessError> {
        check_reply_place(cx, self.reply_place)
    }

    /// The reservation that gave the seat back is told that the money is still owed: it comes when the record is put back, and then it is told again.
    fn on_dead_letter(&self, cx: &mut CommandContext<'_, '_, Payment>) -> Result<(), ProcessError> {
        cx.send_refunded(self, Some(Refusal::System))
    }
}

/// A reply that no place can take is known before anything is decided.
fn check_reply_place(cx: &CommandContext<'_, '_, Payment>, place: u32) -> Result<(), ProcessError> {
    let places = cx.ctx.places();
    if place < places {
        return Ok(());
    }
    Err(ProcessError::refuse("InvalidField", format!("replyPlace {place}: there are {places} places")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payment::decide::samples::{a_debit, a_refund, row_of};
    use crate::shell::Seen;
    use holdfast_model::payment::message::Discount;

    #[test]
    fn the_same_again_has_its_outcome_and_another_has_none() {
        let gone = Outcome::Refused(Refusal::System);
        let done = Outcome::Posted { sequence: 1, balance_after: 0 };
        let a_charge = Charge::new("c", "u", 1_000, 5);
        let charged = |outcome| ChargeRow { user_id: "u".to_owned(), amount: 1_000, decided_ms: 0, outcome };
        assert_eq!(Seen::of(&a_charge, None, true), Seen::Never);
        assert_eq!(Seen::of(&a_charge, Some(&charged(done)), true), Seen::Before);
        assert_eq!(Seen::of(&a_charge, Some(&charged(gone)), false), Seen::Before);
        assert_eq!(Seen::of(&a_charge, Some(&charged(gone)), true), Seen::GivenUp);
        // When it was asked does not matter, whose and how much does.
        assert_eq!(Seen::of(&Charge::new("c", "u", 1_000, 6), Some(&charged(done)), false), Seen::Before);
        assert_eq!(Seen::of(&Charge::new("c", "v", 1_000, 5), Some(&charged(done)), false), Seen::Another);
        assert_eq!(Seen::of(&Charge::new("c", "u", 1_001, 5), Some(&charged(gone)), true), Seen::Another);

        let debited = a_debit(50, Some(5), 45);
        assert_eq!(Seen::of(&debited, None, true), Seen::Never);
        assert_eq!(Seen::of(&debited, Some(&row_of(&debited, done)), true), Seen::Before);
        assert_eq!(Seen::of(&debited, Some(&row_of(&debited, gone)), true), Seen::Before);
        assert_eq!(
            Seen::of(&Debit { reply_place: 2, ..debited.clone() }, Some(&row_of(&debited, done)), true),
            Seen::Before
        );
        let others: [fn(&mut Debit<'_>); 8] = [
            |d| d.user_id = "v".into(),
            |d| d.reservation_id = "x".into(),
            |d| d.schedule_id = "x".into(),
            |d| d.seat_no = "8".into(),
            |d| d.price = 51,
            |d| d.amount = 44,
            |d| d.discount = None,
            |d| d.discount = Some(Discount { coupon_id: "d".into(), amount: 5 }),
        ];
        for (n, change) in others.into_iter().enumerate() {
            let mut other = debited.clone();
            change(&mut other);
            assert_eq!(Seen::of(&other, Some(&row_of(&debited, done)), true), Seen::Another, "case {n}");
        }

        let refunded = |outcome| RefundRow {
            user_id: "u".to_owned(),
            payment_id: "p".to_owned(),
            reservation_id: "r".to_owned(),
            amount: 45,
            fee: 5,
            reason: "CANCELLED".to_owned(),
            decided_ms: 0,
            outcome,
        };
        assert_eq!(Seen::of(&a_refund(45, 5), None, false), Seen::Never);
        assert_eq!(Seen::of(&a_refund(45, 5), Some(&refunded(done)), true), Seen::Before);
        assert_eq!(Seen::of(&a_refund(45, 5), Some(&refunded(gone)), true), Seen::GivenUp);
        assert_eq!(Seen::of(&a_refund(44, 5), Some(&refunded(done)), false), Seen::Another);
        assert_eq!(Seen::of(&a_refund(45, 4), Some(&refunded(done)), false), Seen::Another);
        let other_payment = Refund { payment_id: "q".into(), ..a_refund(45, 5) };
        assert_eq!(Seen::of(&other_payment, Some(&refunded(gone)), true), Seen::Another);
    }
}
