//! The end of a history: nothing fails any more, everybody works until nothing is left to be done, and then everything has to be right.

use super::APP;
use super::audit::{History, LiveStores};
use super::run::{Run, Wrong};
use holdfast_engine::inspect::{delayed, effect};
use holdfast_engine::runtime::Next;
use std::ops::ControlFlow;

/// Rounds of all workers after which something goes round in circles.
const ROUNDS_MAX: u64 = 6_000;
/// After so many rounds the workload is asked to put right what is left to it, although there is still something to do.
const CLOSE_EVERY: u64 = 300;
/// Rounds between compactions.
const COMPACT_EVERY: u64 = 100;
/// Rounds in a row that find nothing to do.
const QUIET_ROUNDS: u64 = 5;

impl Run<'_> {
    pub(super) fn quiet(&mut self) -> Result<(), Wrong> {
        self.event += 1;
        self.note(format_args!("quiet"));
        self.make_peace()?;
        let mut quiet = 0;
        for round in 0..ROUNDS_MAX {
            self.event += 1;
            self.outside.at(self.event);
            let mut wait_us = 100_000;
            for who in 0..self.workers.len() {
                // One that was to stop when peace came may have waited for its calls until now.
                if !self.workers[who].is_up() {
                    self.start(who)?;
                }
                match self.step(who)? {
                    Some(Next::Wait(at_most)) => {
                        wait_us = wait_us.min(u64::try_from(at_most.as_micros()).unwrap_or(u64::MAX));
                    }
                    _ => wait_us = 0,
                }
                self.ask_audits()?;
                while self.perform(who) {}
            }
            // Ever faster: what waits for a transaction to time out waits long.
            self.advance(wait_us.max(500 + round / 1_000 * 5_000));
            self.log.deliver();
            self.ask_audits()?;
            // Or restores take so long, a few records a step, that stores are too old again by their end. What is open now is not for ever.
            if round % COMPACT_EVERY == 0 {
                self.compact_all();
            }
            // What waits for somebody outside may keep messages of its own meanwhile.
            if round % CLOSE_EVERY == CLOSE_EVERY - 1 {
                self.close();
            }
            quiet = if wait_us > 0 && self.is_settled().is_none() { quiet + 1 } else { 0 };
            if quiet > QUIET_ROUNDS {
                if !self.close() {
                    return self.last_questions();
                }
                quiet = 0;
            }
        }
        Err(format!("it does not settle: {}", self.is_settled().unwrap_or_default()))
    }

    fn make_peace(&mut self) -> Result<(), Wrong> {
        self.log.clear_faults();
        self.log.deliver();
        for who in 0..self.workers.len() {
            let worker = &mut self.workers[who];
            worker.machine.put_fuse_out();
            worker.machine.cut_off(false);
            worker.disk.heal();
            worker.asleep_until = 0;
            if !worker.is_up() {
                self.start(who)?;
            }
        }
        let alive: Vec<String> = self.workers.iter().map(super::worker::Worker::name).collect();
        for member in self.log.members(APP) {
            if !alive.contains(&member) {
                self.log.expire_member(APP, &member);
            }
        }
        Ok(())
    }

    /// What is still to be done, if anything is.
    fn is_settled(&self) -> Option<String> {
        if !self.log.is_calm(APP) {
            return Some(format!("places move or transactions are open: {:?}", self.log.unrest(APP)));
        }
        let stores = self.stores();
        for topology in &self.simulation.topologies {
            let tasks = stores.tasks(topology.name());
            let places: Vec<u32> = tasks.iter().map(holdfast_engine::inspect::TaskView::place).collect();
            if places != (0..self.options.places).collect::<Vec<_>>() {
                let troubles: Vec<_> = self.workers.iter().map(|w| w.status.snapshot().trouble).collect();
                return Some(format!("{} runs in places {places:?}, troubles {troubles:?}", topology.name()));
            }
            for task in tasks {
                let Ok(position) = task.position() else { return Some("a view is closed".to_owned()) };
                for source in topology.sources() {
                    let next = position.next_offset(source).unwrap_or(0);
                    let left = self.log.committed_from(source, task.place(), next).len();
                    if left > 0 {
                        return Some(format!("{left} records of {source}-{} are not decided", task.place()));
                    }
                }
                let mut effects = 0;
                let scanned = task.scan_bytes(effect::STORE.id, &[], &mut |_, _| {
                    effects += 1;
                    ControlFlow::Continue(())
                });
                // One row holds the secret.
                if topology.has_effects() && (effects > 1 || scanned.is_err()) {
                    return Some(format!("{effects} effects of {}-{} are pending", topology.name(), task.place()));
                }
                let mut delayed = 0;
                let scanned = task.scan_bytes(delayed::STORE.id, &[], &mut |_, _| {
                    delayed += 1;
                    ControlFlow::Continue(())
                });
                if self.simulation.waits_for_delayed && (delayed > 0 || scanned.is_err()) {
                    return Some(format!("{delayed} delayed messages are kept"));
                }
            }
        }
        None
    }

    fn stores(&self) -> LiveStores {
        LiveStores { workers: self.workers.iter().map(|worker| worker.queries.clone()).collect() }
    }

    fn last_questions(&mut self) -> Result<(), Wrong> {
        let stores = self.stores();
        let history = History { log: &self.log, places: self.options.places, behind_ms: self.behind_ms };
        for audit in &mut self.audits {
            audit.settled(&history, &stores)?;
        }
        if self.simulation.has_shadow { self.decide_again() } else { Ok(()) }
    }
}
