//! Places move while they are worked on.

use crate::scene::Scene;
use crate::support::rounds::rounds;

#[test]
fn a_third_replica_joins_and_leaves_under_load() {
    let scene = Scene::with_brokers(1);
    scene.open("a", None);
    scene.load().during(|| {
        scene.join("b", None);
        for round in 0..rounds() {
            scene.load().wait_for_answers(100);
            let third = format!("c{round}");
            scene.join(&third, None);
            scene.load().wait_for_answers(100);
            scene.leave(&third);
            scene.settle_places();
        }
        scene.load().wait_for_answers(100);
    });
    scene.audit();
}
