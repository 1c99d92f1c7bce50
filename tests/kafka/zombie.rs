//! A replica that stands still for longer than the group waits, and then goes on as if nothing had happened.

use crate::scene::Scene;
use crate::support::rounds::rounds;
use crate::support::wait;

#[test]
fn a_replica_stands_still_past_its_session_and_goes_on() {
    let scene = Scene::with_brokers(1);
    scene.open("zombie", None);
    scene.load().during(|| {
        scene.join("heir", None);
        for _ in 0..rounds() {
            scene.load().wait_for_answers(100);
            scene.on("zombie", |worker| worker.signal("STOP"));
            wait::until("its places are taken over", || scene.places("heir").len() == 3);
            // The heir decides what the zombie had fetched, and more. Few answers: every other client knocks at the zombie's door and waits.
            scene.load().wait_for_answers(6);
            scene.on("zombie", |worker| worker.signal("CONT"));
            wait::until("it is a member again", || {
                !scene.places("zombie").is_empty() && scene.places("heir").len() < 3
            });
            scene.settle_places();
        }
        scene.load().wait_for_answers(100);
    });
    scene.audit();
}
