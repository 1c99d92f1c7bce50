//! What became of notifications, for dead letters.

use crate::dead_letters::{Detail, Outcome};
use crate::http::dlq::outcome::Ledger;
use holdfast_engine::inspect::{QueryError, TaskView};
use holdfast_model::notification::message::Message;
use holdfast_model::notification::payment_completed::PaymentCompleted;
use holdfast_model::notification::row::NoticeRow;
use holdfast_model::notification::{COMMANDS, INBOX, NAME, NOTICES, PAYMENT_COMPLETED, letter};

pub(in crate::http) const LEDGER: Ledger = Ledger { topology: NAME, look };

fn look(view: &TaskView, letter: &Detail) -> Result<Option<Outcome>, QueryError> {
    let id = match (&*letter.letter.original_topic, letter.json()) {
        (INBOX, json) => match Message::parse(json) {
            Ok(Message::Request(request)) => request.event_id.map_or_else(|| letter.entered.clone(), Into::into),
            Ok(Message::SetPreferences(command)) => {
                let id = command.request_id.unwrap_or_else(|| letter.entered.clone());
                let row = view.get_kept(&COMMANDS, &id)?;
                return Ok(row.map(|_| Outcome { id, status: "SUCCESS".to_owned() }));
            }
            Err(_) => return Ok(None),
        },
        (PAYMENT_COMPLETED, json) => match PaymentCompleted::parse(json) {
            Ok(fact) => fact.notification_id,
            Err(_) => return Ok(None),
        },
        _ => return Ok(None),
    };
    let row = view.get_kept(&NOTICES, &id)?;
    Ok(row.map(|row| Outcome { status: status(&row, letter.header(letter::CHANNEL)), id }))
}

/// How far a notification is: on the channel that the letter was given up on, or, as the letter of an unreadable record names none, on each of its own.
fn status(row: &NoticeRow, channel: Option<&str>) -> String {
    let of_it = row.deliveries.iter().find(|delivery| Some(delivery.channel.as_str()) == channel);
    match of_it {
        Some(delivery) => delivery.state.as_str().to_owned(),
        None => {
            let each = row.deliveries.iter().map(|one| format!("{}: {}", one.channel.as_str(), one.state.as_str()));
            each.collect::<Vec<_>>().join(", ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_model::notification::Priority;
    use holdfast_model::notification::channel::Channel;
    use holdfast_model::notification::locale::Locale;
    use holdfast_model::notification::row::{Death, DeliveryRow, DeliveryState, OriginalRow, OriginalTopic};

    #[test]
    fn a_letter_is_told_of_the_channel_that_it_names() {
        let row = NoticeRow {
            user_id: String::new(),
            kind: String::new(),
            priority: Priority::Low,
            locale: Locale::Ko,
            template_version: 0,
            title: None,
            message: None,
            data: String::new(),
            created_ms: 0,
            valid_until_ms: 0,
            original: OriginalRow { topic: OriginalTopic::Requests, offset: 0, value: String::new() },
            deliveries: vec![
                DeliveryRow::new(Channel::Webhook, DeliveryState::Sent, 0),
                DeliveryRow::new(Channel::Sms, DeliveryState::Dead(Death::Refused), 0),
            ],
        };
        assert_eq!(status(&row, Some("sms")), "DEAD");
        assert_eq!(status(&row, Some("webhook")), "SENT");
        assert_eq!(status(&row, None), "webhook: SENT, sms: DEAD");
    }
}
