//! The claims of places, for a worker that joins no group (`--role api`): read from the placement topic, and understood as the group's members do,
//! by `ports::placement`.

use crate::http::Claims;
use holdfast_ports::log::{End, Fetcher, Log, LogError, Slot, Start};
use holdfast_ports::placement::{self, Standing};
use holdfast_ports::record::TopicPartition;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// How long one wait for news lasts; also how soon a stop is noticed.
const TURN: Duration = Duration::from_millis(100);
/// Pause after a log that could not be read.
const RETRY: Duration = Duration::from_secs(1);

/// Follows the claims of `app` until the returned sender is dropped.
///
/// # Errors
/// When the system gives no thread.
pub fn follow(log: Arc<dyn Log>, app: &str, places: u32, claims: Claims) -> std::io::Result<mpsc::Sender<()>> {
    let (stop, stopped) = mpsc::channel();
    let topic = placement::topic(app);
    thread::Builder::new().name("claims".to_owned()).spawn(move || {
        loop {
            if let Err(error) = read(&*log, &topic, places, &claims, &stopped) {
                tracing::warn!(topic, %error, "claims cannot be read, trying again");
            }
            if !matches!(stopped.recv_timeout(RETRY), Err(RecvTimeoutError::Timeout)) {
                return;
            }
        }
    })?;
    Ok(stop)
}

fn read(
    log: &dyn Log,
    topic: &str,
    places: u32,
    claims: &Claims,
    stopped: &mpsc::Receiver<()>,
) -> Result<(), LogError> {
    let mut follower = Follower::open(log, topic, places)?;
    while matches!(stopped.try_recv(), Err(mpsc::TryRecvError::Empty)) {
        follower.turn(claims)?;
    }
    Ok(())
}

/// One partition of the placement topic.
struct Place {
    slot: Slot,
    /// Where it ended when the reading began: before that it tells of owners who may be long gone, and they are not shown.
    end: i64,
    standing: Standing,
}

/// Reads the placement topic from its beginning.
struct Follower {
    fetcher: Box<dyn Fetcher>,
    places: Vec<Place>,
}

impl Follower {
    fn open(log: &dyn Log, topic: &str, places: u32) -> Result<Self, LogError> {
        let mut fetcher = log.fetcher()?;
        let mut open = |place| {
            let source = TopicPartition::new(topic, place);
            let end = fetcher.end(&source, End::Written)?;
            Ok(Place { slot: fetcher.assign(&source, Start::Earliest)?, end, standing: Standing::default() })
        };
        let places = (0..places).map(&mut open).collect::<Result<_, LogError>>()?;
        Ok(Self { fetcher, places })
    }

    /// Waits for news, and shows who owns what after them.
    fn turn(&mut self, claims: &Claims) -> Result<(), LogError> {
        let Self { fetcher, places } = self;
        fetcher.wait(TURN)?;
        fetcher.fetch(usize::MAX, &mut |slot, record| {
            if let Some((number, place)) = (0_u32..).zip(&mut *places).find(|(_, place)| place.slot == slot)
                && let Err(error) = place.standing.take_in(record)
            {
                // Its owner is who he was; a worker that only answers has nothing better to do about it.
                tracing::warn!(place = number, %error, "a record of the placement topic is passed over");
            }
            ControlFlow::Continue(())
        })?;
        for (number, place) in places.iter().enumerate() {
            if fetcher.position(place.slot) >= place.end {
                claims.set(number, place.standing.owner());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_log_embedded::{EmbeddedConfig, EmbeddedLog};
    use holdfast_ports::clock::Clock;
    use holdfast_ports::log::{Cleanup, TopicSpec};
    use holdfast_ports::membership::Owner;
    use holdfast_ports::placement::{CLAIM_KEY, Claim};
    use holdfast_ports::record::NewRecord;
    use holdfast_tools::clock::SystemClock;

    const PLACES: u32 = 2;

    /// A placement topic, written to as workers do.
    struct Topic {
        log: Arc<dyn Log>,
        name: String,
        _dir: tempfile::TempDir,
    }

    fn by(writer: &str) -> Claim {
        Claim::of(&Owner::new(format!("http://{writer}"), writer))
    }

    impl Topic {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
            let log = EmbeddedLog::open(EmbeddedConfig::new(dir.path().join("log"), clock)).unwrap();
            let name = placement::topic("test");
            let cleanup = Cleanup::Compact { delete_retention_ms: 60_000 };
            let spec = TopicSpec { name: name.clone(), partitions: PLACES, replication: None, cleanup };
            log.create_topics(&[spec]).unwrap();
            Self { log, name, _dir: dir }
        }

        fn append(&self, place: u32, value: &[u8]) {
            let (sender, appended) = mpsc::channel();
            let record = NewRecord {
                topic: &self.name,
                partition: place,
                key: Some(CLAIM_KEY),
                value: Some(value),
                headers: &[],
            };
            let done = move |result| sender.send(result).unwrap();
            self.log.appender().unwrap().append(record, Box::new(done));
            appended.recv().unwrap().unwrap();
        }

        fn claim(&self, place: u32, claim: &Claim) {
            self.append(place, &serde_json::to_vec(claim).unwrap());
        }

        /// Lets `follower` read all that is there.
        fn is_followed(&self, follower: &mut Follower, claims: &Claims) {
            for place in 0..PLACES {
                let end = follower.fetcher.end(&TopicPartition::new(&*self.name, place), End::Written).unwrap();
                while follower.fetcher.position(follower.places[place as usize].slot) < end {
                    follower.turn(claims).unwrap();
                }
            }
        }
    }

    fn owners(claims: &Claims) -> [Option<String>; PLACES as usize] {
        [0, 1].map(|place| claims.of(place).map(|owner| owner.endpoint))
    }

    #[test]
    fn the_owner_stays_when_the_release_of_one_who_slept_comes_late() {
        let (topic, claims) = (Topic::new(), Claims::default());
        topic.claim(0, &by("slept"));
        topic.claim(0, &by("here"));
        let mut follower = Follower::open(&*topic.log, &topic.name, PLACES).unwrap();
        topic.is_followed(&mut follower, &claims);
        let here = || Some("http://here".to_owned());
        assert_eq!(owners(&claims), [here(), None]);
        for late in [by("slept").yielding(), by("slept").released()] {
            topic.claim(0, &late);
            topic.claim(1, &late);
            topic.is_followed(&mut follower, &claims);
            assert_eq!(owners(&claims)[0], here(), "{late:?}");
        }
        // And whoever begins to read only now.
        let mut follower = Follower::open(&*topic.log, &topic.name, PLACES).unwrap();
        topic.is_followed(&mut follower, &claims);
        assert_eq!(owners(&claims), [here(), None]);
        topic.claim(0, &by("here").released());
        topic.is_followed(&mut follower, &claims);
        assert_eq!(owners(&claims), [None, None]);
    }

    #[test]
    fn those_who_are_gone_are_not_shown_on_the_way() {
        let (topic, claims) = (Topic::new(), Claims::default());
        topic.claim(0, &by("before"));
        let mut follower = Follower::open(&*topic.log, &topic.name, PLACES).unwrap();
        follower.places[0].end += 1;
        topic.is_followed(&mut follower, &claims);
        assert_eq!(owners(&claims), [None, None], "there was more when the reading began");
        topic.claim(0, &by("now"));
        topic.is_followed(&mut follower, &claims);
        assert_eq!(owners(&claims), [Some("http://now".to_owned()), None]);
    }

    #[test]
    fn nonsense_changes_no_owner() {
        let (topic, claims) = (Topic::new(), Claims::default());
        topic.claim(0, &by("here"));
        topic.append(0, b"?");
        let mut follower = Follower::open(&*topic.log, &topic.name, PLACES).unwrap();
        topic.is_followed(&mut follower, &claims);
        assert_eq!(owners(&claims), [Some("http://here".to_owned()), None]);
    }
}
