//! Brokers with TLS and SASL. Each way to set it up wrongly ends the worker with code 2 and one sentence that names the setting; done right it works.

use crate::support::command::said;
use crate::support::secured::{ASTRAY, KEY_PASSWORD, PASSWORD, Secured, USER};
use crate::support::wait;
use crate::support::worker::{Setup, Worker};
use serde_json::{Value, json};
use std::path::Path;

/// A worker on this listener, with these settings of KAFKA_SECURITY_*.
fn setup(data: &Path, secured: &Secured, listener: &str, settings: &[(&str, &str)]) -> Setup {
    let setup = Setup::kafka(data, &secured.brokers(listener));
    settings.iter().fold(setup, |setup, (name, value)| setup.with(&format!("KAFKA_SECURITY_{name}"), value))
}

/// The worker ends with code 2, and one line of what it says begins with the setting and holds all of `words`.
fn refused(setup: &Setup, setting: &str, words: &[&str]) {
    let output = setup.command().output().unwrap();
    let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let context = || format!("{setting} {words:?}, {:?}:\n{told}", setup.env);
    assert_eq!(output.status.code(), Some(2), "{}", context());
    let about: Vec<&str> = told.lines().filter(|line| line.contains(&format!("configuration: {setting}: "))).collect();
    assert_eq!(about.len(), 1, "{}", context());
    assert!(words.iter().all(|word| about[0].contains(word)), "{}", context());
    // It is the only thing it complains about, and nobody has to know librdkafka's names of settings.
    assert!(
        !told.contains(" WARN ") && !told.contains(" ERROR ") && !told.contains("ssl.ca.location"),
        "{}",
        context()
    );
}

#[test]
fn each_wrong_way_has_its_own_sentence_and_the_right_ways_work() {
    let secured = Secured::start();
    let data = tempfile::tempdir().unwrap();
    let file = |name: &str| secured.file(name);
    let (ca, stranger) = (file("ca.pem"), file("stranger.pem"));
    let (cert, key, locked) = (file("worker.pem"), file("worker.key"), file("locked.key"));
    let (unknown_cert, unknown_key) = (file("unknown.pem"), file("unknown.key"));
    let no = |listener: &str, settings: &[(&str, &str)], setting: &str, words: &[&str]| {
        refused(&setup(data.path(), &secured, listener, settings), &format!("KAFKA_{setting}"), words);
    };
    let ssl = ("PROTOCOL", "ssl");
    let trusts = ("CA", ca.as_str());

    no("TLS", &[ssl, ("CA", &stranger)], "SECURITY_CA", &["signed", "CN=ca", &secured.brokers("TLS")]);
    no("TLS", &[ssl], "SECURITY_CA", &["is not set", "CN=ca"]);
    no("TLS", &[ssl, ("CA", &key)], "SECURITY_CA", &["no certificate", &key]);
    no("EXPIRED", &[ssl, trusts], "BROKERS", &["has expired", &secured.brokers("EXPIRED")]);
    no("ELSEWHERE", &[ssl, trusts], "BROKERS", &["kafka.internal", "localhost"]);
    no(ASTRAY, &[ssl, trusts], "BROKERS", &["localhost", "127.0.0.1", "advertised.listeners"]);

    no("TLS", &[], "SECURITY_PROTOCOL", &["is plaintext", "speaks TLS", "set ssl"]);
    no("MUTUAL", &[], "SECURITY_PROTOCOL", &["is plaintext", "speaks TLS", "set ssl"]);
    no("PLAINTEXT", &[ssl, trusts], "SECURITY_PROTOCOL", &["is ssl", "speaks plaintext", "set plaintext"]);

    no("MUTUAL", &[ssl, trusts], "SECURITY_CERTIFICATE", &["is not set", "KAFKA_SECURITY_KEY"]);
    let by_stranger = [ssl, trusts, ("CERTIFICATE", &unknown_cert), ("KEY", &unknown_key)];
    no("MUTUAL", &by_stranger, "SECURITY_CERTIFICATE", &["does not accept", &unknown_cert]);
    no("MUTUAL", &[ssl, trusts, ("CERTIFICATE", &cert), ("KEY", &unknown_key)], "SECURITY_KEY", &["is not the key"]);
    no("MUTUAL", &[ssl, trusts, ("CERTIFICATE", &cert), ("KEY", &cert)], "SECURITY_KEY", &["no private key", &cert]);
    no("MUTUAL", &[ssl, trusts, ("CERTIFICATE", &key), ("KEY", &key)], "SECURITY_CERTIFICATE", &["no certificate"]);
    let with_key = |password: Option<&'static str>| {
        let settings = [ssl, trusts, ("CERTIFICATE", &cert), ("KEY", &locked)];
        settings.into_iter().chain(password.map(|password| ("KEY_PASSWORD", password))).collect::<Vec<_>>()
    };
    no("MUTUAL", &with_key(None), "SECURITY_KEY_PASSWORD", &["must be set", &locked]);
    no("MUTUAL", &with_key(Some("shut")), "SECURITY_KEY_PASSWORD", &["is not the password", &locked]);

    let user = |protocol, mechanism, password| {
        [("PROTOCOL", protocol), ("MECHANISM", mechanism), ("USERNAME", USER), ("PASSWORD", password)]
    };
    let encrypted =
        |mechanism, password| user("sasl_ssl", mechanism, password).into_iter().chain([trusts]).collect::<Vec<_>>();
    for mechanism in ["PLAIN", "SCRAM-SHA-512"] {
        no("USERS", &encrypted(mechanism, "wrong"), "SECURITY_PASSWORD", &[USER, "KAFKA_SECURITY_USERNAME"]);
    }
    no("USERSPLAIN", &user("sasl_plaintext", "PLAIN", "wrong"), "SECURITY_PASSWORD", &[USER]);
    no(
        "USERS",
        &encrypted("SCRAM-SHA-256", PASSWORD),
        "SECURITY_MECHANISM",
        &["SCRAM-SHA-256", "PLAIN, SCRAM-SHA-512"],
    );
    no("USERS", &[ssl, trusts], "SECURITY_PROTOCOL", &["is ssl", "set sasl_ssl", "KAFKA_SECURITY_USERNAME"]);
    no("USERSPLAIN", &[], "SECURITY_PROTOCOL", &["is plaintext", "set sasl_plaintext", "KAFKA_SECURITY_USERNAME"]);
    no("USERS", &user("sasl_plaintext", "PLAIN", PASSWORD), "SECURITY_PROTOCOL", &["speaks TLS", "set sasl_ssl"]);
    no("TLS", &encrypted("PLAIN", PASSWORD), "SECURITY_PROTOCOL", &["is sasl_ssl", "set ssl"]);
    no(
        "PLAINTEXT",
        &user("sasl_plaintext", "PLAIN", PASSWORD),
        "SECURITY_PROTOCOL",
        &["is sasl_plaintext", "set plaintext"],
    );
    // The other verbs, too.
    let check =
        Setup { args: ["topics", "check"].map(str::to_owned).to_vec(), ..setup(data.path(), &secured, "TLS", &[]) };
    refused(&check, "KAFKA_SECURITY_PROTOCOL", &["speaks TLS"]);

    for (listener, settings) in [
        ("USERS", encrypted("PLAIN", PASSWORD)),
        ("USERSPLAIN", user("sasl_plaintext", "PLAIN", PASSWORD).to_vec()),
        ("TLS", vec![ssl, trusts]),
    ] {
        let checked = said(&setup(data.path(), &secured, listener, &settings), &["topics", "create"]);
        assert_eq!(checked.code, 0, "{listener}: {checked:?}");
    }
    let worker = mutual(&setup(data.path(), &secured, "MUTUAL", &with_key(Some(KEY_PASSWORD))));
    // It has expired while the worker runs, is noticed when the broker is connected to again, and is renewed.
    secured.shows("MUTUAL", "expired");
    wait::until("health says what has expired", || {
        let said: Value = worker.get("/health/ready").json().unwrap();
        said["log"]["status"] == "DOWN" && said["reasons"][0].as_str().is_some_and(|why| why.contains("has expired"))
    });
    assert_eq!(worker.get("/health/live").status(), 200);
    secured.shows("MUTUAL", "broker");
    wait::until("it is ready again", || worker.get("/health/ready").status() == 200);
    assert!(worker.terminate().success());
}

/// With a certificate of the worker's own: it becomes ready, decides, and shows what is in force and no password.
fn mutual(setup: &Setup) -> Worker {
    let worker = Worker::start(setup);
    let asked = worker.post("/api/coupons/issue", &json!({"policyId": "1", "userId": "1001"}));
    assert_eq!(asked.status(), 202);
    let id = asked.json::<Value>().unwrap()["requestId"].as_str().unwrap().to_owned();
    assert_eq!(worker.outcome(&id)["status"], "SUCCESS");
    let told = worker.said();
    assert!(told.contains("kafka_transactions=librdkafka ") && !told.contains("kafka_transactions=direct"), "{told}");
    assert!(told.contains("kafka_security_key_password=*** "), "{told}");
    worker
}
