//! What lies in `deploy/` and in the image names things of the code: metrics, alerts' sections, rooms. They are there.

use super::{File, assert_none, file, is_comment, tracked};
use std::collections::BTreeSet;

/// Files that name metrics, of those that Prometheus reads and Grafana shows.
const NAMING: &[&str] = &["deploy/prometheus/", "deploy/grafana/", "deploy/kubernetes/components/"];
/// What names of metrics begin with: ours, and those that programs of any kind have.
const PREFIXES: [&str; 2] = ["holdfast_", "process_"];
/// What a histogram's series end with.
const OF_HISTOGRAMS: [&str; 3] = ["_bucket", "_sum", "_count"];

fn is_of_a_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

/// The names in `text` that begin with `prefix`, where a name begins.
fn names<'a>(text: &'a str, prefix: &str) -> BTreeSet<&'a str> {
    let begins = |at: usize| !text.get(..at).unwrap_or_default().ends_with(is_of_a_name);
    text.match_indices(prefix)
        .filter(|(at, _)| begins(*at))
        .filter_map(|(at, _)| text.get(at..)?.split(|c| !is_of_a_name(c)).next())
        .filter(|name| *name != prefix)
        .collect()
}

/// Metrics that the code registers: texts that are such a name and nothing else, outside of tests and comments.
fn registered(files: &[File]) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    for file in files.iter().filter(|file| file.is_rust() && !file.is_test()) {
        for line in file.code().lines().filter(|line| !is_comment(line)) {
            for text in line.split('"').skip(1).step_by(2) {
                if PREFIXES.iter().any(|prefix| text.starts_with(prefix)) && text.chars().all(is_of_a_name) {
                    found.insert(text);
                }
            }
        }
    }
    found
}

fn unknown_metrics(files: &[File]) -> Vec<String> {
    let metrics = registered(files);
    let is_known = |name: &str| {
        let base = OF_HISTOGRAMS.iter().find_map(|end| name.strip_suffix(end)).filter(|base| metrics.contains(base));
        metrics.contains(name) || base.is_some()
    };
    let rules = files.iter().find(|file| file.path == "deploy/prometheus/rules.yml").map_or("", |file| &*file.text);
    let made: BTreeSet<&str> =
        rules.lines().filter_map(|line| line.trim().strip_prefix("- record: ")).map(str::trim).collect();
    let mut found = Vec::new();
    for file in files.iter().filter(|file| NAMING.iter().any(|folder| file.path.starts_with(folder))) {
        let named = PREFIXES.iter().flat_map(|prefix| names(&file.text, prefix));
        for name in named.filter(|name| !is_known(name)) {
            found.push(format!("{}: no code makes the metric {name}", file.path));
        }
        for name in names(&file.text, "holdfast:").into_iter().filter(|name| !made.contains(name)) {
            found.push(format!("{}: no rule records {name}", file.path));
        }
    }
    let of_docs = files.iter().find(|file| file.path == "docs/alerts.md").map_or("", |file| &*file.text);
    for name in &metrics {
        let is_told = of_docs.contains(&format!("`{name}`"))
            || name.starts_with("holdfast_effect_")
            || name.starts_with("holdfast_effects_");
        if !is_told {
            found.push(format!("docs/alerts.md: says nothing of the metric {name}"));
        }
    }
    found
}

#[test]
fn metrics_that_are_watched_exist_and_are_told_of() {
    let files = tracked();
    assert!(registered(&files).contains("holdfast_lag_seconds"), "no code makes a metric");
    assert_none(&unknown_metrics(&files));
}

/// An alert names a heading of docs/alerts.md where an operator reads what to do, and has a unit test.
fn alerts_without_help(files: &[File]) -> Vec<String> {
    let text = |path: &str| files.iter().find(|file| file.path == path).map_or("", |file| &*file.text);
    let (alerts, tests) = (text("deploy/prometheus/alerts.yml"), text("deploy/prometheus/tests.yml"));
    let headings: BTreeSet<&str> =
        text("docs/alerts.md").lines().filter_map(|line| line.strip_prefix("## ")).map(str::trim).collect();
    let mut found = Vec::new();
    for rule in alerts.split("- alert: ").skip(1) {
        let name = rule.lines().next().unwrap_or_default().trim();
        if !headings.contains(name) {
            found.push(format!("docs/alerts.md: does not say what to do about {name}"));
        }
        let runbook = format!("runbook: docs/alerts.md#{}", name.to_lowercase());
        if !rule.lines().any(|line| line.trim() == runbook) {
            found.push(format!("deploy/prometheus/alerts.yml: {name} has no line `{runbook}`"));
        }
        if !tests.lines().any(|line| line.trim() == format!("alertname: {name}")) {
            found.push(format!("deploy/prometheus/tests.yml: no test of {name}"));
        }
    }
    found
}

#[test]
fn every_alert_says_what_to_do_and_is_tested() {
    let files = tracked();
    assert!(files.iter().any(|file| file.path == "deploy/prometheus/alerts.yml"));
    assert_none(&alerts_without_help(&files));
}

/// The image is built of the rooms that the workspace names: one that is not let in ends its build.
fn rooms_left_out(manifest: &str, ignored: &str) -> Vec<String> {
    let members = manifest.split("members = [").nth(1).and_then(|rest| rest.split(']').next()).unwrap_or_default();
    let folder = |member: &str| member.trim().trim_matches('"').split('/').next().unwrap_or_default().to_owned();
    let rooms: BTreeSet<String> = members.split(',').map(folder).filter(|room| !room.is_empty()).collect();
    let is_let_in = |room: &String| ignored.lines().any(|line| line == format!("!{room}"));
    rooms.iter().filter(|room| !is_let_in(room)).map(|room| format!(".dockerignore: leaves {room} out")).collect()
}

#[test]
fn the_image_gets_every_room() {
    let files = tracked();
    let text = |path: &str| files.iter().find(|file| file.path == path).map_or("", |file| &*file.text);
    assert!(text("Cargo.toml").contains("members = ["));
    assert_none(&rooms_left_out(text("Cargo.toml"), text(".dockerignore")));
}

#[test]
fn what_is_not_there_is_found() {
    let code = || file("src/a.rs", "let a = \"holdfast_a_total\";\n// \"holdfast_b\"\n");
    let docs = || file("docs/alerts.md", "| `holdfast_a_total` |\n## HoldfastDown\n");
    let watched = |text: &str| unknown_metrics(&[code(), docs(), file("deploy/prometheus/rules.yml", text)]).len();
    assert_eq!(watched("expr: rate(holdfast_a_total[1m]) + holdfast_a_total_bucket"), 0);
    assert_eq!(watched("expr: holdfast_b"), 1, "only a comment names it");
    assert_eq!(watched("- record: holdfast:a:rate\n  expr: holdfast:a:rate + holdfast:b:rate"), 1);
    assert_eq!(unknown_metrics(&[code()]).len(), 1, "no document tells of it");
    let alerts = |text: &str, tests: &str| {
        let files = [docs(), file("deploy/prometheus/alerts.yml", text), file("deploy/prometheus/tests.yml", tests)];
        alerts_without_help(&files).len()
    };
    let good = "- alert: HoldfastDown\n  runbook: docs/alerts.md#holdfastdown\n";
    assert_eq!(alerts(good, "alertname: HoldfastDown\n"), 0);
    assert_eq!(alerts(good, ""), 1);
    assert_eq!(alerts("- alert: HoldfastUp\n", ""), 3);
    assert_eq!(rooms_left_out("members = [\"engine\", \"log/kafka\"]", "!engine\n"), [".dockerignore: leaves log out"]);
}
