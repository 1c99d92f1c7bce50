//! A record in, counts changed.

use super::decide::{self, Decision, Move};
use super::{Ranking, buckets};
use crate::shell::{Case, CommandContext, Feature, Handled, Home};
use holdfast_engine::prelude::{ProcessError, Table, Topology};
use holdfast_model::ranking::keys::{DayKey, PopularKey, SoldOutKey};
use holdfast_model::ranking::message::RankingEvent;
use holdfast_model::ranking::row::ScheduleRow;
use holdfast_model::ranking::window::{SLIDING, Scopes, day_of};
use holdfast_model::ranking::{DAYS, NAME, PAYMENTS, POPULAR, SCHEDULES, SETTINGS, SOLD_OUT, Settings, TOTALS};
use holdfast_model::settings::SettingsRow;

impl Feature for Ranking {
    const NAME: &'static str = NAME;
    const SETTINGS: Option<&'static Table<u64, SettingsRow>> = Some(&SETTINGS);
    type Settings = Settings;
    type Buffers = ();
    type Message<'a> = RankingEvent<'a>;

    fn topology(settings: &Settings) -> Topology {
        super::topology(settings)
    }

    fn parse(value: Option<&[u8]>) -> Result<RankingEvent<'_>, ProcessError> {
        Ok(RankingEvent::parse(value)?)
    }

    fn home<'m>(event: &'m RankingEvent<'_>, (): &'m mut (), _places: u32) -> Result<Home<'m>, ProcessError> {
        Ok(Home::Key(&event.schedule_id))
    }

    fn decide(case: Case<'_, '_, Self>, event: &RankingEvent<'_>) -> Result<Handled, ProcessError> {
        case.answer(|cx| cx.event(event))
    }
}

impl CommandContext<'_, '_, Ranking> {
    fn event(&mut self, event: &RankingEvent<'_>) -> Result<(), ProcessError> {
        let payment_id = event.payment_id.to_string();
        let payment = self.ctx.get_kept(&PAYMENTS, &payment_id)?;
        let now_ms = self.ctx.now_ms();
        let (payment, moves) = match decide::event(event, payment, now_ms, self.settings.ranking_retention_ms) {
            Decision::Known => return Ok(()),
            Decision::TooOld => return self.too_old(),
            Decision::Another => {
                let what = format!("payment {payment_id:?} is not of schedule {:?}", event.schedule_id);
                return Err(ProcessError::refuse("AnotherSchedule", what));
            }
            Decision::New(payment, moves) => (payment, moves),
        };
        self.ctx.put_kept(&PAYMENTS, &payment_id, &payment)?;
        let schedule_id = event.schedule_id.to_string();
        self.schedule(&schedule_id, event, &moves)?;
        self.day(&schedule_id, &moves)?;
        self.sliding(&schedule_id, &moves)?;
        let mut totals = self.ctx.get(&TOTALS, &0)?.unwrap_or_default();
        decide::totals(&mut totals, &moves);
        self.ctx.put(&TOTALS, &0, &totals)
    }

    fn too_old(&mut self) -> Result<(), ProcessError> {
        let mut totals = self.ctx.get(&TOTALS, &0)?.unwrap_or_default();
        totals.too_old += 1;
        self.ctx.put(&TOTALS, &0, &totals)
    }

    /// All time, and the indexes over it.
    fn schedule(&mut self, id: &String, event: &RankingEvent<'_>, moves: &Move) -> Result<(), ProcessError> {
        let before = self.ctx.get(&SCHEDULES, id)?.unwrap_or_default();
        let mut after = before.clone();
        decide::schedule(&mut after, event, moves);
        self.ctx.put(&SCHEDULES, id, &after)?;
        let (old, new) = (popular_key(id, &before), popular_key(id, &after));
        if old != new {
            if let Some(old) = old {
                self.ctx.delete(&POPULAR, &old)?;
            }
            if let Some(new) = new {
                self.ctx.put(&POPULAR, &new, &())?;
            }
        }
        match after.sold_out.filter(|_| before.sold_out.is_none()) {
            Some(row) => {
                let (sold_out_ms, at_ms) = (row.sold_out_ms, row.at_ms);
                self.ctx.put(&SOLD_OUT, &SoldOutKey { sold_out_ms, at_ms, schedule_id: id.clone() }, &())
            }
            None => Ok(()),
        }
    }

    fn day(&mut self, schedule_id: &str, moves: &Move) -> Result<(), ProcessError> {
        if !moves.scopes.has(Scopes::DAY) {
            return Ok(());
        }
        let key = DayKey { day: day_of(moves.sale_ms), schedule_id: schedule_id.to_owned() };
        let mut row = self.ctx.get_kept(&DAYS, &key)?.unwrap_or_default();
        if !decide::day(&mut row, moves, self.ctx.now_ms()) {
            return Err(broken(&key.schedule_id, "day", moves));
        }
        self.ctx.put_kept(&DAYS, &key, &row)
    }

    fn sliding(&mut self, schedule_id: &String, moves: &Move) -> Result<(), ProcessError> {
        let now_ms = self.ctx.now_ms();
        for window in SLIDING.iter().filter(|window| moves.scopes.has(window.scope)) {
            let mut row = self.ctx.get_kept(window.table, schedule_id)?.unwrap_or_default();
            if !moves.is_returned {
                buckets::add(&mut row, window, moves.sale_ms, now_ms);
            } else if !buckets::take(&mut row, window, moves.sale_ms, now_ms) {
                return Err(broken(schedule_id, window.name, moves));
            }
            self.ctx.put_kept(window.table, schedule_id, &row)?;
        }
        Ok(())
    }
}

/// The row of a schedule in the index; `None` = it has none.
fn popular_key(schedule_id: &str, row: &ScheduleRow) -> Option<PopularKey> {
    let (count, reached_ms) = (row.count(), row.reached_ms);
    (count > 0).then(|| PopularKey { count, reached_ms, schedule_id: schedule_id.to_owned() })
}

/// A count that a sale was counted in counts none.
fn broken(schedule_id: &str, window: &str, moves: &Move) -> ProcessError {
    ProcessError::fail("BrokenRanking", format!("{schedule_id:?}, {window}: no sale of {} is counted", moves.sale_ms))
}
