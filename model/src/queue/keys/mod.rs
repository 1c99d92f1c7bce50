//! Keys of the stores, one file per kind. Queues and commands are keyed by their id alone: the engine's text key.

mod chunk_key;
mod node_key;
mod ticket_key;
mod user_key;

pub use chunk_key::ChunkKey;
pub use node_key::NodeKey;
pub use ticket_key::TicketKey;
pub use user_key::UserKey;
