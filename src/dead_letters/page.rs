//! Letters listed page by page, the newest first.

use super::filter::Filter;
use super::letter::{Letter, Lying};
use super::letter_id::LetterId;
use super::{DeadLetters, Trouble};
use holdfast_ports::record::TopicPartition;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::ControlFlow;

/// Where a page ends: the last letter that it shows, as `<ms>_<letter>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    failed_ms: i64,
    id: LetterId,
}

impl Cursor {
    /// Reads one, as [`Page::next`] writes it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (failed_ms, id) = text.split_once('_')?;
        Some(Self { failed_ms: failed_ms.parse().ok()?, id: LetterId::parse(id)? })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.failed_ms, self.id)
    }
}

/// A page of letters.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The newest first, without their values.
    pub letters: Vec<Letter>,
    /// Where the next page goes on; none on the last one.
    pub next: Option<String>,
}

impl DeadLetters {
    /// The newest `limit` letters that match `filter` and are older than `before`. Reads all dead letters of the topics in question once, and keeps one
    /// page of them. How often each was put back is read where it came from: see [`super::copies`].
    ///
    /// # Errors
    /// For a filter that names nothing, or when the log cannot be read.
    pub fn page(&self, filter: &Filter, limit: usize, before: Option<&Cursor>) -> Result<Page, Trouble> {
        self.check(filter)?;
        let mut scan = self.scan()?;
        let mut kept: BTreeMap<Cursor, Lying> = BTreeMap::new();
        let mut is_cut = false;
        let mut matched = false;
        // From the oldest letter on, whatever is shown: pages that follow find all that they need has been read.
        let mut oldest: BTreeMap<TopicPartition, i64> = BTreeMap::new();
        for (source, end) in scan.sources(filter)? {
            let desk = self;
            scan.read(&source, None, end, &mut |record, heads| {
                let failed_ms = heads.failed_ms(record);
                if let Some((topic, partition)) = heads.home() {
                    let first = oldest.entry(TopicPartition::new(topic, partition)).or_insert(i64::MAX);
                    *first = heads.copies_from().min(*first);
                }
                let author = desk.catalogue.author(&source.topic, heads).map_or("", |topology| topology.name());
                if !filter.matches(&source, author, heads, failed_ms) {
                    return ControlFlow::Continue(());
                }
                matched = true;
                let at = Cursor { failed_ms, id: LetterId { at: source.clone(), offset: record.offset } };
                if before.is_none_or(|before| at < *before) {
                    let mut letter = Lying::of(at.id.clone(), author, record, heads);
                    letter.value = None;
                    kept.insert(at, letter);
                    if kept.len() > limit {
                        kept.pop_first();
                        is_cut = true;
                    }
                }
                ControlFlow::Continue(())
            })?;
        }
        if !matched {
            self.check_reason(filter)?;
        }
        let next = kept.first_key_value().filter(|_| is_cut).map(|(at, _)| at.to_string());
        let mut letters: Vec<Lying> = kept.into_values().rev().collect();
        let homes: BTreeMap<TopicPartition, i64> = letters
            .iter()
            .filter_map(|letter| letter.home.clone())
            .filter_map(|home| oldest.get(&home).map(|first| (home.clone(), *first)))
            .collect();
        let mut copies = self.copies.lock();
        self.look(&mut copies, &mut scan, &homes)?;
        for letter in &mut letters {
            letter.note(copies.of(&letter.id));
        }
        Ok(Page { letters: letters.into_iter().map(|letter| letter.shown).collect(), next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back() {
        let cursor = Cursor::parse("1800000000000_coupon-issue-dlq-2-17").unwrap();
        assert_eq!(cursor.to_string(), "1800000000000_coupon-issue-dlq-2-17");
        for bad in ["", "coupon-issue-dlq-2-17", "x_coupon-issue-dlq-2-17", "1_coupon"] {
            assert_eq!(Cursor::parse(bad), None, "{bad}");
        }
    }
}
