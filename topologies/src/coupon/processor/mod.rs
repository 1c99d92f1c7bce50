//! Coupons on the command shell: load, decide, store, send.

mod commands;
mod issuing;
mod redemption;

use super::{Coupon, GUARDED};
use crate::coupon::invariants;
use crate::guard;
use crate::shell::{Case, CommandContext, Feature, Handled, Home, set};
use holdfast_engine::prelude::{ProcessError, Table, Topology, place_of};
use holdfast_model::coupon::coupon_id::CouponId;
use holdfast_model::coupon::keys::{CouponKey, IssuedKey};
use holdfast_model::coupon::message::{
    AdjustStock, Command, CreatePolicy, IssueRequest, Message, ReturnCoupon, UseForPayment,
};
use holdfast_model::coupon::row::PolicyRow;
use holdfast_model::coupon::{self, POLICIES, SETTINGS, Settings};
use holdfast_model::settings::SettingsRow;

/// Texts and keys of the record in hand.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    /// Key of the policy's records. Set by [`Feature::home`].
    inbox_key: String,
    issued_key: IssuedKey,
    coupon_key: CouponKey,
    /// Whether `coupon_key` is the coupon that the message names: its id was not made up. Set by [`Feature::home`].
    names_coupon: bool,
    coupon_id: String,
    text: String,
}

impl Feature for Coupon {
    const NAME: &'static str = coupon::NAME;
    const SETTINGS: Option<&'static Table<u64, SettingsRow>> = Some(&SETTINGS);
    type Settings = Settings;
    type Buffers = Buffers;
    type Message<'a> = Message<'a>;

    fn topology(settings: &Settings) -> Topology {
        crate::coupon::topology_with(settings)
    }

    fn parse(value: Option<&[u8]>) -> Result<Message<'_>, ProcessError> {
        Ok(Message::parse(value)?)
    }

    fn home<'m>(message: &'m Message<'_>, buffers: &'m mut Buffers, places: u32) -> Result<Home<'m>, ProcessError> {
        match message {
            Message::Issue(IssueRequest { policy_id, .. }) => Ok(buffers.home_of_policy(policy_id)),
            Message::Command(
                Command::CreatePolicy(CreatePolicy { policy_id, .. })
                | Command::AdjustStock(AdjustStock { policy_id, .. }),
            ) => Ok(buffers.home_of_policy(policy_id)),
            Message::Guard(message) => Ok(buffers.home_of_policy(&message.subject.id)),
            Message::Command(Command::UseCoupon(command)) => {
                Ok(buffers.home_of_coupon(&command.coupon_id, places).unwrap_or(Home::Anywhere))
            }
            Message::Use(UseForPayment { coupon_id, reply_place, .. }) => {
                // A reply that no place can take is known before anything is decided.
                if *reply_place >= places {
                    let why = format!("replyPlace {reply_place}: there are {places} places");
                    return Err(ProcessError::refuse("InvalidField", why));
                }
                Ok(buffers.home_of_coupon(coupon_id, places).unwrap_or(Home::Anywhere))
            }
            Message::Return(ReturnCoupon { coupon_id, .. }) => {
                let unknown = || ProcessError::refuse("UnknownCoupon", format!("{coupon_id:?} is no coupon of ours"));
                buffers.home_of_coupon(coupon_id, places).ok_or_else(unknown)
            }
        }
    }

    #[inline]
    fn decide(case: Case<'_, '_, Self>, message: &Message<'_>) -> Result<Handled, ProcessError> {
        match message {
            Message::Issue(request) => case.once(request, |cx| cx.issue(request)),
            Message::Command(command) => case.once(command, |cx| cx.command(command)),
            Message::Use(wish) => case.once(wish, |cx| cx.redeem(wish)),
            // Nobody waits for it, and it is still owed: it comes when the record is put back.
            Message::Return(wish) => case.answer(|cx| cx.give_back(wish)),
            Message::Guard(message) => case.answer(|cx| guard::hear(cx.ctx, &GUARDED, message)),
        }
    }
}

impl Buffers {
    fn home_of_policy(&mut self, policy_id: &str) -> Home<'_> {
        coupon::write_inbox_key(&mut self.inbox_key, policy_id);
        Home::Key(&self.inbox_key)
    }

    /// Sets `coupon_key` as well. An id whose place is not its policy's was made up: it is unknown wherever it turns up.
    fn home_of_coupon(&mut self, coupon_id: &str, places: u32) -> Option<Home<'_>> {
        self.names_coupon = false;
        let id = CouponId::parse(coupon_id)?;
        coupon::write_inbox_key(&mut self.inbox_key, id.policy_id);
        if id.place != place_of(self.inbox_key.as_bytes(), places) {
            return None;
        }
        set(&mut self.coupon_key.policy_id, id.policy_id);
        self.coupon_key.serial = id.serial;
        self.names_coupon = true;
        Some(Home::Key(&self.inbox_key))
    }
}

impl CommandContext<'_, '_, Coupon> {
    /// The policy named in `issued_key`, its books checked.
    fn policy(&mut self) -> Result<Option<PolicyRow>, ProcessError> {
        let policy_id = &self.buffers.issued_key.policy_id;
        let policy = self.ctx.get(&POLICIES, policy_id)?;
        if let Some(policy) = &policy {
            invariants::policy(policy_id, policy)
                .map_err(|broken| ProcessError::fail("BrokenPolicy", broken.to_string()))?;
        }
        Ok(policy)
    }
}
