//! Replicas die.

use crate::scene::{LIBRDKAFKA, Scene, TRANSACTIONS};
use crate::support::dice::Dice;
use crate::support::rounds::rounds;
use crate::support::wait;

/// One comes back under its name before the group has noticed; the places of the other, which has none, are taken over first.
#[test]
fn each_of_two_replicas_is_killed_in_turn() {
    play(Scene::with_brokers(1));
}

/// The other way of a transaction: its writer is fenced and its leftovers are ended as well.
#[test]
fn each_of_two_replicas_is_killed_in_turn_with_librdkafkas_transactions() {
    play(Scene::with_brokers(1).with(TRANSACTIONS, LIBRDKAFKA));
}

fn play(scene: Scene) {
    let mut dice = Dice::new(7);
    scene.open("named", Some("named"));
    scene.load().during(|| {
        scene.join("nameless", None);
        for _ in 0..rounds() {
            scene.load().wait_for_answers(30 + usize::try_from(dice.below(100)).unwrap());
            scene.kill9("named");
            scene.launch("named");
            scene.settle_places();

            scene.load().wait_for_answers(30 + usize::try_from(dice.below(100)).unwrap());
            scene.kill9("nameless");
            wait::until("its places are taken over", || scene.places("named").len() == 3);
            scene.launch("nameless");
            wait::until("it has places again", || !scene.places("nameless").is_empty());
            scene.settle_places();
        }
    });
    scene.audit();
}
