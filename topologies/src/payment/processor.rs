//! Load, decide, store, send: what surrounds a decision.

use crate::payment::decide::{self, Funds, Posting, Seen};
use crate::payment::{invariants, sinks};
use crate::shell::Origin;
use crate::shell::reused;
use crate::shell::set;
use holdfast_engine::prelude::{Context, Output, ProcessError, Processor, Record, Sink};
use holdfast_model::envelope::{self, Envelope};
use holdfast_model::payment;
use holdfast_model::payment::completed::{self, Completed};
use holdfast_model::payment::keys::LineKey;
use holdfast_model::payment::message::{Charge, Debit, Message, Refund};
use holdfast_model::payment::outcome::Refusal;
use holdfast_model::payment::refunded::{self, Refunded};
use holdfast_model::payment::row::{ChargeRow, DiscountRow, LineRow, Outcome, PaymentRow, RefundMark, RefundRow};
use holdfast_model::payment::settled::{self, Settled};
use holdfast_model::payment::{CHARGES, CURRENCY, LEDGER, PAYMENTS, REFUNDS, STATEMENT, Settings, WALLETS};

/// Decides the inbox of one place. Its fields are buffers, cleared for each record, and constants: nothing is carried from one record to the next, so
/// a record that is rolled back leaves nothing behind. The counter accounts are read and written with each decision, too: they lie in the overlay,
/// and only their last state of a commit is written out.
#[derive(Debug)]
pub(super) struct PaymentProcessor {
    settings: Settings,
    currency: String,
    /// Id of the charge, payment or refund in hand.
    id: String,
    /// The wallet in hand, and its next line.
    line_key: LineKey,
    event_id: String,
    seat_id: String,
    value: Vec<u8>,
    /// `ce_source` of all it sends: the same for the life of the task.
    source: String,
}

impl Processor for PaymentProcessor {
    fn process(&mut self, ctx: &mut Context<'_>, record: &Record<'_>) -> Result<(), ProcessError> {
        let message = Message::parse(record.value)?;
        if !is_at_home(ctx, &message) {
            return ctx.forward(record, message.user_id().as_bytes());
        }
        self.know_place(ctx);
        let origin = Origin::of(record);
        if origin.is_given_up() {
            return self.give_up(ctx, &message, &origin);
        }
        match message {
            Message::Charge(charge) => self.charge(ctx, &charge, &origin),
            Message::Debit(debit) => self.debit(ctx, &debit, &origin),
            Message::Refund(refund) => self.refund(ctx, &refund, &origin),
        }
    }

    fn gave_up(&mut self, ctx: &mut Context<'_>, record: &Record<'_>, why: &ProcessError) -> Result<(), ProcessError> {
        // A refused record was never accepted, or it is a second one under a decided id: it has no outcome of its own.
        if matches!(why, ProcessError::Refuse { .. }) {
            return Ok(());
        }
        let Ok(message) = Message::parse(record.value) else { return Ok(()) };
        // What could not be forwarded: a client asks for its outcome in its own place.
        if !is_at_home(ctx, &message) {
            return ctx.give_up_at(record, message.user_id().as_bytes(), &message.to_json());
        }
        self.know_place(ctx);
        self.give_up(ctx, &message, &Origin::of(record))
    }
}

const GIVEN_UP: Outcome = Outcome::Refused(Refusal::System);

impl PaymentProcessor {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            currency: CURRENCY.to_owned(),
            id: String::new(),
            line_key: LineKey::default(),
            event_id: String::new(),
            seat_id: String::new(),
            value: Vec::new(),
            source: String::new(),
        }
    }

    fn know_place(&mut self, ctx: &Context<'_>) {
        if self.source.is_empty() {
            self.source = envelope::source(payment::NAME, ctx.place());
        }
    }

    fn charge(&mut self, ctx: &mut Context<'_>, charge: &Charge<'_>, origin: &Origin<'_>) -> Result<(), ProcessError> {
        self.identify(ctx, charge.identity(), origin);
        let earlier = ctx.get(&CHARGES, &self.id)?;
        match decide::seen_charge(earlier.as_ref(), charge, origin.is_redriven()) {
            Seen::Never | Seen::GivenUp => {}
            Seen::Before => return Ok(()),
            Seen::Another => return Err(reused(&self.id)),
        }
        let funds = self.funds(ctx, &charge.user_id)?;
        let decided = decide::charge(&funds, charge, &self.settings);
        self.store_charge(ctx, charge, outcome_of(&decided))?;
        decided.map_or(Ok(()), |posting| self.store_posting(ctx, &posting))
    }

    fn debit(&mut self, ctx: &mut Context<'_>, debit: &Debit<'_>, origin: &Origin<'_>) -> Result<(), ProcessError> {
        check_reply_place(ctx, debit.reply_place)?;
        set(&mut self.id, &debit.payment_id);
        let earlier = ctx.get(&PAYMENTS, &self.id)?;
        match decide::seen_debit(earlier.as_ref(), debit) {
            Seen::Never | Seen::GivenUp => {}
            Seen::Before => return Ok(()),
            Seen::Another => return Err(reused(&self.id)),
        }
        let funds = self.funds(ctx, &debit.user_id)?;
        let decided = decide::debit(&funds, debit);
        self.store_payment(ctx, debit, outcome_of(&decided))?;
        match decided {
            Ok(posting) => {
                self.store_posting(ctx, &posting)?;
                self.send_settled(ctx, debit, origin, None, posting.after.wallet.balance)?;
                self.send_completed(ctx, debit, origin)
            }
            Err(refusal) => self.send_settled(ctx, debit, origin, Some(refusal), funds.wallet.balance),
        }
    }

    fn refund(&mut self, ctx: &mut Context<'_>, refund: &Refund<'_>, origin: &Origin<'_>) -> Result<(), ProcessError> {
        check_reply_place(ctx, refund.reply_place)?;
        self.identify(ctx, refund.identity(), origin);
        let earlier = ctx.get(&REFUNDS, &self.id)?;
        match decide::seen_refund(earlier.as_ref(), refund, origin.is_redriven()) {
            Seen::Never | Seen::GivenUp => {}
            Seen::Before => return Ok(()),
            Seen::Another => return Err(reused(&self.id)),
        }
        let funds = self.funds(ctx, &refund.user_id)?;
        let payment_id = refund.payment_id.clone().into_owned();
        let payment = ctx.get(&PAYMENTS, &payment_id)?;
        let decided = decide::refund(&funds, payment.as_ref(), refund);
        self.store_refund(ctx, refund, outcome_of(&decided))?;
        if let (Ok(posting), Some(mut payment)) = (decided, payment) {
            payment.refund = Some(RefundMark { refund_id: self.id.clone(), amount: refund.amount });
            ctx.put(&PAYMENTS, &payment_id, &payment)?;
            self.store_posting(ctx, &posting)?;
        }
        self.send_refunded(ctx, refund, origin, decided.err())
    }

    /// Sets `id`: what the message says, or where its record entered the log.
    fn identify(&mut self, ctx: &Context<'_>, identity: Option<&str>, origin: &Origin<'_>) {
        match identity {
            Some(identity) => set(&mut self.id, identity),
            None => self.id = origin.identity((ctx.topic(), ctx.place(), ctx.offset())),
        }
    }

    /// The user's wallet and the accounts of the place, their books checked. Sets the user of `line_key`.
    fn funds(&mut self, ctx: &mut Context<'_>, user_id: &str) -> Result<Funds, ProcessError> {
        set(&mut self.line_key.user_id, user_id);
        let wallet = ctx.get(&WALLETS, &self.line_key.user_id)?.unwrap_or_default();
        let ledger = ctx.get(&LEDGER, &self.currency)?.unwrap_or_default();
        let funds = Funds { wallet, ledger };
        self.check(&funds)?;
        Ok(funds)
    }

    fn check(&self, funds: &Funds) -> Result<(), ProcessError> {
        invariants::wallet(&self.line_key.user_id, &funds.wallet)
            .and_then(|()| invariants::ledger(&funds.ledger))
            .map_err(|broken| ProcessError::fail("BrokenBooks", broken.to_string()))
    }

    /// Stores what moves for the user of `line_key`, and the line that says so.
    fn store_posting(&mut self, ctx: &mut Context<'_>, posting: &Posting) -> Result<(), ProcessError> {
        let Funds { wallet, ledger } = &posting.after;
        self.check(&posting.after)?;
        ctx.put(&WALLETS, &self.line_key.user_id, wallet)?;
        ctx.put(&LEDGER, &self.currency, ledger)?;
        self.line_key.sequence = wallet.sequence;
        let line = LineRow {
            entry: posting.entry,
            amount: posting.amount,
            balance_after: wallet.balance,
            posted_ms: ctx.now_ms(),
            reference: &*self.id,
        };
        ctx.put(&STATEMENT, &self.line_key, &line)
    }

    fn store_charge(&self, ctx: &mut Context<'_>, charge: &Charge<'_>, outcome: Outcome) -> Result<(), ProcessError> {
        let row = ChargeRow { user_id: &*charge.user_id, amount: charge.amount, decided_ms: ctx.now_ms(), outcome };
        ctx.put(&CHARGES, &self.id, &row)
    }

    fn store_payment(&self, ctx: &mut Context<'_>, debit: &Debit<'_>, outcome: Outcome) -> Result<(), ProcessError> {
        let discount = debit.discount.as_ref();
        let row = PaymentRow {
            user_id: &*debit.user_id,
            reservation_id: &*debit.reservation_id,
            schedule_id: &*debit.schedule_id,
            seat_no: &*debit.seat_no,
            price: debit.price,
            discount: discount.map(|d| DiscountRow { coupon_id: &*d.coupon_id, amount: d.amount }),
            amount: debit.amount,
            decided_ms: ctx.now_ms(),
            outcome,
            refund: None,
        };
        ctx.put(&PAYMENTS, &self.id, &row)
    }

    fn store_refund(&self, ctx: &mut Context<'_>, refund: &Refund<'_>, outcome: Outcome) -> Result<(), ProcessError> {
        let row = RefundRow {
            user_id: &*refund.user_id,
            payment_id: &*refund.payment_id,
            reservation_id: &*refund.reservation_id,
            amount: refund.amount,
            fee: refund.fee,
            reason: &*refund.reason,
            decided_ms: ctx.now_ms(),
            outcome,
        };
        ctx.put(&REFUNDS, &self.id, &row)
    }

    fn send_settled(
        &mut self,
        ctx: &mut Context<'_>,
        debit: &Debit<'_>,
        origin: &Origin<'_>,
        refused: Option<Refusal>,
        balance_after: i64,
    ) -> Result<(), ProcessError> {
        self.name_event(".settled");
        self.value.clear();
        Settled {
            request_id: &self.event_id,
            payment_id: &debit.payment_id,
            reservation_id: &debit.reservation_id,
            schedule_id: &debit.schedule_id,
            user_id: &debit.user_id,
            refused,
            amount: debit.amount,
            balance_after,
        }
        .write(&mut self.value);
        self.send(ctx, origin, settled::EVENT_TYPE, &sinks::REPLIES, debit.reply_place, debit.schedule_id.as_bytes())
    }

    fn send_completed(
        &mut self,
        ctx: &mut Context<'_>,
        debit: &Debit<'_>,
        origin: &Origin<'_>,
    ) -> Result<(), ProcessError> {
        self.name_event(".completed");
        completed::write_seat_id(&mut self.seat_id, &debit.schedule_id, &debit.seat_no);
        self.value.clear();
        Completed {
            event_id: &self.event_id,
            time_ms: ctx.now_ms(),
            payment_id: &debit.payment_id,
            user_id: &debit.user_id,
            reservation_id: &debit.reservation_id,
            seat_id: &self.seat_id,
            amount: debit.amount,
            schedule_id: &debit.schedule_id,
        }
        .write(&mut self.value);
        // The user has brought the record here, so he brings the fact to the same place.
        self.send(ctx, origin, completed::EVENT_TYPE, &sinks::COMPLETED, ctx.place(), debit.user_id.as_bytes())
    }

    fn send_refunded(
        &mut self,
        ctx: &mut Context<'_>,
        refund: &Refund<'_>,
        origin: &Origin<'_>,
        refused: Option<Refusal>,
    ) -> Result<(), ProcessError> {
        // One that was given up may be paid when it is put back: that is another event.
        self.name_event(if refused.is_none() { ".refunded" } else { ".refused" });
        self.value.clear();
        Refunded {
            request_id: &self.event_id,
            refund_id: &self.id,
            payment_id: &refund.payment_id,
            reservation_id: &refund.reservation_id,
            user_id: &refund.user_id,
            refused,
            amount: refund.amount,
        }
        .write(&mut self.value);
        self.send(
            ctx,
            origin,
            refunded::EVENT_TYPE,
            &sinks::REPLIES,
            refund.reply_place,
            refund.reservation_id.as_bytes(),
        )
    }

    /// Sets `event_id`: what happened to the one in hand.
    fn name_event(&mut self, step: &str) {
        set(&mut self.event_id, &self.id);
        self.event_id.push_str(step);
    }

    /// Sends `value` as the event `event_id`.
    fn send(
        &self,
        ctx: &mut Context<'_>,
        origin: &Origin<'_>,
        kind: &str,
        to: &Sink,
        place: u32,
        key: &[u8],
    ) -> Result<(), ProcessError> {
        let envelope = Envelope {
            id: &self.event_id,
            source: &self.source,
            kind,
            time_ms: ctx.now_ms(),
            traceparent: origin.traceparent,
        };
        envelope.with_headers(|headers| {
            ctx.send_output(&Output { to, place: Some(place), key: Some(key), value: Some(&self.value), headers })
        })
    }

    fn give_up(
        &mut self,
        ctx: &mut Context<'_>,
        message: &Message<'_>,
        origin: &Origin<'_>,
    ) -> Result<(), ProcessError> {
        match message {
            Message::Charge(charge) => self.give_up_charge(ctx, charge, origin),
            Message::Debit(debit) => self.give_up_debit(ctx, debit, origin),
            Message::Refund(refund) => self.give_up_refund(ctx, refund, origin),
        }
    }

    fn give_up_charge(
        &mut self,
        ctx: &mut Context<'_>,
        charge: &Charge<'_>,
        origin: &Origin<'_>,
    ) -> Result<(), ProcessError> {
        self.identify(ctx, charge.identity(), origin);
        if ctx.contains(&CHARGES, &self.id)? {
            return Ok(());
        }
        self.store_charge(ctx, charge, GIVEN_UP)
    }

    /// Whoever holds the seat waits for a reply, and nothing was taken: so it is told.
    fn give_up_debit(
        &mut self,
        ctx: &mut Context<'_>,
        debit: &Debit<'_>,
        origin: &Origin<'_>,
    ) -> Result<(), ProcessError> {
        set(&mut self.id, &debit.payment_id);
        if ctx.contains(&PAYMENTS, &self.id)? {
            return Ok(());
        }
        self.store_payment(ctx, debit, GIVEN_UP)?;
        set(&mut self.line_key.user_id, &debit.user_id);
        let balance = ctx.get(&WALLETS, &self.line_key.user_id)?.unwrap_or_default().balance;
        self.send_settled(ctx, debit, origin, Some(Refusal::System), balance)
    }

    /// Whoever gave the seat back is told that the money is still owed: it comes when the record is put back, and then he is told again.
    fn give_up_refund(
        &mut self,
        ctx: &mut Context<'_>,
        refund: &Refund<'_>,
        origin: &Origin<'_>,
    ) -> Result<(), ProcessError> {
        self.identify(ctx, refund.identity(), origin);
        if ctx.contains(&REFUNDS, &self.id)? {
            return Ok(());
        }
        self.store_refund(ctx, refund, GIVEN_UP)?;
        self.send_refunded(ctx, refund, origin, Some(Refusal::System))
    }
}

/// Whether the wallet a message is about is kept in this place.
fn is_at_home(ctx: &Context<'_>, message: &Message<'_>) -> bool {
    ctx.place_of(message.user_id().as_bytes()) == ctx.place()
}

/// A reply that no place can take is known before anything is decided.
fn check_reply_place(ctx: &Context<'_>, place: u32) -> Result<(), ProcessError> {
    if place < ctx.places() {
        Ok(())
    } else {
        Err(ProcessError::refuse("InvalidField", format!("replyPlace {place}: there are {} places", ctx.places())))
    }
}

fn outcome_of(decided: &Result<Posting, Refusal>) -> Outcome {
    match decided {
        Ok(posting) => posting.outcome(),
        Err(refusal) => Outcome::Refused(*refusal),
    }
}
