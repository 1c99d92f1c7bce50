//! What is decided once, and how its outcome is kept: orders and commands.

use super::TimeSale;
use super::decide::Confirmed;
use crate::shell::{CommandContext, Once};
use holdfast_engine::prelude::{Context, ProcessError};
use holdfast_model::timesale::command_outcome::CommandRefusal;
use holdfast_model::timesale::message::{Command, OrderRequest};
use holdfast_model::timesale::outcome::Refusal;
use holdfast_model::timesale::row::{CommandRow, OrderRow, RefusedRow};
use holdfast_model::timesale::{COMMANDS, ORDERS, REFUSED, order_id};

/// What became of an order: it was confirmed at this price of a unit, in KRW, or refused.
pub(crate) type OrderOutcome = Result<(Confirmed, u64), Refusal>;

/// The row of an order that has its outcome.
#[derive(Debug)]
pub(crate) enum Decided {
    /// It was confirmed.
    Confirmed(OrderRow),
    /// It was refused.
    Refused(RefusedRow),
}

/// Calls `with` with the id of the order that came under `identity`. Copies nothing of an identity that is an order id of this place.
fn with_order_id<R>(ctx: &mut Context<'_>, identity: &String, with: impl FnOnce(&mut Context<'_>, &String) -> R) -> R {
    if order_id::place(identity) == Some(ctx.place()) {
        with(ctx, identity)
    } else {
        let id = order_id::of(ctx.place(), identity);
        with(ctx, &id)
    }
}

impl Decided {
    /// The row of the order `order_id`. One that was given up, and confirmed when it was put back, has both rows until the refusal ends: confirmed it is.
    pub(super) fn find(ctx: &mut Context<'_>, order_id: &String) -> Result<Option<Self>, ProcessError> {
        if let Some(row) = ctx.get(&ORDERS, order_id)? {
            return Ok(Some(Self::Confirmed(row)));
        }
        Ok(ctx.get_kept(&REFUSED, order_id)?.map(Self::Refused))
    }
}

impl Once<TimeSale> for OrderRequest<'_> {
    type Row = Decided;
    type Outcome = OrderOutcome;
    const SYSTEM_ERROR: OrderOutcome = Err(Refusal::System);
    const NOUN: &'static str = "order";

    fn identity(&self) -> Option<&str> {
        self.identity()
    }

    fn is_same(&self, row: &Decided) -> bool {
        let (sale, user, quantity) = match row {
            Decided::Confirmed(row) => (&row.time_sale_id, &row.user_id, i64::try_from(row.quantity).ok()),
            Decided::Refused(row) => (&row.time_sale_id, &row.user_id, Some(row.quantity)),
        };
        *sale == self.time_sale_id && *user == self.user_id && quantity == Some(self.quantity)
    }

    fn was_given_up(row: &Decided) -> bool {
        matches!(row, Decided::Refused(row) if row.refusal == Refusal::System)
    }

    fn find(ctx: &mut Context<'_>, id: &String) -> Result<Option<Decided>, ProcessError> {
        with_order_id(ctx, id, Decided::find)
    }

    fn keep(&self, ctx: &mut Context<'_>, id: &String, outcome: OrderOutcome) -> Result<(), ProcessError> {
        let (time_sale_id, user_id, now_ms) = (&*self.time_sale_id, &*self.user_id, ctx.now_ms());
        with_order_id(ctx, id, |ctx, id| match outcome {
            Ok((Confirmed { quantity, .. }, unit_price)) => {
                let row =
                    OrderRow { time_sale_id, user_id, quantity, unit_price, ordered_ms: now_ms, cancelled_ms: None };
                ctx.put(&ORDERS, id, &row)
            }
            Err(refusal) => {
                let row = RefusedRow { time_sale_id, user_id, quantity: self.quantity, decided_ms: now_ms, refusal };
                ctx.put_kept(&REFUSED, id, &row)
            }
        })
    }

    fn brief(&self) -> Vec<u8> {
        OrderRequest { requested_at: None, ..self.clone() }.to_json()
    }

    fn on_dead_letter(&self, cx: &mut CommandContext<'_, '_, TimeSale>) -> Result<(), ProcessError> {
        cx.send_outcome(self, Err(Refusal::System), None)
    }
}

impl Once<TimeSale> for Command {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::Seen;
    use holdfast_model::timesale::message::AdjustStock;

    fn confirmed(cancelled_ms: Option<i64>) -> Decided {
        Decided::Confirmed(OrderRow {
            time_sale_id: "1".to_owned(),
            user_id: "u".to_owned(),
            quantity: 3,
            unit_price: 9_900,
            ordered_ms: 1,
            cancelled_ms,
        })
    }

    fn refused(refusal: Refusal) -> Decided {
        Decided::Refused(RefusedRow {
            time_sale_id: "1".to_owned(),
            user_id: "u".to_owned(),
            quantity: 3,
            decided_ms: 1,
            refusal,
        })
    }

    #[test]
    fn a_retry_is_the_same_order() {
        let (confirmed, cancelled) = (confirmed(None), confirmed(Some(2)));
        let (sold_out, given_up) = (refused(Refusal::InsufficientStock), refused(Refusal::System));
        for (n, (earlier, (sale, user, quantity), is_redriven, expected)) in [
            (None, ("1", "u", 3), false, Seen::Never),
            (None, ("1", "u", 3), true, Seen::Never),
            (Some(&confirmed), ("1", "u", 3), false, Seen::Before),
            (Some(&confirmed), ("1", "u", 3), true, Seen::Before),
            (Some(&cancelled), ("1", "u", 3), true, Seen::Before),
            (Some(&confirmed), ("1", "u", 2), false, Seen::Another),
            (Some(&confirmed), ("1", "v", 3), true, Seen::Another),
            (Some(&confirmed), ("2", "u", 3), false, Seen::Another),
            (Some(&sold_out), ("1", "u", 3), false, Seen::Before),
            (Some(&sold_out), ("1", "u", 3), true, Seen::Before),
            (Some(&sold_out), ("1", "u", 4), false, Seen::Another),
            (Some(&given_up), ("1", "u", 3), false, Seen::Before),
            (Some(&given_up), ("1", "u", 3), true, Seen::GivenUp),
            (Some(&given_up), ("1", "v", 3), true, Seen::Another),
            (Some(&given_up), ("2", "u", 3), true, Seen::Another),
        ]
        .into_iter()
        .enumerate()
        {
            let order = OrderRequest::new("r", sale, user, quantity, 0);
            assert_eq!(Seen::of(&order, earlier, is_redriven), expected, "case {n}");
        }
    }

    #[test]
    fn a_command_is_recognised_by_its_words() {
        let command =
            |by| Command::AdjustStock(AdjustStock { time_sale_id: "1".to_owned(), by, ..AdjustStock::default() });
        let row = |refused| CommandRow { fingerprint: command(5).fingerprint(), decided_ms: 0, refused };
        assert_eq!(Seen::of(&command(5), None, false), Seen::Never);
        assert_eq!(Seen::of(&command(5), Some(&row(None)), true), Seen::Before);
        assert_eq!(Seen::of(&command(6), Some(&row(None)), false), Seen::Another);
        assert_eq!(Seen::of(&command(5), Some(&row(Some(CommandRefusal::System))), false), Seen::Before);
        assert_eq!(Seen::of(&command(5), Some(&row(Some(CommandRefusal::System))), true), Seen::GivenUp);
    }
}
