//! What is written, spoken to the brokers directly, where they speak the newer protocol of transactions (KIP-890, `transaction.version` 2).
//!
//! Why not through librdkafka: it sends one partition in each produce request and the older protocol, in which a broker asks the coordinator back
//! about each of them. A commit of twelve partitions is thirty requests that the broker serves one after the other. Spoken directly it is six,
//! and the producer's epoch moves on with each transaction, so that nothing late can be taken for a part of the next one
//! (docs/decisions/0011). Appends profit for the same reason (docs/decisions/0018). Reading, membership and questions stay with librdkafka, and so do
//! these brokers' older relatives and connections that need TLS or SASL.
//!
//! ```text
//! transactions:
//!  send ──► Outbox ──► post (a thread) ── Produce, all partitions of a broker ──► leaders
//!  commit: outbox empty, nothing under way ── TxnOffsetCommit ──► group coordinator ── EndTxn ──► transaction coordinator
//!
//! appends:
//!  append ──► Lanes ──► carrier (a thread for each broker) ── Produce, all partitions of the broker ──► leader
//!  guide (a thread): who leads what, what has waited too long, whether anybody answers
//! ```
//!
//! | module | holds |
//! |---|---|
//! | `bytes` | integers, texts and arrays as the protocol writes them |
//! | `batch` | records as they lie in the log |
//! | `messages` | the eight requests that are spoken, and their answers |
//! | `connection` | one connection to one broker |
//! | `brokers` | who leads which partition, who coordinates what |
//! | `parcel` | batches in a request, and what is said about each |
//! | `outbox`, `post` | a transaction's records on their way, and the thread that sends them |
//! | `producer` | the transactional producer itself |
//! | `bundle` | a batch of appends, and who waits for them |
//! | `lanes`, `carrier` | appends on their way, and the thread that brings them to a broker |
//! | `appender` | the producer behind HTTP, and its guide |

mod appender;
mod batch;
mod brokers;
mod bundle;
mod bytes;
mod carrier;
mod connection;
mod lanes;
mod messages;
mod outbox;
mod parcel;
mod post;
mod producer;
#[cfg(test)]
mod tests;

pub(crate) use appender::WireAppender;
pub(crate) use producer::{WireProducer, is_spoken};
