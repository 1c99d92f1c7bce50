//! How long things took, as a line of a table.

use hdrhistogram::Histogram;

/// Heads of the columns that [`Latencies::row`] fills, the name before them.
pub(crate) const COLUMNS: [&str; 6] = ["LATENCY ms", "p50", "p90", "p99", "p99.9", "max"];

/// The longest that is told apart, in µs: ten minutes.
const LONGEST_US: u64 = 600_000_000;

/// A distribution, to three digits.
#[derive(Default)]
pub(crate) struct Latencies(Option<Histogram<u64>>);

impl Latencies {
    pub(crate) fn note(&mut self, us: u64) {
        let histogram = match &mut self.0 {
            Some(histogram) => histogram,
            none => match Histogram::new_with_max(LONGEST_US, 3) {
                Ok(new) => none.insert(new),
                Err(_) => return,
            },
        };
        histogram.saturating_record(us);
    }

    /// Times of a clock of whole ms; what is before its time counts as 0.
    pub(crate) fn note_ms(&mut self, ms: i64) {
        self.note(u64::try_from(ms).unwrap_or(0).saturating_mul(1_000));
    }

    /// How many were noted.
    pub(crate) fn count(&self) -> u64 {
        self.0.as_ref().map_or(0, Histogram::len)
    }

    #[expect(clippy::cast_precision_loss, reason = "for display")]
    pub(crate) fn row(&self, name: &str) -> Vec<String> {
        let ms = |us: u64| format!("{:.2}", us as f64 / 1e3);
        let mut row = vec![name.to_owned()];
        match &self.0 {
            Some(histogram) => {
                row.extend([0.5, 0.9, 0.99, 0.999].map(|q| ms(histogram.value_at_quantile(q))));
                row.push(ms(histogram.max()));
            }
            None => row.extend(std::iter::repeat_n("-".to_owned(), COLUMNS.len() - 1)),
        }
        row
    }
}
