//! What is decided once, and how its outcome is kept: requests, commands, coupons of payments.

use super::Coupon;
use crate::shell::{CommandContext, Once};
use holdfast_engine::prelude::{Context, ProcessError};
use holdfast_model::coupon::command_outcome::CommandRefusal;
use holdfast_model::coupon::message::{Command, IssueRequest, Message, UseForPayment};
use holdfast_model::coupon::outcome::Refusal;
use holdfast_model::coupon::row::{CommandRow, RedemptionOutcome, RedemptionRow, RequestOutcome, RequestRow};
use holdfast_model::coupon::{COMMANDS, REDEMPTIONS, REQUESTS};

impl Once<Coupon> for IssueRequest<'_> {
    type Row = RequestRow;
    type Outcome = RequestOutcome;
    const SYSTEM_ERROR: RequestOutcome = RequestOutcome::Refused(Refusal::System);

    fn identity(&self) -> Option<&str> {
        self.identity()
    }

    fn is_same(&self, row: &RequestRow) -> bool {
        row.policy_id == self.policy_id && row.user_id == self.user_id
    }

    fn was_given_up(row: &RequestRow) -> bool {
        row.outcome == Self::SYSTEM_ERROR
    }

    fn find(ctx: &mut Context<'_>, id: &String) -> Result<Option<RequestRow>, ProcessError> {
        ctx.get_kept(&REQUESTS, id)
    }

    fn keep(&self, ctx: &mut Context<'_>, id: &String, outcome: RequestOutcome) -> Result<(), ProcessError> {
        let (policy_id, user_id) = (&*self.policy_id, &*self.user_id);
        let row = RequestRow { policy_id, user_id, decided_ms: ctx.now_ms(), outcome };
        ctx.put_kept(&REQUESTS, id, &row)
    }

    fn brief(&self) -> Vec<u8> {
        IssueRequest { requested_at: None, ..self.clone() }.to_json()
    }

    fn on_dead_letter(&self, cx: &mut CommandContext<'_, '_, Coupon>) -> Result<(), ProcessError> {
        cx.send_outcome(self, Err((Refusal::System, None)))
    }
}

impl Once<Coupon> for Command {
    type Row = CommandRow;
    type Outcome = Result<(), CommandRefusal>;
    const SYSTEM_ERROR: Self::Outcome = Err(CommandRefusal::System);

    fn identity(&self) -> Option<&str> {
        self.identity()
    }

    fn is_same(&self, row: &CommandRow) -> bool {
        row.fingerprint == self.fingerprint()
    }

    fn was_given_up(row: &CommandRow) -> bool {
        row.refused == Some(CommandRefusal::System)
    }

    fn find(ctx: &mut Context<'_>, id: &String) -> Result<Option<CommandRow>, ProcessError> {
        ctx.get_kept(&COMMANDS, id)
    }

    fn keep(&self, ctx: &mut Context<'_>, id: &String, outcome: Self::Outcome) -> Result<(), ProcessError> {
        let row = CommandRow { fingerprint: self.fingerprint(), decided_ms: ctx.now_ms(), refused: outcome.err() };
        ctx.put_kept(&COMMANDS, id, &row)
    }

    fn brief(&self) -> Vec<u8> {
        self.to_json()
    }
}

/// A payment that has asked before has its answer, put back by an operator or not: the reservation has been told.
impl Once<Coupon> for UseForPayment {
    type Row = RedemptionRow;
    type Outcome = RedemptionOutcome;
    const SYSTEM_ERROR: RedemptionOutcome = RedemptionOutcome::Refused(CommandRefusal::System);

    fn identity(&self) -> Option<&str> {
        Some(&self.payment_id)
    }

    fn is_same(&self, row: &RedemptionRow) -> bool {
        let is_forestalled = matches!(row.outcome, RedemptionOutcome::Returned { discount: 0, .. });
        row.coupon_id == self.coupon_id
            && row.user_id == self.user_id
            && (row.order_amount == self.order_amount || is_forestalled)
    }

    fn was_given_up(_: &RedemptionRow) -> bool {
        false
    }

    fn find(ctx: &mut Context<'_>, id: &String) -> Result<Option<RedemptionRow>, ProcessError> {
        ctx.get(&REDEMPTIONS, id)
    }

    fn keep(&self, ctx: &mut Context<'_>, id: &String, outcome: RedemptionOutcome) -> Result<(), ProcessError> {
        let row = RedemptionRow {
            coupon_id: self.coupon_id.clone(),
            user_id: self.user_id.clone(),
            order_amount: self.order_amount,
            decided_ms: ctx.now_ms(),
            outcome,
        };
        ctx.put(&REDEMPTIONS, id, &row)
    }

    fn brief(&self) -> Vec<u8> {
        Message::Use(self.clone()).to_json()
    }

    fn on_dead_letter(&self, cx: &mut CommandContext<'_, '_, Coupon>) -> Result<(), ProcessError> {
        cx.send_redemption(self, Err(CommandRefusal::System))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::Seen;
    use holdfast_model::coupon::message::AdjustStock;

    #[test]
    fn a_retry_is_no_duplicate() {
        let row = |outcome| RequestRow { policy_id: "1".to_owned(), user_id: "u".to_owned(), decided_ms: 0, outcome };
        let issued = row(RequestOutcome::Issued(1));
        let given_up = row(RequestOutcome::Refused(Refusal::System));
        for (earlier, policy_id, user_id, is_redriven, expected) in [
            (None, "1", "u", false, Seen::Never),
            (None, "1", "u", true, Seen::Never),
            (Some(&issued), "1", "u", false, Seen::Before),
            (Some(&issued), "1", "u", true, Seen::Before),
            (Some(&issued), "2", "u", false, Seen::Another),
            (Some(&issued), "1", "v", true, Seen::Another),
            (Some(&given_up), "1", "u", false, Seen::Before),
            (Some(&given_up), "1", "u", true, Seen::GivenUp),
            (Some(&given_up), "1", "v", true, Seen::Another),
        ] {
            assert_eq!(
                Seen::of(&IssueRequest::new("r", policy_id, user_id, 0), earlier, is_redriven),
                expected,
                "{earlier:?} {policy_id} {user_id} {is_redriven}"
            );
        }
    }

    #[test]
    fn a_command_is_recognised_by_its_words() {
        let command =
            |by| Command::AdjustStock(AdjustStock { policy_id: "1".to_owned(), by, ..AdjustStock::default() });
        let row = |refused| CommandRow { fingerprint: command(5).fingerprint(), decided_ms: 0, refused };
        assert_eq!(Seen::of(&command(5), None, false), Seen::Never);
        assert_eq!(Seen::of(&command(5), Some(&row(None)), true), Seen::Before);
        assert_eq!(Seen::of(&command(6), Some(&row(None)), false), Seen::Another);
        assert_eq!(Seen::of(&command(5), Some(&row(Some(CommandRefusal::System))), false), Seen::Before);
        assert_eq!(Seen::of(&command(5), Some(&row(Some(CommandRefusal::System))), true), Seen::GivenUp);
    }

    #[test]
    fn a_payment_has_one_answer_for_ever() {
        let wish = UseForPayment {
            coupon_id: "c".to_owned(),
            user_id: "u".to_owned(),
            payment_id: "p".to_owned(),
            order_amount: 9,
            ..UseForPayment::default()
        };
        let row = |order_amount, outcome| RedemptionRow {
            coupon_id: "c".to_owned(),
            user_id: "u".to_owned(),
            order_amount,
            decided_ms: 0,
            outcome,
        };
        let given_up = row(9, UseForPayment::SYSTEM_ERROR);
        assert_eq!(Seen::of(&wish, Some(&given_up), true), Seen::Before);
        let used = row(9, RedemptionOutcome::Used { discount: 3 });
        assert_eq!(Seen::of(&wish, Some(&used), false), Seen::Before);
        // Returned before it was used: that row knows no amount.
        let forestalled = row(0, RedemptionOutcome::Returned { discount: 0, returned_ms: 1 });
        assert_eq!(Seen::of(&wish, Some(&forestalled), false), Seen::Before);
        let others: [fn(&mut UseForPayment); 3] =
            [|w| w.coupon_id = "d".to_owned(), |w| w.user_id = "v".to_owned(), |w| w.order_amount = 8];
        for (n, change) in others.into_iter().enumerate() {
            let mut other = wish.clone();
            change(&mut other);
            assert_eq!(Seen::of(&other, Some(&used), true), Seen::Another, "case {n}");
        }
    }
}
