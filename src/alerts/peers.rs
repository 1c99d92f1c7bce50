//! What the owners of other places say of themselves: when they have looked last, and which alerts they tell.

use super::notice::Identity;
use super::watch::Heard;
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

const EVERY: Duration = Duration::from_secs(1);
/// How long an answer is waited for: less than the pause between two questions.
const ANSWER_MAX: Duration = Duration::from_millis(900);

/// What an owner has answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PeerAnswer {
    /// When it has looked at its lag last, as it says it; `None` before its first look.
    pub looked: Option<String>,
    /// The alerts that it tells.
    pub firing: BTreeSet<Identity>,
}

/// An answer that is waited for.
pub type Asking<'a> = Pin<Box<dyn Future<Output = Option<PeerAnswer>> + Send + 'a>>;

/// The other workers, as far as they own places.
pub trait Peers: Send + Sync {
    /// Where this worker listens for peers.
    fn me(&self) -> &str;

    /// Where the owner of each place listens, `None` where nobody owns it. Index = place.
    fn owners(&self) -> Vec<Option<String>>;

    /// Asks the owner of `places` at `endpoint`; `None` when it does not answer.
    fn ask<'a>(&'a self, endpoint: &'a str, places: &'a [u32]) -> Asking<'a>;
}

/// What follows for this worker.
#[derive(Debug, Default)]
pub(super) struct Duties {
    /// Places that it watches.
    pub(super) places: BTreeSet<u32>,
    /// Alerts that another worker tells.
    pub(super) elsewhere: BTreeSet<Identity>,
}

/// Asks the peers once a second, for as long as it is polled.
pub(super) async fn follow(peers: Arc<dyn Peers>, duties: Arc<Mutex<Duties>>) {
    let mut heard = Heard::default();
    let mut look = tokio::time::interval(EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        let owners = peers.owners();
        let mut others: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for (place, owner) in (0_u32..).zip(&owners) {
            if let Some(owner) = owner.as_ref().filter(|owner| *owner != peers.me()) {
                others.entry(owner.clone()).or_default().push(place);
            }
        }
        heard.note_owners(&owners);
        let mut asking = JoinSet::new();
        for (endpoint, places) in others {
            let peers = peers.clone();
            asking.spawn(async move {
                let answer = tokio::time::timeout(ANSWER_MAX, peers.ask(&endpoint, &places)).await.ok().flatten();
                (endpoint, answer)
            });
        }
        let mut elsewhere = BTreeSet::new();
        while let Some(asked) = asking.join_next().await {
            let Ok((endpoint, answer)) = asked else { continue };
            heard.note(&endpoint, answer.as_ref().map(|answer| answer.looked.clone()));
            elsewhere.extend(answer.into_iter().flat_map(|answer| answer.firing));
        }
        *duties.lock() = Duties { places: heard.places_of(peers.me(), &owners), elsewhere };
    }
}
