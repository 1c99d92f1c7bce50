//! Questions that concern all places: what runs here is asked here, the rest of the peers that own it. An answer is whole or it is none.

use super::Api;
use super::error::ApiError;
use super::intake::{Asked, Owner};
use super::peer::PLACES;
use bytes::Bytes;
use holdfast_engine::inspect::TaskView;
use std::collections::BTreeMap;

impl Asked {
    /// The places that a peer asks about; `None`: all there are.
    fn places(&self) -> Option<Vec<u32>> {
        let list = self.headers.get(PLACES).filter(|_| self.is_forwarded())?.to_str().ok()?;
        Some(list.split(',').filter_map(|place| place.parse().ok()).collect())
    }
}

impl Api {
    /// Calls `here` with each place of `topology` that runs in this worker, and returns what the peers say to the same question about the others: a body
    /// from each that knows something.
    ///
    /// # Errors
    /// [`ApiError::PlaceUnavailable`] when a place has nobody who answers for it; what `here` returns.
    pub async fn scatter(
        &self,
        topology: &str,
        asked: &Asked,
        mut here: impl FnMut(&TaskView) -> Result<(), ApiError> + Send,
    ) -> Result<Vec<Bytes>, ApiError> {
        let mut peers: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for place in asked.places().unwrap_or_else(|| (0..self.settings.places).collect()) {
            match self.owner(topology, place, asked)? {
                Owner::Here(view) => here(&view)?,
                Owner::There(endpoint) => peers.entry(endpoint).or_default().push(place),
            }
        }
        let mut bodies = Vec::new();
        for (endpoint, places) in peers {
            let path = asked.uri.path_and_query().map_or("/", |path| path.as_str());
            bodies.extend(self.peers.read(&endpoint, &places, path).await?);
        }
        Ok(bodies)
    }
}
