//! Every unsafe line of this room: librdkafka's C interface behind types that cannot be misused.
//!
//! Only what the fast paths need stands here: producing, transactions, and reading in batches. The rest goes through rust-rdkafka. Three reasons
//! to go below it: its blocking `flush` waits in slices of 100 ms, it hands over one message at a time, and it cannot show which requests of a
//! transaction were never answered.
#![expect(unsafe_code, reason = "librdkafka is a C library; this file is the only door to it")]

use crate::context;
use crate::member::Member;
use crate::settings::Settings;
use holdfast_ports::record::Headers;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka_sys as sys;
use std::cell::Cell;
use std::collections::VecDeque;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::Arc;

mod rights;
mod waits;

pub(crate) use rdkafka::types::RDKafkaErrorCode as Code;
pub(crate) use rights::Rights;

/// What a failed operation says about itself.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) code: Code,
    pub(crate) text: String,
    /// The transaction is over, the producer is not.
    pub(crate) abortable: bool,
    /// The producer is of no use any more.
    pub(crate) fatal: bool,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?})", self.text, self.code)
    }
}

/// How far a message that failed may have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Persisted {
    No,
    Possibly,
    Yes,
}

/// The report on one produced message.
#[derive(Debug)]
pub(crate) struct Delivery {
    /// What `produce` was given.
    pub(crate) tag: usize,
    pub(crate) error: Option<Code>,
    pub(crate) persisted: Persisted,
    pub(crate) offset: i64,
    pub(crate) append_ms: i64,
}

/// Whether a request left or came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leg {
    Sent,
    Answered,
}

/// What a producer tells its owner. `delivered` and `trouble` are called on a thread that polls the client, `request` on threads of librdkafka.
pub(crate) trait Events: Send + Sync {
    fn delivered(&self, delivery: &Delivery);
    fn trouble(&self, code: Code, reason: &str);
    fn request(&self, _api_key: i16, _leg: Leg) {}
}

/// A librdkafka instance.
pub(crate) struct Client {
    rk: NonNull<sys::rd_kafka_t>,
    /// The box the callbacks borrow from; freed after the instance.
    events: Option<NonNull<Arc<dyn Events>>>,
}

// SAFETY: librdkafka's handles may be used from any thread at once (its introduction, "Threads and callbacks"), and `Events` is Send + Sync.
unsafe impl Send for Client {}
// SAFETY: as above.
unsafe impl Sync for Client {}

/// A topic as one client knows it.
pub(crate) struct Topic {
    rkt: NonNull<sys::rd_kafka_topic_t>,
    /// The handle must go before its client.
    _client: Arc<Client>,
}

// SAFETY: as for `Client`.
unsafe impl Send for Topic {}
// SAFETY: as for `Client`.
unsafe impl Sync for Topic {}

/// A topic in the cluster's metadata.
#[derive(Debug, Clone)]
pub(crate) struct TopicMetadata {
    pub(crate) name: String,
    pub(crate) error: Option<Code>,
    /// Leader of each partition, -1 where there is none.
    pub(crate) leaders: Vec<i32>,
    /// Replicas of the first partition.
    pub(crate) replicas: usize,
}

/// The cluster's metadata.
#[derive(Debug, Clone)]
pub(crate) struct Metadata {
    pub(crate) brokers: usize,
    pub(crate) topics: Vec<TopicMetadata>,
}

fn code(err: sys::rd_kafka_resp_err_t) -> Option<Code> {
    match Code::from(err) {
        Code::NoError => None,
        code => Some(code),
    }
}

/// An error as brokers number it; `None` for success, `Unknown` for what librdkafka has no name for.
pub(crate) fn code_of_broker(number: i16) -> Option<Code> {
    sys::rd_kafka_resp_err_t::try_from(i32::from(number)).map_or(Some(Code::Unknown), code)
}

fn checked(err: sys::rd_kafka_resp_err_t) -> Result<(), Code> {
    code(err).map_or(Ok(()), Err)
}

/// Text behind a C string that may be missing.
///
/// # Safety
/// `text` is null or a terminated string that lives during the call.
unsafe fn text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: not null, and terminated by the caller's promise.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// Takes a `rd_kafka_error_t` over and says what it says.
fn fault(error: *mut sys::rd_kafka_error_t) -> Result<(), Fault> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: librdkafka gave the error to us; it is read, then destroyed, once.
    unsafe {
        let fault = Fault {
            code: Code::from(sys::rd_kafka_error_code(error)),
            text: text(sys::rd_kafka_error_string(error)),
            abortable: sys::rd_kafka_error_txn_requires_abort(error) != 0,
            fatal: sys::rd_kafka_error_is_fatal(error) != 0,
        };
        sys::rd_kafka_error_destroy(error);
        Err(fault)
    }
}

/// Runs a callback; a panic must not cross into C.
fn guarded(callback: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(callback)).is_err() {
        tracing::error!("a callback of the Kafka client panicked");
    }
}

/// # Safety
/// `opaque` is the pointer that `Client::open` made, and its box lives.
unsafe fn events<'a>(opaque: *mut c_void) -> &'a dyn Events {
    // SAFETY: by the caller's promise.
    unsafe { &**opaque.cast::<Arc<dyn Events>>() }
}

/// Called by librdkafka for each produced message, within a poll.
unsafe extern "C" fn on_delivery(
    _rk: *mut sys::rd_kafka_t,
    message: *const sys::rd_kafka_message_t,
    opaque: *mut c_void,
) {
    // SAFETY: librdkafka lends a valid message and hands back the opaque of `Client::open`, which outlives the instance.
    unsafe {
        let message_ref = &*message;
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        let delivery = Delivery {
            tag: message_ref._private as usize,
            error: code(message_ref.err),
            persisted: match sys::rd_kafka_message_status(message) {
                sys::rd_kafka_msg_status_t::RD_KAFKA_MSG_STATUS_NOT_PERSISTED => Persisted::No,
                sys::rd_kafka_msg_status_t::RD_KAFKA_MSG_STATUS_POSSIBLY_PERSISTED => Persisted::Possibly,
                sys::rd_kafka_msg_status_t::RD_KAFKA_MSG_STATUS_PERSISTED => Persisted::Yes,
            },
            offset: message_ref.offset,
            append_ms: sys::rd_kafka_message_timestamp(message, &raw mut kind),
        };
        guarded(|| events(opaque).delivered(&delivery));
    }
}

/// Called by librdkafka for errors that belong to no message, within a poll.
unsafe extern "C" fn on_error(rk: *mut sys::rd_kafka_t, err: c_int, reason: *const c_char, opaque: *mut c_void) {
    // SAFETY: `rk`, `reason` and `opaque` are valid during the call; `err` is read back from librdkafka as a value of its enum.
    unsafe {
        let reason = text(reason);
        let fatal = sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__FATAL;
        let all_down = sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
        let authentication = sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__AUTHENTICATION;
        let ssl = sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__SSL;
        let code = if err == fatal as c_int {
            fatal_code(rk).unwrap_or(Code::Fatal)
        } else {
            // Only these are told apart by anybody; a C integer is not turned into an enum that may not know it.
            [all_down, authentication, ssl]
                .into_iter()
                .find(|known| err == *known as c_int)
                .map_or(Code::Fail, Code::from)
        };
        guarded(|| events(opaque).trouble(code, &reason));
    }
}

/// # Safety
/// `rk` is a live instance.
unsafe fn fatal_code(rk: *mut sys::rd_kafka_t) -> Option<Code> {
    // SAFETY: by the caller's promise; a null buffer of size 0 asks for the code alone.
    code(unsafe { sys::rd_kafka_fatal_error(rk, ptr::null_mut(), 0) })
}

unsafe extern "C" fn on_log(_rk: *const sys::rd_kafka_t, level: c_int, facility: *const c_char, line: *const c_char) {
    // SAFETY: both strings are terminated and live during the call.
    let (facility, line) = unsafe { (text(facility), text(line)) };
    guarded(|| context::log_line(level, &facility, &line));
}

/// Called by librdkafka when an instance with the request tap starts.
unsafe extern "C" fn on_new(
    rk: *mut sys::rd_kafka_t,
    _conf: *const sys::rd_kafka_conf_t,
    opaque: *mut c_void,
    _errstr: *mut c_char,
    _errstr_size: usize,
) -> sys::rd_kafka_resp_err_t {
    // SAFETY: `rk` is being made and takes interceptors; `opaque` outlives it.
    unsafe {
        let sent = sys::rd_kafka_interceptor_add_on_request_sent(rk, TAP.as_ptr(), Some(on_request_sent), opaque);
        if code(sent).is_some() {
            return sent;
        }
        sys::rd_kafka_interceptor_add_on_response_received(rk, TAP.as_ptr(), Some(on_response_received), opaque)
    }
}

/// Name of the interceptors in librdkafka's messages.
const TAP: &CStr = c"holdfast-tap";

thread_local! {
    /// Whether this is a thread of librdkafka that talks to a broker.
    static TALKS: Cell<bool> = const { Cell::new(false) };
}

unsafe extern "C" fn on_request_sent(
    _rk: *mut sys::rd_kafka_t,
    _socket: c_int,
    _broker: *const c_char,
    _broker_id: i32,
    api_key: i16,
    _api_version: i16,
    _correlation: i32,
    _size: usize,
    opaque: *mut c_void,
) -> sys::rd_kafka_resp_err_t {
    TALKS.set(true);
    // SAFETY: `opaque` is that of `Client::open` and outlives the instance.
    guarded(|| unsafe { events(opaque) }.request(api_key, Leg::Sent));
    sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
}

unsafe extern "C" fn on_response_received(
    _rk: *mut sys::rd_kafka_t,
    _socket: c_int,
    _broker: *const c_char,
    _broker_id: i32,
    api_key: i16,
    _api_version: i16,
    _correlation: i32,
    _size: usize,
    _round_trip: i64,
    err: sys::rd_kafka_resp_err_t,
    opaque: *mut c_void,
) -> sys::rd_kafka_resp_err_t {
    // With an error (timed out, connection lost) nobody knows whether the request is still on its way: that is no answer. And librdkafka calls
    // this twice for an answer that it passes from the broker's thread to its main thread: only the first counts.
    if code(err).is_none() && TALKS.get() {
        // SAFETY: as in `on_request_sent`.
        guarded(|| unsafe { events(opaque) }.request(api_key, Leg::Answered));
    }
    sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
}

impl Client {
    /// A producer that reports to `told`. Somebody must poll it.
    pub(crate) fn producer(settings: &Settings, told: Arc<dyn Events>) -> Result<Arc<Self>, String> {
        Self::open(sys::rd_kafka_type_t::RD_KAFKA_PRODUCER, settings, Some(told))
    }

    /// A consumer. It has no callbacks, so nobody need poll it.
    pub(crate) fn consumer(settings: &Settings) -> Result<Arc<Self>, String> {
        Self::open(sys::rd_kafka_type_t::RD_KAFKA_CONSUMER, settings, None)
    }

    fn open(
        kind: sys::rd_kafka_type_t,
        settings: &Settings,
        told: Option<Arc<dyn Events>>,
    ) -> Result<Arc<Self>, String> {
        let mut reason = [0 as c_char; 512];
        let reason_size = reason.len();
        // SAFETY: the configuration is ours until `rd_kafka_new` succeeds, and destroyed on every other way out; the box behind `opaque` is freed
        // here when there is no instance, and by `drop` after it otherwise. Strings live during the calls.
        unsafe {
            let conf = sys::rd_kafka_conf_new();
            for (key, value) in settings {
                let (Ok(key_c), Ok(value_c)) = (CString::new(key.as_str()), CString::new(value.as_str())) else {
                    sys::rd_kafka_conf_destroy(conf);
                    return Err(format!("{key}: contains a zero byte"));
                };
                let set =
                    sys::rd_kafka_conf_set(conf, key_c.as_ptr(), value_c.as_ptr(), reason.as_mut_ptr(), reason_size);
                if set != sys::rd_kafka_conf_res_t::RD_KAFKA_CONF_OK {
                    sys::rd_kafka_conf_destroy(conf);
                    return Err(text(reason.as_ptr()));
                }
            }
            sys::rd_kafka_conf_set_log_cb(conf, Some(on_log));
            let events = told.map(|told| NonNull::from(Box::leak(Box::new(told))));
            if let Some(events) = events {
                let opaque = events.as_ptr().cast::<c_void>();
                sys::rd_kafka_conf_set_opaque(conf, opaque);
                sys::rd_kafka_conf_set_dr_msg_cb(conf, Some(on_delivery));
                sys::rd_kafka_conf_set_error_cb(conf, Some(on_error));
                sys::rd_kafka_conf_interceptor_add_on_new(conf, TAP.as_ptr(), Some(on_new), opaque);
            }
            match NonNull::new(sys::rd_kafka_new(kind, conf, reason.as_mut_ptr(), reason_size)) {
                Some(rk) => Ok(Arc::new(Self { rk, events })),
                None => {
                    sys::rd_kafka_conf_destroy(conf);
                    if let Some(events) = events {
                        drop(Box::from_raw(events.as_ptr()));
                    }
                    Err(text(reason.as_ptr()))
                }
            }
        }
    }

    /// Serves callbacks; waits for the first at most `timeout_ms`.
    pub(crate) fn poll(&self, timeout_ms: i32) {
        // SAFETY: the instance lives as long as `self`.
        unsafe { sys::rd_kafka_poll(self.rk.as_ptr(), timeout_ms) };
    }

    /// Sends what lingers and serves reports until nothing is unreported. False when `timeout_ms` was too short.
    pub(crate) fn flush(&self, timeout_ms: i32) -> bool {
        // SAFETY: as in `poll`.
        code(unsafe { sys::rd_kafka_flush(self.rk.as_ptr(), timeout_ms) }).is_none()
    }

    /// The error that ended this producer, if one has.
    pub(crate) fn fatal(&self) -> Option<Fault> {
        let mut reason = [0 as c_char; 512];
        // SAFETY: as in `poll`; librdkafka terminates the buffer within its size.
        unsafe {
            let code = code(sys::rd_kafka_fatal_error(self.rk.as_ptr(), reason.as_mut_ptr(), reason.len()))?;
            Some(Fault { code, text: text(reason.as_ptr()), abortable: false, fatal: true })
        }
    }

    /// Queues a copy of a message; its report will carry `tag`. `Code::QueueFull`: poll and try again.
    pub(crate) fn produce(
        &self,
        topic: &Topic,
        partition: i32,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, &[u8])],
        tag: usize,
    ) -> Result<(), Code> {
        let (value_ptr, value_len) = parts(value);
        let (key_ptr, key_len) = parts(key);
        if headers.is_empty() {
            // SAFETY: the handle lives; with F_COPY librdkafka copies value and key during the call and writes to neither.
            let queued = unsafe {
                sys::rd_kafka_produce(
                    topic.rkt.as_ptr(),
                    partition,
                    sys::RD_KAFKA_MSG_F_COPY,
                    value_ptr.cast_mut(),
                    value_len,
                    key_ptr,
                    key_len,
                    tag as *mut c_void,
                )
            };
            // SAFETY: reads a thread-local variable.
            return if queued == 0 { Ok(()) } else { Err(Code::from(unsafe { sys::rd_kafka_last_error() })) };
        }
        let mem =
            |ptr: *const c_void, size| sys::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 { ptr: ptr.cast_mut(), size };
        // SAFETY: as above; each union field is the one its tag names. The headers are copies, and go to librdkafka unless the call fails.
        unsafe {
            let native = sys::rd_kafka_headers_new(headers.len());
            for (name, value) in headers {
                let (ptr, len) = parts(Some(value));
                sys::rd_kafka_header_add(
                    native,
                    name.as_ptr().cast(),
                    name.len().cast_signed(),
                    ptr,
                    len.cast_signed(),
                );
            }
            let arguments = [
                argument(sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_RKT, |u| u.rkt = topic.rkt.as_ptr()),
                argument(sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_PARTITION, |u| u.i32_ = partition),
                argument(sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_MSGFLAGS, |u| u.i = sys::RD_KAFKA_MSG_F_COPY),
                argument(sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_VALUE, |u| u.mem = mem(value_ptr, value_len)),
                argument(sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_KEY, |u| u.mem = mem(key_ptr, key_len)),
                argument(sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_OPAQUE, |u| u.ptr = tag as *mut c_void),
                argument(sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_HEADERS, |u| u.headers = native),
            ];
            fault(sys::rd_kafka_produceva(self.rk.as_ptr(), arguments.as_ptr(), arguments.len())).map_err(|fault| {
                sys::rd_kafka_headers_destroy(native);
                fault.code
            })
        }
    }

    /// Ends what an earlier producer of this transactional id left open, and fences it.
    pub(crate) fn init_transactions(&self, timeout_ms: i32) -> Result<(), Fault> {
        // SAFETY: as in `poll`.
        fault(unsafe { sys::rd_kafka_init_transactions(self.rk.as_ptr(), timeout_ms) })
    }

    pub(crate) fn begin_transaction(&self) -> Result<(), Fault> {
        // SAFETY: as in `poll`.
        fault(unsafe { sys::rd_kafka_begin_transaction(self.rk.as_ptr()) })
    }

    pub(crate) fn send_offsets(
        &self,
        offsets: &TopicPartitionList,
        group: &GroupMetadata,
        timeout_ms: i32,
    ) -> Result<(), Fault> {
        // SAFETY: list and metadata live during the call and are copied by it.
        fault(unsafe {
            sys::rd_kafka_send_offsets_to_transaction(self.rk.as_ptr(), offsets.ptr(), group.0.as_ptr(), timeout_ms)
        })
    }

    /// Flushes, then commits. Reports are served within.
    pub(crate) fn commit_transaction(&self, timeout_ms: i32) -> Result<(), Fault> {
        // SAFETY: as in `poll`.
        fault(unsafe { sys::rd_kafka_commit_transaction(self.rk.as_ptr(), timeout_ms) })
    }

    /// Drops what is queued, then aborts. Reports are served within.
    pub(crate) fn abort_transaction(&self, timeout_ms: i32) -> Result<(), Fault> {
        // SAFETY: as in `poll`.
        fault(unsafe { sys::rd_kafka_abort_transaction(self.rk.as_ptr(), timeout_ms) })
    }

    /// Asks a broker for its view of `topic`, or of all topics.
    pub(crate) fn metadata(&self, topic: Option<&Topic>, timeout_ms: i32) -> Result<Metadata, Code> {
        let only = topic.map_or(ptr::null_mut(), |topic| topic.rkt.as_ptr());
        let mut found: *const sys::rd_kafka_metadata = ptr::null();
        // SAFETY: on success librdkafka gives us a structure whose counts fit its arrays; it is read, then destroyed, once.
        unsafe {
            checked(sys::rd_kafka_metadata(
                self.rk.as_ptr(),
                c_int::from(only.is_null()),
                only,
                &raw mut found,
                timeout_ms,
            ))?;
            let native = &*found;
            let topics = array(native.topics, native.topic_cnt).iter().map(|topic| {
                let partitions = array(topic.partitions, topic.partition_cnt);
                let mut leaders = vec![-1; partitions.len()];
                for partition in partitions {
                    if let Some(leader) = usize::try_from(partition.id).ok().and_then(|id| leaders.get_mut(id)) {
                        *leader = partition.leader;
                    }
                }
                let replicas = partitions.first().map_or(0, |first| usize::try_from(first.replica_cnt).unwrap_or(0));
                TopicMetadata { name: text(topic.topic), error: code(topic.err), leaders, replicas }
            });
            let metadata =
                Metadata { brokers: array(native.brokers, native.broker_cnt).len(), topics: topics.collect() };
            sys::rd_kafka_metadata_destroy(found);
            Ok(metadata)
        }
    }

    /// First offset and the end of a partition, as this client's isolation level sees the end. A round trip.
    pub(crate) fn watermarks(&self, topic: &str, partition: i32, timeout_ms: i32) -> Result<(i64, i64), Code> {
        let topic = CString::new(topic).map_err(|_| Code::InvalidTopic)?;
        let (mut low, mut high) = (-1, -1);
        // SAFETY: name and both integers live during the call.
        checked(unsafe {
            sys::rd_kafka_query_watermark_offsets(
                self.rk.as_ptr(),
                topic.as_ptr(),
                partition,
                &raw mut low,
                &raw mut high,
                timeout_ms,
            )
        })?;
        Ok((low, high))
    }
}

impl Drop for Client {
    /// Quick: what is queued or in flight is dropped without waiting.
    fn drop(&mut self) {
        // SAFETY: no handle of this client is left (each holds an Arc of it); the callbacks' box goes after the instance.
        unsafe {
            if self.events.is_some() {
                let all =
                    sys::RD_KAFKA_PURGE_F_QUEUE | sys::RD_KAFKA_PURGE_F_INFLIGHT | sys::RD_KAFKA_PURGE_F_NON_BLOCKING;
                sys::rd_kafka_purge(self.rk.as_ptr(), all);
            }
            sys::rd_kafka_destroy(self.rk.as_ptr());
            if let Some(events) = self.events {
                drop(Box::from_raw(events.as_ptr()));
            }
        }
    }
}

/// Pointer and length, null for `None`.
fn parts(bytes: Option<&[u8]>) -> (*const c_void, usize) {
    bytes.map_or((ptr::null(), 0), |bytes| (bytes.as_ptr().cast(), bytes.len()))
}

/// # Safety
/// `first` points to `count` elements that live for `'a`, or `count` is 0.
unsafe fn array<'a, T>(first: *const T, count: c_int) -> &'a [T] {
    match usize::try_from(count) {
        // SAFETY: by the caller's promise.
        Ok(count) if count > 0 => unsafe { slice::from_raw_parts(first, count) },
        _ => &[],
    }
}

fn argument(
    vtype: sys::rd_kafka_vtype_t,
    set: impl FnOnce(&mut sys::rd_kafka_vu_s__bindgen_ty_1),
) -> sys::rd_kafka_vu_t {
    let mut u = sys::rd_kafka_vu_s__bindgen_ty_1 { _pad: [0; 64] };
    set(&mut u);
    sys::rd_kafka_vu_t { vtype, u }
}

impl Topic {
    pub(crate) fn new(client: &Arc<Client>, name: &str) -> Result<Self, Code> {
        let name = CString::new(name).map_err(|_| Code::InvalidTopic)?;
        // SAFETY: the name is copied; a null configuration means the client's defaults.
        let rkt = unsafe { sys::rd_kafka_topic_new(client.rk.as_ptr(), name.as_ptr(), ptr::null_mut()) };
        // SAFETY: reads a thread-local variable.
        let rkt = NonNull::new(rkt).ok_or_else(|| Code::from(unsafe { sys::rd_kafka_last_error() }))?;
        Ok(Self { rkt, _client: Arc::clone(client) })
    }

    /// What messages of this topic show as [`Message::topic`]: cheaper to compare than a name.
    pub(crate) fn id(&self) -> usize {
        self.rkt.as_ptr() as usize
    }
}

impl Drop for Topic {
    fn drop(&mut self) {
        // SAFETY: the handle is ours and its client still lives.
        unsafe { sys::rd_kafka_topic_destroy(self.rkt.as_ptr()) };
    }
}

/// A group's metadata as a member saw it: the proof of membership that a transaction shows.
pub(crate) struct GroupMetadata(NonNull<sys::rd_kafka_consumer_group_metadata_t>);

// SAFETY: an owned structure that nobody changes.
unsafe impl Send for GroupMetadata {}
// SAFETY: as above.
unsafe impl Sync for GroupMetadata {}

impl GroupMetadata {
    /// The member's metadata of this moment.
    pub(crate) fn of<C: ConsumerContext>(member: &BaseConsumer<C>) -> Option<Self> {
        // SAFETY: the consumer lives during the call; the result is ours.
        NonNull::new(unsafe { sys::rd_kafka_consumer_group_metadata(member.client().native_ptr()) }).map(Self)
    }

    /// Below 0: not a member.
    pub(crate) fn generation_id(&self) -> i32 {
        // SAFETY: owned and alive.
        unsafe { sys::rd_kafka_consumer_group_metadata_generation_id(self.0.as_ptr()) }
    }
}

impl GroupMetadata {
    /// The same in words.
    pub(crate) fn member(&self) -> Member {
        let metadata = self.0.as_ptr();
        // SAFETY: owned and alive; the texts belong to the metadata and are copied.
        unsafe {
            let instance = sys::rd_kafka_consumer_group_metadata_group_instance_id(metadata);
            Member {
                group: text(sys::rd_kafka_consumer_group_metadata_group_id(metadata)),
                generation: self.generation_id(),
                id: text(sys::rd_kafka_consumer_group_metadata_member_id(metadata)),
                instance: (!instance.is_null()).then(|| text(instance)),
            }
        }
    }
}

impl Drop for GroupMetadata {
    fn drop(&mut self) {
        // SAFETY: owned, destroyed once.
        unsafe { sys::rd_kafka_consumer_group_metadata_destroy(self.0.as_ptr()) };
    }
}

/// A message or an event of a partition, lent by an [`Inbox`].
#[repr(transparent)]
pub(crate) struct Message(NonNull<sys::rd_kafka_message_t>);

// SAFETY: an owned structure; only its own thread of the moment touches it.
unsafe impl Send for Message {}

impl Message {
    fn native(&self) -> &sys::rd_kafka_message_t {
        // SAFETY: owned, and alive as long as `self`.
        unsafe { self.0.as_ref() }
    }

    /// What this is instead of a record.
    pub(crate) fn event(&self) -> Option<Code> {
        code(self.native().err)
    }

    /// Text of an event.
    pub(crate) fn text(&self) -> String {
        // SAFETY: alive; the string belongs to the message.
        unsafe { text(sys::rd_kafka_message_errstr(self.0.as_ptr())) }
    }

    /// See [`Topic::id`].
    pub(crate) fn topic(&self) -> usize {
        self.native().rkt as usize
    }

    pub(crate) fn partition(&self) -> i32 {
        self.native().partition
    }

    pub(crate) fn offset(&self) -> i64 {
        self.native().offset
    }

    pub(crate) fn key(&self) -> Option<&[u8]> {
        let native = self.native();
        // SAFETY: the message owns its bytes.
        unsafe { bytes(native.key, native.key_len) }
    }

    pub(crate) fn value(&self) -> Option<&[u8]> {
        let native = self.native();
        // SAFETY: the message owns its bytes.
        unsafe { bytes(native.payload, native.len) }
    }

    pub(crate) fn append_ms(&self) -> i64 {
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: alive; the kind is written.
        unsafe { sys::rd_kafka_message_timestamp(self.0.as_ptr(), &raw mut kind) }
    }
}

/// # Safety
/// `first` is null or points to `len` bytes that live for `'a`.
unsafe fn bytes<'a>(first: *const c_void, len: usize) -> Option<&'a [u8]> {
    // SAFETY: not null, and as long as promised.
    (!first.is_null()).then(|| unsafe { slice::from_raw_parts(first.cast(), len) })
}

impl Headers for Message {
    fn each<'a>(&'a self, visit: &mut dyn FnMut(&'a str, Option<&'a [u8]>)) {
        let mut headers = ptr::null_mut();
        // SAFETY: the message is alive and keeps the parsed headers, names and values until it is destroyed, so they live for `'a`.
        unsafe {
            if code(sys::rd_kafka_message_headers(self.0.as_ptr(), &raw mut headers)).is_some() {
                return;
            }
            for index in 0.. {
                let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
                if code(sys::rd_kafka_header_get_all(headers, index, &raw mut name, &raw mut value, &raw mut size))
                    .is_some()
                {
                    return;
                }
                // A name that is not UTF-8 is nobody's header.
                if let Ok(name) = CStr::from_ptr(name).to_str() {
                    visit(name, bytes(value, size));
                }
            }
        }
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        // SAFETY: owned, destroyed once; the inbox sees to it that the client still lives.
        unsafe { sys::rd_kafka_message_destroy(self.0.as_ptr()) };
    }
}

/// The queue that partitions are read into, and the messages taken from it and not yet handed over.
pub(crate) struct Inbox {
    /// Before `queue` and `client`: fields are dropped in this order.
    taken: VecDeque<Message>,
    queue: NonNull<sys::rd_kafka_queue_t>,
    scratch: Vec<*mut sys::rd_kafka_message_t>,
    client: Arc<Client>,
}

// SAFETY: the queue is librdkafka's and thread-safe; the scratch is empty between calls.
unsafe impl Send for Inbox {}

impl Inbox {
    pub(crate) fn new(client: &Arc<Client>) -> Self {
        // SAFETY: the client lives; `rd_kafka_queue_new` does not fail.
        let queue = unsafe { NonNull::new_unchecked(sys::rd_kafka_queue_new(client.rk.as_ptr())) };
        Self { taken: VecDeque::new(), queue, scratch: Vec::new(), client: Arc::clone(client) }
    }

    pub(crate) fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// Starts reading a partition at `offset` (`None`: at its first record) into this inbox.
    pub(crate) fn start(&self, topic: &Topic, partition: i32, offset: Option<i64>) -> Result<(), Code> {
        let offset = offset.unwrap_or_else(|| i64::from(sys::RD_KAFKA_OFFSET_BEGINNING));
        // SAFETY: topic and queue are alive and of the same client.
        let started =
            unsafe { sys::rd_kafka_consume_start_queue(topic.rkt.as_ptr(), partition, offset, self.queue.as_ptr()) };
        // SAFETY: reads a thread-local variable.
        if started == 0 { Ok(()) } else { Err(Code::from(unsafe { sys::rd_kafka_last_error() })) }
    }

    /// Stops reading a partition and drops what was taken of it. What librdkafka still has queued is stale by its version and never comes.
    pub(crate) fn stop(&mut self, topic: &Topic, partition: i32) {
        // SAFETY: the topic is alive.
        unsafe { sys::rd_kafka_consume_stop(topic.rkt.as_ptr(), partition) };
        self.taken.retain(|message| message.topic() != topic.id() || message.partition() != partition);
    }

    /// Takes at most `count` more messages. With a timeout it waits until there are `count` of them, so wait for one and take more with none.
    pub(crate) fn take(&mut self, count: usize, timeout_ms: i32) {
        self.scratch.clear();
        self.scratch.reserve(count);
        // SAFETY: the scratch has room for `count` pointers; librdkafka writes as many as it returns, and they are ours.
        unsafe {
            let taken =
                sys::rd_kafka_consume_batch_queue(self.queue.as_ptr(), timeout_ms, self.scratch.as_mut_ptr(), count);
            self.scratch.set_len(usize::try_from(taken).unwrap_or(0));
        }
        self.taken.extend(self.scratch.drain(..).filter_map(NonNull::new).map(Message));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.taken.is_empty()
    }

    /// The next message.
    pub(crate) fn front(&self) -> Option<&Message> {
        self.taken.front()
    }

    /// Lets go of the next message.
    pub(crate) fn pop(&mut self) {
        self.taken.pop_front();
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.taken.clear();
        // SAFETY: ours, and alive; nobody is called any more once this has returned.
        unsafe { sys::rd_kafka_queue_cb_event_enable(self.queue.as_ptr(), None, ptr::null_mut()) };
        // SAFETY: ours, destroyed once, while its client lives.
        unsafe { sys::rd_kafka_queue_destroy(self.queue.as_ptr()) };
    }
}
