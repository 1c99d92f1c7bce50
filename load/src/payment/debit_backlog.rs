//! `load debit-backlog`: transfers from wallets that already wait in the log when the worker starts.
//!
//! Each debit names a reservation that nobody has made. To measure wallets alone, run the worker with `--topologies payment`; with the others beside it,
//! each answer becomes a dead letter of the reservations, since they have not asked.

use crate::access::Access;
use crate::inbox::Inbox;
use crate::random::Random;
use crate::shape::Shape;
use clap::Args;
use holdfast_engine::runtime::ports::clock::Clock;
use holdfast_model::payment;
use holdfast_model::payment::message::{Charge, Debit};
use holdfast_model::payment::request_id;
use holdfast_model::reservation::ids;
use holdfast_tools::Failure;
use holdfast_tools::clock::SystemClock;

/// What each wallet is charged with before, in KRW: the most that goes at once.
const CHARGE_KRW: i64 = 1_000_000;
/// The most that a debit takes, in KRW: a wallet pays for a thousand of them at least.
const DEBIT_KRW_MAX: u64 = 1_000;

/// Transfers from wallets that already wait in the log when the worker starts.
#[derive(Debug, Clone, Args)]
pub(crate) struct DebitBacklog {
    /// Debits
    #[arg(long, default_value_t = 100_000)]
    debits: u64,
    /// Wallets they are taken from at random, charged first [default: one for ten debits]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    users: Option<u64>,
    /// Makes names, amounts and order [default: from the clock, printed]
    #[arg(long)]
    seed: Option<u64>,
}

impl Shape for DebitBacklog {
    fn needs_log(&self) -> bool {
        true
    }

    fn run(&self, access: &dyn Access, _: &mut dyn FnMut(&str)) -> Result<String, Failure> {
        debit_backlog(self, access)
    }
}

/// Appends the backlog and says how long that took.
///
/// # Errors
/// When the log cannot be reached, or does not take a record.
fn debit_backlog(backlog: &DebitBacklog, access: &dyn Access) -> Result<String, Failure> {
    let DebitBacklog { debits, users, seed } = *backlog;
    let seed = seed.unwrap_or_else(|| SystemClock::new().now_ms().unsigned_abs());
    let users = users.unwrap_or_else(|| (debits / 10).max(1));
    let inbox = Inbox::open(access, payment::NAME, payment::INBOX, users + debits)?;
    let began_us = inbox.clock.monotonic_us();
    let user = |n: u64| format!("{seed}-{n}");
    for n in 0..users {
        let user_id = user(n);
        let id = request_id(inbox.place_of(&user_id), &format!("charge-{user_id}"));
        inbox.append(&user_id, &Charge::new(&id, &user_id, CHARGE_KRW, inbox.clock.now_ms()).to_json())?;
    }
    // Before its charge a wallet has nothing to pay with.
    inbox.settle()?;
    let mut random = Random(seed);
    for n in 0..debits {
        let user_id = user(random.below(users));
        let price = i64::try_from(1 + random.below(DEBIT_KRW_MAX)).unwrap_or(1);
        let place = inbox.place_of(&user_id);
        let debit = Debit {
            payment_id: ids::payment(place, &format!("{seed:x}-{n:x}")).into(),
            reservation_id: ids::reservation(place, n.into()).into(),
            schedule_id: format!("{seed}").into(),
            user_id: user_id.as_str().into(),
            seat_no: (n + 1).to_string().into(),
            price,
            amount: price,
            discount: None,
            reply_place: place,
        };
        inbox.append(&user_id, &debit.to_json())?;
    }
    inbox.settle()?;
    let took_ms = inbox.finish(began_us);
    Ok(format!("debit-backlog: {debits} debits of {users} wallets, seed {seed}, appended in {took_ms} ms\n"))
}
