//! Stop loudly, stay stopped. After a failed write nobody knows what is on the disk, and a later success would hide it: the way back is to close the
//! store and restore from the committed state.
//!
//! The caution is from "Can Applications Recover from fsync Failures?" (Rebello et al., 2020): a file system may forget that it failed.

use std::sync::OnceLock;

use holdfast_ports::store::StoreError;

/// Whether a store has failed, and the first reason.
#[derive(Debug, Default)]
pub(crate) struct Poison(OnceLock<String>);

impl Poison {
    /// Refuses with the first reason, once there is one.
    #[inline]
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        match self.0.get() {
            None => Ok(()),
            Some(reason) => Err(StoreError::Poisoned(reason.clone())),
        }
    }

    /// Passes `result` on, and keeps the reason when it is one to stop for.
    #[inline]
    pub(crate) fn keep<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(StoreError::Poisoned(reason)) = &result {
            let first = self.0.get_or_init(|| reason.clone());
            tracing::error!(%reason, %first, "store is poisoned: it refuses everything until it is opened again");
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_stays() {
        let poison = Poison::default();
        assert!(poison.check().is_ok());
        assert!(poison.keep::<()>(Err(StoreError::Corrupt("a block".into()))).is_err());
        assert!(poison.check().is_ok());
        for reason in ["no space", "no disk"] {
            assert!(poison.keep::<()>(Err(StoreError::Poisoned(reason.into()))).is_err());
        }
        assert!(matches!(poison.check(), Err(StoreError::Poisoned(reason)) if reason == "no space"));
    }
}
