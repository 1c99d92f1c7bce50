//! What wallets have decided. Written by wallets; seats explain each debit and refund.

use crate::known::Print;
use crate::reader::At;
use rustc_hash::FxHashMap;

/// What became of something that was asked of a wallet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It lies behind the cut.
    Undecided,
    /// Posted: number of the line, and the balance after it, in KRW.
    Posted(u64, i64),
    /// There was not enough.
    Insufficient,
    /// Refused for another reason.
    Refused,
    /// Not decided after all attempts.
    GivenUp,
}

/// A debit.
#[derive(Debug, Clone)]
pub(crate) struct Debit {
    pub(crate) reservation: Print,
    pub(crate) user: Print,
    /// What the seat costs, in KRW.
    pub(crate) price: i64,
    /// What a coupon takes off, in KRW.
    pub(crate) discount: i64,
    /// What is taken, in KRW.
    pub(crate) amount: i64,
    pub(crate) fate: Fate,
    pub(crate) at: At,
    /// The reservation topology asked for it, and that is decided.
    pub(crate) is_firm: bool,
    /// A pay command explains it.
    pub(crate) is_explained: bool,
    pub(crate) refunded: bool,
}

/// A refund.
#[derive(Debug, Clone)]
pub(crate) struct Refund {
    pub(crate) payment: String,
    /// In KRW.
    pub(crate) amount: i64,
    /// What is kept, in KRW.
    pub(crate) fee: i64,
    pub(crate) fate: Fate,
    pub(crate) at: At,
    pub(crate) is_firm: bool,
    pub(crate) is_explained: bool,
    /// How often it was decided again after its outcome had ended, and has not been answered for that.
    pub(crate) again: u32,
}

/// What all wallets come to.
#[derive(Debug, Default)]
pub(crate) struct Money {
    /// By payment id.
    pub(crate) debits: FxHashMap<String, Debit>,
    /// By refund id.
    pub(crate) refunds: FxHashMap<String, Refund>,
    /// By payment id: the refund that was posted or is asked for.
    pub(crate) refund_of: FxHashMap<String, String>,
}
