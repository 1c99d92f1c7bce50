//! Times as text: RFC 3339. Written in UTC with milliseconds and `Z`; read with any offset.
//!
//! Written by hand, since a time is formatted for each outcome and the calendar is two short formulas (Howard Hinnant, `chrono`-compatible
//! low-level date algorithms): no time zone data is needed where everything is UTC.

/// Earliest time with a four-digit year: 0001-01-01T00:00:00.000Z.
const MIN_MS: i64 = -62_135_596_800_000;
/// Latest time with a four-digit year: 9999-12-31T23:59:59.999Z.
const MAX_MS: i64 = 253_402_300_799_999;
const DAY_MS: i64 = 86_400_000;
/// Days from the first of March of year 0, with which the calendar's formulas begin, to 1970-01-01.
const EPOCH_DAYS: i64 = 719_468;

/// A formatted time, on the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text([u8; 24]);

impl Text {
    /// As ASCII.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only ASCII digits and marks are ever written.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// `ms` since the epoch as `2026-03-15T11:00:00.000Z`. Times outside the years 1 to 9999 are shown as the nearest within.
#[must_use]
pub fn format(ms: i64) -> Text {
    let ms = ms.clamp(MIN_MS, MAX_MS);
    // Since the first March: never negative, and 32 bits, which are divided faster, hold all of it from here on.
    let since = (ms + EPOCH_DAYS * DAY_MS).unsigned_abs();
    let day_ms = DAY_MS.unsigned_abs();
    let small = |number: u64| u32::try_from(number).unwrap_or(0);
    let (year, month, day) = civil_from_days(small(since / day_ms));
    let in_day = small(since % day_ms);
    let (seconds, fraction_ms) = (in_day / 1_000, in_day % 1_000);
    let minutes = seconds / 60;
    let ([y1, y2], [y3, y4]) = (two_digits(year / 100), two_digits(year % 100));
    let ([m1, m2], [d1, d2]) = (two_digits(month), two_digits(day));
    let ([h1, h2], [n1, n2]) = (two_digits(minutes / 60), two_digits(minutes % 60));
    let ([s1, s2], [f1, f2], [_, f3]) =
        (two_digits(seconds % 60), two_digits(fraction_ms / 10), two_digits(fraction_ms % 10));
    Text([y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2, b'.', f1, f2, f3, b'Z'])
}

/// `ms` since the epoch as an owned text.
#[must_use]
pub fn to_string(ms: i64) -> String {
    format(ms).as_str().to_owned()
}

/// Ms since the epoch of a text with an offset; fractions beyond ms are cut. `None` for anything else, a time without offset included: nobody
/// can know which wall it hung on. Second 60 is none either: a clock that counts ms since the epoch does not have it.
#[must_use]
pub fn parse(text: &str) -> Option<i64> {
    read(text).filter(|(_, is_leap)| !is_leap).map(|(ms, _)| ms)
}

/// The first ms of the next minute, of a text that [`parse`] would read but for its second 60.
#[must_use]
pub fn parse_leap_second(text: &str) -> Option<i64> {
    read(text).filter(|(_, is_leap)| *is_leap).map(|(ms, _)| ms)
}

/// Ms since the epoch, and whether the second is 60.
fn read(text: &str) -> Option<(i64, bool)> {
    let bytes = text.as_bytes();
    let (date_time, mut rest) = bytes.split_at_checked(19)?;
    for (at, mark) in [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')] {
        if date_time[at] != mark {
            return None;
        }
    }
    if !matches!(date_time[10], b'T' | b't' | b' ') {
        return None;
    }
    let field = |from: usize, to: usize| digits(&date_time[from..to]);
    let (year, month, day) = (field(0, 4)?, field(5, 7)?, field(8, 10)?);
    let (hour, minute, second) = (field(11, 13)?, field(14, 16)?, field(17, 19)?);
    if year < 1
        || !(1..=12).contains(&month)
        || day < 1
        || day > days_in(year, month)
        || hour > 23
        || minute > 59
        || second > 60
    {
        return None;
    }
    let mut fraction_ms = 0;
    if let [b'.', after @ ..] = rest {
        let count = after.iter().take_while(|b| b.is_ascii_digit()).count();
        if count == 0 {
            return None;
        }
        for at in 0..3 {
            fraction_ms = fraction_ms * 10 + after.get(at).filter(|_| at < count).map_or(0, |d| i64::from(d - b'0'));
        }
        rest = after.get(count..)?;
    }
    let offset_ms = match rest {
        b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let east = (hours * 60 + minutes) * 60_000;
            if *sign == b'+' { east } else { -east }
        }
        _ => return None,
    };
    let ms = days_from_civil(year, month, day) * DAY_MS + ((hour * 60 + minute) * 60 + second) * 1_000 + fraction_ms
        - offset_ms;
    is_showable(ms).then_some((ms, second == 60))
}

/// Whether `ms` lies in the years 1 to 9999, so that it can be written and read back.
#[must_use]
pub fn is_showable(ms: i64) -> bool {
    (MIN_MS..=MAX_MS).contains(&ms)
}

/// The two digits of a number below 100.
fn two_digits(number: u32) -> [u8; 2] {
    const PAIRS: [[u8; 2]; 100] = {
        let (mut pairs, mut number) = ([[b'0'; 2]; 100], 0_u8);
        while number < 100 {
            pairs[number as usize] = [b'0' + number / 10, b'0' + number % 10];
            number += 1;
        }
        pairs
    };
    PAIRS.get(number as usize).copied().unwrap_or([b'9'; 2])
}

fn digits(bytes: &[u8]) -> Option<i64> {
    let mut number = 0;
    for byte in bytes {
        if !byte.is_ascii_digit() {
            return None;
        }
        number = number * 10 + i64::from(byte - b'0');
    }
    Some(number)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01. Years begin in March here, so that the leap day is the last of its year.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - EPOCH_DAYS
}

/// Year, month and day, so many days after the first of March of year 0.
fn civil_from_days(days: u32) -> (u32, u32, u32) {
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + u32::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_showable_time_comes_back(ms in MIN_MS..=MAX_MS) {
            prop_assert_eq!(parse(format(ms).as_str()), Some(ms));
        }

        #[test]
        fn byte_order_of_the_text_is_order_in_time(a in MIN_MS..=MAX_MS, b in MIN_MS..=MAX_MS) {
            prop_assert_eq!(format(a).as_str().cmp(format(b).as_str()), a.cmp(&b));
        }

        #[test]
        fn no_text_panics(text: String, close in "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.0-9Z+:-]{0,8}") {
            let _ = parse(&text);
            let _ = parse(&close);
        }
    }

    #[test]
    fn known_times() {
        for (text, ms) in [
            ("1970-01-01T00:00:00.000Z", 0),
            ("2026-03-15T11:00:00.000Z", 1_773_572_400_000),
            ("2000-02-29T23:59:59.999Z", 951_868_799_999),
            ("1969-12-31T23:59:59.999Z", -1),
            ("1900-02-28T23:59:59.999Z", -2_203_891_200_001),
            ("1900-03-01T00:00:00.000Z", -2_203_891_200_000),
            ("0001-01-01T00:00:00.000Z", MIN_MS),
            ("9999-12-31T23:59:59.999Z", MAX_MS),
        ] {
            assert_eq!(format(ms).as_str(), text);
            assert_eq!(parse(text), Some(ms));
        }
    }

    #[test]
    fn what_cannot_be_shown_is_shown_as_the_nearest_that_can() {
        assert_eq!(format(i64::MIN), format(MIN_MS));
        assert_eq!(format(i64::MAX), format(MAX_MS));
    }

    #[test]
    fn any_offset_means_the_same_moment() {
        let noon = parse("2026-03-15T12:00:00Z");
        assert!(noon.is_some());
        for text in [
            "2026-03-15T21:00:00+09:00",
            "2026-03-15T12:00:00.0009z",
            "2026-03-15t05:30:00.000-06:30",
            "2026-03-15 12:00:00+00:00",
        ] {
            assert_eq!(parse(text), noon, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_nothing() {
        for text in [
            "",
            "now",
            "2026-03-15",
            "2026-03-15T12:00:00",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-03-15T24:00:00Z",
            "2026-03-15T12:60:00Z",
            "2026-03-15T12:30:60Z",
            "2016-12-31T23:59:60Z",
            "2026-03-15T12:30:61Z",
            "2026-03-15T12:00:00.Z",
            "2026-03-15T12:00:00+9:00",
            "2026-03-15T12:00:00+24:00",
            "0000-01-01T00:00:00Z",
            "2026-03-15T12:00:00ZZ",
            "２０２６-03-15T12:00:00Z",
            "9999-12-31T23:59:59-01:00",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
