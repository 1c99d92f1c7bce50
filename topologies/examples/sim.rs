//! `make sim`: coupons, the flow of a seat, and the reminders of `sim`, under seeded histories of everything that can go wrong.
//!
//! ```text
//! make sim                      200 seeds of each
//! make sim SEEDS=1000           more, from FROM=1 on
//! make sim SEED=42 TRACE=1      one, with every event
//! make sim SEED=42 ONLY=coupon STEPS=300 RECORDS=40 FAULTS=crash,late-request WINDOW=100..200      a shrunken failure
//! make sim ONLY=holds SEEDS=2500                   a million holds under wrong clocks
//! make sim ONLY=d5                                 a mistake of another shop (d1 to d7), until it is found
//! ```

use std::process::ExitCode;

#[path = "../tests/simulation/referee.rs"]
mod referee;
#[path = "../tests/simulation/sale.rs"]
mod sale;
#[path = "../tests/simulation/shop/mod.rs"]
mod shop;

use holdfast_sim::{Simulation, reminders, simulation::command};
use holdfast_topologies::coupon;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let coupons = Simulation::of(&[coupon::topology()]).workload(sale::Crowd::default).audit(referee::Referee::default);
    let reminders = match reminders::simulation() {
        Ok(reminders) => reminders,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    // A panic inside the engine is a finding: it is reported with its seed.
    std::panic::set_hook(Box::new(|_| {}));
    let mut simulations =
        vec![("coupon", coupons), ("reminders", reminders), ("shop", shop::simulation(&shop::tally::Tally::default()))];
    // These run when they are asked for.
    let aside = shop::defects::Defect::ALL.map(|defect| (defect.name(), shop::defects::simulation(defect)));
    let aside = aside.into_iter().chain([("holds", shop::holds::simulation())]);
    simulations.extend(aside.filter(|(name, _)| words.contains(&format!("ONLY={name}"))));
    match command::run(&simulations, &words, &|line| println!("{line}")) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}
