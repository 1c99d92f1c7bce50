//! The purchase that a queue has let a user in for.

use crate::guard;
use crate::reservation::{GUARDED, Reservation};
use crate::shell::CommandContext;
use holdfast_engine::prelude::ProcessError;
use holdfast_model::reservation::BUYERS;
use holdfast_model::reservation::keys::BuyerKey;
use holdfast_model::reservation::row::ReservationRow;

impl CommandContext<'_, '_, Reservation> {
    /// A reservation is confirmed: without another open hold its user is done with the schedule, and uses the admission up.
    pub(super) fn end_purchase(&mut self, row: &ReservationRow) -> Result<(), ProcessError> {
        let pass = guard::pass(self.ctx, &GUARDED, &row.schedule_id, &row.user_id)?;
        let Some(admission) = pass.admission() else { return Ok(()) };
        let key = BuyerKey { schedule_id: row.schedule_id.clone(), user_id: row.user_id.clone() };
        let open = self.ctx.get(&BUYERS, &key)?.unwrap_or_default().open;
        if open > 0 {
            return Ok(());
        }
        guard::use_up(self, &GUARDED, &row.schedule_id, &row.user_id, admission)
    }
}
