//! A Kafka cluster of its own, from Maven's jars.

use std::path::PathBuf;
use std::process::{Command, Output};

/// One running cluster; gone when dropped.
pub(crate) struct Cluster {
    home: tempfile::TempDir,
    pub(crate) brokers: String,
    /// What `kafka.sh` is told beside the usual.
    env: Vec<(&'static str, String)>,
}

/// Of this clone, asked when it runs: a cached test may have been compiled in another clone.
#[expect(clippy::disallowed_methods, reason = "the house's own place is no setting")]
fn script() -> PathBuf {
    PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs this")).join("kafka/kafka.sh")
}

impl Cluster {
    pub(crate) fn start(count: u32) -> Self {
        Self::begin(count, Vec::new())
    }

    /// One whose brokers are also reached through proxies on these ports, one for each broker. A proxy finds its broker by [`Cluster::detour`].
    pub(crate) fn start_behind(proxies: &[u16]) -> Self {
        let detours: Vec<String> = proxies.iter().map(u16::to_string).collect();
        Self::begin(u32::try_from(proxies.len()).unwrap(), vec![("KAFKA_DETOURS", detours.join(","))])
    }

    /// One broker with one more listener for clients: of this protocol, with these lines of settings. Its address is [`Cluster::clients`].
    pub(crate) fn start_with_clients(protocol: &str, settings: &str) -> Self {
        Self::begin(1, vec![("KAFKA_CLIENTS", protocol.to_owned()), ("KAFKA_SETTINGS", settings.to_owned())])
    }

    /// Where that listener is.
    pub(crate) fn clients(&self) -> String {
        format!("localhost:{}", self.detour(0))
    }

    fn begin(count: u32, env: Vec<(&'static str, String)>) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut cluster = Self { home, brokers: String::new(), env };
        let up = cluster.run(&["up", &count.to_string()]);
        assert!(up.status.success(), "kafka.sh up: {}{}", text(&up.stdout), text(&up.stderr));
        cluster.brokers = text(&cluster.run(&["brokers"]).stdout).trim().to_owned();
        cluster
    }

    /// Port of the second listener of broker `nth` (from 0), where it expects what comes through its proxy: six above its own.
    pub(crate) fn detour(&self, nth: usize) -> u16 {
        let address = self.brokers.split(',').nth(nth).unwrap();
        address.rsplit(':').next().unwrap().parse::<u16>().unwrap() + 6
    }

    /// `kill`, `start`, `pause` or `resume` of broker `n`, from 1.
    pub(crate) fn to_broker(&self, verb: &str, n: u32) {
        let done = self.run(&[verb, &n.to_string()]);
        assert!(done.status.success(), "kafka.sh {verb} {n}: {}{}", text(&done.stdout), text(&done.stderr));
    }

    /// Changes the settings of broker `n`, from 1, for its next start.
    pub(crate) fn change_settings(&self, n: u32, change: impl FnOnce(&str) -> String) {
        let file = self.home.path().join(format!("{n}.properties"));
        let settings = std::fs::read_to_string(&file).unwrap();
        std::fs::write(file, change(&settings)).unwrap();
    }

    /// Whether broker `n`, from 1, says since its last start that it ended a transaction without telling a partition that had no leader just then.
    pub(crate) fn forgot_markers(&self, n: u32) -> bool {
        let said = std::fs::read_to_string(self.home.path().join(format!("{n}.log"))).unwrap();
        said.contains("Couldn't find leader endpoint for partitions")
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        Command::new("bash")
            .arg(script())
            .args(args)
            .env("KAFKA_HOME_DIR", self.home.path())
            .env("KAFKA_PORT_BASE", "auto")
            .env("KAFKA_HEAP", "384m")
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .output()
            .unwrap()
    }

    /// What a tool of Kafka's own prints.
    pub(crate) fn tool(&self, args: &[&str]) -> String {
        let output = self.run(args);
        format!("{}{}", text(&output.stdout), text(&output.stderr))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.run(&["down"]);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
