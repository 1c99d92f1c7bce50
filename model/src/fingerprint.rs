//! Fingerprints of commands: FNV-1a over their JSON. Rows keep them, so the function stays what it is; by them a command that comes again is told from another one
//! under the same id.

use crate::json;
use serde::Serialize;

/// The fingerprint of nothing: where FNV-1a begins.
pub(crate) const START: u64 = 0xcbf2_9ce4_8422_2325;

/// The fingerprint of `command`'s JSON.
pub(crate) fn of_json(command: &impl Serialize) -> u64 {
    let mut hash = Fnv(START);
    // Texts and numbers always encode, there is no failing Serialize in a command, and a hash takes any byte.
    let hashed = serde_json::to_writer(&mut hash, command);
    debug_assert!(hashed.is_ok());
    hash.0
}

/// `hash`, and then these bytes.
pub(crate) const fn and(hash: u64, bytes: &[u8]) -> u64 {
    let (mut hash, mut at) = (hash, 0);
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}

/// `hash`, and then a text as JSON has it.
pub(crate) fn and_text(hash: u64, text: &str) -> u64 {
    if json::is_plain(text) {
        return and(and(and(hash, b"\""), text.as_bytes()), b"\"");
    }
    let mut escaped = Vec::new();
    json::put_text(&mut escaped, text);
    and(hash, &escaped)
}

/// FNV-1a of what is written to it.
struct Fnv(u64);

impl std::io::Write for Fnv {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = and(self.0, bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
