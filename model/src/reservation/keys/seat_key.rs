use crate::numbered_key::numbered_key;

numbered_key! {
    /// Key of a seat: the seats of a schedule lie together, in order.
    SeatKey {
        /// Of which schedule.
        schedule_id,
        /// Its number, from 1.
        seat_no,
    }
    /// Prefix of all seats of a schedule.
    prefix_of_schedule
}
