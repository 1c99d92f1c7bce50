//! `load time-sale`: buyers order several units of a few sales, most of them of one.
//!
//! Makes sales of its own, orders, and checks what was answered: no sale has sold more than it had, and each has sold what its confirmed orders say.

use crate::access::Access;
use crate::client::Client;
use crate::open_loop;
use crate::random::{Random, Zipf};
use crate::rush::{self, Arrival, Crowd, Pace, Rushed};
use crate::shape::Shape;
use crate::target::Target;
use crate::values::{a_rate, a_share, an_exponent};
use crate::witness::Witness;
use clap::Args;
use holdfast_engine::runtime::ports::clock::Clock;
use holdfast_tools::Failure;
use holdfast_tools::clock::SystemClock;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Buyers order units of a few sales, most of them of one; exit code 1 when a sale has sold other units than its orders say.
#[derive(Debug, Clone, Args)]
pub(crate) struct TimeSale {
    /// Orders
    #[arg(long, default_value_t = 1_000)]
    orders: u64,
    /// Buyers they come from, at random
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    users: u64,
    /// Sales, made first
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    sales: u64,
    /// Units of each sale
    #[arg(long, default_value_t = 1_000)]
    stock: u64,
    /// Units of a sale that one buyer may have [default: any number]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// Part of the orders that are for the first sale
    #[arg(long, default_value_t = 0.8, value_parser = a_share)]
    hot: f64,
    /// Of the others, sale n is wanted n^-ZIPF times as often as the first; 0 = all the same
    #[arg(long, default_value_t = 1.1, value_parser = an_exponent)]
    zipf: f64,
    /// Most units of an order; an order is for 1 to so many
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    quantity: u64,
    /// Open loop: orders a second, at times drawn from the seed
    #[arg(long, value_parser = a_rate, conflicts_with = "concurrency")]
    rate: Option<f64>,
    /// Closed loop: this many orders under way, the next as soon as one is answered [default: 100]
    #[arg(long)]
    concurrency: Option<usize>,
    /// The worker; its admin routes have to be open to us
    #[arg(long, default_value = "http://127.0.0.1:3000")]
    url: String,
    /// Makes buyers, sales, quantities and times; the same seed orders the same things [default: from the clock, printed]
    #[arg(long)]
    seed: Option<u64>,
    /// Write what is answered into this file, for `audit --answers`; every order gets a key then, and each fifth is asked again under it
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
    /// v1, v2 or v3
    #[arg(long, default_value = "v3")]
    strategy: String,
}

/// One order. Sales are numbered from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wish {
    sale: u64,
    user: u64,
    quantity: u64,
}

/// What is ordered when; fixed in advance.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "µs of a load run")]
fn plan(shape: &TimeSale, seed: u64) -> Vec<Arrival<Wish>> {
    let mut random = Random(seed);
    let others = shape.sales - 1;
    let zipf = Zipf::new(others, shape.zipf);
    let mut at_us = 0.0;
    let arrival = |_| {
        let is_hot = others == 0 || random.unit() <= shape.hot;
        let sale = if is_hot { 0 } else { zipf.draw(&mut random) + 1 };
        let wish = Wish { sale, user: random.below(shape.users), quantity: random.below(shape.quantity) + 1 };
        if let Some(rate) = shape.rate {
            at_us += random.distance_us(rate);
        }
        Arrival { wish, at_us: at_us as u64 }
    };
    (0..shape.orders).map(arrival).collect()
}

/// Buyers of the sales of one run.
#[derive(Clone)]
struct Buyers {
    /// What the ids of the run begin with.
    run: String,
    strategy: String,
}

impl Buyers {
    fn sale_id(&self, sale: u64) -> String {
        format!("{}-{sale}", self.run)
    }
}

impl Crowd for Buyers {
    type Wish = Wish;

    fn request(&self, wish: Wish) -> (String, Value) {
        let path = format!("/api/timesales/{}/orders?strategy={}", self.sale_id(wish.sale), self.strategy);
        (path, json!({"userId": format!("{}-user-{}", self.run, wish.user), "quantity": wish.quantity}))
    }

    fn status_path(&self, order_id: &str) -> String {
        format!("/api/timesales/orders/{order_id}")
    }
}

impl Shape for TimeSale {
    fn needs_log(&self) -> bool {
        false
    }

    fn run(&self, _: &dyn Access, print: &mut dyn FnMut(&str)) -> Result<String, Failure> {
        time_sale(self, print)
    }
}

/// Runs the shape, reports, and checks.
///
/// # Errors
/// When the worker cannot be reached or makes no sales for us, and when a sale has sold other units than its orders say.
fn time_sale(shape: &TimeSale, print: &mut dyn FnMut(&str)) -> Result<String, Failure> {
    let clock = SystemClock::new();
    let seed = shape.seed.unwrap_or_else(|| clock.now_ms().unsigned_abs());
    let (arrivals, pace) = (plan(shape, seed), Pace { rate: shape.rate, concurrency: shape.concurrency });
    print(&format!(
        "time-sale: {} orders of {} buyers in {} sales, {pace}, seed {seed}, {}\n",
        shape.orders, shape.users, shape.sales, shape.url
    ));
    let buyers = Buyers { run: format!("sale-{seed}-{}", clock.now_ms()), strategy: shape.strategy.clone() };
    open_loop::runtime()?.block_on(async {
        let target = Target::reach(&shape.url).await?;
        for sale in 0..shape.sales {
            let id = buyers.sale_id(sale);
            let body = json!({
                "timeSaleId": id, "title": id, "discountPrice": 9_900, "totalQuantity": shape.stock, "limitPerUser": shape.limit
            });
            target.must_post("/api/timesales", &body, &[201]).await?;
        }
        let client = Client::reach(&shape.url).await?;
        let witness = Witness::open(shape.answers.as_deref(), &buyers.run)?;
        let rushed = rush::run(buyers.clone(), arrivals, pace, client, witness, clock).await?;
        print(&rushed.report());
        let mut breaches = Vec::new();
        for sale in 0..shape.sales {
            let id = buyers.sale_id(sale);
            let said = target.get(&format!("/api/timesales/{id}")).await;
            breaches.extend(breach(&ordered(&rushed, sale), &said.body, &id));
        }
        if breaches.is_empty() {
            return Ok("\nEach sale has sold what its confirmed orders say, and not more than it had.\n".to_owned());
        }
        Err(Failure::Failed(format!("time-sale: {}", breaches.join("; "))))
    })
}

/// Units of one sale by the answers.
#[derive(Debug, Default, PartialEq, Eq)]
struct Ordered {
    confirmed: u64,
    /// In orders whose outcome nobody knows.
    unknown: u64,
}

fn ordered(rushed: &Rushed<Wish>, sale: u64) -> Ordered {
    let mut ordered = Ordered::default();
    for one in rushed.answered.iter().filter(|one| one.wish.sale == sale) {
        match one.outcome() {
            Some("CONFIRMED") => ordered.confirmed += one.wish.quantity,
            Some(_) => {}
            None if one.is_refused() => {}
            None => ordered.unknown += one.wish.quantity,
        }
    }
    ordered
}

/// What is wrong with a sale that shows `sale`.
fn breach(ordered: &Ordered, sale: &Value, id: &str) -> Option<String> {
    let units = |name: &str| sale[name].as_u64();
    let (Some(total), Some(sold), Some(remaining)) = (units("totalQuantity"), units("sold"), units("remaining")) else {
        return Some(format!("sale {id} shows no stock: {sale}"));
    };
    let known = ordered.confirmed..=ordered.confirmed + ordered.unknown;
    if sold > total || sold + remaining != total {
        return Some(format!("sale {id} has sold {sold} of {total}, and {remaining} are left"));
    }
    (!known.contains(&sold)).then(|| format!("sale {id} has sold {sold}, by its orders {known:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(rate: Option<f64>) -> TimeSale {
        TimeSale {
            orders: 10_000,
            users: 100,
            sales: 10,
            stock: 100,
            limit: None,
            hot: 0.8,
            zipf: 1.1,
            quantity: 5,
            rate,
            concurrency: None,
            url: String::new(),
            seed: None,
            answers: None,
            strategy: "v3".to_owned(),
        }
    }

    #[test]
    fn the_same_seed_orders_the_same_things() {
        let one = plan(&shape(Some(1_000.0)), 7);
        assert_eq!(one, plan(&shape(Some(1_000.0)), 7));
        assert_ne!(one, plan(&shape(Some(1_000.0)), 8));
        assert!(plan(&shape(None), 7).iter().all(|arrival| arrival.at_us == 0));
    }

    #[test]
    fn one_sale_has_four_of_five_orders_and_the_others_a_zipf_of_the_rest() {
        let arrivals = plan(&shape(None), 7);
        let of = |sale| arrivals.iter().filter(|arrival| arrival.wish.sale == sale).count();
        assert!((7_800..8_200).contains(&of(0)), "{}", of(0));
        assert!(of(1) > of(2) && of(2) > of(9) && of(9) > 0, "{} {} {}", of(1), of(2), of(9));
        assert_eq!((0..10).map(of).sum::<usize>(), 10_000);
        assert!(arrivals.iter().all(|arrival| (1..=5).contains(&arrival.wish.quantity)));
        assert!(plan(&TimeSale { sales: 1, ..shape(None) }, 7).iter().all(|arrival| arrival.wish.sale == 0));
    }

    #[test]
    fn a_sale_that_contradicts_its_orders_is_told() {
        let check = |confirmed, unknown, total: u64, sold: u64, remaining: u64| {
            let sale = json!({"totalQuantity": total, "sold": sold, "remaining": remaining});
            breach(&Ordered { confirmed, unknown }, &sale, "1").is_none()
        };
        assert!(check(5, 0, 10, 5, 5) && check(5, 3, 10, 8, 2) && check(5, 3, 10, 5, 5));
        assert!(!check(5, 0, 10, 6, 4), "a unit nobody ordered");
        assert!(!check(5, 3, 10, 4, 6), "a unit lost");
        assert!(!check(5, 6, 10, 11, 0), "sold more than it had");
        assert!(!check(5, 0, 10, 5, 4), "a unit that is neither sold nor left");
        assert!(breach(&Ordered::default(), &json!({}), "1").is_some());
    }
}
