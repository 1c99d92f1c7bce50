//! What must hold of the rows at every commit. The simulator and the auditor ask.

use super::decide::delivery::ATTEMPTS_MAX;
use crate::rows;
use holdfast_engine::inspect::{QueryError, TaskView, codec, effect};
use holdfast_model::notification::keys::HistoryKey;
use holdfast_model::notification::row::{DeliveryRow, DeliveryState, HistoryRow, NoticeRow};
use holdfast_model::notification::step::Step;
use holdfast_model::notification::{HISTORY, NOTICES};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

/// A promise that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// A notification that no channel is responsible for.
    #[error("notification {0} has no channel")]
    NoChannel(String),
    /// A notification that is on one channel twice.
    #[error("notification {0} is on {1} twice")]
    ChannelTwice(String, &'static str),
    /// More attempts than a first one and three retries, or more than tries.
    #[error("notification {id}, {channel}: {attempts} attempts in {tries} tries")]
    Attempts {
        /// Which notification.
        id: String,
        /// On which channel.
        channel: &'static str,
        /// So many.
        attempts: u32,
        /// So many.
        tries: u32,
    },
    /// A state that was come by without a try.
    #[error("notification {0}, {1}: {2} without a try")]
    Untried(String, &'static str, &'static str),
    /// An effect was asked for, and none waits: the notification would never be sent, and nobody would know.
    #[error("the try {0:?} is under way, and no effect waits")]
    LostEffect(String),
    /// An effect waits that no row knows of: something would be sent that is sent already, or was not to be sent.
    #[error("an effect waits for the try {0:?}, which is not under way")]
    StrayEffect(String),
    /// Something goes on that is too old, or it was given up without having been counted.
    #[error("notification {0}, {1}: given up, and not counted")]
    Uncounted(String, &'static str),
    /// A user's history does not show a notification.
    #[error("notification {0} is not in the history of its user")]
    NotInHistory(String),
}

/// All rows of a place that must agree with each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Books {
    /// By notification id: those that have not ended.
    pub notices: BTreeMap<String, NoticeRow>,
    /// The users' histories.
    pub history: Vec<(HistoryKey, HistoryRow)>,
    /// Until when rows of histories have ended.
    pub history_until_ms: i64,
    /// The tries for which effects wait, by the keys of their results.
    pub effects: BTreeSet<String>,
}

impl Books {
    /// Reads a place. Exact only while nothing is committed there: each table is read by a scan of its own.
    ///
    /// # Errors
    /// [`QueryError`] when the view cannot be read.
    pub fn load(task: &TaskView) -> Result<Self, QueryError> {
        let mut history = Vec::new();
        task.scan(HISTORY.stored(), &[], &mut |key, row| {
            history.push((key, row));
            ControlFlow::Continue(())
        })?;
        let mut effects = BTreeSet::new();
        task.scan_bytes(effect::STORE.id, &[], &mut |_, row| {
            // The row of the secret has another shape.
            if let Ok((key, _)) = codec::decode_borrowed::<(&[u8], &[u8])>(row) {
                effects.insert(String::from_utf8_lossy(key).into_owned());
            }
            ControlFlow::Continue(())
        })?;
        let notices = rows::all_kept(task, &NOTICES)?.0;
        Ok(Self { notices, history, history_until_ms: task.ended_until_ms(&HISTORY)?, effects })
    }

    /// Checks everything.
    ///
    /// # Errors
    /// The first promise found broken.
    pub fn check(&self) -> Result<(), Broken> {
        let mut under_way = BTreeSet::new();
        let shown: BTreeSet<(&str, &str)> =
            self.history.iter().map(|(key, _)| (&*key.user_id, &*key.notification_id)).collect();
        for (id, row) in &self.notices {
            if row.deliveries.is_empty() {
                return Err(Broken::NoChannel(id.clone()));
            }
            if row.created_ms > self.history_until_ms && !shown.contains(&(&*row.user_id, &**id)) {
                return Err(Broken::NotInHistory(id.clone()));
            }
            let mut channels = BTreeSet::new();
            for delivery in &row.deliveries {
                if !channels.insert(delivery.channel) {
                    return Err(Broken::ChannelTwice(id.clone(), delivery.channel.as_str()));
                }
                check_delivery(id, delivery)?;
                if delivery.state == DeliveryState::Sending {
                    let mut key = String::new();
                    Step { number: delivery.tries, channel: delivery.channel, notification_id: id }.write(&mut key);
                    under_way.insert(key);
                }
            }
        }
        if let Some(step) = under_way.difference(&self.effects).next() {
            return Err(Broken::LostEffect(step.clone()));
        }
        match self.effects.difference(&under_way).next() {
            Some(step) => Err(Broken::StrayEffect(step.clone())),
            None => Ok(()),
        }
    }
}

fn check_delivery(id: &str, delivery: &DeliveryRow) -> Result<(), Broken> {
    let DeliveryRow { channel, state, tries, attempts, deaths, .. } = *delivery;
    let channel = channel.as_str();
    if attempts > ATTEMPTS_MAX || attempts > tries {
        return Err(Broken::Attempts { id: id.to_owned(), channel, attempts, tries });
    }
    let is_tried = matches!(state, DeliveryState::Sending | DeliveryState::Retry(_) | DeliveryState::Sent);
    if is_tried && tries == 0 {
        return Err(Broken::Untried(id.to_owned(), channel, state.as_str()));
    }
    if matches!(state, DeliveryState::Dead(_)) && deaths == 0 {
        return Err(Broken::Uncounted(id.to_owned(), channel));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_model::notification::Priority;
    use holdfast_model::notification::channel::Channel;
    use holdfast_model::notification::locale::Locale;
    use holdfast_model::notification::row::{Death, OriginalRow, OriginalTopic};

    fn good() -> Books {
        let delivery =
            |state, tries, attempts| DeliveryRow { tries, attempts, ..DeliveryRow::new(Channel::Fcm, state, 0) };
        let dead = DeliveryRow { deaths: 1, ..delivery(DeliveryState::Dead(Death::Refused), 1, 1) };
        let other = |row: DeliveryRow| DeliveryRow { channel: Channel::Webhook, ..row };
        let notice = NoticeRow {
            user_id: "u".to_owned(),
            kind: "K".to_owned(),
            priority: Priority::Low,
            locale: Locale::Ko,
            template_version: 0,
            title: Some("t".to_owned()),
            message: Some("m".to_owned()),
            data: String::new(),
            created_ms: 5,
            valid_until_ms: 9,
            original: OriginalRow { topic: OriginalTopic::Requests, offset: 0, value: String::new() },
            deliveries: vec![delivery(DeliveryState::Sending, 2, 1), other(dead)],
        };
        let key = HistoryKey { user_id: "u".to_owned(), created_ms: 5, notification_id: "n".to_owned() };
        Books {
            notices: BTreeMap::from([("n".to_owned(), notice)]),
            history: vec![(key, HistoryRow { created_ms: 5 })],
            history_until_ms: i64::MIN,
            effects: BTreeSet::from(["2 fcm n".to_owned()]),
        }
    }

    #[test]
    fn every_broken_promise_is_found() {
        type Spoil = fn(&mut Books);
        fn first(books: &mut Books) -> &mut DeliveryRow {
            &mut books.notices.get_mut("n").unwrap().deliveries[0]
        }
        assert_eq!(good().check(), Ok(()));
        assert_eq!(Books { history: Vec::new(), history_until_ms: 5, ..good() }.check(), Ok(()));
        let spoils: [(Spoil, Broken); 9] = [
            (|b| b.notices.get_mut("n").unwrap().deliveries.clear(), Broken::NoChannel("n".to_owned())),
            (|b| first(b).channel = Channel::Webhook, Broken::ChannelTwice("n".to_owned(), "webhook")),
            (|b| first(b).attempts = 5, Broken::Attempts { id: "n".to_owned(), channel: "fcm", attempts: 5, tries: 2 }),
            (|b| first(b).attempts = 3, Broken::Attempts { id: "n".to_owned(), channel: "fcm", attempts: 3, tries: 2 }),
            (|b| (first(b).tries, first(b).attempts) = (0, 0), Broken::Untried("n".to_owned(), "fcm", "SENDING")),
            (|b| b.effects.clear(), Broken::LostEffect("2 fcm n".to_owned())),
            (|b| first(b).state = DeliveryState::Sent, Broken::StrayEffect("2 fcm n".to_owned())),
            (
                |b| b.notices.get_mut("n").unwrap().deliveries[1].deaths = 0,
                Broken::Uncounted("n".to_owned(), "webhook"),
            ),
            (|b| b.history.clear(), Broken::NotInHistory("n".to_owned())),
        ];
        for (spoil, expected) in spoils {
            let mut books = good();
            spoil(&mut books);
            assert_eq!(books.check(), Err(expected));
        }
    }
}
