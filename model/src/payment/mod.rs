//! The words of wallets: charges, debits and refunds, the accounts they move money between, and their answers.

pub mod completed;
pub mod keys;
pub mod ledger;
pub mod message;
pub mod outcome;
pub mod published;
pub mod refunded;
pub mod row;
pub mod sample;
pub mod settings;
pub mod settled;

pub use crate::topics::payment::{COMPLETED, DEAD_LETTERS, INBOX};
pub use settings::Settings;

use crate::feature::{Feature, Settable};
use crate::place_id::{self, Kind};
use crate::settings::SettingsRow;
use crate::topics;
use holdfast_engine::prelude::{EndingTable, Table};
use keys::LineKey;
use ledger::LedgerRow;
use row::{ChargeRow, LineRow, PaymentRow, RefundRow, WalletRow};

/// Name of the topology.
pub const NAME: &str = "payment";
/// Group under which its positions are shown.
pub const GROUP: &str = "payment-service-group";
/// Where debits and refunds are answered: the inbox of the topology that asks.
pub const REPLIES: &str = topics::reservation::INBOX;

/// What all rooms know of it.
pub const FEATURE: Feature =
    Feature { name: NAME, inbox: INBOX, settings: Some(Settable::of::<Settings>()), sample: sample::SAMPLE };

/// Balance and number of lines, by user.
pub const WALLETS: Table<String, WalletRow> = Table::new(16, "wallets");
/// The statement: each posting to a wallet, by user and number.
pub const STATEMENT: Table<LineKey, LineRow> = Table::new(17, "statement");
/// The counter accounts of the place, one row for each currency: see [`CURRENCY`].
pub const LEDGER: Table<String, LedgerRow> = Table::new(18, "ledger");
/// The outcome of each debit, by payment id, and whether it has been refunded.
pub const PAYMENTS: Table<String, PaymentRow> = Table::new(19, "payments");
/// The outcome of each charge, by request id.
pub const CHARGES: EndingTable<String, ChargeRow> = EndingTable::new(20, "charges");
/// The outcome of each refund, by refund id.
pub const REFUNDS: EndingTable<String, RefundRow> = EndingTable::new(21, "refunds");
/// Settings by the offset of the first record that was decided with them. No command reads them. Versions before kept none, and decided with the
/// [`Settings::unkept`] ones.
pub const SETTINGS: Table<u64, SettingsRow> = Table::new(22, "settings");

/// Key of the one row in [`LEDGER`]: amounts are whole won.
pub const CURRENCY: &str = "KRW";

/// The id of a charge that will be decided in `place`; `unique` is the caller's, a UUID say.
#[must_use]
pub fn request_id(place: u32, unique: &str) -> String {
    place_id::format(Kind::Request, place, unique)
}

/// The place that decides the charge `id`; `None` for an id that [`request_id`] did not make.
#[must_use]
pub fn request_place(id: &str) -> Option<u32> {
    place_id::parse(Kind::Request, id).map(|(place, _)| place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_charges_route_themselves() {
        assert_eq!(request_place(&request_id(2, "0198c1f2")), Some(2));
        assert_eq!(request_place("sample-wallet-1001"), None);
    }
}
