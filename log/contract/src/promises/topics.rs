//! L-37 … L-40: topics, mirrors and health.

use crate::harness::Harness;
use crate::world::{WEEK_MS, World};
use holdfast_ports::log::{Cleanup, Health, TopicReport, TopicSpec, TopicState};

fn report(name: &str, state: TopicState) -> TopicReport {
    TopicReport { name: name.to_owned(), state }
}

/// L-37: missing topics are created as asked; creating again changes nothing; `partitions` tells the count, `None` for a missing topic.
pub fn l37_topics_are_created_once(log: &dyn Harness) {
    let world = World::new(log);
    let (plain, compacted) = (log.fresh("l37-plain"), log.fresh("l37-compacted"));
    assert_eq!(world.log.partitions(&plain).expect("asked"), None);
    let specs = [
        world.spec(&plain),
        TopicSpec {
            partitions: 2,
            cleanup: Cleanup::Compact { delete_retention_ms: WEEK_MS },
            ..world.spec(&compacted)
        },
    ];
    let created = world.log.create_topics(&specs).expect("created");
    assert_eq!(created, [report(&plain, TopicState::Created), report(&compacted, TopicState::Created)]);
    let again = world.log.create_topics(&specs).expect("created again");
    assert_eq!(again, [report(&plain, TopicState::Ok), report(&compacted, TopicState::Ok)]);
    assert_eq!(world.log.check_topics(&specs).expect("checked"), again);
    assert_eq!(world.log.partitions(&plain).expect("asked"), Some(log.partitions()));
    assert_eq!(world.log.partitions(&compacted).expect("asked"), Some(2));
}

/// L-38: a check reports what is missing and what differs, the partition count and the cleanup among it, and neither it nor create changes that.
pub fn l38_a_check_tells_and_changes_nothing(log: &dyn Harness) {
    let world = World::new(log);
    let (there, missing) = (log.fresh("l38"), log.fresh("l38-missing"));
    let as_is = world.spec(&there);
    world.log.create_topics(std::slice::from_ref(&as_is)).expect("created");

    let wider = TopicSpec { partitions: log.partitions() + 1, ..as_is.clone() };
    let compacted = TopicSpec { cleanup: Cleanup::Compact { delete_retention_ms: WEEK_MS }, ..as_is.clone() };
    for differing in [wider, compacted] {
        let specs = [differing, world.spec(&missing)];
        let checked = world.log.check_topics(&specs).expect("checked");
        assert!(matches!(&checked[0].state, TopicState::Differs(lines) if !lines.is_empty()), "{checked:?}");
        assert_eq!(checked[1], report(&missing, TopicState::Missing));
        let created = world.log.create_topics(&specs[..1]).expect("asked");
        assert_eq!(created, checked[..1]);
    }
    assert_eq!(world.log.partitions(&there).expect("asked"), Some(log.partitions()));
    assert_eq!(world.log.partitions(&missing).expect("asked"), None);
    assert_eq!(
        world.log.check_topics(std::slice::from_ref(&as_is)).expect("checked"),
        [report(&there, TopicState::Ok)]
    );
}

/// L-39: mirrored positions are those last mirrored, lower ones too; groups and partitions that were not mirrored show nothing.
pub fn l39_mirrors_show_what_was_mirrored(log: &dyn Harness) {
    let world = World::new(log);
    let topic = world.topic("l39");
    let sources = world.all_of(&topic);
    let (group, other) = (log.fresh("l39-group"), log.fresh("l39-other"));
    let shown = |group: &str| world.log.mirrored(group, &sources).expect("asked");
    assert!(shown(&group).iter().all(Option::is_none));
    world.log.mirror(&group, &[(sources[1].clone(), 41), (sources[0].clone(), 0)]).expect("mirrored");
    assert_eq!(shown(&group)[..2], [Some(0), Some(41)]);
    assert!(shown(&group)[2..].iter().all(Option::is_none));
    world.log.mirror(&group, &[(sources[1].clone(), 12)]).expect("mirrored");
    assert_eq!(shown(&group)[..2], [Some(0), Some(12)]);
    assert!(shown(&other).iter().all(Option::is_none));
}

/// L-40: a log that works says so.
pub fn l40_a_working_log_is_up(log: &dyn Harness) {
    let world = World::new(log);
    let topic = world.topic("l40");
    world.append(&topic, 0, b"x");
    assert_eq!(world.log.health(), Health::Up);
    assert!(!world.log.kind().is_empty());
}
