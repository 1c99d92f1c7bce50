use crate::json::Object;
use std::borrow::Cow;

/// Something paid goes back into the wallet it came from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refund<'a> {
    /// Id of the event that carries it.
    pub event_id: Option<Cow<'a, str>>,
    /// Id of the refund: its outcome is found by it.
    pub request_id: Option<Cow<'a, str>>,
    /// Of which payment.
    pub payment_id: Cow<'a, str>,
    /// For which reservation: the key of the reply.
    pub reservation_id: Cow<'a, str>,
    /// Who gets it.
    pub user_id: Cow<'a, str>,
    /// What goes back, in KRW.
    pub amount: i64,
    /// What stays with the shop, in KRW.
    pub fee: i64,
    /// Why: `CANCELLED`, `SCHEDULE_CANCELLED`, `NOT_CONFIRMED`. Only kept, so any text will do: whose money it is does not hang on a word.
    pub reason: Cow<'a, str>,
    /// The place of whoever waits for the reply.
    pub reply_place: u32,
}

impl Refund<'_> {
    /// What it is recognised by when it comes again; none = by where it entered the log.
    #[must_use]
    pub fn identity(&self) -> Option<&str> {
        self.request_id.as_deref().or(self.event_id.as_deref())
    }

    /// As JSON, for an append.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        Object::begin(&mut out)
            .text("type", "refund")
            .text_if("eventId", self.event_id.as_deref())
            .text_if("requestId", self.request_id.as_deref())
            .text("paymentId", &self.payment_id)
            .text("reservationId", &self.reservation_id)
            .text("userId", &self.user_id)
            .integer("amount", self.amount)
            .integer("fee", self.fee)
            .text("reason", &self.reason)
            .number("replyPlace", u64::from(self.reply_place))
            .end();
        out
    }
}
