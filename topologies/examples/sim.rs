//! `make sim`: the shop, and the reminders of `sim`, under seeded histories of everything that can go wrong.
//!
//! ```text
//! make sim                      200 seeds of each
//! make sim SEEDS=1000           more, from FROM=1 on
//! make sim SEED=42 TRACE=1      one, with every event
//! make sim SEED=42 ONLY=coupon STEPS=300 RECORDS=40 FAULTS=crash,late-request WINDOW=100..200      a shrunken failure
//! ```

use std::process::ExitCode;

#[path = "../tests/simulation/referee.rs"]
mod referee;
#[path = "../tests/simulation/sale.rs"]
mod sale;

use holdfast_sim::{Simulation, reminders, simulation::command};
use holdfast_topologies::coupon;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let shop = Simulation::of(&[coupon::topology()]).workload(sale::Crowd::default).audit(referee::Referee::default);
    let reminders = match reminders::simulation() {
        Ok(reminders) => reminders,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    // A panic inside the engine is a finding: it is reported with its seed.
    std::panic::set_hook(Box::new(|_| {}));
    match command::run(&[("coupon", shop), ("reminders", reminders)], &words, &|line| println!("{line}")) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}
