//! The sample wallets of `run --sample`: `user_123`, `user_test` and `1001` to `1100`, with 1,000,000 KRW each.

use crate::feature::{Sample, SampleCommand};
use crate::payment::CHARGES;
use crate::payment::message::Charge;

/// What each of them holds, in KRW.
const AMOUNT: i64 = 1_000_000;

/// The sample.
pub const SAMPLE: Sample = Sample {
    commands: || {
        let sampled = |charge: Charge<'_>| SampleCommand {
            value: charge.to_json(),
            id: charge.request_id.unwrap_or_default().into_owned(),
            key: charge.user_id.into_owned(),
        };
        wallets().map(sampled).collect()
    },
    is_decided: |view, id| view.get(&CHARGES, id).is_ok_and(|row| row.is_some()),
};

/// The charges that fill them. Each brings its own id, so a second start changes nothing and adds nothing.
pub fn wallets() -> impl Iterator<Item = Charge<'static>> {
    let named = ["user_123", "user_test"].map(str::to_owned);
    named.into_iter().chain((1001..=1100).map(|user| user.to_string())).map(|user_id| Charge {
        request_id: Some(format!("sample-wallet-{user_id}").into()),
        user_id: user_id.into(),
        amount: AMOUNT,
        ..Charge::default()
    })
}
