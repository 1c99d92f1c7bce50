//! Notifications that are over end with their retention.

use crate::office::Office;
use holdfast_model::call_result::{CallResult, Ended};
use holdfast_model::notification::channel::Channel;
use holdfast_model::notification::{HISTORY, NOTICES};
use holdfast_topologies::notification::invariants::Books;
use holdfast_topologies::notification::view::{self, Filter};
use std::ops::ControlFlow;

const DAY_MS: u64 = 86_400_000;
/// In such steps the end of rows moves with the time of the log, and twice it for good measure.
const STEP_MS: u64 = 120_000;

/// Rows of the ledger and of histories that lie in the place of `user_id`, ended or not.
fn stored(office: &Office, user_id: &str) -> (usize, usize) {
    let (task, mut notices, mut shown) = (office.task(user_id), 0, 0);
    task.scan(NOTICES.stored(), &[], &mut |_, _| {
        notices += 1;
        ControlFlow::Continue(())
    })
    .unwrap();
    task.scan(HISTORY.stored(), &[], &mut |_, _| {
        shown += 1;
        ControlFlow::Continue(())
    })
    .unwrap();
    (notices, shown)
}

#[test]
fn what_is_over_ends_and_what_is_under_way_does_not() {
    let mut office = Office::with(&[Channel::Webhook]);
    office.ask("sent", "u", "REFUNDED");
    let sent = office.call();
    office.ask("waits", "u", "REFUNDED");
    office.end(&sent, Ended::Done);
    let waits = office.call();
    office.driver.advance_ms(8 * DAY_MS + STEP_MS);
    // A record carries the time of the log forward, and the commit after it cleans up.
    for n in 0..3 {
        office.ask(&format!("new_{n}"), "u", "QUEUE_ENTERED");
    }
    assert_eq!(view::ledger(&office.task("u"), "sent").unwrap(), None);
    assert_eq!(office.states("waits", "u"), [("webhook", "SENDING", 1)]);
    assert_eq!(stored(&office, "u"), (4, 3), "an effect that waits keeps its row");
    assert_eq!(Books::load(&office.task("u")).unwrap().check(), Ok(()));
    let page = view::history(&office.task("u"), "u", &Filter::default(), None, 10).unwrap();
    assert_eq!(page.items.len(), 3);
    // Its channel answers at last, and says how it is.
    office.tell(&waits, &CallResult::new(Ended::Stale, 0));
    assert_eq!(office.states("waits", "u"), [("webhook", "STALE", 1)]);
    office.driver.advance_ms(8 * DAY_MS + STEP_MS);
    for n in 3..6 {
        office.ask(&format!("new_{n}"), "u", "QUEUE_ENTERED");
    }
    assert_eq!(view::ledger(&office.task("u"), "waits").unwrap(), None);
    office.driver.lose_disk();
    assert_eq!(view::ledger(&office.task("u"), "waits").unwrap(), None);
    office.check();
}

/// A request may come again after its row has ended, from a topic that is read from its beginning, or as a dead letter: by then it is too old to be sent.
#[test]
fn what_has_been_forgotten_is_not_sent_again() {
    let mut office = Office::with(&[Channel::Webhook]);
    let request = serde_json::json!({
        "eventId": "evt_1", "eventTime": office.now_ms(), "payload": {"userId": "u", "type": "REFUNDED"}
    });
    office.pipe(holdfast_model::notification::INBOX, "u", &request.to_string());
    let call = office.call();
    office.end(&call, Ended::Done);
    office.driver.advance_ms(8 * DAY_MS + STEP_MS);
    office.pipe(holdfast_model::notification::INBOX, "u", &request.to_string());
    assert_eq!((office.states("evt_1", "u"), office.calls().len()), (vec![("webhook", "STALE", 0)], 0));
    office.check();
}
