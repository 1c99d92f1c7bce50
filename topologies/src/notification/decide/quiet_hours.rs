//! Quiet hours: given in Korean time, which is UTC+9 all year.

use holdfast_model::notification::preferences::QuietRow;

const KOREA_MS: i64 = 9 * 3_600_000;
const DAY_MS: i64 = 86_400_000;
const MINUTE_MS: i64 = 60_000;

/// When the quiet hours in which `now_ms` lies are over, in ms since the epoch; `None` outside of them.
#[must_use]
pub fn end_ms(quiet: QuietRow, now_ms: i64) -> Option<i64> {
    let in_day_ms = now_ms.checked_add(KOREA_MS)?.rem_euclid(DAY_MS);
    let (from, to) = (i64::from(quiet.from) * MINUTE_MS, i64::from(quiet.to) * MINUTE_MS);
    let is_quiet = if from < to { (from..to).contains(&in_day_ms) } else { in_day_ms >= from || in_day_ms < to };
    is_quiet.then(|| now_ms.saturating_add((to - in_day_ms).rem_euclid(DAY_MS)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_model::rfc3339;
    use proptest::prelude::*;

    fn end(from: u16, to: u16, now: &str) -> Option<String> {
        let end = end_ms(QuietRow { from: from * 60, to: to * 60 }, rfc3339::parse(now).unwrap());
        end.map(|ms| rfc3339::to_string(ms + KOREA_MS).replace('Z', "+09:00"))
    }

    #[test]
    fn they_may_go_over_midnight() {
        for (from, to, now, expected) in [
            (22, 8, "2026-03-15T21:59:59.999+09:00", None),
            (22, 8, "2026-03-15T22:00:00.000+09:00", Some("2026-03-16T08:00:00.000+09:00")),
            (22, 8, "2026-03-16T00:00:00.000+09:00", Some("2026-03-16T08:00:00.000+09:00")),
            (22, 8, "2026-03-16T07:59:59.999+09:00", Some("2026-03-16T08:00:00.000+09:00")),
            (22, 8, "2026-03-16T08:00:00.000+09:00", None),
            (12, 13, "2026-03-15T12:30:00.000+09:00", Some("2026-03-15T13:00:00.000+09:00")),
            (12, 13, "2026-03-15T13:00:00.000+09:00", None),
            (22, 0, "2026-03-15T23:00:00.000+09:00", Some("2026-03-16T00:00:00.000+09:00")),
            (0, 8, "2026-03-15T15:00:00.000Z", Some("2026-03-16T08:00:00.000+09:00")),
        ] {
            assert_eq!(end(from, to, now).as_deref(), expected, "{from}-{to} at {now}");
        }
    }

    proptest! {
        #[test]
        fn they_end_later_and_within_a_day(from in 0_u16..1_440, length in 1_u16..1_440, now in 0..4_000_000_000_000_i64) {
            let quiet = QuietRow { from, to: (from + length) % 1_440 };
            if let Some(end) = end_ms(quiet, now) {
                prop_assert!(end > now && end <= now + DAY_MS);
                prop_assert_eq!(end_ms(quiet, end), None);
            }
        }
    }
}
