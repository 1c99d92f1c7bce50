//! A Kafka cluster of its own, from Maven's jars.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// One running cluster; gone when dropped.
pub(crate) struct Cluster {
    home: tempfile::TempDir,
    pub(crate) brokers: String,
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("kafka/kafka.sh")
}

impl Cluster {
    pub(crate) fn start(count: u32) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut cluster = Self { home, brokers: String::new() };
        let up = cluster.run(&["up", &count.to_string()]);
        assert!(up.status.success(), "kafka.sh up: {}{}", text(&up.stdout), text(&up.stderr));
        cluster.brokers = text(&cluster.run(&["brokers"]).stdout).trim().to_owned();
        cluster
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        Command::new("bash")
            .arg(script())
            .args(args)
            .env("KAFKA_HOME_DIR", self.home.path())
            .env("KAFKA_PORT_BASE", "auto")
            .env("KAFKA_HEAP", "384m")
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
