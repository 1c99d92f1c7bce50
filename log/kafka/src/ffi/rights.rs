//! What the brokers let us do with topics: asked by name, in one request.

use super::{Client, Code, code, text};
use rdkafka_sys as sys;
use std::ffi::{CString, c_char};
use std::ptr;
use sys::rd_kafka_AclOperation_t as Operation;

/// What the brokers say about one topic and this client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rights {
    pub(crate) topic: String,
    /// Why they say nothing more: it is missing, or it may not be described.
    pub(crate) error: Option<Code>,
    /// Whether records may be read. True as well where brokers do not say.
    pub(crate) read: bool,
    /// Whether records may be written. True as well where brokers do not say.
    pub(crate) write: bool,
}

impl Client {
    /// What this client may do with `topics`. A round trip.
    pub(crate) fn rights(&self, topics: &[&str], timeout_ms: i32) -> Result<Vec<Rights>, Code> {
        let names = topics.iter().map(|name| CString::new(*name)).collect::<Result<Vec<_>, _>>();
        let names = names.map_err(|_| Code::InvalidTopic)?;
        let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
        // SAFETY: collection, options and queue are ours, live until librdkafka has answered, and are destroyed once; the event owns the answer,
        // which is copied before the event is destroyed.
        unsafe {
            let collection = sys::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
            let options = sys::rd_kafka_AdminOptions_new(
                self.rk.as_ptr(),
                sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS,
            );
            let refused = sys::rd_kafka_AdminOptions_set_include_authorized_operations(options, 1);
            if !refused.is_null() {
                sys::rd_kafka_error_destroy(refused);
            }
            sys::rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, ptr::null_mut(), 0);
            let queue = sys::rd_kafka_queue_new(self.rk.as_ptr());
            sys::rd_kafka_DescribeTopics(self.rk.as_ptr(), collection, options, queue);
            // The request's own timeout ends the wait; librdkafka answers in any case.
            let event = sys::rd_kafka_queue_poll(queue, -1);
            let answer = answer(event);
            sys::rd_kafka_event_destroy(event);
            sys::rd_kafka_queue_destroy(queue);
            sys::rd_kafka_AdminOptions_destroy(options);
            sys::rd_kafka_TopicCollection_destroy(collection);
            answer
        }
    }
}

/// # Safety
/// `event` is the answer to `DescribeTopics`, or null.
unsafe fn answer(event: *mut sys::rd_kafka_event_t) -> Result<Vec<Rights>, Code> {
    // SAFETY: what is read belongs to the event, which the caller keeps; counts fit their arrays, and every topic of an answer is there.
    unsafe {
        if event.is_null() {
            return Err(Code::OperationTimedOut);
        }
        if let Some(code) = code(sys::rd_kafka_event_error(event)) {
            return Err(code);
        }
        let result = sys::rd_kafka_event_DescribeTopics_result(event);
        if result.is_null() {
            return Err(Code::Unknown);
        }
        let mut count = 0;
        let topics = sys::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        Ok(array(topics, count).iter().map(|topic| of_topic(*topic)).collect())
    }
}

/// # Safety
/// `topic` lives during the call.
unsafe fn of_topic(topic: *const sys::rd_kafka_TopicDescription_t) -> Rights {
    // SAFETY: name, error and operations belong to the description.
    unsafe {
        let error = sys::rd_kafka_TopicDescription_error(topic);
        let mut count = 0;
        let operations = array(sys::rd_kafka_TopicDescription_authorized_operations(topic, &raw mut count), count);
        // A topic that may be described comes with that operation at least: none at all is a broker that does not say.
        let has = |operation| operations.is_empty() || operations.contains(&operation);
        Rights {
            topic: text(sys::rd_kafka_TopicDescription_name(topic)),
            error: if error.is_null() { None } else { code(sys::rd_kafka_error_code(error)) },
            read: has(Operation::RD_KAFKA_ACL_OPERATION_READ),
            write: has(Operation::RD_KAFKA_ACL_OPERATION_WRITE),
        }
    }
}

/// # Safety
/// `first` is null or begins `count` values that live as long as the result is used.
unsafe fn array<'a, T>(first: *const T, count: usize) -> &'a [T] {
    // SAFETY: as the caller promises.
    if first.is_null() || count == 0 { &[] } else { unsafe { std::slice::from_raw_parts(first, count) } }
}
