use holdfast_engine::prelude::Key;
use holdfast_engine::prelude::key::{put_text, put_u64, take_text, take_u64};

/// Key of a node of the counting tree.
///
/// ```text
/// queue id   text
/// level      u64     1 = above the chunks, 2 = above level 1
/// number     u64     node n of a level has the children 64 n to 64 n + 63 of the level below
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeKey {
    /// Of which queue.
    pub queue_id: String,
    /// How far above the chunks.
    pub level: u64,
    /// Which of its level.
    pub number: u64,
}

impl NodeKey {
    /// Prefix of all nodes of a queue.
    #[must_use]
    pub fn prefix_of_queue(queue_id: &str) -> Vec<u8> {
        let mut prefix = Vec::new();
        put_text(&mut prefix, queue_id);
        prefix
    }
}

impl Key for NodeKey {
    fn encode(&self, out: &mut Vec<u8>) {
        put_text(out, &self.queue_id);
        put_u64(out, self.level);
        put_u64(out, self.number);
    }

    fn decode(mut bytes: &[u8]) -> Option<Self> {
        let key =
            Self { queue_id: take_text(&mut bytes)?, level: take_u64(&mut bytes)?, number: take_u64(&mut bytes)? };
        bytes.is_empty().then_some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_come_back_and_sort_like_their_fields(a: (String, u64, u64), b: (String, u64, u64)) {
            let key = |(queue, level, number): &(String, u64, u64)| {
                NodeKey { queue_id: queue.clone(), level: *level, number: *number }
            };
            laws::keys_come_back_and_sort(key, |fields| NodeKey::prefix_of_queue(&fields.0), &a, &b)?;
        }

        #[test]
        fn foreign_bytes_are_nothing(bytes: Vec<u8>) {
            let _ = NodeKey::decode(&bytes);
        }
    }
}
