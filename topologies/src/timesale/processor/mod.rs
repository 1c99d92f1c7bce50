//! Time sales on the command shell: load, decide, store, send.

mod commands;
mod events;
mod ordering;

use super::{GUARDED, TimeSale};
use crate::guard;
use crate::shell::{Case, CommandContext, Feature, Handled, Home};
use crate::timesale::invariants;
use holdfast_engine::prelude::{ProcessError, Table, Topology};
use holdfast_model::settings::SettingsRow;
use holdfast_model::timesale::keys::BuyerKey;
use holdfast_model::timesale::message::{AdjustStock, CancelOrder, Command, CreateSale, Message, OrderRequest};
use holdfast_model::timesale::row::{BuyerRow, SaleRow};
use holdfast_model::timesale::{self, BUYERS, SALES, SETTINGS, Settings, order_id};

/// Texts and keys of the record in hand.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    /// The sale and the buyer.
    buyer_key: BuyerKey,
    order_id: String,
    /// The order's quantity, in digits.
    quantity: String,
    text: String,
}

impl Feature for TimeSale {
    const NAME: &'static str = timesale::NAME;
    const SETTINGS: Option<&'static Table<u64, SettingsRow>> = Some(&SETTINGS);
    type Settings = Settings;
    type Buffers = Buffers;
    type Message<'a> = Message<'a>;

    fn topology(settings: &Settings) -> Topology {
        crate::timesale::topology_with(settings)
    }

    fn parse(value: Option<&[u8]>) -> Result<Message<'_>, ProcessError> {
        Ok(Message::parse(value)?)
    }

    fn home<'m>(message: &'m Message<'_>, _: &'m mut Buffers, _: u32) -> Result<Home<'m>, ProcessError> {
        Ok(match message {
            Message::Order(OrderRequest { time_sale_id, .. }) => Home::Key(time_sale_id),
            Message::Command(
                Command::CreateSale(CreateSale { time_sale_id, .. })
                | Command::AdjustStock(AdjustStock { time_sale_id, .. }),
            ) => Home::Key(time_sale_id),
            Message::Guard(message) => Home::Key(&message.subject.id),
            Message::Command(Command::CancelOrder(CancelOrder { order_id, .. })) => {
                order_id::place(order_id).map_or(Home::Anywhere, Home::Place)
            }
        })
    }

    #[inline]
    fn decide(case: Case<'_, '_, Self>, message: &Message<'_>) -> Result<Handled, ProcessError> {
        match message {
            Message::Order(order) => case.once(order, |cx| cx.order(order)),
            Message::Command(command) => case.once(command, |cx| cx.command(command)),
            Message::Guard(message) => case.answer(|cx| guard::hear(cx.ctx, &GUARDED, message)),
        }
    }
}

impl CommandContext<'_, '_, TimeSale> {
    /// The sale named in `buyer_key`, its books checked.
    fn sale(&mut self) -> Result<Option<SaleRow>, ProcessError> {
        let time_sale_id = &self.buffers.buyer_key.time_sale_id;
        let sale = self.ctx.get(&SALES, time_sale_id)?;
        if let Some(sale) = &sale {
            invariants::sale(time_sale_id, sale)
                .map_err(|broken| ProcessError::fail("BrokenSale", broken.to_string()))?;
        }
        Ok(sale)
    }

    /// How many units the buyer in `buyer_key` has of its sale.
    fn buyer_units(&mut self) -> Result<u64, ProcessError> {
        Ok(self.ctx.get(&BUYERS, &self.buffers.buyer_key)?.unwrap_or_default().units)
    }

    /// Writes what the sale and the buyer in `buyer_key` have after an order or a cancellation.
    fn put_units(&mut self, sale: &SaleRow, buyer_units: u64) -> Result<(), ProcessError> {
        let Self { ctx, buffers, .. } = self;
        ctx.put(&SALES, &buffers.buyer_key.time_sale_id, sale)?;
        ctx.put(&BUYERS, &buffers.buyer_key, &BuyerRow { units: buyer_units })
    }
}
