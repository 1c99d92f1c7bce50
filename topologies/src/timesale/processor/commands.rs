//! Commands about sales and orders.

use crate::shell::{CommandContext, set};
use crate::timesale::TimeSale;
use crate::timesale::decide::{self, Cancellation, Creation};
use crate::timesale::outcomes::Decided;
use holdfast_engine::prelude::ProcessError;
use holdfast_model::timesale::command_outcome::CommandRefusal;
use holdfast_model::timesale::message::{AdjustStock, CancelOrder, Command, CreateSale};
use holdfast_model::timesale::row::OrderRow;
use holdfast_model::timesale::{ORDERS, SALES, TERMS};

/// Whether a command was done, or why not.
type Done = Result<Result<(), CommandRefusal>, ProcessError>;

impl CommandContext<'_, '_, TimeSale> {
    pub(super) fn command(&mut self, command: &Command) -> Done {
        match command {
            Command::CreateSale(command) => self.create_sale(command),
            Command::AdjustStock(command) => self.adjust_stock(command),
            Command::CancelOrder(command) => self.cancel_order(command),
        }
    }

    fn create_sale(&mut self, command: &CreateSale) -> Done {
        let id = &command.time_sale_id;
        let (sale, terms) = (self.ctx.get(&SALES, id)?, self.ctx.get(&TERMS, id)?);
        match decide::create_sale(command, sale.as_ref().zip(terms.as_ref()), self.ctx.now_ms()) {
            Ok(Creation::New(sale, terms)) => {
                self.ctx.put(&SALES, id, &sale)?;
                self.ctx.put(&TERMS, id, &terms).map(Ok)
            }
            Ok(Creation::Unchanged) => Ok(Ok(())),
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    fn adjust_stock(&mut self, command: &AdjustStock) -> Done {
        set(&mut self.buffers.buyer_key.time_sale_id, &command.time_sale_id);
        let sale = self.sale()?;
        match decide::adjust_stock(command, sale.as_ref()) {
            Ok(sale) => self.ctx.put(&SALES, &command.time_sale_id, &sale).map(Ok),
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    fn cancel_order(&mut self, command: &CancelOrder) -> Done {
        set(&mut self.buffers.order_id, &command.order_id);
        let (confirmed, refused) = match Decided::find(self.ctx, &self.buffers.order_id)? {
            Some(Decided::Confirmed(order)) => (Some(order), None),
            Some(Decided::Refused(order)) => (None, Some(order)),
            None => (None, None),
        };
        match decide::cancel(command, confirmed, refused.as_ref(), self.ctx.now_ms()) {
            Ok(Cancellation::New(order)) => self.give_back(&order).map(Ok),
            Ok(Cancellation::Unchanged) => Ok(Ok(())),
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    /// Writes the cancelled order in `buffers.order_id` and gives its units back.
    fn give_back(&mut self, order: &OrderRow) -> Result<(), ProcessError> {
        let broken = || ProcessError::fail("BrokenSale", "an order has more units than its sale or its buyer");
        set(&mut self.buffers.buyer_key.time_sale_id, &order.time_sale_id);
        set(&mut self.buffers.buyer_key.user_id, &order.user_id);
        let mut sale = self.sale()?.ok_or_else(broken)?;
        let buyer_units = self.buyer_units()?;
        let left = decide::give_back(&sale, buyer_units, order.quantity).ok_or_else(broken)?;
        sale.sold = left.sold;
        self.put_units(&sale, left.buyer_units)?;
        self.ctx.put(&ORDERS, &self.buffers.order_id, order)?;
        let quantity = i64::try_from(order.quantity).map_err(|_| broken())?;
        self.send_cancelled(order, quantity, sale.remaining())
    }
}
