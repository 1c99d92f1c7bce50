use crate::numbered_key::numbered_key;

numbered_key! {
    /// Key of a waitlist's entry, or of a block of them: those of a schedule lie together, in order.
    EntryKey {
        /// Of which schedule.
        schedule_id,
        /// Its number, from 1; of a block from 0.
        number,
    }
    /// Prefix of all entries of a schedule.
    prefix_of_waitlist
}
