//! Texts that a receiver takes only up to some size.

/// Stands for what was cut off.
const ELLIPSIS: &str = "…";

/// `text`, or as much of its beginning as fits into `max` with an ellipsis behind it. `size` says what a character counts; an ellipsis counts like any other.
pub(super) fn cut(text: &str, max: usize, size: impl Fn(char) -> usize) -> String {
    if text.chars().map(&size).sum::<usize>() <= max {
        return text.to_owned();
    }
    let Some(mut left) = max.checked_sub(ELLIPSIS.chars().map(&size).sum()) else { return String::new() };
    let fits = text.chars().take_while(|c| match left.checked_sub(size(*c)) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    });
    let mut short: String = fits.collect();
    short.truncate(short.trim_end().len());
    short.push_str(ELLIPSIS);
    short
}

/// At most `max` characters of `text`.
pub(super) fn cut_characters(text: &str, max: usize) -> String {
    cut(text, max, |_| 1)
}

/// At most `max` bytes of `text` in UTF-8.
pub(super) fn cut_bytes(text: &str, max: usize) -> String {
    cut(text, max, char::len_utf8)
}

/// `text` on one line: the author of the text must not be able to make up lines of the log.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_fits_is_left_alone() {
        assert_eq!(cut_characters("예약 만료", 5), "예약 만료");
        assert_eq!(cut_bytes("예약", 6), "예약");
    }

    #[test]
    fn what_does_not_fit_ends_at_a_character_with_an_ellipsis() {
        assert_eq!(cut_characters("예약 만료", 4), "예약…");
        assert_eq!(cut_bytes("예약만료", 10), "예약…");
        assert_eq!(cut_bytes("예약만료", 2), "");
        assert_eq!(cut("aaaa", 3, |_| 1), "aa…");
    }

    #[test]
    fn a_line_is_one_line() {
        assert_eq!(one_line("a\r\nb\u{2028}c\u{1b}[31m"), "a  b c [31m");
    }

    proptest! {
        #[test]
        fn a_cut_text_fits_and_begins_as_it_did(text in ".{0,40}", max in 0usize..60) {
            let short = cut_bytes(&text, max);
            prop_assert!(short.len() <= max);
            if text.len() <= max {
                prop_assert_eq!(&short, &text);
            } else if !short.is_empty() {
                prop_assert!(text.starts_with(short.trim_end_matches('…')) || text.starts_with(&short));
            }
        }
    }
}
