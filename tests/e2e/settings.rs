//! Wrong settings end with code 2 and one line that says which key and why; a second process is told who holds the directory.

use crate::support::worker::{Setup, Worker};
use std::process::Output;

fn run(setup: &Setup) -> Output {
    setup.command().output().unwrap()
}

#[test]
fn a_wrong_value_is_named_in_one_line() {
    let data = tempfile::tempdir().unwrap();
    for (key, value) in [("PARTITIONS", "many"), ("PARTITIONS", "0"), ("HTTP_ADDR", "nowhere"), ("HOLD_MS", "-1")] {
        let mut setup = Setup::embedded(data.path());
        setup.env.insert(key.to_owned(), value.to_owned());
        let output = run(&setup);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{key}={value}: {said}");
        assert!(said.to_uppercase().contains(key), "{said}");
        assert_eq!(said.trim().lines().count(), 1, "{said}");
    }
}

#[test]
fn an_unknown_key_refuses_to_start() {
    let data = tempfile::tempdir().unwrap();
    std::fs::write(data.path().join("holdfast.toml"), "partitons = 3\n").unwrap();
    let output = run(&Setup::embedded(data.path()));
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("partitons"));
}

#[test]
fn the_number_of_partitions_is_part_of_the_data() {
    let data = tempfile::tempdir().unwrap();
    let mut setup = Setup::embedded(data.path());
    assert!(Worker::start(&setup).terminate().success());
    setup.env.insert("PARTITIONS".to_owned(), "4".to_owned());
    let output = run(&setup);
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("PARTITIONS") || said.contains("partitions"), "{said}");
}

#[test]
fn a_second_worker_on_the_same_directory_is_told_so() {
    let data = tempfile::tempdir().unwrap();
    let setup = Setup::embedded(data.path());
    let _first = Worker::start(&setup);
    let output = run(&setup);
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&data.path().display().to_string()) && said.contains("another process"), "{said}");
}
