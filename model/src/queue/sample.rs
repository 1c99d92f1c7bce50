//! The sample queue of `run --sample`: queue `schedule_456`, open at once, 100 users at a time, 50 admissions a second. It guards nothing.

use crate::feature::{Sample, SampleCommand};
use crate::queue::COMMANDS;
use crate::queue::message::{Command, CreateQueue};

/// The sample.
pub const SAMPLE: Sample = Sample {
    commands: || {
        let queue = queue();
        let (key, id) = (queue.queue_id.clone(), queue.request_id.clone().unwrap_or_default());
        vec![SampleCommand { key, id, value: Command::CreateQueue(queue).to_json(), secret: Some("key") }]
    },
    is_decided: |view, id| view.get_kept(&COMMANDS, id).is_ok_and(|row| row.is_some()),
};

/// The command that creates it, but for the secret of its tokens, which the worker draws. It brings its own id, so a second start changes nothing and adds
/// nothing.
#[must_use]
pub fn queue() -> CreateQueue {
    CreateQueue {
        request_id: Some("sample-queue-schedule_456".to_owned()),
        queue_id: "schedule_456".to_owned(),
        max_active: 100,
        admit_per_second: 50,
        ..CreateQueue::default()
    }
}
