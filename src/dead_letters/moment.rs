//! A moment as operators write it: a time, or how long ago.

use holdfast_model::rfc3339;

/// Reads a moment, in ms since the epoch: a time of RFC 3339, ms since the epoch as a number, or how long before `now_ms` (`90s`, `1h`, `2days 4h`).
/// `None` for a text that is none of these.
#[must_use]
pub fn parse(text: &str, now_ms: i64) -> Option<i64> {
    let text = text.trim();
    if let Some(ms) = rfc3339::parse(text) {
        return Some(ms);
    }
    if let Ok(ms) = text.parse::<i64>() {
        return (ms >= 0).then_some(ms);
    }
    let ago = humantime::parse_duration(text).ok()?;
    now_ms.checked_sub(i64::try_from(ago.as_millis()).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_or_how_long_ago() {
        let now_ms = 1_800_000_000_000;
        assert_eq!(parse("2026-03-15T00:00:00Z", now_ms), Some(1_773_532_800_000));
        assert_eq!(parse("1773532800000", now_ms), Some(1_773_532_800_000));
        assert_eq!(parse("1h", now_ms), Some(now_ms - 3_600_000));
        assert_eq!(parse("1h 30m", now_ms), Some(now_ms - 5_400_000));
        for bad in ["", "yesterday", "-5", "1 fortnight", "2026-03-15"] {
            assert_eq!(parse(bad, now_ms), None, "{bad}");
        }
    }
}
