//! The ledger of a place, row by row.

use super::erased::Erased;
use super::receipts::Receipts;
use super::requests::{Request, Requests};
use super::truth;
use crate::cut::States;
use crate::findings::Findings;
use crate::invariant::Invariant;
use crate::rebuilt::{Rebuilt, failed};
use holdfast_engine::inspect::{codec, ending};
use holdfast_model::notification::channel::Channel;
use holdfast_model::notification::row::{DeliveryRow, DeliveryState, NoticeRow};
use holdfast_model::notification::{NOTICES, SETTINGS, Settings};
use holdfast_model::settings::SettingsRow;
use holdfast_tools::Failure;

/// A first attempt and three retries.
const ATTEMPTS_MAX: u32 = 4;
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// The rows of a place, and all that they are held against.
pub(super) struct Ledger<'a, 's> {
    pub(super) state: &'a Rebuilt,
    /// The log still has every request.
    pub(super) is_whole: bool,
    pub(super) states: &'a States,
    pub(super) receipts: Option<&'s mut Receipts>,
    pub(super) erased: &'s Erased,
}

impl Ledger<'_, '_> {
    /// Compares each row with its request, and finds requests without a row.
    pub(super) fn compare(mut self, mut requests: Requests, findings: &mut Findings) -> Result<(), Failure> {
        let backoffs = backoffs(self.state)?;
        let state = self.state;
        let mut broken = None;
        state.each_raw(NOTICES.stored(), &mut |id: String, bytes| {
            let row: NoticeRow = codec::decode(bytes)?;
            let at = || format!("{} of {id}", NOTICES.spec().name);
            self.erased.look(at(), Some(bytes), findings);
            let request = requests.remove(&id);
            if let Err(wrong) = asked_for(&row, request.as_ref(), self.is_whole) {
                findings.breach(Invariant::Notices, at(), wrong);
            }
            for delivery in &row.deliveries {
                findings.count(Invariant::Notices, counted(delivery.state), 1);
                if let Err(wrong) = tried(&row, delivery, request.as_ref()) {
                    findings.breach(Invariant::Attempts, at(), format!("{}: {wrong}", delivery.channel.as_str()));
                }
                if delivery.channel == Channel::Webhook
                    && let Some(receipts) = self.receipts.as_deref_mut()
                {
                    receipts.take(&id, &row, delivery, &backoffs, findings);
                }
            }
            findings.count(Invariant::Attempts, "deliveries by their rules", row.deliveries.len() as u64);
            if let Err(failure) = truth::check(&id, &row, request.as_ref(), self.states, findings) {
                broken.get_or_insert(failure);
            }
            Ok(())
        })?;
        if let Some(failure) = broken {
            return Err(failure);
        }
        let periods = ending::periods(state.store()).map_err(failed)?;
        let keeps = periods.iter().filter(|period| period.store == NOTICES.id()).map(|period| period.keep_ms);
        let until_ms = keeps.min().map_or(i64::MIN, |keep_ms| state.position().now_ms.saturating_sub(keep_ms));
        for (id, request) in requests {
            if request.letters > 0 {
                findings.count(Invariant::Notices, "requests buried unread", 1);
            } else if request.last_ms <= until_ms {
                findings.count(Invariant::Notices, "requests whose row has ended", 1);
            } else {
                let (topic, offset) = request.first;
                let at = format!("{topic}-{} offset {offset}", state.source().partition);
                findings.breach(Invariant::Notices, at, format!("{id} is decided, and the ledger has no row for it"));
            }
        }
        Ok(())
    }
}

/// The back-offs of the settings that were in force: the least first one and the least longest one, in ms.
fn backoffs(state: &Rebuilt) -> Result<(i64, i64), Failure> {
    let mut least = (i64::MAX, i64::MAX);
    state.each(&SETTINGS, &mut |_since: u64, row: SettingsRow| {
        if let Ok(settings) = serde_json::from_str::<Settings>(&row.json) {
            least = (least.0.min(settings.retry_base_ms), least.1.min(settings.retry_max_ms));
        }
    })?;
    // Nothing was decided yet: then there are no calls either.
    Ok(if least.0 == i64::MAX { (0, 0) } else { least })
}

fn counted(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Queued(_) | DeliveryState::Sending | DeliveryState::Retry(_) => "deliveries under way",
        DeliveryState::Sent => "deliveries sent",
        DeliveryState::Dead(_) => "deliveries given up",
        DeliveryState::Suppressed(_) => "deliveries suppressed",
        DeliveryState::Stale => "deliveries too old",
    }
}

/// I-15: a row and its request.
fn asked_for(row: &NoticeRow, request: Option<&Request>, is_whole: bool) -> Result<(), &'static str> {
    match request {
        None if is_whole => Err("nobody has asked for it"),
        Some(request) if request.user_id != row.user_id || request.kind != row.kind => {
            Err("it was asked for another user, or of another type")
        }
        _ if row.deliveries.is_empty() => Err("it goes through no channel"),
        _ => Ok(()),
    }
}

/// I-22: one channel of a row.
fn tried(row: &NoticeRow, delivery: &DeliveryRow, request: Option<&Request>) -> Result<(), &'static str> {
    let DeliveryRow { state, tries, attempts, deaths, .. } = *delivery;
    if attempts > ATTEMPTS_MAX {
        return Err("more attempts than a first one and three retries");
    }
    if attempts > tries {
        return Err("more attempts than tries");
    }
    let is_called = matches!(state, DeliveryState::Sending | DeliveryState::Retry(_) | DeliveryState::Sent);
    if is_called && tries == 0 {
        return Err("it was sent without a try");
    }
    if matches!(state, DeliveryState::Dead(_)) && deaths == 0 {
        return Err("it was given up, and that is not counted");
    }
    // A record of it is gone from the log when there is no request.
    let letters = request.map_or(u32::MAX, |request| request.letters);
    if matches!(state, DeliveryState::Dead(_)) && letters == 0 && row.original.offset >= 0 {
        return Err("it was given up, and is not among the dead letters");
    }
    Ok(())
}

/// How long a notification of this type is worth telling, in ms.
pub(super) fn valid_ms(kind: &str) -> i64 {
    match kind {
        "PAYMENT_CONFIRMED" | "REFUNDED" | "REFUND_FAILED" | "RESERVATION_CANCELLED" => 7 * DAY_MS,
        "SEAT_OPENED" | "RESERVATION_HELD" => 5 * MINUTE_MS,
        "RESERVATION_EXPIRED" | "TIMESALE_FAILED" => HOUR_MS,
        "QUEUE_ENTERED" => 10 * MINUTE_MS,
        _ => DAY_MS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_model::notification::Priority;
    use holdfast_model::notification::locale::Locale;
    use holdfast_model::notification::row::{Death, OriginalRow, OriginalTopic};

    fn row(deliveries: Vec<DeliveryRow>) -> NoticeRow {
        NoticeRow {
            user_id: "u".to_owned(),
            kind: "NEWS".to_owned(),
            priority: Priority::Low,
            locale: Locale::Ko,
            template_version: 0,
            title: None,
            message: None,
            data: String::new(),
            created_ms: 5,
            valid_until_ms: 9,
            original: OriginalRow { topic: OriginalTopic::Requests, offset: 0, value: String::new() },
            deliveries,
        }
    }

    fn request(letters: u32) -> Request {
        Request {
            user_id: "u".to_owned(),
            kind: "NEWS".to_owned(),
            reservation_id: None,
            first: (holdfast_model::notification::INBOX, 0),
            last_ms: 0,
            letters,
        }
    }

    fn delivery(state: DeliveryState, tries: u32, attempts: u32, deaths: u32) -> DeliveryRow {
        DeliveryRow { tries, attempts, deaths, ..DeliveryRow::new(Channel::Webhook, state, 0) }
    }

    #[test]
    fn a_row_is_judged_by_its_request() {
        let good = row(vec![delivery(DeliveryState::Sent, 1, 1, 0)]);
        assert_eq!(asked_for(&good, Some(&request(0)), true), Ok(()));
        assert_eq!(asked_for(&good, None, false), Ok(()));
        assert!(asked_for(&good, None, true).is_err());
        assert!(asked_for(&NoticeRow { user_id: "v".to_owned(), ..good.clone() }, Some(&request(0)), true).is_err());
        assert!(asked_for(&NoticeRow { kind: "OLD".to_owned(), ..good }, Some(&request(0)), true).is_err());
        assert!(asked_for(&row(Vec::new()), Some(&request(0)), true).is_err());
    }

    #[test]
    fn attempts_are_counted_and_what_was_given_up_has_a_letter() {
        let dead = DeliveryState::Dead(Death::AttemptsUsedUp);
        for (n, (delivery, letters, is_right)) in [
            (delivery(DeliveryState::Sent, 4, 4, 0), 0, true),
            // A redrive begins the attempts anew.
            (delivery(DeliveryState::Sent, 6, 2, 1), 1, true),
            (delivery(dead, 4, 4, 1), 1, true),
            (delivery(DeliveryState::Sent, 5, 5, 0), 0, false),
            (delivery(DeliveryState::Sent, 1, 2, 0), 0, false),
            (delivery(DeliveryState::Sent, 0, 0, 0), 0, false),
            (delivery(dead, 4, 4, 0), 1, false),
            (delivery(dead, 4, 4, 1), 0, false),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(tried(&row(Vec::new()), &delivery, Some(&request(letters))).is_ok(), is_right, "case {n}");
        }
    }
}
