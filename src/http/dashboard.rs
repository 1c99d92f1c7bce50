//! A page for humans: how it stands, and where to look further. Plain HTML, no script.

use super::{Api, health};
use crate::alerts::board::AlertView;
use axum::extract::State;
use axum::response::Html;
use std::fmt::Write;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:.2rem .6rem;text-align:left}code{background:#f3f3f3;padding:0 .2rem}";

/// The dashboard.
#[utoipa::path(get, path = "/", tag = "operations", responses((status = 200, description = "A page for humans", body = String, content_type = "text/html")))]
pub(super) async fn dashboard(State(api): State<Api>) -> Html<String> {
    let snapshot = api.status.snapshot();
    let mut rows = String::new();
    for (task, seen) in &snapshot.tasks {
        let position =
            seen.positions.iter().map(|(source, next)| format!("{source} @ {next}")).collect::<Vec<_>>().join(", ");
        // Writing into a String cannot fail.
        let _ = write!(
            rows,
            "<tr><td>{}</td><td>{}</td><td>{:?}</td><td>{}</td></tr>",
            task.topology,
            task.place,
            seen.state,
            escaped(&position)
        );
    }
    let reasons: String =
        health::look(&api).reasons().iter().map(|reason| format!("<li>{}</li>", escaped(reason))).collect();
    let state = if reasons.is_empty() {
        "준비 완료 (ready)".to_owned()
    } else {
        format!("준비 중 (not ready)<ul>{reasons}</ul>")
    };
    let alerts: String = api.alerts.shown().iter().map(line_of).collect();
    let alerts = if alerts.is_empty() { String::new() } else { format!("<h2>알림 (alerts)</h2><ul>{alerts}</ul>") };
    Html(format!(
        "<!doctype html><html lang=\"ko\"><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"5\"><title>Holdfast</title><style>{STYLE}</style>\
<h1>Holdfast</h1><p>{state}</p><p>app <code>{}</code>, log <code>{}</code>, places {} of {}</p>\
<table><tr><th>topology</th><th>place</th><th>state</th><th>position</th></tr>{rows}</table>{alerts}\
<ul><li><a href=\"/health/ready\">/health/ready</a></li><li><a href=\"/api/lag\">/api/lag</a></li><li><a href=\"/api/alerts\">/api/alerts</a></li><li><a href=\"/api/places\">/api/places</a></li>\
<li><a href=\"/api/coupons/policies\">/api/coupons/policies</a></li><li><a href=\"/metrics\">/metrics</a></li><li><a href=\"/openapi.json\">/openapi.json</a></li></ul></html>",
        escaped(&api.settings.app),
        api.log.kind(),
        snapshot.places.len(),
        api.settings.places,
    ))
}

fn line_of(alert: &AlertView) -> String {
    let AlertView { alert, state, summary, since, .. } = alert;
    format!("<li>{} {}: {} ({})</li>", state.as_str(), escaped(alert), escaped(summary), escaped(since))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
