use crate::numbered_key::numbered_key;
use crate::queue::CHUNK;

numbered_key! {
    /// Key of a row that speaks of [`CHUNK`] tickets, or places in line.
    ChunkKey {
        /// Of which queue.
        queue_id,
        /// Which: chunk 0 has the numbers 0 to 1,023.
        chunk,
    }
    /// Prefix of all chunks of a queue.
    prefix_of_queue
}

impl ChunkKey {
    /// In which chunk `number` is, and where in it.
    #[must_use]
    pub fn of(number: u64) -> (u64, usize) {
        // Below 1,024.
        (number / CHUNK, (number % CHUNK) as usize)
    }
}
