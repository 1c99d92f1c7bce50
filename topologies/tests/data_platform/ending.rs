//! The ledger forgets what is done, after longer than anything can come again, and nothing that is under way.

use crate::platform::{Platform, SETTINGS, done, failed};
use holdfast_model::data_platform::Settings;
use holdfast_topologies::data_platform::topology_with;

const HOUR_MS: i64 = 3_600_000;

fn short() -> Platform {
    Platform::of(&topology_with(&Settings { delivery_retention_ms: HOUR_MS, ..SETTINGS }))
}

/// Time passes in every place: each has a record of its own.
fn pass(platform: &mut Platform, ms: i64) {
    platform.driver.advance_ms(ms.unsigned_abs());
    for n in 0..40 {
        platform.pay(&format!("res_9_{n}"), "user_1");
    }
}

#[test]
fn what_is_delivered_is_known_for_its_retention() {
    let mut platform = short();
    platform.confirm("res_0_1");
    platform.answer_times(1, &done());
    pass(&mut platform, HOUR_MS / 2);
    platform.confirm("res_0_1");
    assert_eq!((platform.status("res_0_1"), platform.calls()), ("DELIVERED", vec![]));
    pass(&mut platform, HOUR_MS);
    assert_eq!(platform.status("res_0_1"), "UNKNOWN");
}

#[test]
fn what_is_under_way_stays() {
    let mut platform = short();
    platform.confirm("res_0_1");
    platform.confirm("res_0_2");
    let calls = platform.calls();
    platform
        .answer(&calls[0], &holdfast_model::call_result::CallResult { retry_after_ms: Some(HOUR_MS * 5), ..failed() });
    pass(&mut platform, HOUR_MS * 3);
    assert_eq!((platform.status("res_0_1"), platform.status("res_0_2")), ("RETRY", "SENDING"));
    platform.answer(&calls[1], &done());
    pass(&mut platform, HOUR_MS * 2);
    let call = platform.call();
    platform.answer(&call, &done());
    assert_eq!(platform.status("res_0_1"), "DELIVERED");
    platform.check();
}
