//! What the API counts, and `/metrics`.
//!
//! A series is never freed, so no label may hold what a client has written: methods and statuses are those that HTTP knows, routes are templates.

use super::Api;
use super::error::ApiError;
use axum::extract::State;
use axum::http::{Method, StatusCode, header};
use axum::response::IntoResponse;
use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder, exponential_buckets,
};

/// Label of methods and statuses that HTTP does not know.
const OTHER: &str = "OTHER";

/// The API's metrics, registered once a process.
#[derive(Debug, Clone)]
pub struct HttpMetrics {
    requests: IntCounterVec,
    seconds: HistogramVec,
    appends: IntCounterVec,
}

impl HttpMetrics {
    /// Makes and registers them.
    ///
    /// # Errors
    /// When the registry has metrics of these names already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let requests = IntCounterVec::new(
            Opts::new("holdfast_http_requests_total", "Requests answered"),
            &["method", "route", "status"],
        )?;
        // 0.1 ms to 26 s.
        let buckets = exponential_buckets(0.000_1, 2.0, 19)?;
        let opts = HistogramOpts::new("holdfast_http_seconds", "Time from request to answer").buckets(buckets);
        let seconds = HistogramVec::new(opts, &["method", "route"])?;
        let appends = IntCounterVec::new(
            Opts::new("holdfast_http_appends_total", "Records appended for requests, by what became of it"),
            &["outcome"],
        )?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        registry.register(Box::new(appends.clone()))?;
        Ok(Self { requests, seconds, appends })
    }

    #[expect(clippy::cast_precision_loss, reason = "for a histogram")]
    pub(super) fn note(&self, method: &Method, route: &str, status: StatusCode, took_us: u64) {
        let method = method_label(method);
        let number;
        let status = match status.as_u16() {
            // The few that make up nearly everything need no formatting.
            200 => "200",
            202 => "202",
            404 => "404",
            409 => "409",
            503 => "503",
            // A peer may answer with any number.
            _ if status.canonical_reason().is_none() => OTHER,
            other => {
                number = other.to_string();
                number.as_str()
            }
        };
        self.requests.with_label_values(&[method, route, status]).inc();
        self.seconds.with_label_values(&[method, route]).observe(took_us as f64 / 1e6);
    }

    pub(super) fn note_append(&self, outcome: &str) {
        self.appends.with_label_values(&[outcome]).inc();
    }
}

fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::TRACE => "TRACE",
        Method::CONNECT => "CONNECT",
        _ => OTHER,
    }
}

/// All metrics in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", tag = "operations", responses((status = 200, description = "Prometheus text", body = String, content_type = "text/plain")))]
pub(super) async fn metrics(State(api): State<Api>) -> Result<impl IntoResponse, ApiError> {
    let encoder = TextEncoder::new();
    let mut body = Vec::new();
    encoder.encode(&api.registry.gather(), &mut body).map_err(|error| {
        tracing::error!(%error, "metrics cannot be written");
        ApiError::Internal
    })?;
    Ok(([(header::CONTENT_TYPE, encoder.format_type().to_owned())], body))
}
