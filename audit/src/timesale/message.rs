//! What records about time sales say.

use crate::reader::Entry;
use crate::record::{Field, Identity, record};
use crate::times::Stamps;
use std::borrow::Cow;

record! {
    /// A record of the inbox: an order if it has no `type`, else a command. Prices are in KRW.
    pub(super) struct Message<'a> {
        kind: Field<'a> = "type",
        time_sale_id: Field<'a> = "timeSaleId",
        order_id: Field<'a> = "orderId",
        user_id: Field<'a> = "userId",
        quantity: Field<'a> = "quantity",
        discount_price: Field<'a> = "discountPrice",
        total_quantity: Field<'a> = "totalQuantity",
        limit_per_user: Field<'a> = "limitPerUser",
        start_time: Field<'a> = "startTime",
        end_time: Field<'a> = "endTime",
        by: Field<'a> = "by",
        ..ids: Identity<'a>,
    }
}

impl<'a> Message<'a> {
    /// Whether it orders something.
    pub(super) fn is_order(&self) -> bool {
        self.kind == Field::Absent
    }

    /// Under which id it is known. An order may name itself by `orderId`; a command names the order that it is about by it.
    pub(super) fn identity(&self, entry: &Entry<'_>) -> Cow<'a, str> {
        let named = self.ids.request_id.identity();
        let named = named.or_else(|| self.order_id.identity().filter(|_| self.is_order()));
        named.or_else(|| self.ids.event_id.identity()).unwrap_or_else(|| Cow::Owned(entry.entered()))
    }

    /// Sale, user and quantity of an order; `None` when it is none that can be read.
    pub(super) fn order(&self) -> Option<Wish<'a>> {
        let wish =
            Wish { sale: self.time_sale_id.id()?, user: self.user_id.id()?, quantity: quantity(&self.quantity)? };
        self.is_order().then_some(wish)
    }
}

/// What an order asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Wish<'a> {
    pub(super) sale: Cow<'a, str>,
    pub(super) user: Cow<'a, str>,
    pub(super) quantity: i64,
}

/// A whole number, or a text of its digits.
fn quantity(field: &Field<'_>) -> Option<i64> {
    match field {
        Field::Int(number) => Some(*number),
        Field::Text(text) => {
            let digits = text.strip_prefix('-').unwrap_or(text);
            let is_number =
                digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
            text.parse().ok().filter(|_| is_number)
        }
        Field::Absent | Field::Odd => None,
    }
}

record! {
    /// The outcome of an order, or that a confirmed order was cancelled. Amounts are in KRW.
    pub(super) struct Outcome<'a> {
        request_id: Field<'a> = "requestId",
        order_id: Field<'a> = "orderId",
        time_sale_id: Field<'a> = "timeSaleId",
        user_id: Field<'a> = "userId",
        quantity: Field<'a> = "quantity",
        status: Field<'a> = "status",
        code: Field<'a> = "code",
        unit_price: Field<'a> = "unitPrice",
        amount: Field<'a> = "amount",
        /// Units that are left after this decision.
        remaining: Field<'a> = "remaining",
        /// The outcome that this one replaces.
        supersedes: Field<'a> = "supersedes",
        ..stamps: Stamps<'a>,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record;

    #[test]
    fn a_quantity_is_a_whole_number_or_its_digits() {
        let read = |raw: &str| {
            let json = format!(r#"{{"timeSaleId":1,"userId":"u","quantity":{raw}}}"#);
            record::read::<Message<'_>>(Some(json.as_bytes())).unwrap().order().map(|wish| wish.quantity)
        };
        for (raw, quantity) in [("1", 1), ("-2", -2), (r#""5""#, 5), (r#""-5""#, -5), (r#""0""#, 0)] {
            assert_eq!(read(raw), Some(quantity), "{raw}");
        }
        for raw in ["1.0", "true", "[]", "null", r#""""#, r#"" 5""#, r#""+5""#, r#""05""#, "9223372036854775808"] {
            assert_eq!(read(raw), None, "{raw}");
        }
    }
}
