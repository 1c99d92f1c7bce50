//! What is spoken to brokers, against brokers that are simulated: the whole appender and the whole transactional producer, and each message by itself.

mod appends;
mod clock;
mod cluster;
mod protocol;
mod state;
mod through_librdkafka;
mod transactions;
