use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::convert::Infallible;

/// Rows in memory. As a store: what is as by default is deleted.
#[derive(Debug, Default, Clone, PartialEq)]
struct Memory {
    bits: BTreeMap<u64, BitsRow>,
    nodes: BTreeMap<(u64, u64), NodeRow>,
}

impl Rows for Memory {
    type Error = Infallible;

    fn bits(&mut self, chunk: u64) -> Result<BitsRow, Infallible> {
        Ok(self.bits.get(&chunk).cloned().unwrap_or_default())
    }

    fn node(&mut self, level: u64, number: u64) -> Result<NodeRow, Infallible> {
        Ok(self.nodes.get(&(level, number)).cloned().unwrap_or_default())
    }
}

impl RowsMut for Memory {
    fn put_bits(&mut self, chunk: u64, row: &BitsRow) -> Result<(), Infallible> {
        self.bits.insert(chunk, row.clone());
        self.bits.retain(|_, row| *row != BitsRow::default());
        Ok(())
    }

    fn put_node(&mut self, level: u64, number: u64, row: &NodeRow) -> Result<(), Infallible> {
        self.nodes.insert((level, number), row.clone());
        self.nodes.retain(|_, row| *row != NodeRow::default());
        Ok(())
    }
}

/// Places near the edges of chunks and nodes, and some anywhere.
fn place() -> impl Strategy<Value = u64> {
    let edges = [1u64, 64, 1_024, 2_048, 65_536, 2 * 65_536, UNDER_ROOT, 3 * UNDER_ROOT];
    prop_oneof![
        4 => (proptest::sample::select(edges.to_vec()), 0u64..4).prop_map(|(edge, by)| (edge + by).saturating_sub(2).max(1)),
        2 => 1u64..3_000,
        1 => 1u64..(1 << 32),
    ]
}

proptest! {
    #[test]
    fn a_line_counts_as_a_set_of_places_does(steps in proptest::collection::vec((place(), any::<bool>()), 0..120), asked in proptest::collection::vec(place(), 0..20)) {
        let (mut rows, mut root, mut truth) = (Memory::default(), Vec::new(), BTreeSet::new());
        for (place, is_taken) in steps {
            let changed = if is_taken { take(&mut rows, &mut root, place) } else { leave(&mut rows, &mut root, place) };
            prop_assert_eq!(changed.unwrap(), if is_taken { truth.insert(place) } else { truth.remove(&place) });
            prop_assert_eq!(first(&mut rows, &root).unwrap(), truth.first().copied());
            prop_assert_eq!(root.iter().sum::<u64>(), truth.len() as u64);
        }
        let mut once = ReadOnce::new(rows.clone());
        for place in asked.into_iter().chain(truth.iter().copied().take(40)) {
            let before = truth.range(..place).count() as u64;
            prop_assert_eq!(ahead(&mut rows, &root, place).unwrap(), before);
            prop_assert_eq!(contains(&mut rows, place).unwrap(), truth.contains(&place));
            prop_assert_eq!(once.position(&root, place).unwrap(), truth.contains(&place).then_some(before));
        }
        for place in truth.clone() {
            prop_assert!(leave(&mut rows, &mut root, place).unwrap());
        }
        prop_assert_eq!((rows, root), (Memory::default(), Vec::new()), "an empty line has no rows");
    }

    #[test]
    fn a_line_that_is_filled_is_one_that_was_taken_place_by_place(length in 0u64..5_000, before in 0u64..6_000) {
        let (mut filled, mut root) = (Memory::default(), Vec::new());
        for place in (1..=before).step_by(3) {
            take(&mut filled, &mut root, place).unwrap();
        }
        fill(&mut filled, &mut root, length, before / 1_024).unwrap();
        let (mut taken, mut taken_root) = (Memory::default(), Vec::new());
        for place in 1..=length {
            take(&mut taken, &mut taken_root, place).unwrap();
        }
        prop_assert_eq!(all(&mut filled, length / 1_024).unwrap(), (1..=length).collect::<Vec<_>>());
        prop_assert_eq!((filled.bits, root), (taken.bits, taken_root));
        // Nodes that were written before and count nothing now are gone too.
        prop_assert_eq!(filled.nodes, taken.nodes);
    }
}
