//! How a buyer asks: until he is answered, once, or without waiting for the answer.

use super::book::{Book, Told};
use crate::support::dice::Dice;
use crate::support::load::Doors;
use crate::support::wait;
use reqwest::Method;
use serde_json::Value;
use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Longer than a worker waits for a decision and for a move; whoever is silent longer has stopped.
const ANSWER_MAX: Duration = Duration::from_secs(6);
/// Between two attempts.
const AGAIN: Duration = Duration::from_millis(50);

/// A request.
pub(super) struct Wish {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Value,
    /// Codes with which it may be refused.
    pub(super) refusals: &'static [&'static str],
}

impl Wish {
    pub(super) fn post(path: &str, body: Value, refusals: &'static [&'static str]) -> Self {
        Self { method: Method::POST, path: path.to_owned(), body, refusals }
    }
}

pub(super) struct Client<'a> {
    doors: &'a Doors,
    book: &'a Book,
    done: &'a AtomicBool,
    http: reqwest::blocking::Client,
}

impl<'a> Client<'a> {
    pub(super) fn new(doors: &'a Doors, book: &'a Book, done: &'a AtomicBool) -> Self {
        let http = reqwest::blocking::Client::builder().timeout(ANSWER_MAX).build().unwrap();
        Self { doors, book, done, http }
    }

    /// Asks under `key` until he is told, at whichever door. When all go home he may have been told nothing.
    pub(super) fn insist(&self, wish: &Wish, key: &str, dice: &mut Dice) -> Told<Value> {
        loop {
            match self.ask(wish, Some(key), dice) {
                Told::Nothing | Told::NotAccepted if self.done.load(Ordering::SeqCst) => return Told::Nothing,
                Told::Nothing | Told::NotAccepted => wait::pass(AGAIN),
                told => return told,
            }
        }
    }

    /// Asks once.
    pub(super) fn ask(&self, wish: &Wish, key: Option<&str>, dice: &mut Dice) -> Told<Value> {
        let Some(door) = self.doors.any(dice.below(1_000)) else { return Told::NotAccepted };
        let mut request = self.http.request(wish.method.clone(), format!("{door}{}", wish.path)).json(&wish.body);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let answer = match request.send() {
            Ok(answer) => answer,
            Err(error) if error.is_connect() => return Told::NotAccepted,
            Err(_) => return Told::Nothing,
        };
        let status = answer.status().as_u16();
        let Ok(said) = answer.json::<Value>() else { return Told::Nothing };
        let code = said["code"].as_str().unwrap_or_default();
        match (status, code) {
            (200 | 201, _) => Told::Done(said),
            (202, _) | (503, "OUTCOME_UNKNOWN") => Told::Nothing,
            (503, "LOG_UNAVAILABLE" | "PLACE_UNAVAILABLE") => Told::NotAccepted,
            (402 | 404 | 409 | 410, code) if wish.refusals.contains(&code) => Told::Refused(code.to_owned()),
            _ => {
                self.book.surprise(format!("{} {} {}: {status} {said}", wish.method, wish.path, wish.body));
                Told::Nothing
            }
        }
    }

    /// Sends it, or the first `part` bytes of its body, and closes the connection: nobody hears the answer.
    pub(super) fn hang_up(&self, wish: &Wish, part: Option<usize>, dice: &mut Dice) {
        let Some(door) = self.doors.any(dice.below(1_000)) else { return };
        let (address, body) = (door.strip_prefix("http://").unwrap(), wish.body.to_string());
        let sent = &body[..part.unwrap_or(body.len()).min(body.len())];
        // A door that leads nowhere is no answer either.
        let Ok(mut connection) = TcpStream::connect(address) else { return };
        let _ = write!(
            connection,
            "{} {} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{sent}",
            wish.method,
            wish.path,
            body.len()
        );
    }
}
