//! A receiver of alerts: it writes down what it gets, and can be told to take nothing.

use crate::support::wait;
use holdfast_ports::clock::Clock;
use holdfast_tools::clock::SystemClock;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

/// A notice that was received.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// When, in ms since the epoch.
    pub(crate) ms: i64,
    pub(crate) path: String,
    pub(crate) key: String,
    pub(crate) body: Value,
    /// What it was answered.
    pub(crate) status: u16,
}

impl Received {
    fn is(&self, alert: &str, state: &str) -> bool {
        self.body["alert"] == alert && self.body["state"] == state
    }

    /// Whether it is about this topology.
    pub(crate) fn is_of(&self, topology: &str) -> bool {
        self.body["labels"]["topology"] == topology
    }
}

struct Shared {
    answer: AtomicU16,
    received: Mutex<Vec<Received>>,
    is_over: AtomicBool,
}

/// The receiver; gone when dropped.
pub(crate) struct AlertSink {
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

impl AlertSink {
    /// One that takes everything.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let received = Mutex::default();
        let shared = Arc::new(Shared { answer: AtomicU16::new(200), received, is_over: AtomicBool::new(false) });
        let here = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if here.is_over.load(Ordering::SeqCst) {
                    return;
                }
                let here = here.clone();
                // A client that is gone has nothing to say.
                std::thread::spawn(move || drop(serve(&stream, &here)));
            }
        });
        Self { port, shared }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// What it answers from now on.
    pub(crate) fn answer(&self, status: u16) {
        self.shared.answer.store(status, Ordering::SeqCst);
    }

    /// All that it has got on `path`.
    pub(crate) fn received(&self, path: &str) -> Vec<Received> {
        self.shared.received.lock().unwrap().iter().filter(|received| received.path == path).cloned().collect()
    }

    /// The notices of this kind that were taken on `/webhook`.
    pub(crate) fn taken(&self, alert: &str, state: &str) -> Vec<Received> {
        self.received("/webhook").into_iter().filter(|one| one.status == 200 && one.is(alert, state)).collect()
    }

    /// The first notice about the lag of `topology` that is taken on `/webhook`.
    pub(crate) fn wait_for_lag(&self, topology: &str, state: &str) -> Received {
        let find = || self.taken("LAG", state).into_iter().find(|one| one.is_of(topology));
        wait::until(&format!("lag of {topology} {state}"), || find().is_some());
        find().unwrap()
    }

    /// Writes what was received on `/webhook` about a topology as the audit reads it: a JSON object in each line.
    pub(crate) fn write(&self, file: &Path, topology: &str) {
        let line = |one: Received| {
            format!(
                "{}\n",
                json!({"ms": one.ms, "path": one.path, "key": one.key, "status": one.status, "body": one.body.to_string()})
            )
        };
        std::fs::write(
            file,
            self.received("/webhook").into_iter().filter(|one| one.is_of(topology)).map(line).collect::<String>(),
        )
        .unwrap();
    }
}

impl Drop for AlertSink {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        // The listener notices at the next connection.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

fn serve(stream: &TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let (mut length, mut key) = (0, String::new());
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            let Some((name, value)) = header.trim().split_once(':') else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().unwrap(),
                "idempotency-key" => value.trim().clone_into(&mut key),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let status = shared.answer.load(Ordering::SeqCst);
        let body = serde_json::from_slice(&body).unwrap_or_default();
        let ms = SystemClock::new().now_ms();
        shared.received.lock().unwrap().push(Received { ms, path, key, body, status });
        let mut writer = stream;
        write!(writer, "HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n")?;
    }
}
