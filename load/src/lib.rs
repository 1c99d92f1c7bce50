//! `load SHAPE`: demand that is drawn from a seed, so that it can be had again. Each feature has a
//! folder with its shapes; [`Demand`] is made from the list of all of them.
//!
//! | shape | goes in by |
//! |---|---|
//! | `coupon-rush` | HTTP: what buyers feel |
//! | `seat-storm` | HTTP: many want few seats |
//! | `pay-mix` | HTTP: some pay, some too late, twice or never |
//! | `coupon-backlog` | the log itself: how fast requests that wait are decided |
//! | `hold-backlog` | the log itself: the same with seats |
//! | `debit-backlog` | the log itself: the same with money |
//! | `time-sale` | HTTP: orders of several units, most of them of one sale |
//! | `time-sale-backlog` | the log itself: the same as the other backlogs with orders |
//! | `opening-second` | HTTP: a waiting room opens, and its crowd joins in the first second; `waiting-streams` listens to one |
//! | `notification-flood` | the log itself: requests for notifications; `notification-delivery` reads what a receiver got |
//! | `expiry-cliff` | the log itself: deadlines that come together; `expiry-lateness` reads what became of them |

#![warn(missing_docs)]

pub mod access;
mod client;
mod coupon;
mod inbox;
mod latencies;
mod notification;
mod open_loop;
mod payment;
mod queue;
mod random;
mod reservation;
mod rush;
mod shape;
mod target;
mod timesale;
mod values;
mod witness;

pub use access::{Access, NoLog};

use clap::error::ErrorKind;
use clap::{ArgMatches, Command, FromArgMatches, Subcommand};
use holdfast_tools::Failure;
use shape::{Listed, Shape};

/// Every shape, in the order of the help text. A new one is its file and one line here.
const SHAPES: &[Listed] = &[
    Listed::of::<coupon::coupon_rush::CouponRush>("coupon-rush"),
    Listed::of::<reservation::seat_storm::SeatStorm>("seat-storm"),
    Listed::of::<reservation::pay_mix::PayMix>("pay-mix"),
    Listed::of::<coupon::coupon_backlog::CouponBacklog>("coupon-backlog"),
    Listed::of::<reservation::hold_backlog::HoldBacklog>("hold-backlog"),
    Listed::of::<payment::debit_backlog::DebitBacklog>("debit-backlog"),
    Listed::of::<reservation::expiry_cliff::ExpiryCliff>("expiry-cliff"),
    Listed::of::<reservation::expiry_lateness::ExpiryLateness>("expiry-lateness"),
    Listed::of::<timesale::time_sale::TimeSale>("time-sale"),
    Listed::of::<timesale::time_sale_backlog::TimeSaleBacklog>("time-sale-backlog"),
    Listed::of::<queue::opening_second::OpeningSecond>("opening-second"),
    Listed::of::<queue::waiting_streams::WaitingStreams>("waiting-streams"),
    Listed::of::<notification::notification_flood::NotificationFlood>("notification-flood"),
    Listed::of::<notification::notification_delivery::NotificationDelivery>("notification-delivery"),
];

/// The shape that a command line names, with its options.
#[derive(Debug)]
pub struct Demand(Box<dyn Shape>);

impl Demand {
    /// Whether it goes to the log itself, and not to a worker over HTTP.
    #[must_use]
    pub fn needs_log(&self) -> bool {
        self.0.needs_log()
    }

    /// Generates it. Returns what is to be said at the end; reports go to `print`.
    ///
    /// # Errors
    /// What is wrong with the options, or why the demand could not be made.
    pub fn run(&self, access: &dyn Access, print: &mut dyn FnMut(&str)) -> Result<String, Failure> {
        self.0.run(access, print)
    }
}

impl FromArgMatches for Demand {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let missing = || clap::Error::raw(ErrorKind::MissingSubcommand, "a shape has to be named\n");
        let (name, given) = matches.subcommand().ok_or_else(missing)?;
        let listed = SHAPES.iter().find(|listed| listed.name == name).ok_or_else(missing)?;
        (listed.read)(given).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Subcommand for Demand {
    fn augment_subcommands(command: Command) -> Command {
        command.subcommands(SHAPES.iter().map(|listed| (listed.options)(Command::new(listed.name))))
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        Self::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        SHAPES.iter().any(|listed| listed.name == name)
    }
}
