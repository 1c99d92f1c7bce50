//! Requests between replicas are signed. Each process draws a secret at its start and publishes it in its claims (`ports::placement`); the replica that asks
//! signs with the secret in the owner's claim, the owner verifies with its own. Nobody needs to be told a secret: a program that reads the placement topic has
//! access to the brokers, and could write any record that a replica can.
//!
//! ```text
//!  Holdfast-Signature: 1767225600000.9f86d081…    ms since the epoch . HMAC-SHA256, hexadecimal
//!  of: the time, method, path and query, Holdfast-Forwarded, -Resumed, -Places, -Admin, Idempotency-Key, SHA-256 of the body
//! ```
//! A request without it is a client's: the headers that only replicas use are taken away before anybody reads them.

use super::handover::RESUMED;
use super::idempotency;
use super::peer::{FORWARDED, PLACES};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use hmac::{Hmac, Mac};
use holdfast_ports::membership::PeerSecret;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

/// Carries the signature.
pub const SIGNATURE: HeaderName = HeaderName::from_static("holdfast-signature");
/// Says that the replica that sends a request on has found it to be an admin's.
pub const VOUCHED: HeaderName = HeaderName::from_static("holdfast-admin");

/// Headers that are believed from replicas only.
const INTERNAL: [HeaderName; 4] = [FORWARDED, RESUMED, PLACES, VOUCHED];
/// How old or how early a signature may be: the clocks of two machines, and the way. A request that is caught on the way can be sent again for so long.
const VALID_MS: u64 = 30_000;
const LINES_EVERY_US: u64 = 1_000_000;
const SECRET_BYTES: usize = 32;
const MAC_BYTES: usize = 32;

/// Draws the secret of this process.
///
/// # Errors
/// When the system has no random numbers to give.
pub fn draw() -> Result<PeerSecret, getrandom::Error> {
    let mut secret = [0; SECRET_BYTES];
    getrandom::fill(&mut secret)?;
    Ok(PeerSecret::new(hexadecimal(&secret)))
}

/// What is signed of a request.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Path and query, as they are sent.
    pub target: &'a str,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its body.
    pub body: &'a [u8],
}

impl Signed<'_> {
    /// The value of [`SIGNATURE`] at `now_ms`, for the replica whose secret it is.
    #[must_use]
    pub fn sign(&self, secret: &PeerSecret, now_ms: i64) -> Option<HeaderValue> {
        let mac = self.mac(secret, now_ms)?.finalize().into_bytes();
        HeaderValue::try_from(format!("{now_ms}.{}", hexadecimal(&mac))).ok()
    }

    fn mac(&self, secret: &PeerSecret, at_ms: i64) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes()).ok()?;
        // Lengths first: ("ab", "c") is not ("a", "bc").
        let mut put = |part: &[u8]| {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        };
        put(&at_ms.to_be_bytes());
        put(self.method.as_str().as_bytes());
        put(self.target.as_bytes());
        for name in INTERNAL.iter().chain([&HeaderName::from_static(idempotency::HEADER)]) {
            let values = self.headers.get_all(name);
            put(&(values.iter().count() as u64).to_be_bytes());
            values.iter().for_each(|value| put(value.as_bytes()));
        }
        put(&Sha256::digest(self.body));
        Some(mac)
    }
}

/// Why a signature is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unverified {
    /// It is none.
    #[error("the signature cannot be read")]
    Unreadable,
    /// It is too old, or from the future.
    #[error("the signature is {by_ms} ms away from this worker's clock: do the clocks of the workers agree?")]
    Untimely {
        /// By how much.
        by_ms: u64,
    },
    /// It was made with another secret, or of another request.
    #[error("the signature is not of this worker's claim: it has started anew, or a stranger has signed")]
    Wrong,
}

/// Lines about signatures: one a second at most, whatever strangers send.
#[derive(Debug, Default)]
pub(super) struct Lines {
    last_us: AtomicU64,
}

impl Lines {
    /// Whether the last line was long enough ago. Then this is the last one.
    pub(super) fn is_worth_a_line(&self, now_us: u64) -> bool {
        let last_us = self.last_us.load(Ordering::Relaxed);
        let is_due = last_us == 0 || now_us.saturating_sub(last_us) >= LINES_EVERY_US;
        is_due && self.last_us.compare_exchange(last_us, now_us.max(1), Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// Whether the request says that a replica has signed it. Of any other the headers that only replicas use are removed.
pub(super) fn is_signed(parts: &mut Parts) -> bool {
    let is_signed = parts.headers.contains_key(SIGNATURE);
    if !is_signed {
        for name in &INTERNAL {
            parts.headers.remove(name);
        }
    }
    is_signed
}

/// Verifies a request with the secret of this process, and takes the signature off.
///
/// # Errors
/// [`Unverified`].
pub(super) fn verify(parts: &mut Parts, body: &[u8], secret: &PeerSecret, now_ms: i64) -> Result<(), Unverified> {
    let value = parts.headers.remove(SIGNATURE);
    let read = || {
        let (at_ms, mac) = value.as_ref()?.to_str().ok()?.split_once('.')?;
        Some((at_ms.parse::<i64>().ok()?, bytes(mac)?))
    };
    let (at_ms, given) = read().ok_or(Unverified::Unreadable)?;
    let by_ms = now_ms.abs_diff(at_ms);
    if by_ms > VALID_MS {
        return Err(Unverified::Untimely { by_ms });
    }
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let signed = Signed { method: &parts.method, target, headers: &parts.headers, body };
    let mac = signed.mac(secret, at_ms).ok_or(Unverified::Wrong)?;
    // In a time that does not depend on how much of it is right.
    mac.verify_slice(&given).map_err(|_| Unverified::Wrong)
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn bytes(text: &str) -> Option<[u8; MAC_BYTES]> {
    let mut bytes = [0; MAC_BYTES];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != MAC_BYTES || !rest.is_empty() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    const NOW_MS: i64 = 1_767_225_600_000;
    const BODY: &[u8] = b"{\"amount\":1000}";

    fn request() -> Parts {
        let request = Request::post("/reservations?x=1").header(FORWARDED, "1").header(RESUMED, "0-7-req_0_a");
        request.header("idempotency-key", "k").header("user-agent", "any").body(()).unwrap().into_parts().0
    }

    fn signed(secret: &PeerSecret) -> Parts {
        let mut parts = request();
        let target = parts.uri.path_and_query().unwrap().as_str();
        let of = Signed { method: &parts.method, target, headers: &parts.headers, body: BODY };
        let value = of.sign(secret, NOW_MS).unwrap();
        parts.headers.insert(SIGNATURE, value);
        parts
    }

    #[test]
    fn what_was_signed_is_believed_and_nothing_else() {
        let secret = draw().unwrap();
        let judged = |change: &dyn Fn(&mut Parts)| {
            let mut parts = signed(&secret);
            change(&mut parts);
            assert!(is_signed(&mut parts));
            verify(&mut parts, BODY, &secret, NOW_MS)
        };
        assert_eq!(judged(&|_| {}), Ok(()));
        assert_eq!(
            judged(&|parts| drop(parts.headers.insert("user-agent", HeaderValue::from_static("other")))),
            Ok(())
        );
        let text = HeaderValue::from_static;
        let changes: [&dyn Fn(&mut Parts); 9] = [
            &|parts| parts.method = Method::DELETE,
            &|parts| parts.uri = "/reservations?x=2".parse().unwrap(),
            &|parts| parts.uri = "/payments?x=1".parse().unwrap(),
            &|parts| drop(parts.headers.insert(RESUMED, text("0-8-req_0_a"))),
            &|parts| {
                parts.headers.append(RESUMED, text("0-7-req_0_a"));
            },
            &|parts| drop(parts.headers.remove(RESUMED)),
            &|parts| drop(parts.headers.insert(PLACES, text("0"))),
            &|parts| drop(parts.headers.insert(VOUCHED, text("1"))),
            &|parts| drop(parts.headers.insert("idempotency-key", text("l"))),
        ];
        for (nth, change) in changes.iter().enumerate() {
            assert_eq!(judged(change), Err(Unverified::Wrong), "change {nth}");
        }
        assert_eq!(verify(&mut signed(&secret), b"{}", &secret, NOW_MS), Err(Unverified::Wrong));
        assert_eq!(verify(&mut signed(&draw().unwrap()), BODY, &secret, NOW_MS), Err(Unverified::Wrong));
    }

    #[test]
    fn a_signature_is_good_for_a_moment() {
        let secret = draw().unwrap();
        let after = |ms: i64| verify(&mut signed(&secret), BODY, &secret, NOW_MS + ms);
        assert_eq!((after(30_000), after(-30_000)), (Ok(()), Ok(())));
        assert_eq!(after(30_001), Err(Unverified::Untimely { by_ms: 30_001 }));
        assert_eq!(after(-30_001), Err(Unverified::Untimely { by_ms: 30_001 }));
        let long = "a".repeat(MAC_BYTES * 2 + 2);
        for nonsense in ["", "x", "1", "1.", "x.00", &format!("{NOW_MS}.00"), &format!("{NOW_MS}.{long}")] {
            let mut parts = signed(&secret);
            parts.headers.insert(SIGNATURE, HeaderValue::try_from(nonsense).unwrap());
            assert_eq!(verify(&mut parts, BODY, &secret, NOW_MS), Err(Unverified::Unreadable), "{nonsense}");
        }
        let mut far = signed(&secret);
        far.headers.insert(SIGNATURE, HeaderValue::try_from(format!("{}.{}", i64::MIN, "0".repeat(64))).unwrap());
        assert!(matches!(verify(&mut far, BODY, &secret, NOW_MS), Err(Unverified::Untimely { .. })));
    }

    #[test]
    fn a_stranger_loses_what_only_replicas_say() {
        let mut parts = request();
        parts.headers.insert(VOUCHED, HeaderValue::from_static("1"));
        parts.headers.insert(PLACES, HeaderValue::from_static("0"));
        assert!(!is_signed(&mut parts));
        assert!(parts.headers.contains_key("idempotency-key") && parts.headers.len() == 2, "{:?}", parts.headers);
    }

    #[test]
    fn a_second_has_one_line() {
        let lines = Lines::default();
        let said = [5, 6, 1_000_004, 1_000_005, 1_000_006].map(|us| lines.is_worth_a_line(us));
        assert_eq!(said, [true, false, false, true, false]);
    }

    #[test]
    fn secrets_differ_and_are_not_shown() {
        let (one, other) = (draw().unwrap(), draw().unwrap());
        assert!(one != other && one.reveal().len() == SECRET_BYTES * 2);
        assert!(!format!("{one:?}").contains(one.reveal()));
    }
}
