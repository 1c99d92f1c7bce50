use crate::user_key::user_key;

user_key! {
    /// Key of the live ticket of a user.
    ///
    /// ```text
    /// queue id    text       so the users of a queue lie together
    /// user id     text
    /// ```
    UserKey {
        /// Of which queue.
        queue_id,
        /// Which user.
        user_id,
    }
    /// Prefix of all users of a queue.
    prefix_of_queue
}
