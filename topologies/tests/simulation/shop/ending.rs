//! What must hold when nothing is left to be done: nobody waits, money and seats agree, each request has its outcome, and everybody was told once.

use super::referee::Referee;
use crate::simulation::paper::{self, head, identity};
use crate::simulation::wrapped::STUMBLED;
use holdfast_engine::inspect::header;
use holdfast_engine::prelude::place_of;
use holdfast_model::payment::row::PaymentRow as DebitRow;
use holdfast_model::reservation;
use holdfast_model::reservation::ids;
use holdfast_model::reservation::refusal::Refusal;
use holdfast_model::reservation::row::{CouponState, PaymentState};
use holdfast_model::reservation::state::State;
use holdfast_model::{coupon, payment};
use holdfast_model::{envelope, expiration};
use holdfast_sim::simulation::{History, LiveStores};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Commands that have an outcome of their own.
pub(crate) const COMMANDS: [&str; 10] = [
    "create-concert",
    "create-schedule",
    "hold",
    "release",
    "pay",
    "cancel",
    "extend",
    "cancel-schedule",
    "join-waitlist",
    "leave-waitlist",
];

pub(crate) fn check(referee: &Referee, history: &History<'_>) -> Result<(), String> {
    nobody_waits(referee)?;
    let debits = debits(referee);
    money_and_seats(referee, &debits)?;
    conserved(referee, history)?;
    told(referee, &debits)?;
    let buried = dead_letters(history)?;
    outcomes(referee, history, &buried)
}

/// I-7: nothing is held, being paid, or on its way back.
fn nobody_waits(referee: &Referee) -> Result<(), String> {
    for (place, town) in &referee.towns {
        let books = &town.rows.reservation;
        if let Some((serial, row)) =
            books.reservations.iter().find(|(_, row)| matches!(row.state, State::Held | State::Paying))
        {
            return Err(format!("reservation {serial} of place {place} is left behind: {row:?} (I-7, I-25)"));
        }
        let is_over = |state: &PaymentState| {
            matches!(state, PaymentState::Paid | PaymentState::Refused(_) | PaymentState::Refunded(_))
        };
        if let Some((id, row)) = books.payments.iter().find(|(_, row)| !is_over(&row.state)) {
            return Err(format!("payment {id} is left behind: {row:?} (I-3)"));
        }
        if let Some((id, row)) = books.schedules.iter().find(|(_, row)| row.cancelling.is_some() && row.held > 0) {
            return Err(format!("schedule {id} was cancelled: {row:?}"));
        }
    }
    Ok(())
}

/// Payments that a wallet has made, by id.
fn debits(referee: &Referee) -> BTreeMap<&String, &DebitRow> {
    let all = referee.towns.values().flat_map(|town| &town.rows.payment.payments);
    all.filter(|(_, row)| row.outcome.refusal().is_none()).collect()
}

/// I-3: each debit is for one confirmed reservation or has gone back, never both, never neither; each confirmed reservation has its debit.
fn money_and_seats(referee: &Referee, debits: &BTreeMap<&String, &DebitRow>) -> Result<(), String> {
    for (id, debit) in debits {
        let row = referee.reservation(&debit.reservation_id);
        let is_confirmed = row.is_some_and(|row| row.state == State::Confirmed && row.payment_id.as_ref() == Some(*id));
        let refund = debit.refund.as_ref();
        if is_confirmed == refund.is_some() {
            return Err(format!("debit {id}: {debit:?} for {row:?} (I-3)"));
        }
        let asked = ids::parse_reservation(&debit.reservation_id)
            .and_then(|(place, _)| referee.towns.get(&place)?.rows.reservation.payments.get(*id));
        let back = match asked.map(|row| &row.state) {
            Some(PaymentState::Paid) => None,
            Some(PaymentState::Refunded(refund)) => Some((refund.amount, refund.amount + refund.fee)),
            state => return Err(format!("debit {id} is made, its reservation knows {state:?} (I-3)")),
        };
        let amount = debit.amount.unsigned_abs();
        if back != refund.map(|refund| (refund.amount.unsigned_abs(), amount)) {
            return Err(format!("debit {id}: {debit:?}, its reservation knows of {back:?} (I-3, I-4)"));
        }
    }
    for (place, town) in &referee.towns {
        for (serial, row) in town.rows.reservation.reservations.iter().filter(|(_, r)| r.state == State::Confirmed) {
            let debit = row.payment_id.as_ref().and_then(|id| debits.get(id));
            let is_paid = debit.is_some_and(|debit| {
                let off = debit.discount.as_ref().map_or(0, |discount| discount.amount.unsigned_abs());
                debit.amount.unsigned_abs() + off == row.price
                    && debit.user_id == row.user_id
                    && debit.reservation_id == ids::reservation(*place, *serial)
            });
            if !is_paid {
                return Err(format!("{row:?} of place {place} is confirmed by {debit:?} (I-3)"));
            }
        }
    }
    Ok(())
}

/// I-4: what came in, by the inbox alone, is what wallets and shop have.
fn conserved(referee: &Referee, history: &History<'_>) -> Result<(), String> {
    let limits = payment::Settings::default();
    let mut charges: BTreeMap<(u32, String), i64> = BTreeMap::new();
    for place in 0..history.places() {
        for (offset, record) in history.read(payment::INBOX, place, 0) {
            let Some(value) = paper::json(&record).filter(|value| value["type"] == "charge") else { continue };
            let user = paper::text(&value["userId"]).unwrap_or_default();
            if place_of(user.as_bytes(), history.places()) != place {
                continue;
            }
            let amount = value["amount"].as_i64().unwrap_or_default();
            let is_taken = (limits.charge_min_krw..=limits.charge_max_krw).contains(&amount);
            // The first under an id is the one, in each place.
            let id = (place, identity(&record, &value, (payment::INBOX, place, offset)));
            charges.entry(id).or_insert(if is_taken { amount } else { 0 });
        }
    }
    let came_in: i64 = charges.values().sum();
    let books = || referee.towns.values().map(|town| &town.rows.payment);
    let balances: i64 = books().flat_map(|books| books.wallets.values()).map(|wallet| wallet.balance).sum();
    let shop: i64 = books().map(|books| books.accounts().revenue + books.accounts().refund_payable).sum();
    if balances + shop == came_in {
        Ok(())
    } else {
        Err(format!("{came_in} KRW came in, {balances} are in wallets and {shop} in the shop (I-4)"))
    }
}

/// Each thing that happened was told once, and nothing else.
fn told(referee: &Referee, debits: &BTreeMap<&String, &DebitRow>) -> Result<(), String> {
    let facts = &referee.facts;
    let rows = || {
        referee.towns.iter().flat_map(|(place, town)| {
            let rows = &town.rows.reservation.reservations;
            rows.iter().map(|(serial, row)| (ids::reservation(*place, *serial), row))
        })
    };
    let with = |is_so: &dyn Fn(State) -> bool| -> BTreeSet<String> {
        rows().filter(|(_, row)| is_so(row.state)).map(|(id, _)| id).collect()
    };
    let confirmed = facts.of("confirmed");
    let returned: BTreeSet<String> = confirmed.difference(&with(&|state| state == State::Confirmed)).cloned().collect();
    let refunded: BTreeSet<String> =
        debits.values().filter(|debit| debit.refund.is_some()).map(|debit| debit.reservation_id.clone()).collect();
    let expired = with(&|state| state == State::Expired);
    for (kind, expected) in [
        ("deadline", with(&|_| true)),
        ("deadline moved", rows().filter(|(_, row)| row.extensions == 1).map(|(id, _)| id).collect()),
        ("expired", expired.clone()),
        ("notice RESERVATION_EXPIRED", expired),
        ("notice PAYMENT_CONFIRMED", confirmed.clone()),
        ("notice SEAT_OPENED", referee.offered()),
        ("notice REFUNDED", refunded),
        ("SEAT_SOLD", confirmed.clone()),
        ("SEAT_RETURNED", returned),
        ("completed", debits.keys().map(|id| (*id).clone()).collect()),
    ] {
        let told = facts.of(kind);
        if let Some(id) = told.symmetric_difference(&expected).next() {
            return Err(format!("{kind} of {id}: told {}, to be told {}", told.contains(id), expected.contains(id)));
        }
    }
    match with(&|state| state == State::Confirmed).difference(&confirmed).next() {
        Some(id) => Err(format!("nobody was told that {id} is confirmed")),
        None => Ok(()),
    }
}

/// I-21: what lies among the dead letters says where it comes from, and belongs there. Returns the origins.
fn dead_letters(history: &History<'_>) -> Result<BTreeSet<String>, String> {
    let mut buried = BTreeSet::new();
    for topic in [reservation::DEAD_LETTERS, expiration::DEAD_LETTERS, payment::DEAD_LETTERS, coupon::DEAD_LETTERS] {
        for place in 0..history.places() {
            for (offset, letter) in history.read(topic, place, 0) {
                let class = head(&letter, header::CLASS).unwrap_or_default();
                let is_ours = head(&letter, envelope::header::ID).is_some();
                let is_broken =
                    matches!(class.as_str(), "BrokenBooks" | "BrokenSchedule" | "IllegalMove" | "NoSchedule");
                if class != STUMBLED && (is_ours || is_broken) {
                    return Err(format!("{topic}-{place} offset {offset}: {class} of {letter:?} (I-21)"));
                }
                let origin = [header::TOPIC, header::PARTITION, header::OFFSET].map(|name| head(&letter, name));
                let [Some(inbox), Some(partition), Some(origin)] = origin else {
                    return Err(format!("{topic}-{place} offset {offset} does not say where it comes from (I-21)"));
                };
                if !buried.insert(format!("{inbox}-{partition}-{origin}")) {
                    return Err(format!("{inbox}-{partition} offset {origin} is buried twice (I-21)"));
                }
            }
        }
    }
    Ok(buried)
}

/// I-9, I-25: each record has an outcome or lies among the dead letters; what was put back has an outcome that is one.
fn outcomes(referee: &Referee, history: &History<'_>, buried: &BTreeSet<String>) -> Result<(), String> {
    let towns = || referee.towns.values();
    for (place, town) in &referee.towns {
        for (offset, line) in &town.lines {
            let here = format!("{}-{place}-{offset}", reservation::INBOX);
            // Here or in the place it was forwarded to.
            let outcomes: Vec<_> = towns().filter_map(|town| town.rows.commands.get(&line.identity)).collect();
            let is_known = match line.kind() {
                kind if COMMANDS.contains(&kind) => !outcomes.is_empty() || buried.contains(&here),
                "expire" | "settled" | "refunded" | "cancel-next" | "coupon-used" | "coupon-refused" | "sweep"
                | "tell-waitlist" => true,
                _ => buried.contains(&here),
            };
            if !is_known {
                return Err(format!("{here} has no outcome: {:?} (I-9, I-25)", line.value));
            }
            let is_given_up = outcomes.iter().all(|row| row.refused == Some(Refusal::System));
            if line.is_redriven && !outcomes.is_empty() && is_given_up {
                return Err(format!("{here} was put back and nobody looked at it: {:?} (I-9, I-21)", line.value));
            }
        }
    }
    for place in 0..history.places() {
        for (offset, record) in history.read(payment::INBOX, place, 0) {
            let here = format!("{}-{place}-{offset}", payment::INBOX);
            let value = paper::json(&record).unwrap_or(Value::Null);
            let id = identity(&record, &value, (payment::INBOX, place, offset));
            let payment_id = paper::text(&value["paymentId"]).unwrap_or_default();
            let system = payment::row::Outcome::Refused(payment::outcome::Refusal::System);
            let books = || towns().map(|town| &town.rows.payment);
            let outcome = match value["type"].as_str().unwrap_or_default() {
                "charge" => books().find_map(|books| books.charges.get(&id).map(|row| row.outcome)),
                "debit" => books().find_map(|books| books.payments.get(&payment_id).map(|row| row.outcome)),
                "refund" => books().find_map(|books| books.refunds.get(&id).map(|row| row.outcome)),
                _ => None,
            };
            if outcome.is_none() && !buried.contains(&here) {
                return Err(format!("{here} has no outcome: {value} (I-9, I-25)"));
            }
            // A debit that was given up stays so: whoever holds the seat has been told.
            if paper::is_redriven(&record) && value["type"] != "debit" && outcome == Some(system) {
                return Err(format!("{here} was put back and nobody looked at it: {value} (I-9, I-21)"));
            }
        }
        for (offset, record) in history.read(expiration::INBOX, place, 0) {
            let here = format!("{}-{place}-{offset}", expiration::INBOX);
            let id = paper::json(&record).and_then(|value| paper::text(&value["payload"]["reservationId"]));
            if id.is_none() && !buried.contains(&here) {
                return Err(format!("{here} is no deadline and nobody says so (I-25)"));
            }
        }
    }
    Ok(())
}

/// I-10: what queries show is what rows and facts say.
pub(crate) fn views(referee: &Referee, stores: &LiveStores) -> Result<(), String> {
    for task in stores.tasks(reservation::NAME) {
        let Some(town) = referee.towns.get(&task.place()) else { continue };
        for id in town.rows.reservation.schedules.keys() {
            let schedule =
                holdfast_topologies::reservation::view::schedule(&task, id).map_err(|error| error.to_string())?;
            let seats = holdfast_topologies::reservation::view::seats(&task, id)
                .map_err(|error| error.to_string())?
                .unwrap_or_default();
            let count = |status: &str| seats.iter().filter(|seat| seat.status == status).count() as u64;
            let by_seat = (count("AVAILABLE"), count("TEMPORARY_RESERVED"), count("RESERVED"));
            let by_schedule = schedule.map(|s| (s.available, s.temporary_reserved, s.reserved));
            let prices: BTreeMap<u64, u64> = seats.iter().map(|seat| (seat.seat_no, seat.price)).collect();
            if by_schedule != Some(by_seat) || referee.catalogue.prices(id) != Some(&prices) {
                return Err(format!(
                    "schedule {id} shows {by_schedule:?}, its seats {by_seat:?} at {prices:?} (I-2, I-10)"
                ));
            }
        }
        let confirmed = referee.facts.of("confirmed");
        for (serial, row) in &town.rows.reservation.reservations {
            let id = ids::reservation(task.place(), *serial);
            let view =
                holdfast_topologies::reservation::view::reservation(&task, &id).map_err(|error| error.to_string())?;
            let shown = view.map(|view| view.status).unwrap_or_default();
            if shown != row.state.as_str() || (shown == "CONFIRMED" && !confirmed.contains(&id)) {
                return Err(format!("{id} shows {shown}, it is {row:?} (I-10)"));
            }
        }
        for (id, row) in &town.rows.commands {
            let view = holdfast_topologies::reservation::view::command(&task, id).map_err(|error| error.to_string())?;
            if view.as_ref().map(|view| view.status) != Some(row.status().as_str()) {
                return Err(format!("command {id} shows {view:?}, it is {row:?} (I-10)"));
            }
        }
    }
    for task in stores.tasks(payment::NAME) {
        let Some(town) = referee.towns.get(&task.place()) else { continue };
        for (id, row) in &town.rows.payment.payments {
            let view = holdfast_topologies::payment::view::payment(&task, id).map_err(|error| error.to_string())?;
            if view.as_ref().map(|view| view.outcome.status) != Some(row.outcome.status().as_str()) {
                return Err(format!("payment {id} shows {view:?}, it is {row:?} (I-10)"));
            }
        }
    }
    Ok(())
}

/// A coupon is used by the payment that has it, and by no other: what was given back is free again.
pub(crate) fn coupons(referee: &Referee, stores: &LiveStores) -> Result<(), String> {
    let payments = referee.towns.values().flat_map(|town| &town.rows.reservation.coupons);
    let has_it = payments.filter(|(_, row)| matches!(row.state, CouponState::Used { .. }));
    let expected: BTreeMap<String, String> = has_it.map(|(id, row)| (id.clone(), row.coupon_id.clone())).collect();
    let mut used = BTreeMap::new();
    for task in stores.tasks(coupon::NAME) {
        let books = holdfast_topologies::coupon::invariants::Books::load(&task).map_err(|error| error.to_string())?;
        books.check().map_err(|broken| format!("{broken} (I-11)"))?;
        for (key, row) in books.coupons {
            if let Some(by) = row.used {
                used.insert(by.order_id, format!("cpn_{}_{}_{}", task.place(), key.policy_id, key.serial));
            }
        }
    }
    if used == expected {
        Ok(())
    } else {
        Err(format!("coupons are used by {used:?}, payments have {expected:?} (I-3)"))
    }
}
