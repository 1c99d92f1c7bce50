//! Money that moves: a wallet and the accounts of its place, before and after.

use holdfast_model::payment::ledger::{Account, LedgerRow};
use holdfast_model::payment::outcome::Refusal;
use holdfast_model::payment::row::{Entry, Outcome, WalletRow};

/// Wallet and counter accounts as they are before a decision.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Funds {
    /// The user's wallet; who has none has an empty one.
    pub wallet: WalletRow,
    /// The accounts of the place.
    pub ledger: LedgerRow,
}

/// Money that moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posting {
    /// What the statement's line stands for.
    pub entry: Entry,
    /// By how much the balance changes, in KRW.
    pub amount: i64,
    /// Wallet and accounts after it.
    pub after: Funds,
}

impl Posting {
    /// What the message's row says of it.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let WalletRow { balance, sequence } = self.after.wallet;
        Outcome::Posted { sequence, balance_after: balance }
    }
}

/// Moves `amount` KRW, and numbers the line. Whatever the books hold, nothing wraps.
pub(super) fn post(funds: &Funds, entry: Entry, amount: i64) -> Result<Posting, Refusal> {
    use Account::{CashIn, RefundPayable, Revenue, Wallets};
    let Funds { wallet, ledger } = funds;
    let (signed, ledger) = match entry {
        Entry::Charge => (Some(amount), ledger.moved(CashIn, Wallets, amount)),
        Entry::Payment => (amount.checked_neg(), ledger.moved(Wallets, Revenue, amount)),
        // First it is owed, then it is paid.
        Entry::Refund => (
            Some(amount),
            ledger
                .moved(Revenue, RefundPayable, amount)
                .and_then(|ledger| ledger.moved(RefundPayable, Wallets, amount)),
        ),
    };
    let posted = || {
        let amount = signed?;
        let wallet =
            WalletRow { balance: wallet.balance.checked_add(amount)?, sequence: wallet.sequence.checked_add(1)? };
        Some(Posting { entry, amount, after: Funds { wallet, ledger: ledger? } })
    };
    posted().ok_or(Refusal::WalletFull)
}
