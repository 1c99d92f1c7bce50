//! Who gets a coupon, and every other decision: pure functions of rows, message and now. No other file of the topology decides anything.

mod redemption;

pub use redemption::{Return, discount, give_back, redeem, used};

use holdfast_model::coupon::command_outcome::CommandRefusal;
use holdfast_model::coupon::message::{AdjustStock, CreatePolicy, UseCoupon};
use holdfast_model::coupon::outcome::Refusal;
use holdfast_model::coupon::row::{CouponRow, Discount, PolicyRow, RequestOutcome, TermsRow, Used};
use holdfast_model::id_rule;
use holdfast_model::wire::When;

/// Longest policy id, in bytes: it is part of the key of all its coupons.
const POLICY_ID_BYTES_MAX: usize = 64;
/// Ids that no policy may have: where the API names a policy in a path, these name something else (`POST /api/coupons/{couponId}/issue`).
pub const RESERVED_POLICY_IDS: [&str; 3] = ["policies", "requests", "users"];
/// Longest title, in characters: it stands in every notification.
const TITLE_CHARS_MAX: usize = 200;

/// Decides a request that has not been decided. `has_coupon`: whether the user has one of this policy.
///
/// Having one comes before the stock: who has his coupon is told so, not that he came too late.
#[must_use]
pub fn issue(policy: Option<&PolicyRow>, has_coupon: bool, user_id: &str, now_ms: i64) -> RequestOutcome {
    let refusal = match policy {
        None => Refusal::UnknownPolicy,
        Some(_) if user_id.trim().is_empty() => Refusal::NoUser,
        Some(_) if id_rule::check(user_id).is_err() => Refusal::BadUser,
        Some(policy) if !policy.is_open(now_ms) => Refusal::OutsideWindow,
        Some(_) if has_coupon => Refusal::AlreadyIssued,
        Some(policy) if policy.issued >= policy.total => Refusal::SoldOut,
        Some(policy) => return RequestOutcome::Issued(policy.issued + 1),
    };
    RequestOutcome::Refused(refusal)
}

/// What becomes of a create command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Creation {
    /// These rows are written.
    New(PolicyRow, TermsRow),
    /// The policy is there, created with the same words.
    Unchanged,
}

/// Decides whether a policy is created.
///
/// # Errors
/// The reason why not.
pub fn create_policy(
    command: &CreatePolicy,
    existing: Option<(&PolicyRow, &TermsRow)>,
    now_ms: i64,
) -> Result<Creation, CommandRefusal> {
    let (policy, terms) = rows_of(command, now_ms)?;
    match existing {
        None => Ok(Creation::New(policy, terms)),
        Some((there, its_terms)) => {
            let same = (&there.title, there.starts_ms, there.ends_ms)
                == (&policy.title, policy.starts_ms, policy.ends_ms)
                && *its_terms == TermsRow { created_ms: its_terms.created_ms, ..terms };
            if same { Ok(Creation::Unchanged) } else { Err(CommandRefusal::PolicyExists) }
        }
    }
}

fn rows_of(command: &CreatePolicy, now_ms: i64) -> Result<(PolicyRow, TermsRow), CommandRefusal> {
    if !is_policy_id(&command.policy_id) {
        return Err(CommandRefusal::BadPolicyId);
    }
    if command.title.trim().is_empty() || command.title.chars().count() > TITLE_CHARS_MAX {
        return Err(CommandRefusal::BadTitle);
    }
    let total = u64::try_from(command.total_quantity).map_err(|_| CommandRefusal::BadQuantity)?;
    let (starts_ms, ends_ms) = (moment(command.start_time)?, moment(command.end_time)?);
    if let (Some(start), Some(end)) = (starts_ms, ends_ms)
        && start >= end
    {
        return Err(CommandRefusal::BadWindow);
    }
    let terms = TermsRow {
        total_at_creation: total,
        description: command.description.clone(),
        discount: discount_terms(command.discount_type.as_deref(), command.discount_value)?,
        minimum_order_amount: amount(command.minimum_order_amount, 0)?,
        maximum_discount_amount: amount(command.maximum_discount_amount, 1)?,
        created_ms: now_ms,
    };
    Ok((PolicyRow { total, issued: 0, starts_ms, ends_ms, title: command.title.clone() }, terms))
}

/// Letters of any script, digits and `._-`: the id stands in keys, coupon ids and paths.
fn is_policy_id(id: &str) -> bool {
    id.len() <= POLICY_ID_BYTES_MAX
        && id.chars().all(|c| c.is_alphanumeric() || "._-".contains(c))
        && id_rule::check(id).is_ok()
        && !RESERVED_POLICY_IDS.contains(&id)
}

fn moment(when: Option<When>) -> Result<Option<i64>, CommandRefusal> {
    match when {
        None => Ok(None),
        // What is doubtful is refused over HTTP. A record that is here was taken for this once, and is decided as it was.
        Some(When::Ms(ms) | When::Doubtful(ms)) => Ok(Some(ms)),
        Some(When::Unreadable) => Err(CommandRefusal::BadTime),
    }
}

fn discount_terms(kind: Option<&str>, value: Option<i64>) -> Result<Option<Discount>, CommandRefusal> {
    match (kind, amount(value, 1)?) {
        (None, None) => Ok(None),
        (Some("FIXED_AMOUNT"), Some(krw)) => Ok(Some(Discount::FixedAmount(krw))),
        (Some("PERCENTAGE"), Some(percent @ ..=100)) => Ok(Some(Discount::Percentage(percent))),
        _ => Err(CommandRefusal::BadDiscount),
    }
}

fn amount(given: Option<i64>, min: u64) -> Result<Option<u64>, CommandRefusal> {
    given
        .map(|given| u64::try_from(given).ok().filter(|krw| *krw >= min).ok_or(CommandRefusal::BadDiscount))
        .transpose()
}

/// Decides what the stock of a policy becomes: never below what has been given away.
///
/// # Errors
/// The reason why it stays as it is.
pub fn adjust_stock(command: &AdjustStock, policy: Option<&PolicyRow>) -> Result<PolicyRow, CommandRefusal> {
    let policy = policy.ok_or(CommandRefusal::UnknownPolicy)?;
    let total = i128::from(policy.total) + i128::from(command.by);
    if total < i128::from(policy.issued) {
        return Err(CommandRefusal::BelowIssued);
    }
    // The bound of a create command: what can be created can be adjusted to, and nothing else.
    let total = i64::try_from(total).map_err(|_| CommandRefusal::BadQuantity)?;
    Ok(PolicyRow { total: total.unsigned_abs(), ..policy.clone() })
}

/// What becomes of a use command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Use {
    /// This row is written.
    New(CouponRow),
    /// It was used for the same order before.
    Unchanged,
}

/// Decides whether a coupon is used: once, for one order.
///
/// # Errors
/// The reason why not. Somebody else's coupon is unknown: an id that was guessed tells nothing.
pub fn use_coupon(command: &UseCoupon, coupon: Option<CouponRow>, now_ms: i64) -> Result<Use, CommandRefusal> {
    let coupon = coupon.filter(|coupon| coupon.user_id == command.user_id).ok_or(CommandRefusal::UnknownCoupon)?;
    match coupon.used {
        None => Ok(Use::New(CouponRow {
            used: Some(Used { order_id: command.order_id.clone(), used_ms: now_ms }),
            ..coupon
        })),
        Some(used) if used.order_id == command.order_id => Ok(Use::Unchanged),
        Some(_) => Err(CommandRefusal::NotUsable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::Seen;
    use holdfast_model::coupon::message::IssueRequest;
    use holdfast_model::coupon::outcome::Status;
    use holdfast_model::coupon::row::RequestRow;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    fn policy(total: u64, issued: u64) -> PolicyRow {
        PolicyRow { total, issued, starts_ms: Some(100), ends_ms: Some(200), title: "첫 구매 쿠폰".to_owned() }
    }

    #[test]
    fn each_request_has_one_of_the_outcomes() {
        let refused = RequestOutcome::Refused;
        for (policy, has_coupon, user_id, now_ms, expected) in [
            (Some(policy(100, 0)), false, "u", 100, RequestOutcome::Issued(1)),
            (Some(policy(100, 99)), false, "u", 199, RequestOutcome::Issued(100)),
            (None, false, "u", 150, refused(Refusal::UnknownPolicy)),
            (None, false, "", 150, refused(Refusal::UnknownPolicy)),
            (Some(policy(100, 0)), false, " \t", 150, refused(Refusal::NoUser)),
            (Some(policy(100, 0)), false, " u", 150, refused(Refusal::BadUser)),
            (Some(policy(100, 0)), false, "u\n1", 150, refused(Refusal::BadUser)),
            (Some(policy(100, 0)), false, "..", 150, refused(Refusal::BadUser)),
            (Some(policy(100, 0)), false, "u", 99, refused(Refusal::OutsideWindow)),
            (Some(policy(100, 0)), true, "u", 200, refused(Refusal::OutsideWindow)),
            (Some(policy(100, 1)), true, "u", 150, refused(Refusal::AlreadyIssued)),
            (Some(policy(1, 1)), true, "u", 150, refused(Refusal::AlreadyIssued)),
            (Some(policy(1, 1)), false, "u", 150, refused(Refusal::SoldOut)),
            (Some(policy(0, 0)), false, "u", 150, refused(Refusal::SoldOut)),
            (Some(policy(u64::MAX, u64::MAX)), false, "u", 150, refused(Refusal::SoldOut)),
            // A broken row gives nothing away.
            (Some(policy(1, 2)), false, "u", 150, refused(Refusal::SoldOut)),
        ] {
            assert_eq!(
                issue(policy.as_ref(), has_coupon, user_id, now_ms),
                expected,
                "{policy:?} {has_coupon} {user_id:?} {now_ms}"
            );
        }
    }

    fn create() -> CreatePolicy {
        CreatePolicy {
            policy_id: "1".to_owned(),
            title: "첫 구매 쿠폰".to_owned(),
            total_quantity: 100,
            ..CreatePolicy::default()
        }
    }

    /// A change of a good create command, and what it leads to.
    type Spoil = (fn(&mut CreatePolicy), CommandRefusal);

    #[test]
    fn a_policy_that_makes_no_sense_is_refused() {
        let spoils: [Spoil; 18] = [
            (|c| c.policy_id = String::new(), CommandRefusal::BadPolicyId),
            (|c| c.policy_id = "a b".to_owned(), CommandRefusal::BadPolicyId),
            (|c| c.policy_id = "a/b".to_owned(), CommandRefusal::BadPolicyId),
            (|c| c.policy_id = "x".repeat(65), CommandRefusal::BadPolicyId),
            (|c| c.title = " ".to_owned(), CommandRefusal::BadTitle),
            (|c| c.title = "가".repeat(201), CommandRefusal::BadTitle),
            (|c| c.total_quantity = -1, CommandRefusal::BadQuantity),
            (|c| c.start_time = Some(When::Unreadable), CommandRefusal::BadTime),
            (|c| c.end_time = Some(When::Unreadable), CommandRefusal::BadTime),
            (|c| (c.start_time, c.end_time) = (Some(When::Ms(5)), Some(When::Ms(5))), CommandRefusal::BadWindow),
            (|c| (c.start_time, c.end_time) = (Some(When::Ms(6)), Some(When::Ms(5))), CommandRefusal::BadWindow),
            (|c| c.discount_type = Some("FIXED_AMOUNT".to_owned()), CommandRefusal::BadDiscount),
            (|c| c.discount_value = Some(10), CommandRefusal::BadDiscount),
            (
                |c| (c.discount_type, c.discount_value) = (Some("PERCENTAGE".to_owned()), Some(101)),
                CommandRefusal::BadDiscount,
            ),
            (
                |c| (c.discount_type, c.discount_value) = (Some("PERCENTAGE".to_owned()), Some(0)),
                CommandRefusal::BadDiscount,
            ),
            (|c| (c.discount_type, c.discount_value) = (Some("FREE".to_owned()), Some(1)), CommandRefusal::BadDiscount),
            (|c| c.minimum_order_amount = Some(-1), CommandRefusal::BadDiscount),
            (|c| c.maximum_discount_amount = Some(0), CommandRefusal::BadDiscount),
        ];
        for (n, (spoil, expected)) in spoils.into_iter().enumerate() {
            let mut command = create();
            spoil(&mut command);
            assert_eq!(create_policy(&command, None, 0), Err(expected), "case {n}");
        }
    }

    #[test]
    fn a_policy_is_created_once() {
        let Creation::New(policy, terms) = create_policy(&create(), None, 7).unwrap() else { panic!("not new") };
        assert_eq!((policy.total, policy.issued, policy.remaining(), terms.created_ms), (100, 0, 100, 7));
        // Sold and adjusted since: the same words still say nothing new.
        let sold = PolicyRow { total: 150, issued: 20, ..policy.clone() };
        assert_eq!(create_policy(&create(), Some((&sold, &terms)), 9), Ok(Creation::Unchanged));
        let others: [fn(&mut CreatePolicy); 4] = [
            |c| c.total_quantity = 150,
            |c| c.title = "다른 쿠폰".to_owned(),
            |c| c.end_time = Some(When::Ms(1)),
            |c| c.description = Some(String::new()),
        ];
        for change in others {
            let mut other = create();
            change(&mut other);
            assert_eq!(
                create_policy(&other, Some((&policy, &terms)), 9),
                Err(CommandRefusal::PolicyExists),
                "{other:?}"
            );
        }
    }

    #[test]
    fn the_sample_policy_makes_sense() {
        let Creation::New(policy, _) = create_policy(&holdfast_model::coupon::sample::policy(), None, 0).unwrap()
        else {
            panic!("not new")
        };
        assert!(policy.is_open(0) && policy.remaining() == 100);
    }

    #[test]
    fn the_stock_never_falls_below_what_was_given_away() {
        let adjusted = |total, issued, by| {
            adjust_stock(&AdjustStock { by, ..AdjustStock::default() }, Some(&policy(total, issued)))
                .map(|policy| policy.total)
        };
        assert_eq!(adjusted(100, 11, 10), Ok(110));
        assert_eq!(adjusted(100, 11, 0), Ok(100));
        assert_eq!(adjusted(100, 11, -89), Ok(11));
        assert_eq!(adjusted(100, 11, -90), Err(CommandRefusal::BelowIssued));
        assert_eq!(adjusted(100, 11, i64::MIN), Err(CommandRefusal::BelowIssued));
        assert_eq!(adjusted(100, 11, i64::MAX), Err(CommandRefusal::BadQuantity));
        assert_eq!(adjust_stock(&AdjustStock::default(), None), Err(CommandRefusal::UnknownPolicy));
    }

    #[test]
    fn a_coupon_is_used_once() {
        let command = |user_id: &str, order_id: &str| UseCoupon {
            user_id: user_id.to_owned(),
            order_id: order_id.to_owned(),
            ..UseCoupon::default()
        };
        let issued = CouponRow { user_id: "u".to_owned(), issued_ms: 1, used: None };
        let Use::New(used) = use_coupon(&command("u", "o"), Some(issued.clone()), 5).unwrap() else {
            panic!("not new")
        };
        assert_eq!(used.used, Some(Used { order_id: "o".to_owned(), used_ms: 5 }));
        assert_eq!(use_coupon(&command("u", "o"), Some(used.clone()), 6), Ok(Use::Unchanged));
        assert_eq!(use_coupon(&command("u", "p"), Some(used.clone()), 6), Err(CommandRefusal::NotUsable));
        assert_eq!(use_coupon(&command("v", "o"), Some(used), 6), Err(CommandRefusal::UnknownCoupon));
        assert_eq!(use_coupon(&command("v", "o"), Some(issued), 6), Err(CommandRefusal::UnknownCoupon));
        assert_eq!(use_coupon(&command("u", "o"), None, 6), Err(CommandRefusal::UnknownCoupon));
    }

    /// The rows of one policy, moved by decisions alone.
    struct World {
        policy: PolicyRow,
        requests: BTreeMap<u32, RequestRow>,
        issued: BTreeMap<String, u64>,
    }

    impl World {
        /// Decides a request; none = nothing was sent.
        fn ask(&mut self, request_id: u32, user_id: &str, now_ms: i64) -> Option<RequestOutcome> {
            let request = IssueRequest::new("r", "1", user_id, now_ms);
            match Seen::of(&request, self.requests.get(&request_id), false) {
                Seen::Never => {}
                _ => return None,
            }
            let outcome = issue(Some(&self.policy), self.issued.contains_key(user_id), user_id, now_ms);
            if let RequestOutcome::Issued(serial) = outcome {
                self.policy.issued = serial;
                assert_eq!(self.issued.insert(user_id.to_owned(), serial), None);
            }
            let row =
                RequestRow { policy_id: "1".to_owned(), user_id: user_id.to_owned(), decided_ms: now_ms, outcome };
            self.requests.insert(request_id, row);
            Some(outcome)
        }
    }

    proptest! {
        #[test]
        fn the_first_distinct_users_win_and_retries_change_nothing(
            total in 0u64..8,
            // Few ids and users, so that retries, duplicates and stolen ids are frequent; user 0 is blank; now wanders around the window.
            asked in proptest::collection::vec((0u32..12, 0u8..10, 90i64..210), 0..60),
        ) {
            let mut world = World { policy: policy(total, 0), requests: BTreeMap::new(), issued: BTreeMap::new() };
            let mut winners = Vec::new();
            for (request_id, user, now_ms) in asked {
                let user_id = if user == 0 { " ".to_owned() } else { format!("user-{user}") };
                let is_new = !world.requests.contains_key(&request_id);
                let before = (world.policy.clone(), world.issued.clone(), world.requests.clone());
                // What must happen, said in other words than `issue` says it.
                let valid = user != 0 && (100..200).contains(&now_ms);
                let wins = is_new && valid && !winners.contains(&user_id) && (winners.len() as u64) < total;
                let sent = world.ask(request_id, &user_id, now_ms);
                prop_assert_eq!(sent.is_some(), is_new);
                prop_assert_eq!(sent.is_some_and(|o| o.status() == Status::Success), wins);
                if wins {
                    winners.push(user_id);
                }
                if !is_new {
                    prop_assert_eq!(before, (world.policy.clone(), world.issued.clone(), world.requests.clone()));
                }
                prop_assert!(world.policy.issued <= world.policy.total);
                prop_assert_eq!(world.policy.issued + world.policy.remaining(), total);
                prop_assert_eq!(world.policy.issued, winners.len() as u64);
            }
            let serials: BTreeSet<u64> = world.issued.values().copied().collect();
            prop_assert_eq!(serials, (1..=world.policy.issued).collect::<BTreeSet<_>>());
        }

        #[test]
        fn adjusting_keeps_the_books(total in 0u64..1_000, issued_share in 0u64..=100, by: i64) {
            let before = policy(total, total * issued_share / 100);
            match adjust_stock(&AdjustStock { by, ..AdjustStock::default() }, Some(&before)) {
                Ok(after) => {
                    prop_assert!(after.issued <= after.total);
                    prop_assert_eq!(after.issued, before.issued);
                    prop_assert_eq!(i128::from(after.total), i128::from(total) + i128::from(by));
                }
                Err(refusal) => prop_assert!(matches!(refusal, CommandRefusal::BelowIssued | CommandRefusal::BadQuantity)),
            }
        }
    }
}
