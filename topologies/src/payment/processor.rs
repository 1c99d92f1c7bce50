//! Wallets on the command shell: load, decide, store, send.

use crate::payment::decide::{self, Funds, Posting};
use crate::payment::{Payment, invariants, sinks};
use crate::shell::{Case, CommandContext, Event, Feature, Handled, Home, set};
use holdfast_engine::prelude::{ProcessError, Table, Topology};
use holdfast_model::payment::completed::{self, Completed};
use holdfast_model::payment::keys::LineKey;
use holdfast_model::payment::message::{Charge, Debit, Message, Refund};
use holdfast_model::payment::outcome::Refusal;
use holdfast_model::payment::refunded::{self, Refunded};
use holdfast_model::payment::row::{LineRow, Outcome, RefundMark};
use holdfast_model::payment::settled::{self, Settled};
use holdfast_model::payment::{self, CURRENCY, LEDGER, PAYMENTS, SETTINGS, STATEMENT, Settings, WALLETS};
use holdfast_model::settings::SettingsRow;

/// Texts and keys of the record in hand. The counter accounts are read and written with each decision, too: they lie in the overlay, and only their last
/// state of a commit is written out.
#[derive(Debug)]
pub(crate) struct Buffers {
    /// [`CURRENCY`], always.
    currency: String,
    /// The wallet in hand, and its next line.
    line_key: LineKey,
    seat_id: String,
}

impl Default for Buffers {
    fn default() -> Self {
        Self { currency: CURRENCY.to_owned(), line_key: LineKey::default(), seat_id: String::new() }
    }
}

impl Feature for Payment {
    const NAME: &'static str = payment::NAME;
    const SETTINGS: Option<&'static Table<u64, SettingsRow>> = Some(&SETTINGS);
    type Settings = Settings;
    type Buffers = Buffers;
    type Message<'a> = Message<'a>;

    fn topology(settings: &Settings) -> Topology {
        crate::payment::topology(settings)
    }

    fn parse(value: Option<&[u8]>) -> Result<Message<'_>, ProcessError> {
        Ok(Message::parse(value)?)
    }

    fn home<'m>(message: &'m Message<'_>, _: &'m mut Buffers, _: u32) -> Result<Home<'m>, ProcessError> {
        Ok(Home::Key(message.user_id()))
    }

    #[inline]
    fn decide(case: Case<'_, '_, Self>, message: &Message<'_>) -> Result<Handled, ProcessError> {
        match message {
            Message::Charge(charge) => case.once(charge, |cx| cx.charge(charge)),
            Message::Debit(debit) => case.once(debit, |cx| cx.debit(debit)),
            Message::Refund(refund) => case.once(refund, |cx| cx.refund(refund)),
        }
    }
}

impl CommandContext<'_, '_, Payment> {
    fn charge(&mut self, charge: &Charge<'_>) -> Result<Outcome, ProcessError> {
        let funds = self.funds(&charge.user_id)?;
        let decided = decide::charge(&funds, charge, self.settings);
        if let Ok(posting) = &decided {
            self.store_posting(posting)?;
        }
        Ok(outcome_of(&decided))
    }

    fn debit(&mut self, debit: &Debit<'_>) -> Result<Outcome, ProcessError> {
        let funds = self.funds(&debit.user_id)?;
        let decided = decide::debit(&funds, debit);
        match &decided {
            Ok(posting) => {
                self.store_posting(posting)?;
                self.send_settled(debit, None, posting.after.wallet.balance)?;
                self.send_completed(debit)?;
            }
            Err(refusal) => self.send_settled(debit, Some(*refusal), funds.wallet.balance)?,
        }
        Ok(outcome_of(&decided))
    }

    fn refund(&mut self, refund: &Refund<'_>) -> Result<Outcome, ProcessError> {
        let funds = self.funds(&refund.user_id)?;
        let payment_id = refund.payment_id.clone().into_owned();
        let payment = self.ctx.get(&PAYMENTS, &payment_id)?;
        let decided = decide::refund(&funds, payment.as_ref(), refund);
        if let (Ok(posting), Some(mut payment)) = (&decided, payment) {
            payment.refund = Some(RefundMark { refund_id: self.id.clone(), amount: refund.amount });
            self.ctx.put(&PAYMENTS, &payment_id, &payment)?;
            self.store_posting(posting)?;
        }
        self.send_refunded(refund, decided.as_ref().err().copied())?;
        Ok(outcome_of(&decided))
    }

    /// What `user_id` has, in KRW.
    pub(super) fn balance(&mut self, user_id: &str) -> Result<i64, ProcessError> {
        set(&mut self.buffers.line_key.user_id, user_id);
        Ok(self.ctx.get(&WALLETS, &self.buffers.line_key.user_id)?.unwrap_or_default().balance)
    }

    /// The user's wallet and the accounts of the place, their books checked. Sets the user of `line_key`.
    fn funds(&mut self, user_id: &str) -> Result<Funds, ProcessError> {
        let Self { ctx, buffers, .. } = self;
        set(&mut buffers.line_key.user_id, user_id);
        let wallet = ctx.get(&WALLETS, &buffers.line_key.user_id)?.unwrap_or_default();
        let ledger = ctx.get(&LEDGER, &buffers.currency)?.unwrap_or_default();
        let funds = Funds { wallet, ledger };
        check(user_id, &funds)?;
        Ok(funds)
    }

    /// Stores what moves for the user of `line_key`, and the line that says so.
    fn store_posting(&mut self, posting: &Posting) -> Result<(), ProcessError> {
        let Self { ctx, buffers, id, .. } = self;
        let Funds { wallet, ledger } = &posting.after;
        check(&buffers.line_key.user_id, &posting.after)?;
        ctx.put(&WALLETS, &buffers.line_key.user_id, wallet)?;
        ctx.put(&LEDGER, &buffers.currency, ledger)?;
        buffers.line_key.sequence = wallet.sequence;
        let line = LineRow {
            entry: posting.entry,
            amount: posting.amount,
            balance_after: wallet.balance,
            posted_ms: ctx.now_ms(),
            reference: id.as_str(),
        };
        ctx.put(&STATEMENT, &buffers.line_key, &line)
    }

    pub(super) fn send_settled(
        &mut self,
        debit: &Debit<'_>,
        refused: Option<Refusal>,
        balance_after: i64,
    ) -> Result<(), ProcessError> {
        let event = Event {
            id: &[self.id, ".settled"],
            kind: settled::EVENT_TYPE,
            to: &sinks::REPLIES,
            place: Some(debit.reply_place),
            key: &debit.schedule_id,
        };
        self.events.send(self.ctx, &event, |request_id, value| {
            Settled {
                request_id,
                payment_id: &debit.payment_id,
                reservation_id: &debit.reservation_id,
                schedule_id: &debit.schedule_id,
                user_id: &debit.user_id,
                refused,
                amount: debit.amount,
                balance_after,
            }
            .write(value);
        })
    }

    fn send_completed(&mut self, debit: &Debit<'_>) -> Result<(), ProcessError> {
        let Self { ctx, buffers, .. } = self;
        completed::write_seat_id(&mut buffers.seat_id, &debit.schedule_id, &debit.seat_no);
        let event = Event {
            id: &[self.id, ".completed"],
            kind: completed::EVENT_TYPE,
            to: &sinks::COMPLETED,
            // The user has brought the record here, and so brings the fact to the same place.
            place: Some(ctx.place()),
            key: &debit.user_id,
        };
        let time_ms = ctx.now_ms();
        self.events.send(ctx, &event, |event_id, value| {
            Completed {
                event_id,
                time_ms,
                payment_id: &debit.payment_id,
                user_id: &debit.user_id,
                reservation_id: &debit.reservation_id,
                seat_id: &buffers.seat_id,
                amount: debit.amount,
                schedule_id: &debit.schedule_id,
            }
            .write(value);
        })
    }

    pub(super) fn send_refunded(&mut self, refund: &Refund<'_>, refused: Option<Refusal>) -> Result<(), ProcessError> {
        let event = Event {
            // One that was given up may be paid when it is put back: that is another event.
            id: &[self.id, if refused.is_none() { ".refunded" } else { ".refused" }],
            kind: refunded::EVENT_TYPE,
            to: &sinks::REPLIES,
            place: Some(refund.reply_place),
            key: &refund.reservation_id,
        };
        let refund_id = &*self.id;
        self.events.send(self.ctx, &event, |request_id, value| {
            Refunded {
                request_id,
                refund_id,
                payment_id: &refund.payment_id,
                reservation_id: &refund.reservation_id,
                user_id: &refund.user_id,
                refused,
                amount: refund.amount,
            }
            .write(value);
        })
    }
}

fn check(user_id: &str, funds: &Funds) -> Result<(), ProcessError> {
    invariants::wallet(user_id, &funds.wallet)
        .and_then(|()| invariants::ledger(&funds.ledger))
        .map_err(|broken| ProcessError::fail("BrokenBooks", broken.to_string()))
}

fn outcome_of(decided: &Result<Posting, Refusal>) -> Outcome {
    match decided {
        Ok(posting) => posting.outcome(),
        Err(refusal) => Outcome::Refused(*refusal),
    }
}
