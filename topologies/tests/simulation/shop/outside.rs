//! The whole flow with an outside that is slow, fails, refuses and is away: what the shop tells its users and the data platform is performed, and both referees
//! of the outside look on beside the one of the flow. Money and seats have to be right whatever the outside does.

use super::referee::Referee;
use super::street::Street;
use super::topologies;
use crate::simulation::paper::head;
use crate::simulation::tally::Tally;
use crate::simulation::wrapped::{put_back, stumbling};
use crate::simulation::{data_platform, notification};
use holdfast_engine::inspect::header;
use holdfast_engine::prelude::Topology;
use holdfast_engine::runtime::Effect;
use holdfast_model::data_platform::{DEAD_LETTERS, NAME, Settings};
use holdfast_sim::Simulation;
use holdfast_sim::simulation::{Audit, Call, History, LiveStores, Workload, World};
use holdfast_topologies::data_platform::topology_with;
use std::collections::BTreeMap;

/// As it is written on a command line.
pub(crate) const NAMED: &str = "shop-outside";

/// The flow with its outside; what happens goes to `tally`.
pub(crate) fn simulation(tally: &Tally) -> Simulation {
    let mut all: Vec<Topology> = topologies().iter().map(stumbling).collect();
    let settings = Settings { retry_base_ms: 20, retry_max_ms: 200, ..Settings::default() };
    all.extend([notification::topology(), topology_with(&settings)]);
    let tally = tally.clone();
    Simulation::of(&all).workload(Whole::new).audit(move || Referees::telling(&tally)).in_any_order()
}

/// The street, and receivers that answer as theirs do.
struct Whole {
    street: Street,
    read: BTreeMap<u32, i64>,
}

impl Whole {
    fn new() -> Self {
        notification::outside::begin();
        data_platform::platform::with(|received| *received = data_platform::platform::Received::default());
        Self { street: Street::default(), read: BTreeMap::new() }
    }

    /// The operator puts back what the data platform has not taken.
    fn redrive(&mut self, world: &mut World<'_>) {
        for place in 0..world.places() {
            let next = self.read.entry(place).or_default();
            for (offset, letter) in world.read(DEAD_LETTERS, place, *next) {
                *next = offset + 1;
                if head(&letter, header::CLASS).is_some_and(|class| class.starts_with("Delivery")) {
                    put_back(world, place, offset, &letter, DEAD_LETTERS);
                }
            }
        }
    }
}

impl Workload for Whole {
    fn act(&mut self, world: &mut World<'_>) {
        self.street.act(world);
    }

    fn perform(&mut self, effect: &Effect, call: Call, world: &mut World<'_>) -> Vec<u8> {
        let result = if *effect.task.topology == *NAME {
            data_platform::platform::with(|received| received.call(effect, call, world))
        } else {
            notification::outside::call(&effect.payload, call, world)
        };
        // Names and numbers always encode.
        serde_json::to_vec(&result).unwrap_or_default()
    }

    fn close(&mut self, world: &mut World<'_>) {
        data_platform::platform::with(|received| received.is_willing = true);
        self.street.close(world);
        self.redrive(world);
    }
}

/// One for the flow, one for what users are told, one for what the data platform gets.
struct Referees([Box<dyn Audit>; 3]);

impl Referees {
    fn telling(tally: &Tally) -> Self {
        Self([
            Box::new(Referee::telling(tally.clone())),
            Box::new(notification::referee::Referee::telling(tally.clone())),
            Box::new(data_platform::referee::Referee::default()),
        ])
    }
}

impl Audit for Referees {
    fn committed(&mut self, history: &History<'_>) -> Result<(), String> {
        self.0.iter_mut().try_for_each(|referee| referee.committed(history))
    }

    fn settled(&mut self, history: &History<'_>, stores: &LiveStores) -> Result<(), String> {
        self.0.iter_mut().try_for_each(|referee| referee.settled(history, stores))
    }
}
