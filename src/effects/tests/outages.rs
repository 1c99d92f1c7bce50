//! A channel that does not work: nothing is lost, nothing is hurried, and the topology is told which failures were not its own.

use super::asking::Ground;
use super::fake::{Fake, Outside};
use super::{limits, until};
use crate::effects::breaker::FAILURES_MAX;
use holdfast_model::call_result::Ended;
use std::collections::BTreeSet;

fn keys(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|n| format!("k{n}"))
}

#[tokio::test]
async fn while_nobody_can_be_reached_all_stay_pending_and_afterwards_each_is_done_once() {
    let ground = Ground::new();
    let (away, other) = (Fake::new("away", limits(4)), Fake::new("other", limits(4)));
    away.becomes(Outside::IsAway);
    let worker = ground.worker(vec![away.clone(), other], ground.appender()).await;
    ground.ask("away", 1, keys(200)).await;
    until("the breaker has opened", || worker.metric("holdfast_effect_breaker_opened_total", "away") >= 3.0).await;
    assert_eq!(worker.all_results(), [], "no result, no attempt");
    assert!(away.begun.lock().len() <= 4, "what was under way when it opened: after that it is asked, not called");
    ground.ask("other", 1, (0..20).map(|n| format!("o{n}"))).await;
    until("the other channel works", || worker.all_results().len() == 20).await;

    away.becomes(Outside::Takes);
    until("all are done", || worker.all_results().len() == 220).await;
    assert!(worker.all_results().iter().all(|(_, r)| r.len() == 1 && r[0].ended == Ended::Done && !r[0].channel_away));
    let arrived = away.arrived.lock();
    assert_eq!((arrived.len(), arrived.iter().collect::<BTreeSet<_>>().len()), (200, 200));
    assert_eq!(worker.metric("holdfast_effect_breaker", "away"), 0.0);
}

#[tokio::test]
async fn failures_of_many_open_the_breaker_and_those_from_then_on_are_not_their_own() {
    let ground = Ground::new();
    let channel = Fake::new("one", limits(1));
    channel.becomes(Outside::Fails);
    let worker = ground.worker(vec![channel.clone()], ground.appender()).await;
    ground.ask("one", 1, keys(20)).await;
    // One in each trial after that.
    until("ten have failed", || worker.all_results().len() >= 10).await;
    let own = worker.all_results().iter().filter(|(_, results)| !results[0].channel_away).count();
    assert_eq!(own, FAILURES_MAX - 1);
    channel.becomes(Outside::Takes);
    until("all have ended", || worker.all_results().len() == 20).await;
    assert!(worker.all_results().iter().any(|(_, results)| results[0].ended == Ended::Done));
}

#[tokio::test]
async fn one_message_that_always_fails_opens_nothing() {
    let ground = Ground::new();
    let channel = Fake::new("one", limits(1));
    channel.becomes(Outside::Fails);
    let worker = ground.worker(vec![channel.clone()], ground.appender()).await;
    for nth in 1..=10 {
        ground.ask("one", 1, keys(1)).await;
        until("it has failed", || worker.results("k0").len() == nth).await;
    }
    assert!(worker.results("k0").iter().all(|result| !result.channel_away));
    assert_eq!(worker.metric("holdfast_effect_breaker_opened_total", "one"), 0.0);
}
