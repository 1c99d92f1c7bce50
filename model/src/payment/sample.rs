//! The sample wallets of `run --sample`: `user_123`, `user_test` and `1001` to `1100`, with 1,000,000 KRW each.

use crate::feature::{Sample, SampleCommand};
use crate::payment::keys::LineKey;
use crate::payment::message::Charge;
use crate::payment::{CHARGES, STATEMENT};
use holdfast_engine::inspect::{QueryError, TaskView};
use std::ops::ControlFlow;

/// What the id of each charge begins with; its user follows.
const PREFIX: &str = "sample-wallet-";

/// What each of them holds, in KRW.
const AMOUNT: i64 = 1_000_000;

/// The sample.
pub const SAMPLE: Sample = Sample {
    commands: || {
        let sampled = |charge: Charge<'_>| SampleCommand {
            value: charge.to_json(),
            id: charge.request_id.unwrap_or_default().into_owned(),
            key: charge.user_id.into_owned(),
            secret: None,
        };
        wallets().map(sampled).collect()
    },
    is_decided: |view, id| is_posted(view, id).is_ok_and(|is_posted| is_posted),
};

/// The charges that fill them. Each brings its own id, so a second start changes nothing and adds nothing.
pub fn wallets() -> impl Iterator<Item = Charge<'static>> {
    let named = ["user_123", "user_test"].map(str::to_owned);
    named.into_iter().chain((1001..=1100).map(|user| user.to_string())).map(|user_id| Charge {
        request_id: Some(format!("{PREFIX}{user_id}").into()),
        user_id: user_id.into(),
        amount: AMOUNT,
        ..Charge::default()
    })
}

/// Whether the charge of this id is posted. Its outcome ends some time; the line in the statement does not, and a second charge would be more money.
fn is_posted(view: &TaskView, id: &String) -> Result<bool, QueryError> {
    if view.get_kept(&CHARGES, id)?.is_some() {
        return Ok(true);
    }
    let mut is_posted = false;
    if let Some(user_id) = id.strip_prefix(PREFIX) {
        view.scan(&STATEMENT, &LineKey::prefix_of_user(user_id), &mut |_, line| {
            is_posted = line.reference == *id;
            if is_posted { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
    }
    Ok(is_posted)
}
