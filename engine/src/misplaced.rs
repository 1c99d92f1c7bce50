//! Records whose key belongs to another place, because of a producer that set no key or of another partitioner: the verbs for them.

use crate::context::Context;
use crate::header::{EFFECT_ID, EFFECT_LANE, EFFECT_PROOF, GIVEN_UP, ORIGIN};
use crate::output::Payload;
use crate::process_error::ProcessError;
use holdfast_ports::record::Record;

impl Context<'_> {
    /// Forwards a record that landed in a foreign place (a producer that set no key) to the place of `key`, inside this transaction, with its value
    /// and headers as they are.
    ///
    /// # Errors
    /// [`ProcessError::Refuse`] when it has been forwarded before: two programs disagree about places, and it must not go round for ever.
    pub fn forward(&mut self, record: &Record<'_>, key: &[u8]) -> Result<(), ProcessError> {
        self.send_on(record, None, Some(key))
    }

    /// [`Context::forward`] for a record whose place is known and not the one of its key: an id in it names the place.
    ///
    /// # Errors
    /// As [`Context::forward`].
    pub fn forward_to(&mut self, record: &Record<'_>, place: u32) -> Result<(), ProcessError> {
        self.send_on(record, Some(place), record.key)
    }

    /// For [`crate::prelude::Processor::on_dead_letter`] of a record that could not be forwarded to the place of `key`: has its outcome decided there. `value` says what
    /// the record wanted in few bytes. The copy has the header [`GIVEN_UP`], and only its outcome is to be decided. A record that has been forwarded
    /// before is not sent on again.
    ///
    /// # Errors
    /// None so far. It is a verb that sends, and the others may fail.
    pub fn give_up_at(&mut self, record: &Record<'_>, key: &[u8], value: &[u8]) -> Result<(), ProcessError> {
        self.give_up_elsewhere(record, None, Some(key), value)
    }

    /// [`Context::give_up_at`] for a record whose place is known and not the one of its key.
    ///
    /// # Errors
    /// As [`Context::give_up_at`].
    pub fn give_up_in(&mut self, record: &Record<'_>, place: u32, value: &[u8]) -> Result<(), ProcessError> {
        self.give_up_elsewhere(record, Some(place), record.key, value)
    }

    fn give_up_elsewhere(
        &mut self,
        record: &Record<'_>,
        place: Option<u32>,
        key: Option<&[u8]>,
        value: &[u8],
    ) -> Result<(), ProcessError> {
        if record.header(ORIGIN).is_some() {
            return Ok(());
        }
        let origin = self.origin(record);
        let here = format!("{}-{}-{}", self.source, self.place, self.offset);
        // The last one says which task made the copy.
        let headers: [(&str, &[u8]); 2] = [(GIVEN_UP, here.as_bytes()), (ORIGIN, origin.as_bytes())];
        self.send_back(place, &Payload { key, value: Some(value), headers: &headers });
        Ok(())
    }

    fn send_on(&mut self, record: &Record<'_>, place: Option<u32>, key: Option<&[u8]>) -> Result<(), ProcessError> {
        if let Some(origin) = record.header(ORIGIN) {
            let origin = String::from_utf8_lossy(origin);
            let message = format!("forwarded from {origin} and still not in its place");
            return Err(ProcessError::refuse("Misplaced", message));
        }
        let origin = self.origin(record);
        let mut headers = Vec::new();
        // What says that it is a result is true where the effect was asked for, and nowhere else.
        record.headers.each(&mut |name, value| {
            if !matches!(name, EFFECT_ID | EFFECT_LANE | EFFECT_PROOF) {
                headers.push((name, value.unwrap_or_default()));
            }
        });
        headers.push((ORIGIN, origin.as_bytes()));
        self.send_back(place, &Payload { key, value: record.value, headers: &headers });
        Ok(())
    }
}
