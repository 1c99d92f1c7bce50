//! What tells a result of the executor from a record that a stranger wrote: an HMAC of the effect's name and lane, with a secret that lies in the
//! task's state. A program that may write to the results topic and not read the changelog cannot end an effect.

use super::Lane;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// What results of one task are proved with: drawn once, kept with its state.
pub(crate) type Secret = [u8; 32];

/// Bytes of the HMAC that are written: enough that nobody guesses them.
const BYTES: usize = 16;

/// The proof for the effect of this name, in hexadecimal.
pub(crate) fn of(secret: &Secret, name: &str, lane: &Lane) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(BYTES * 2);
    for byte in mac(secret, name, lane).finalize().into_bytes().iter().take(BYTES) {
        // Writing to a text never fails.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Whether `shown` is the proof for this effect. Takes the same time wherever they differ.
pub(crate) fn is(secret: &Secret, name: &str, lane: &Lane, shown: &[u8]) -> bool {
    if shown.len() != BYTES * 2 {
        return false;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes: Option<Vec<u8>> =
        shown.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect();
    bytes.is_some_and(|bytes| mac(secret, name, lane).verify_truncated_left(&bytes).is_ok())
}

fn mac(secret: &Secret, name: &str, lane: &Lane) -> Hmac<Sha256> {
    // A key of any length is taken.
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(secret).unwrap_or_else(|_| unreachable!("HMAC takes any key"));
    mac.update(name.as_bytes());
    mac.update(b"\n");
    mac.update(lane.to_string().as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_proof_of_this_effect_is_taken() {
        let lane = |channel: &str| Lane { channel: channel.to_owned(), urgency: 1 };
        let proof = of(&[7; 32], "app/t/0/1", &lane("sms"));
        assert!(is(&[7; 32], "app/t/0/1", &lane("sms"), proof.as_bytes()));
        assert!(!is(&[8; 32], "app/t/0/1", &lane("sms"), proof.as_bytes()));
        assert!(!is(&[7; 32], "app/t/0/2", &lane("sms"), proof.as_bytes()));
        assert!(!is(&[7; 32], "app/t/0/1", &lane("fcm"), proof.as_bytes()));
        for strange in ["", "00", &"g".repeat(32), &proof[..30], &format!("{proof}00")] {
            assert!(!is(&[7; 32], "app/t/0/1", &lane("sms"), strange.as_bytes()), "{strange}");
        }
    }
}
