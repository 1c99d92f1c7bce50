//! Holds that nothing has ended.

use crate::reservation::Reservation;
use crate::reservation::decide;
use crate::shell::CommandContext;
use holdfast_engine::prelude::ProcessError;
use holdfast_model::reservation::keys::SeatKey;
use holdfast_model::reservation::message::Sweep;
use holdfast_model::reservation::row::{ReservationRow, ScheduleRow, SweepRow};
use holdfast_model::reservation::{RESERVATIONS, SWEEPS, TAKEN};
use std::ops::ControlFlow;

/// How many seats one sweep looks at: others wait meanwhile.
const SEATS_MAX: usize = 1_000;

impl CommandContext<'_, '_, Reservation> {
    /// Sees to it that somebody looks after a hold that was just made. A schedule that had open holds before it is looked after.
    pub(super) fn look_after(&mut self, row: &ReservationRow, schedule: &ScheduleRow) -> Result<(), ProcessError> {
        if schedule.held > 1 || self.ctx.contains(&SWEEPS, &row.schedule_id)? {
            return Ok(());
        }
        let due_ms = row.expires_ms.saturating_add(self.settings.overdue_grace_ms.max(0));
        self.arm_sweep(&row.schedule_id, SweepRow { due_ms, from_seat: 0 })
    }

    /// Ends what is overdue. There is one sweep due for a schedule and no more, and any other is known.
    pub(super) fn sweep(&mut self, command: &Sweep) -> Result<(), ProcessError> {
        let this = SweepRow { due_ms: command.due_at, from_seat: command.from_seat };
        if self.ctx.get(&SWEEPS, &command.schedule_id)? != Some(this) {
            return Ok(());
        }
        let (mut taken, mut next_seat) = (Vec::new(), None);
        let prefix = SeatKey::prefix_of_schedule(&command.schedule_id);
        let first = SeatKey { schedule_id: command.schedule_id.clone(), seat_no: this.from_seat };
        self.ctx.scan_from(&TAKEN, &prefix, &first, &mut |key, row| {
            if taken.len() == SEATS_MAX {
                next_seat = Some(key.seat_no);
                return ControlFlow::Break(());
            }
            taken.push(row.serial);
            ControlFlow::Continue(())
        })?;
        let now_ms = self.ctx.now_ms();
        for serial in taken {
            let row = self.ctx.get(&RESERVATIONS, &serial)?;
            if let Some(row) = row.filter(|row| decide::is_overdue(row, now_ms)) {
                self.run_out(serial, row)?;
            }
        }
        if let Some(from_seat) = next_seat {
            // Later than this one by a ms, so that it is another one.
            let due_ms = this.due_ms.max(now_ms).saturating_add(1);
            return self.arm_sweep(&command.schedule_id, SweepRow { due_ms, from_seat });
        }
        if self.schedule(&command.schedule_id)?.is_none_or(|schedule| schedule.held == 0) {
            return self.ctx.delete(&SWEEPS, &command.schedule_id);
        }
        let due_ms = decide::next_sweep(this.due_ms, self.settings, now_ms);
        self.arm_sweep(&command.schedule_id, SweepRow { due_ms, from_seat: 0 })
    }

    fn arm_sweep(&mut self, schedule_id: &str, sweep: SweepRow) -> Result<(), ProcessError> {
        self.ctx.put(&SWEEPS, &schedule_id.to_owned(), &sweep)?;
        self.send_sweep(schedule_id, sweep)
    }
}
