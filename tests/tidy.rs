//! The house rules that no compiler keeps: who may know whom, how large a file may get, which words have no place here.
//!
//! A rule that hurts is changed here, with its reason, in the change that needs it. The tables are ratchets: an exception may shrink, not grow.

#[path = "tidy/circles.rs"]
mod circles;
#[path = "tidy/deploy.rs"]
mod deploy;

use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Command;

// ---- who knows whom -------------------------------------------------------------------------------------------------------------------------

/// Our crates, and which of ours each may name. The worker knows everybody.
const ROOMS: &[(&str, &[&str])] = &[
    ("holdfast-ports", &[]),
    ("holdfast-engine", &["holdfast-ports"]),
    ("holdfast-state", &["holdfast-ports"]),
    ("holdfast-log-kafka", &["holdfast-ports"]),
    ("holdfast-log-embedded", &["holdfast-ports"]),
    ("holdfast-log-contract", &["holdfast-ports"]),
    ("holdfast-model", &["holdfast-engine"]),
    ("holdfast-tools", &["holdfast-engine"]),
    ("holdfast-topologies", &["holdfast-engine", "holdfast-model"]),
    // Never holdfast-topologies: it would ask the accused.
    ("holdfast-audit", &["holdfast-engine", "holdfast-model", "holdfast-state", "holdfast-tools"]),
    ("holdfast-load", &["holdfast-engine", "holdfast-model", "holdfast-tools"]),
    ("holdfast-sim", &["holdfast-ports", "holdfast-engine", "holdfast-state"]),
    // Tests of the worker call it over HTTP.
    ("holdfast-sink", &[]),
];

/// What tests of any room may name on top of that.
const TEST_ROOMS: &[&str] = &["holdfast-log-contract", "holdfast-sim"];

const WORKER: &str = "stream-worker";

/// Machines, and the only rooms that may touch them, in tests too.
const MACHINES: &[(&str, &[&str])] = &[
    ("rdkafka", &["holdfast-log-kafka"]),
    ("rdkafka-sys", &["holdfast-log-kafka"]),
    // The worker's tests check with it what the worker signs with another library.
    ("openssl", &["holdfast-log-kafka", WORKER]),
    ("rocksdb", &["holdfast-state", "holdfast-log-embedded"]),
    ("tokio", &[WORKER, "holdfast-load", "holdfast-log-kafka", "holdfast-sink"]),
    ("axum", &[WORKER, "holdfast-load"]),
    ("tower", &[WORKER]),
    ("tower-http", &[WORKER]),
    // Only its derive, on what is answered: the document is made of the types, and not of copies that drift away from them.
    ("utoipa", &[WORKER, "holdfast-model", "holdfast-topologies"]),
    ("reqwest", &[WORKER]),
    ("clap", &[WORKER, "holdfast-load"]),
    ("figment", &[WORKER]),
    ("anyhow", &[WORKER]),
];

/// A dependency as `cargo metadata` tells it: who, whom, whether for tests only.
struct Edge {
    from: String,
    to: String,
    is_dev: bool,
}

fn edges(metadata: &Value) -> Vec<Edge> {
    let mut edges = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            edges.push(Edge {
                from: package["name"].as_str().unwrap_or_default().to_owned(),
                to: dependency["name"].as_str().unwrap_or_default().to_owned(),
                is_dev: dependency["kind"] == "dev",
            });
        }
    }
    edges
}

fn forbidden_edges(edges: &[Edge]) -> Vec<String> {
    let mut found = Vec::new();
    for Edge { from, to, is_dev } in edges {
        let is_ours = to.starts_with("holdfast-") || to == WORKER;
        if is_ours && from != WORKER {
            match ROOMS.iter().find(|(room, _)| room == from) {
                None => found.push(format!("{from} is a new room: give it a line in ROOMS")),
                Some((_, may)) if may.contains(&to.as_str()) || (*is_dev && TEST_ROOMS.contains(&to.as_str())) => {}
                Some((_, may)) => found.push(format!("{from} may not know {to}, only {may:?}")),
            }
        }
        if let Some((_, rooms)) = MACHINES.iter().find(|(machine, _)| machine == to)
            && !rooms.contains(&from.as_str())
        {
            found.push(format!("{from} may not touch {to}: that is for {rooms:?}"));
        }
    }
    found
}

#[test]
fn every_room_knows_only_whom_it_may() {
    let output = run(env!("CARGO"), &["metadata", "--offline", "--no-deps", "--format-version", "1"]);
    let metadata: Value = serde_json::from_str(&output).expect("cargo metadata prints JSON");
    let edges = edges(&metadata);
    assert!(
        edges.iter().any(|e| e.from == "holdfast-engine" && e.to == "holdfast-ports"),
        "cargo metadata showed no edges"
    );
    assert_none(&forbidden_edges(&edges));
}

// ---- how large a file may get ---------------------------------------------------------------------------------------------------------------

/// Lines of a Rust file. Its tests do not count, nor do files of tests.
const LINES_MAX: usize = 450;

/// Files that hold one thing which is longer than that, and how long they may be.
const LONG: &[(&str, usize)] = &[("log/kafka/src/ffi.rs", 820)];

/// A file under version control.
struct File {
    path: String,
    text: String,
}

impl File {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    fn is_test(&self) -> bool {
        self.path.split('/').any(|folder| folder == "tests")
    }

    /// The file up to the tests at its end.
    fn code(&self) -> &str {
        let end = self.text.find("\n#[cfg(test)]\nmod ").unwrap_or(self.text.len());
        self.text.get(..end).unwrap_or(&self.text)
    }
}

fn wrong_sizes(files: &[File]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.is_rust() && !file.is_test()) {
        let lines = file.code().lines().count();
        match LONG.iter().find(|(path, _)| *path == file.path) {
            None if lines > LINES_MAX => found.push(format!(
                "{}: {lines} lines of code, {LINES_MAX} is the most: does it hold one thing that its name says?",
                file.path
            )),
            Some((_, most)) if lines > *most => {
                found.push(format!("{}: {lines} lines, may not grow beyond {most}", file.path))
            }
            Some(_) if lines <= LINES_MAX => found.push(format!("{}: short again, strike it from LONG", file.path)),
            _ => {}
        }
    }
    for (path, _) in LONG {
        if !files.iter().any(|file| file.path == *path) {
            found.push(format!("{path}: gone, strike it from LONG"));
        }
    }
    found
}

#[test]
fn a_file_holds_one_thing() {
    assert_none(&wrong_sizes(&tracked()));
}

// ---- words ----------------------------------------------------------------------------------------------------------------------------------

/// A word, where it may stand (path prefixes), and what to do instead. Written in halves, so that this file obeys its own rules.
struct Word {
    word: &'static str,
    at_home: &'static [&'static str],
    instead: &'static str,
}

/// A test may be left to another test, which starts it in a process of its own, to be killed say.
const CHILD: &str = concat!("#[ig", "nore = \"the child of ");

/// In code of any room. Comments may talk about anything.
const WORDS: &[Word] = &[
    Word { word: concat!("to", "do!("), at_home: &[], instead: "finish it or leave it out" },
    Word { word: concat!("unimple", "mented!("), at_home: &[], instead: "finish it or leave it out" },
    Word { word: concat!("db", "g!("), at_home: &[], instead: "tracing::debug!" },
    Word { word: concat!("#[al", "low("), at_home: &[], instead: "#[expect(…, reason = \"…\")]" },
    Word { word: concat!("#![al", "low("), at_home: &[], instead: "#![expect(…, reason = \"…\")]" },
    Word { word: concat!("#[ig", "nore"), at_home: &[], instead: "a test runs, or is not there" },
    Word {
        word: concat!("thread::sl", "eep"),
        at_home: &["sim/", "tools/src/clock.rs"],
        instead: "wait on a condition",
    },
    Word {
        word: concat!("time::sl", "eep"),
        at_home: &["sim/", "tools/src/clock.rs", "sink/src/server.rs"],
        instead: "wait on a condition",
    },
    Word { word: concat!("expect(uns", "afe_code"), at_home: &["log/kafka/src/ffi.rs"], instead: "safe Rust" },
    Word { word: concat!("\"coupon-", "issue-"), at_home: TOPICS_AT_HOME, instead: "the constants of model::topics" },
];

/// A topic's name is business: it stands in one file, and where outsiders stand who know it from the documents.
const TOPICS_AT_HOME: &[&str] = &["model/src/topics.rs", "topologies/tests/", "tests/", "benches/", "peers/", "docs/"];

/// In any file: whose machine it was written on is nobody's business.
const PATHS: &[&str] = &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];

/// Rooms that take their time from records: no exception to the ban on clocks and the environment (clippy.toml) may be made there.
const CLOCKLESS: &[&str] = &["engine/", "model/", "topologies/"];

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("//")
}

fn misplaced_words(files: &[File]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        for path in PATHS {
            if let Some(nth) = file.text.lines().position(|line| line.contains(path)) {
                found.push(format!("{}:{}: {path} is a path of one machine", file.path, nth + 1));
            }
        }
        if !file.is_rust() {
            continue;
        }
        // Names in a file's own tests are the document's names again: the tests may spell them.
        let code_lines = file.code().lines().count();
        for (nth, line) in file.text.lines().enumerate().filter(|(_, line)| !is_comment(line)) {
            for Word { word, at_home, instead } in WORDS {
                let is_name_in_test = word.starts_with('"') && nth >= code_lines;
                if line.contains(word)
                    && !line.contains(CHILD)
                    && !is_name_in_test
                    && !at_home.iter().any(|home| file.path.starts_with(home))
                {
                    found.push(format!("{}:{}: {word} has no place here; instead: {instead}", file.path, nth + 1));
                }
            }
            if line.contains("disallowed_methods") && CLOCKLESS.iter().any(|room| file.path.starts_with(room)) {
                found.push(format!(
                    "{}:{}: takes its time and settings from outside, without exception",
                    file.path,
                    nth + 1
                ));
            }
        }
    }
    found
}

#[test]
fn words_stand_where_they_belong() {
    assert_none(&misplaced_words(&tracked()));
}

// ---- a feature is a folder in each room, and a line in that room's list -----------------------------------------------------------------------

/// A feature, the names of its own folders and files, and how many files of code besides them may name it. Documents,
/// tests and benches may name it freely.
struct Spread {
    feature: &'static str,
    own: &'static [&'static str],
    most: usize,
}

const SPREADS: &[Spread] = &[
    Spread { feature: "coupon", own: &["coupon", "coupons"], most: 11 },
    Spread { feature: "reservation", own: &["reservation", "reservations", "seats"], most: 24 },
    Spread { feature: "expiration", own: &["expiration"], most: 4 },
    Spread { feature: "payment", own: &["payment", "payments", "points", "wallets"], most: 13 },
    Spread { feature: "timesale", own: &["timesale", "timesales"], most: 6 },
];

/// Whether a folder on the way to a file, or the file itself, has one of these names.
fn lies_in(path: &str, names: &[&str]) -> bool {
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    stem.split('/').any(|part| names.contains(&part))
}

/// Whether a line names the feature: its module, or its topology by name. A variable may be called like it.
fn names(line: &str, feature: &str) -> bool {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let imports = ["use ", "mod "].iter().any(|word| line.trim_start().trim_start_matches("pub ").starts_with(word));
    line.match_indices(feature).any(|(at, _)| {
        let (before, after) = (line.get(..at).unwrap_or_default(), line.get(at + feature.len()..).unwrap_or_default());
        let is_whole = !is_part(before.chars().next_back()) && !is_part(after.chars().next());
        let is_path = imports || before.ends_with("::") || after.starts_with("::");
        is_whole && (is_path || (before.ends_with('"') && after.starts_with('"')))
    })
}

fn spread_features(files: &[File], spreads: &[Spread]) -> Vec<String> {
    let mut found = Vec::new();
    for Spread { feature, own, most } in spreads {
        let is_free =
            |file: &File| lies_in(&file.path, own) || lies_in(&file.path, &["tests", "benches", "examples", "peers"]);
        let naming = |file: &File| file.code().lines().any(|line| !is_comment(line) && names(line, feature));
        let spread = files.iter().filter(|file| file.is_rust() && !is_free(file) && naming(file));
        let listed: Vec<&str> = spread.map(|file| &*file.path).collect();
        if listed.len() > *most {
            let (now, listed) = (listed.len(), listed.join("\n    "));
            found.push(format!(
                "{now} files name {feature}, {most} may: give it a line in a list instead\n    {listed}"
            ));
        }
    }
    found
}

#[test]
fn a_feature_stays_in_its_folders() {
    assert_none(&spread_features(&tracked(), SPREADS));
}

// ---- scripts --------------------------------------------------------------------------------------------------------------------------------

/// A script stops at its first error and can be started.
fn careless_scripts(files: &[File], modes: &BTreeMap<String, String>) -> Vec<String> {
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.text.starts_with("#!/usr/bin/env bash")) {
        if !file.text.lines().any(|line| line.starts_with("set -") && line.contains('u') && line.contains("pipefail")) {
            found.push(format!("{}: begins without `set -euo pipefail`", file.path));
        }
        if modes.get(&file.path).is_some_and(|mode| mode != "100755") {
            found.push(format!("{}: is not executable", file.path));
        }
    }
    found
}

#[test]
fn scripts_stop_at_their_first_error() {
    let listing = run("git", &["ls-files", "--stage"]);
    let modes = listing
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(entry, path)| (path.to_owned(), entry.split(' ').next().unwrap_or_default().to_owned()))
        .collect();
    assert_none(&careless_scripts(&tracked(), &modes));
}

// ---- the rules can fail ---------------------------------------------------------------------------------------------------------------------

fn file(path: &str, text: &str) -> File {
    File { path: path.to_owned(), text: text.to_owned() }
}

#[test]
fn an_edge_that_is_not_in_the_plan_is_found() {
    let edge = |from: &str, to: &str, is_dev| Edge { from: from.to_owned(), to: to.to_owned(), is_dev };
    let count = |from, to, is_dev| forbidden_edges(&[edge(from, to, is_dev)]).len();
    assert_eq!(count("holdfast-topologies", "holdfast-state", false), 1);
    assert_eq!(count("holdfast-state", "holdfast-engine", false), 1);
    assert_eq!(count("holdfast-audit", "holdfast-topologies", false), 1);
    assert_eq!(count("holdfast-audit", "holdfast-topologies", true), 1);
    assert_eq!(count("holdfast-engine", "rocksdb", true), 1);
    assert_eq!(count("holdfast-attic", "holdfast-ports", false), 1);
    assert_eq!(count("holdfast-log-kafka", "holdfast-log-contract", false), 1);
    assert_eq!(count("holdfast-log-kafka", "holdfast-log-contract", true), 0);
    assert_eq!(count(WORKER, "holdfast-state", false), 0);
}

#[test]
fn a_file_that_is_too_long_is_found_but_its_tests_do_not_count() {
    let long = "x\n".repeat(LINES_MAX + 1);
    let tested = format!("x\n#[cfg(test)]\nmod tests {{\n{long}}}\n");
    assert!(wrong_sizes(&[file("engine/src/a.rs", &long)]).iter().any(|f| f.starts_with("engine/src/a.rs: ")));
    assert!(!wrong_sizes(&[file("engine/src/a.rs", &tested)]).iter().any(|f| f.starts_with("engine/src/a.rs: ")));
}

#[test]
fn every_word_is_found_outside_its_home_and_nowhere_else() {
    for Word { word, at_home, .. } in WORDS {
        assert_eq!(misplaced_words(&[file("state/src/a.rs", word)]).len(), 1, "{word}");
        assert_eq!(misplaced_words(&[file("state/src/a.rs", &format!("  // {word}"))]).len(), 0, "{word} in a comment");
        for home in *at_home {
            assert_eq!(misplaced_words(&[file(&format!("{home}a.rs"), word)]).len(), 0, "{word} at home in {home}");
        }
    }
    for path in PATHS {
        assert_eq!(misplaced_words(&[file("README.md", &format!("see {path}x"))]).len(), 1, "{path}");
    }
    assert_eq!(misplaced_words(&[file("state/tests/a.rs", &format!("{CHILD}b\"]"))]).len(), 0);
    assert_eq!(misplaced_words(&[file("engine/src/a.rs", "#[expect(clippy::disallowed_methods)]")]).len(), 1);
    assert_eq!(misplaced_words(&[file("tools/src/clock.rs", "#[expect(clippy::disallowed_methods)]")]).len(), 0);
}

#[test]
fn a_feature_that_spreads_is_found() {
    let spreads = [Spread { feature: "payment", own: &["payment", "payments"], most: 0 }];
    let spread = |path: &str, text: &str| spread_features(&[file(path, text)], &spreads).len();
    for named in ["use model::{payment, coupon};", "pub mod payment;", "payment::NAME => {}", "let x = \"payment\";"] {
        assert_eq!(spread("src/worker/mod.rs", named), 1, "{named}");
        for own in ["model/src/payment/row.rs", "src/http/payments/pay.rs", "src/worker/narrator/payment.rs"] {
            assert_eq!(spread(own, named), 0, "{named} in {own}");
        }
        for free in ["topologies/tests/payment/moving.rs", "topologies/benches/shop.rs", "docs/audit.md"] {
            assert_eq!(spread(free, named), 0, "{named} in {free}");
        }
    }
    for other in [
        "// a payment::NAME",
        "let payment = payments.len();",
        "say(\"a payment\")",
        "x\n#[cfg(test)]\nmod tests { use model::payment; }",
    ] {
        assert_eq!(spread("src/worker/mod.rs", other), 0, "{other}");
    }
}

#[test]
fn a_careless_script_is_found() {
    let modes = BTreeMap::from([("a".to_owned(), "100644".to_owned()), ("b".to_owned(), "100755".to_owned())]);
    assert_eq!(careless_scripts(&[file("a", "#!/usr/bin/env bash\nrm x\n")], &modes).len(), 2);
    assert_eq!(careless_scripts(&[file("b", "#!/usr/bin/env bash\nset -euo pipefail\n")], &modes).len(), 0);
}

// ---- tools ----------------------------------------------------------------------------------------------------------------------------------

/// Where this clone lies. Asked when it runs: a cached test may have been compiled in another clone.
#[expect(clippy::disallowed_methods, reason = "the house's own place is no setting")]
fn root() -> std::path::PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs this").into()
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("paths and JSON are UTF-8")
}

/// The text files under version control, as they are in the working tree.
fn tracked() -> Vec<File> {
    let listing = run("git", &["ls-files", "-z"]);
    let root = root();
    let paths = listing.split('\0').filter(|path| !path.is_empty());
    // What was deleted but not yet committed, and what is no text, has nothing to be tidied.
    let files: Vec<File> =
        paths.filter_map(|path| Some(file(path, &std::fs::read_to_string(root.join(path)).ok()?))).collect();
    assert!(files.iter().any(|file| file.path == "ports/src/lib.rs"), "git lists none of our files: is this a clone?");
    files
}

fn assert_none(found: &[String]) {
    assert!(found.is_empty(), "{} against the house rules:\n  {}", found.len(), found.join("\n  "));
}
