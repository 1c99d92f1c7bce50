//! Everything that the OpenAPI document allows and forbids is asked of a worker, by schemathesis: no answer is a fault of the server, each has a status, a
//! content type and a body that the document knows, and what the document forbids is refused.

use crate::support::worker::{Setup, Worker};
use std::path::Path;
use std::process::Command;

/// Generated requests, the same in each run, of each kind for each operation, besides those at the edges of each field. More find more and take longer.
const EXAMPLES: &str = "8";

/// With it, schemathesis also looks whether admin routes do without.
const TOKEN: &str = "secret";
/// What each answer must be.
const CHECKS: [&str; 8] = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "unsupported_method",
    "negative_data_rejection",
    "ignored_auth",
];

#[test]
fn every_answer_is_in_the_document() {
    let data = tempfile::tempdir().unwrap();
    let worker = Worker::start(&Setup::embedded(data.path()).with("ADMIN_TOKEN", TOKEN));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/schemathesis.sh");
    let asked = Command::new(script)
        .args(["run", &format!("{}/openapi.json", worker.url)])
        .args(["--phases", "examples,coverage,fuzzing", "--checks", &CHECKS.join(",")])
        .arg("--generation-deterministic")
        // It does not end by itself; tests beside the routes hold it to the document.
        .args(["--exclude-path", "/api/live"])
        .args(["--max-examples", EXAMPLES, "--no-shrink", "--suppress-health-check", "all", "--warnings", "off"])
        .args(["--request-timeout", "40", "--continue-on-failure"])
        .args(["--header", &format!("Authorization: Bearer {TOKEN}")])
        .env("NO_COLOR", "1")
        // What it leaves beside its requests goes with the test.
        .current_dir(data.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&asked.stdout);
    assert!(asked.status.success(), "{said}\n{}", String::from_utf8_lossy(&asked.stderr));
    assert!(said.contains("No issues found"), "it has asked nothing:\n{said}");
    assert_eq!(worker.get("/health/live").status(), 200);
    assert!(worker.terminate().success());
}
