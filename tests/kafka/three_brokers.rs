//! Three brokers, each record on all of them, two of three have to have it.

use crate::scene::Scene;
use crate::support::rounds::rounds;

#[test]
fn a_broker_is_killed_and_comes_back_under_load() {
    let scene = Scene::with_brokers(3);
    scene.open("a", Some("a"));
    scene.load().during(|| {
        scene.join("b", Some("b"));
        for round in 0..rounds() {
            let broker = u32::try_from(round % 3).unwrap() + 1;
            scene.load().wait_for_answers(60);
            scene.cluster.to_broker("kill", broker);
            // Two of three are enough to go on with.
            scene.load().wait_for_answers(60);
            scene.cluster.to_broker("start", broker);
            scene.load().wait_for_answers(60);
        }
    });
    scene.audit();
}
