//! Kafka's default partitioner, so that a Java producer and this worker agree where a key lives.

/// Place (partition) of `key` among `places`, as Kafka's `BuiltInPartitioner.partitionForKey` computes it.
///
/// # Panics
/// When `places` is 0: a log without partitions cannot be written to.
#[must_use]
pub fn place_of(key: &[u8], places: u32) -> u32 {
    (murmur2(key) & 0x7fff_ffff) % places
}

/// The 32-bit murmur2 variant of `org.apache.kafka.common.utils.Utils.murmur2` (seed 0x9747b28c).
#[must_use]
pub fn murmur2(data: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    const R: u32 = 24;

    // Kafka's lengths are Java ints, keys beyond 4 GiB do not exist.
    let mut hash = SEED ^ u32::try_from(data.len()).unwrap_or(u32::MAX);
    let (words, tail) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> R;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    for (i, byte) in tail.iter().enumerate() {
        hash ^= u32::from(*byte) << (8 * i);
    }
    if !tail.is_empty() {
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of Kafka's own `UtilsTest.testMurmur2`.
    #[test]
    fn murmur2_agrees_with_kafka() {
        let cases: [(&[u8], i32); 7] = [
            (b"21", -973_932_308),
            (b"foobar", -790_332_482),
            (b"a-little-bit-long-string", -985_981_536),
            (b"a-little-bit-longer-string", -1_486_304_829),
            (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            (b"abc", 479_470_107),
            (b"", 275_646_681),
        ];
        for (key, expected) in cases {
            assert_eq!(murmur2(key).cast_signed(), expected, "{key:?}");
        }
    }

    #[test]
    fn a_place_is_always_below_the_number_of_places() {
        for n in 1..50u32 {
            for key in 0..200u32 {
                assert!(place_of(&key.to_le_bytes(), n) < n);
            }
        }
    }
}
