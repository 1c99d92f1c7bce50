//! The counter accounts of a place. Money is moved from one to another and never made, so they add up to 0 whatever is decided.
//!
//! One row for all of them: it changes with every decision, but only its last state of a commit is written, and whoever reads it sees whole postings.

use serde::{Deserialize, Serialize};

/// An account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Account {
    /// The world that pays in. Its balance is what came in, negative.
    CashIn,
    /// All wallets of the place together.
    Wallets,
    /// What was sold, cancellation fees included.
    Revenue,
    /// What is owed to those who get a refund. The wallet takes it in the same posting, so it is 0 between decisions.
    RefundPayable,
}

impl Account {
    /// As it is shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CashIn => "CASH_IN",
            Self::Wallets => "WALLETS",
            Self::Revenue => "REVENUE",
            Self::RefundPayable => "REFUND_PAYABLE",
        }
    }
}

/// The accounts' balances, in KRW.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerRow {
    /// [`Account::CashIn`].
    pub cash_in: i64,
    /// [`Account::Wallets`].
    pub wallets: i64,
    /// [`Account::Revenue`].
    pub revenue: i64,
    /// [`Account::RefundPayable`].
    pub refund_payable: i64,
}

impl LedgerRow {
    /// The accounts after `amount` KRW went from one to another; `None` when a balance would leave the range of whole won.
    #[must_use]
    pub fn moved(mut self, from: Account, to: Account, amount: i64) -> Option<Self> {
        let balance = self.account_mut(from);
        *balance = balance.checked_sub(amount)?;
        let balance = self.account_mut(to);
        *balance = balance.checked_add(amount)?;
        Some(self)
    }

    fn account_mut(&mut self, account: Account) -> &mut i64 {
        match account {
            Account::CashIn => &mut self.cash_in,
            Account::Wallets => &mut self.wallets,
            Account::Revenue => &mut self.revenue,
            Account::RefundPayable => &mut self.refund_payable,
        }
    }

    /// The sum of all accounts, in KRW: 0, unless something is broken.
    #[must_use]
    pub fn sum(&self) -> i128 {
        [self.cash_in, self.wallets, self.revenue, self.refund_payable].into_iter().map(i128::from).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_goes_out_comes_in() {
        let ledger = LedgerRow::default()
            .moved(Account::CashIn, Account::Wallets, 1_000)
            .and_then(|ledger| ledger.moved(Account::Wallets, Account::Revenue, 300))
            .and_then(|ledger| ledger.moved(Account::Revenue, Account::RefundPayable, 100))
            .unwrap();
        assert_eq!(ledger, LedgerRow { cash_in: -1_000, wallets: 700, revenue: 200, refund_payable: 100 });
    }

    #[test]
    fn nothing_wraps() {
        let full = LedgerRow { cash_in: -i64::MAX, wallets: i64::MAX, ..LedgerRow::default() };
        assert_eq!(full.moved(Account::CashIn, Account::Wallets, 1), None);
        assert_eq!(full.moved(Account::Revenue, Account::Wallets, 1), None);
        assert_eq!(full.moved(Account::CashIn, Account::Revenue, 2), None);
    }

    proptest! {
        #[test]
        fn moving_keeps_the_sum(moves in proptest::collection::vec((0usize..4, 0usize..4, any::<i64>()), 0..20)) {
            let accounts = [Account::CashIn, Account::Wallets, Account::Revenue, Account::RefundPayable];
            let mut ledger = LedgerRow::default();
            for (from, to, amount) in moves {
                ledger = ledger.moved(accounts[from], accounts[to], amount).unwrap_or(ledger);
                prop_assert_eq!(ledger.sum(), 0);
            }
        }
    }
}
