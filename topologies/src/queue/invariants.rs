//! What must hold of the rows at every commit. The processor asks before it decides, the auditor and the simulator ask after.

use super::line::{self, Rows};
use crate::rows;
use holdfast_engine::inspect::{QueryError, TaskView};
use holdfast_model::queue::keys::{ChunkKey, NodeKey, TicketKey, UserKey};
use holdfast_model::queue::row::{BitsRow, CountsRow, NodeRow, PackedRow, QueueRow, SeenRow, TicketRow, UserRow};
use holdfast_model::queue::{COUNTS, DRAWN_PLACES, DRAWN_TICKETS, LINE, NODES, QUEUES, SEEN, TICKETS, USERS, draw};
use std::collections::BTreeMap;
use std::convert::Infallible;

/// A promise that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// A ticket was lost, or counted twice.
    #[error("queue {queue_id}: {issued} tickets, {accounted} accounted for")]
    Miscounted {
        /// Of which queue.
        queue_id: String,
        /// So many were given out.
        issued: u64,
        /// So many wait, are ACTIVE or have ended.
        accounted: u64,
    },
    /// More tickets are ACTIVE than were admitted.
    #[error("queue {queue_id}: {active} active, {admitted} admitted")]
    NeverAdmitted {
        /// Of which queue.
        queue_id: String,
        /// So many are.
        active: u64,
        /// So many ever were.
        admitted: u64,
    },
    /// Tickets of no queue, or counts of one.
    #[error("rows of queue {queue_id}, which does not exist")]
    NoQueue {
        /// Which one.
        queue_id: String,
    },
    /// What was counted is not what the tickets show.
    #[error("queue {queue_id}: {what}: {by_row} by its counts, {by_tickets} by its tickets")]
    Recounted {
        /// Of which queue.
        queue_id: String,
        /// What.
        what: &'static str,
        /// By the row.
        by_row: u64,
        /// By the tickets.
        by_tickets: u64,
    },
    /// A ticket is not where it should be, or something is where no ticket is.
    #[error("queue {queue_id}, ticket {ticket}: {what}")]
    Misplaced {
        /// Of which queue.
        queue_id: String,
        /// Which ticket, or place in line.
        ticket: u64,
        /// What is wrong.
        what: &'static str,
    },
}

/// Checks what a queue counts, by itself.
///
/// # Errors
/// The promise that is broken.
pub fn counts(queue_id: &str, row: &CountsRow) -> Result<(), Broken> {
    let queue_id = || queue_id.to_owned();
    let accounted = row.waiting_total() + row.active + row.left + row.silent + row.timed_out + row.purchased;
    if accounted != row.issued {
        return Err(Broken::Miscounted { queue_id: queue_id(), issued: row.issued, accounted });
    }
    if row.active > row.admitted {
        return Err(Broken::NeverAdmitted { queue_id: queue_id(), active: row.active, admitted: row.admitted });
    }
    Ok(())
}

/// All rows that have to agree.
#[derive(Debug, Clone, Default)]
pub struct Books {
    /// Queues by id.
    pub queues: BTreeMap<String, QueueRow>,
    /// What they count.
    pub counts: BTreeMap<String, CountsRow>,
    /// Live tickets.
    pub tickets: BTreeMap<TicketKey, TicketRow>,
    /// The ticket of each user.
    pub users: BTreeMap<UserKey, UserRow>,
    /// Bits of the lines.
    pub line: BTreeMap<ChunkKey, BitsRow>,
    /// Counts above them.
    pub nodes: BTreeMap<NodeKey, NodeRow>,
    /// Signs of life.
    pub seen: BTreeMap<ChunkKey, SeenRow>,
    /// Places of drawn tickets.
    pub drawn_places: BTreeMap<ChunkKey, PackedRow>,
    /// Tickets of drawn places.
    pub drawn_tickets: BTreeMap<ChunkKey, PackedRow>,
}

impl Books {
    /// Reads them.
    ///
    /// # Errors
    /// [`QueryError`] when the view cannot be read.
    pub fn of(task: &TaskView) -> Result<Self, QueryError> {
        Ok(Self {
            queues: rows::all(task, &QUEUES)?,
            counts: rows::all(task, &COUNTS)?,
            tickets: rows::all(task, &TICKETS)?,
            users: rows::all(task, &USERS)?,
            line: rows::all(task, &LINE)?,
            nodes: rows::all(task, &NODES)?,
            seen: rows::all(task, &SEEN)?,
            drawn_places: rows::all(task, &DRAWN_PLACES)?,
            drawn_tickets: rows::all(task, &DRAWN_TICKETS)?,
        })
    }

    /// Checks everything.
    ///
    /// # Errors
    /// The first promise found broken.
    pub fn check(&self) -> Result<(), Broken> {
        let named = self.counts.keys().chain(self.tickets.keys().map(|key| &key.queue_id));
        let named = named.chain(self.users.keys().map(|key| &key.queue_id));
        if let Some(queue_id) = named.into_iter().find(|id| !self.queues.contains_key(*id)) {
            return Err(Broken::NoQueue { queue_id: queue_id.clone() });
        }
        self.queues.iter().try_for_each(|(id, queue)| {
            let counts_row = self.counts.get(id).cloned().unwrap_or_default();
            counts(id, &counts_row)?;
            self.check_tickets(id, queue, &counts_row)?;
            self.check_line(id, &counts_row)?;
            self.check_draw(id, queue)
        })
    }

    /// Waiting tickets ahead of a ticket, and one more, counted from the rows as a view counts it; `None`: it does not wait.
    #[must_use]
    pub fn position(&self, id: &str, ticket: u64) -> Option<u64> {
        let (queue, counts) = (self.queues.get(id)?, self.counts.get(id)?);
        queue.opened_ms?;
        let place = self.place(id, queue, ticket);
        let Ok(in_line) = line::contains(&mut self.line_of(id), place);
        let Ok(ahead) = line::ahead(&mut self.line_of(id), &counts.waiting, place);
        in_line.then_some(ahead + 1)
    }

    fn tickets_of<'a>(&'a self, id: &'a str) -> impl Iterator<Item = (u64, &'a TicketRow)> {
        self.tickets.iter().filter(move |(key, _)| key.queue_id == id).map(|(key, row)| (key.ticket, row))
    }

    fn check_tickets(&self, id: &str, queue: &QueueRow, counts: &CountsRow) -> Result<(), Broken> {
        let queue_id = || id.to_owned();
        let (mut waiting, mut active) = (0, 0);
        for (ticket, row) in self.tickets_of(id) {
            let misplaced = |what| Err(Broken::Misplaced { queue_id: queue_id(), ticket, what });
            if ticket == 0 || ticket > counts.issued {
                return misplaced("it was never given out");
            }
            let user = UserKey { queue_id: queue_id(), user_id: row.user_id.clone() };
            if self.users.get(&user) != Some(&UserRow { ticket }) {
                return misplaced("its user has another one, or none");
            }
            let (chunk, _) = ChunkKey::of(ticket);
            if !self.seen.contains_key(&ChunkKey { queue_id: queue_id(), chunk }) {
                return misplaced("nothing looks after it");
            }
            let place = self.place(id, queue, ticket);
            let Ok(in_line) = line::contains(&mut self.line_of(id), place);
            match row.active {
                Some(_) => active += 1,
                None => waiting += 1,
            }
            if in_line == row.active.is_some() && place > 0 {
                return misplaced("it waits and is in no line, or is in line and active");
            }
        }
        let users = self.users.keys().filter(|key| key.queue_id == id).count() as u64;
        for (what, by_row, by_tickets) in [
            ("waiting", counts.waiting_total(), waiting),
            ("active", counts.active, active),
            ("users", users, waiting + active),
        ] {
            if by_row != by_tickets {
                return Err(Broken::Recounted { queue_id: queue_id(), what, by_row, by_tickets });
            }
        }
        Ok(())
    }

    /// The counting tree shows what the bits show, node by node.
    fn check_line(&self, id: &str, counts: &CountsRow) -> Result<(), Broken> {
        let mut again = Memory::default();
        let mut root = Vec::new();
        for (key, bits) in self.line.iter().filter(|(key, _)| key.queue_id == id) {
            for place in line::places(key.chunk, bits) {
                let Ok(_) = line::take(&mut again, &mut root, place);
            }
        }
        let nodes = self.nodes.iter().filter(|(key, _)| key.queue_id == id);
        let nodes: BTreeMap<_, _> = nodes.map(|(key, row)| ((key.level, key.number), row.clone())).collect();
        if nodes != again.nodes || root != counts.waiting {
            let (by_row, by_tickets) = (counts.waiting_total(), root.iter().sum());
            return Err(Broken::Recounted {
                queue_id: id.to_owned(),
                what: "the tree of its line",
                by_row,
                by_tickets,
            });
        }
        Ok(())
    }

    /// The draw is the one that the seed makes, of the tickets that it names.
    fn check_draw(&self, id: &str, queue: &QueueRow) -> Result<(), Broken> {
        let tickets: Vec<u64> =
            (1..=queue.drawn_live).map(|place| self.packed(&self.drawn_tickets, id, place)).collect();
        let misplaced = |ticket, what| Err(Broken::Misplaced { queue_id: id.to_owned(), ticket, what });
        for (place, ticket) in (1..).zip(&tickets) {
            if self.packed(&self.drawn_places, id, *ticket) != place {
                return misplaced(*ticket, "its place is another ticket's");
            }
        }
        match &queue.seed {
            Some(seed) if draw::line(seed.as_bytes(), tickets.iter().copied()) != tickets => {
                misplaced(0, "the draw is not what its seed makes")
            }
            _ => Ok(()),
        }
    }

    fn place(&self, id: &str, queue: &QueueRow, ticket: u64) -> u64 {
        if ticket > queue.drawn { ticket } else { self.packed(&self.drawn_places, id, ticket) }
    }

    fn packed(&self, rows: &BTreeMap<ChunkKey, PackedRow>, id: &str, number: u64) -> u64 {
        let (chunk, at) = ChunkKey::of(number);
        let row = rows.get(&ChunkKey { queue_id: id.to_owned(), chunk });
        row.and_then(|row| row.numbers.get(at)).copied().unwrap_or_default()
    }

    fn line_of<'a>(&'a self, id: &'a str) -> LineOf<'a> {
        LineOf { books: self, id }
    }
}

/// The line of a queue, as its rows show it.
struct LineOf<'a> {
    books: &'a Books,
    id: &'a str,
}

impl Rows for LineOf<'_> {
    type Error = Infallible;

    fn bits(&mut self, chunk: u64) -> Result<BitsRow, Infallible> {
        let key = ChunkKey { queue_id: self.id.to_owned(), chunk };
        Ok(self.books.line.get(&key).cloned().unwrap_or_default())
    }

    fn node(&mut self, level: u64, number: u64) -> Result<NodeRow, Infallible> {
        let key = NodeKey { queue_id: self.id.to_owned(), level, number };
        Ok(self.books.nodes.get(&key).cloned().unwrap_or_default())
    }
}

/// A line that is counted again.
#[derive(Default)]
struct Memory {
    bits: BTreeMap<u64, BitsRow>,
    nodes: BTreeMap<(u64, u64), NodeRow>,
}

impl Rows for Memory {
    type Error = Infallible;

    fn bits(&mut self, chunk: u64) -> Result<BitsRow, Infallible> {
        Ok(self.bits.get(&chunk).cloned().unwrap_or_default())
    }

    fn node(&mut self, level: u64, number: u64) -> Result<NodeRow, Infallible> {
        Ok(self.nodes.get(&(level, number)).cloned().unwrap_or_default())
    }
}

impl line::RowsMut for Memory {
    fn put_bits(&mut self, chunk: u64, row: &BitsRow) -> Result<(), Infallible> {
        self.bits.insert(chunk, row.clone());
        Ok(())
    }

    fn put_node(&mut self, level: u64, number: u64, row: &NodeRow) -> Result<(), Infallible> {
        self.nodes.insert((level, number), row.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_agree_with_each_other() {
        let good = CountsRow {
            issued: 10,
            waiting: vec![1, 2],
            active: 2,
            admitted: 4,
            left: 1,
            silent: 2,
            timed_out: 1,
            purchased: 1,
            ..CountsRow::default()
        };
        assert_eq!(counts("q", &good), Ok(()));
        assert!(counts("q", &CountsRow { issued: 11, ..good.clone() }).is_err());
        assert!(counts("q", &CountsRow { admitted: 1, ..good }).is_err());
    }
}
