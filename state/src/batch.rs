//! What one commit writes: an overlay that is closed. The thread that commits it and the one that reads on through it may be two.

use std::sync::Arc;

use holdfast_ports::store::{Batch, StoreError, Write};
use rocksdb::WriteBatch;

use crate::columns::Columns;
use crate::fault::Fault;
use crate::gate::Gate;
use crate::meta;
use crate::overlay::Overlay;
use crate::poison::Poison;

/// See the head of this file.
pub(crate) struct RocksBatch {
    pub(crate) overlay: Overlay,
    pub(crate) columns: Arc<Columns>,
    /// And not the database itself, which must close when its store is dropped.
    pub(crate) gate: Arc<Gate>,
    pub(crate) poison: Arc<Poison>,
    pub(crate) fault: Arc<Fault>,
}

impl Batch for RocksBatch {
    fn changes(&self, visit: &mut dyn FnMut(Write<'_>)) {
        self.overlay.changes(&mut |write| visit(write));
    }

    /// The offset comes last: were a batch ever torn, the rows would be ahead of the offset, which a restore repairs, and not behind it.
    fn commit(&self, changelog_next: i64) -> Result<(), StoreError> {
        self.poison.check()?;
        let db = self.gate.enter()?;
        let families = self.columns.specs().iter().map(|spec| db.column(spec.name)).collect::<Result<Vec<_>, _>>()?;
        let mut batch = WriteBatch::with_capacity_bytes(self.overlay.bytes() + self.overlay.bytes() / 4 + 64);
        self.overlay.in_order(|slot, (key, value)| match value {
            Some(value) => batch.put_cf(&families[slot], key, value),
            None => batch.delete_cf(&families[slot], key),
        });
        meta::put_changelog_next(&db, &mut batch, changelog_next)?;
        self.poison.keep(self.fault.strike().and_then(|()| db.write(batch)))
    }
}
