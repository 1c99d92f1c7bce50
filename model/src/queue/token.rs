//! Tokens: the text by which a client proves that a ticket is its own. It is the same for the same ticket, whichever worker makes it, and tells nothing of others.
//!
//! ```text
//! 2.57.c2NoZWR1bGVfNDU2.wq0T…
//! │ │  │                └── HMAC-SHA256 with the queue's key over queue id, ticket and user id, in base64url
//! │ │  └─────────────────── queue id, in base64url
//! │ └────────────────────── ticket
//! └──────────────────────── place of the queue
//! ```

use crate::guard::QueueKey;
use crate::place_id::number;
use crate::reading::ID_BYTES_MAX;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// A token, read. Whether it is genuine is another question: [`Token::is_genuine`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Which place decides about its queue.
    pub place: u32,
    /// Of which queue.
    pub queue_id: String,
    /// Which ticket.
    pub ticket: u64,
    proof: [u8; 32],
}

/// The token of a ticket, as text.
#[must_use]
pub fn of(key: &QueueKey, place: u32, queue_id: &str, ticket: u64, user_id: &str) -> String {
    let proof = mac(key, queue_id, ticket, user_id).finalize().into_bytes();
    let (queue_id, proof) = (BASE64_URL_SAFE_NO_PAD.encode(queue_id), BASE64_URL_SAFE_NO_PAD.encode(proof));
    format!("{place}.{ticket}.{queue_id}.{proof}")
}

/// Reads a token; `None` for every other text. Only what [`of`] writes is read: a token has one spelling.
#[must_use]
pub fn parse(text: &str) -> Option<Token> {
    let mut parts = text.split('.');
    let mut next = || parts.next();
    let (place, ticket, queue_id, proof) = (next()?, next()?, next()?, next()?);
    if next().is_some() || queue_id.len() > 2 * ID_BYTES_MAX {
        return None;
    }
    let bytes = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).ok();
    Some(Token {
        place: number(place)?.try_into().ok()?,
        ticket: number(ticket)?,
        queue_id: String::from_utf8(bytes(queue_id)?).ok()?,
        proof: bytes(proof)?.try_into().ok()?,
    })
}

impl Token {
    /// Whether the queue with this `key` has given the ticket to this user. Takes as long for a wrong proof as for the right one.
    #[must_use]
    pub fn is_genuine(&self, key: &QueueKey, user_id: &str) -> bool {
        mac(key, &self.queue_id, self.ticket, user_id).verify_slice(&self.proof).is_ok()
    }
}

fn mac(key: &QueueKey, queue_id: &str, ticket: u64, user_id: &str) -> Hmac<Sha256> {
    // A key of any length is one: it never fails.
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(key.as_bytes()).unwrap_or_else(|_| unreachable!());
    // The lengths keep "a" + "bc" apart from "ab" + "c".
    for text in [queue_id, user_id] {
        mac.update(&(text.len() as u64).to_be_bytes());
        mac.update(text.as_bytes());
    }
    mac.update(&ticket.to_be_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(byte: u8) -> QueueKey {
        QueueKey::new([byte; 32])
    }

    #[test]
    fn a_token_is_genuine_for_its_key_queue_ticket_and_user_only() {
        let text = of(&key(1), 2, "schedule_456", 57, "1001");
        assert_eq!(text, of(&key(1), 2, "schedule_456", 57, "1001"), "the same for the same ticket");
        assert!(text.starts_with("2.57.c2NoZWR1bGVfNDU2."), "{text}");
        let token = parse(&text).unwrap();
        assert_eq!((token.place, &*token.queue_id, token.ticket), (2, "schedule_456", 57));
        assert!(token.is_genuine(&key(1), "1001"));
        assert!(!token.is_genuine(&key(2), "1001"));
        assert!(!token.is_genuine(&key(1), "1002"));
        assert!(!Token { ticket: 58, ..token.clone() }.is_genuine(&key(1), "1001"));
        assert!(!Token { queue_id: "schedule_45".to_owned(), ..token }.is_genuine(&key(1), "61001"));
    }

    #[test]
    fn whatever_else_is_no_token() {
        let text = of(&key(1), 2, "q", 57, "u");
        for bad in [
            "",
            "....",
            &text[1..],
            &text[..text.len() - 2],
            &format!("{text}."),
            &format!("{text}A"),
            &format!("{text}="),
            &format!("0{text}"),
            &text.replacen("57", "+57", 1),
            &text.replacen("57", "057", 1),
            &text.replacen('2', "4294967296", 1),
            &text.replacen("57.", "57.=", 1),
        ] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(place: u32, queue in ".{0,20}", ticket: u64, user in ".{0,20}", byte: u8) {
            let text = of(&key(byte), place, &queue, ticket, &user);
            // It stands in a header and in a path.
            prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b)));
            let token = parse(&text).unwrap();
            prop_assert_eq!((token.place, &token.queue_id, token.ticket), (place, &queue, ticket));
            prop_assert!(token.is_genuine(&key(byte), &user));
        }

        #[test]
        fn no_text_panics(text: String, like in "[0-9]{0,3}\\.[0-9]{0,3}\\.[A-Za-z0-9_=-]{0,9}\\.[A-Za-z0-9_-]{0,50}") {
            for text in [text, like] {
                if let Some(token) = parse(&text) {
                    prop_assert!(!token.is_genuine(&key(1), "u"));
                }
            }
        }
    }
}
