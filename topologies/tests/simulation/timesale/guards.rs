//! What queues say about the sales that they guard: who sends it, and the rules by which the referee tells who is let in.

use crate::simulation::paper::text;
use holdfast_sim::simulation::World;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Tickets are few, so that old ones come after newer ones.
const TICKETS: u64 = 9;
/// How long an admission lasts at most, in ms.
const ACTIVE_MS: u64 = 4_000;

/// What a queue says about a sale, and to which user.
pub(crate) fn message(world: &mut World<'_>, sale: &str, user: &str) -> String {
    let queue = format!("q{}", world.rng().below(2));
    let rest = format!(r#""queueId":"{queue}","timeSaleId":"{sale}""#);
    let key = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
    let ticket = world.rng().below(TICKETS);
    match world.rng().below(12) {
        0 => format!(r#"{{"type":"unguard",{rest}}}"#),
        1 | 2 => format!(r#"{{"type":"guard","key":"{key}",{rest}}}"#),
        3 => format!(r#"{{"type":"admit","userId":"{user}",{rest}}}"#),
        4..6 => format!(r#"{{"type":"end-admission","ticket":{ticket},"userId":"{user}",{rest}}}"#),
        _ => {
            let until_ms = world.now_ms() + world.rng().below(ACTIVE_MS).cast_signed();
            format!(r#"{{"type":"admit","ticket":{ticket},"userId":"{user}","activeUntilMs":{until_ms},{rest}}}"#)
        }
    }
}

/// A ticket that a queue has spoken of.
#[derive(Clone, Copy)]
struct Ticket {
    number: u64,
    until_ms: i64,
    is_over: bool,
}

/// The guards of a place by the rules.
#[derive(Default)]
pub(crate) struct Guards {
    /// The queues of each sale, in the order in which they came.
    queues: BTreeMap<String, Vec<String>>,
    /// The highest ticket of each sale, queue and user.
    tickets: BTreeMap<(String, String, String), Ticket>,
    /// Tickets that have ended, whatever came first.
    ended: BTreeSet<(String, String, String, u64)>,
    /// What queues have to be told.
    pub(crate) purchases: Vec<String>,
}

impl Guards {
    /// Whether a record is a queue's.
    pub(crate) fn is(kind: &str) -> bool {
        ["guard", "unguard", "admit", "end-admission"].contains(&kind)
    }

    /// What a queue says; `None` when that belongs to the dead letters.
    pub(crate) fn hear(&mut self, value: &Value) -> Option<()> {
        let (sale, queue) = (text(&value["timeSaleId"])?, text(&value["queueId"])?);
        let queues = self.queues.entry(sale.clone()).or_default();
        match value["type"].as_str()? {
            "guard" if queues.contains(&queue) => return Some(()),
            "guard" => {
                queues.push(queue);
                return Some(());
            }
            "unguard" => {
                queues.retain(|known| *known != queue);
                return Some(());
            }
            _ => {}
        }
        let (number, user) = (value["ticket"].as_u64()?, text(&value["userId"])?);
        let key = (sale.clone(), queue.clone(), user.clone());
        let ended = (sale, queue, user, number);
        let until_ms = if value["type"] == "admit" {
            value["activeUntilMs"].as_i64()?
        } else {
            self.ended.insert(ended.clone());
            i64::MIN
        };
        let ticket = self.tickets.entry(key).or_insert(Ticket { number, until_ms, is_over: false });
        if number > ticket.number {
            *ticket = Ticket { number, until_ms, is_over: false };
        }
        ticket.is_over |= ticket.number == number && self.ended.contains(&ended);
        Some(())
    }

    /// The ticket by which a user is let in: the first of the sale's queues that has one. The inner `None`: the user is not.
    fn ticket(&mut self, sale: &str, user: &str, now_ms: i64) -> Option<Option<&mut Ticket>> {
        let queues = self.queues.get(sale).filter(|queues| !queues.is_empty())?;
        let keys = queues.iter().map(|queue| (sale.to_owned(), queue.clone(), user.to_owned()));
        let is_live = |ticket: &Ticket| !ticket.is_over && now_ms < ticket.until_ms;
        let key = keys.into_iter().find(|key| self.tickets.get(key).is_some_and(is_live));
        Some(key.and_then(|key| self.tickets.get_mut(&key)))
    }

    /// Whether an order of the user may be confirmed.
    pub(crate) fn lets_in(&mut self, sale: &str, user: &str, now_ms: i64) -> bool {
        self.ticket(sale, user, now_ms).is_none_or(|ticket| ticket.is_some())
    }

    /// An order of the user was confirmed. Says whether a queue hears of it.
    pub(crate) fn purchased(&mut self, sale: &str, user: &str, now_ms: i64) -> bool {
        let Some(Some(ticket)) = self.ticket(sale, user, now_ms) else { return false };
        ticket.is_over = true;
        let told = format!("{user}|{}|{sale}", ticket.number);
        self.purchases.push(told);
        true
    }
}
