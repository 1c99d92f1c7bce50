//! The words of coupons: requests for one, commands about policies, and what becomes of both.

pub mod command_outcome;
pub mod coupon_id;
pub mod keys;
pub mod message;
pub mod outcome;
pub mod outcome_record;
pub mod published;
pub mod redemption_record;
pub mod row;
pub mod sample;
pub mod settings;

pub use crate::topics::coupon::{DEAD_LETTERS, FAILURES, INBOX, SUCCESS};
pub use settings::Settings;

use crate::feature::{Feature, Settable};
use crate::guard::AdmissionKey;
use crate::guard::row::{AdmissionRow, GuardsRow};
use crate::place_id::{self, Kind};
use crate::settings::SettingsRow;
use crate::topics;
use holdfast_engine::prelude::{EndingTable, Table};
use keys::{CouponKey, IssuedKey};
use row::{CommandRow, CouponRow, IssuedRow, PolicyRow, RedemptionRow, RequestRow, TermsRow};

/// Name of the topology.
pub const NAME: &str = "coupon";
/// Group under which its positions are shown.
pub const GROUP: &str = "coupon-service-group";
/// Where queues that guard policies are told of purchases.
pub const QUEUES: &str = topics::queue::INBOX;
/// Where notifications are asked for.
pub const NOTIFICATIONS: &str = topics::notification::INBOX;
/// Where payments that want a coupon are answered: the inbox of the topology that asks.
pub const REPLIES: &str = topics::reservation::INBOX;

/// What all rooms know of it.
pub const FEATURE: Feature =
    Feature { name: NAME, inbox: INBOX, settings: Some(Settable::of::<Settings>()), sample: sample::SAMPLE };

/// What a request needs to know of a policy, by policy id: stock, window, title. Read for each request, so it is small.
pub const POLICIES: Table<String, PolicyRow> = Table::new(16, "policies");
/// What only people read of a policy, by policy id: what it was created with, and when.
pub const TERMS: Table<String, TermsRow> = Table::new(17, "terms");
/// The outcome of each request, by request id.
pub const REQUESTS: EndingTable<String, RequestRow> = EndingTable::new(18, "requests");
/// Who has a coupon of which policy: at most one.
pub const ISSUED: Table<IssuedKey, IssuedRow> = Table::new(19, "issued");
/// The coupons.
pub const COUPONS: Table<CouponKey, CouponRow> = Table::new(20, "coupons");
/// The outcome of each command, by command id (its `requestId`, else `eventId`, else where it entered the log).
pub const COMMANDS: EndingTable<String, CommandRow> = EndingTable::new(21, "commands");
/// What became of each wish to pay with a coupon, by payment id.
pub const REDEMPTIONS: Table<String, RedemptionRow> = Table::new(22, "redemptions");
/// Settings by the offset of the first record that was decided with them. No command reads them.
pub const SETTINGS: Table<u64, SettingsRow> = Table::new(23, "settings");
/// The queues that guard a policy, by policy id.
pub const GUARDS: Table<String, GuardsRow> = Table::new(24, "guards");
/// Who was let in by such a queue, and until when.
pub const ADMISSIONS: EndingTable<AdmissionKey, AdmissionRow> = EndingTable::new(25, "admissions");

/// Key of everything that concerns a policy: it places the record, and with it the decision.
#[must_use]
pub fn inbox_key(policy_id: &str) -> String {
    let mut key = String::new();
    write_inbox_key(&mut key, policy_id);
    key
}

/// Writes [`inbox_key`] over `key`.
pub fn write_inbox_key(key: &mut String, policy_id: &str) {
    key.clear();
    key.push_str(topics::coupon::KEY);
    key.push_str(policy_id);
}

/// The id of a request that will be decided in `place`; `unique` is the caller's, a UUID say.
#[must_use]
pub fn request_id(place: u32, unique: &str) -> String {
    place_id::format(Kind::Request, place, unique)
}

/// The place that decides the request `id`; `None` for an id that [`request_id`] did not make.
#[must_use]
pub fn request_place(id: &str) -> Option<u32> {
    place_id::parse(Kind::Request, id).map(|(place, _)| place)
}

/// The place that keeps the coupon `id`; `None` for an id of another shape.
#[must_use]
pub fn coupon_place(id: &str) -> Option<u32> {
    coupon_id::CouponId::parse(id).map(|id| id.place)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn ids_route_themselves() {
        assert_eq!(inbox_key("1"), "coupon-1");
        assert_eq!(request_place(&request_id(2, "0198c1f2")), Some(2));
        assert_eq!(coupon_place("cpn_1_봄_세일_57"), Some(1));
        for foreign in ["", "evt-1", "req_x_1", "cpn_1_57", "cpn_1_1_x", "cpn__1_1"] {
            assert_eq!((request_place(foreign), coupon_place(foreign)), (None, None), "{foreign:?}");
        }
    }
}
