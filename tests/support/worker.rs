//! A `stream-worker` process and how to talk to it.

use crate::support::wait;
use reqwest::blocking::{Client, Response};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a worker is started with, again and again.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) data: PathBuf,
    pub(crate) args: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
}

impl Setup {
    /// On the embedded log.
    pub(crate) fn embedded(data: &Path) -> Self {
        let mut env = BTreeMap::new();
        env.insert("DATA_DIR".to_owned(), data.display().to_string());
        env.insert("HTTP_ADDR".to_owned(), "127.0.0.1:0".to_owned());
        env.insert("WORKER_ID".to_owned(), "one".to_owned());
        Self { data: data.to_owned(), args: vec!["run".to_owned(), "--sample".to_owned()], env }
    }

    /// On these brokers.
    pub(crate) fn kafka(data: &Path, brokers: &str) -> Self {
        let mut setup = Self::embedded(data);
        setup.env.insert("KAFKA_BROKERS".to_owned(), brokers.to_owned());
        setup
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stream-worker"));
        command.args(&self.args).env_clear().envs(&self.env).current_dir(&self.data).stdin(Stdio::null());
        command
    }
}

/// A running worker; killed when dropped.
pub(crate) struct Worker {
    child: Child,
    pub(crate) url: String,
    output: Arc<Mutex<Vec<String>>>,
    client: Client,
}

impl Worker {
    /// Starts one and waits for its ready line.
    pub(crate) fn start(setup: &Setup) -> Self {
        let mut child = setup.command().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let output = Arc::new(Mutex::new(Vec::new()));
        collect(child.stdout.take().unwrap(), &output);
        collect(child.stderr.take().unwrap(), &output);
        let client = Client::builder().timeout(Duration::from_secs(40)).build().unwrap();
        let mut worker = Self { child, url: String::new(), output, client };
        wait::until("ready line", || {
            let ended = worker.child.try_wait().unwrap();
            assert!(ended.is_none(), "worker ended with {ended:?}:\n{}", worker.said());
            match worker.ready_line() {
                Some(line) => {
                    worker.url = format!("http://{}", line.split_once("http=").unwrap().1.split(' ').next().unwrap());
                    true
                }
                None => false,
            }
        });
        worker
    }

    fn ready_line(&self) -> Option<String> {
        self.output.lock().unwrap().iter().find(|line| line.starts_with("stream-worker ready ")).cloned()
    }

    /// All it has written.
    pub(crate) fn said(&self) -> String {
        self.output.lock().unwrap().join("\n")
    }

    /// Sends it a signal: `STOP`, `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    pub(crate) fn kill9(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and how it ended.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let mut status = None;
        wait::until("worker stops on SIGTERM", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.url)).send().unwrap()
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Response {
        self.client.post(format!("{}{path}", self.url)).json(body).send().unwrap()
    }

    /// A POST with these bytes as they are.
    pub(crate) fn post_bytes(&self, path: &str, content_type: &str, body: Vec<u8>) -> Response {
        self.client.post(format!("{}{path}", self.url)).header("content-type", content_type).body(body).send().unwrap()
    }

    /// A POST with an idempotency key that may find nobody there.
    pub(crate) fn try_post(&self, path: &str, key: &str, body: &Value) -> Option<Response> {
        self.client.post(format!("{}{path}", self.url)).header("idempotency-key", key).json(body).send().ok()
    }

    /// A counter of `/metrics`, 0 while it has never counted.
    pub(crate) fn metric(&self, name_and_labels: &str) -> u64 {
        let text = self.get("/metrics").text().unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name_and_labels)?.strip_prefix(' ')?.parse().ok());
        line.unwrap_or(0)
    }

    pub(crate) fn create_policy(&self, id: &str, total: u64) {
        let body = serde_json::json!({"policyId": id, "title": format!("쿠폰 {id}"), "totalQuantity": total});
        let answer = self.post("/api/coupons/policies", &body);
        assert_eq!(answer.status(), 201, "{}", answer.text().unwrap());
    }

    pub(crate) fn policy(&self, id: &str) -> Value {
        self.get(&format!("/api/coupons/policies/{id}")).json().unwrap()
    }

    /// The outcome of a request, waited for.
    pub(crate) fn outcome(&self, request_id: &str) -> Value {
        let mut outcome = Value::Null;
        wait::until("outcome", || {
            outcome = self.get(&format!("/api/coupons/requests/{request_id}?waitMs=5000")).json().unwrap();
            outcome["status"] != "PENDING"
        });
        outcome
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("---- worker said:\n{}", self.said());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collect(from: impl std::io::Read + Send + 'static, into: &Arc<Mutex<Vec<String>>>) {
    let into = into.clone();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            into.lock().unwrap().push(line);
        }
    });
}
