//! What would keep the stream thread waiting for brokers, done beside it: it decides for all places of a worker, and each of them has brokers of its own.
//! Begun here, and looked at again and again; neither waits.

use holdfast_ports::log::{AppendError, Appender, LogError};
use holdfast_ports::record::{Appended, NewRecord, TopicPartition};
use serde::Serialize;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, sync_channel};
use std::thread;
use std::time::Duration;

/// An append fails by itself before this.
const APPEND_MAX_US: u64 = 30_000_000;

/// A question that is being asked on a thread of its own, which ends with the answer.
pub(crate) struct Question<T>(Receiver<T>);

impl<T: Send + 'static> Question<T> {
    /// Begins to ask it.
    ///
    /// # Errors
    /// [`LogError::Retry`] when the system gives no thread.
    pub(crate) fn ask(what: impl FnOnce() -> T + Send + 'static) -> Result<Self, LogError> {
        let (tell, told) = sync_channel(1);
        // Nobody may wait for the answer any more.
        let asking = thread::Builder::new().name("kafka-claim".to_owned()).spawn(move || drop(tell.try_send(what())));
        asking.map_err(|error| LogError::Retry(format!("no thread: {error}")))?;
        Ok(Self(told))
    }

    /// The answer, once. `None`: there is none yet.
    pub(crate) fn look(&self) -> Option<Result<T, LogError>> {
        match self.0.try_recv() {
            Ok(answer) => Some(Ok(answer)),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                Some(Err(LogError::Retry("a question to the brokers panicked".to_owned())))
            }
        }
    }
}

/// A record that is being written to the placement topic.
pub(crate) struct Writing {
    place: u32,
    result: Receiver<Result<Appended, AppendError>>,
    begun_us: u64,
}

impl Writing {
    /// Begins to write `what` under `key` into the partition of `place`. Records of one partition come to stand in the order in which they were begun.
    ///
    /// # Errors
    /// [`LogError::Fatal`] for something that is no JSON.
    pub(crate) fn begin(
        appender: &dyn Appender,
        source: &TopicPartition,
        key: &[u8],
        what: &impl Serialize,
        now_us: u64,
    ) -> Result<Self, LogError> {
        let place = source.partition;
        let value =
            serde_json::to_vec(what).map_err(|error| LogError::Fatal(format!("claim of place {place}: {error}")))?;
        let record =
            NewRecord { topic: &source.topic, partition: place, key: Some(key), value: Some(&value), headers: &[] };
        let (sender, result) = sync_channel(1);
        // The caller may have stopped waiting: then the answer is dropped.
        appender.append(record, Box::new(move |appended| drop(sender.try_send(appended))));
        Ok(Self { place, result, begun_us: now_us })
    }

    /// The offset of the record, once it is durable. `None`: that is not known yet.
    pub(crate) fn look(&self, now_us: u64) -> Option<Result<i64, LogError>> {
        self.wait(Duration::ZERO, now_us)
    }

    /// [`Writing::look`] that waits from `now_us` on, but no longer than `at_most`.
    pub(crate) fn wait(&self, at_most: Duration, now_us: u64) -> Option<Result<i64, LogError>> {
        match self.result.recv_timeout(at_most) {
            Ok(result) => Some(self.verdict(result)),
            Err(RecvTimeoutError::Disconnected) => Some(Err(self.unanswered())),
            Err(RecvTimeoutError::Timeout) => (now_us >= self.begun_us + APPEND_MAX_US).then(|| Err(self.unanswered())),
        }
    }

    fn verdict(&self, result: Result<Appended, AppendError>) -> Result<i64, LogError> {
        let place = self.place;
        match result {
            Ok(appended) => Ok(appended.offset),
            Err(AppendError::Denied(why)) => {
                Err(LogError::Fatal(format!("claim of place {place}, WRITE on the placement topic: {why}")))
            }
            Err(AppendError::Refused(why)) => Err(LogError::Fatal(format!("claim of place {place}: {why}"))),
            // Written twice is as good as written once.
            Err(error) => Err(LogError::Retry(format!("claim of place {place}: {error}"))),
        }
    }

    fn unanswered(&self) -> LogError {
        LogError::Retry(format!("claim of place {}: no answer", self.place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    type Done = Box<dyn FnOnce(Result<Appended, AppendError>) + Send>;

    /// Takes records and answers when it is told to.
    #[derive(Default)]
    struct Silent(Mutex<Vec<Done>>);

    impl Appender for Silent {
        fn append(&self, _: NewRecord<'_>, done: Done) {
            self.0.lock().unwrap().push(done);
        }
    }

    fn begin(log: &Silent) -> Writing {
        Writing::begin(log, &TopicPartition::new("app-placement", 3), b"claim", &"a claim", 5).unwrap()
    }

    #[test]
    fn a_write_that_is_not_answered_keeps_nobody_waiting() {
        let log = Silent::default();
        let (first, second) = (begin(&log), begin(&log));
        assert!(first.look(5).is_none() && first.wait(Duration::from_millis(1), 5).is_none());
        let mut asked = log.0.lock().unwrap();
        asked.remove(1)(Ok(Appended { offset: 8, append_ms: 0 }));
        assert_eq!(second.look(5).unwrap().unwrap(), 8);
        assert!(first.look(APPEND_MAX_US).is_none());
        asked.remove(0)(Ok(Appended { offset: 7, append_ms: 0 }));
        assert_eq!(first.look(5).unwrap().unwrap(), 7);
    }

    #[test]
    fn what_became_of_a_write_is_named_by_what_to_do() {
        let log = Silent::default();
        let of = |answer| {
            let writing = begin(&log);
            log.0.lock().unwrap().remove(0)(answer);
            writing.look(5).unwrap().unwrap_err()
        };
        assert!(matches!(of(Err(AppendError::Unavailable("away".to_owned()))), LogError::Retry(_)));
        assert!(matches!(of(Err(AppendError::Unknown("perhaps".to_owned()))), LogError::Retry(_)));
        assert!(matches!(of(Err(AppendError::Refused("no topic".to_owned()))), LogError::Fatal(_)));
        let (late, dropped) = (begin(&log), begin(&log));
        assert!(matches!(late.look(5 + APPEND_MAX_US), Some(Err(LogError::Retry(_)))));
        log.0.lock().unwrap().clear();
        assert!(matches!(dropped.look(5), Some(Err(LogError::Retry(_)))));
    }

    #[test]
    fn a_question_is_answered_when_there_is_an_answer() {
        let (tell, told) = sync_channel::<i64>(0);
        let question = Question::ask(move || told.recv().unwrap()).unwrap();
        assert!(question.look().is_none());
        tell.send(9).unwrap();
        let answer = std::iter::repeat_with(|| question.look()).inspect(|_| thread::yield_now()).flatten().next();
        assert_eq!(answer.unwrap().unwrap(), 9);
        let panics: Question<()> = Question::ask(|| panic!("on purpose")).unwrap();
        let answer = std::iter::repeat_with(|| panics.look()).inspect(|_| thread::yield_now()).flatten().next();
        assert!(matches!(answer, Some(Err(LogError::Retry(_)))));
    }
}
