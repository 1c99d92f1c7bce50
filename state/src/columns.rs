//! Which stores a task has: their numbers, their column families, and their slots in the overlay.

use holdfast_ports::store::{StoreError, StoreId, StoreSpec};

/// Column family of what is noted about the whole task.
pub(crate) const META: &str = "meta";
/// RocksDB insists on this one. Nothing is written to it.
pub(crate) const DEFAULT: &str = "default";

const NONE: u8 = u8::MAX;

/// The stores of one task, in the order of their numbers. A *slot* is the position in that order.
#[derive(Debug)]
pub(crate) struct Columns {
    specs: Box<[StoreSpec]>,
    /// Slot of each store number: a store's number is looked up several times for each record.
    slots: Box<[u8; 256]>,
}

impl Columns {
    /// # Errors
    /// [`StoreError::Fatal`] when two stores share a name or a number, or one has a name that is taken.
    pub(crate) fn new(specs: &[StoreSpec]) -> Result<Self, StoreError> {
        let mut specs: Box<[StoreSpec]> = specs.into();
        specs.sort_by_key(|spec| spec.id);
        let mut slots = Box::new([NONE; 256]);
        for (slot, spec) in specs.iter().enumerate() {
            if [META, DEFAULT, ""].contains(&spec.name) {
                return Err(StoreError::Fatal(format!("a store cannot be called {:?}", spec.name)));
            }
            if let Some(other) = specs[..slot].iter().find(|other| other.name == spec.name || other.id == spec.id) {
                return Err(StoreError::Fatal(format!(
                    "stores {:?} (number {}) and {:?} (number {}) cannot be told apart",
                    other.name, other.id.0, spec.name, spec.id.0
                )));
            }
            slots[usize::from(spec.id.0)] = u8::try_from(slot)
                .ok()
                .filter(|&slot| slot != NONE)
                .ok_or_else(|| StoreError::Fatal("a task has too many stores".into()))?;
        }
        Ok(Self { specs, slots })
    }

    /// # Errors
    /// [`StoreError::Fatal`] when the task has no such store.
    #[inline]
    pub(crate) fn slot(&self, id: StoreId) -> Result<usize, StoreError> {
        match self.slots[usize::from(id.0)] {
            NONE => Err(StoreError::Fatal(format!("the task has no store number {}", id.0))),
            slot => Ok(usize::from(slot)),
        }
    }

    /// Name of the column family in `slot`.
    #[inline]
    pub(crate) fn name(&self, slot: usize) -> &'static str {
        self.specs[slot].name
    }

    pub(crate) fn specs(&self) -> &[StoreSpec] {
        &self.specs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(id: u8, name: &'static str) -> StoreSpec {
        StoreSpec { id: StoreId(id), name }
    }

    #[test]
    fn slots_follow_the_numbers() {
        let columns = Columns::new(&[spec(7, "seats"), spec(255, "effects"), spec(0, "holds")]).expect("three stores");
        assert_eq!([0, 7, 255].map(|id| columns.slot(StoreId(id)).expect("known")), [0, 1, 2]);
        assert_eq!(columns.name(1), "seats");
        assert!(matches!(columns.slot(StoreId(1)), Err(StoreError::Fatal(_))));
    }

    #[test]
    fn stores_must_be_told_apart() {
        for pair in [
            [spec(1, "a"), spec(1, "b")],
            [spec(1, "a"), spec(2, "a")],
            [spec(1, "meta"), spec(2, "a")],
            [spec(1, "default"), spec(2, "a")],
        ] {
            assert!(matches!(Columns::new(&pair), Err(StoreError::Fatal(_))), "{pair:?}");
        }
    }
}
