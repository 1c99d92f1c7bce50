//! What a shape of demand is, and how the command line knows it.

use crate::access::Access;
use clap::{ArgMatches, Args, Command};
use holdfast_tools::Failure;
use std::fmt::Debug;

/// A shape of demand. Its type has its options as fields ([`clap::Args`]), and its help text is the comment on that type.
pub(crate) trait Shape: Debug {
    /// Whether it goes to the log itself, and not to a worker over HTTP.
    fn needs_log(&self) -> bool;

    /// Generates it. Returns what is to be said at the end; reports go to `print`.
    ///
    /// # Errors
    /// What is wrong with the options, or why the demand could not be made.
    fn run(&self, access: &dyn Access, print: &mut dyn FnMut(&str)) -> Result<String, Failure>;
}

/// A shape as the command line knows it.
pub(crate) struct Listed {
    pub(crate) name: &'static str,
    /// Adds its options and its help text to its subcommand.
    pub(crate) options: fn(Command) -> Command,
    pub(crate) read: fn(&ArgMatches) -> Result<Box<dyn Shape>, clap::Error>,
}

impl Listed {
    pub(crate) const fn of<S: Shape + Args + 'static>(name: &'static str) -> Self {
        Self { name, options: S::augment_args, read: |given| Ok(Box::new(S::from_arg_matches(given)?)) }
    }
}
