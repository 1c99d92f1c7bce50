use crate::json::Object;
use std::borrow::Cow;

/// A user orders units of a sale. Borrowed from the record: this is the hot path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderRequest<'a> {
    /// Id of the event that carries the order.
    pub event_id: Option<Cow<'a, str>>,
    /// Id of the request; `orderId` of the record when it has no `requestId`.
    pub request_id: Option<Cow<'a, str>>,
    /// In which sale.
    pub time_sale_id: Cow<'a, str>,
    /// Who orders.
    pub user_id: Cow<'a, str>,
    /// How many units.
    pub quantity: i64,
    /// When the client asked, by its own clock: JSON as it came, echoed into the outcome so that anybody can measure end to end.
    pub requested_at: Option<Cow<'a, str>>,
}

impl OrderRequest<'_> {
    /// A new order, as the worker appends it.
    #[must_use]
    pub fn new<'a>(
        order_id: &'a str,
        time_sale_id: &'a str,
        user_id: &'a str,
        quantity: i64,
        requested_at_ms: i64,
    ) -> OrderRequest<'a> {
        OrderRequest {
            event_id: None,
            request_id: Some(order_id.into()),
            time_sale_id: time_sale_id.into(),
            user_id: user_id.into(),
            quantity,
            requested_at: Some(requested_at_ms.to_string().into()),
        }
    }

    /// What it is recognised by when it comes again; none = by where it entered the log.
    #[must_use]
    pub fn identity(&self) -> Option<&str> {
        self.request_id.as_deref().or(self.event_id.as_deref())
    }

    /// As JSON, for an append.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(192);
        Object::begin(&mut out)
            .text_if("eventId", self.event_id.as_deref())
            .text_if("requestId", self.request_id.as_deref())
            .text("timeSaleId", &self.time_sale_id)
            .text("userId", &self.user_id)
            .integer("quantity", self.quantity)
            .raw_if("requestedAt", self.requested_at.as_deref())
            .end();
        out
    }
}
