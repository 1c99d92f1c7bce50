//! A wait for one inbox that ends when something comes into another.

use super::Inbox;
use rdkafka_sys as sys;
use std::ffi::c_void;

/// Ends the wait of the queue that `opaque` is: what it waits for has come elsewhere.
unsafe extern "C" fn end_wait(_: *mut sys::rd_kafka_t, opaque: *mut c_void) {
    // SAFETY: see `Inbox::also_ends_waits_of`.
    unsafe { sys::rd_kafka_queue_yield(opaque.cast()) };
}

impl Inbox {
    /// From now on the first message that comes into this inbox, once it was found empty, ends a [`Inbox::take`] of `other` that waits, or the next one.
    ///
    /// This inbox has to be dropped before `other` is.
    pub(crate) fn also_ends_waits_of(&self, other: &Self) {
        // SAFETY: both queues live. `other` is used until this queue forgets it, when this inbox is dropped. Its lock is taken below the lock of this
        // queue, and librdkafka never takes them the other way round.
        unsafe {
            sys::rd_kafka_queue_cb_event_enable(self.queue.as_ptr(), Some(end_wait), other.queue.as_ptr().cast());
        }
    }
}
