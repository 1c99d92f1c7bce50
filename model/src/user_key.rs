//! Keys of what a user has of something: units of a sale, a ticket of a queue.
//!
//! ```text
//! owner    text       so what belongs to an owner lies together
//! user     text
//! ```

/// Makes a key kind of this layout, with the function that gives the prefix of all users of an owner. Its round trip and its order are tested where it is made.
macro_rules! user_key {
    (
        $(#[$of_key:meta])* $key:ident { $(#[$of_owner:meta])* $owner:ident, $(#[$of_user:meta])* $user:ident $(,)? }
        $(#[$of_prefix:meta])* $prefix:ident
    ) => {
        $(#[$of_key])*
        #[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $key {
            $(#[$of_owner])*
            pub $owner: String,
            $(#[$of_user])*
            pub $user: String,
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
                holdfast_engine::prelude::key::put_text(out, &self.$user);
            }

            fn decode(mut bytes: &[u8]) -> Option<Self> {
                let $owner = holdfast_engine::prelude::key::take_text(&mut bytes)?;
                let $user = holdfast_engine::prelude::key::take_text(&mut bytes)?;
                bytes.is_empty().then_some(Self { $owner, $user })
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
                fn keys_come_back_and_sort_like_their_fields(a: (String, String), b: (String, String)) {
                    let key = |(owner, user): &(String, String)| $key { $owner: owner.clone(), $user: user.clone() };
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

pub(crate) use user_key;
