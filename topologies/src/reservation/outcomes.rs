//! What becomes of a command, and how it is kept. Every command with an outcome is recognised by its words, so there is one [`Once`] for all.

use super::Reservation;
use crate::shell::Once;
use holdfast_engine::prelude::{Context, ProcessError};
use holdfast_model::reservation::COMMANDS;
use holdfast_model::reservation::message::Message;
use holdfast_model::reservation::refusal::Refusal;
use holdfast_model::reservation::row::{AnswerRow, CommandRow, ReservationRow};
use holdfast_model::reservation::serial::Serial;

/// What became of a command.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(super) refused: Option<Refusal>,
    pub(super) serial: Option<Serial>,
    pub(super) payment_id: Option<String>,
    /// What is told, if the rows alone will not say it.
    pub(super) answer: Option<AnswerRow>,
}

impl Outcome {
    pub(super) const fn refused(refusal: Refusal) -> Self {
        Self { refused: Some(refusal), serial: None, payment_id: None, answer: None }
    }

    pub(super) fn of(serial: Serial) -> Self {
        Self { serial: Some(serial), ..Self::default() }
    }

    /// The reservation as it is now is what is told, for ever.
    pub(super) fn told(serial: Serial, row: &ReservationRow) -> Self {
        Self { answer: Some(AnswerRow::of(row)), ..Self::of(serial) }
    }
}

impl Once<Reservation> for Message {
    type Row = CommandRow;
    type Outcome = Outcome;
    const SYSTEM_ERROR: Outcome = Outcome::refused(Refusal::System);
    const NOUN: &'static str = "command";

    fn identity(&self) -> Option<&str> {
        self.identity()
    }

    fn is_same(&self, row: &CommandRow) -> bool {
        row.fingerprint == self.command.fingerprint()
    }

    fn was_given_up(row: &CommandRow) -> bool {
        row.refused == Some(Refusal::System)
    }

    fn find(ctx: &mut Context<'_>, id: &String) -> Result<Option<CommandRow>, ProcessError> {
        ctx.get_kept(&COMMANDS, id)
    }

    fn keep(&self, ctx: &mut Context<'_>, id: &String, outcome: Outcome) -> Result<(), ProcessError> {
        let Outcome { refused, serial, payment_id, answer: _ } = outcome;
        let row = CommandRow {
            fingerprint: self.command.fingerprint(),
            decided_ms: ctx.now_ms(),
            refused,
            serial,
            payment_id,
        };
        ctx.put_kept(&COMMANDS, id, &row)
    }

    fn brief(&self) -> Vec<u8> {
        Message { requested_at: None, ..self.clone() }.to_json()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::Seen;
    use holdfast_model::reservation::message::{Command, Release};

    #[test]
    fn a_command_is_recognised_by_its_words() {
        let release = |id: &str| Release { reservation_id: id.to_owned(), ..Release::default() };
        let message = |id: &str| Message::new("r", Command::Release(release(id)));
        let fingerprint = message("res_0_1").command.fingerprint();
        let row = |refused| CommandRow { fingerprint, decided_ms: 0, refused, serial: None, payment_id: None };
        assert_eq!(Seen::of(&message("res_0_1"), None, false), Seen::Never);
        assert_eq!(Seen::of(&message("res_0_1"), Some(&row(None)), true), Seen::Before);
        assert_eq!(Seen::of(&message("res_0_1"), Some(&row(Some(Refusal::SeatTaken))), true), Seen::Before);
        assert_eq!(Seen::of(&message("res_0_2"), Some(&row(None)), false), Seen::Another);
        assert_eq!(Seen::of(&message("res_0_1"), Some(&row(Some(Refusal::System))), false), Seen::Before);
        assert_eq!(Seen::of(&message("res_0_1"), Some(&row(Some(Refusal::System))), true), Seen::GivenUp);
    }
}
