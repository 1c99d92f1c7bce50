//! A second pair of eyes on a time sale: decides the inbox again from the rules alone (requirements, section 5), knowing nothing of the topology's code, compares
//! what was told record by record, and checks the rows after every commit.

use super::guards::Guards;
use super::rows::Rows;
use crate::simulation::paper::{self, head, is_redriven, json, text};
use crate::simulation::tally::Tally;
use crate::simulation::wrapped::CLUMSY;
use holdfast_engine::inspect::header;
use holdfast_engine::prelude::place_of;
use holdfast_model::timesale;
use holdfast_model::timesale::{DEAD_LETTERS, FAILURES, INBOX, NOTIFICATIONS, QUEUES, SUCCESS};
use holdfast_sim::memory_log::Stored;
use holdfast_sim::simulation::{Audit, Cursor, History, LiveStores};
use holdfast_topologies::timesale::invariants::Books;
use serde_json::Value;
use std::collections::BTreeMap;

/// The referee of all places.
#[derive(Default)]
pub(crate) struct Referee {
    places: BTreeMap<u32, Place>,
    rows: BTreeMap<u32, Rows>,
    tally: Tally,
}

#[derive(Default)]
struct Sale {
    total: i64,
    price: i64,
    limit: Option<i64>,
    start_ms: Option<i64>,
    end_ms: Option<i64>,
}

/// What an order has become.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Confirmed,
    Cancelled,
    Refused,
    GivenUp,
}

struct Order {
    sale: String,
    user: String,
    quantity: i64,
    fate: Fate,
}

/// What has been told in one topic, against what has to be told: always its beginning.
#[derive(Default)]
struct Told {
    cursor: Cursor,
    expected: Vec<String>,
    told: usize,
}

impl Told {
    fn follow(
        &mut self,
        history: &History<'_>,
        topic: &str,
        place: u32,
        say: impl Fn(&Stored) -> String,
    ) -> Result<(), String> {
        for (offset, record) in self.cursor.read(history, topic, place) {
            let (said, expected) = (say(&record), self.expected.get(self.told));
            if expected != Some(&said) {
                return Err(format!(
                    "{topic}-{place} offset {offset} says {said:?}, by the rules {expected:?} (I-9, I-13)"
                ));
            }
            self.told += 1;
        }
        Ok(())
    }

    fn is_complete(&self, topic: &str, place: u32) -> Result<(), String> {
        match self.expected.get(self.told) {
            None => Ok(()),
            Some(missing) => Err(format!("{topic}-{place}: nothing says {missing:?} (I-9, I-25)")),
        }
    }
}

#[derive(Default)]
struct Place {
    inbox: Cursor,
    now_ms: i64,
    sales: BTreeMap<String, Sale>,
    orders: BTreeMap<String, Order>,
    guards: Guards,
    /// Commands that were decided; true = given up.
    commands: BTreeMap<String, bool>,
    successes: Told,
    failures: Told,
    letters: Told,
    /// Users who have to be notified, with what about and of which order.
    notified: Vec<String>,
    /// What happened, by name.
    happened: Vec<&'static str>,
}

/// What an outcome says that matters.
fn outcome(record: &Stored) -> String {
    let value = json(record).unwrap_or_default();
    ["requestId", "orderId", "timeSaleId", "userId", "quantity", "status", "code", "amount", "remaining", "supersedes"]
        .map(|field| text(&value[field]).unwrap_or_default())
        .join("|")
}

/// A record of the inbox.
struct Line {
    value: Value,
    place: u32,
    places: u32,
    identity: String,
    is_redriven: bool,
    /// The shop stumbles over it until an operator puts it back.
    is_clumsy: bool,
}

impl Place {
    fn follow(&mut self, history: &History<'_>, place: u32) -> Result<(), String> {
        for (offset, record) in self.inbox.read(history, INBOX, place) {
            self.now_ms = self.now_ms.max(record.append_ms);
            let decided = json(&record).and_then(|value| {
                let own = value["requestId"].is_null().then(|| text(&value["orderId"])).flatten();
                let own = own.filter(|_| value["type"].is_null());
                let identity = own.unwrap_or_else(|| paper::identity(&record, &value, (INBOX, place, offset)));
                let is_redriven = is_redriven(&record);
                let is_clumsy = !is_redriven && text(&value["userId"]).is_some_and(|user| user.starts_with(CLUMSY));
                self.decide(&Line { value, place, places: history.places(), identity, is_redriven, is_clumsy })
            });
            if decided.is_none() {
                self.letters.expected.push(offset.to_string());
            }
        }
        self.successes.follow(history, SUCCESS, place, outcome)?;
        self.failures.follow(history, FAILURES, place, outcome)?;
        self.letters.follow(history, DEAD_LETTERS, place, |letter| head(letter, header::OFFSET).unwrap_or_default())
    }

    /// One record by the rules; `None` when it belongs to the dead letters.
    fn decide(&mut self, line: &Line) -> Option<()> {
        match line.value["type"].as_str() {
            None => self.order(line),
            Some("create-sale" | "adjust-stock" | "cancel-order") => self.command(line),
            Some(kind) if Guards::is(kind) => self.guard(line),
            Some(_) => None,
        }
    }

    fn order(&mut self, line: &Line) -> Option<()> {
        let sale = text(&line.value["timeSaleId"])?;
        let user = text(&line.value["userId"])?;
        let quantity: i64 = text(&line.value["quantity"])?.parse().ok()?;
        if place_of(sale.as_bytes(), line.places) != line.place {
            return Some(());
        }
        let prefix = format!("ord_{}_", line.place);
        let id = if line.identity.starts_with(&prefix) {
            line.identity.clone()
        } else {
            format!("{prefix}{}", line.identity)
        };
        let mut supersedes = "";
        match self.orders.get(&id) {
            Some(earlier) if (&earlier.sale, &earlier.user, earlier.quantity) != (&sale, &user, quantity) => {
                return None;
            }
            Some(earlier) if earlier.fate == Fate::GivenUp && line.is_redriven => supersedes = "SYSTEM_ERROR",
            Some(_) => return if line.is_clumsy { None } else { Some(()) },
            None => {}
        }
        let said = |rest: &str| format!("{}|{id}|{sale}|{user}|{quantity}|{rest}|{supersedes}", line.identity);
        let (fate, expected) = if line.is_clumsy {
            (Fate::GivenUp, said("SYSTEM_ERROR|SYSTEM_ERROR||"))
        } else {
            let left = self.left(&sale).map_or_else(String::new, |left| left.to_string());
            match self.judge(&sale, &user, quantity) {
                Ok(amount) => {
                    let left = self.left(&sale).unwrap_or_default() - quantity;
                    (Fate::Confirmed, said(&format!("SUCCESS||{amount}|{left}")))
                }
                Err((status, code)) => (Fate::Refused, said(&format!("{status}|{code}||{left}"))),
            }
        };
        let is_told = ["NOT_STARTED", "ENDED", "LIMIT_EXCEEDED", "INSUFFICIENT_STOCK"];
        match fate {
            Fate::Confirmed => {
                self.notified.push(format!("{user}|TIMESALE_SUCCESS|{id}"));
                if self.guards.purchased(&sale, &user, self.now_ms) {
                    self.happened.push("bought by a ticket");
                }
            }
            _ if is_told.iter().any(|code| expected.contains(code)) => {
                self.notified.push(format!("{user}|TIMESALE_FAILED|{id}"));
            }
            _ => {}
        }
        if fate == Fate::Confirmed { &mut self.successes } else { &mut self.failures }.expected.push(expected);
        self.happened.push(match fate {
            Fate::Confirmed if supersedes.is_empty() => "confirmed",
            Fate::Confirmed => "confirmed after all",
            Fate::Refused => "refused",
            _ => "given up",
        });
        self.orders.insert(id, Order { sale, user, quantity, fate });
        if line.is_clumsy { None } else { Some(()) }
    }

    fn guard(&mut self, line: &Line) -> Option<()> {
        let home = place_of(text(&line.value["timeSaleId"])?.as_bytes(), line.places);
        let is_readable = Guards::default().hear(&line.value).is_some();
        match (is_readable, home == line.place, line.is_clumsy) {
            (false, ..) | (true, true, true) => None,
            (true, false, _) => Some(()),
            (true, true, false) => self.guards.hear(&line.value),
        }
    }

    /// Units that are the buyer's, or all buyers', in a sale.
    fn units(&self, sale: &str, user: Option<&str>) -> i64 {
        let of = |order: &&Order| {
            order.sale == sale && order.fate == Fate::Confirmed && user.is_none_or(|u| order.user == u)
        };
        self.orders.values().filter(of).map(|order| order.quantity).sum()
    }

    fn left(&self, sale: &str) -> Option<i64> {
        self.sales.get(sale).map(|row| row.total - self.units(sale, None))
    }

    /// What an order costs, or its status and code.
    fn judge(&mut self, sale: &str, user: &str, quantity: i64) -> Result<i64, (&'static str, &'static str)> {
        let (units, left) = (self.units(sale, Some(user)), self.left(sale).unwrap_or_default());
        let row = self.sales.get(sale).ok_or(("VALIDATION_FAILED", "TIMESALE_NOT_FOUND"))?;
        let invalid = |code| Err(("VALIDATION_FAILED", code));
        if user.trim().is_empty() {
            return invalid("USER_ID_REQUIRED");
        }
        if quantity < 1 {
            return invalid("INVALID_ORDER_QUANTITY");
        }
        if row.limit.is_some_and(|limit| quantity > limit) {
            return invalid("QUANTITY_ABOVE_LIMIT");
        }
        if row.start_ms.is_some_and(|start| self.now_ms < start) {
            return invalid("TIMESALE_NOT_STARTED");
        }
        if row.end_ms.is_some_and(|end| self.now_ms >= end) {
            return invalid("TIMESALE_ENDED");
        }
        if row.limit.is_some_and(|limit| units + quantity > limit) {
            self.happened.push("limit");
            return Err(("BUSINESS_ERROR", "LIMIT_EXCEEDED"));
        }
        if quantity > left {
            self.happened.push("sold out");
            return Err(("OUT_OF_STOCK", "INSUFFICIENT_STOCK"));
        }
        if !self.guards.lets_in(sale, user, self.now_ms) {
            self.happened.push("not let in");
            return Err(("BUSINESS_ERROR", "QUEUE_NOT_ACTIVE"));
        }
        Ok(row.price * quantity)
    }

    fn command(&mut self, line: &Line) -> Option<()> {
        let value = &line.value;
        let home = match text(&value["timeSaleId"]) {
            Some(sale) => Some(place_of(sale.as_bytes(), line.places)),
            None => text(&value["orderId"]).and_then(|id| place_in(&id)).filter(|place| *place < line.places),
        };
        if home.is_some_and(|home| home != line.place) {
            return Some(());
        }
        match self.commands.get(&line.identity) {
            Some(true) if line.is_redriven => {}
            Some(_) => return if line.is_clumsy { None } else { Some(()) },
            None => {}
        }
        self.commands.insert(line.identity.clone(), line.is_clumsy);
        if line.is_clumsy {
            return None;
        }
        match value["type"].as_str() {
            Some("create-sale") => self.create(value),
            Some("adjust-stock") => self.adjust(value),
            _ => self.cancel(line),
        }
        Some(())
    }

    fn create(&mut self, value: &Value) {
        let Some(id) = text(&value["timeSaleId"]) else { return };
        self.sales.entry(id).or_insert_with(|| Sale {
            total: value["totalQuantity"].as_i64().unwrap_or_default(),
            price: value["discountPrice"].as_i64().unwrap_or_default(),
            limit: value["limitPerUser"].as_i64(),
            start_ms: value["startTime"].as_i64(),
            end_ms: value["endTime"].as_i64(),
        });
    }

    fn adjust(&mut self, value: &Value) {
        let (Some(id), Some(by)) = (text(&value["timeSaleId"]), value["by"].as_i64()) else { return };
        let sold = self.units(&id, None);
        if let Some(sale) = self.sales.get_mut(&id).filter(|sale| sale.total + by >= sold) {
            sale.total += by;
            self.happened.push("adjusted");
        }
    }

    fn cancel(&mut self, line: &Line) {
        let (Some(id), Some(user)) = (text(&line.value["orderId"]), text(&line.value["userId"])) else { return };
        let Some(order) = self.orders.get_mut(&id).filter(|order| order.user == user && order.fate == Fate::Confirmed)
        else {
            self.happened.push("not cancelled");
            return;
        };
        order.fate = Fate::Cancelled;
        let (sale, quantity) = (order.sale.clone(), order.quantity);
        let amount = self.sales.get(&sale).map_or(0, |row| row.price) * quantity;
        let left = self.left(&sale).unwrap_or_default();
        self.successes
            .expected
            .push(format!("{}|{id}|{sale}|{user}|{quantity}|CANCELLED||{amount}|{left}|", line.identity));
        self.happened.push("cancelled");
    }

    fn is_complete(&self, place: u32) -> Result<(), String> {
        self.successes.is_complete(SUCCESS, place)?;
        self.failures.is_complete(FAILURES, place)?;
        self.letters.is_complete(DEAD_LETTERS, place)
    }

    /// I-13 of the rows of a place.
    fn agrees(&self, books: &Books) -> Result<(), String> {
        books.check().map_err(|broken| format!("{broken} (I-13)"))?;
        for (id, row) in &books.sales {
            let by_rules = self.sales.get(id).map(|sale| (self.units(id, None), sale.total));
            let in_store = (row.sold.cast_signed(), row.total.cast_signed());
            if by_rules != Some(in_store) {
                return Err(format!("sale {id}: {in_store:?} in the store, {by_rules:?} by the rules (I-13)"));
            }
        }
        Ok(())
    }
}

/// The place in an order id.
fn place_in(id: &str) -> Option<u32> {
    let (place, rest) = id.strip_prefix("ord_")?.split_once('_')?;
    place.parse().ok().filter(|_| !rest.is_empty())
}

impl Referee {
    /// Each queue was told once of each purchase that it had let a user in for.
    fn check_purchases(&self, history: &History<'_>) -> Result<(), String> {
        let mut expected: Vec<_> =
            self.places.values().flat_map(|place| place.guards.purchases.iter().cloned()).collect();
        let mut told = Vec::new();
        for place in 0..history.places() {
            for (_, record) in history.read(QUEUES, place, 0) {
                let value = json(&record).unwrap_or_default();
                let said = [&value["userId"], &value["ticket"], &value["subject"]["id"]];
                told.push(said.map(|field| text(field).unwrap_or_default()).join("|"));
            }
        }
        expected.sort();
        told.sort();
        if expected == told {
            Ok(())
        } else {
            Err(format!("{} purchases told to queues, {} by the rules (I-23)", told.len(), expected.len()))
        }
    }

    /// A referee that counts what happened.
    pub(crate) fn telling(tally: Tally) -> Self {
        Self { tally, ..Self::default() }
    }
}

impl Audit for Referee {
    fn committed(&mut self, history: &History<'_>) -> Result<(), String> {
        for place in 0..history.places() {
            let rows = self.rows.entry(place).or_default();
            rows.follow(history, place)?;
            rows.books.check().map_err(|broken| format!("after a commit: {broken} (I-13)"))?;
            self.places.entry(place).or_default().follow(history, place)?;
        }
        Ok(())
    }

    fn settled(&mut self, history: &History<'_>, stores: &LiveStores) -> Result<(), String> {
        self.committed(history)?;
        let mut expected: Vec<String> = Vec::new();
        for (place, referee) in &self.places {
            referee.is_complete(*place)?;
            expected.extend(referee.notified.iter().cloned());
            referee.happened.iter().for_each(|what| self.tally.add(what, 1));
        }
        let mut told: Vec<String> = Vec::new();
        for place in 0..history.places() {
            for (_, notice) in history.read(NOTIFICATIONS, place, 0) {
                let payload = json(&notice).unwrap_or_default()["payload"].take();
                let said = ["userId", "type"].map(|field| text(&payload[field]).unwrap_or_default());
                told.push(format!("{}|{}", said.join("|"), text(&payload["data"]["orderId"]).unwrap_or_default()));
            }
        }
        expected.sort();
        told.sort();
        if expected != told {
            return Err(format!("{} notifications, {} by the rules (I-15)", told.len(), expected.len()));
        }
        self.check_purchases(history)?;
        for task in stores.tasks(timesale::NAME) {
            let books = Books::load(&task).map_err(|error| error.to_string())?;
            if let Some(referee) = self.places.get(&task.place()) {
                referee.agrees(&books)?;
            }
        }
        Ok(())
    }
}
