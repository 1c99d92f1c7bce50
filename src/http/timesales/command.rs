//! Commands of the time-sale inbox that are no orders: sales, their stock, cancellations.

use super::faults;
use crate::http::error::FieldError;
use crate::http::execute::{self, Inbox};
use holdfast_engine::prelude::EndingTable;
use holdfast_model::timesale::command_outcome::CommandRefusal;
use holdfast_model::timesale::message::Command;
use holdfast_model::timesale::row::CommandRow;
use holdfast_model::timesale::{COMMANDS, INBOX, NAME};

impl execute::Command for Command {
    type Refusal = CommandRefusal;

    const INBOX: Inbox = Inbox { topology: NAME, topic: INBOX, kind: "timesale.command" };
    const OUTCOMES: EndingTable<String, CommandRow> = COMMANDS;

    fn set_request_id(&mut self, id: &str) {
        self.set_request_id(id);
    }

    fn to_json(&self) -> Vec<u8> {
        self.to_json()
    }

    fn fingerprint(&self) -> u64 {
        self.fingerprint()
    }

    fn faults(&self, refusal: CommandRefusal) -> Vec<FieldError> {
        faults::of(self, refusal)
    }
}
