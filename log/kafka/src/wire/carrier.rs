//! The thread that brings appends to one broker: a request at a time, with all partitions that it leads. What comes meanwhile goes with the next.

use super::bundle::Bundle;
use super::connection::{Broken, Connection};
use super::lanes::{Lanes, Shipment};
use super::messages::PRODUCE;
use super::parcel::{self, Answer, Cargo as _, Parcel};
use crate::config::KafkaConfig;
use crate::ffi::Code;
use crate::health::Pulse;
use crate::reaction;
use holdfast_ports::record::TopicPartition;
use parking_lot::Condvar;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// The least between two requests to a broker, so that a thousand appends a second do not cost it a thousand requests. The first after a silence goes at once.
const GATHER: Duration = Duration::from_millis(1);

struct Carrier {
    node: i32,
    lanes: Arc<Lanes>,
    pulse: Arc<Pulse>,
    config: KafkaConfig,
    connection: Option<Connection>,
}

/// Hires the carrier for a broker. It ends when the lanes are closed.
pub(super) fn hire(
    node: i32,
    filled: Arc<Condvar>,
    lanes: &Arc<Lanes>,
    pulse: &Arc<Pulse>,
    config: &KafkaConfig,
) -> io::Result<()> {
    let mut carrier =
        Carrier { node, lanes: Arc::clone(lanes), pulse: Arc::clone(pulse), config: config.clone(), connection: None };
    thread::Builder::new().name(format!("append-{node}")).spawn(move || {
        let mut pause = Duration::ZERO;
        while let Some(load) = carrier.lanes.take(node, &filled, pause) {
            let since_us = carrier.config.clock.monotonic_us();
            carrier.bring(load);
            pause = GATHER.saturating_sub(Duration::from_micros(carrier.config.clock.monotonic_us() - since_us));
        }
    })?;
    Ok(())
}

impl Carrier {
    fn bring(&mut self, load: Vec<Shipment>) {
        let mut parcels: Vec<Parcel<Bundle>> = load.into_iter().map(pack).collect();
        let timeout = self.timeout(&parcels);
        let mut connection = match self.connect(timeout) {
            Ok(connection) => connection,
            Err(broken) => return self.lost(&broken, parcels),
        };
        let request = parcel::request(None, &parcels, timeout);
        let answer = match connection.ask(PRODUCE, &request, timeout) {
            Ok(answer) => answer,
            Err(broken) => {
                parcels.iter_mut().for_each(|parcel| parcel.cargo.unresolved());
                return self.lost(&broken, parcels);
            }
        };
        self.connection = Some(connection);
        self.pulse.heard(self.config.clock.monotonic_us());
        // Those that the answer does not mention: the numbers will tell whether they are new.
        for mut parcel in parcel::sort_out(parcels, &answer, |parcel, answer| self.settle(parcel, answer)) {
            parcel.cargo.unresolved();
            self.lanes.again(parcel.tag, parcel.cargo);
        }
    }

    /// What is left for the one that has waited longest.
    fn timeout(&self, parcels: &[Parcel<Bundle>]) -> Duration {
        let since_us = parcels.iter().map(|parcel| parcel.cargo.since_us()).min().unwrap_or(0);
        let until_us = since_us + u64::from(self.config.append_timeout_ms) * 1_000;
        Duration::from_micros(until_us.saturating_sub(self.config.clock.monotonic_us()).max(1_000))
    }

    /// The connection of the last request, or a new one. Put back when all went well: a broken one is of no use.
    fn connect(&mut self, timeout: Duration) -> Result<Connection, Broken> {
        if let Some(connection) = self.connection.take().filter(Connection::is_open) {
            return Ok(connection);
        }
        let address = self.lanes.address(self.node).ok_or(io::Error::from(io::ErrorKind::NotConnected))?;
        Ok(Connection::open(&address.host, address.port, &self.config.client_id, timeout)?)
    }

    fn lost(&self, broken: &Broken, parcels: Vec<Parcel<Bundle>>) {
        tracing::debug!(broker = self.node, %broken, "appends were not taken, trying again");
        self.pulse.doubt(&broken.to_string());
        for parcel in parcels {
            self.lanes.again(parcel.tag, parcel.cargo);
        }
    }

    fn settle(&self, parcel: Parcel<Bundle>, answer: Answer) {
        let Parcel { tag, to, cargo: mut bundle, .. } = parcel;
        if answer.error().is_some_and(|code| !reaction::precedes_append(code)) {
            bundle.unresolved();
        }
        match answer {
            Answer::Taken(produced) => {
                self.lanes.delivered(tag, bundle.batch());
                bundle.taken(produced);
            }
            Answer::Later(code) => {
                tracing::debug!(%to, %code, "appends were not taken, trying again");
                self.lanes.again(tag, bundle);
            }
            Answer::Refused(code) if is_of_numbers(code) && !bundle.may_be_in_the_log() => {
                tracing::warn!(%to, %code, "the leader knows other numbers of ours; they begin again");
                self.lanes.restart(tag);
                self.lanes.again(tag, bundle);
            }
            Answer::TooLarge(code) if !bundle.may_be_in_the_log() => match bundle.halves() {
                Ok(parts) => {
                    tracing::debug!(%to, %code, "appends are sent in parts");
                    self.lanes.again_in_parts(tag, parts);
                }
                Err(bundle) => self.refused(tag, &to, bundle, code),
            },
            Answer::TooLarge(code) | Answer::Refused(code) => self.refused(tag, &to, bundle, code),
        }
    }

    fn refused(&self, tag: usize, to: &TopicPartition, bundle: Bundle, code: Code) {
        tracing::debug!(%to, %code, "appends were refused");
        self.lanes.on_dead_letter(tag, &bundle);
        bundle.failed(code);
    }
}

fn pack(Shipment { tag, to, producer, bundle }: Shipment) -> Parcel<Bundle> {
    Parcel::of(tag, to, bundle, producer, false)
}

/// What came before it is missing in the leader's log: the log has lost its end, or the leader has forgotten this producer.
fn is_of_numbers(code: Code) -> bool {
    matches!(
        code,
        Code::OutOfOrderSequenceNumber
            | Code::UnknownProducerId
            | Code::InvalidProducerEpoch
            | Code::InvalidProducerIdMapping
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pending::Done;
    use crate::wire::bytes::Encoder;
    use crate::wire::messages::{Address, Metadata, ProducerId};
    use holdfast_log_contract::SystemClock;
    use holdfast_ports::log::AppendError;
    use holdfast_ports::record::{Appended, NewRecord};
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::sync::mpsc::{Receiver, channel};

    /// A broker that leads `t-0` and does what it is told.
    struct Broker {
        listener: TcpListener,
        lanes: Arc<Lanes>,
        pulse: Arc<Pulse>,
        config: KafkaConfig,
    }

    impl Broker {
        fn new() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let lanes = Arc::new(Lanes::default());
            lanes.written_as(ProducerId { id: 7, epoch: 0 });
            let config = KafkaConfig::new("", "me", Arc::new(SystemClock::new()));
            Self { listener, lanes, pulse: Arc::new(Pulse::default()), config }
        }

        fn append(&self, value: &[u8]) -> Receiver<Result<Appended, AppendError>> {
            let (sender, answers) = channel();
            let done: Done = Box::new(move |answer| drop(sender.send(answer)));
            let record = NewRecord { topic: "t", partition: 0, key: None, value: Some(value), headers: &[] };
            let now_us = self.config.clock.monotonic_us();
            assert!(self.lanes.push(&record, value.len(), done, 0, now_us).is_ok());
            answers
        }

        /// What the guide does as soon as somebody has to be asked.
        fn lead(&self) {
            while self.lanes.questions(Duration::from_millis(50)).unwrap().is_empty() {}
            let port = self.listener.local_addr().unwrap().port();
            let address = Address { node: 1, host: "127.0.0.1".to_owned(), port };
            let metadata = Metadata { brokers: vec![address], error: 0, leaders: vec![1] };
            for (node, filled) in self.lanes.led("t", &metadata) {
                hire(node, filled, &self.lanes, &self.pulse, &self.config).unwrap();
            }
        }

        fn accept(&self) -> TcpStream {
            self.listener.accept().unwrap().0
        }
    }

    impl Drop for Broker {
        fn drop(&mut self) {
            drop(self.lanes.close(Duration::ZERO));
        }
    }

    /// A request's number, and its batch from the producer's id on: everything by which a broker knows it again.
    fn read(stream: &mut TcpStream) -> (i32, Vec<u8>) {
        let mut length = [0; 4];
        stream.read_exact(&mut length).unwrap();
        let mut request = vec![0; i32::from_be_bytes(length) as usize];
        stream.read_exact(&mut request).unwrap();
        let number = i32::from_be_bytes(request[4..8].try_into().unwrap());
        let producer = request.windows(8).position(|bytes| bytes == 7_i64.to_be_bytes()).expect("a producer's id");
        (number, request[producer..].to_vec())
    }

    /// Epoch and number of the first record.
    fn numbers(batch: &[u8]) -> (i16, i32) {
        let (epoch, first) = (batch[8..10].try_into().unwrap(), batch[10..14].try_into().unwrap());
        (i16::from_be_bytes(epoch), i32::from_be_bytes(first))
    }

    fn count(batch: &[u8]) -> i32 {
        i32::from_be_bytes(batch[14..18].try_into().unwrap())
    }

    fn answer(stream: &mut TcpStream, number: i32, error: i16, offset: i64) {
        let mut body = Encoder::default();
        body.i32(number).end();
        body.len(1).text("t").len(1).i32(0).i16(error).i64(offset).i64(1_000).i64(0).len(0).maybe_text(None).end();
        body.end().i32(0).end();
        stream.write_all(&(body.0.len() as i32).to_be_bytes()).unwrap();
        stream.write_all(&body.0).unwrap();
    }

    #[test]
    fn an_append_that_is_not_answered_is_sent_again_as_it_was() {
        let broker = Broker::new();
        let first = broker.append(b"a");
        broker.lead();
        let (_, sent) = read(&mut broker.accept());
        assert_eq!(numbers(&sent), (0, 0));
        // The connection is closed without an answer.
        broker.lead();
        let mut stream = broker.accept();
        let (number, again) = read(&mut stream);
        assert_eq!(again, sent);
        answer(&mut stream, number, 0, 41);
        assert_eq!(first.recv().unwrap().unwrap(), Appended { offset: 41, append_ms: 1_000 });

        let second = broker.append(b"b");
        let (number, sent) = read(&mut stream);
        assert_eq!(numbers(&sent), (0, 1));
        answer(&mut stream, number, 0, 42);
        assert_eq!(second.recv().unwrap().unwrap().offset, 42);
    }

    #[test]
    fn a_leader_that_does_not_take_it_now_is_asked_again() {
        let broker = Broker::new();
        let appended = broker.append(b"a");
        broker.lead();
        let mut stream = broker.accept();
        let (number, sent) = read(&mut stream);
        let not_leader = 6;
        answer(&mut stream, number, not_leader, -1);
        broker.lead();
        let (number, again) = read(&mut stream);
        assert_eq!(again, sent);
        answer(&mut stream, number, 0, 1);
        assert_eq!(appended.recv().unwrap().unwrap().offset, 1);
    }

    #[test]
    fn numbers_that_the_leader_does_not_know_begin_again_unless_it_may_be_in_the_log() {
        let out_of_order = 45;
        let broker = Broker::new();
        let appended = broker.append(b"a");
        broker.lead();
        let mut stream = broker.accept();
        let (number, _) = read(&mut stream);
        answer(&mut stream, number, out_of_order, -1);
        broker.lead();
        let (number, again) = read(&mut stream);
        assert_eq!(numbers(&again), (1, 0));
        answer(&mut stream, number, 0, 1);
        assert!(appended.recv().unwrap().is_ok());

        let unknown = broker.append(b"b");
        read(&mut stream);
        drop(stream);
        broker.lead();
        let mut stream = broker.accept();
        let (number, _) = read(&mut stream);
        answer(&mut stream, number, out_of_order, -1);
        assert!(matches!(unknown.recv().unwrap(), Err(AppendError::Unknown(_))));
    }

    #[test]
    fn what_is_too_large_together_goes_in_parts_and_only_what_is_too_large_alone_is_refused() {
        let too_large = 10;
        let broker = Broker::new();
        let waiting: Vec<_> = (0..3).map(|_| broker.append(b"a")).collect();
        broker.lead();
        let mut stream = broker.accept();
        let mut hear = |records: i32, first: i32, error: i16, offset: i64| {
            let (number, sent) = read(&mut stream);
            assert_eq!((numbers(&sent), count(&sent)), ((0, first), records));
            answer(&mut stream, number, error, offset);
        };
        hear(3, 0, too_large, -1);
        hear(1, 0, 0, 40);
        hear(2, 1, too_large, -1);
        hear(1, 1, too_large, -1);
        // Nothing was written under the number of the one that was refused.
        hear(1, 1, 0, 41);
        let mut answers = waiting.into_iter().map(|appended| appended.recv().unwrap());
        assert_eq!(answers.next().unwrap().unwrap().offset, 40);
        assert!(matches!(answers.next().unwrap(), Err(AppendError::Refused(_))));
        assert_eq!(answers.next().unwrap().unwrap().offset, 41);

        // What comes after it is as small.
        let _fourth = broker.append(b"b");
        let _fifth = broker.append(b"b");
        hear(1, 2, 0, 42);
        hear(1, 3, 0, 43);
    }

    #[test]
    fn what_is_too_large_and_may_be_in_the_log_does_not_go_again() {
        let too_large = 10;
        let broker = Broker::new();
        let first = broker.append(b"a");
        let second = broker.append(b"a");
        broker.lead();
        read(&mut broker.accept());
        broker.lead();
        let mut stream = broker.accept();
        let (number, _) = read(&mut stream);
        answer(&mut stream, number, too_large, -1);
        for unknown in [first, second] {
            assert!(matches!(unknown.recv().unwrap(), Err(AppendError::Unknown(_))));
        }
    }

    #[test]
    fn what_is_refused_is_refused_for_good() {
        let too_large = 10;
        let broker = Broker::new();
        let refused = broker.append(b"a");
        broker.lead();
        let mut stream = broker.accept();
        let (number, _) = read(&mut stream);
        answer(&mut stream, number, too_large, -1);
        assert!(matches!(refused.recv().unwrap(), Err(AppendError::Refused(_))));
        let next = broker.append(b"b");
        let (number, sent) = read(&mut stream);
        assert_eq!(numbers(&sent), (0, 0), "nothing was written under these");
        answer(&mut stream, number, 0, 0);
        assert!(next.recv().unwrap().is_ok());
    }
}
