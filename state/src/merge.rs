//! A scan through overlay, batch and database at once.

use std::cmp::Ordering;
use std::iter::Peekable;
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

/// `above` and `below` as one, all in byte order. Where both have a key, `above` is right.
pub(crate) struct Stack<A: Iterator, B: Iterator> {
    above: Peekable<A>,
    below: Peekable<B>,
}

impl<'a, A: Iterator<Item = Change<'a>>, B: Iterator<Item = Change<'a>>> Stack<A, B> {
    pub(crate) fn of(above: A, below: B) -> Self {
        Self { above: above.peekable(), below: below.peekable() }
    }
}

impl<'a, A: Iterator<Item = Change<'a>>, B: Iterator<Item = Change<'a>>> Iterator for Stack<A, B> {
    type Item = Change<'a>;

    fn next(&mut self) -> Option<Change<'a>> {
        let order = match (self.above.peek(), self.below.peek()) {
            (_, None) => Ordering::Less,
            (None, _) => Ordering::Greater,
            (Some((above, _)), Some((below, _))) => above.cmp(below),
        };
        if order != Ordering::Less {
            let below = self.below.next();
            if order == Ordering::Greater {
                return below;
            }
        }
        self.above.next()
    }
}
