//! Settings in force, as the state of every feature keeps them.

use serde::{Deserialize, Serialize};

/// Settings that a place was decided with, from the record on whose offset is the row's key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsRow {
    /// JSON, since settings come and go and the fields of a row do not.
    pub json: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_engine::inspect::codec;

    #[test]
    fn its_bytes_are_those_on_disk() {
        let mut bytes = Vec::new();
        codec::encode(&SettingsRow { json: "{}".to_owned() }, &mut bytes).unwrap();
        assert_eq!(bytes, [1, 2, b'{', b'}']);
    }
}
