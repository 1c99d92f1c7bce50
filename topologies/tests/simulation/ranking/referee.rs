//! A second pair of eyes on rankings: counts every record of the inbox again, by the requirements and in the order of the log. It knows nothing of the
//! topology's code but its queries, whose answers are what is judged, and the check of its rows.

use crate::simulation::paper::{is_redriven, json, moment, text};
use crate::simulation::tally::Tally;
use crate::simulation::wrapped::CLUMSY;
use holdfast_engine::inspect::TaskView;
use holdfast_engine::prelude::place_of;
use holdfast_model::ranking::{INBOX, NAME};
use holdfast_sim::memory_log::Stored;
use holdfast_sim::simulation::{Audit, Cursor, History, LiveStores};
use holdfast_topologies::ranking::{invariants, view};
use serde_json::Value;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Name, length and bucket of the sliding windows, in ms.
const SLIDING: [(&str, i64, i64); 3] =
    [("1h", HOUR_MS, MINUTE_MS), ("24h", DAY_MS, 10 * MINUTE_MS), ("7d", 7 * DAY_MS, HOUR_MS)];
/// How long a payment is known, in ms.
const KEPT_MS: i64 = 400 * DAY_MS;

/// A ranking: count, when it was reached, schedule.
type Ranks = Vec<(u64, i64, String)>;

/// A payment, as its records tell it.
#[derive(Clone, Default)]
struct Payment {
    schedule: String,
    sold_ms: Option<i64>,
    returned_ms: Option<i64>,
    /// When its sale was decided, and the one of its return, in the time of the log.
    decided_ms: i64,
    return_decided_ms: i64,
}

/// How a schedule was sold out the first time.
#[derive(Clone, PartialEq, Eq, Debug)]
struct SoldOut {
    took_ms: i64,
    from_first_ms: i64,
    at_ms: i64,
    reopened: bool,
}

/// One place.
#[derive(Default)]
struct Place {
    cursor: Cursor,
    now_ms: i64,
    payments: BTreeMap<String, Payment>,
    first_sale: BTreeMap<String, i64>,
    returns: BTreeMap<String, Vec<i64>>,
    sold_out: BTreeMap<String, SoldOut>,
}

/// The referee of all places.
pub(crate) struct Referee {
    tally: Tally,
    places: BTreeMap<u32, Place>,
}

/// A time as a number or as text.
fn time(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| moment(value))
}

/// The calendar day in Korea, counted from 1970-01-01.
fn day_of(ms: i64) -> i64 {
    (ms + 9 * HOUR_MS).div_euclid(DAY_MS)
}

impl Place {
    /// The next record. Returns what it was.
    fn take(&mut self, record: &Stored, here: bool) -> &'static str {
        self.now_ms = self.now_ms.max(record.append_ms);
        let now_ms = self.now_ms;
        let Some(said) = json(record).filter(|_| here) else { return "elsewhere" };
        if text(&said["userId"]).is_some_and(|user| user.starts_with(CLUMSY)) && !is_redriven(record) {
            return "stumbled";
        }
        let named = text(&said["scheduleId"]).zip(text(&said["paymentId"])).zip(time(&said["occurredAt"]));
        let Some(((schedule, id), at_ms)) = named else { return "nonsense" };
        let at_ms = at_ms.min(now_ms);
        let is_sale = said["type"] == "SEAT_SOLD";
        let payment = self.payments.get(&id).cloned().unwrap_or_default();
        if !payment.schedule.is_empty() && payment.schedule != schedule {
            return "another schedule";
        }
        if (if is_sale { payment.sold_ms } else { payment.returned_ms }).is_some() {
            return "came again";
        }
        if at_ms <= now_ms - KEPT_MS {
            return "too old";
        }
        let payment = self.payments.entry(id).or_default();
        payment.schedule.clone_from(&schedule);
        if is_sale {
            let is_first = payment.returned_ms.is_none();
            (payment.sold_ms, payment.decided_ms) = (Some(at_ms), now_ms);
            let first = self.first_sale.entry(schedule.clone()).or_insert(at_ms);
            *first = at_ms.min(*first);
            let first_ms = *first;
            let is_full = said["capacity"].as_u64().is_some_and(|capacity| said["reserved"].as_u64() >= Some(capacity));
            if is_full && !self.sold_out.contains_key(&schedule) {
                let reopened = self.returns.get(&schedule).is_some_and(|all| all.iter().any(|ms| *ms > at_ms));
                let from = |ms: i64| (at_ms - ms).max(0);
                let took_ms = from(time(&said["saleStart"]).unwrap_or(first_ms));
                let sold_out = SoldOut { took_ms, from_first_ms: from(first_ms), at_ms, reopened };
                self.sold_out.insert(schedule, sold_out);
                return "sold out";
            }
            if !is_first {
                return "sold after its return";
            }
            return if now_ms - at_ms > 2 * HOUR_MS + MINUTE_MS { "late" } else { "sold" };
        }
        (payment.returned_ms, payment.return_decided_ms) = (Some(at_ms), now_ms);
        let is_matched = payment.sold_ms.is_some();
        if let Some(sold_out) = self.sold_out.get_mut(&schedule)
            && at_ms >= sold_out.at_ms
        {
            sold_out.reopened = true;
        }
        self.returns.entry(schedule).or_default().push(at_ms);
        if is_matched { "returned" } else { "returned before its sale" }
    }

    /// Sales less returns for all time.
    fn all_time(&self) -> Ranks {
        let mut counts: BTreeMap<&str, (u64, i64)> = BTreeMap::new();
        for payment in self.payments.values() {
            let Some(sold_ms) = payment.sold_ms else { continue };
            let (count, reached_ms) = counts.entry(&payment.schedule).or_default();
            *count += u64::from(payment.returned_ms.is_none());
            *reached_ms = sold_ms.max(payment.returned_ms.unwrap_or(sold_ms)).max(*reached_ms);
        }
        ranked(counts.into_iter().filter(|(_, (count, _))| *count > 0).map(|(id, (n, ms))| (n, ms, id.to_owned())))
    }

    /// Whether a payment's sale stands in a window: it came before `is_closed`, and so did no return.
    fn stands(payment: &Payment, sold_ms: i64, is_closed: impl Fn(i64, i64) -> bool) -> bool {
        let is_late = is_closed(sold_ms, payment.decided_ms);
        let is_returned_first = payment.returned_ms.is_some() && payment.return_decided_ms <= payment.decided_ms;
        let is_returned = payment.returned_ms.is_some() && !is_closed(sold_ms, payment.return_decided_ms);
        !is_late && !is_returned_first && !is_returned
    }

    fn sliding(&self, length_ms: i64, bucket_ms: i64) -> Ranks {
        let first = |now_ms: i64| (now_ms - length_ms).div_euclid(bucket_ms);
        let is_closed = |sold_ms: i64, now_ms: i64| sold_ms.div_euclid(bucket_ms) < first(now_ms - HOUR_MS);
        let mut counts: BTreeMap<&str, (u64, i64)> = BTreeMap::new();
        for payment in self.payments.values() {
            let Some(sold_ms) = payment.sold_ms else { continue };
            let bucket = sold_ms.div_euclid(bucket_ms);
            if bucket >= first(self.now_ms) && Self::stands(payment, sold_ms, is_closed) {
                let (count, reached_ms) = counts.entry(&payment.schedule).or_default();
                *count += 1;
                *reached_ms = (bucket * bucket_ms).max(*reached_ms);
            }
        }
        ranked(counts.into_iter().map(|(id, (n, ms))| (n, ms, id.to_owned())))
    }

    /// Counts of a day; when they were reached is not judged.
    fn day(&self, day: i64) -> BTreeMap<&str, u64> {
        let is_closed = |sold_ms: i64, now_ms: i64| day_of(sold_ms) < day_of(now_ms - HOUR_MS);
        let mut counts = BTreeMap::new();
        for payment in self.payments.values() {
            let Some(sold_ms) = payment.sold_ms.filter(|ms| day_of(*ms) == day) else { continue };
            if Self::stands(payment, sold_ms, is_closed) {
                *counts.entry(&*payment.schedule).or_default() += 1;
            }
        }
        counts
    }

    fn compare(&self, task: &TaskView) -> Result<(), String> {
        let shown = |window: &str| -> Result<Ranks, String> {
            let asked = window.parse().map_err(|()| format!("{window} is no window"))?;
            let popular = view::popular(task, asked, self.now_ms, 100).map_err(|error| error.to_string())?;
            Ok(popular.into_iter().map(|p| (p.key.count, p.key.reached_ms, p.key.schedule_id)).collect())
        };
        let agree = |window: &str, expected: Ranks| {
            let found = shown(window)?;
            if found == expected {
                Ok(())
            } else {
                Err(format!("{window} shows {found:?}, by the log it is {expected:?} (I-24)"))
            }
        };
        agree("all", self.all_time())?;
        for (name, length_ms, bucket_ms) in SLIDING {
            agree(name, self.sliding(length_ms, bucket_ms))?;
        }
        let days: BTreeSet<i64> = self.payments.values().filter_map(|payment| payment.sold_ms).map(day_of).collect();
        for day in days {
            let name = holdfast_model::rfc3339::to_string(day * DAY_MS).chars().take(10).collect::<String>();
            let found = shown(&name)?;
            let found: BTreeMap<&str, u64> = found.iter().map(|(count, _, id)| (&**id, *count)).collect();
            let expected = self.day(day);
            if found != expected {
                return Err(format!("{name} shows {found:?}, by the log it is {expected:?} (I-24)"));
            }
        }
        let mut expected: Vec<_> = self.sold_out.iter().map(|(id, row)| (id.clone(), row.clone())).collect();
        expected.sort_by_key(|(id, row)| (row.took_ms, row.at_ms, id.clone()));
        let found = view::sold_out(task, 100).map_err(|error| error.to_string())?;
        let found: Vec<_> = found
            .into_iter()
            .map(|s| {
                let (took_ms, at_ms) = (s.key.sold_out_ms, s.key.at_ms);
                let (from_first_ms, reopened) = (s.from_first_sale_ms, s.reopened);
                (s.key.schedule_id, SoldOut { took_ms, from_first_ms, at_ms, reopened })
            })
            .collect();
        if found != expected {
            return Err(format!("sold out shows {found:?}, by the log it is {expected:?} (I-24)"));
        }
        Ok(())
    }
}

fn ranked(ranks: impl Iterator<Item = (u64, i64, String)>) -> Ranks {
    let mut ranks: Ranks = ranks.collect();
    ranks.sort_by_key(|(count, reached_ms, id)| (Reverse(*count), *reached_ms, id.clone()));
    ranks
}

impl Referee {
    pub(crate) fn telling(tally: Tally) -> Self {
        Self { tally, places: BTreeMap::new() }
    }

    fn read(&mut self, history: &History<'_>) {
        for number in 0..history.places() {
            let place = self.places.entry(number).or_default();
            let records = place.cursor.read(history, INBOX, number);
            for (_, record) in &records {
                let schedule = json(record).and_then(|said| text(&said["scheduleId"]));
                let here = schedule.is_some_and(|id| place_of(id.as_bytes(), history.places()) == number);
                self.tally.add(place.take(record, here), 1);
            }
        }
    }
}

impl Audit for Referee {
    fn committed(&mut self, history: &History<'_>) -> Result<(), String> {
        self.read(history);
        Ok(())
    }

    fn settled(&mut self, history: &History<'_>, stores: &LiveStores) -> Result<(), String> {
        self.read(history);
        for task in stores.tasks(NAME) {
            if let Some(place) = self.places.get(&task.place()) {
                place.compare(&task).map_err(|why| format!("place {}: {why}", task.place()))?;
            }
            invariants::check(&task)?;
        }
        Ok(())
    }
}
