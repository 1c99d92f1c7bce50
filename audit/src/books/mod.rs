//! What features have to tell each other: a book has a name, features that write it, and features that read it.

mod discounts;
mod money;

pub(crate) use discounts::{Answer, Discounts};
pub(crate) use money::{Debit, Fate, Money, Refund};

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Books {
    pub(crate) money: Money,
    pub(crate) discounts: Discounts,
}
