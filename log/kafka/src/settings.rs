//! Settings as librdkafka names them.

/// Name and value of each, in order.
pub(crate) type Settings = Vec<(String, String)>;
