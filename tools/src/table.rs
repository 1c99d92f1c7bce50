//! Columns for a terminal.

/// Rows under a header, left-aligned, two spaces apart. Hangul counts as two columns wide, as terminals show it.
#[must_use]
pub fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let head: Vec<String> = header.iter().map(|h| (*h).to_owned()).collect();
    let mut widths = vec![0; header.len()];
    for row in std::iter::once(&head).chain(rows) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(shown_width(cell));
        }
    }
    let mut out = String::new();
    for row in std::iter::once(&head).chain(rows) {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width + 2 - shown_width(cell)));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

fn shown_width(text: &str) -> usize {
    text.chars()
        .map(|c| if ('\u{1100}'..='\u{115f}').contains(&c) || ('\u{2e80}'..='\u{ffe6}').contains(&c) { 2 } else { 1 })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_each_other() {
        let rows = [vec!["쿠폰".to_owned(), "1".to_owned()], vec!["a".to_owned(), "22".to_owned()]];
        assert_eq!(table(&["name", "n"], &rows), "name  n\n쿠폰  1\na     22\n");
    }
}
