use crate::numbered_key::numbered_key;

numbered_key! {
    /// Key of a line of a statement: a wallet's lines lie together, in the order in which they were posted.
    LineKey {
        /// Whose wallet.
        user_id,
        /// Its number in the statement, from 1.
        sequence,
    }
    /// Prefix of all lines of a wallet.
    prefix_of_user
}
