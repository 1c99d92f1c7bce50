//! I-4, I-5 and I-9: what is kept of wallets is what the log says.

use super::{Accounts, Place};
use crate::books::Fate;
use crate::findings::Findings;
use crate::invariant::Invariant;
use crate::rebuilt::Rebuilt;
use crate::retention::Kept;
use holdfast_engine::inspect::codec;
use holdfast_model::payment::ledger::LedgerRow;
use holdfast_model::payment::row::{LineRow, Outcome, WalletRow};
use holdfast_model::payment::{self, LEDGER, STATEMENT, WALLETS};
use holdfast_tools::Failure;
use rustc_hash::FxHashMap;
use std::fmt::Display;

/// The outcome that is kept is the one decided here.
pub(super) fn agree(
    kept: Kept<(String, i64, Outcome)>,
    (user, amount, fate): (&str, i64, Fate),
    id: &str,
    at: impl Display,
    findings: &mut Findings,
) {
    let (kept_user, kept_amount, outcome) = match kept {
        Kept::Row(kept) => kept,
        Kept::Ended => {
            findings.count(Invariant::OneOutcome, "wallet requests whose outcome has ended", 1);
            return;
        }
        Kept::Missing => {
            findings.breach(Invariant::OneOutcome, at, format!("{id} has no outcome"));
            return;
        }
    };
    findings.count(Invariant::OneOutcome, "wallet requests with their outcome", 1);
    let kept_fate = match outcome {
        Outcome::Posted { sequence, balance_after } => Fate::Posted(sequence, balance_after),
        Outcome::Refused(refusal) if refusal.code() == "INSUFFICIENT_POINTS" => Fate::Insufficient,
        Outcome::Refused(refusal) if refusal.code() == "SYSTEM_ERROR" => Fate::GivenUp,
        Outcome::Refused(_) => Fate::Refused,
    };
    if (&*kept_user, kept_amount, kept_fate) == (user, amount, fate) {
        findings.count(Invariant::Statements, "wallet requests decided again", 1);
    } else {
        findings.breach(
            Invariant::Statements,
            at,
            format!("{id} of {user} over {amount} KRW comes to {fate:?}, and is kept as {kept_fate:?} of {kept_user} over {kept_amount} KRW"),
        );
    }
}

/// I-4 and I-5: balances, statements and accounts as they are kept.
pub(super) fn compare(here: &Place, state: &Rebuilt, findings: &mut Findings) -> Result<(), Failure> {
    let source = state.source();
    let mut wallets: FxHashMap<String, WalletRow> = FxHashMap::default();
    let mut sum: i128 = 0;
    state.each(&WALLETS, &mut |user: String, row: WalletRow| {
        sum += i128::from(row.balance);
        let at = || format!("{source}, wallet of {user}");
        if row.balance < 0 {
            findings.breach(Invariant::Statements, at(), format!("{} KRW", row.balance));
        }
        let own = here.wallets.get(&user).copied();
        if own == Some((row.balance, row.sequence)) {
            findings.count(Invariant::Conservation, "wallets", 1);
        } else {
            let kept = (row.balance, row.sequence);
            findings.breach(
                Invariant::Conservation,
                at(),
                format!("balance and lines are {kept:?}, by the log {own:?}"),
            );
        }
        wallets.insert(user, row);
    })?;
    for user in here.wallets.keys().filter(|user| !wallets.contains_key(*user)) {
        findings.breach(Invariant::Conservation, format!("{source}, wallet of {user}"), "it is not kept");
    }
    let mut last: Option<(String, u64, i64)> = None;
    let mut ends: Vec<(String, u64, i64)> = Vec::new();
    state.each(&STATEMENT, &mut |key: payment::keys::LineKey, line: LineRow| {
        let before = last.take().filter(|(user, ..)| *user == key.user_id);
        let (sequence, balance) = before.map_or((0, 0), |(_, sequence, balance)| (sequence, balance));
        let at = || format!("{source}, statement of {} line {}", key.user_id, key.sequence);
        if key.sequence != sequence + 1 {
            findings.breach(Invariant::Statements, at(), format!("the line before it is {sequence}"));
        } else if balance.checked_add(line.amount) != Some(line.balance_after) || line.balance_after < 0 {
            let (by, after) = (line.amount, line.balance_after);
            findings.breach(Invariant::Statements, at(), format!("{balance} KRW before, {by} moved, {after} after it"));
        } else {
            findings.count(Invariant::Statements, "statement lines", 1);
        }
        let this = (key.user_id, key.sequence, line.balance_after);
        match ends.last_mut() {
            Some(end) if end.0 == this.0 => *end = this.clone(),
            _ => ends.push(this.clone()),
        }
        last = Some(this);
    })?;
    for (user, sequence, balance) in ends {
        if wallets.remove(&user) != Some(WalletRow { balance, sequence }) {
            findings.breach(
                Invariant::Statements,
                format!("{source}, wallet of {user}"),
                "the statement ends elsewhere",
            );
        }
    }
    for (user, row) in wallets.iter().filter(|(_, row)| row.sequence > 0) {
        let at = format!("{source}, wallet of {user}");
        findings.breach(Invariant::Statements, at, format!("{} lines, and none is kept", row.sequence));
    }
    let ledger = state.get(&LEDGER, &payment::CURRENCY.to_owned())?.unwrap_or_default();
    let kept = Accounts { cash_in: ledger.cash_in, wallets: ledger.wallets, revenue: ledger.revenue };
    let at = format!("{source}, accounts");
    if kept != here.accounts || ledger.refund_payable != 0 {
        findings.breach(
            Invariant::Conservation,
            at,
            format!("{ledger:?}, by the log {:?} and nothing payable", here.accounts),
        );
    } else if sum != i128::from(ledger.wallets) {
        findings.breach(
            Invariant::Conservation,
            at,
            format!("{} KRW in wallets, and wallets hold {sum}", ledger.wallets),
        );
    } else {
        findings.count(Invariant::Conservation, "places whose accounts are the log's", 1);
    }
    Ok(())
}

/// I-4, of each commit that is still in the changelog.
pub(super) fn balanced(row: &[u8], at: &str, findings: &mut Findings) {
    match codec::decode::<LedgerRow>(row) {
        Ok(ledger) => {
            let accounts = [ledger.cash_in, ledger.wallets, ledger.revenue, ledger.refund_payable];
            let sum: i128 = accounts.into_iter().map(i128::from).sum();
            if sum == 0 {
                findings.count(Invariant::Conservation, "commits that add up to 0", 1);
            } else {
                findings.breach(Invariant::Conservation, at, format!("the accounts add up to {sum} KRW: {ledger:?}"));
            }
        }
        Err(error) => findings.breach(Invariant::Conservation, at, format!("accounts that cannot be read: {error}")),
    }
}
