//! A broker that is spoken to with TLS and SASL, in every way that may go wrong: one process, one listener for each way.

use crate::support::broker::Cluster;
use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Its user and that user's password, where it wants them.
pub(crate) const USER: &str = "holdfast";
pub(crate) const PASSWORD: &str = "right";
/// Password of [`Secured::file`]`("locked.key")`.
pub(crate) const KEY_PASSWORD: &str = "open";

/// A listener that sends its clients to an address for which its certificate is not made.
pub(crate) const ASTRAY: &str = "ASTRAY";

/// Name of a listener, how it speaks, the certificate it shows, and what else it is told.
const LISTENERS: &[(&str, &str, &str, &[&str])] = &[
    ("TLS", "SSL", "broker", &[]),
    ("EXPIRED", "SSL", "expired", &[]),
    ("ELSEWHERE", "SSL", "elsewhere", &[]),
    (ASTRAY, "SSL", "broker", &[]),
    ("MUTUAL", "SSL", "broker", &["ssl.client.auth=required"]),
    ("USERS", "SASL_SSL", "broker", SASL),
    ("USERSPLAIN", "SASL_PLAINTEXT", "", SASL),
];

const SASL: &[&str] = &[
    "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512",
    "plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_holdfast=\"right\";",
    "scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;",
];

/// The broker and its certificates; gone when dropped.
pub(crate) struct Secured {
    cluster: Cluster,
    folder: tempfile::TempDir,
    ports: BTreeMap<&'static str, u16>,
}

impl Secured {
    /// Starts it.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        certificates(folder.path());
        let cluster = Cluster::start(1);
        cluster.to_broker("kill", 1);
        // Held open together, so that no port is given twice.
        let free: Vec<_> = LISTENERS.iter().map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let ports: BTreeMap<_, _> =
            LISTENERS.iter().zip(&free).map(|((name, ..), port)| (*name, port.local_addr().unwrap().port())).collect();
        drop(free);
        cluster.change_settings(1, |settings| with_listeners(settings, &ports, folder.path()));
        cluster.to_broker("start", 1);
        Self { cluster, folder, ports }
    }

    /// Where a listener is, or the plain one (`PLAINTEXT`).
    pub(crate) fn brokers(&self, listener: &str) -> String {
        match self.ports.get(listener) {
            Some(port) => format!("localhost:{port}"),
            None => self.cluster.brokers.clone(),
        }
    }

    /// The listener shows another certificate from now on.
    pub(crate) fn shows(&self, listener: &str, certificate: &str) {
        let key = format!("listener.name.{}.ssl.keystore.location=", listener.to_lowercase());
        let other = format!("{key}{}", self.folder.path().join(format!("{certificate}.both")).display());
        self.cluster.to_broker("kill", 1);
        self.cluster.change_settings(1, |settings| {
            let lines = settings.lines().map(|line| if line.starts_with(&key) { other.as_str() } else { line });
            lines.collect::<Vec<_>>().join("\n")
        });
        self.cluster.to_broker("start", 1);
    }

    /// A file beside the certificates: see [`certificates`].
    pub(crate) fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}

/// A broker's settings with the listeners beside those that it has.
fn with_listeners(settings: &str, ports: &BTreeMap<&'static str, u16>, folder: &Path) -> String {
    let mut lines: Vec<String> = settings.lines().map(str::to_owned).collect();
    for (name, protocol, ..) in LISTENERS {
        let port = ports[name];
        for line in &mut lines {
            match line.split_once('=').map(|(key, _)| key) {
                Some("advertised.listeners") if *name == ASTRAY => {
                    line.push_str(&format!(",{name}://127.0.0.1:{port}"))
                }
                Some("listeners" | "advertised.listeners") => line.push_str(&format!(",{name}://localhost:{port}")),
                Some("listener.security.protocol.map") => line.push_str(&format!(",{name}:{protocol}")),
                _ => {}
            }
        }
    }
    for (name, _, certificate, told) in LISTENERS {
        let prefix = format!("listener.name.{}", name.to_lowercase());
        if !certificate.is_empty() {
            lines.push(format!("{prefix}.ssl.keystore.type=PEM"));
            lines.push(format!(
                "{prefix}.ssl.keystore.location={}",
                folder.join(format!("{certificate}.both")).display()
            ));
            lines.push(format!("{prefix}.ssl.truststore.type=PEM"));
            lines.push(format!("{prefix}.ssl.truststore.location={}", folder.join("ca.pem").display()));
        }
        lines.extend(told.iter().map(|setting| format!("{prefix}.{setting}")));
    }
    lines.join("\n")
}

/// Two authorities (`ca`, `stranger`), three certificates of brokers, and two of workers, one by each authority. `X.pem` is a certificate, `X.key` its key,
/// `X.both` the two of them, `locked.key` the worker's key behind [`KEY_PASSWORD`].
fn certificates(folder: &Path) {
    let openssl = OpenSsl(folder.to_owned());
    for authority in ["ca", "stranger"] {
        openssl.run(&format!(
            "req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN={authority} -addext basicConstraints=critical,CA:TRUE -keyout {authority}.key -out {authority}.pem"
        ));
    }
    for (name, authority, host, days) in [
        ("broker", "ca", "localhost", "30"),
        ("expired", "ca", "localhost", "-1"),
        ("elsewhere", "ca", "kafka.internal", "30"),
        ("worker", "ca", "worker", "30"),
        ("unknown", "stranger", "worker", "30"),
    ] {
        fs::write(folder.join(format!("{name}.ext")), format!("subjectAltName=DNS:{host}\n")).unwrap();
        openssl.run(&format!("req -newkey rsa:2048 -nodes -subj /CN={host} -keyout {name}.key -out {name}.csr"));
        openssl.run(&format!(
            "x509 -req -in {name}.csr -CA {authority}.pem -CAkey {authority}.key -CAcreateserial -days {days} -extfile {name}.ext -out {name}.pem"
        ));
        let read = |kind: &str| fs::read_to_string(folder.join(format!("{name}.{kind}"))).unwrap();
        fs::write(folder.join(format!("{name}.both")), read("key") + &read("pem")).unwrap();
    }
    openssl.run(&format!("pkcs8 -topk8 -in worker.key -passout pass:{KEY_PASSWORD} -out locked.key"));
}

struct OpenSsl(PathBuf);

impl OpenSsl {
    fn run(&self, arguments: &str) {
        let made = Command::new("openssl").args(arguments.split(' ')).current_dir(&self.0).output().unwrap();
        assert!(made.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&made.stderr));
    }
}
