//! The committed view: it shows nothing uncommitted, and waits for a position or a row.

use crate::tally::{COUNTS, IN, driver};
use holdfast_engine::inspect::{QueryError, Wake};
use std::sync::mpsc::channel;

#[test]
fn a_position_waiter_is_woken_by_the_commit_that_passes_it() {
    let mut driver = driver(1);
    driver.settle();
    let appended = driver.pipe(IN, Some("a"), "count a");
    let view = driver.queries().task("tally", 0).unwrap();
    let (tell, told) = channel();
    let ticket = view.wait_position(appended.offset, Box::new(move |wake| tell.send(wake).unwrap()));
    assert!(told.try_recv().is_err());
    driver.settle();
    assert_eq!(told.try_recv(), Ok(Wake::Committed));
    assert_eq!(view.get(&COUNTS, &"a".to_owned()).unwrap(), Some(1));
    drop(ticket);

    let (tell, told) = channel();
    let _ticket = view.wait_position(appended.offset, Box::new(move |wake| tell.send(wake).unwrap()));
    assert_eq!(told.try_recv(), Ok(Wake::Committed), "what is past is told at once");
}

#[test]
fn a_row_waiter_is_woken_by_its_row_only() {
    let mut driver = driver(1);
    driver.settle();
    let view = driver.queries().task("tally", 0).unwrap();
    let (tell, told) = channel();
    let _ticket = view.wait_row(&COUNTS, &"a".to_owned(), Box::new(move |wake| tell.send(wake).unwrap()));
    driver.pipe(IN, Some("b"), "count b");
    driver.settle();
    assert!(told.try_recv().is_err());
    driver.pipe(IN, Some("a"), "count a");
    driver.settle();
    assert_eq!(told.try_recv(), Ok(Wake::Committed));
}

#[test]
fn a_dropped_ticket_is_forgotten_and_a_closed_task_tells_its_waiters() {
    let mut driver = driver(1);
    driver.settle();
    let view = driver.queries().task("tally", 0).unwrap();
    let (tell, told) = channel();
    let also = tell.clone();
    drop(view.wait_row(&COUNTS, &"a".to_owned(), Box::new(move |wake| also.send(wake).unwrap())));
    let _ticket = view.wait_position(99, Box::new(move |wake| tell.send(wake).unwrap()));
    driver.stop();
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [Wake::Moved]);
    assert!(matches!(driver.queries().task("tally", 0), Err(QueryError::NotHere(_))));
    assert!(matches!(view.get(&COUNTS, &"a".to_owned()), Err(QueryError::NotHere(_))));
}
