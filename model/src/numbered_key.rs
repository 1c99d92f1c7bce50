//! Keys of what belongs to something and has a number there: a coupon of a policy, a line of a wallet, a seat of a schedule.
//!
//! ```text
//! owner    text
//! number   u64        so what belongs to an owner lies together, in order
//! ```

/// Makes a key kind of this layout, with the function that gives the prefix of all keys of an owner. Its round trip and its order are tested where it is made.
macro_rules! numbered_key {
    (
        $(#[$of_key:meta])* $key:ident { $(#[$of_owner:meta])* $owner:ident, $(#[$of_number:meta])* $number:ident $(,)? }
        $(#[$of_prefix:meta])* $prefix:ident
    ) => {
        $(#[$of_key])*
        #[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $key {
            $(#[$of_owner])*
            pub $owner: String,
            $(#[$of_number])*
            pub $number: u64,
        }

        impl $key {
            $(#[$of_prefix])*
            #[must_use]
            pub fn $prefix($owner: &str) -> Vec<u8> {
                let mut prefix = Vec::new();
                holdfast_engine::prelude::key::put_text(&mut prefix, $owner);
                prefix
            }
        }

        impl holdfast_engine::prelude::Key for $key {
            fn encode(&self, out: &mut Vec<u8>) {
                holdfast_engine::prelude::key::put_text(out, &self.$owner);
                holdfast_engine::prelude::key::put_u64(out, self.$number);
            }

            fn decode(mut bytes: &[u8]) -> Option<Self> {
                let $owner = holdfast_engine::prelude::key::take_text(&mut bytes)?;
                let $number = holdfast_engine::prelude::key::take_u64(&mut bytes)?;
                bytes.is_empty().then_some(Self { $owner, $number })
            }
        }

        #[cfg(test)]
        mod tests {
            use super::*;
            use crate::laws;
            use holdfast_engine::prelude::Key;
            use proptest::prelude::*;

            proptest! {
                #[test]
                fn keys_come_back_and_sort_like_their_fields(a: (String, u64), b: (String, u64)) {
                    let key = |(owner, number): &(String, u64)| $key { $owner: owner.clone(), $number: *number };
                    laws::keys_come_back_and_sort(key, |fields| $key::$prefix(&fields.0), &a, &b)?;
                }

                #[test]
                fn foreign_bytes_are_nothing(bytes: Vec<u8>) {
                    let _ = $key::decode(&bytes);
                }
            }
        }
    };
}

pub(crate) use numbered_key;
