//! Records that were decided earlier and are given up now: what became of them outside was not known before.

use crate::context::Context;
use crate::dead_letter::cut;
use crate::header;
use crate::output::Payload;

/// A record decided earlier that is given up now: what became of it outside was not known before.
#[derive(Debug, Clone, Copy)]
pub struct DeadLetter<'a> {
    /// Topic it came from.
    pub topic: &'a str,
    /// Partition it came from.
    pub partition: u32,
    /// Offset it came from.
    pub offset: i64,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value.
    pub value: Option<&'a [u8]>,
    /// Its headers.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// What was wrong, for programs.
    pub class: &'a str,
    /// What was wrong, for humans.
    pub message: &'a str,
    /// Attempts made.
    pub attempts: u32,
}

impl Context<'_> {
    /// Sends a record that was decided earlier to the dead letters of the topology, in this task's place, with the headers of any dead letter.
    pub fn dead_letter(&mut self, letter: &DeadLetter<'_>) {
        let (partition, offset) = (letter.partition.to_string(), letter.offset.to_string());
        let (now, attempts) = (self.now_ms.to_string(), letter.attempts.to_string());
        let mut headers: Vec<(&str, &[u8])> =
            letter.headers.iter().copied().filter(|(name, _)| !header::is_of_burial(name)).collect();
        headers.extend::<[(&str, &[u8]); 7]>([
            (header::TOPIC, letter.topic.as_bytes()),
            (header::PARTITION, partition.as_bytes()),
            (header::OFFSET, offset.as_bytes()),
            (header::CLASS, letter.class.as_bytes()),
            (header::MESSAGE, cut(letter.message).as_bytes()),
            (header::TIMESTAMP, now.as_bytes()),
            (header::ATTEMPTS, attempts.as_bytes()),
        ]);
        let payload = Payload { key: letter.key, value: letter.value, headers: &headers };
        self.collector.push(self.dead_letters.clone(), self.place, &payload);
        self.given_up.push(letter.class.to_owned());
    }
}
