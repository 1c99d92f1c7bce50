//! The line: which places are taken by waiting tickets, and how many lie before one.
//!
//! ```text
//!  root     [ n₀ n₁ … ]                    in the row of counts; each entry 4,194,304 places
//!  level 2  [ 64 counts ]                  each 65,536 places
//!  level 1  [ 64 counts ]                  each 1,024 places
//!  chunks   [ 1,024 bits ]                 a bit for each place
//! ```
//! Taking or leaving a place writes one row of each level, and a position reads one row of each: never a scan, however long the line is. Rows that count
//! nothing are deleted, so a line costs what waits in it and not what has ever waited.

use holdfast_model::queue::keys::ChunkKey;
use holdfast_model::queue::row::{BitsRow, NodeRow};
use std::collections::BTreeMap;

/// Children of a node.
const FAN: u64 = 64;
/// Places in line under an entry of the root.
pub const UNDER_ROOT: u64 = 1_024 * FAN * FAN;

/// Where rows of a line are read.
pub trait Rows {
    /// What can go wrong.
    type Error;
    /// The bits of a chunk.
    ///
    /// # Errors
    /// When it cannot be read.
    fn bits(&mut self, chunk: u64) -> Result<BitsRow, Self::Error>;
    /// The counts of node `number` of `level` 1 or 2.
    ///
    /// # Errors
    /// When it cannot be read.
    fn node(&mut self, level: u64, number: u64) -> Result<NodeRow, Self::Error>;
}

/// Where rows of a line are written. A row that is as by default may be deleted instead.
pub trait RowsMut: Rows {
    /// Writes the bits of a chunk.
    ///
    /// # Errors
    /// When it cannot be written.
    fn put_bits(&mut self, chunk: u64, row: &BitsRow) -> Result<(), Self::Error>;
    /// Writes the counts of a node.
    ///
    /// # Errors
    /// When it cannot be written.
    fn put_node(&mut self, level: u64, number: u64, row: &NodeRow) -> Result<(), Self::Error>;
}

/// Where a place is: its chunk and bit, and the node and child of each level above.
struct Way {
    chunk: u64,
    bit: usize,
    one: (u64, usize),
    two: (u64, usize),
    root: usize,
}

impl Way {
    fn to(place: u64) -> Self {
        let (chunk, bit) = ChunkKey::of(place);
        let up = |number: u64| (number / FAN, (number % FAN) as usize);
        let one = up(chunk);
        let two = up(one.0);
        Self { chunk, bit, one, two, root: usize::try_from(two.0).unwrap_or(usize::MAX) }
    }
}

/// Whether a place is taken.
///
/// # Errors
/// As its rows.
pub fn contains<R: Rows>(rows: &mut R, place: u64) -> Result<bool, R::Error> {
    let (chunk, bit) = ChunkKey::of(place);
    Ok(is_set(&rows.bits(chunk)?, bit))
}

/// How many taken places lie before `place`.
///
/// # Errors
/// As its rows.
pub fn ahead<R: Rows>(rows: &mut R, root: &[u64], place: u64) -> Result<u64, R::Error> {
    let way = Way::to(place);
    let before = root.iter().take(way.root).sum::<u64>();
    let two = sum_before(&rows.node(2, way.two.0)?, way.two.1);
    let one = sum_before(&rows.node(1, way.one.0)?, way.one.1);
    Ok(before + two + one + set_before(&rows.bits(way.chunk)?, way.bit))
}

/// The first taken place; `None` = none is.
///
/// # Errors
/// As its rows.
pub fn first<R: Rows>(rows: &mut R, root: &[u64]) -> Result<Option<u64>, R::Error> {
    let Some(at) = first_counted(root) else { return Ok(None) };
    let Some(child) = first_counted(&rows.node(2, at)?.counts) else { return Ok(None) };
    let one = at * FAN + child;
    let Some(child) = first_counted(&rows.node(1, one)?.counts) else { return Ok(None) };
    let chunk = one * FAN + child;
    Ok(places(chunk, &rows.bits(chunk)?).next())
}

/// Takes a place; whether it was free.
///
/// # Errors
/// As its rows.
pub fn take<R: RowsMut>(rows: &mut R, root: &mut Vec<u64>, place: u64) -> Result<bool, R::Error> {
    change(rows, root, place, true)
}

/// Leaves a place; whether it was taken.
///
/// # Errors
/// As its rows.
pub fn leave<R: RowsMut>(rows: &mut R, root: &mut Vec<u64>, place: u64) -> Result<bool, R::Error> {
    change(rows, root, place, false)
}

fn change<R: RowsMut>(rows: &mut R, root: &mut Vec<u64>, place: u64, is_taken: bool) -> Result<bool, R::Error> {
    let way = Way::to(place);
    let mut bits = rows.bits(way.chunk)?;
    if is_set(&bits, way.bit) == is_taken {
        return Ok(false);
    }
    set(&mut bits, way.bit, is_taken);
    rows.put_bits(way.chunk, &bits)?;
    for (level, (number, child)) in [(1, way.one), (2, way.two)] {
        let mut node = rows.node(level, number)?;
        step(&mut node.counts, child, is_taken);
        rows.put_node(level, number, &node)?;
    }
    step(root, way.root, is_taken);
    Ok(true)
}

/// All taken places of chunks 0 to `last_chunk`, in order.
///
/// # Errors
/// As its rows.
pub fn all<R: Rows>(rows: &mut R, last_chunk: u64) -> Result<Vec<u64>, R::Error> {
    let mut taken = Vec::new();
    for chunk in 0..=last_chunk {
        taken.extend(places(chunk, &rows.bits(chunk)?));
    }
    Ok(taken)
}

/// Writes a line anew in which the places 1 to `length` are taken, over one in which none behind `last_chunk` is.
///
/// # Errors
/// As its rows.
pub fn fill<R: RowsMut>(rows: &mut R, root: &mut Vec<u64>, length: u64, last_chunk: u64) -> Result<(), R::Error> {
    let (mut ones, mut twos) = (BTreeMap::<u64, NodeRow>::new(), BTreeMap::<u64, NodeRow>::new());
    root.clear();
    for chunk in 0..=last_chunk.max(ChunkKey::of(length).0) {
        let mut bits = BitsRow::default();
        let range = (chunk * 1_024).max(1)..((chunk + 1) * 1_024).min(length.saturating_add(1));
        let mut count = 0;
        for place in range {
            set(&mut bits, ChunkKey::of(place).1, true);
            count += 1;
        }
        rows.put_bits(chunk, &bits)?;
        let way = Way::to(chunk * 1_024);
        add(&mut ones.entry(way.one.0).or_default().counts, way.one.1, count);
        add(&mut twos.entry(way.two.0).or_default().counts, way.two.1, count);
        add(root, way.root, count);
    }
    for (level, nodes) in [(1, ones), (2, twos)] {
        for (number, node) in nodes {
            rows.put_node(level, number, &node)?;
        }
    }
    Ok(())
}

/// The taken places of a chunk, in order.
pub fn places(chunk: u64, bits: &BitsRow) -> impl Iterator<Item = u64> + '_ {
    let first = chunk * 1_024;
    (first..).step_by(64).zip(&bits.words).flat_map(|(first, word)| {
        let mut left = *word;
        std::iter::from_fn(move || {
            let bit = u64::from(left.trailing_zeros());
            left &= left.wrapping_sub(1);
            (bit < 64).then_some(first + bit)
        })
    })
}

fn is_set(bits: &BitsRow, bit: usize) -> bool {
    bits.words.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 == 1)
}

fn set(bits: &mut BitsRow, bit: usize, is_taken: bool) {
    let (at, mask) = (bit / 64, 1 << (bit % 64));
    if bits.words.len() <= at {
        bits.words.resize(at + 1, 0);
    }
    if let Some(word) = bits.words.get_mut(at) {
        *word = if is_taken { *word | mask } else { *word & !mask };
    }
    trim(&mut bits.words);
}

fn set_before(bits: &BitsRow, bit: usize) -> u64 {
    let whole: u32 = bits.words.iter().take(bit / 64).map(|word| word.count_ones()).sum();
    let part = bits.words.get(bit / 64).map_or(0, |word| (word & ((1 << (bit % 64)) - 1)).count_ones());
    u64::from(whole + part)
}

fn sum_before(node: &NodeRow, child: usize) -> u64 {
    node.counts.iter().take(child).sum()
}

fn first_counted(counts: &[u64]) -> Option<u64> {
    counts.iter().position(|count| *count > 0).map(|at| at as u64)
}

fn add(counts: &mut Vec<u64>, at: usize, more: u64) {
    if more == 0 {
        return;
    }
    if counts.len() <= at {
        counts.resize(at + 1, 0);
    }
    if let Some(count) = counts.get_mut(at) {
        *count += more;
    }
}

fn step(counts: &mut Vec<u64>, at: usize, is_taken: bool) {
    if is_taken {
        return add(counts, at, 1);
    }
    if let Some(count) = counts.get_mut(at) {
        *count = count.saturating_sub(1);
    }
    trim(counts);
}

fn trim(numbers: &mut Vec<u64>) {
    while numbers.pop_if(|last| *last == 0).is_some() {}
}

/// Rows that are read once, however often they are asked for: many positions of one line share the rows above their chunks.
pub struct ReadOnce<R> {
    rows: R,
    bits: BTreeMap<u64, BitsRow>,
    nodes: BTreeMap<(u64, u64), NodeRow>,
}

impl<R: Rows> ReadOnce<R> {
    /// Over these rows.
    pub fn new(rows: R) -> Self {
        Self { rows, bits: BTreeMap::new(), nodes: BTreeMap::new() }
    }

    /// [`contains`] and [`ahead`] of a place: how many lie before it if it is taken.
    ///
    /// # Errors
    /// As its rows.
    pub fn position(&mut self, root: &[u64], place: u64) -> Result<Option<u64>, R::Error> {
        let way = Way::to(place);
        if !self.bits.contains_key(&way.chunk) {
            let row = self.rows.bits(way.chunk)?;
            self.bits.insert(way.chunk, row);
        }
        for (level, (number, _)) in [(1, way.one), (2, way.two)] {
            if !self.nodes.contains_key(&(level, number)) {
                let row = self.rows.node(level, number)?;
                self.nodes.insert((level, number), row);
            }
        }
        let node = |level, (number, child)| self.nodes.get(&(level, number)).map_or(0, |node| sum_before(node, child));
        let Some(bits) = self.bits.get(&way.chunk).filter(|bits| is_set(bits, way.bit)) else { return Ok(None) };
        let before = root.iter().take(way.root).sum::<u64>();
        Ok(Some(before + node(2, way.two) + node(1, way.one) + set_before(bits, way.bit)))
    }
}

#[cfg(test)]
mod tests;
