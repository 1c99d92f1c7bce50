//! How long the tests that break things go on.

/// `HOLDFAST_ROUNDS`: how many times over each fault is made. 1, the default, is what fits into every run of the tests; nights and doubts take more.
#[expect(clippy::disallowed_methods, reason = "how long to go on is the only setting of these tests")]
pub(crate) fn rounds() -> usize {
    let given = std::env::var("HOLDFAST_ROUNDS").ok();
    given.map_or(1, |text| text.parse().unwrap_or_else(|_| panic!("HOLDFAST_ROUNDS={text} is no number")))
}
