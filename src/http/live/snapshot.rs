//! What is told once a second.

use super::super::places::{self, PlaceView};
use super::super::{Api, health};
use super::counted::{Counted, Times, label, number, per_second, rounded};
use crate::alerts::board::AlertView;
use crate::lag::Lag;
use holdfast_model::rfc3339;
use holdfast_ports::log::Health;
use prometheus::proto::Metric;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Routes that are told of, those with the most requests first.
const ROUTES_MAX: usize = 12;
const REQUESTS: &str = "holdfast_http_requests_total";
const REQUEST_SECONDS: &str = "holdfast_http_seconds";
const COMMIT_SECONDS: &str = "holdfast_commit_seconds";
const CALLS: &str = "holdfast_effect_calls_total";
const BREAKER: &str = "holdfast_effect_breaker";

/// How things stand at one replica. Totals are since its start, rates and quantiles of the second before; those are missing until there was one.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = LiveSnapshot)]
pub(crate) struct Snapshot {
    /// When this was looked at.
    pub(super) at: String,
    /// Since the replica began to answer, in ms.
    pub(super) uptime_ms: u64,
    version: &'static str,
    app: String,
    /// How peers reach it.
    endpoint: String,
    /// Whether it was started with the sample data.
    sample: bool,
    /// `kafka` or `embedded`.
    log: &'static str,
    log_is_up: bool,
    ready: bool,
    /// Why it is not ready.
    reasons: Vec<String>,
    /// Pages and programs that read this stream.
    pub(super) listeners: usize,
    requests: Requests,
    routes: Vec<Route>,
    decisions: Rate,
    commits: Commits,
    lag: LagSum,
    topologies: Vec<TopologyView>,
    pub(super) places: Vec<PlaceView>,
    /// Changes of owner that were seen while this stream was read, the latest first, at most 20.
    pub(super) takeovers: Vec<Takeover>,
    expiries: Expiries,
    dead_letters: Rate,
    channels: Vec<Channel>,
    alerts: Vec<AlertView>,
}

/// A counter.
#[derive(Debug, Default, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Rate {
    total: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    per_second: Option<f64>,
}

/// Requests that were answered.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Requests {
    #[serde(flatten)]
    all: Rate,
    /// Refused (4xx).
    refused: Rate,
    /// Not served (5xx).
    failed: Rate,
    /// Of `POST`, `PUT`, `PATCH` and `DELETE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    writes: Option<Quantiles>,
    /// Of `GET`, those that wait for an outcome among them.
    #[serde(skip_serializing_if = "Option::is_none")]
    reads: Option<Quantiles>,
    connections: u64,
    connections_max: u64,
}

/// Times, in ms.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Quantiles {
    p50_ms: f64,
    p95_ms: f64,
    p99_ms: f64,
}

/// A route that was asked in the last second.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Route {
    method: String,
    route: String,
    per_second: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    p50_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p99_ms: Option<f64>,
}

/// Commits of this replica.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Commits {
    #[serde(flatten)]
    all: Rate,
    #[serde(skip_serializing_if = "Option::is_none")]
    took: Option<Quantiles>,
}

/// How far this replica is behind.
#[derive(Debug, Default, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LagSum {
    /// Records that are not decided.
    records: u64,
    /// Age of the oldest of them, in ms.
    ms: u64,
}

/// A topology.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TopologyView {
    name: String,
    decisions: Rate,
    lag: LagSum,
    dead_letters: u64,
}

/// A place that has changed its owner.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Takeover {
    /// When it was seen.
    pub(super) at: String,
    pub(super) place: u32,
    /// The worker that had it.
    pub(super) from: String,
    /// The worker that has it.
    pub(super) to: String,
}

/// Holds of this replica's places that have ended by their deadline.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Expiries {
    total: u64,
    /// Ended before their deadline: always 0, or it is told as an alert.
    early: u64,
    /// From the deadline to the fact in the log, of the latest of the last second, in ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    latest_ms: Option<u64>,
}

/// Calls outside.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Channel {
    channel: String,
    /// `CLOSED`, `HALF_OPEN`, or `OPEN`, when nothing is called.
    breaker: &'static str,
    calls: Rate,
    /// Calls by how they ended.
    ended: BTreeMap<String, u64>,
    /// Begun, and the result is not in the log yet.
    in_flight: u64,
    /// In memory, and not begun.
    buffered: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    p99_ms: Option<f64>,
}

/// Two moments.
struct Span<'a> {
    now: &'a Counted,
    before: Option<&'a Counted>,
}

/// A count as a whole number.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counters are whole and not negative")]
fn whole(value: f64) -> u64 {
    value.max(0.0).round() as u64
}

impl Span<'_> {
    fn took_us(&self, before: &Counted) -> u64 {
        self.now.at_us().saturating_sub(before.at_us())
    }

    fn rate_of(&self, count: impl Fn(&Counted) -> f64) -> Rate {
        let total = count(self.now);
        let rate = |before: &Counted| per_second(total, count(before), self.took_us(before));
        Rate { total: whole(total), per_second: self.before.map(rate) }
    }

    fn rate(&self, name: &str, passes: impl Fn(&Metric) -> bool) -> Rate {
        self.rate_of(|counted| counted.sum(name, &passes))
    }

    /// Times of the last second.
    fn times(&self, name: &str, passes: impl Fn(&Metric) -> bool) -> Option<Times> {
        let before = self.before?.times(name, &passes);
        Some(self.now.times(name, &passes).since(&before))
    }

    fn quantiles(&self, name: &str, passes: impl Fn(&Metric) -> bool) -> Option<Quantiles> {
        let times = self.times(name, passes)?;
        let (p50_ms, p95_ms, p99_ms) = (times.quantile_ms(0.5)?, times.quantile_ms(0.95)?, times.quantile_ms(0.99)?);
        Some(Quantiles { p50_ms, p95_ms, p99_ms })
    }
}

/// What is known now, compared with what was counted `before`.
pub(super) fn of(api: &Api, now: &Counted, before: Option<&Counted>) -> Snapshot {
    let span = Span { now, before };
    let reasons = health::look(api).reasons().to_vec();
    let lags = api.lag.last().1;
    Snapshot {
        at: rfc3339::to_string(api.clock.now_ms()),
        uptime_ms: 0,
        version: env!("CARGO_PKG_VERSION"),
        app: api.settings.app.clone(),
        endpoint: api.settings.endpoint.clone(),
        sample: api.settings.sample,
        log: api.log.kind(),
        log_is_up: api.log.health() == Health::Up,
        ready: reasons.is_empty(),
        reasons,
        listeners: 0,
        requests: requests(&span),
        routes: routes(&span),
        decisions: span.rate("holdfast_records_total", |_| true),
        commits: Commits {
            all: span.rate_of(|counted| as_number(counted.times(COMMIT_SECONDS, |_| true).count())),
            took: span.quantiles(COMMIT_SECONDS, |_| true),
        },
        lag: lag_of(lags.iter()),
        topologies: topologies(api, &span, &lags),
        places: places::known_here(api, &api.status.snapshot()),
        takeovers: Vec::new(),
        expiries: expiries(api),
        dead_letters: span.rate("holdfast_dead_letters_total", |_| true),
        channels: channels(&span),
        alerts: api.alerts.shown(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "for a rate")]
fn as_number(count: u64) -> f64 {
    count as f64
}

fn requests(span: &Span<'_>) -> Requests {
    let of_class = |class: char| move |metric: &Metric| label(metric, "status").starts_with(class);
    let is_read = |metric: &Metric| matches!(label(metric, "method"), "GET" | "HEAD");
    let is_write = |metric: &Metric| matches!(label(metric, "method"), "POST" | "PUT" | "PATCH" | "DELETE");
    let gauge = |name: &str| whole(span.now.sum(name, |_| true));
    Requests {
        all: span.rate(REQUESTS, |_| true),
        refused: span.rate(REQUESTS, of_class('4')),
        failed: span.rate(REQUESTS, of_class('5')),
        writes: span.quantiles(REQUEST_SECONDS, is_write),
        reads: span.quantiles(REQUEST_SECONDS, is_read),
        connections: gauge("holdfast_http_connections"),
        connections_max: gauge("holdfast_http_connections_max"),
    }
}

fn routes(span: &Span<'_>) -> Vec<Route> {
    let Some(before) = span.before else { return Vec::new() };
    let took_us = span.took_us(before);
    let mut routes: Vec<Route> = span
        .now
        .series(REQUEST_SECONDS)
        .iter()
        .filter_map(|metric| {
            let (method, route) = (label(metric, "method"), label(metric, "route"));
            let is_it = |other: &Metric| label(other, "method") == method && label(other, "route") == route;
            let times = span.times(REQUEST_SECONDS, is_it)?;
            (times.count() > 0).then(|| Route {
                method: method.to_owned(),
                route: route.to_owned(),
                per_second: per_second(as_number(times.count()), 0.0, took_us),
                p50_ms: times.quantile_ms(0.5),
                p99_ms: times.quantile_ms(0.99),
            })
        })
        .collect();
    routes.sort_by(|a, b| b.per_second.total_cmp(&a.per_second));
    routes.truncate(ROUTES_MAX);
    routes
}

fn lag_of<'a>(lags: impl Iterator<Item = &'a Lag>) -> LagSum {
    lags.fold(LagSum::default(), |sum, lag| LagSum {
        records: sum.records + lag.records,
        ms: sum.ms.max(lag.ms.unwrap_or(0)),
    })
}

fn topologies(api: &Api, span: &Span<'_>, lags: &[Lag]) -> Vec<TopologyView> {
    let names = api.topologies.iter().map(|topology| topology.name().to_string());
    let view = |name: String| {
        let is_it = |metric: &Metric| label(metric, "topology") == name;
        TopologyView {
            decisions: span.rate("holdfast_records_total", is_it),
            lag: lag_of(lags.iter().filter(|lag| lag.topology == name)),
            dead_letters: whole(span.now.sum("holdfast_dead_letters_total", is_it)),
            name,
        }
    };
    names.map(view).collect()
}

fn expiries(api: &Api) -> Expiries {
    let told = api.expiries.take_told();
    Expiries { total: told.total, early: told.early, latest_ms: told.latest_ms }
}

fn channels(span: &Span<'_>) -> Vec<Channel> {
    let view = |(channel, breaker): (&str, f64)| {
        let is_it = |metric: &Metric| label(metric, "channel") == channel;
        let ended = span.now.series(CALLS).iter().filter(|metric| is_it(metric));
        Channel {
            channel: channel.to_owned(),
            breaker: match whole(breaker) {
                0 => "CLOSED",
                1 => "HALF_OPEN",
                _ => "OPEN",
            },
            calls: span.rate(CALLS, is_it),
            ended: ended.map(|metric| (label(metric, "ended").to_owned(), whole(number(metric)))).collect(),
            in_flight: whole(span.now.sum("holdfast_effects_in_flight", is_it)),
            buffered: whole(span.now.sum("holdfast_effects_buffered", is_it)),
            p99_ms: span
                .times("holdfast_effect_call_seconds", is_it)
                .and_then(|times| times.quantile_ms(0.99))
                .map(rounded),
        }
    };
    span.now.by(BREAKER, "channel").into_iter().map(view).collect()
}
