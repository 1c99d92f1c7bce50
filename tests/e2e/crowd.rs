//! More clients than file descriptors, and clients that say half of what they have to say: the worker turns them away and lives.

use crate::support::wait;
use crate::support::worker::{Setup, Worker};
use rustix::process::{Resource, getrlimit, setrlimit};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The limit that most systems begin with.
const OPEN_FILES: u32 = 1_024;
const GUESTS: usize = 1_000;
/// Long before that, a worker without limits has died of its open files.
const ACCEPTED_MIN: usize = 20_000;

/// This process needs more than the worker has.
fn raise_our_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
}

fn address(worker: &Worker) -> &str {
    worker.url.strip_prefix("http://").unwrap()
}

/// A client with one connection, which it keeps as long as the worker does.
struct Guest<'a> {
    address: &'a str,
    connection: Option<BufReader<TcpStream>>,
}

impl<'a> Guest<'a> {
    fn new(address: &'a str) -> Self {
        Self { address, connection: None }
    }

    fn send(&mut self, request: &str) -> Option<()> {
        if self.connection.is_none() {
            let stream = TcpStream::connect(self.address).ok()?;
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            self.connection = Some(BufReader::new(stream));
        }
        let sent = self.connection.as_mut()?.get_mut().write_all(request.as_bytes());
        if sent.is_err() {
            self.connection = None;
        }
        sent.ok()
    }

    /// Status and body of the answer; none when the connection ends before.
    fn receive(&mut self) -> Option<(u16, String)> {
        let answer = self.connection.as_mut().and_then(read_answer);
        if answer.as_ref().is_none_or(|(status, _)| *status == 503) {
            self.connection = None;
        }
        answer
    }
}

fn read_answer(from: &mut BufReader<TcpStream>) -> Option<(u16, String)> {
    let mut line = String::new();
    from.read_line(&mut line).ok().filter(|n| *n > 0)?;
    let status = line.split(' ').nth(1)?.parse().ok()?;
    let mut length = 0;
    while line.trim() != "" {
        line.clear();
        from.read_line(&mut line).ok().filter(|n| *n > 0)?;
        let (name, value) = line.split_once(':').unwrap_or_default();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body).ok()?;
    Some((status, String::from_utf8(body).ok()?))
}

/// The ids are long, so that log and stores soon have to open files.
fn buy(policy: &str, user: usize) -> String {
    let body = format!("{{\"policyId\":\"{policy}\",\"userId\":\"{user:0>480}\"}}");
    format!(
        "POST /api/coupons/issue HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn more_buyers_than_descriptors_do_not_end_the_worker_and_lose_nothing() {
    raise_our_limit();
    let data = tempfile::tempdir().unwrap();
    let worker = Worker::start(&Setup::embedded(data.path()).with_open_files(OPEN_FILES));
    let policy = format!("{:c>60}", "crowd");
    worker.create_policy(&policy, 10_000_000);
    let (accepted, users, turned_away) = (Mutex::new(Vec::new()), AtomicUsize::new(0), AtomicUsize::new(0));
    let is_over = || accepted.lock().unwrap().len() >= ACCEPTED_MIN || !worker.is_running();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut guests: Vec<_> = (0..GUESTS / 8).map(|_| Guest::new(address(&worker))).collect();
                while !is_over() {
                    let asked = |guest: &mut Guest<'_>| {
                        guest.send(&buy(&policy, users.fetch_add(1, Ordering::SeqCst))).is_some()
                    };
                    let asked: Vec<_> = guests.iter_mut().filter_map(|guest| asked(guest).then_some(guest)).collect();
                    for answer in asked.into_iter().filter_map(Guest::receive) {
                        match answer {
                            (202, body) => accepted.lock().unwrap().push(body),
                            (503, body) if body.contains("OVERLOADED") => {
                                turned_away.fetch_add(1, Ordering::SeqCst);
                            }
                            // It is about to end, or to recover.
                            (503, _) => {}
                            (status, body) => panic!("{status}: {body}"),
                        }
                    }
                }
            });
        }
        wait::until("a crowd is served", is_over);
    });
    assert!(worker.is_running(), "{}", worker.said());
    assert_eq!(worker.get("/health/live").status(), 200);
    assert!(turned_away.load(Ordering::SeqCst) > 0, "they all had room: the test shows nothing");
    assert!(worker.metric("holdfast_http_connections_turned_away_total", "") > 0.0);
    let accepted = accepted.into_inner().unwrap();
    wait::until("what was accepted is issued", || {
        worker.policy(&policy)["issued"].as_u64().unwrap() >= accepted.len() as u64
    });
    for body in accepted.iter().step_by(accepted.len() / 100) {
        let told: Value = serde_json::from_str(body).unwrap();
        assert_eq!(worker.outcome(told["requestId"].as_str().unwrap())["status"], "SUCCESS");
    }
    assert_eq!(worker.terminate().code(), Some(0));
}

#[test]
fn clients_that_say_half_a_request_do_not_close_the_door() {
    raise_our_limit();
    let data = tempfile::tempdir().unwrap();
    let worker = Worker::start(&Setup::embedded(data.path()).with_open_files(OPEN_FILES));
    let halves = [
        "GET /health/live HTTP/1.1\r\nho",
        "POST /api/coupons/issue HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{",
    ];
    let mut slow = Vec::new();
    for n in 0..GUESTS + 200 {
        // The system may take more than the worker: a connection that waits to be accepted is as slow as any.
        if let Ok(mut stream) = TcpStream::connect(address(&worker)) {
            // One that is turned away already is no reason to stop.
            let _ = stream.write_all(halves[n % 2].as_bytes());
            slow.push(stream);
        }
    }
    let mut probe = Guest::new(address(&worker));
    let probed =
        probe.send("GET /health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").and_then(|()| probe.receive());
    assert_eq!(probed.map(|(status, _)| status), Some(200), "{}", worker.said());
    // They are not waited for, and then there is room again.
    wait::until("a buyer is served", || {
        let mut buyer = Guest::new(address(&worker));
        let answer = buyer.send(&buy("1", 1)).and_then(|()| buyer.receive());
        answer.is_some_and(|(status, _)| status == 202)
    });
    assert!(worker.metric("holdfast_http_timeouts_total", "head") > 0.0);
    assert!(worker.metric("holdfast_http_timeouts_total", "body") > 0.0);
    drop(slow);
    assert_eq!(worker.terminate().code(), Some(0));
}
