//! What a user reads of his wallet.

use crate::bank::Bank;
use holdfast_topologies::payment::view::{self, Cursor};

#[test]
fn a_statement_is_read_page_by_page_from_the_latest_line() {
    let mut bank = Bank::open();
    for n in 1..=7 {
        bank.charge(&format!("c-{n}"), "u", n * 1_000);
    }
    // A name that begins like the other's.
    bank.charge("other", "u1", 1_000);
    bank.driver.settle();
    let page = |bank: &Bank, cursor: Option<&str>, limit| {
        let cursor = cursor.map(|text| Cursor::parse(text).unwrap());
        let page = view::statement(&bank.task("u"), "u", cursor, limit).unwrap();
        let lines: Vec<_> = page.lines.iter().map(|line| (line.sequence, line.balance_after)).collect();
        (lines, page.next_cursor)
    };
    let (first, cursor) = page(&bank, None, 3);
    assert_eq!((first, cursor.as_deref()), (vec![(7, 28_000), (6, 21_000), (5, 15_000)], Some("4")));
    // What is posted between two pages moves nothing.
    bank.pay("p", "u", 500);
    bank.driver.settle();
    let (second, cursor) = page(&bank, cursor.as_deref(), 3);
    assert_eq!((second, cursor.as_deref()), (vec![(4, 10_000), (3, 6_000), (2, 3_000)], Some("1")));
    assert_eq!(page(&bank, cursor.as_deref(), 3), (vec![(1, 1_000)], None));
    assert_eq!(page(&bank, None, 0), (vec![(8, 27_500)], Some("7".to_owned())));
    assert_eq!(page(&bank, Some("99"), 1000).0.len(), 8);
    let nobody = view::statement(&bank.task("nobody"), "nobody", None, 10).unwrap();
    assert_eq!((nobody.balance, nobody.lines.len(), nobody.next_cursor), (0, 0, None));
}
