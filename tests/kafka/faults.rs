//! Requests of a transaction are late, lost, answered to nobody, late after they were sent again, and answered with an error although they were done.

use crate::scene::{LIBRDKAFKA, Scene, TRANSACTIONS};
use crate::support::dice::Dice;
use crate::support::proxy::{Api, Fault, Proxies};
use crate::support::rounds::rounds;
use crate::support::wait;

/// What a leader may say about records that it has appended: NOT_LEADER_OR_FOLLOWER, UNKNOWN_TOPIC_OR_PARTITION, KAFKA_STORAGE_ERROR,
/// NOT_ENOUGH_REPLICAS_AFTER_APPEND, REQUEST_TIMED_OUT.
const AFTER_THE_APPEND: [i16; 5] = [6, 3, 56, 20, 7];

#[test]
fn requests_of_transactions_are_lost_late_and_unanswered() {
    let proxies = Proxies::new(1);
    let scene = Scene::behind(&proxies.ports(), proxies.brokers());
    play(&scene, &proxies, &[Api::Produce, Api::EndTxn, Api::TxnOffsetCommit]);
    // A lost answer is asked for again. Only one that is late for longer than a commit is waited for costs the writer.
    let unknown = scene.setbacks("unknown");
    assert!(unknown < rounds(), "{unknown} times a writer was replaced because nobody knew");
    scene.audit();
}

/// What librdkafka sends for the same, where transactions are left to it.
#[test]
fn requests_of_librdkafkas_transactions_are_lost_late_and_unanswered() {
    let proxies = Proxies::new(1);
    let scene = Scene::behind(&proxies.ports(), proxies.brokers()).with(TRANSACTIONS, LIBRDKAFKA);
    play(&scene, &proxies, &[Api::AddPartitionsToTxn, Api::AddOffsetsToTxn, Api::EndTxn, Api::TxnOffsetCommit]);
    // librdkafka cannot ask again: an EndTxn that was lost or answered to nobody costs the writer.
    let unknown = scene.setbacks("unknown");
    assert!(unknown >= 3 * rounds(), "{unknown} times a writer was replaced because nobody knew");
    scene.audit();
}

fn play(scene: &Scene, proxies: &Proxies, apis: &[Api]) {
    proxies.0[0].lead_to(scene.cluster.detour(0));
    scene.open("a", Some("a"));
    let mut dice = Dice::new(26);
    scene.load().during(|| {
        for round in 0..rounds() {
            let mut faults = Vec::new();
            for api in apis.iter().copied() {
                let ms = 50 + dice.below(1_000);
                faults.extend([Fault::Delay(ms), Fault::Lost, Fault::Unanswered, Fault::Late(ms)].map(|f| (api, f)));
                if api == Api::Produce {
                    // Of appends or of a transaction, as it happens.
                    faults.extend(AFTER_THE_APPEND.iter().flat_map(|error| [(api, Fault::DoneBut(*error)); 2]));
                }
            }
            // The end of a transaction is where it matters whether it was done.
            let ms = 50 + dice.below(1_000);
            faults.extend([Fault::Unanswered, Fault::Late(ms), Fault::Lost].map(|f| (Api::EndTxn, f)));
            if round > 0 {
                // Longer than a commit is waited for. That takes its time, so only those who asked for more get it.
                faults.push((Api::EndTxn, Fault::Delay(12_000)));
            }
            dice.shuffle(&mut faults);
            for (api, fault) in faults {
                scene.load().wait_for_answers(5 + usize::try_from(dice.below(30)).unwrap());
                proxies.arm(api, fault);
                wait::until("the fault strikes", || proxies.has_struck());
                println!("{api:?} {fault:?}; unknown so far: {}", scene.setbacks("unknown"));
            }
        }
        scene.load().wait_for_answers(50);
    });
}
