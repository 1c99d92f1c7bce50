//! The claims of all apps, by place.

use crate::disk::Disk;
use crate::rows::claim;
use holdfast_ports::log::LogError;
use holdfast_ports::membership::Owner;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The claims that were made and not released.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    pub(crate) by_place: Mutex<BTreeMap<(Arc<str>, u32), Owner>>,
}

impl Claims {
    /// The claims that `disk` holds.
    pub(crate) fn load(disk: &Disk) -> Result<Self, LogError> {
        let mut by_place = BTreeMap::new();
        disk.each_row(claim::PREFIX, |key, value| {
            let (app, place) = claim::app_and_place(key)?;
            by_place.insert((Arc::from(app), place), claim::decode(value)?);
            Some(())
        })?;
        Ok(Self { by_place: Mutex::new(by_place) })
    }
}
