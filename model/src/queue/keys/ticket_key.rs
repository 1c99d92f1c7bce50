use crate::numbered_key::numbered_key;

numbered_key! {
    /// Key of a ticket.
    TicketKey {
        /// Of which queue.
        queue_id,
        /// Its number: 1 is the first that came.
        ticket,
    }
    /// Prefix of all tickets of a queue.
    prefix_of_queue
}
