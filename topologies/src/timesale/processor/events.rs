//! What is sent about orders.

use crate::shell::{CommandContext, Event, set};
use crate::timesale::{TimeSale, sinks};
use holdfast_engine::prelude::ProcessError;
use holdfast_model::notification::{self, NotificationRequest, Priority};
use holdfast_model::timesale::message::OrderRequest;
use holdfast_model::timesale::order_id;
use holdfast_model::timesale::outcome::{Refusal, Status};
use holdfast_model::timesale::outcome_record::{Outcome, OutcomeRecord};
use holdfast_model::timesale::row::{OrderRow, SaleRow};
use std::fmt::Write;

impl CommandContext<'_, '_, TimeSale> {
    /// Sends the outcome of an order: its price of a unit, in KRW, or why it was refused.
    pub(in crate::timesale) fn send_outcome(
        &mut self,
        order: &OrderRequest<'_>,
        result: Result<u64, Refusal>,
        remaining: Option<u64>,
    ) -> Result<(), ProcessError> {
        let Self { ctx, buffers, id: request_id, .. } = self;
        order_id::write(&mut buffers.order_id, ctx.place(), request_id);
        let (to, kind, result) = match result {
            Ok(unit_price) => (&sinks::SUCCESS, "timesale.order.confirmed", Outcome::Confirmed { unit_price }),
            Err(refusal) => (&sinks::FAILURES, "timesale.order.refused", Outcome::Refused(refusal)),
        };
        // A redriven order has a second outcome: it is another event.
        let step = if self.supersedes { ".outcome.2" } else { ".outcome" };
        // The sale has brought the record here, so it brings the outcome to the same place.
        let event = Event { id: &[request_id, step], kind, to, place: Some(ctx.place()), key: &order.time_sale_id };
        let outcome = OutcomeRecord {
            event_id: order.event_id.as_deref().unwrap_or(request_id),
            request_id,
            order_id: &buffers.order_id,
            time_sale_id: &order.time_sale_id,
            user_id: &order.user_id,
            quantity: order.quantity,
            result,
            ordered_ms: ctx.now_ms(),
            requested_at: order.requested_at.as_deref(),
            remaining,
            supersedes: self.supersedes.then_some(Status::SystemError),
        };
        self.events.send(ctx, &event, |_, value| outcome.write(value))
    }

    /// Sends that the order in `buffers.order_id` was cancelled.
    pub(super) fn send_cancelled(
        &mut self,
        order: &OrderRow,
        quantity: i64,
        remaining: u64,
    ) -> Result<(), ProcessError> {
        let Self { ctx, buffers, id: request_id, .. } = self;
        let event = Event {
            id: &[&buffers.order_id, ".cancelled"],
            kind: "timesale.order.cancelled",
            to: &sinks::SUCCESS,
            place: Some(ctx.place()),
            key: &order.time_sale_id,
        };
        let (unit_price, cancelled_ms) = (order.unit_price, ctx.now_ms());
        self.events.send(ctx, &event, |event_id, value| {
            OutcomeRecord {
                event_id,
                request_id,
                order_id: &buffers.order_id,
                time_sale_id: &order.time_sale_id,
                user_id: &order.user_id,
                quantity,
                result: Outcome::Cancelled { unit_price, cancelled_ms },
                ordered_ms: order.ordered_ms,
                requested_at: None,
                remaining: Some(remaining),
                supersedes: None,
            }
            .write(value);
        })
    }

    /// Tells the buyer that the order in `buffers.order_id` is confirmed.
    pub(super) fn notify_confirmed(&mut self, order: &OrderRequest<'_>, sale: &SaleRow) -> Result<(), ProcessError> {
        let text = &mut self.buffers.text;
        text.clear();
        // Writing to a text cannot fail.
        let _ = write!(text, "{} {}개 주문이 완료되었습니다.", sale.title, order.quantity);
        self.notify(order, sale, ".confirmed", "TIMESALE_SUCCESS", "타임세일 주문 완료")
    }

    /// Tells the buyer why the order in `buffers.order_id` was refused.
    pub(super) fn notify_refused(
        &mut self,
        order: &OrderRequest<'_>,
        refusal: Refusal,
        sale: &SaleRow,
    ) -> Result<(), ProcessError> {
        set(&mut self.buffers.text, &sale.title);
        for part in [" 주문이 실패했습니다: ", refusal.reason()] {
            self.buffers.text.push_str(part);
        }
        self.notify(order, sale, ".refused", "TIMESALE_FAILED", "타임세일 주문 실패")
    }

    /// Sends a notification with the message in `buffers.text`.
    fn notify(
        &mut self,
        order: &OrderRequest<'_>,
        sale: &SaleRow,
        step: &str,
        kind: &str,
        title: &str,
    ) -> Result<(), ProcessError> {
        let Self { ctx, buffers, .. } = self;
        buffers.quantity.clear();
        // Writing to a text cannot fail.
        let _ = write!(buffers.quantity, "{}", order.quantity);
        let event = Event {
            // The order's id names it in all places: the ledger of deliveries is one for all.
            id: &[&buffers.order_id, step],
            kind: notification::EVENT_TYPE,
            to: &sinks::NOTIFICATIONS,
            place: None,
            key: &order.user_id,
        };
        let time_ms = ctx.now_ms();
        self.events.send(ctx, &event, |event_id, value| {
            NotificationRequest {
                event_id,
                time_ms,
                user_id: &order.user_id,
                kind,
                priority: Priority::Medium,
                title,
                message: &buffers.text,
                data: &[
                    ("orderId", &buffers.order_id),
                    ("timeSaleId", &order.time_sale_id),
                    ("timeSaleTitle", &sale.title),
                    ("quantity", &buffers.quantity),
                ],
            }
            .write(value);
        })
    }
}
