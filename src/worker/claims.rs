//! The claims of places, for a worker that joins no group (`--role api`): read from the placement topic, as everybody may.
//!
//! ```text
//!  topic  <app>-placement, partition = place
//!  key    claim
//!  value  {"endpoint":"http://10.0.0.7:3000","writer":"holdfast-w1-0","released":false}
//! ```

use crate::http::Claims;
use holdfast_engine::ports::log::{Fetcher, Log, LogError, Slot, Start};
use holdfast_engine::ports::membership::Owner;
use holdfast_engine::ports::record::{Record, TopicPartition};
use serde::Deserialize;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

const KEY: &[u8] = b"claim";
/// How long one wait for news lasts; also how soon a stop is noticed.
const TURN: Duration = Duration::from_millis(100);
/// Pause after a log that could not be read.
const RETRY: Duration = Duration::from_secs(1);

#[derive(Deserialize)]
struct Claim {
    endpoint: String,
    writer: String,
    #[serde(default)]
    released: bool,
}

/// Follows the claims of `app` until the returned sender is dropped.
///
/// # Errors
/// When the system gives no thread.
pub fn follow(log: Arc<dyn Log>, app: &str, places: u32, claims: Claims) -> std::io::Result<mpsc::Sender<()>> {
    let (stop, stopped) = mpsc::channel();
    let topic = format!("{app}-placement");
    thread::Builder::new().name("claims".to_owned()).spawn(move || {
        loop {
            if let Err(error) = read(&*log, &topic, places, &claims, &stopped) {
                tracing::warn!(topic, %error, "claims cannot be read, trying again");
            }
            if !matches!(stopped.recv_timeout(RETRY), Err(RecvTimeoutError::Timeout)) {
                return;
            }
        }
    })?;
    Ok(stop)
}

fn read(
    log: &dyn Log,
    topic: &str,
    places: u32,
    claims: &Claims,
    stopped: &mpsc::Receiver<()>,
) -> Result<(), LogError> {
    let mut fetcher = log.fetcher()?;
    let slots: Vec<Slot> = (0..places)
        .map(|place| fetcher.assign(&TopicPartition::new(topic, place), Start::Earliest))
        .collect::<Result<_, _>>()?;
    while matches!(stopped.try_recv(), Err(mpsc::TryRecvError::Empty)) {
        fetcher.wait(TURN)?;
        take_in(&mut *fetcher, &slots, claims)?;
    }
    Ok(())
}

fn take_in(fetcher: &mut dyn Fetcher, slots: &[Slot], claims: &Claims) -> Result<(), LogError> {
    fetcher.fetch(usize::MAX, &mut |slot, record| {
        if let Some(place) = slots.iter().position(|known| *known == slot)
            && record.key == Some(KEY)
        {
            claims.set(place, owner(record));
        }
        ControlFlow::Continue(())
    })?;
    Ok(())
}

fn owner(record: &Record<'_>) -> Option<Owner> {
    let claim: Claim = serde_json::from_slice(record.value?).ok()?;
    (!claim.released).then_some(Owner { endpoint: claim.endpoint, writer: claim.writer })
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_engine::ports::record::NoHeaders;

    #[test]
    fn a_released_claim_is_none() {
        let at = |value: &'static str| {
            owner(&Record {
                offset: 0,
                append_ms: 0,
                key: Some(KEY),
                value: Some(value.as_bytes()),
                headers: &NoHeaders,
            })
        };
        assert_eq!(at(r#"{"endpoint":"http://a","writer":"w"}"#).unwrap().endpoint, "http://a");
        assert_eq!(at(r#"{"endpoint":"http://a","writer":"w","released":true}"#), None);
        assert_eq!(at("x"), None);
    }
}
