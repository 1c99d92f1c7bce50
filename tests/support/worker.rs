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
    /// Files that it may open, if not as many as we may.
    pub(crate) open_files: Option<u32>,
}

impl Setup {
    /// On the embedded log.
    pub(crate) fn embedded(data: &Path) -> Self {
        let mut env = BTreeMap::new();
        env.insert("DATA_DIR".to_owned(), data.display().to_string());
        env.insert("HTTP_ADDR".to_owned(), "127.0.0.1:0".to_owned());
        env.insert("WORKER_ID".to_owned(), "one".to_owned());
        Self { data: data.to_owned(), args: vec!["run".to_owned(), "--sample".to_owned()], env, open_files: None }
    }

    /// On these brokers.
    pub(crate) fn kafka(data: &Path, brokers: &str) -> Self {
        let mut setup = Self::embedded(data);
        setup.env.insert("KAFKA_BROKERS".to_owned(), brokers.to_owned());
        setup
    }

    /// One of several replicas on these brokers: it has a disk of its own below `data`, and joins the group as `member` if that is set.
    pub(crate) fn replica(data: &Path, brokers: &str, name: &str, member: Option<&str>) -> Self {
        let own = data.join(name);
        std::fs::create_dir_all(&own).unwrap();
        let mut setup = Self::kafka(&own, brokers);
        setup.args = vec!["run".to_owned()];
        setup.env.remove("WORKER_ID");
        if let Some(member) = member {
            setup.env.insert("WORKER_ID".to_owned(), member.to_owned());
        }
        setup
    }

    /// With this setting, by its name in the environment.
    pub(crate) fn with(mut self, setting: &str, value: &str) -> Self {
        self.env.insert(setting.to_owned(), value.to_owned());
        self
    }

    /// With at most so many open files and connections; the worker cannot raise that.
    pub(crate) fn with_open_files(mut self, most: u32) -> Self {
        self.open_files = Some(most);
        self
    }

    pub(crate) fn command(&self) -> Command {
        let worker = env!("CARGO_BIN_EXE_stream-worker");
        let mut command = match self.open_files {
            None => Command::new(worker),
            Some(most) => {
                let mut shell = Command::new("/bin/sh");
                shell.args(["-c", "ulimit -n \"$1\"; shift; exec \"$@\"", "sh", &most.to_string(), worker]);
                shell
            }
        };
        command.args(&self.args).env_clear().envs(&self.env).current_dir(&self.data).stdin(Stdio::null());
        command
    }
}

/// A running worker; killed when dropped.
pub(crate) struct Worker {
    child: Mutex<Child>,
    pub(crate) url: String,
    output: Arc<Mutex<Vec<String>>>,
    client: Client,
}

impl Worker {
    /// Starts one and waits for its ready line.
    pub(crate) fn start(setup: &Setup) -> Self {
        let worker = Self::launch(setup);
        worker.wait_for_line("ready line", |line| line.starts_with("stream-worker ready ").then_some(()));
        worker
    }

    /// Starts one and waits until it listens. It is not ready then, and owns nothing.
    pub(crate) fn launch(setup: &Setup) -> Self {
        let mut child = setup.command().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let output = Arc::new(Mutex::new(Vec::new()));
        collect(child.stdout.take().unwrap(), &output);
        collect(child.stderr.take().unwrap(), &output);
        stream_worker::tls::provide();
        let client = Client::builder().timeout(Duration::from_secs(40)).build().unwrap();
        let mut worker = Self { child: Mutex::new(child), url: String::new(), output, client };
        let address = worker.wait_for_line("address", |line| {
            Some(line.split_once("listening, not yet ready")?.1.split_once("http=\"")?.1.split('"').next()?.to_owned())
        });
        worker.url = format!("http://{address}");
        worker
    }

    /// What `find` finds in a line of its output, once there is one.
    fn wait_for_line<T>(&self, what: &str, find: impl Fn(&str) -> Option<T>) -> T {
        let mut found = None;
        wait::until(what, || {
            found = self.output.lock().unwrap().iter().find_map(|line| find(line));
            let ended = self.child.lock().unwrap().try_wait().unwrap();
            assert!(found.is_some() || ended.is_none(), "worker ended with {ended:?}:\n{}", self.said());
            found.is_some()
        });
        found.unwrap()
    }

    /// Whether it has not ended.
    pub(crate) fn is_running(&self) -> bool {
        self.child.lock().unwrap().try_wait().unwrap().is_none()
    }

    /// All it has written.
    pub(crate) fn said(&self) -> String {
        self.output.lock().unwrap().join("\n")
    }

    pub(crate) fn kill9(self) {
        let mut child = self.child.lock().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Sends it a signal, `STOP` say.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.lock().unwrap().id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    /// SIGTERM, and how it ended.
    pub(crate) fn terminate(self) -> ExitStatus {
        self.signal("TERM");
        let mut status = None;
        wait::until("worker stops on SIGTERM", || {
            status = self.child.lock().unwrap().try_wait().unwrap();
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

    /// A POST with a header.
    pub(crate) fn post_as(&self, path: &str, (name, value): (&str, &str), body: &Value) -> Response {
        let value = reqwest::header::HeaderValue::from_bytes(value.as_bytes()).unwrap();
        self.client.post(format!("{}{path}", self.url)).header(name, value).json(body).send().unwrap()
    }

    /// A POST with these bytes as they are.
    pub(crate) fn post_bytes(&self, path: &str, content_type: &str, body: Vec<u8>) -> Response {
        self.client.post(format!("{}{path}", self.url)).header("content-type", content_type).body(body).send().unwrap()
    }

    pub(crate) fn delete(&self, path: &str) -> Response {
        self.client.delete(format!("{}{path}", self.url)).send().unwrap()
    }

    /// A POST with an idempotency key that may find nobody there.
    pub(crate) fn try_post(&self, path: &str, key: &str, body: &Value) -> Option<Response> {
        self.client.post(format!("{}{path}", self.url)).header("idempotency-key", key).json(body).send().ok()
    }

    /// A POST by a client who insists: whatever is not decided or not accepted in time is asked again under the same key. A broker that was only just
    /// started may take longer than the 3 s after which a route answers 202.
    pub(crate) fn insist(&self, path: &str, key: &str, body: &Value) -> Response {
        let mut told = None;
        wait::until("a decision", || {
            told = self.try_post(path, key, body).filter(|answer| !matches!(answer.status().as_u16(), 202 | 503));
            told.is_some()
        });
        told.unwrap()
    }

    /// [`Self::insist`], under a key of its own.
    pub(crate) fn decided(&self, path: &str, body: &Value) -> Response {
        self.insist(path, &uuid::Uuid::now_v7().to_string(), body)
    }

    /// The places it owns, as it says itself; none when it does not answer.
    pub(crate) fn places(&self) -> Vec<u32> {
        let Ok(answer) = self.client.get(format!("{}/health/ready", self.url)).send() else { return Vec::new() };
        let Ok(health) = answer.json::<Value>() else { return Vec::new() };
        let runs = |task: &&Value| task["state"] == "Running";
        let tasks = health["tasks"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut places: Vec<u32> =
            tasks.iter().filter(runs).map(|task| u32::try_from(task["place"].as_u64().unwrap()).unwrap()).collect();
        places.sort_unstable();
        places.dedup();
        places
    }

    /// The sum of a metric over all series whose labels contain `label`.
    pub(crate) fn metric(&self, name: &str, label: &str) -> f64 {
        let text = self.get("/metrics").text().unwrap();
        let series = text.lines().filter(|line| line.starts_with(name) && line.contains(label));
        series.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    }

    pub(crate) fn create_policy(&self, id: &str, total: u64) {
        let body = serde_json::json!({"policyId": id, "title": format!("쿠폰 {id}"), "totalQuantity": total});
        let answer = self.post("/api/coupons/policies", &body);
        let status = answer.status();
        assert!(status == 201 || status == 202, "{status}: {}", answer.text().unwrap());
        // 202: it takes longer than an answer may.
        wait::until("the policy is there", || self.get(&format!("/api/coupons/policies/{id}")).status() == 200);
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
        let mut child = self.child.lock().unwrap();
        let _ = child.kill();
        let _ = child.wait();
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
