//! Outputs of the shadow against what was found, in order and for each partition.

use super::author::{Author, fingerprint, line};
use super::found::{Found, Target, Trail};
use crate::worker::RunError;
use holdfast_ports::record::{NewRecord, Record};
use holdfast_tools::reading::Given;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// Where replay and log part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parting {
    /// Index of the target; `None` when the topology names no such topic.
    pub(super) target: usize,
    /// Offset of what was found instead, or too much; `None` when nothing was.
    pub(super) found: Option<i64>,
    /// What the replay made; `None` when it made nothing.
    pub(super) expected: Option<String>,
}

/// How many outputs came to what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Found as expected.
    pub(super) compared: u64,
    /// Older than what their topic keeps.
    pub(super) forgotten: u64,
    /// Nobody can tell whose they are: no `ce_source`.
    pub(super) unsigned: u64,
}

/// The comparison of one place.
pub(super) struct Comparison<'a> {
    place: u32,
    author: &'a Author,
    targets: &'a [Target],
    trails: BTreeMap<usize, Walk>,
    /// Messages for later that have been made and not been found, by target and fingerprint: nobody knows by the inbox when they were sent.
    later: FxHashMap<(usize, u64), u32>,
    pub(super) counts: Counts,
}

/// A trail being followed.
struct Walk {
    trail: Trail,
    head: Option<Found>,
    /// The first record still there has been recognised: from here on nothing may be missing.
    aligned: bool,
    /// What was found may begin with outputs of decisions that are not made again.
    is_early: bool,
}

impl Walk {
    fn step(&mut self) -> Result<(), RunError> {
        self.head = self.trail.next()?;
        Ok(())
    }

    fn holds(&mut self, fingerprint: u64) -> Result<bool, RunError> {
        Ok(self.head.is_some_and(|found| found.fingerprint == fingerprint) || self.trail.holds(fingerprint)?)
    }
}

impl<'a> Comparison<'a> {
    pub(super) fn new(
        place: u32,
        author: &'a Author,
        targets: &'a [Target],
        trails: BTreeMap<usize, Trail>,
    ) -> Result<Self, RunError> {
        let mut walks = BTreeMap::new();
        for (target, mut trail) in trails {
            let head = trail.next()?;
            let aligned = targets.get(target).is_none_or(|t| t.begins == 0);
            walks.insert(target, Walk { trail, head, aligned, is_early: false });
        }
        Ok(Self { place, author, targets, trails: walks, later: FxHashMap::default(), counts: Counts::default() })
    }

    /// The replay begins later than the log: what was found before the first output that it makes belongs to decisions before.
    pub(super) fn begins_later(&mut self) {
        for walk in self.trails.values_mut() {
            walk.is_early = true;
        }
    }

    /// The target and fingerprint of an output that can be compared.
    fn signed(&self, output: &NewRecord<'_>) -> Option<(usize, u64)> {
        with_record(output, |record| {
            (self.author.place(output.topic, record) == Some(self.place)).then(|| fingerprint(record))
        })
        .zip(
            self.targets
                .iter()
                .position(|t| *t.source.topic == *output.topic && t.source.partition == output.partition),
        )
        .map(|(fingerprint, target)| (target, fingerprint))
    }

    /// The shadow has made `output`. Says where that is not what was found.
    pub(super) fn made(&mut self, output: &NewRecord<'_>) -> Result<Option<Parting>, RunError> {
        let Some((target, fingerprint)) = self.signed(output) else {
            self.counts.unsigned += 1;
            return Ok(None);
        };
        let expected = || Some(with_record(output, line));
        let is_cut = self.targets.get(target).is_some_and(|t| t.begins > 0);
        let Some(walk) = self.trails.get_mut(&target) else {
            return Ok(if is_cut {
                self.forget()
            } else {
                Some(Parting { target, found: None, expected: expected() })
            });
        };
        if std::mem::take(&mut walk.is_early) {
            let is_there = walk.holds(fingerprint)?;
            if !is_there && !is_cut {
                return Ok(Some(Parting { target, found: None, expected: expected() }));
            }
            while is_there && let Some(found) = walk.head.filter(|found| found.fingerprint != fingerprint) {
                // A message for later that was armed before may lie among what is passed over.
                take(&mut self.later, target, found.fingerprint);
                walk.step()?;
            }
        }
        loop {
            match walk.head {
                Some(found) if found.fingerprint == fingerprint => {
                    walk.aligned = true;
                    walk.step()?;
                    self.counts.compared += 1;
                    return Ok(None);
                }
                Some(found) if take(&mut self.later, target, found.fingerprint) => walk.step()?,
                _ if !walk.aligned => return Ok(self.forget()),
                head => return Ok(Some(Parting { target, found: head.map(|f| f.offset), expected: expected() })),
            }
        }
    }

    fn forget(&mut self) -> Option<Parting> {
        self.counts.forgotten += 1;
        None
    }

    /// The shadow has made `message`, to be sent when its time has come.
    pub(super) fn made_later(&mut self, message: &NewRecord<'_>) {
        match self.signed(message) {
            Some(made) => *self.later.entry(made).or_default() += 1,
            None => self.counts.unsigned += 1,
        }
    }

    /// All is decided: what was found beyond it must belong to later decisions.
    pub(super) fn end(&mut self) -> Result<Option<Parting>, RunError> {
        for (target, walk) in &mut self.trails {
            let settled = self.targets.get(*target).map_or(0, |t| t.settled);
            while let Some(found) = walk.head {
                let is_owed = take(&mut self.later, *target, found.fingerprint) || walk.is_early;
                if !is_owed && found.offset < settled {
                    return Ok(Some(Parting { target: *target, found: Some(found.offset), expected: None }));
                }
                walk.step()?;
            }
        }
        Ok(None)
    }

    /// A message for later is no longer kept: whether it has been found, as far as anybody can tell. Asked after [`Comparison::end`].
    pub(super) fn was_sent(&self, message: &NewRecord<'_>) -> bool {
        match self.signed(message) {
            None => true,
            Some((target, fingerprint)) => {
                let is_cut = self.targets.get(target).is_some_and(|t| t.begins > 0);
                is_cut || self.later.get(&(target, fingerprint)).is_none_or(|left| *left == 0)
            }
        }
    }
}

fn take(later: &mut FxHashMap<(usize, u64), u32>, target: usize, fingerprint: u64) -> bool {
    match later.get_mut(&(target, fingerprint)) {
        Some(left) if *left > 0 => {
            *left -= 1;
            true
        }
        _ => false,
    }
}

fn with_record<R>(output: &NewRecord<'_>, look: impl FnOnce(&Record<'_>) -> R) -> R {
    let headers = Given(output.headers);
    look(&Record { offset: 0, append_ms: 0, key: output.key, value: output.value, headers: &headers })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::replay::found::Writings;
    use holdfast_model::coupon::{FAILURES, SUCCESS};
    use holdfast_ports::record::TopicPartition;
    use holdfast_topologies::coupon;

    const OURS: &[(&str, &[u8])] = &[("ce_source", b"/coupon/1")];

    fn output(topic: &'static str, value: &'static str) -> NewRecord<'static> {
        NewRecord { topic, partition: 1, key: Some(b"k"), value: Some(value.as_bytes()), headers: OURS }
    }

    /// What happened when `steps` were made and `found` was there, in [`SUCCESS`] from offset `begins` on; offsets before `settled` are decided.
    fn run(found: &[&'static str], begins: i64, settled: i64, steps: impl FnOnce(&mut Comparison<'_>)) {
        let target = |topic| Target { source: TopicPartition::new(topic, 1), begins, settled, is_there: true };
        let mut writings = Writings::default();
        writings.targets = vec![target(SUCCESS), target(FAILURES)];
        for (offset, value) in (begins..).zip(found) {
            let fingerprint = with_record(&output(SUCCESS, value), fingerprint);
            writings.keep(1, 0, Found { offset, fingerprint }).unwrap();
        }
        let trails = writings.trails(1).unwrap();
        let author = Author::of(&coupon::topology(), 3);
        steps(&mut Comparison::new(1, &author, &writings.targets, trails).unwrap());
    }

    fn found_instead(parting: Option<Parting>) -> Option<Option<i64>> {
        parting.map(|parting| parting.found)
    }

    #[test]
    fn the_same_in_the_same_order() {
        run(&["a", "b"], 0, 2, |c| {
            assert_eq!(c.made(&output(SUCCESS, "a")).unwrap(), None);
            assert_eq!(c.made(&output(SUCCESS, "b")).unwrap(), None);
            assert_eq!(c.end().unwrap(), None);
            assert_eq!(c.counts, Counts { compared: 2, forgotten: 0, unsigned: 0 });
        });
    }

    #[test]
    fn another_one_a_missing_one_and_one_too_many() {
        run(&["a", "b"], 0, 2, |c| {
            assert_eq!(c.made(&output(SUCCESS, "a")).unwrap(), None);
            assert_eq!(found_instead(c.made(&output(SUCCESS, "x")).unwrap()), Some(Some(1)));
        });
        run(&["a"], 0, 1, |c| {
            assert_eq!(c.made(&output(SUCCESS, "a")).unwrap(), None);
            assert_eq!(found_instead(c.made(&output(SUCCESS, "b")).unwrap()), Some(None));
            assert_eq!(
                found_instead(c.made(&output(FAILURES, "b")).unwrap()),
                Some(None),
                "nothing was ever found there"
            );
        });
        run(&["a", "b"], 0, 2, |c| {
            assert_eq!(c.made(&output(SUCCESS, "a")).unwrap(), None);
            assert_eq!(c.end().unwrap(), Some(Parting { target: 0, found: Some(1), expected: None }));
        });
    }

    #[test]
    fn what_later_decisions_have_made_is_nobodys_alarm() {
        run(&["a", "later"], 0, 1, |c| {
            assert_eq!(c.made(&output(SUCCESS, "a")).unwrap(), None);
            assert_eq!(c.end().unwrap(), None);
        });
    }

    #[test]
    fn what_is_older_than_the_topic_is_not_compared() {
        run(&["b", "c"], 7, 9, |c| {
            for value in ["a", "b", "c"] {
                assert_eq!(c.made(&output(SUCCESS, value)).unwrap(), None, "{value}");
            }
            assert_eq!(c.made(&output(FAILURES, "x")).unwrap(), None);
            assert_eq!(c.counts, Counts { compared: 2, forgotten: 2, unsigned: 0 });
            assert_eq!(found_instead(c.made(&output(SUCCESS, "d")).unwrap()), Some(None), "but from there on all is");
        });
        run(&["x"], 7, 8, |c| {
            assert_eq!(c.made(&output(SUCCESS, "a")).unwrap(), None);
            assert_eq!(found_instead(c.end().unwrap()), Some(Some(7)), "nobody made this one");
        });
    }

    #[test]
    fn a_message_for_later_may_come_at_any_time_and_once() {
        run(&["a", "due", "b", "due"], 0, 4, |c| {
            c.made_later(&output(SUCCESS, "due"));
            assert_eq!(c.made(&output(SUCCESS, "a")).unwrap(), None);
            assert_eq!(c.made(&output(SUCCESS, "b")).unwrap(), None);
            assert_eq!(found_instead(c.end().unwrap()), Some(Some(3)), "made once, sent twice");
            assert!(c.was_sent(&output(SUCCESS, "due")));
            c.made_later(&output(SUCCESS, "kept"));
            assert!(!c.was_sent(&output(SUCCESS, "kept")));
        });
    }

    #[test]
    fn what_was_decided_before_the_replay_begins_is_passed_over() {
        run(&["old", "due", "a", "b"], 0, 4, |c| {
            c.begins_later();
            c.made_later(&output(SUCCESS, "due"));
            assert_eq!(c.made(&output(SUCCESS, "a")).unwrap(), None);
            assert!(c.was_sent(&output(SUCCESS, "due")));
            assert_eq!(
                found_instead(c.made(&output(SUCCESS, "x")).unwrap()),
                Some(Some(3)),
                "but from there on all is"
            );
        });
        run(&["old", "a"], 0, 2, |c| {
            c.begins_later();
            assert_eq!(found_instead(c.made(&output(SUCCESS, "x")).unwrap()), Some(None), "never found");
        });
        run(&["old", "a", "nobody's"], 0, 3, |c| {
            c.begins_later();
            assert_eq!(c.made(&output(SUCCESS, "a")).unwrap(), None);
            assert_eq!(found_instead(c.end().unwrap()), Some(Some(2)));
        });
        run(&["old", "due"], 0, 2, |c| {
            c.begins_later();
            c.made_later(&output(SUCCESS, "due"));
            assert_eq!(c.end().unwrap(), None, "nothing is decided, and nothing asked");
            assert!(c.was_sent(&output(SUCCESS, "due")));
        });
        // The topic has forgotten what the replay makes first, and all that was before.
        run(&["b"], 7, 8, |c| {
            c.begins_later();
            assert_eq!(c.made(&output(SUCCESS, "a")).unwrap(), None);
            assert_eq!(c.made(&output(SUCCESS, "b")).unwrap(), None);
            assert_eq!(c.counts, Counts { compared: 1, forgotten: 1, unsigned: 0 });
        });
    }

    #[test]
    fn what_does_not_say_whose_it_is_is_counted() {
        run(&[], 0, 0, |c| {
            let unsigned = NewRecord { headers: &[], ..output(SUCCESS, "a") };
            assert_eq!(c.made(&unsigned).unwrap(), None);
            assert_eq!(c.counts.unsigned, 1);
        });
    }
}
