//! Calls over HTTP, to the test sink.

use super::super::channel::{Called, Calling, Channel, Limits};
use super::super::http::HttpClient;
use super::asking::Ground;
use super::{PATIENCE, until};
use holdfast_engine::inspect::TaskView;
use holdfast_engine::runtime::Effect;
use holdfast_model::call_result::{CallResult, Ended};
use holdfast_ports::clock::Clock;
use holdfast_sink::Sink;
use holdfast_sink::rule::{Mode, Rule};
use holdfast_tools::clock::SystemClock;
use reqwest::Method;
use std::sync::Arc;
use std::time::Duration;

/// POSTs the payload.
struct Post {
    client: HttpClient,
    url: String,
    limits: Limits,
}

impl Channel for Post {
    fn name(&self) -> &'static str {
        "post"
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    fn call<'a>(&'a self, effect: &'a Effect, _: &'a TaskView) -> Calling<'a, Called> {
        let request = self.client.request(Method::POST, &self.url).body(effect.payload.clone());
        Box::pin(async move { self.client.call(request.header("idempotency-key", &effect.name)).await })
    }

    fn answers(&self) -> Calling<'_, bool> {
        Box::pin(self.client.reaches(&self.url))
    }
}

fn client() -> HttpClient {
    HttpClient::new(Arc::new(SystemClock::new()), 256).unwrap()
}

async fn call(client: &HttpClient, url: &str) -> Called {
    client.call(client.request(Method::POST, url).body("x")).await
}

fn ended(called: Called) -> (Ended, Option<u16>, Option<i64>) {
    match called {
        Called::Ended(CallResult { ended, status, retry_after_ms, .. }) => (ended, status, retry_after_ms),
        Called::NotReached { reason } => panic!("not reached: {reason}"),
    }
}

#[tokio::test]
async fn answers_are_read_by_their_status_and_what_is_cut_may_have_arrived() {
    let (sink, client) = (Sink::start().unwrap(), client());
    let rule = |path: &str, mode| Rule { path: Some(path.to_owned()), ..Rule::always(mode) };
    sink.answer(vec![
        Rule { retry_after: Some("7".to_owned()), ..rule("/many", Mode::TooMany) },
        rule("/error", Mode::Error),
        rule("/bad", Mode::Bad),
        rule("/cut", Mode::Cut),
        Rule { status: Some(302), ..rule("/moved", Mode::Ok) },
    ]);
    for (path, expected) in [
        ("/ok", (Ended::Done, Some(200), None)),
        ("/many", (Ended::Failed, Some(429), Some(7_000))),
        ("/error", (Ended::Failed, Some(500), None)),
        ("/bad", (Ended::Refused, Some(400), None)),
        ("/cut", (Ended::Failed, None, None)),
        ("/moved", (Ended::Refused, Some(302), None)),
    ] {
        assert_eq!(ended(call(&client, &sink.url(path)).await), expected, "{path}");
    }
    assert_eq!(sink.counts().total, 6);
    assert!(client.reaches(&sink.url("/")).await);
    let secret = sink.url("/secret-token");
    sink.go_down();
    until("the port is closed", || std::net::TcpStream::connect(sink.address()).is_err()).await;
    // One that has no connections of before: those may break with the request, which is a failure.
    let client = self::client();
    let Called::NotReached { reason } = call(&client, &secret).await else { panic!("nobody listens") };
    assert_eq!(reason, "no connection");
    assert!(!client.reaches(&secret).await);
    let Called::NotReached { reason } = call(&client, "http://nobody.invalid/secret-token").await else {
        panic!("there is no such host")
    };
    assert!(!reason.contains("secret") && !reason.contains("nobody"), "{reason}");
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_a_failure_and_retry_after_pauses_the_channel() {
    let (ground, sink) = (Ground::new(), Sink::start().unwrap());
    let limits = Limits { call_max: Duration::from_millis(100), ..super::limits(1) };
    let post = Post { client: client(), url: sink.url("/"), limits };
    sink.answer(vec![
        Rule { delay_ms: 60_000, times: Some(1), ..Rule::default() },
        Rule { times: Some(1), ..Rule::always(Mode::TooMany) },
    ]);
    let worker = ground.worker(vec![Arc::new(post)], ground.appender()).await;
    ground.ask("post", 1, (0..3).map(|n| format!("k{n}"))).await;
    until("all have ended", || worker.all_results().len() == 3).await;
    let mut results: Vec<CallResult> = worker.all_results().into_iter().flat_map(|(_, results)| results).collect();
    results.sort_by_key(|result| result.began_at);
    let seen: Vec<_> = results.iter().map(|result| (result.ended, result.status, result.retry_after_ms)).collect();
    assert_eq!(
        seen,
        [(Ended::Failed, None, None), (Ended::Failed, Some(429), Some(1_000)), (Ended::Done, Some(200), None)]
    );
    let pause_ms = results[2].began_at - results[1].began_at;
    assert!(pause_ms >= 1_000, "{pause_ms} ms");
}

#[tokio::test]
async fn each_is_delivered_once_through_an_outage_of_the_receiver() {
    const CALLS: usize = 20_000;
    let (ground, sink) = (Ground::new(), Sink::start().unwrap());
    let clock = SystemClock::new();
    let post =
        Post { client: client(), url: sink.url("/"), limits: Limits { call_max: PATIENCE, ..super::limits(256) } };
    let worker = ground.worker(vec![Arc::new(post)], ground.appender()).await;
    let began_us = clock.monotonic_us();
    ground.ask("post", 1, (0..CALLS).map(|n| format!("k{n}"))).await;
    let delivered = || usize::try_from(sink.counts().delivered).unwrap();
    until("all are delivered", || delivered() == CALLS).await;
    let seconds = (clock.monotonic_us() - began_us) as f64 / 1e6;
    println!("{CALLS} calls asked for, decided and made in {seconds:.2} s: {:.0}/s", CALLS as f64 / seconds);
    until("all are decided", || worker.all_results().len() == CALLS).await;
    let seconds = (clock.monotonic_us() - began_us) as f64 / 1e6;
    println!("and their results decided in {seconds:.2} s: {:.0}/s", CALLS as f64 / seconds);
    assert_eq!(sink.counts().repeated, 0);

    sink.go_down();
    ground.ask("post", 1, (0..500).map(|n| format!("l{n}"))).await;
    until("the breaker has opened", || worker.metric("holdfast_effect_breaker_opened_total", "post") >= 2.0).await;
    assert_eq!(worker.all_results().len(), CALLS);
    sink.come_up();
    until("all are delivered", || delivered() == CALLS + 500).await;
    until("all are decided", || worker.all_results().len() == CALLS + 500).await;
    assert_eq!(sink.counts().repeated, 0, "a connection that was refused has delivered nothing");
}
