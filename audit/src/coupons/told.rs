//! What was told about requests, in little room: there are as many as there were requests.

use holdfast_model::coupon::{FAILURES, SUCCESS};

/// What was told about a request.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) coupon: Option<Box<str>>,
    /// Hash of policy and user.
    pub(super) who: u64,
    pub(super) remaining: Option<i64>,
    pub(super) offset: i64,
    pub(super) times: u32,
    /// By its number in [`Statuses`].
    pub(super) status: u8,
    pub(super) is_success_topic: bool,
    pub(super) is_firm: bool,
}

impl Outcome {
    pub(super) fn topic(&self) -> &'static str {
        if self.is_success_topic { SUCCESS } else { FAILURES }
    }
}

/// The texts of statuses: there are few, whoever wrote them, and an outcome keeps one byte of it.
#[derive(Debug, Default)]
pub(super) struct Statuses(Vec<Box<str>>);

impl Statuses {
    pub(super) fn number(&mut self, status: &str) -> u8 {
        let known = self.0.iter().position(|known| **known == *status).unwrap_or_else(|| {
            // Whatever comes after so many different ones is one of the last.
            self.0.truncate(usize::from(u8::MAX));
            self.0.push(status.into());
            self.0.len() - 1
        });
        u8::try_from(known).unwrap_or(u8::MAX)
    }

    pub(super) fn text(&self, number: u8) -> &str {
        self.0.get(usize::from(number)).map_or("", |text| text)
    }
}
