//! The ledger's row: what became of the delivery of one reservation. Bincode: a field is its place and a variant its number, so fields are never moved
//! and variants only added at the end.

use holdfast_engine::prelude::Ends;
use serde::{Deserialize, Serialize};

/// How far a delivery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// A payment is debited, and the confirmation has not come: nothing is sent yet.
    Unconfirmed,
    /// A call is asked for.
    Sending {
        /// The number of its effect: the result of another one says nothing.
        effect: u64,
    },
    /// A call has failed, and the next one waits for its time.
    Waiting,
    /// The data platform has it.
    Delivered,
    /// It was given up, and lies among the dead letters.
    Dead,
}

impl State {
    /// As people read it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unconfirmed => "UNCONFIRMED",
            Self::Sending { .. } => "SENDING",
            Self::Waiting => "RETRY",
            Self::Delivered => "DELIVERED",
            Self::Dead => "DEAD",
        }
    }
}

/// The payment for a reservation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentNote {
    /// Which.
    pub payment_id: String,
    /// KRW.
    pub amount: i64,
    /// When it was noted, in ms since the epoch.
    pub noted_ms: i64,
}

/// The record that is delivered, as it stands in the log: sent with each call, and kept for its dead letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Original {
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Vec<u8>,
    /// Its headers.
    pub headers: Vec<(String, Vec<u8>)>,
}

/// What became of one delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryRow {
    /// How far it is.
    pub state: State,
    /// When that was decided, in ms since the epoch.
    pub changed_ms: i64,
    /// Calls that counted, of the present try: a redrive begins again.
    pub attempts: u32,
    /// Calls that were answered, of all tries, counted or not: numbers the waits.
    pub calls: u32,
    /// Offset of the confirmation that is delivered, in `reservation.confirmed` of this place; none while there is none.
    pub fact_offset: Option<i64>,
    /// The payment, if it came before the confirmation.
    pub payment: Option<PaymentNote>,
    /// The confirmation while it is on its way.
    pub original: Option<Original>,
}

impl Ends for DeliveryRow {
    fn decided_ms(&self) -> i64 {
        match self.state {
            State::Sending { .. } | State::Waiting => i64::MAX,
            State::Unconfirmed | State::Delivered | State::Dead => self.changed_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::row_bytes as bytes;
    use holdfast_engine::inspect::codec;

    fn row(state: State) -> DeliveryRow {
        DeliveryRow {
            state,
            changed_ms: 1,
            attempts: 2,
            calls: 3,
            fact_offset: Some(4),
            payment: Some(PaymentNote { payment_id: "p".to_owned(), amount: 5, noted_ms: 6 }),
            original: Some(Original {
                key: Some(b"k".to_vec()),
                value: b"v".to_vec(),
                headers: vec![("h".to_owned(), b"x".to_vec())],
            }),
        }
    }

    /// Rows written by this version must be readable by the next: a change that breaks this needs a new variant instead.
    #[test]
    fn the_layout_of_rows_stands() {
        let written = bytes(&row(State::Sending { effect: 9 }));
        assert_eq!(written, [1, 1, 9, 2, 2, 3, 1, 8, 1, 1, b'p', 10, 12, 1, 1, 1, b'k', 1, b'v', 1, 1, b'h', 1, b'x']);
        assert_eq!(codec::decode::<DeliveryRow>(&written).unwrap(), row(State::Sending { effect: 9 }));
        for (number, state) in [(0, State::Unconfirmed), (2, State::Waiting), (3, State::Delivered), (4, State::Dead)] {
            assert_eq!(bytes(&state), [1, number]);
        }
    }

    #[test]
    fn what_is_on_its_way_does_not_end() {
        assert_eq!(row(State::Sending { effect: 9 }).decided_ms(), i64::MAX);
        assert_eq!(row(State::Waiting).decided_ms(), i64::MAX);
        for state in [State::Unconfirmed, State::Delivered, State::Dead] {
            assert_eq!(row(state).decided_ms(), 1);
        }
    }
}
