//! Whether the group has given a new member its share of the places.
//!
//! A place that somebody has moves in two rebalances: in the first he is asked to give it back, in the second it is given to the new member. Between
//! them that one is a member like those who will never own anything, and the group does not say which. But it shares evenly: as long as another one has
//! two places more than we, one of them is on its way to us.

use holdfast_ports::membership::Owner;
use std::collections::BTreeMap;

/// `owned`: what the group has given us; `owners`: the claims. Not before every place has somebody: a claim that was not read yet may be one of many.
pub(crate) fn is_given(owned: &[u32], owners: &[Option<Owner>]) -> bool {
    let mut others: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, owner) in (0..).zip(owners).filter(|(place, _)| !owned.contains(place)) {
        let Some(owner) = owner else { return false };
        *others.entry(&owner.writer).or_default() += 1;
    }
    others.values().all(|places| *places <= owned.len() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `claims`: the writer of each place, `-` for none.
    fn given(owned: &[u32], claims: &str) -> bool {
        let owner = |writer: char| Owner::new(format!("http://{writer}"), writer.to_string());
        let owners: Vec<_> = claims.chars().map(|writer| (writer != '-').then(|| owner(writer))).collect();
        is_given(owned, &owners)
    }

    #[test]
    fn who_has_two_less_than_another_one_gets_more() {
        for (owned, claims, is_given) in [
            // Alone, and nobody has ever been here.
            (&[0, 1, 2][..], "---", true),
            // Everything is another one's, and then less of it.
            (&[], "aaa", false),
            (&[], "aaabbb", false),
            (&[2], "aaa", true),
            (&[2], "aaaa", false),
            (&[2, 3], "aaaa", true),
            // As many as there are places: nothing is left for us.
            (&[], "abc", true),
            (&[], "a", true),
            (&[], "aab", false),
            // Claims of the dead are others' until they are ours.
            (&[0, 1], "xxaa", true),
            // Who owns the rest is not known yet.
            (&[], "---", false),
            (&[2], "a--", false),
            (&[1, 2], "a--", true),
        ] {
            assert_eq!(given(owned, claims), is_given, "{owned:?} of {claims}");
        }
    }
}
