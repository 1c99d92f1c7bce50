//! Letters and redrives as lines.

use crate::dead_letters::{Letter, Page, Report, State};
use holdfast_tools::table::table;
use std::fmt::Write;

/// A page as a table.
pub(super) fn page(page: &Page) -> String {
    let rows: Vec<_> = page.letters.iter().map(row).collect();
    let head = ["LETTER", "FAILED AT", "FROM", "CLASS", "ATTEMPTS", "REDRIVEN", "MESSAGE"];
    let next = page.next.as_ref().map_or_else(String::new, |next| format!("older ones: --cursor {next}\n"));
    format!("{}{next}{} dead letters\n", table(&head, &rows), page.letters.len())
}

fn row(letter: &Letter) -> Vec<String> {
    let number = |n: Option<i64>| n.map_or_else(|| "-".to_owned(), |n| n.to_string());
    vec![
        letter.id.clone(),
        letter.failed_at.clone().unwrap_or_else(|| "-".to_owned()),
        format!(
            "{}-{}-{}",
            letter.original_topic,
            number(letter.original_partition.map(i64::from)),
            number(letter.original_offset)
        ),
        letter.class.clone(),
        number(letter.attempts.map(i64::from)),
        letter.redriven.to_string(),
        letter.message.replace(char::is_control, " "),
    ]
}

/// What a redrive has come to.
pub(super) fn report(report: &Report) -> String {
    let mut out = String::new();
    let (done, would) =
        if report.dry_run { ("would be put back", "would be put back") } else { ("put back", "put back") };
    // Writing into a String cannot fail.
    for back in &report.redriven {
        let at = back.copy.as_ref().map_or_else(String::new, |copy| format!(" as {copy}"));
        let _ = writeln!(out, "{} {done}{at} (attempt {})", back.id, back.attempt);
    }
    for before in &report.already_redriven {
        let (at, by) = (before.at.as_deref().unwrap_or("-"), before.by.as_deref().unwrap_or("-"));
        let _ = writeln!(out, "{} was put back before, at {at} by {by}: left (--force puts it back again)", before.id);
    }
    for left in &report.skipped {
        let _ = writeln!(out, "{} left: {}", left.id, left.reason);
    }
    let (counts, left) = (report.counts, report.counts.already_redriven + report.counts.skipped);
    let named = report.redriven.len() + report.already_redriven.len() + report.skipped.len();
    if u64::try_from(named).unwrap_or(u64::MAX) < counts.redriven + left {
        let _ = writeln!(out, "… not all of them are named");
    }
    if report.state == State::Stopped {
        let _ = writeln!(out, "stopped: the same command goes on where it has ended");
    }
    let _ = writeln!(out, "{} {would}, {left} left", counts.redriven);
    out
}
