//! The sample of `run --sample`: one concert with the two schedules that the seeds' scripts name, 50 seats each, on sale at once and for ever.

use crate::feature::{Sample, SampleCommand};
use crate::reservation::COMMANDS;
use crate::reservation::message::{Command, CreateConcert, CreateSchedule, Message, Seats};

const TITLE: &str = "아이유 콘서트";
const DATE: &str = "2026-03-15";
const CONCERT: &str = "concert_1";

/// The sample.
pub const SAMPLE: Sample = Sample {
    commands: || {
        let sampled = |(key, message): (String, Message)| {
            let (id, value) = (message.request_id.clone().unwrap_or_default(), message.to_json());
            SampleCommand { key, id, value, secret: None }
        };
        commands().into_iter().map(sampled).collect()
    },
    is_decided: |view, id| view.get_kept(&COMMANDS, id).is_ok_and(|row| row.is_some()),
};

/// The commands that create it, each with the key that places it. They bring their own ids, so a second start changes nothing and adds nothing.
#[must_use]
pub fn commands() -> Vec<(String, Message)> {
    let concert =
        CreateConcert { concert_id: CONCERT.to_owned(), title: TITLE.to_owned(), date: Some(DATE.to_owned()) };
    let mut commands = vec![(CONCERT.to_owned(), Message::new("sample-concert-1", Command::CreateConcert(concert)))];
    for schedule_id in ["schedule_456", "schedule_test"] {
        let schedule = CreateSchedule {
            schedule_id: schedule_id.to_owned(),
            concert_id: Some(CONCERT.to_owned()),
            concert_title: TITLE.to_owned(),
            date: Some(DATE.to_owned()),
            seats: Seats::Block { count: 50, price: 50_000 },
            ..CreateSchedule::default()
        };
        let message = Message::new(format!("sample-{schedule_id}"), Command::CreateSchedule(schedule));
        commands.push((schedule_id.to_owned(), message));
    }
    commands
}
