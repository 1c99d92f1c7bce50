//! What must hold of the rows at every commit. The processor asks before and after it decides, the auditor and the simulator ask after.

use crate::rows;
use holdfast_engine::inspect::{QueryError, TaskView};
use holdfast_model::payment::keys::LineKey;
use holdfast_model::payment::ledger::LedgerRow;
use holdfast_model::payment::row::{ChargeRow, Entry, LineRow, Outcome, PaymentRow, RefundRow, WalletRow};
use holdfast_model::payment::{CHARGES, LEDGER, PAYMENTS, REFUNDS, STATEMENT, WALLETS};
use std::collections::BTreeMap;

/// A promise that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// A balance below 0.
    #[error("wallet of {user_id}: {balance} KRW")]
    Negative {
        /// Whose.
        user_id: String,
        /// What it holds.
        balance: i64,
    },
    /// Accounts that do not add up to 0, or stand on the wrong side of it.
    #[error("accounts of a place do not balance: {ledger:?}")]
    Unbalanced {
        /// All of them.
        ledger: LedgerRow,
    },
    /// The rows add up to another amount than the account says.
    #[error("{account}: {booked} KRW by its account, {counted} by the rows")]
    Miscounted {
        /// Which account.
        account: &'static str,
        /// What it says.
        booked: i128,
        /// What the rows say.
        counted: i128,
    },
    /// A statement with a gap, or whose balances do not follow from each other, or do not end at the wallet's.
    #[error("statement of {user_id}: breaks at line {sequence}")]
    Unchained {
        /// Whose.
        user_id: String,
        /// The first line that is wrong or missing.
        sequence: u64,
    },
    /// Money that moved without its line, a line without the money that moved, or a line that two of them claim.
    #[error("{entry:?} {id}: not the one line of a statement that it should be")]
    Unposted {
        /// What the line stands for.
        entry: Entry,
        /// Id of the charge, payment or refund.
        id: String,
    },
    /// A payment debited at another amount than is owed.
    #[error("payment {payment_id}: {amount} KRW were taken")]
    Mischarged {
        /// Which payment.
        payment_id: String,
        /// What was taken.
        amount: i64,
    },
    /// A refund without the mark on its payment, a mark without its refund, or one that gives back more than was paid.
    #[error("payment {payment_id}: refund and payment do not agree")]
    Misrefunded {
        /// Which payment.
        payment_id: String,
    },
}

/// Checks one wallet by itself.
///
/// # Errors
/// [`Broken::Negative`].
pub fn wallet(user_id: &str, row: &WalletRow) -> Result<(), Broken> {
    if row.balance >= 0 { Ok(()) } else { Err(Broken::Negative { user_id: user_id.to_owned(), balance: row.balance }) }
}

/// Checks the accounts of a place by themselves: they add up to 0, and nothing is owed between decisions.
///
/// # Errors
/// [`Broken::Unbalanced`].
pub fn ledger(row: &LedgerRow) -> Result<(), Broken> {
    if row.sum() == 0 && row.cash_in <= 0 && row.wallets >= 0 && row.revenue >= 0 && row.refund_payable == 0 {
        Ok(())
    } else {
        Err(Broken::Unbalanced { ledger: *row })
    }
}

/// All rows of a place that must agree with each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Books {
    /// By user.
    pub wallets: BTreeMap<String, WalletRow>,
    /// By user and number.
    pub statement: BTreeMap<LineKey, LineRow>,
    /// By currency.
    pub ledger: BTreeMap<String, LedgerRow>,
    /// By payment id.
    pub payments: BTreeMap<String, PaymentRow>,
    /// By request id: those that have not ended.
    pub charges: BTreeMap<String, ChargeRow>,
    /// Charges that were decided at this time or before have ended, in ms since the epoch; `None` = none has.
    pub charges_ended_ms: Option<i64>,
    /// By refund id: those that have not ended.
    pub refunds: BTreeMap<String, RefundRow>,
    /// Refunds that were decided at this time or before have ended, in ms since the epoch; `None` = none has.
    pub refunds_ended_ms: Option<i64>,
}

impl Books {
    /// Reads a place. Exact only while nothing is committed there: each table is read by a scan of its own.
    ///
    /// # Errors
    /// [`QueryError`] when the view cannot be read.
    pub fn load(task: &TaskView) -> Result<Self, QueryError> {
        let (charges, charges_ended_ms) = rows::all_kept(task, &CHARGES)?;
        let (refunds, refunds_ended_ms) = rows::all_kept(task, &REFUNDS)?;
        Ok(Self {
            wallets: rows::all(task, &WALLETS)?,
            statement: rows::all(task, &STATEMENT)?,
            ledger: rows::all(task, &LEDGER)?,
            payments: rows::all(task, &PAYMENTS)?,
            charges,
            charges_ended_ms,
            refunds,
            refunds_ended_ms,
        })
    }

    /// The accounts, of all currencies together: there is one.
    #[must_use]
    pub fn accounts(&self) -> LedgerRow {
        self.ledger.values().copied().next().unwrap_or_default()
    }

    /// Checks everything.
    ///
    /// # Errors
    /// The first promise found broken.
    pub fn check(&self) -> Result<(), Broken> {
        for (user_id, row) in &self.wallets {
            wallet(user_id, row)?;
        }
        self.ledger.values().try_for_each(ledger)?;
        self.check_statements()?;
        self.check_lines()?;
        self.check_payments()?;
        self.check_refunds()?;
        self.check_conservation()
    }

    /// I-5: numbers without a gap from 1, each balance made of the one before it, the last one the wallet's.
    fn check_statements(&self) -> Result<(), Broken> {
        let unchained = |user_id: &str, sequence| Broken::Unchained { user_id: user_id.to_owned(), sequence };
        let mut reached: BTreeMap<&str, WalletRow> = BTreeMap::new();
        for (key, line) in &self.statement {
            let so_far = reached.entry(&key.user_id).or_default();
            let chains = key.sequence == so_far.sequence + 1
                && so_far.balance.checked_add(line.amount) == Some(line.balance_after)
                && line.balance_after >= 0;
            if !chains {
                return Err(unchained(&key.user_id, so_far.sequence + 1));
            }
            *so_far = WalletRow { balance: line.balance_after, sequence: key.sequence };
        }
        for (user_id, row) in &self.wallets {
            let end = reached.remove(user_id.as_str()).unwrap_or_default();
            if end != *row {
                return Err(unchained(user_id, end.sequence.min(row.sequence) + 1));
            }
        }
        match reached.into_iter().next() {
            None => Ok(()),
            Some((user_id, _)) => Err(unchained(user_id, 1)),
        }
    }

    /// Whether the outcome that a line stands for has ended. Line and outcome are written by one decision, so they have one time.
    fn has_ended(&self, line: &LineRow) -> bool {
        let until_ms = match line.entry {
            Entry::Charge => self.charges_ended_ms,
            Entry::Refund => self.refunds_ended_ms,
            Entry::Payment => None,
        };
        Some(line.posted_ms) <= until_ms
    }

    /// Each charge, payment and refund that moved money is one line of its user's statement, and each line is one of them, unless it has ended.
    fn check_lines(&self) -> Result<(), Broken> {
        let charges = self.charges.iter().map(|(id, row)| (Entry::Charge, id, &row.user_id, row.amount, row.outcome));
        let payments =
            self.payments.iter().map(|(id, row)| (Entry::Payment, id, &row.user_id, -row.amount, row.outcome));
        let refunds = self.refunds.iter().map(|(id, row)| (Entry::Refund, id, &row.user_id, row.amount, row.outcome));
        let mut unclaimed: BTreeMap<&LineKey, &LineRow> = self.statement.iter().collect();
        for (entry, id, user_id, amount, outcome) in charges.chain(payments).chain(refunds) {
            let Outcome::Posted { sequence, balance_after } = outcome else { continue };
            let line = unclaimed.remove(&LineKey { user_id: user_id.clone(), sequence });
            let is_its = line.is_some_and(|line| {
                (line.entry, &line.reference, line.amount, line.balance_after) == (entry, id, amount, balance_after)
            });
            if !is_its {
                return Err(Broken::Unposted { entry, id: id.clone() });
            }
        }
        match unclaimed.into_values().find(|line| !self.has_ended(line)) {
            None => Ok(()),
            Some(line) => Err(Broken::Unposted { entry: line.entry, id: line.reference.clone() }),
        }
    }

    /// I-3, this side of it: what was debited is what was owed. That it was debited once follows from the payment being one row and one line.
    fn check_payments(&self) -> Result<(), Broken> {
        for (payment_id, row) in &self.payments {
            let owed = row.price.checked_sub(row.discount.as_ref().map_or(0, |discount| discount.amount));
            if row.outcome.refusal().is_none() && (row.amount < 0 || owed != Some(row.amount)) {
                return Err(Broken::Mischarged { payment_id: payment_id.clone(), amount: row.amount });
            }
        }
        Ok(())
    }

    /// Whether the refund of a payment was posted and has ended: its line stays. Asked for again under its id it was refused, since the payment was refunded.
    fn refund_has_ended(&self, refund_id: &str, payment: &PaymentRow, amount: i64) -> bool {
        let from = LineKey { user_id: payment.user_id.clone(), sequence: 0 };
        let mut lines = self.statement.range(from..).take_while(|(key, _)| key.user_id == payment.user_id);
        self.refunds.get(refund_id).is_none_or(|again| again.outcome.refusal().is_some())
            && payment.outcome.refusal().is_none()
            && lines.any(|(_, line)| {
                (line.entry, &*line.reference, line.amount) == (Entry::Refund, refund_id, amount)
                    && self.has_ended(line)
            })
    }

    /// A debited payment has at most one refund, and both know of each other, unless the refund has ended.
    fn check_refunds(&self) -> Result<(), Broken> {
        let broken = |payment_id: &str| Broken::Misrefunded { payment_id: payment_id.to_owned() };
        for (payment_id, payment) in &self.payments {
            let Some(mark) = &payment.refund else { continue };
            let agrees = self.refunds.get(&mark.refund_id).is_some_and(|refund| {
                refund.payment_id == *payment_id
                    && refund.amount == mark.amount
                    && refund.outcome.refusal().is_none()
                    && payment.outcome.refusal().is_none()
                    && refund.user_id == payment.user_id
                    && refund.fee >= 0
                    && refund.amount.checked_add(refund.fee).is_some_and(|settled| settled <= payment.amount)
            });
            if !agrees && !self.refund_has_ended(&mark.refund_id, payment, mark.amount) {
                return Err(broken(payment_id));
            }
        }
        for (refund_id, refund) in &self.refunds {
            let mark = self.payments.get(&refund.payment_id).and_then(|payment| payment.refund.as_ref());
            if refund.outcome.refusal().is_none() && mark.is_none_or(|mark| mark.refund_id != *refund_id) {
                return Err(broken(&refund.payment_id));
            }
        }
        Ok(())
    }

    /// I-4: what the accounts say is what the rows add up to. With the accounts adding up to 0: balances + revenue + payable = charges.
    fn check_conservation(&self) -> Result<(), Broken> {
        let posted = |entry| {
            let lines = self.statement.values().filter(move |line| line.entry == entry);
            lines.map(|line| i128::from(line.amount)).sum::<i128>()
        };
        let accounts = self.accounts();
        for (account, booked, counted) in [
            ("CASH_IN", accounts.cash_in, -posted(Entry::Charge)),
            ("WALLETS", accounts.wallets, self.wallets.values().map(|wallet| i128::from(wallet.balance)).sum()),
            ("REVENUE", accounts.revenue, -posted(Entry::Payment) - posted(Entry::Refund)),
        ] {
            if i128::from(booked) != counted {
                return Err(Broken::Miscounted { account, booked: booked.into(), counted });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_model::payment::outcome::Refusal;
    use holdfast_model::payment::row::RefundMark;

    fn key(sequence: u64) -> LineKey {
        LineKey { user_id: "u".to_owned(), sequence }
    }

    fn line(entry: Entry, amount: i64, balance_after: i64, reference: &str) -> LineRow {
        LineRow { entry, amount, balance_after, posted_ms: 0, reference: reference.to_owned() }
    }

    fn payment(price: i64, outcome: Outcome) -> PaymentRow {
        PaymentRow {
            user_id: "u".to_owned(),
            reservation_id: "r".to_owned(),
            schedule_id: "s".to_owned(),
            seat_no: "7".to_owned(),
            price,
            discount: None,
            amount: price,
            decided_ms: 0,
            outcome,
            refund: None,
        }
    }

    /// A user charges 100, pays 70 and gets 50 of it back; another payment is refused.
    fn good() -> Books {
        let posted = |sequence, balance_after| Outcome::Posted { sequence, balance_after };
        let mut books = Books::default();
        books.wallets.insert("u".to_owned(), WalletRow { balance: 80, sequence: 3 });
        books.statement.extend([
            (key(1), line(Entry::Charge, 100, 100, "c")),
            (key(2), line(Entry::Payment, -70, 30, "p")),
            (key(3), line(Entry::Refund, 50, 80, "f")),
        ]);
        books.ledger.insert("KRW".to_owned(), LedgerRow { cash_in: -100, wallets: 80, revenue: 20, refund_payable: 0 });
        let charge = ChargeRow { user_id: "u".to_owned(), amount: 100, decided_ms: 0, outcome: posted(1, 100) };
        books.charges.insert("c".to_owned(), charge);
        let mut paid = payment(70, posted(2, 30));
        paid.refund = Some(RefundMark { refund_id: "f".to_owned(), amount: 50 });
        books.payments.insert("p".to_owned(), paid);
        books.payments.insert("q".to_owned(), payment(900, Outcome::Refused(Refusal::InsufficientPoints)));
        let refund = RefundRow {
            user_id: "u".to_owned(),
            payment_id: "p".to_owned(),
            reservation_id: "r".to_owned(),
            amount: 50,
            fee: 20,
            reason: String::new(),
            decided_ms: 0,
            outcome: posted(3, 80),
        };
        books.refunds.insert("f".to_owned(), refund);
        books
    }

    #[test]
    fn good_books_are_good() {
        assert_eq!(good().check(), Ok(()));
        assert_eq!(Books::default().check(), Ok(()));
    }

    fn ledger_of(books: &mut Books) -> &mut LedgerRow {
        books.ledger.get_mut("KRW").unwrap()
    }

    #[test]
    fn each_way_of_being_wrong_is_found() {
        let spoils: [fn(&mut Books); 22] = [
            // Money out of nothing, in one row, in two, in all that should notice.
            |b| b.wallets.get_mut("u").unwrap().balance += 1,
            |b| b.wallets.get_mut("u").unwrap().balance = -80,
            |b| ledger_of(b).revenue += 1,
            |b| (ledger_of(b).revenue, ledger_of(b).wallets) = (10, 90),
            |b| (ledger_of(b).revenue, ledger_of(b).refund_payable) = (10, 10),
            |b| (ledger_of(b).cash_in, ledger_of(b).wallets) = (-110, 90),
            |b| (ledger_of(b).cash_in, ledger_of(b).revenue) = (-110, 30),
            |b| b.ledger.clear(),
            // Statements.
            |b| b.statement.retain(|key, _| key.sequence != 2),
            |b| b.statement.retain(|key, _| key.sequence != 3),
            |b| b.statement.get_mut(&key(2)).unwrap().balance_after = 31,
            |b| b.statement.extend([(key(4), line(Entry::Charge, 0, 80, "c"))]),
            |b| b.wallets.clear(),
            |b| b.wallets.get_mut("u").unwrap().sequence = 4,
            // Lines and what they stand for.
            |b| b.charges.clear(),
            |b| b.statement.get_mut(&key(1)).unwrap().reference = "d".to_owned(),
            |b| b.payments.get_mut("q").unwrap().outcome = Outcome::Posted { sequence: 2, balance_after: 30 },
            |b| b.statement.get_mut(&key(3)).unwrap().entry = Entry::Charge,
            // What was owed.
            |b| b.payments.get_mut("p").unwrap().price = 90,
            // Refunds.
            |b| b.payments.get_mut("p").unwrap().refund = None,
            |b| b.refunds.get_mut("f").unwrap().fee = 21,
            |b| {
                let mark = b.payments.get("p").unwrap().refund.clone();
                b.payments.get_mut("q").unwrap().refund = mark;
            },
        ];
        for (n, spoil) in spoils.into_iter().enumerate() {
            let mut books = good();
            spoil(&mut books);
            assert!(books.check().is_err(), "case {n}");
        }
    }
}
