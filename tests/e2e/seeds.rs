//! The seeds' own scripts, as `scripts/seeds.sh` sends them: coupons (S3-29 to S3-31, S4-5, S4-6, S4-30), a time sale (S4-13 to S4-16), seats (S0-14, S0-31,
//! S0-38), and what a restart does to them (S0-30, S0-48). Brokers that go away (S0-46, S0-47) are in `seats_on_kafka.rs`, which calls it, too.

use crate::seats::short_holds;
use crate::support::worker::{Setup, Worker};
use std::process::{Command, Output};

#[test]
fn on_the_embedded_log() {
    let data = tempfile::tempdir().unwrap();
    let mut setup = Setup::embedded(data.path());
    // The ports of the seeds all lead to the same worker; here they are free ones.
    setup.env.insert("HTTP_ADDR".to_owned(), "127.0.0.1:0,127.0.0.1:0".to_owned());
    let mut worker = Worker::start(&setup);
    worker.url = worker.url.split(',').next().unwrap().to_owned();
    scripts(&worker);
    script(&worker, &["reserve"]);
    // A seat that is sold cannot be had a second time: the script says what is not as written.
    let again = run(&worker, &["reserve"]);
    let said = String::from_utf8_lossy(&again.stdout).into_owned();
    assert!(again.status.code() == Some(1) && said.contains("S0-14  NOT AS WRITTEN"), "{said}");
    assert_eq!(run(&worker, &["nothing"]).status.code(), Some(2));
    assert!(worker.terminate().success());

    let setup = short_holds(Setup::embedded(data.path()));
    let worker = Worker::start(&setup);
    println!("{}", script(&worker, &["expire", "before"]));
    worker.kill9();
    let worker = Worker::start(&setup);
    println!("{}", script(&worker, &["restarted"]));
    assert!(worker.terminate().success());
}

/// The scripts of coupons and of the time sale, on a worker that has sold none.
pub(crate) fn scripts(worker: &Worker) {
    println!("{}", script(worker, &["eleven", "issue", "thousand", "order"]));
}

fn run(worker: &Worker, scenes: &[&str]) -> Output {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/seeds.sh");
    Command::new(script).arg(&worker.url).args(scenes).output().unwrap()
}

/// Runs these scenes, in which everything has to be as written, and returns what the script says.
pub(crate) fn script(worker: &Worker, scenes: &[&str]) -> String {
    let output = run(worker, scenes);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = text(&output.stdout);
    assert!(output.status.success() && said.contains("  as written: "), "{said}\n{}", text(&output.stderr));
    said
}
