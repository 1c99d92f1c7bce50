//! A scan through overlay and database at once.

use std::cmp::Ordering;
use std::ops::ControlFlow;

use holdfast_ports::store::{StoreError, Visit};

use crate::database::Cursor;
use crate::overlay::Change;

/// Visits `above` and `below`, both in byte order, in byte order. Where both have a key, `above` is right; where it has no value, the key is gone.
pub(crate) fn merge<'a>(
    above: &mut dyn Iterator<Item = Change<'a>>,
    mut below: Cursor<'_>,
    visit: &mut Visit<'_>,
) -> Result<(), StoreError> {
    let mut above = above.peekable();
    loop {
        let row = below.item();
        let order = match (above.peek(), row) {
            (None, None) => return below.finish(),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((key, _)), Some((key_below, _))) => (*key).cmp(key_below),
        };
        let visited = match order {
            Ordering::Less | Ordering::Equal => above.next().and_then(|(key, value)| Some((key, value?))),
            Ordering::Greater => row,
        };
        if let Some((key, value)) = visited
            && let ControlFlow::Break(()) = visit(key, value)
        {
            return Ok(());
        }
        if order != Ordering::Less {
            below.next();
        }
    }
}
