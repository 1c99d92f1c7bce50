//! Committed state, for queries from other threads.

use std::ops::ControlFlow;
use std::sync::Arc;

use holdfast_ports::store::{Size, StoreError, StoreId, View, Visit};

use crate::columns::Columns;
use crate::gate::Gate;

/// Outlives the store it came from, without keeping its database open.
pub(crate) struct RocksView {
    gate: Arc<Gate>,
    columns: Arc<Columns>,
}

impl RocksView {
    pub(crate) fn new(gate: Arc<Gate>, columns: Arc<Columns>) -> Self {
        Self { gate, columns }
    }

    fn column(&self, store: StoreId) -> Result<&'static str, StoreError> {
        Ok(self.columns.name(self.columns.slot(store)?))
    }
}

impl View for RocksView {
    fn get(&self, store: StoreId, key: &[u8], read: &mut dyn FnMut(&[u8])) -> Result<bool, StoreError> {
        self.gate.enter()?.get(self.column(store)?, key, read)
    }

    fn scan(&self, store: StoreId, from: &[u8], to: Option<&[u8]>, visit: &mut Visit<'_>) -> Result<(), StoreError> {
        let db = self.gate.enter()?;
        let mut rows = db.cursor(self.column(store)?, from, to)?;
        while let Some((key, value)) = rows.item() {
            if let ControlFlow::Break(()) = visit(key, value) {
                return Ok(());
            }
            self.gate.check()?;
            rows.next();
        }
        rows.finish()
    }

    fn size(&self, store: StoreId) -> Result<Size, StoreError> {
        self.gate.enter()?.size(self.column(store)?)
    }
}
