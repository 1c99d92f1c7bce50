//! `make sim`: coupons, the flow of a seat, and the reminders of `sim`, under seeded histories of everything that can go wrong.
//!
//! ```text
//! make sim                      200 seeds of each
//! make sim SEEDS=1000           more, from FROM=1 on
//! make sim SEED=42 TRACE=1      one, with every event
//! make sim SEED=42 ONLY=coupon STEPS=300 RECORDS=40 FAULTS=crash,late-request WINDOW=100..200      a shrunken failure
//! make sim ONLY=holds SEEDS=2500                   a million holds under wrong clocks
//! make sim ONLY=d5                                 a mistake of another shop (d1 to d7, d10), until it is found
//! ```
//!
//! How far it is stands on stderr: as a line that changes on a terminal, as a new line every ten seconds elsewhere.

use std::io::{IsTerminal, stderr};
use std::process::ExitCode;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

#[path = "../tests/simulation/mod.rs"]
mod simulation;

use holdfast_sim::simulation::{Progress, command};
use simulation::PARTS;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    // A panic inside the engine is a finding: it is reported with its seed.
    std::panic::set_hook(Box::new(|_| {}));
    let mut simulations: Vec<_> = PARTS.iter().map(|part| (part.name, (part.simulation)())).collect();
    let aside = PARTS.iter().flat_map(|part| (part.aside)());
    simulations.extend(aside.filter(|(name, _)| words.contains(&format!("ONLY={name}"))));
    let progress = Progress::default();
    let outcome = while_told(&progress, || {
        command::run(&simulations, &words, &progress, &|line| {
            clear();
            println!("{line}");
        })
    });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

/// Between two looks at how far it is, where the line is written over, and where it stays.
const LOOK: Duration = Duration::from_millis(250);
const LINE: Duration = Duration::from_secs(10);

/// Tells on stderr how far `work` is, until it ends.
fn while_told<T>(progress: &Progress, work: impl FnOnce() -> T) -> T {
    let (end, ended) = channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            let on_terminal = stderr().is_terminal();
            let every = if on_terminal { LOOK } else { LINE };
            // By counting the waits: nobody reads a clock in this room.
            let mut elapsed = Duration::ZERO;
            while matches!(ended.recv_timeout(every), Err(RecvTimeoutError::Timeout)) {
                elapsed += every;
                let told = format!("sim: {progress}, {} s", elapsed.as_secs());
                if on_terminal {
                    eprint!("\r{told}\x1b[K");
                } else {
                    eprintln!("{told}");
                }
            }
            clear();
        });
        let outcome = work();
        drop(end);
        outcome
    })
}

/// Takes the line that changes off the terminal.
fn clear() {
    if stderr().is_terminal() {
        eprint!("\r\x1b[K");
    }
}
