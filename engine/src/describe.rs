//! A topology as text for a terminal and as mermaid for a page.

use crate::changelog;
use crate::topology::Topology;
use std::fmt::Write;

/// Sources, stores, changelog and sinks, a line each.
#[must_use]
pub fn text(topology: &Topology, app: &str) -> String {
    let mut out = String::new();
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    line(format!("Topology: {}", topology.name()));
    line(format!("  Group: {}", topology.group()));
    let source = if topology.is_deciding() { "Inbox" } else { "Source" };
    for topic in topology.sources() {
        let what = if topology.is_results_source(topic) { "Results of effects" } else { source };
        line(format!("  {what}: {topic}"));
    }
    line(format!("  Processor: {}", topology.name()));
    for store in topology.all_stores() {
        let kept = topology.endings().iter().find(|ending| ending.store().id == store.id);
        let kept = kept.map(|ending| format!(", rows kept for {}", duration(ending.keep_ms()))).unwrap_or_default();
        line(format!("    Store: {} (number {}){kept}", store.name, store.id.0));
    }
    line(format!("    Changelog: {}", changelog::topic(app, topology.name())));
    for topic in topology.sinks() {
        line(format!("  Sink: {topic}"));
    }
    line(format!("  Dead letters: {}", topology.dead_letters()));
    out
}

/// In the largest unit of which it is a whole number.
fn duration(ms: i64) -> String {
    const UNITS: [(i64, &str); 4] =
        [(86_400_000, "days"), (3_600_000, "hours"), (60_000, "minutes"), (1_000, "seconds")];
    let unit = UNITS.iter().find(|(unit_ms, _)| ms % unit_ms == 0);
    unit.map_or_else(|| format!("{ms} ms"), |(unit_ms, name)| format!("{} {name}", ms / unit_ms))
}

/// The same as a mermaid flow chart.
#[must_use]
pub fn mermaid(topology: &Topology, app: &str) -> String {
    let mut out = String::from("flowchart LR\n");
    let mut nodes = 0;
    let mut topic = |out: &mut String, name: &str| {
        nodes += 1;
        // Writing into a String cannot fail.
        let _ = writeln!(out, "  t{nodes}[/\"{name}\"/]");
        format!("t{nodes}")
    };
    let _ = writeln!(out, "  p((\"{}\"))", topology.name());
    for source in topology.sources() {
        let node = topic(&mut out, source);
        let arrow = if topology.is_results_source(source) { "-- results of effects -->" } else { "-->" };
        let _ = writeln!(out, "  {node} {arrow} p");
    }
    for sink in topology.sinks() {
        let node = topic(&mut out, sink);
        let _ = writeln!(out, "  p --> {node}");
    }
    let node = topic(&mut out, topology.dead_letters());
    let _ = writeln!(out, "  p -. cannot be processed .-> {node}");
    for store in topology.stores() {
        let _ = writeln!(out, "  s{}[(\"{}\")]\n  p <--> s{}", store.id.0, store.name, store.id.0);
    }
    let node = topic(&mut out, &changelog::topic(app, topology.name()));
    let _ = writeln!(out, "  p ==> {node}");
    out
}
