//! Order, fairness, credit, stops.

use super::asking::Ground;
use super::fake::{Fake, Outside};
use super::{limits, until};
use holdfast_model::call_result::Ended;
use holdfast_ports::log::{AppendError, Appender};
use holdfast_ports::record::{Appended, NewRecord};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

fn keys(prefix: &'static str, count: usize) -> impl Iterator<Item = String> {
    (0..count).map(move |n| format!("{prefix}{n}"))
}

#[tokio::test]
async fn a_slow_channel_keeps_no_other_waiting_and_memory_is_bounded() {
    let ground = Ground::new();
    let (slow, fast) = (Fake::held("slow", limits(8)), Fake::new("fast", limits(8)));
    let worker = ground.worker(vec![slow.clone(), fast.clone()], ground.appender()).await;
    ground.ask("slow", 1, keys("s", 5_000)).await;
    ground.ask("fast", 1, keys("f", 300)).await;
    until("the fast ones are done", || keys("f", 300).all(|key| !worker.results(&key).is_empty())).await;
    assert_eq!(slow.begun.lock().len(), 7, "its credit, but for what is kept for the most urgent");
    assert_eq!(worker.metric("holdfast_effects_in_flight", "slow"), 7.0);
    ground.ask("slow", 0, keys("u", 2)).await;
    until("an urgent one is begun beside them", || slow.begun.lock().len() == 8).await;
    assert!(slow.begun.lock()[7].starts_with('u'));
    let buffered = worker.metric("holdfast_effects_buffered", "slow");
    assert!(buffered <= 8.0 + 2.0, "{buffered} of 5,000 in memory");

    slow.permits.add_permits(5_002);
    until("the slow ones are done", || worker.all_results().len() == 5_302).await;
    assert!(worker.all_results().iter().all(|(_, results)| results.len() == 1 && results[0].ended == Ended::Done));
    let arrived = slow.arrived.lock();
    assert_eq!((arrived.len(), arrived.iter().collect::<BTreeSet<_>>().len()), (5_002, 5_002));
}

#[tokio::test]
async fn the_urgent_do_not_wait_behind_a_backlog() {
    let ground = Ground::new();
    let channel = Fake::held("one", limits(2));
    let worker = ground.worker(vec![channel.clone()], ground.appender()).await;
    ground.ask("one", 2, keys("low", 2_000)).await;
    until("the backlog is there", || worker.asked() == 2_000 && channel.begun.lock().len() == 2).await;
    ground.ask("one", 0, keys("high", 3)).await;
    until("they are committed", || worker.asked() == 2_003).await;
    channel.permits.add_permits(5);
    until("five have arrived", || channel.arrived.lock().len() == 5).await;
    let arrived = channel.arrived.lock().clone();
    assert!(arrived[..2].iter().all(|key| key.starts_with("low")), "under way before: {arrived:?}");
    // One that was not urgent may have been begun between the commit of a place and that of the other.
    assert_eq!(arrived[2..].iter().filter(|key| key.starts_with("high")).count(), 3, "{arrived:?}");
}

#[tokio::test]
async fn a_stop_ends_what_is_under_way_and_a_restart_does_the_rest() {
    let ground = Ground::new();
    let channel = Fake::held("one", limits(4));
    let worker = ground.worker(vec![channel.clone()], ground.appender()).await;
    ground.ask("one", 1, keys("k", 50)).await;
    until("four are under way", || channel.begun.lock().len() == 4).await;
    channel.permits.add_permits(3);
    until("three more are under way", || channel.begun.lock().len() == 7).await;
    let stopping = tokio::spawn(worker.stop(super::PATIENCE));
    channel.permits.add_permits(1_000);
    assert!(stopping.await.unwrap(), "drained");
    let first: BTreeSet<String> = channel.arrived.lock().iter().cloned().collect();

    let worker = ground.worker(vec![channel.clone()], ground.appender()).await;
    assert!(first.iter().all(|key| worker.results(key).len() == 1), "what was done is decided");
    until("all are done", || worker.all_results().len() == 50).await;
    assert_eq!(channel.arrived.lock().len(), 50, "none was done twice");
}

#[tokio::test]
async fn what_is_under_way_at_a_crash_is_done_again_and_nothing_else() {
    let ground = Ground::new();
    let channel = Fake::held("one", limits(4));
    let worker = ground.worker(vec![channel.clone()], ground.appender()).await;
    ground.ask("one", 1, keys("k", 30)).await;
    channel.permits.add_permits(10);
    until("ten are done, four under way", || worker.all_results().len() == 10 && channel.begun.lock().len() == 14)
        .await;
    assert!(!worker.stop(Duration::from_millis(50)).await, "four never end");
    assert_eq!(channel.begun.lock().len(), 14, "nothing is begun at a stop");

    channel.permits.add_permits(1_000);
    let worker = ground.worker(vec![channel.clone()], ground.appender()).await;
    until("all are done", || worker.all_results().len() == 30).await;
    assert!(worker.all_results().iter().all(|(_, results)| results.len() == 1));
    assert_eq!((channel.begun.lock().len(), channel.arrived.lock().len()), (34, 30), "the four were begun again");
}

#[tokio::test]
async fn a_channel_that_panics_has_failed_and_goes_on() {
    let ground = Ground::new();
    let channel = Fake::new("one", limits(4));
    channel.becomes(Outside::Panics);
    let worker = ground.worker(vec![channel.clone()], ground.appender()).await;
    ground.ask("one", 1, keys("k", 1)).await;
    until("it has failed", || !worker.results("k0").is_empty()).await;
    assert_eq!(worker.results("k0")[0].ended, Ended::Failed);
    channel.becomes(Outside::Takes);
    ground.ask("one", 1, keys("l", 20)).await;
    until("the next are done", || worker.all_results().len() == 21).await;
    assert_eq!(worker.metric("holdfast_effects_in_flight", "one"), 0.0);
}

#[tokio::test]
async fn effects_of_a_channel_that_is_not_here_stay_pending() {
    let ground = Ground::new();
    let other = Fake::new("other", limits(4));
    let worker = ground.worker(vec![other], ground.appender()).await;
    ground.ask("one", 1, keys("k", 20)).await;
    until("they are committed", || worker.asked() == 20).await;
    until("it is counted", || worker.metric("holdfast_effects_unknown_channel_total", "one") > 0.0).await;
    assert!(worker.stop(super::PATIENCE).await);

    let channel = Fake::new("one", limits(4));
    let worker = ground.worker(vec![channel], ground.appender()).await;
    until("they are done", || worker.all_results().len() == 20).await;
}

/// A log that refuses, and one that takes a record and says that it may not have.
struct Moody {
    inner: Arc<dyn Appender>,
    nth: AtomicU32,
}

impl Appender for Moody {
    fn append(&self, record: NewRecord<'_>, done: Box<dyn FnOnce(Result<Appended, AppendError>) + Send>) {
        match self.nth.fetch_add(1, Ordering::Relaxed) % 3 {
            0 => done(Err(AppendError::Unavailable("in a mood".to_owned()))),
            1 => self.inner.append(record, Box::new(move |_| done(Err(AppendError::Unknown("in a mood".to_owned()))))),
            _ => self.inner.append(record, done),
        }
    }
}

#[tokio::test]
async fn a_result_is_appended_until_the_log_has_it_and_counts_once() {
    let ground = Ground::new();
    let channel = Fake::new("one", limits(4));
    let moody = Arc::new(Moody { inner: ground.appender(), nth: AtomicU32::new(0) });
    let worker = ground.worker(vec![channel.clone()], moody.clone()).await;
    ground.ask("one", 1, keys("k", 20)).await;
    until("all are done", || worker.all_results().len() == 20).await;
    until("nothing is under way", || worker.metric("holdfast_effects_in_flight", "one") == 0.0).await;
    assert!(worker.metric("holdfast_effect_result_appends_failed_total", "one") >= 20.0);
    assert!(moody.nth.load(Ordering::Relaxed) >= 40);
    assert!(worker.all_results().iter().all(|(_, results)| results.len() == 1), "a result that came twice counts once");
    assert_eq!(channel.arrived.lock().len(), 20);
}
