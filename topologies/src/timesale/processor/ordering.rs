//! Orders.

use crate::guard::{self, Pass};
use crate::shell::{CommandContext, set};
use crate::timesale::outcomes::OrderOutcome;
use crate::timesale::{GUARDED, TimeSale, decide};
use holdfast_engine::prelude::ProcessError;
use holdfast_model::timesale::message::OrderRequest;
use holdfast_model::timesale::outcome::Refusal;

impl CommandContext<'_, '_, TimeSale> {
    pub(super) fn order(&mut self, order: &OrderRequest<'_>) -> Result<OrderOutcome, ProcessError> {
        set(&mut self.buffers.buyer_key.time_sale_id, &order.time_sale_id);
        set(&mut self.buffers.buyer_key.user_id, &order.user_id);
        let sale = self.sale()?;
        let buyer_units = if sale.is_some() { self.buyer_units()? } else { 0 };
        let decided = decide::order(sale.as_ref(), buyer_units, order, self.ctx.now_ms());
        // Last: a guard is looked for only when everything else is in order.
        let pass = match decided {
            Ok(_) => guard::pass(self.ctx, &GUARDED, &self.buffers.buyer_key.time_sale_id, &order.user_id)?,
            Err(_) => Pass::Free,
        };
        let decided = decided.and_then(|confirmed| pass.check(Refusal::NotAdmitted).map(|()| confirmed));
        match (decided, sale) {
            (Ok(confirmed), Some(mut sale)) => {
                sale.sold = confirmed.sold;
                self.put_units(&sale, confirmed.buyer_units)?;
                self.send_outcome(order, Ok(sale.discount_price), Some(sale.remaining()))?;
                self.notify_confirmed(order, &sale)?;
                if let Some(admission) = pass.admission() {
                    guard::use_up(self, &GUARDED, &order.time_sale_id, &order.user_id, admission)?;
                }
                Ok(Ok((confirmed, sale.discount_price)))
            }
            (Err(refusal), sale) => {
                self.send_outcome(order, Err(refusal), sale.as_ref().map(|sale| sale.remaining()))?;
                if let Some(sale) = sale.filter(|_| refusal.is_notified()) {
                    self.notify_refused(order, refusal, &sale)?;
                }
                Ok(Err(refusal))
            }
            (Ok(_), None) => Err(ProcessError::fail("NoSale", "an order of no sale was confirmed")),
        }
    }
}
