//! Ids that route themselves: whoever holds one knows which place decides about it, and needs no index to find out.
//!
//! ```text
//! req_0_0198c1f2…     a request         kind _ place _ the rest, unique within the place
//! cpn_2_1_57          coupon 57 of policy 1
//! res_2_8000000004d2… a reservation of place 2; of an earlier version res_2_1234
//! pay_2_0198c1f2…     a payment for a reservation of place 2
//! ord_0_0198c1f2…     an order in a time sale of place 0
//! ```
//! The number of places is part of the data format, so a place in an id stays right.

/// Makes [`Kind`] from the list of kinds: a kind is one line.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $word:literal,)*) => {
        /// What an id is of: its first word.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Kind {
            $($(#[$doc])* $kind,)*
        }

        impl Kind {
            /// Every kind there is.
            #[cfg(test)]
            const ALL: &[Self] = &[$(Self::$kind),*];

            fn word(self) -> &'static str {
                match self {
                    $(Self::$kind => $word,)*
                }
            }
        }
    };
}

kinds! {
    /// `req`: a request that waits for its outcome.
    Request = "req",
    /// `cpn`: a coupon.
    Coupon = "cpn",
    /// `res`: a reservation.
    Reservation = "res",
    /// `pay`: a payment, in the place of its reservation.
    Payment = "pay",
    /// `ord`: an order, in the place of its time sale.
    Order = "ord",
}

/// Writes the id of something of `kind` that is decided in `place`. `rest` is unique within the place.
#[must_use]
pub fn format(kind: Kind, place: u32, rest: &str) -> String {
    let mut number = itoa::Buffer::new();
    [kind.word(), "_", number.format(place), "_", rest].concat()
}

/// [`format`] with a number for the rest.
#[must_use]
pub fn numbered(kind: Kind, place: u32, rest: u64) -> String {
    let mut number = itoa::Buffer::new();
    format(kind, place, number.format(rest))
}

/// Place and rest of an id; `None` for every other shape. Only what [`format`] writes is read: an id has one spelling.
#[must_use]
pub fn parse(kind: Kind, id: &str) -> Option<(u32, &str)> {
    let (place, rest) = id.strip_prefix(kind.word())?.strip_prefix('_')?.split_once('_')?;
    let place = number(place)?.try_into().ok()?;
    (!rest.is_empty()).then_some((place, rest))
}

/// A decimal number as `format!` writes it: digits, no sign, no leading zero.
#[must_use]
pub fn number(text: &str) -> Option<u64> {
    let canonical = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if canonical { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_written_is_read(place: u32, rest in ".{1,20}") {
            let id = format(Kind::Coupon, place, &rest);
            prop_assert_eq!(parse(Kind::Coupon, &id), Some((place, &*rest)));
            prop_assert_eq!(parse(Kind::Request, &id), None);
        }

        #[test]
        fn what_is_read_is_what_would_be_written(id in "(req_)?[0-9+_ -]{0,12}.{0,3}") {
            if let Some((place, rest)) = parse(Kind::Request, &id) {
                prop_assert_eq!(format(Kind::Request, place, rest), id);
            }
        }

        #[test]
        fn no_text_panics(id: String) {
            let _ = parse(Kind::Request, &id);
        }
    }

    #[test]
    fn no_id_is_of_two_kinds() {
        for kind in Kind::ALL {
            let id = format(*kind, 1, "x");
            let read: Vec<_> = Kind::ALL.iter().filter(|other| parse(**other, &id).is_some()).collect();
            assert_eq!(read, [kind], "{id}");
        }
    }

    #[test]
    fn unknown_shapes_are_nothing() {
        for id in [
            "",
            "req",
            "req_",
            "req_1",
            "req_1_",
            "req__x",
            "req_-1_x",
            "req_+1_x",
            "req_01_x",
            "req_4294967296_x",
            "cpn_1_x",
            "REQ_1_x",
        ] {
            assert_eq!(parse(Kind::Request, id), None, "{id:?}");
        }
    }
}
