//! Seats on the command shell: load, decide, store, send.

mod books;
mod commands;
mod coupons;
mod outbound;
mod purchase;
mod replies;
mod sweeps;
mod waitlist;
mod waitlist_notices;

use super::outcomes::Outcome;
use super::{GUARDED, Reservation};
use crate::guard;
use crate::shell::{Case, CommandContext, Feature, Handled, Home};
use holdfast_engine::prelude::{ProcessError, Table, Topology};
use holdfast_model::reservation::message::{Command, Message};
use holdfast_model::reservation::settings::Settings;
use holdfast_model::reservation::{self, ANSWERS, SETTINGS, ids};
use holdfast_model::settings::SettingsRow;

impl Feature for Reservation {
    const NAME: &'static str = reservation::NAME;
    const SETTINGS: Option<&'static Table<u64, SettingsRow>> = Some(&SETTINGS);
    type Settings = Settings;
    type Buffers = ();
    type Message<'a> = Message;

    fn topology(settings: &Settings) -> Topology {
        crate::reservation::topology(settings)
    }

    fn parse(value: Option<&[u8]>) -> Result<Message, ProcessError> {
        Ok(Message::parse(value)?)
    }

    #[inline]
    fn home<'m>(message: &'m Message, (): &'m mut (), _: u32) -> Result<Home<'m>, ProcessError> {
        let of = |reservation_id: &str| match ids::parse_reservation(reservation_id) {
            Some((place, _)) => Home::Place(place),
            None => Home::Anywhere,
        };
        Ok(match &message.command {
            Command::CreateConcert(c) => Home::Key(&c.concert_id),
            Command::CreateSchedule(c) => Home::Key(&c.schedule_id),
            Command::Hold(c) => Home::Key(&c.schedule_id),
            Command::CancelSchedule(c) => Home::Key(&c.schedule_id),
            Command::CancelNext(c) => Home::Key(&c.schedule_id),
            Command::Release(c) => of(&c.reservation_id),
            Command::Pay(c) => of(&c.reservation_id),
            Command::Cancel(c) => of(&c.reservation_id),
            Command::Extend(c) => of(&c.reservation_id),
            Command::Expire(c) => of(&c.reservation_id),
            Command::Settled(c) => of(&c.reservation_id),
            Command::Refunded(c) => of(&c.reservation_id),
            Command::CouponUsed(c) => of(&c.reservation_id),
            Command::CouponRefused(c) => of(&c.reservation_id),
            Command::Sweep(c) => Home::Key(&c.schedule_id),
            Command::JoinWaitlist(c) => Home::Key(&c.schedule_id),
            Command::LeaveWaitlist(c) => Home::Key(&c.schedule_id),
            Command::TellWaitlist(c) => Home::Key(&c.schedule_id),
            Command::Guard(c) => Home::Key(&c.subject.id),
        })
    }

    fn decide(case: Case<'_, '_, Self>, message: &Message) -> Result<Handled, ProcessError> {
        match &message.command {
            Command::CreateConcert(command) => once(case, message, |cx| cx.create_concert(command)),
            Command::CreateSchedule(command) => {
                once(case, message, |cx| cx.create_schedule(command, message.command.fingerprint()))
            }
            Command::Hold(command) => once(case, message, |cx| cx.hold(command, message.nonce.as_deref())),
            Command::Release(command) => once(case, message, |cx| cx.release(command)),
            Command::Pay(command) => once(case, message, |cx| cx.pay(command, message)),
            Command::Cancel(command) => once(case, message, |cx| cx.cancel(command)),
            Command::Extend(command) => once(case, message, |cx| cx.extend(command)),
            Command::CancelSchedule(command) => once(case, message, |cx| cx.cancel_schedule(command)),
            Command::Expire(command) => case.answer(|cx| cx.expire(command)),
            Command::Settled(command) => case.answer(|cx| cx.settled(command)),
            Command::Refunded(command) => case.answer(|cx| cx.refunded(command)),
            Command::CancelNext(command) => case.answer(|cx| cx.cancel_next(command)),
            Command::CouponUsed(command) => case.answer(|cx| cx.coupon_used(command)),
            Command::CouponRefused(command) => case.answer(|cx| cx.coupon_refused(command)),
            Command::Sweep(command) => case.answer(|cx| cx.sweep(command)),
            Command::JoinWaitlist(command) => {
                once(case, message, |cx| cx.join_waitlist(command, message.nonce.as_deref()))
            }
            Command::LeaveWaitlist(command) => once(case, message, |cx| cx.leave_waitlist(command)),
            Command::TellWaitlist(command) => case.answer(|cx| cx.tell_waitlist(command)),
            Command::Guard(message) => case.answer(|cx| guard::hear(cx.ctx, &GUARDED, message)),
        }
    }
}

/// [`Case::once`], which also keeps what was told where no row will say it: by the second rules.
#[inline]
fn once<'a, 'c>(
    case: Case<'a, 'c, Reservation>,
    message: &Message,
    decide: impl FnOnce(&mut CommandContext<'a, 'c, Reservation>) -> Result<Outcome, ProcessError>,
) -> Result<Handled, ProcessError> {
    case.once(message, |cx| {
        let outcome = decide(cx)?;
        if let Some(answer) = outcome.answer.as_ref().filter(|_| cx.settings.has_second_rules()) {
            cx.ctx.put(&ANSWERS, cx.id, answer)?;
        }
        Ok(outcome)
    })
}
