use crate::user_key::user_key;

user_key! {
    /// Key of what a user has bought in a sale.
    ///
    /// ```text
    /// sale id     text       so the buyers of a sale lie together
    /// user id     text
    /// ```
    BuyerKey {
        /// Of which sale.
        time_sale_id,
        /// Which user.
        user_id,
    }
    /// Prefix of all buyers of a sale.
    prefix_of_sale
}
