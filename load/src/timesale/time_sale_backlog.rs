//! `load time-sale-backlog`: orders that already wait in the log when the worker starts.

use crate::access::Access;
use crate::inbox::Inbox;
use crate::random::Random;
use crate::shape::Shape;
use clap::Args;
use holdfast_engine::runtime::ports::clock::Clock;
use holdfast_model::timesale::message::{Command, CreateSale, OrderRequest};
use holdfast_model::timesale::row::UNITS_MAX;
use holdfast_model::timesale::{INBOX, NAME, order_id};
use holdfast_tools::Failure;

/// Orders that already wait in the log when the worker starts.
#[derive(Debug, Clone, Args)]
pub(crate) struct TimeSaleBacklog {
    /// Orders
    #[arg(long, default_value_t = 100_000)]
    orders: u64,
    /// Sales they are for, created first; one = all in one partition
    #[arg(long, default_value_t = 1_000)]
    sales: u64,
    /// Units of each sale
    #[arg(long, default_value_t = 3_000)]
    stock: u64,
    /// Most units of an order; an order is for 1 to so many
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    quantity: u64,
    /// Buyers they come from, at random
    #[arg(long, default_value_t = 500_000)]
    users: u64,
    /// Makes buyers and order; the same seed names the same sales and orders [default: from the clock, printed]
    #[arg(long)]
    seed: Option<u64>,
}

impl Shape for TimeSaleBacklog {
    fn needs_log(&self) -> bool {
        true
    }

    fn run(&self, access: &dyn Access, _: &mut dyn FnMut(&str)) -> Result<String, Failure> {
        time_sale_backlog(self, access)
    }
}

/// Appends the backlog and says how long that took.
///
/// # Errors
/// When the log cannot be reached, or does not take a record.
fn time_sale_backlog(backlog: &TimeSaleBacklog, access: &dyn Access) -> Result<String, Failure> {
    let inbox = Inbox::open(access, NAME, INBOX, backlog.sales + backlog.orders)?;
    let seed = backlog.seed.unwrap_or_else(|| inbox.clock.now_ms().unsigned_abs());
    let began_us = inbox.clock.monotonic_us();
    let sale = |n: u64| format!("{seed}-{n}");
    for n in 0..backlog.sales {
        let time_sale_id = sale(n);
        let command = Command::CreateSale(CreateSale {
            request_id: Some(format!("backlog-{time_sale_id}")),
            title: format!("backlog {time_sale_id}"),
            time_sale_id: time_sale_id.clone(),
            discount_price: 9_900,
            total_quantity: i64::try_from(backlog.stock.min(UNITS_MAX)).unwrap_or(i64::MAX),
            ..CreateSale::default()
        });
        inbox.append(&time_sale_id, &command.to_json())?;
    }
    // An order before its sale would be refused.
    inbox.settle()?;
    let mut random = Random(seed);
    for n in 0..backlog.orders {
        // The smaller of two draws: some sales are wanted more than others.
        let time_sale_id = sale(random.below(backlog.sales).min(random.below(backlog.sales)));
        let user_id = random.below(backlog.users).to_string();
        let quantity = i64::try_from(random.below(backlog.quantity) + 1).unwrap_or(1);
        let order_id = order_id::new(inbox.place_of(&time_sale_id), &format!("{seed:x}-{n:x}"));
        let order = OrderRequest::new(&order_id, &time_sale_id, &user_id, quantity, inbox.clock.now_ms());
        inbox.append(&time_sale_id, &order.to_json())?;
    }
    inbox.settle()?;
    let took_ms = inbox.finish(began_us);
    Ok(format!(
        "time-sale-backlog: {} orders in {} sales of {} units, seed {seed}, appended in {took_ms} ms\n",
        backlog.orders, backlog.sales, backlog.stock
    ))
}
